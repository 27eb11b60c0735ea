"""The store after a stream is the same whatever the stream has been through: order, repetition, lateness, restarts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_plant import Points, Said, plant, stored_points

from historian.duck import DuckHistorian
from ingest.admission import Admission, SharedGaps
from ingest.formats import Formats
from ingest.register import Register

KINDS = ("birth", "telemetry", "state", "cycle", "meter")
PLANT = plant(27, 120)
DAY_NS = 86_400 * 10**9


@dataclass(frozen=True)
class Parcel:
    topic: str
    payload: bytes
    received_ns: int
    content_type: str = ""

    def acknowledge(self) -> None:
        """Nobody waits for it."""


async def _carried(stream: Sequence[Said], sizes: Sequence[int], restarts: bool) -> tuple[Points, int]:
    """What is stored of a stream in batches of these sizes, and how many messages were refused."""
    refused = 0
    async with DuckHistorian(":memory:") as store:
        desk = _desk()
        rest, turn = list(stream), 0
        while rest:
            size = sizes[turn % len(sizes)]
            batch = desk.open([Parcel(one.topic, one.payload, turn * DAY_NS) for one in rest[:size]])
            refused += sum(entry.refusal is not None for entry in batch.entries)
            if batch.frames:
                await store.write(batch.frames)
            rest, turn = rest[size:], turn + 1
            if restarts:
                desk = _desk()  # nothing is remembered, as after a SIGKILL
        return await stored_points(store, KINDS), refused


def _desk() -> Admission:
    return Admission(Formats().understand, Register(), SharedGaps(), lambda: 0.0)


ONCE, _NOTHING = asyncio.run(_carried(PLANT, [len(PLANT)], restarts=False))


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    copies=st.integers(1, 3),
    sizes=st.lists(st.integers(1, 90), min_size=1),
    end=st.booleans(),
)
def test_any_order_any_repetition_days_late_and_restarted_gives_the_same_store(
    seed: int, copies: int, sizes: list[int], end: bool
) -> None:
    """Each batch comes a day after the one before, so that in a shuffled stream much is late by many days."""
    stream = PLANT * copies
    random.Random(seed).shuffle(stream)
    assert _NOTHING == 0
    assert asyncio.run(_carried(stream, sizes, end)) == (ONCE, 0)


def test_the_plant_says_every_kind_and_all_of_it_is_stored() -> None:
    expected: Points = {}
    for one in PLANT:
        expected |= one.points
    assert expected == ONCE
    assert {kind for kind, _, _ in ONCE} == set(KINDS)
