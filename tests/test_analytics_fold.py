"""The fold: its laws on drawn machines, and its rules on small ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
from analytics_plant import BOOT, MIN, T0, TARIFF, joined, machines, shuffled, state
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.elements import Elements, by_band, total
from analytics.events import BirthEvent, CycleEvent, MachineEvents, Reading, StateEvent, Word, coverage
from analytics.fold import Counter, fold_windows
from analytics.kpi import kpis
from contract import Reason

BOUNDS = st.lists(st.integers(0, 3500), min_size=2, max_size=8, unique=True).map(sorted)


@given(machines(), BOUNDS, st.integers(0, 10**6))
def test_order_and_duplicates_change_nothing(events: MachineEvents, bounds: list[int], seed: int) -> None:
    assert fold_windows(shuffled(events, seed), bounds) == fold_windows(events, bounds)


@given(machines(), BOUNDS, st.integers(0, 3000))
def test_in_what_chunks_the_events_came_changes_nothing(events: MachineEvents, bounds: list[int], cut: int) -> None:
    def part(early: bool) -> MachineEvents:
        kept = ([row for row in rows if (row.t < cut) is early] for rows in events.words)
        return MachineEvents(*kept)

    assert fold_windows(joined(part(early=False), part(early=True)), bounds) == fold_windows(events, bounds)


@given(machines(), BOUNDS, st.none() | st.integers(0, 3500))
def test_windows_add_up_to_the_whole(events: MachineEvents, bounds: list[int], until: int | None) -> None:
    parts = fold_windows(events, bounds, until_ns=until, tariff=TARIFF)
    assert [total(parts)] == fold_windows(events, [bounds[0], bounds[-1]], until_ns=until, tariff=TARIFF)


@given(machines(), BOUNDS, st.none() | st.integers(0, 3500))
def test_every_nanosecond_is_counted_once(events: MachineEvents, bounds: list[int], until: int | None) -> None:
    for start, end, e in zip(bounds, bounds[1:], fold_windows(events, bounds, until_ns=until), strict=False):
        seen = end if until is None else min(end, until)
        assert e.pot_ns + e.off_ns + e.unknown_ns == max(0, seen - start)
        assert (
            min(e.pdot_ns, e.adot_ns, e.adet_ns, e.aust_ns, e.apt_ns, e.unknown_ns, e.ttr_ns, e.pdot_ns - e.pmt_ns) >= 0
        )


def by_hand(events: MachineEvents, start: int, end: int) -> Elements:
    """The same by looking at every nanosecond: slow, and hard to get wrong."""
    spans = coverage(events)
    spent: dict[str, int] = {}
    for moment in range(start, end):
        name, reason = "unknown_ns", ""
        for span in spans:
            if span.start <= moment < span.end:
                told = [row for row in events.states if row.boot == span.boot and span.start <= row.t <= moment]
                reason = max(told).reason if told else ""
                name = {
                    "": "unknown_ns",
                    "running": "apt_ns",
                    "setup": "aust_ns",
                    "breakdown": "adet_ns",
                    "minor_stop": "adet_ns",
                    "planned_stop": "pdot_ns",
                    "no_shift": "off_ns",
                    "planned_maintenance": "pdot_ns",
                }.get(reason, "adot_ns")
        spent[name] = spent.get(name, 0) + 1
        if reason == "planned_maintenance":
            spent["pmt_ns"] = spent.get("pmt_ns", 0) + 1
    lots = [
        row
        for row in events.cycles
        if start <= row.t < end and any(s.boot == row.boot and s.start <= row.t <= s.end for s in spans)
    ]
    latest = {row.t: row for row in lots}  # two boots that meet in one moment: the later one's lot
    for span in spans:
        latest |= {row.t: row for row in lots if row.boot == span.boot}
    for row in latest.values():
        made = row.good + row.scrap + row.rework
        spent["gq"] = spent.get("gq", 0) + row.good
        spent["sq"] = spent.get("sq", 0) + row.scrap
        spent["rq"] = spent.get("rq", 0) + row.rework
        spent["pri_pq_ns"] = spent.get("pri_pq_ns", 0) + row.ideal_ns
        spent["pri_gq_ns"] = spent.get("pri_gq_ns", 0) + (row.ideal_ns * row.good // made if made else 0)
    return Elements(**spent)


@settings(max_examples=40)
@given(machines(), st.integers(0, 500), st.integers(1, 300))
def test_the_fold_agrees_with_a_look_at_every_nanosecond(events: MachineEvents, start: int, length: int) -> None:
    folded = fold_windows(events, [start, start + length])[0]
    assert replace(folded, minor_ns=0, failures=0, energy=()) == by_hand(events, start, start + length)


@given(machines(), st.sampled_from([Reason.STARVED, Reason.SETUP, Reason.MINOR_STOP, Reason.BREAKDOWN]))
def test_oee_does_not_care_what_an_unplanned_stop_is_called(events: MachineEvents, name: Reason) -> None:
    planned = {Reason.PLANNED_STOP, Reason.NO_SHIFT, Reason.PLANNED_MAINTENANCE, Reason.RUNNING}
    renamed = [row if row.reason in planned else state(row.t, name, row.boot) for row in events.states]
    other = MachineEvents(renamed, events.cycles, events.readings, events.births, events.deaths)
    before, after = fold_windows(events, [0, 3500])[0], fold_windows(other, [0, 3500])[0]
    assert kpis(before)["oee"] == kpis(after)["oee"]
    assert kpis(before)["oee"] == (before.pri_gq_ns / before.pbt_ns if before.pbt_ns else None)


def alive(*states: StateEvent, until: int = 100) -> MachineEvents:
    return MachineEvents(states=list(states), births=[BirthEvent(0, BOOT)], deaths=[Word(until, BOOT)])


def test_a_state_is_carried_over_the_edge_and_clipped_at_both_ends() -> None:
    events = alive(state(0, "running"), state(25, "breakdown"), state(35, "running"))
    found = fold_windows(events, [10, 30, 40])
    assert [(e.apt_ns, e.adet_ns) for e in found] == [(15, 5), (5, 5)]
    assert [e.failures for e in found] == [1, 0]


def test_an_open_state_counts_up_to_the_last_word_and_no_further() -> None:
    events = MachineEvents(states=[state(0, "running")], readings=[Reading(0, BOOT, 0), Reading(70, BOOT, 9)])
    assert fold_windows(events, [0, 100])[0] == Elements(apt_ns=70, unknown_ns=30, energy=(("", 9),))
    assert fold_windows(events, [0, 100], until_ns=80)[0].unknown_ns == 10
    assert fold_windows(events, [0, 100], until_ns=60)[0].apt_ns == 60


def test_between_the_last_word_of_one_boot_and_the_birth_of_the_next_nothing_is_known() -> None:
    events = MachineEvents(
        states=[state(10, "running", "aa"), state(60, "setup", "bb")],
        cycles=[CycleEvent(30, "aa", 1, 0, 0, 10)],
        births=[BirthEvent(10, "aa"), BirthEvent(50, "bb")],
        deaths=[Word(90, "bb")],
    )
    # aa: 10..30, its last word. bb: from its birth at 50, but its state is known from 60 only.
    assert fold_windows(events, [0, 100])[0] == Elements(
        apt_ns=20, aust_ns=30, unknown_ns=50, gq=1, pri_pq_ns=10, pri_gq_ns=10
    )


def test_a_birth_ends_the_boot_before_it_and_what_that_one_says_of_later_times() -> None:
    events = MachineEvents(
        states=[state(0, "running", "aa"), state(60, "breakdown", "aa"), state(50, "running", "bb")],
        cycles=[CycleEvent(70, "aa", 5, 0, 0, 50), CycleEvent(80, "bb", 1, 0, 0, 10)],
        births=[BirthEvent(0, "aa"), BirthEvent(50, "bb")],
        deaths=[Word(100, "aa"), Word(100, "bb")],
    )
    assert fold_windows(events, [0, 100])[0] == Elements(apt_ns=100, gq=1, pri_pq_ns=10, pri_gq_ns=10)


def test_one_breakdown_in_several_states_is_one_failure() -> None:
    aborting = StateEvent(10, BOOT, "Aborting", "breakdown")
    events = alive(state(0, "running"), aborting, state(12, "breakdown"), state(20, "running"), state(30, "breakdown"))
    assert fold_windows(events, [0, 100])[0].failures == 2
    assert [e.failures for e in fold_windows(events, [0, 11, 25, 100])] == [1, 0, 1]


def test_a_lot_belongs_to_the_window_that_holds_its_end() -> None:
    events = alive(state(0, "running"))
    events.cycles.append(CycleEvent(50, BOOT, 3, 1, 0, 40))
    assert [e.gq for e in fold_windows(events, [0, 50, 100])] == [0, 3]
    assert fold_windows(events, [0, 100])[0].pri_gq_ns == 30


def test_a_lot_that_says_it_made_nothing_is_no_division_by_zero() -> None:
    events = alive(state(0, "running"))
    events.cycles.append(CycleEvent(50, BOOT, 0, 0, 0, 40))
    assert fold_windows(events, [0, 100])[0].pri_gq_ns == 0


def test_planned_time_of_good_units_is_exact_when_it_is_items_times_pri_and_else_short_by_less_than_one() -> None:
    events = alive(state(0, "running"))
    events.cycles += [CycleEvent(t, BOOT, 2, 1, 0, 3 * 7) for t in range(1, 90)]
    assert fold_windows(events, [0, 100])[0].pri_gq_ns == 89 * 14
    events.cycles[0] = CycleEvent(1, BOOT, 2, 1, 0, 20)  # 13 1/3
    assert fold_windows(events, [0, 100])[0].pri_gq_ns == 88 * 14 + 13


def test_the_widest_numbers_of_the_contract_do_not_overflow() -> None:
    events = alive(state(0, "running"))
    most, ideal = 2**53 - 1, 2**63 - 1
    events.cycles += [CycleEvent(t, BOOT, most, 0, 0, ideal) for t in (1, 2, 3)]
    events.readings += [Reading(1, BOOT, 0), Reading(2**62, BOOT, most)]
    found = fold_windows(events, [0, 100])[0]
    assert (found.gq, found.pri_pq_ns, found.pri_gq_ns) == (3 * most, 3 * ideal, 3 * ideal)
    assert fold_windows(alive(state(0, "running"), until=2**63 - 1), [0, 2**63 - 1])[0].apt_ns == 2**63 - 1


def test_a_machine_of_which_nothing_is_known() -> None:
    assert fold_windows(MachineEvents(), [0, 10, 30]) == [Elements(unknown_ns=10), Elements(unknown_ns=20)]


@pytest.mark.parametrize("bounds", [[], [5], [5, 5], [5, 3], [0, 9, 8]])
def test_bounds_that_do_not_increase_are_refused(bounds: list[int]) -> None:
    with pytest.raises(ValueError, match="strictly increase"):
        fold_windows(MachineEvents(), bounds)


# Counters


def readings(*pairs: tuple[int, int]) -> list[Reading]:
    return [Reading(t, BOOT, wh) for t, wh in pairs]


def test_a_counter_is_interpolated_in_integers_and_held_outside() -> None:
    counter = Counter(readings((10, 100), (20, 105), (30, 105), (40, 200)))
    assert [counter.at(t) for t in (0, 10, 11, 15, 19, 20, 25, 39, 40, 99)] == [0, 0, 0, 2, 4, 5, 5, 90, 100, 100]


def test_a_fall_is_a_reset_to_zero() -> None:
    counter = Counter(readings((0, 100), (10, 130), (20, 7), (30, 9), (40, 0), (50, 1)))
    assert counter.at(50) == 30 + 7 + 2 + 0 + 1


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=20), BOUNDS)
def test_energy_never_gets_lost_between_windows(values: list[int], bounds: list[int]) -> None:
    counter = Counter(readings(*((7 * i, value) for i, value in enumerate(values))))
    windows = counter.between(bounds, None)
    assert sum(wh for window in windows for _, wh in window) == counter.at(bounds[-1]) - counter.at(bounds[0])
    assert all(wh > 0 for window in windows for _, wh in window)


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 5000)), min_size=2, max_size=30),
    st.lists(st.integers(0, 3000), min_size=2, max_size=10, unique=True).map(sorted),
)
def test_energy_by_band_adds_up_to_the_energy(steps: list[tuple[int, int]], minutes: list[int]) -> None:
    moment, total_wh, rows = T0, 0, []
    for gap_min, wh in steps:
        rows.append(Reading(moment, BOOT, total_wh))
        moment, total_wh = moment + gap_min * MIN, total_wh + wh
    bounds = [T0 + minute * MIN for minute in minutes]
    counter = Counter(rows)
    for banded, plain in zip(counter.between(bounds, TARIFF), counter.between(bounds, None), strict=True):
        assert sum(wh for _, wh in banded) == sum(wh for _, wh in plain)
        assert {code for code, _ in banded} <= set(TARIFF.bands)


def test_an_interval_that_straddles_a_change_of_band_is_cut_there() -> None:
    # 02:00Z is 10:00 in Shanghai, flat; from 12:00 to 16:00 it is peak.
    start = T0 + 2 * 60 * MIN
    counter = Counter([Reading(start, BOOT, 0), Reading(start + 180 * MIN, BOOT, 1800)])
    assert counter.between([start, start + 180 * MIN], TARIFF) == [by_band([("f", 1200), ("p", 600)])]
