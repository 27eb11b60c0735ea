"""Scoring: an example by hand, sums, chance and the oracle, and the truth read from lives."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from health_rows import DAY_NS, HOUR_NS
from hypothesis import given
from hypothesis import strategies as st

from analytics.health import (
    WEEK_NS,
    Episode,
    Prices,
    Tally,
    beside,
    episodes,
    oracle_alarms,
    random_alarms,
    tally,
)

PRICES = Prices(miss=1000.0, false_alarm=50.1, caught=((2 * HOUR_NS, 400.0), (DAY_NS, 250.5)))
TRUTH = [
    Episode(2 * DAY_NS, 4 * DAY_NS, failed=True),
    Episode(6 * DAY_NS, 7 * DAY_NS, failed=True),
    Episode(8 * DAY_NS, 9 * DAY_NS, failed=False),
    Episode(10 * DAY_NS, 11 * DAY_NS, failed=True),
]
WATCHED = [(DAY_NS, 15 * DAY_NS)]
ALARMS = [0, DAY_NS, 2 * DAY_NS, 3 * DAY_NS, 5 * DAY_NS, 7 * DAY_NS - HOUR_NS, 8 * DAY_NS, 14 * DAY_NS]


def test_an_example_by_hand() -> None:
    found = tally(ALARMS, TRUTH, WATCHED, PRICES)
    # The alarm at 0 is outside; true: at 2, 3, 7 d - 1 h, and 8 d; false: at 1, 5 and 14 d.
    assert (found.alarms, found.true_alarms, found.false_alarms) == (7, 4, 3)
    assert (found.failures, found.caught) == (3, 2)
    assert found.leads_ns == (HOUR_NS, 2 * DAY_NS)
    assert found.precision == 4 / 7 and found.recall == 2 / 3
    assert found.f1 == pytest.approx(2 * (4 / 7) * (2 / 3) / (4 / 7 + 2 / 3))
    assert found.false_per_week == 1.5
    assert found.lead_ns() == 24.5 * HOUR_NS
    assert found.lead_ns(0.1) == pytest.approx(5.7 * HOUR_NS)
    # A miss, one caught too late to be cheaper, one caught two days before, three false alarms.
    assert found.cost == 1000 + 1000 + Fraction("250.5") + 3 * Fraction("50.1")
    assert found.cost_without == 3000
    assert found.saved == 3000 - found.cost


def test_an_alarm_that_comes_too_late_to_act_does_not_catch() -> None:
    found = tally(ALARMS, TRUTH, WATCHED, PRICES, needed_ns=2 * HOUR_NS)
    assert (found.true_alarms, found.caught, found.recall) == (4, 1, 1 / 3)
    assert found.leads_ns == (2 * DAY_NS,)


def test_the_first_and_last_moment_count() -> None:
    one = [Episode(5, 9, failed=True)]
    for t, true in ((4, 0), (5, 1), (9, 1), (10, 0)):
        assert tally([t], one, [(0, 20)], PRICES).true_alarms == true


def test_undefined_is_none() -> None:
    none = tally([], [], [], PRICES)
    assert none == Tally()
    assert none.precision is none.recall is none.f1 is none.false_per_week is none.lead_ns() is None
    silent = tally([], TRUTH, WATCHED, PRICES)
    assert silent.precision is None and silent.recall == 0.0 and silent.f1 is None and silent.saved == 0
    wrong = tally([DAY_NS], TRUTH, WATCHED, PRICES)
    assert (wrong.precision, wrong.recall, wrong.f1) == (0.0, 0.0, 0.0)


def test_tallies_add_and_ratios_are_of_sums() -> None:
    a, b = tally(ALARMS, TRUTH, WATCHED, PRICES), tally([3 * DAY_NS], TRUTH[:1], [(0, 5 * DAY_NS)], PRICES)
    both = a + b
    assert both == b + a and both + Tally() == both and (a + b) + a == a + (b + a)
    assert both.precision == 5 / 8 and both.recall == 3 / 4
    assert both.watched_ns == 19 * DAY_NS
    assert both.leads_ns == (HOUR_NS, DAY_NS, 2 * DAY_NS)
    assert both.precision != (a.precision + b.precision) / 2  # type: ignore[operator]


def test_nobody_is_better_than_the_oracle_and_chance_is_worse_than_a_good_detector() -> None:
    found = beside(ALARMS, TRUTH, WATCHED, PRICES, np.random.default_rng(1), rounds=200)
    assert oracle_alarms(TRUTH, WATCHED) == tuple(e.onset_ns for e in TRUTH)
    assert (found["oracle"].precision, found["oracle"].recall, found["oracle"].f1) == (1.0, 1.0, 1.0)
    assert found["oracle"].leads_ns == (DAY_NS, DAY_NS, 2 * DAY_NS)
    assert found["random"].alarms == 200 * found["detector"].alarms
    # The random detector's precision is the share of the time that is degraded.
    assert found["random"].precision == pytest.approx(5 / 14, abs=0.04)
    assert found["oracle"].cost <= found["detector"].cost
    good = beside([e.onset_ns + HOUR_NS for e in TRUTH], TRUTH, WATCHED, PRICES, np.random.default_rng(1), rounds=200)
    assert good["oracle"].cost <= good["detector"].cost < good["random"].cost / 200
    again = beside(ALARMS, TRUTH, WATCHED, PRICES, np.random.default_rng(1), rounds=200)
    assert again == found


@given(alarms=st.lists(st.integers(0, 16 * DAY_NS), max_size=12))
def test_laws(alarms: list[int]) -> None:
    found = tally(alarms, TRUTH, WATCHED, PRICES)
    assert tally(alarms[::-1], TRUTH, WATCHED, PRICES) == found
    assert 0 <= found.true_alarms <= found.alarms <= len(alarms)
    assert 0 <= found.caught <= found.failures == 3
    for ratio in (found.precision, found.recall, found.f1):
        assert ratio is None or 0.0 <= ratio <= 1.0
    best = tally(oracle_alarms(TRUTH, WATCHED), TRUTH, WATCHED, PRICES)
    assert best.cost <= found.cost
    for own, perfect in zip(found.leads_ns[::-1], best.leads_ns[::-1], strict=False):
        assert own <= perfect


@given(spans=st.lists(st.integers(1, 50), min_size=2, max_size=12), count=st.integers(0, 40), seed=st.integers(0, 999))
def test_random_alarms_are_where_one_watches(spans: list[int], count: int, seed: int) -> None:
    edges = np.cumsum(spans).tolist()
    watched = [(a, b) for n, (a, b) in enumerate(pairwise(edges)) if n % 2 == 0]
    drawn = random_alarms(count, watched, np.random.default_rng(seed))
    assert len(drawn) == count and list(drawn) == sorted(drawn)
    assert all(any(a <= t < b for a, b in watched) for t in drawn)
    assert random_alarms(count, [], np.random.default_rng(seed)) == ()


def test_the_oracle_begins_with_the_watching() -> None:
    one = [Episode(0, 10, failed=True), Episode(20, 30, failed=True)]
    assert oracle_alarms(one, [(5, 12), (40, 50)]) == (5,)
    assert oracle_alarms(one, []) == ()


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="truth"):
        tally([], TRUTH[::-1], WATCHED, PRICES)
    with pytest.raises(ValueError, match="watched"):
        tally([], TRUTH, [(5, 9), (8, 12)], PRICES)
    with pytest.raises(ValueError, match="at least 0"):
        Prices(-1.0, 0.0, ())
    with pytest.raises(ValueError, match="increasing"):
        Prices(1.0, 0.0, ((5, 1.0), (5, 2.0)))
    with pytest.raises(ValueError, match="rounds"):
        beside([], TRUTH, WATCHED, PRICES, np.random.default_rng(1), rounds=0)
    with pytest.raises(ValueError, match="onset"):
        Episode(5, 4, failed=True)


def test_episodes_by_hand() -> None:
    h = HOUR_NS
    # Runs to the failure at age 100; is repaired; stops at age 60, is renewed there; then runs on.
    states = [
        (0, True, 0, 100, 1),
        (100, False, 100, 100, 1),
        (110, True, 0, 80, 0),
        (170, False, 60, 80, 0),
        (180, True, 0, 90, 2),
    ]
    t, running, age, life, mode = (list(column) for column in zip(*states, strict=True))

    def found(until: int) -> tuple[Episode, ...]:
        return episodes(
            [x * h for x in t],
            running=running,
            ages=[x * h for x in age],
            lives=[x * h for x in life],
            modes=mode,
            visible_ns=[500 * h, 30 * h],
            until_ns=until * h,
        )

    first = Episode(70 * h, 100 * h, failed=True, sensor=1)
    second = Episode(150 * h, 170 * h + 10 * h, failed=False, sensor=0)
    # The third mode shows in no sensor: its failure has its onset at its end.
    assert found(500) == (first, second, Episode(270 * h, 270 * h, failed=True, sensor=-1))
    assert found(200) == (first, second)
    assert found(160) == (first, Episode(150 * h, 160 * h, failed=False, sensor=0))  # it is not over yet
    assert found(140) == (first,)
    assert WEEK_NS == 7 * DAY_NS


def test_a_life_that_is_cut_short_fails_without_warning_or_with_less() -> None:
    h = HOUR_NS

    def found(*states: tuple[int, bool, int, int]) -> tuple[Episode, ...]:
        t, running, age, life = (list(column) for column in zip(*states, strict=True))
        return episodes(
            [x * h for x in t],
            running=running,
            ages=[x * h for x in age],
            lives=[x * h for x in life],
            modes=[0] * len(t),
            visible_ns=[30 * h],
            until_ns=100 * h,
        )

    assert found((0, True, 0, 500), (20, False, 20, 20), (25, True, 0, 500)) == (Episode(20 * h, 20 * h, True, 0),)
    worn = found((0, True, 0, 500), (20, False, 20, 30), (22, True, 20, 30), (32, False, 30, 30), (40, True, 0, 500))
    assert worn == (Episode(20 * h, 32 * h, True, 0),)
