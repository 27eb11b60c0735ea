"""One run of the suite: servers, an ingester, a load, and the judgement at the end.

What it is: what all its tests share: ``Scene`` starts the ingester between a broker and a store, sends load, waits
until everything acknowledged is stored or nothing moves any more, and compares the ledger with the store.
What it is not: a fault; those are in the tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from influx_oracle import count_rows, read_points
from ingest_plant import Name, Point, Points, Said, names_of, stored_points
from load import KINDS, RATE, Ledger, Load, stream
from packets import Speaker, publish
from servers import Influxd, Mosquitto, find_program
from worker import Watch, Worker

from historian import Query, open_store

LONG = bool(os.environ.get("QILU_CHAOS_LONG"))
"""The long forms: the catalogue's own durations instead of those that fit into every run."""
RSS_MIB = 256.0
BACK_S = 10.0
"""How soon after a fault the first new point must be stored."""


def long(long_form: float, short_form: float) -> float:
    """The duration or count of the form that runs."""
    return long_form if LONG else short_form


@dataclass(frozen=True)
class Verdict:
    """The judgement: Jepsen's total queue, and the law."""

    attempted: int
    acked: int
    lost: int
    unexpected: int
    duplicate_rows: int
    wrong_points: int
    beats: int
    unlawful: int
    rss_mib: float
    examples: tuple[Any, ...] = ()

    def figures(self) -> dict[str, object]:
        """What the report shows."""
        return {
            "acked": self.acked,
            "lost": self.lost,
            "unexpected": self.unexpected,
            "dup": self.duplicate_rows,
            "wrong": self.wrong_points,
            "law": f"{self.beats - self.unlawful}/{self.beats}",
            "rss_mib": round(self.rss_mib),
        }


@dataclass
class Stage:
    """What a test is given: the servers, an empty database, a folder and a seed."""

    broker: Mosquitto
    influxd: Influxd
    bucket: str
    folder: Path
    seed: int
    figures: dict[str, object] = field(default_factory=dict)

    @property
    def store_url(self) -> str:
        """The database of this test."""
        return self.influxd.url(self.bucket)

    def report(self, verdict: Verdict | None = None, **figures: object) -> None:
        """Add to what the report says about this test."""
        self.figures |= (verdict.figures() if verdict else {}) | figures

    @contextlib.asynccontextmanager
    async def scene(
        self,
        *,
        broker_url: str | None = None,
        store_url: str | None = None,
        settings: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        start: bool = True,
        said: Iterator[Said] | None = None,
    ) -> AsyncIterator[Scene]:
        """An ingester at work; ended with force at the end of the block."""
        worker = Worker(
            broker_url or self.broker.url, store_url or self.store_url, self.folder / "ingester", settings, environ
        )
        scene = Scene(self, worker, said or stream(self.seed), store_url or self.store_url)
        async with worker.watched():
            try:
                if start:
                    await worker.start()
                yield scene
            finally:
                await scene.silence()


class Scene:
    """An ingester, the load on it and the ledger."""

    def __init__(self, stage: Stage, worker: Worker, said: Iterator[Said], store_url: str) -> None:
        self.stage = stage
        self.store_url = store_url
        self.worker = worker
        self.ledger = Ledger()
        self.said = said
        self._load: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    @property
    def watch(self) -> Watch:
        """The heartbeats."""
        return self.worker.watch

    async def say(self, count: int, *, rate: float = 1e9, port: int | None = None, copies: int = 1) -> None:
        """Publish so many messages, and return when the broker has acknowledged them."""
        load = Load(port or self.stage.broker.port, self.said, self.ledger, rate=rate, copies=copies)
        await load.run(asyncio.Event(), count)

    async def say_raw(self, messages: Sequence[tuple[bytes, bytes]], content_type: str = "") -> list[int]:
        """Publish bytes on topics of bytes, outside the ledger; returns the reason code of each acknowledgement."""
        codes: dict[int, int] = {}
        speaker = Speaker(self.stage.broker.port, "raw", codes.__setitem__)
        await speaker.open()
        for number, (topic, payload) in enumerate(messages, start=1):
            await speaker.send(publish(topic, payload, number, content_type=content_type))
        deadline = time.monotonic() + 20
        while len(codes) < len(messages) and not speaker.lost.is_set() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await speaker.close()
        return [codes.get(number, -1) for number in range(1, len(messages) + 1)]

    def talk(self, *, rate: float = RATE, port: int | None = None, window: int = 2000) -> Load:
        """Publish until ``silence``, beside whatever else happens."""
        load = Load(port or self.stage.broker.port, self.said, self.ledger, rate=rate, window=window)
        self._stop = asyncio.Event()
        self._load = asyncio.create_task(load.run(self._stop))
        return load

    async def silence(self) -> None:
        """Let the load end and have its last acknowledgements."""
        task, self._load = self._load, None
        if task is not None:
            self._stop.set()
            await task

    def rows(self) -> int:
        """How many points of messages the store holds now."""
        return count_rows(self.stage.influxd, self.stage.bucket, KINDS)

    async def stored_more(self, than: int, timeout_s: float = 60.0) -> float:
        """Wait until the store holds more rows than that; returns the seconds it took."""
        began = time.monotonic()
        while await asyncio.to_thread(self.rows) <= than:
            assert time.monotonic() - began < timeout_s, f"nothing new for {timeout_s} s\n{self.worker.log()}"
            await asyncio.sleep(0.1)
        return time.monotonic() - began

    async def settle(self, timeout_s: float = 60.0, still_s: float = 15.0) -> float:
        """Wait until the store has as many rows as were acknowledged; returns the seconds it took.

        It gives up, and leaves it to the judgement to say what is missing, when nothing moves for ``still_s``.
        """
        await self.silence()
        if self.store_url.startswith("duckdb:"):
            return await self._quiet()
        wanted = len(self.ledger.points(self.ledger.acked))
        began = moved = time.monotonic()
        seen = -1
        while (rows := await asyncio.to_thread(self.rows)) < wanted:
            now = time.monotonic()
            if rows != seen:
                seen, moved = rows, now
            if now - moved > still_s or now - began > timeout_s:
                break
            await asyncio.sleep(0.1)
        if self.worker.alive:
            quiet = time.monotonic()
            await self.worker.until(lambda status: status["buffered"] == 0 or time.monotonic() > quiet + still_s)
        return time.monotonic() - began

    async def _quiet(self) -> float:
        """Wait until three beats in a row say that nothing comes and nothing is under way: a file has one reader."""
        began = time.monotonic()
        seen: list[tuple[float, int]] = []

        def still(status: Mapping[str, Any]) -> bool:
            if seen and (seen[-1][1] != status["received"] or status["buffered"]):
                seen.clear()
            if not seen or status["time"] > seen[-1][0]:
                seen.append((status["time"], status["received"]))
            return len(seen) >= 3

        await self.worker.until(still, 60)
        return time.monotonic() - began

    async def judge(self, *, end: bool = True, strangers: Iterable[Name] = ()) -> Verdict:
        """End the ingester and compare; ``strangers`` are names in the store that the ledger need not know."""
        if end and self.worker.alive:
            await asyncio.sleep(1.1)  # one more beat, with the last counters
            await self.worker.end()
        if self.store_url.startswith("duckdb:"):
            async with open_store(self.store_url) as store:
                stored = await stored_points(store, KINDS)
                rows = sum([len(await store.read(Query(kind, ("_seq",)))) for kind in KINDS])
        else:
            stored = await asyncio.to_thread(read_points, self.stage.influxd, self.stage.bucket, KINDS)
            rows = self.rows()
        return compare(self.ledger, stored, rows, self.watch, strangers)


def compare(ledger: Ledger, stored: Points, rows: int, watch: Watch, strangers: Iterable[Name] = ()) -> Verdict:
    """The ledger against the store, point by point and bit by bit."""
    known = set(strangers)
    names = names_of(stored) - known
    told = names & ledger.attempted.keys()
    expected = ledger.points(told)
    ours = {
        point: fields
        for point, fields in stored.items()
        if not (known and next(iter(names_of({point: fields}))) in known)
    }
    wrong = unequal(expected, ours)
    examples = tuple((point, expected.get(point), ours.get(point)) for point in wrong[:3])
    return Verdict(
        attempted=len(ledger.attempted),
        acked=len(ledger.acked),
        lost=len(ledger.acked - names),
        unexpected=len(names - ledger.attempted.keys()),
        duplicate_rows=rows - len(stored),
        wrong_points=len(wrong),
        examples=examples,
        beats=len(watch.beats),
        unlawful=len(watch.broken),
        rss_mib=watch.peak_rss_mib,
    )


def unequal(expected: Points, stored: Points) -> list[Point]:
    """The points that are only in one of them, or not the same to the bit."""
    return sorted(p for p in expected.keys() | stored.keys() if not _same(expected.get(p), stored.get(p)))


def _same(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Equal to the bit: ``repr`` tells -0.0 from 0.0 and 1 from 1.0, as ``==`` does not."""
    return (
        one is not None
        and other is not None
        and {n: repr(v) for n, v in one.items()} == {n: repr(v) for n, v in other.items()}
    )


def proven(verdict: Verdict, least: int = 500) -> None:
    """The default pass: nothing lost, nothing unexpected, no row twice, every value equal, the law at every beat."""
    assert verdict.acked >= least, f"too little load to prove anything: {verdict}"
    assert verdict.lost == 0, verdict
    assert verdict.unexpected == 0, verdict
    assert verdict.duplicate_rows == 0, verdict
    assert verdict.wrong_points == 0, verdict
    assert verdict.beats > 0, verdict
    assert verdict.unlawful == 0, verdict
    assert verdict.rss_mib <= RSS_MIB, verdict


def needed_program(name: str) -> str:
    """The path of a server; skips the test, or fails it with ``QILU_LIVE=required``, where it is absent."""
    program = find_program(name)
    if program is not None:
        return program
    reason = f"{name} is neither on the PATH nor in .servers/bin"
    if os.environ.get("QILU_LIVE") == "required":
        pytest.fail(reason + ", and QILU_LIVE=required")
    pytest.skip(reason)


def port_of(url: str) -> int:
    """The port of a URL."""
    port = urlsplit(url).port
    assert port is not None
    return port
