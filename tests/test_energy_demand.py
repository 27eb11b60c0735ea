"""Metering intervals, peaks and who pays for them."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from analytics_plant import BOOT, MIN, T0, machines, shuffled
from hypothesis import given
from hypothesis import strategies as st

from analytics.cost import HOUR_NS
from analytics.energy import (
    Grid,
    Profile,
    billed_kw,
    coincident_shares,
    demand_charge,
    own_peak_shares,
    profile_of,
    together,
)
from analytics.events import MachineEvents, Reading
from analytics.fold import fold_windows

QUARTER = 15 * MIN
LOADS = st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=1, max_size=5)


def profile(*wh: int) -> Profile:
    return Profile(Grid(0, QUARTER, len(wh)), wh, (0,) * len(wh))


@given(
    start=st.integers(-5000, 5000), length=st.integers(0, 5000), step=st.integers(1, 700), anchor=st.integers(-99, 99)
)
def test_intervals_are_aligned_and_as_many_as_fit(start: int, length: int, step: int, anchor: int) -> None:
    grid = Grid.within(start, start + length, step, anchor)
    bounds = list(grid.bounds)
    assert len(bounds) == grid.count + 1
    assert all((bound - anchor) % step == 0 for bound in bounds)
    assert all(b - a == step for a, b in pairwise(bounds))
    fitting = [t for t in range(start, start + length + 1) if (t - anchor) % step == 0]
    assert bounds == (fitting or bounds[:1])
    assert bounds[0] >= start


def test_intervals_follow_the_clock() -> None:
    grid = Grid.within(T0 + 7 * MIN, T0 + 61 * MIN)
    assert [(t - T0) // MIN for t in grid.bounds] == [15, 30, 45, 60]
    half = Grid.within(T0, T0 + 2 * HOUR_NS, HOUR_NS, anchor_ns=T0 + 30 * MIN)  # a zone that is half an hour off
    assert [(t - T0) // MIN for t in half.bounds] == [30, 90]


@given(events=machines(), step=st.integers(1, 400), until=st.none() | st.integers(0, 1500), seed=st.integers(0, 99))
def test_intervals_sum_to_the_energy_of_the_elements(
    events: MachineEvents, step: int, until: int | None, seed: int
) -> None:
    grid = Grid.within(0, 2000, step)
    found = profile_of(events, grid, until)
    assert profile_of(shuffled(events, seed), grid, until) == found
    folded = fold_windows(events, list(grid.bounds), until_ns=until)
    assert found.wh == tuple(e.energy_wh for e in folded)


@given(loads=LOADS)
def test_machines_add_in_any_order(loads: list[list[int]]) -> None:
    each = [profile(*wh) for wh in loads]
    grid = each[0].grid
    site = together(grid, each)
    assert together(grid, reversed(each)) == sum(each, Profile.zero(grid)) == site
    assert site.total_wh == sum(map(sum, loads))
    peaks = [one.peak.kw for one in each if one.peak]
    assert site.peak is not None
    assert max(peaks) <= site.peak.kw <= sum(peaks)
    assert site.load_factor is None or 0 < site.load_factor <= 1


@given(loads=LOADS, bill=st.fractions(0, 10_000))
def test_shares_add_to_the_bill_exactly(loads: list[list[int]], bill: Fraction) -> None:
    each = {f"m{number}": profile(*wh) for number, wh in enumerate(loads)}
    for shares in (coincident_shares(each, bill), own_peak_shares(each, bill)):
        if any(map(any, loads)):
            assert shares is not None
            assert sum(shares.values()) == bill
            assert set(shares) == set(each)
        else:
            assert shares is None


def test_the_peak_of_the_site_is_not_the_sum_of_peaks() -> None:
    each = {"day": profile(30, 10), "night": profile(5, 20)}
    site = together(each["day"].grid, each.values())
    assert site.peak == (Fraction(35 * 4, 1000), 0)
    bill = demand_charge(site.peak.kw, 38)
    assert coincident_shares(each, bill) == {"day": bill * 30 / 35, "night": bill * 5 / 35}
    assert own_peak_shares(each, bill) == {"day": bill * 30 / 50, "night": bill * 20 / 50}
    billed_apart = sum(demand_charge(one.peak.kw, 38) for one in each.values() if one.peak)
    assert billed_apart > bill


def test_the_first_of_equal_peaks_counts() -> None:
    found = profile(10, 30, 30)
    assert found.peak is not None
    assert found.peak.start_ns == QUARTER


def test_a_short_spike_is_no_demand() -> None:
    spike = [Reading(T0, BOOT, 0), Reading(T0 + 7 * MIN, BOOT, 0), Reading(T0 + 8 * MIN, BOOT, 6000)]
    found = profile_of(MachineEvents(readings=[*spike, Reading(T0 + QUARTER, BOOT, 6000)]), Grid(T0, QUARTER, 1))
    assert found.peak is not None
    assert float(found.peak.kw) == 24  # and not the 360 kW of that minute


def test_a_counter_that_falls_was_reset() -> None:
    readings = [Reading(T0, BOOT, 900), Reading(T0 + QUARTER, BOOT, 1000), Reading(T0 + 2 * QUARTER, BOOT, 30)]
    assert profile_of(MachineEvents(readings=readings), Grid(T0, QUARTER, 2)).wh == (100, 30)


def test_intervals_that_were_not_read_throughout_are_marked() -> None:
    readings = [Reading(T0 + MIN, BOOT, 0), Reading(T0 + 40 * MIN, BOOT, 400)]
    found = profile_of(MachineEvents(readings=readings), Grid(T0, QUARTER, 3))
    assert found.unread == (1, 0, 1)
    assert not found.complete
    assert profile_of(MachineEvents(readings=readings), Grid(T0, QUARTER, 3), T0 + 20 * MIN).unread == (1, 1, 1)
    silent = profile_of(MachineEvents(), Grid(T0, QUARTER, 2))
    assert (silent.wh, silent.unread) == ((0, 0), (1, 1))
    assert (found + profile_of(MachineEvents(), found.grid)).unread == (2, 1, 2)


def test_nothing_has_no_peak() -> None:
    empty, idle = Profile.zero(Grid(0, QUARTER, 0)), profile(0, 0)
    assert (empty.peak, empty.load_factor, idle.load_factor) == (None, None, None)
    assert idle.peak == (0, 0)
    assert coincident_shares({}, Fraction(1)) is None
    assert coincident_shares({"a": empty}, Fraction(1)) is None
    assert own_peak_shares({"a": empty}, Fraction(1)) is None


def test_a_ratchet_looks_back() -> None:
    assert billed_kw(Fraction(80), earlier=[Fraction(120), Fraction(90)], ratchet=0.75) == 90
    assert billed_kw(Fraction(95), earlier=[Fraction(120)], ratchet=0.75) == 95
    assert billed_kw(Fraction(80), earlier=[Fraction(120)]) == 80
    with pytest.raises(ValueError, match="ratchet"):
        billed_kw(Fraction(80), ratchet=1.5)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="interval is positive"):
        Grid(0, 0, 1)
    with pytest.raises(ValueError, match="interval is positive"):
        Grid.within(0, 1, 0)
    with pytest.raises(ValueError, match="for 2 intervals"):
        Profile(Grid(0, 1, 2), (1,), (0,))
    with pytest.raises(ValueError, match="do not add"):
        _ = profile(1) + profile(1, 2)
    with pytest.raises(ValueError, match="do not compare"):
        own_peak_shares({"a": profile(1), "b": profile(1, 2)}, Fraction(1))
