"""Kill the ingester again and again under load, and count what was lost.

What it is: a publisher with a ledger of what the broker acknowledged, ``python -m ingest`` as a subprocess that is
killed with SIGKILL at seeded moments, and the comparison of the ledger with the store (Jepsen's total queue:
``lost = acknowledged - stored``, ``unexpected = stored - attempted``).
What it is not: bound to a broker or a store; it gets two URLs.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest_plant import Name, Points, Said, names_of, publish, stored_points

from historian import open_store
from service import heartbeat_problem

KINDS = ("birth", "telemetry", "state", "cycle", "meter")
CHUNK = 40


@dataclass
class Ledger:
    """What was tried and what the broker acknowledged."""

    attempted: list[Said] = field(default_factory=list)
    acked: set[Name] = field(default_factory=set)


class Ingester:
    """``python -m ingest`` in a process of its own."""

    def __init__(self, broker_url: str, store_url: str, folder: Path) -> None:
        self.heartbeat = folder / "heartbeat"
        self._log = folder / "log"
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("QILU_")} | {
            "QILU_BROKER_URL": broker_url,
            "QILU_STORE_URL": store_url,
            "QILU_INGEST_DEAD_LETTERS": str(folder / "dead"),
            "QILU_INGEST_HEARTBEAT": str(self.heartbeat),
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it is connected."""
        self.heartbeat.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220  # it must be killable from anywhere
                [sys.executable, "-m", "ingest"], env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        await self._until(lambda status: bool(status.get("connected")))

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    async def settle(self) -> dict[str, object]:
        """Wait until three beats in a row say that nothing more comes and nothing is under way."""
        seen: list[tuple[float, object]] = []

        def quiet(status: dict[str, object]) -> bool:
            beat = (float(str(status["time"])), status["received"])
            if status["buffered"] != 0 or (seen and seen[-1][1] != beat[1]):
                seen.clear()
            if not seen or beat[0] > seen[-1][0]:
                seen.append(beat)
            return len(seen) >= 3

        return await self._until(quiet)

    def end(self) -> tuple[int, float]:
        """SIGTERM; returns the exit code and how long the end took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=20)
        return code, time.monotonic() - began

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def _status(self) -> dict[str, object] | None:
        problem = heartbeat_problem(str(self.heartbeat), time.time())
        return None if problem is not None else json.loads(self.heartbeat.read_text())

    async def _until(self, condition: Callable[[dict[str, object]], bool]) -> dict[str, object]:
        deadline = time.monotonic() + 60
        while True:
            status = self._status()
            if status is not None and condition(status):
                return status
            assert self._process is not None
            assert self._process.poll() is None, f"the ingester ended by itself:\n{self.log()}"
            assert time.monotonic() < deadline, f"{status}\n{self.log()}"
            await asyncio.sleep(0.02)


async def scene(broker_url: str, store_url: str, said: Iterator[Said], kills: int, seed: int, folder: Path) -> Ledger:
    """Publish while the ingester is killed ``kills`` times; returns when everything has had its chance to be stored."""
    draw = random.Random(seed)
    ingester = Ingester(broker_url, store_url, folder)
    ledger = Ledger()
    await ingester.start()
    killed = asyncio.Event()
    load = asyncio.create_task(_load(broker_url, said, ledger, killed))
    try:
        for _ in range(kills):
            await asyncio.sleep(draw.uniform(0.0, 0.6))
            ingester.kill()
            await ingester.start()
        killed.set()
        await load
        await ingester.settle()
        code, took_s = ingester.end()
        assert code == 0, ingester.log()
        assert took_s < 10
    finally:
        load.cancel()
        ingester.kill()
    return ledger


async def _load(url: str, said: Iterator[Said], ledger: Ledger, killed: asyncio.Event) -> None:
    """About 500 messages a second for as long as there is killing."""
    while not killed.is_set():
        chunk = [one for one, _ in zip(said, range(CHUNK), strict=False)]
        ledger.attempted += chunk
        await publish(
            url, [(one.topic, one.payload) for one in chunk], acked=lambda i, c=chunk: ledger.acked.add(c[i].name)
        )
        await asyncio.sleep(0.05)


async def compare(ledger: Ledger, store_url: str) -> None:
    """Nothing lost, nothing unexpected, every value equal."""
    async with open_store(store_url) as store:
        stored = await stored_points(store, KINDS)
    names = names_of(stored)
    assert len(ledger.acked) > 500, "too little load to prove anything"
    lost = ledger.acked - names
    assert not lost, f"{len(lost)} of {len(ledger.acked)} lost, such as {sorted(lost)[:3]}"
    unexpected = names - {one.name for one in ledger.attempted}
    assert not unexpected, f"{len(unexpected)} unexpected, such as {sorted(unexpected)[:3]}"
    assert stored == _expected(ledger.attempted, names)


def _expected(attempted: Sequence[Said], names: set[Name]) -> Points:
    points: Points = {}
    for one in attempted:
        if one.name in names:
            points |= one.points
    return points
