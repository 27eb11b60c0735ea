"""One batch against a store's answers: patience, partial writes, and halving down to the frame that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_plant import MemoryStore

from contract import PartialWrite, Refused, RetryLater
from historian.base import Frame
from ingest.writing import LONGEST_WAIT_S, Writer, backoff_s


def frame(n: int) -> Frame:
    return Frame("m", {}, [n], {"x": [float(n)]})


class Desk(MemoryStore):
    """Refuses any batch that holds one of ``bad``."""

    def __init__(self, bad: set[int]) -> None:
        super().__init__()
        self.bad = bad

    async def write(self, batch: Sequence[Frame]) -> None:
        if any(one.time_ns[0] in self.bad for one in batch):
            self.attempts += 1
            raise Refused("never")
        await super().write(batch)


class Hands:
    """Sleeps in no time and remembers for how long."""

    def __init__(self, store: MemoryStore, jitter: float = 0.5) -> None:
        self.slept: list[float] = []
        self.heard: list[str] = []
        self.writer = Writer(store, self._sleep, lambda: jitter, lambda error: self.heard.append(str(error)))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def write(self, batch: list[Frame]) -> dict[int, str]:
        return asyncio.run(self.writer.write(batch))


def test_a_store_that_is_down_gets_the_same_batch_again_and_is_not_hammered() -> None:
    store = MemoryStore()
    store.faults = [RetryLater(f"down {n}") for n in range(10)]
    hands = Hands(store)
    assert hands.write([frame(1), frame(2)]) == {}
    assert store.batches == [[frame(1), frame(2)]]
    assert hands.heard == [f"down {n}" for n in range(10)]
    assert hands.slept[0] > 0.1
    assert hands.slept == sorted(hands.slept)
    assert hands.slept[-1] == 6.0, "the middle of the longest wait's upper half"


def test_what_the_store_asks_for_is_obeyed() -> None:
    store = MemoryStore()
    store.faults = [RetryLater("busy", after_s=3.0), RetryLater("busy", after_s=120.0)]
    hands = Hands(store)
    hands.write([frame(1)])
    assert hands.slept == [3.0, 120.0]


def test_of_a_partial_write_only_the_named_frames_are_refused() -> None:
    store = MemoryStore()
    store.faults = [RetryLater("down"), PartialWrite("partial", [(1, "type"), (3, "old")])]
    assert Hands(store).write([frame(n) for n in range(5)]) == {1: "type", 3: "old"}
    assert store.attempts == 2, "what is stored is not sent again"


@given(count=st.integers(1, 60), data=st.data())
def test_halving_finds_exactly_the_frames_that_are_refused(count: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1), max_size=4))
    store = Desk(bad)
    batch = [frame(n) for n in range(count)]
    assert Hands(store).write(batch) == dict.fromkeys(sorted(bad), "never")
    stored = [one.time_ns[0] for part in store.batches for one in part]
    assert stored == [n for n in range(count) if n not in bad], "each good one once, in order"
    depth = ceil(log2(count)) if count > 1 else 0
    assert store.attempts <= 1 + 2 * depth * len(bad)


def test_a_partial_answer_in_a_half_names_the_frames_of_the_whole() -> None:
    store = MemoryStore()
    store.faults = [Refused("never"), None, PartialWrite("partial", [(1, "type")])]
    assert Hands(store).write([frame(n) for n in range(6)]) == {4: "type"}


def test_an_error_that_is_no_answer_is_not_swallowed() -> None:
    class Broken(MemoryStore):
        async def write(self, batch: Sequence[Frame]) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Hands(Broken()).write([frame(1)])


@given(attempt=st.integers(1, 10_000), jitter=st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded_from_both_sides(attempt: int, jitter: float) -> None:
    assert 0.1 < backoff_s(attempt, jitter) <= LONGEST_WAIT_S


def test_a_nap_may_end_early_but_not_the_wait_that_the_store_asked_for() -> None:
    store = MemoryStore()
    store.faults = [RetryLater("down"), RetryLater("busy", after_s=3.0)]
    slept: list[tuple[str, float]] = []

    async def sleep(seconds: float) -> None:
        slept.append(("sleep", seconds))

    async def nap(seconds: float) -> None:
        slept.append(("nap", seconds))

    asyncio.run(Writer(store, sleep, lambda: 0.0, lambda _error: None, nap).write([frame(1)]))
    assert slept == [("nap", 0.125), ("sleep", 3.0)]
