"""From what has come in to what is durable: nothing is acknowledged before its time or out of its order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import pytest
from ingest_plant import MemoryStore, Points, Said, plant, until

from contract import PartialWrite, Refused, RetryLater
from historian.base import Frame
from ingest.admission import Admission, SharedGaps
from ingest.batch import Limits
from ingest.carrier import WRITES, Carrier
from ingest.deadletter import DeadLetters, Letter, read_letters
from ingest.failpoints import Failpoints
from ingest.formats import Formats
from ingest.lag import Lags
from ingest.register import Register
from ingest.status import Status


class Mail:
    """A delivery whose acknowledgement is noted."""

    content_type = ""

    def __init__(self, topic: str, payload: bytes, number: int, acknowledged: list[int]) -> None:
        self.topic, self.payload, self.received_ns = topic, payload, time.time_ns()
        self._number, self._acknowledged = number, acknowledged

    def acknowledge(self) -> None:
        self._acknowledged.append(self._number)


class Post:
    """A carrier at work, and what came of it."""

    def __init__(self, store: MemoryStore, folder: Path, messages: int, window: int = 1000) -> None:
        self.status, self.acknowledged, self.errors = Status(), list[int](), list[str | None]()
        self.dead = DeadLetters(folder / "dead")
        self.folder = folder / "dead"
        desk = Admission(Formats().understand, Register(), SharedGaps(), time.monotonic)
        self.carrier = Carrier(
            store,
            Limits(messages=messages, size=10**6, wait_s=0.01),
            open_batch=desk.open,
            lags=Lags(),
            dead_letters=self.dead,
            window=window,
            status=self.status,
            clock_ns=time.time_ns,
            jitter=lambda: 0.0,
            tell=self.errors.append,
            failpoints=Failpoints(),
        )
        self._number = 0

    def bring(self, said: Sequence[Said], qos: int = 1) -> None:
        for one in said:
            self.carrier.take(Mail(one.topic, one.payload, self._number, self.acknowledged), qos)
            self._number += 1


@contextlib.asynccontextmanager
async def working(store: MemoryStore, folder: Path, messages: int = 10, window: int = 1000) -> AsyncIterator[Post]:
    post = Post(store, folder, messages, window)
    task = asyncio.create_task(post.carrier.run())
    try:
        yield post
        await asyncio.wait_for(post.carrier.drained(), 10)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        post.dead.close()


def points_of_all(said: Sequence[Said]) -> Points:
    points: Points = {}
    for one in said:
        points |= one.points
    return points


class Slow(MemoryStore):
    """The first write waits for ``first``; the others are as quick as can be. It notes what ends when."""

    def __init__(self) -> None:
        super().__init__()
        self.first = asyncio.Event()
        self.ended: list[int] = []
        self.most = self._now = 0

    async def write(self, batch: Sequence[Frame]) -> None:
        number, self.attempts = self.attempts, self.attempts + 1
        self._now += 1
        self.most = max(self.most, self._now)
        if number == 0:
            await self.first.wait()
        self.batches.append(list(batch))
        self.ended.append(number)
        self._now -= 1


def test_of_two_writes_the_second_may_end_first_but_is_acknowledged_second(tmp_path: Path) -> None:
    async def scene() -> None:
        store = Slow()
        async with working(store, tmp_path) as post:
            post.bring(plant(1, 40))
            await until(lambda: store.ended == [1, 2])
            await asyncio.sleep(0.1)
            assert post.acknowledged == [], "MQTT 5.0, 4.6: in the order of receipt"
            assert post.status.batches == 0
            assert post.carrier.batcher.buffered == 40
            assert post.status.writing_since_s is not None
            assert store.attempts == WRITES == 3, "the fourth batch waits for the first acknowledgement"
            store.first.set()
        assert post.acknowledged == list(range(40))
        assert store.ended == [1, 2, 0, 3]
        assert 1 < store.most <= WRITES
        assert post.status.batches == 4
        assert post.carrier.batcher.buffered == 0
        assert store.points == points_of_all(plant(1, 40))

    asyncio.run(scene())


class Picky(MemoryStore):
    """Refuses each frame that holds the row of a certain ``_seq``: by name, or the whole batch with it."""

    def __init__(self, seq: int, *, whole: bool) -> None:
        super().__init__()
        self.seq, self.whole = seq, whole

    async def write(self, batch: Sequence[Frame]) -> None:
        bad = [(index, "no such thing") for index, one in enumerate(batch) if self.seq in one.fields.get("_seq", ())]
        if bad and self.whole:
            self.attempts += 1
            raise Refused("no such thing")
        await super().write([frame for index, frame in enumerate(batch) if (index, "no such thing") not in bad])
        if bad:
            raise PartialWrite("partial", bad)


@pytest.mark.parametrize("whole", [False, True])
def test_a_refused_frame_of_several_messages_is_taken_apart_and_only_the_bad_one_is_dead(
    tmp_path: Path, whole: bool
) -> None:
    said = [one for one in plant(4, 60, machines=1) if one.kind == "telemetry"][:12]
    bad = said[5]

    async def scene() -> None:
        store = Picky(bad.message.seq, whole=whole)
        async with working(store, tmp_path, messages=12) as post:
            post.bring(said)
        assert store.points == points_of_all([one for one in said if one is not bad])
        letters = list(read_letters(post.folder))
        assert [(one.topic, one.body, one.reason) for one in letters] == [(bad.topic, bad.payload, "store-refused")]
        assert post.acknowledged == list(range(12))
        counted = post.carrier.batcher.counters
        assert (counted.written, counted.dead_lettered, counted.buffered) == (11, 1, 0)
        assert counted.rows == len(store.points)

    asyncio.run(scene())


def test_dead_letters_are_kept_before_the_acknowledgement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        async with working(MemoryStore(), tmp_path, messages=3) as post:
            order: list[str] = []
            append = post.dead.append

            def kept(letters: Iterable[Letter]) -> None:
                append(letters)
                order.append("kept")

            monkeypatch.setattr(post.dead, "append", kept)
            good = plant(2, 2)
            post.bring(good)
            mail = Mail(good[0].topic, b"{", 2, post.acknowledged)
            monkeypatch.setattr(mail, "acknowledge", lambda: order.append("acknowledged"))
            post.carrier.take(mail, 1)
        assert order == ["kept", "acknowledged"]
        assert [one.reason for one in read_letters(post.folder)] == ["not-json"]

    asyncio.run(scene())


def test_what_means_later_is_counted_by_its_kind_and_tried_again_with_the_same_points(tmp_path: Path) -> None:
    async def scene() -> None:
        store = MemoryStore()
        store.faults = [
            RetryLater("busy", kind="busy"),
            RetryLater("401", kind="denied"),
            RetryLater("busy", kind="busy"),
        ]
        async with working(store, tmp_path) as post:
            post.bring(plant(3, 5))
        assert post.status.retries == {"busy": 2, "denied": 1}
        assert post.errors == ["busy", "401", "busy", None]
        assert store.attempts == 4
        assert store.points == points_of_all(plant(3, 5))
        assert post.acknowledged == list(range(5))

    asyncio.run(scene())


def test_a_bug_ends_it_and_nothing_of_that_batch_or_a_later_one_is_acknowledged(tmp_path: Path) -> None:
    class Broken(MemoryStore):
        async def write(self, batch: Sequence[Frame]) -> None:
            if self.attempts == 1:
                raise ZeroDivisionError("a bug")
            await super().write(batch)

    async def scene() -> None:
        post = Post(Broken(), tmp_path, messages=10)
        post.bring(plant(5, 50))
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(post.carrier.run(), 5)
        assert post.acknowledged in ([], list(range(10)))
        counted = post.carrier.batcher.counters
        assert counted.received == counted.written + counted.buffered == 50
        post.dead.close()

    asyncio.run(scene())


def test_qos_0_beyond_the_window_is_turned_away_and_counted_and_qos_1_never_is(tmp_path: Path) -> None:
    async def scene() -> None:
        store = MemoryStore()
        store.gate.clear()
        async with working(store, tmp_path, window=7) as post:
            said = plant(6, 30)
            post.bring(said[:10], qos=0)
            post.bring(said[10:])
            assert (post.status.overflow, post.carrier.batcher.buffered) == (3, 27)
            store.gate.set()
        assert post.carrier.batcher.counters.written == 27

    asyncio.run(scene())


def test_at_the_end_no_batch_waits_for_more(tmp_path: Path) -> None:
    async def scene() -> None:
        post = Post(MemoryStore(), tmp_path, messages=5000)
        post.carrier.batcher._limits = Limits(messages=5000, size=10**6, wait_s=60.0)
        task = asyncio.create_task(post.carrier.run())
        post.bring(plant(7, 3))
        await asyncio.sleep(0.1)
        assert post.acknowledged == []
        post.carrier.hurry()
        await asyncio.wait_for(post.carrier.drained(), 5)
        assert post.acknowledged == [0, 1, 2]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        post.dead.close()

    asyncio.run(scene())
