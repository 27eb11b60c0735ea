"""A range taken anew: the same points as the loop writes, to the bit, however often and in whatever pieces."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from analytics_plant import HOUR, MIN, T0
from analytics_stream import ROWS, Points, agree, drawn, kpi_points, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import batch
from analytics.batch import recompute
from analytics.keeper import Keeper, Status
from analytics.settings import Settings
from historian import Frame, ModelHistorian


async def live(rows: list[Frame], settings_: Settings) -> Points:
    store = ModelHistorian()
    await store.write(rows)
    await Keeper(settings_, store, Status()).update(scan=True)
    return await kpi_points(store)


async def again(rows: list[Frame], settings_: Settings, *ranges: tuple[int, int]) -> Points:
    store = ModelHistorian()
    await store.write(rows)
    for start, end in ranges:
        await recompute(store, settings_, start, end)
    return await kpi_points(store)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5 * 60))
def test_live_and_batch_are_the_same(seed: int, cut_min: int) -> None:
    rows = rows_of(drawn(Random(seed)))
    times = [frame.time_ns[0] for frame in rows]
    start, end = min(times), max(times) + 1
    wanted = asyncio.run(live(rows, Settings()))
    middle = T0 + cut_min * MIN
    for ranges in (
        [(start, end)],
        [(start, end), (start, end)],
        [(start, middle), (max(start, middle - 1), end)] if start < middle < end else [(start, end)],
    ):
        found = asyncio.run(again(rows, Settings(), *ranges))
        assert found.keys() == wanted.keys()
        agree(found, wanted)


def test_stretches_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = asyncio.run(live(ROWS, Settings()))
    monkeypatch.setattr(batch, "_STRETCH_NS", 1)  # then a stretch is one window of the longest kind
    told: list[float] = []

    async def run() -> tuple[Points, int]:
        store = ModelHistorian()
        await store.write(ROWS)
        count = await recompute(store, Settings(), T0, T0 + 3 * HOUR, progress=told.append)
        return await kpi_points(store), count

    found, count = asyncio.run(run())
    agree(found, wanted)
    assert (len(told), told[-1], told) == (3, 1.0, sorted(told))
    assert count == 31  # the newest word is at 2:30


def test_what_was_written_in_error_becomes_zero() -> None:
    async def run() -> Points:
        store = ModelHistorian()
        await store.write(ROWS)
        await recompute(store, Settings(), T0, T0 + HOUR)
        before = await kpi_points(store)
        other = ModelHistorian()
        late = [frame for frame in ROWS if frame.measurement == "birth" or frame.time_ns[0] >= T0 + HOUR]
        await other.write(late)
        await other.write(await _kpi_frames(store))
        await recompute(other, Settings(), T0, T0 + HOUR)
        after = await kpi_points(other)
        assert after.keys() == before.keys()
        return after

    assert all(fields["pq"] == 0 for fields in asyncio.run(run()).values())


async def _kpi_frames(store: ModelHistorian) -> list[Frame]:
    from historian import Query  # noqa: PLC0415

    table = await store.read(Query("kpi"))
    frames = []
    for row, time_ns in enumerate(table.time_ns):
        tags = {name: column[row] for name, column in table.tags.items()}
        fields = {name: [column[row]] for name, column in table.fields.items() if column[row] is not None}
        frames.append(Frame("kpi", tags, [time_ns], fields))
    return frames


def test_an_empty_range() -> None:
    with pytest.raises(ValueError, match="the range ends at 5 and begins at 5"):
        asyncio.run(recompute(ModelHistorian(), Settings(), 5, 5))
