"""Takt, batches, work in process, plans and lost units: laws and edges."""

from __future__ import annotations

from fractions import Fraction

import pytest
from analytics_plant import machines
from hypothesis import given
from hypothesis import strategies as st

from analytics.events import MachineEvents
from analytics.fold import fold_windows
from analytics.trade import (
    Batch,
    Limits,
    Lost,
    Planned,
    Schedule,
    Sequenced,
    Station,
    epei,
    little_rate,
    little_time,
    little_wip,
    lost_units,
    machine_hour_rate,
    schedule,
    sequence,
    straight_line,
    takt,
)

TIMES = st.fractions(Fraction(1, 100), 100)
STATIONS = st.lists(st.builds(Station, st.integers(1, 6), TIMES), min_size=1, max_size=6)
ITEMS = st.lists(st.builds(Planned, st.integers(0, 20), st.integers(0, 20)), max_size=8)


@given(stations=STATIONS, wip=st.integers(1, 60))
def test_a_line_runs_between_its_worst_and_its_best(stations: list[Station], wip: int) -> None:
    line = Limits.of(stations)
    best, practical = line.best_rate(wip), line.practical_worst_rate(wip)
    assert float(line.worst_rate) <= practical * (1 + 1e-12)
    assert practical <= best * (1 + 1e-12)
    assert best <= float(line.rate)
    assert practical * line.practical_worst_time(wip) == pytest.approx(wip)  # Little's law
    assert line.critical_wip == line.rate * line.raw_time
    assert Limits.of(stations[::-1]).critical_wip == line.critical_wip


@given(setup=TIMES, run=TIMES, size=st.integers(1, 500))
def test_larger_batches_are_faster_and_never_reach_the_mass_rate(setup: Fraction, run: Fraction, size: int) -> None:
    batch = Batch(setup, run)
    one, more, mass = batch.units_per_hour(size), batch.units_per_hour(size + 1), batch.mass_per_hour
    share = batch.changeover_ratio(size)
    assert one is not None
    assert more is not None
    assert mass is not None
    assert share is not None
    assert one < more < mass
    assert one == pytest.approx(mass * (1 - share))


@given(setup=TIMES, run=TIMES, share=st.fractions(Fraction(1, 100), Fraction(99, 100)))
def test_the_smallest_batch_is_the_smallest(setup: Fraction, run: Fraction, share: Fraction) -> None:
    batch = Batch(setup, run)
    size = batch.smallest_size(share)
    assert _share(batch, size) >= share
    assert size == 1 or _share(batch, size - 1) < share
    needed = batch.setup_needed_ns(share)
    assert needed is not None
    assert Batch(needed, run).units_per_hour(1) == pytest.approx(float(share) * (batch.mass_per_hour or 0))


def _share(batch: Batch, size: int) -> Fraction:
    run = Fraction(batch.run_ns)
    return size * run / (Fraction(batch.setup_ns) + size * run)


def test_takt_at_the_edges() -> None:
    assert takt(10, 0, 1).takt is None
    assert takt(10, 0, 1).meets_demand is True
    assert takt(0, 5, 1).meets_demand is None
    assert takt(10, 5, 0).capacity is None
    assert takt(10, 5, 2).meets_demand is True
    assert takt(10, 6, 2).meets_demand is False


def test_every_part_every_interval() -> None:
    assert epei([30, 45, 15], available=480, run=420) == 1.5
    assert epei([], available=480, run=420) == 0
    assert epei([30], available=480, run=480) is None


def test_littles_law() -> None:
    assert (little_wip(0.4, 20), little_rate(8, 20), little_time(8, 0.4)) == (8, 0.4, 20)
    assert little_rate(8, 0) is None
    assert little_time(8, 0) is None


@given(one=ITEMS, two=ITEMS)
def test_plans_add_and_adherence_is_bounded(one: list[Planned], two: list[Planned]) -> None:
    both = schedule(one + two)
    assert schedule(two) + schedule(one) == both
    assert (both.attainment is None) == (both.adherence is None) == (both.planned == 0)
    if both.adherence is not None and both.attainment is not None:
        assert 0 <= both.adherence <= min(1, both.attainment)
    assert Schedule().attainment is None


def test_too_much_of_one_item_does_not_keep_the_plan() -> None:
    found = schedule([Planned(10, 20), Planned(10, 0)])
    assert (found.attainment, found.adherence) == (1.0, 0.5)
    assert schedule([Planned(0, 5)]).adherence is None


def test_a_sequence_is_kept_place_by_place() -> None:
    assert sequence(["a", "b", "c", "d"], ["a", "b", "c", "d"]).adherence == 1
    assert sequence(["a", "b", "c", "d"], ["b", "a", "c"]).adherence == 0.25
    assert sequence([], ["a"]).adherence is None
    assert sequence(["a"], ["a"]) + sequence(["a", "b"], []) == Sequenced(3, 1)


@given(events=machines(), cut=st.integers(1, 1499), cycle=st.integers(1, 50))
def test_lost_units_add_to_what_would_have_fitted(events: MachineEvents, cut: int, cycle: int) -> None:
    one, two = fold_windows(events, [0, cut, 1500])
    lost = lost_units(one + two, cycle)
    assert lost_units(one, cycle) + lost_units(two, cycle) == lost
    e = one + two
    assert lost.total == Fraction(e.pbt_ns - e.pri_gq_ns, cycle)
    assert lost + Lost() == lost


def test_wrong_arguments_are_named() -> None:
    wrong = {
        "demand is negative": lambda: takt(1, -1, 1),
        "run time per unit": lambda: Batch(1, 0),
        "setup is negative": lambda: Batch(-1, 1),
        "batch size 0": lambda: Batch(1, 1).units_per_hour(0),
        "share 0": lambda: Batch(1, 1).setup_needed_ns(0),
        "share 1": lambda: Batch(1, 1).smallest_size(1),
        "a line needs": lambda: Limits.of([]),
        "work in process 0": lambda: Limits.of([Station(1, 1)]).best_rate(0),
        "quantity is negative": lambda: schedule([Planned(-1, 0)]),
        "not positive": lambda: straight_line(1, 0, 0, 0),
        "-1 hours": lambda: machine_hour_rate({}, -1),
    }
    for message, call in wrong.items():
        with pytest.raises(ValueError, match=message):
            call()
    assert machine_hour_rate({"rent": 5}, 0).rate is None
