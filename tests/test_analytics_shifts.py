"""Shifts: failures that a closed shift interrupts, machines and lines that are closed, lots of several units, and
addresses that are no machines."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest
from analytics_plant import BOOT, HOUR, MIN, PATH, T0, frames, machines, plant, state
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.compute import Results, compute, merged
from analytics.events import BirthEvent, CycleEvent, MachineEvents, StateEvent, Word
from analytics.fold import fold_windows
from analytics.kpi import kpis
from analytics.points import Shown, kpi_frames, point_fields
from analytics.tables import Plant
from historian import Historian, ModelHistorian, open_store

STORES = ["model", "duckdb::memory:"]


def store_at(url: str) -> Historian:
    return ModelHistorian() if url == "model" else open_store(url)


def computed(events: Plant, bounds: Sequence[int], url: str = "model") -> Results:
    async def go() -> Results:
        async with store_at(url) as store:
            await store.write([frame for path, machine in events.items() for frame in frames(path, machine)])
            return await compute(store, bounds)

    return asyncio.run(asyncio.wait_for(go(), 60))


def alive(*states: StateEvent, until: int = 100) -> MachineEvents:
    return MachineEvents(states=list(states), births=[BirthEvent(0, BOOT)], deaths=[Word(until, BOOT)])


def down(t: int, cause: str = "wear", *, repair: bool = False) -> StateEvent:
    return StateEvent(t, BOOT, "Clearing" if repair else "Aborted", "breakdown", cause)


def test_waiting_for_the_technician_and_the_repair_are_one_failure_and_both_are_time_to_restore() -> None:
    events = alive(state(0, "running"), down(10), down(30, repair=True), state(60, "running"))
    found = fold_windows(events, [0, 100])[0]
    assert (found.failures, found.ttr_ns, found.adet_ns) == (1, 50, 50)
    assert kpis(found)["mttr_h"] == 50 / (3600 * 10**9)


@pytest.mark.parametrize(
    ("rows", "failures"),
    [
        ([down(10), state(20, "planned_stop"), down(50)], 1),
        ([down(10), state(20, "planned_stop"), down(50, repair=True), state(60, "planned_stop"), down(80)], 1),
        ([down(10), state(20, "planned_stop"), state(30, "planned_stop"), down(50, repair=True)], 1),
        ([down(10), state(20, "planned_stop"), down(50, "overheat")], 2),
        ([down(10), state(20, "planned_stop"), state(40, "running"), down(50)], 2),
        ([down(10), state(20, "no_shift"), down(50)], 1),
        ([down(10), state(20, "planned_stop"), state(30, "no_shift"), down(50, repair=True)], 1),
        ([state(20, "planned_stop"), down(50)], 1),
        ([down(10), state(20, "planned_maintenance"), down(50)], 2),
        ([down(10, ""), state(20, "planned_stop"), down(50, "")], 1),
        ([down(10), down(15, "overheat", repair=True), state(20, "planned_stop"), down(50, "overheat")], 1),
    ],
)
def test_a_planned_stop_interrupts_a_failure_and_does_not_end_it(rows: list[StateEvent], failures: int) -> None:
    events = alive(state(0, "running"), *rows, state(90, "running"))
    assert fold_windows(events, [0, 100])[0].failures == failures
    assert sum(e.failures for e in fold_windows(events, [0, 25, 45, 55, 100])) == failures
    found = fold_windows(events, [0, 100])[0]
    spent = Counter[str]()
    for row, after in pairwise([*rows, state(90, "running")]):
        spent[row.reason] += after.t - row.t
    assert found.pdot_ns == spent["planned_stop"] + spent["planned_maintenance"]
    assert (found.off_ns, found.adet_ns) == (spent["no_shift"], spent["breakdown"])


def test_a_failure_does_not_go_on_in_another_boot() -> None:
    later = StateEvent(60, "bb", "Aborted", "breakdown", "wear")
    events = MachineEvents(
        states=[StateEvent(10, "aa", "Aborted", "breakdown", "wear"), state(20, "planned_stop", "aa"), later],
        births=[BirthEvent(0, "aa"), BirthEvent(50, "bb")],
        deaths=[Word(100, "bb")],
    )
    assert fold_windows(events, [0, 100])[0].failures == 2


@given(machines(), st.lists(st.tuples(st.integers(0, 3500), st.integers(1, 500)), max_size=4))
def test_closing_at_any_moment_changes_neither_the_failures_nor_what_is_not_planned(
    events: MachineEvents, closings: list[tuple[int, int]]
) -> None:
    """Whatever a machine does is interrupted and goes on behind the stop with what was left."""
    boot = "00000000"
    told = sorted({row.t: row for row in events.states if row.boot == boot}.values())
    ends = 4000
    for at, length in closings:
        doing = [row for row in told if row.t <= at]
        later = [row._replace(t=row.t + length) for row in told if row.t > at]
        if doing:
            during = [row for row in doing if row.t < at]
            told = [*during, state(at, "planned_stop", boot), doing[-1]._replace(t=at + length), *later]
            ends += length
    before = MachineEvents(states=[row for row in events.states if row.boot == boot], deaths=[Word(4000, boot)])
    after = MachineEvents(states=told, deaths=[Word(ends, boot)])
    one, two = fold_windows(before, [0, 4000])[0], fold_windows(after, [0, ends])[0]
    for name in ("failures", "apt_ns", "adot_ns", "adet_ns", "aust_ns", "minor_ns"):
        assert getattr(one, name) == getattr(two, name), name


def test_a_machine_that_is_closed_all_the_time_has_no_oee_rather_than_none_of_it() -> None:
    closed = fold_windows(alive(state(0, "planned_stop")), [0, 100])[0]
    assert (closed.pdot_ns, closed.pbt_ns, closed.pot_ns) == (100, 0, 100)
    assert {kpis(closed)[name] for name in ("availability", "oee", "nee", "allocation_efficiency")} == {None}
    assert kpis(closed)["ooe"] == 0.0
    half = fold_windows(alive(state(0, "running"), state(50, "planned_stop")), [0, 100])[0]
    assert kpis(half)["availability"] == 1.0


def test_lots_of_several_units_count_by_their_units() -> None:
    events = alive(state(0, "running"))
    events.cycles += [CycleEvent(10, BOOT, 7, 2, 1, 10 * 30), CycleEvent(20, BOOT, 0, 5, 0, 5 * 30)]
    found = fold_windows(events, [0, 100])[0]
    assert (found.gq, found.sq, found.rq, found.pq) == (7, 7, 1, 15)
    assert (found.pri_pq_ns, found.pri_gq_ns) == (450, 210)
    split = alive(state(0, "running"))
    split.cycles += [CycleEvent(n, BOOT, n <= 7, 7 < n <= 14, n > 14, 30) for n in range(1, 16)]
    assert fold_windows(split, [0, 100]) == [found]


DOWN = [("running", ""), ("breakdown", "wear"), ("breakdown", "overheat"), ("planned_stop", ""), ("no_shift", "")]


@pytest.mark.parametrize("url", STORES)
def test_a_failure_that_a_closed_shift_interrupts_is_one_wherever_the_range_begins(url: str) -> None:
    """The state that is carried in says only that the machine is closed; what it did before is looked for."""
    names = [(*PATH[:4], f"m-{n}") for n in range(3)]
    night = [("running", 0, ""), ("breakdown", 60, "wear"), ("planned_stop", 90, ""), ("breakdown", 600, "wear")]
    again = [(*night[:3], ("planned_stop", m, ""), night[3]) for m in (100, 400)]
    often = [*night[:3], *(("planned_stop", m, "") for m in range(91, 590)), night[3], ("running", 640, "")]
    events: Plant = {
        path: MachineEvents(
            states=[state(T0 + m * MIN, reason, BOOT, cause) for reason, m, cause in rows],
            births=[BirthEvent(T0, BOOT)],
        )
        for path, rows in zip(names, [night, again[1], often], strict=True)
    }
    for start in (91, 300, 599, 600):
        found = computed(events, [T0 + start * MIN, T0 + 700 * MIN], url)
        assert [machine.elements.failures for machine in found.windows[0]] == [0, 0, 0], start
    whole = computed(events, [T0, T0 + 700 * MIN], url)
    assert [machine.elements.failures for machine in whole.windows[0]] == [1, 1, 1]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(1, 200), st.sampled_from(DOWN)), max_size=9), min_size=1, max_size=3),
    st.lists(st.integers(0, 1500), max_size=5),
)
def test_windows_that_are_read_one_by_one_add_up_to_the_failures_of_the_whole(
    rows: list[list[tuple[int, tuple[str, str]]]], cuts: list[int]
) -> None:
    events: Plant = {}
    for number, told in enumerate(rows):
        times = accumulate((gap for gap, _ in told), initial=0)
        states = [
            state(T0 + t * MIN, reason, BOOT, cause) for t, (_, (reason, cause)) in zip(times, told, strict=False)
        ]
        events[*PATH[:4], f"m-{number}"] = MachineEvents(states=states, births=[BirthEvent(T0, BOOT)])
    bounds = [T0 + m * MIN for m in sorted({0, *cuts, 2000})]
    whole = computed(events, [bounds[0], bounds[-1]]).windows[0]
    parts = merged([computed(events, [a, b]).windows[0] for a, b in pairwise(bounds)])
    assert [m.elements.failures for m in parts] == [m.elements.failures for m in whole]


@pytest.mark.parametrize("url", STORES)
def test_markets_and_suppliers_have_no_figures_and_make_no_line(url: str) -> None:
    events = plant(0.5)
    wanted = computed(events, [T0, T0 + HOUR], url).whole()
    shop, steel = ("acme", "plant-1", "market", "web", "consumers"), ("acme", "plant-1", "supply", "steel", "shipments")
    for path, role in ((shop, "market"), (steel, "supply")):
        events[path] = MachineEvents(births=[BirthEvent(T0, BOOT, role)], deaths=[Word(T0 + HOUR // 2, BOOT)])
    found = computed(events, [T0, T0 + HOUR], url).whole()
    assert found == wanted
    assert {figures.path[2] for figures in found if len(figures.path) > 2} == {"production", "utilities"}


def test_a_line_that_is_closed_has_no_oee_and_a_point_without_it() -> None:
    events = plant(1.0)
    for machine in events.values():
        machine.states = [state(T0, "planned_stop")] if machine.states else []
        machine.cycles = []
    figures = {figure.path: figure for figure in computed(events, [T0, T0 + HOUR]).whole()}
    line = figures[PATH[:4]]
    assert (line.elements.pdot_ns, line.elements.pbt_ns, line.line_oee, line.unit_cost) == (3 * HOUR, 0, None, None)
    fields = point_fields(line)
    assert [fields[name] for name in ("oee", "availability", "line_oee", "unit_cost")] == [None] * 4
    assert fields["pdot_ns"] == 3 * HOUR
    assert fields["sellable"] == 0
    (frame,) = [f for f in kpi_frames([Shown(T0, T0 + HOUR, [line])], "1h") if f.tags["level"] == "line"]
    assert not {"oee", "availability", "line_oee"} & frame.fields.keys()
