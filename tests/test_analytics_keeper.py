"""One pass after another: in whatever order and chunks the events are stored, the stored figures end up the same."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from analytics_plant import BOOT, HOUR, MIN, PATH, T0, state
from analytics_stream import ROWS, Points, agree, drawn, kpi_points, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.events import BirthEvent, MachineEvents
from analytics.keeper import Keeper, Status
from analytics.settings import Settings
from historian import Frame, ModelHistorian


async def kept(
    chunks: Sequence[Sequence[Frame]], *, scan_every: int = 1, lookback_h: float = 6.0
) -> tuple[Points, Status]:
    """The stored figures after a pass for each chunk, and one that looks for late data at the end."""
    store, status = ModelHistorian(), Status()
    keeper = Keeper(Settings(lookback_h=lookback_h), store, status)
    for number, chunk in enumerate(chunks):
        await store.write(chunk)
        await keeper.update(scan=number % scan_every == 0)
    await keeper.update(scan=True)
    return await kpi_points(store), status


WANTED, _ = asyncio.run(kept([ROWS]))


def test_the_figures_of_all_levels_and_windows_are_written() -> None:
    assert {key[:2] for key in WANTED} == {(level, w) for level in ("machine", "line", "site") for w in ("5m", "1h")}
    hours = {key[5] for key in WANTED if key[:2] == ("site", "1h")}
    assert hours == {str(T0), str(T0 + HOUR), str(T0 + 2 * HOUR)}
    # The clean death at 2:30:00.000 opens a window in which one machine has one instant, and nothing happened.
    assert ("line", "5m", "plant-1", "line-1", "", str(T0 + 150 * MIN)) not in WANTED


def test_an_hour_is_the_sum_of_its_five_minutes() -> None:
    names = ("apt_ns", "adot_ns", "unknown_ns", "gq", "energy_wh", "failures", "pri_gq_ns")
    hour = WANTED["line", "1h", "plant-1", "line-1", "", str(T0)]
    fives = [WANTED["line", "5m", "plant-1", "line-1", "", str(T0 + m * MIN)] for m in range(0, 60, 5)]
    assert {name: hour[name] for name in names} == {name: sum(five[name] for five in fives) for name in names}
    assert hour["cost_total"] == pytest.approx(sum(five["cost_total"] for five in fives), rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 4))
def test_any_order_and_any_chunks_of_the_stream_end_in_the_same_figures(seed: int, parts: int, scan_every: int) -> None:
    draw = Random(seed)
    rows = ROWS[:]
    draw.shuffle(rows)
    cuts = sorted(draw.sample(range(len(rows)), parts - 1))
    chunks = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    chunks.append(draw.sample(rows, 20))  # and some of them again
    found, _ = asyncio.run(kept(chunks, scan_every=scan_every))
    agree(found, WANTED)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 900), st.integers(1, 20), st.integers(1, 6))
def test_late_rows_boots_that_overlap_and_long_silences_end_in_the_same_figures(
    seed: int, skew_s: int, parts: int, scan_every: int
) -> None:
    draw = Random(seed)
    rows = rows_of(drawn(draw))
    rows.sort(key=lambda frame: frame.time_ns[0] + draw.randrange(skew_s + 1) * 10**9)
    cuts = sorted(draw.choices(range(len(rows) + 1), k=parts))
    chunks = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]
    found, _ = asyncio.run(kept(chunks, scan_every=scan_every))
    wanted, _ = asyncio.run(kept([rows]))
    emptied = found.keys() - wanted.keys()  # once something, now nothing is known
    assert all(found[key]["pot_ns"] == found[key]["pq"] == found[key]["energy_wh"] == 0 for key in emptied)
    agree({key: fields for key, fields in found.items() if key not in emptied}, wanted)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 40), st.integers(0, 600))
def test_a_stream_in_order_needs_no_search_for_late_data(step_min: int, skew_s: int) -> None:
    """Machine by machine a little apart, as it comes from a line; only the last pass may search, and finds nothing."""
    order = sorted(ROWS, key=lambda f: f.time_ns[0] + (skew_s * 10**9 if f.tags["machine"] == "quiet" else 0))
    chunks: dict[int, list[Frame]] = {}
    for frame in order:
        late = skew_s * 10**9 if frame.tags["machine"] == "quiet" else 0
        chunks.setdefault((frame.time_ns[0] + late) // (step_min * MIN), []).append(frame)

    async def go() -> None:
        store, status = ModelHistorian(), Status()
        keeper = Keeper(Settings(), store, status)
        for chunk in chunks.values():
            await store.write(chunk)
            await keeper.update(scan=False)
        before = await kpi_points(store)
        await keeper.update(scan=True)
        assert before == await kpi_points(store)
        agree(before, WANTED)

    asyncio.run(go())


def test_late_data_are_found_by_counting_and_only_what_differs_is_written_again() -> None:
    def late(frame: Frame) -> bool:
        is_lot = frame.measurement == "cycle" and frame.tags["machine"] == "quiet"
        return is_lot and T0 + 20 * MIN <= frame.time_ns[0] < T0 + 25 * MIN

    async def go() -> None:
        store, status = ModelHistorian(), Status()
        keeper = Keeper(Settings(), store, status)
        await store.write([frame for frame in ROWS if not late(frame)])
        assert await keeper.update(scan=True)  # everything is news to a new keeper
        assert not await keeper.update(scan=True)
        written = status.windows_written
        await store.write([frame for frame in ROWS if late(frame)])
        assert not await keeper.update(scan=False)
        assert await keeper.update(scan=True)
        assert status.windows_written == written + 1
        assert status.late_recomputed == 1
        agree(await kpi_points(store), WANTED)

    asyncio.run(go())


def test_a_point_that_is_counted_and_never_shown_is_late_once_and_not_for_ever() -> None:
    class Odd(ModelHistorian):
        async def count(self, measurement: str, every_ns: int, start_ns: int, end_ns: int) -> dict[int, int]:
            counts = await super().count(measurement, every_ns, start_ns, end_ns)
            return {start: number + 1 for start, number in counts.items()}

    async def go() -> None:
        store = Odd()
        await store.write(ROWS)
        keeper = Keeper(Settings(), store, Status())
        assert [await keeper.update(scan=True) for _ in range(3)] == [True, False, False]

    asyncio.run(go())


def test_a_pass_over_nothing_new_writes_nothing() -> None:
    async def go() -> None:
        store, status = ModelHistorian(), Status()
        keeper = Keeper(Settings(), store, status)
        assert not await keeper.update(scan=True)
        assert status == Status()
        await store.write(ROWS)
        await keeper.update(scan=True)
        written = status.windows_written
        await keeper.update(scan=True)
        await keeper.update(scan=False)
        assert status.windows_written == written

    asyncio.run(go())


def test_a_restart_ends_in_the_same_figures() -> None:
    async def go() -> None:
        store = ModelHistorian()
        await store.write(ROWS)
        await Keeper(Settings(), store, Status()).update(scan=True)
        await Keeper(Settings(), store, Status()).update(scan=True)
        agree(await kpi_points(store), WANTED)

    asyncio.run(go())


async def caught_up(keeper: Keeper, store: ModelHistorian, until_ns: int, status: Status) -> int:
    """Passes until the figures reach ``until_ns``; returns how many."""
    for number in range(1, 100):
        await keeper.update(scan=False)
        if status.until_ns == until_ns:
            return number
    raise AssertionError(f"the figures reach no further than {status.until_ns}")


END = T0 + 150 * MIN


@pytest.mark.parametrize("stop_min", [0, 30, 75])
def test_what_came_in_a_stop_that_was_longer_than_the_look_back_gets_its_figures_too(stop_min: int) -> None:
    """Pass by pass, a look-back of time in each; with 0 the analytics start after all of it has been stored."""

    async def go() -> None:
        store, status, config = ModelHistorian(), Status(), Settings(lookback_h=1.0)
        early = [frame for frame in ROWS if frame.time_ns[0] < T0 + stop_min * MIN]
        await store.write(early)
        await Keeper(config, store, Status()).update(scan=True)
        await store.write([frame for frame in ROWS if frame not in early])
        assert await caught_up(Keeper(config, store, status), store, END, status) > 1
        agree(await kpi_points(store), WANTED)

    asyncio.run(go())


def test_a_plant_that_runs_away_from_the_analytics_is_caught_up_with() -> None:
    """At full speed more than a look-back may come between two passes of the same start."""

    async def go() -> None:
        store, status = ModelHistorian(), Status()
        keeper = Keeper(Settings(lookback_h=1.0), store, status)
        await store.write([frame for frame in ROWS if frame.time_ns[0] < T0 + 10 * MIN])
        await keeper.update(scan=True)
        await store.write([frame for frame in ROWS if frame.time_ns[0] >= T0 + 10 * MIN])
        await caught_up(keeper, store, END, status)
        assert not await keeper.update(scan=True)
        agree(await kpi_points(store), WANTED)

    asyncio.run(go())


def test_years_without_events_are_leapt_over() -> None:
    """One device whose clock stood at 1970 must not hold up the figures of the others."""

    async def go() -> None:
        store, status = ModelHistorian(), Status()
        odd = MachineEvents(states=[state(5, "running"), state(9, "setup")], births=[BirthEvent(5, BOOT)])
        await store.write([*rows_of({(*PATH[:4], "odd"): odd}), *ROWS])
        assert await caught_up(Keeper(Settings(), store, status), store, END, status) < 5
        points = await kpi_points(store)
        assert ("machine", "1h", "plant-1", "line-1", "odd", "0") in points
        assert all(points[key]["gq"] == WANTED[key]["gq"] for key in WANTED)

    asyncio.run(go())
