"""Kaplan-Meier with Greenwood's variance, and the tests for a trend: by hand, by laws, by oracles."""

from __future__ import annotations

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analytics.reliability import Bounds, kaplan_meier, laplace, median_life, mil_hdbk_189, survival_at
from analytics.reliability.trend import FEWEST

AGES = st.lists(st.integers(0, 30), max_size=12)
TIMES = st.lists(st.integers(1, 9999), min_size=4, max_size=30)


def test_by_hand() -> None:
    """Five lives: one fails at 3; two fail and one is lost from sight at 5; one is seen to 8."""
    first, second = kaplan_meier([3, 5, 5], [5, 8])
    assert (first.age, first.at_risk, first.failures, first.survival) == (3, 5, 1, 0.8)
    assert first.variance == pytest.approx(0.8**2 / (5 * 4))
    assert (second.age, second.at_risk, second.failures) == (5, 4, 2)
    assert second.survival == pytest.approx(0.4)
    assert second.variance == pytest.approx(0.4**2 * (1 / 20 + 2 / 8))


def test_nothing_and_the_last_failure() -> None:
    assert kaplan_meier([]) == kaplan_meier([], [4, 9]) == ()
    last = kaplan_meier([2, 4])[-1]
    assert (last.survival, last.variance, last.bounds) == (0.0, None, Bounds(None, None))
    assert median_life(()) is None
    assert survival_at((), 5) == 1.0


@given(AGES, AGES)
def test_scipy_estimates_the_same(failures: list[int], censored: list[int]) -> None:
    steps = kaplan_meier(failures, censored, 0.9)
    assert [step.age for step in steps] == sorted(set(failures))
    if not failures:
        return
    oracle = stats.ecdf(stats.CensoredData(failures, right=censored)).sf
    for step in steps:
        assert step.survival == pytest.approx(float(oracle.evaluate(step.age)), abs=1e-12)
        assert survival_at(steps, step.age) == step.survival
        if 0 < step.survival < 1:
            with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings(action="ignore"):
                low, high = (part.evaluate(step.age) for part in oracle.confidence_interval(0.9, method="log-log"))
            assert step.bounds.lower == pytest.approx(float(low), rel=1e-9)
            assert step.bounds.upper == pytest.approx(float(high), rel=1e-9)


@given(AGES, AGES, st.randoms())
def test_laws_of_survival(failures: list[int], censored: list[int], random) -> None:
    steps = kaplan_meier(failures, censored)
    values = [1.0, *(step.survival for step in steps)]
    assert all(a > b >= 0 for a, b in pairwise(values))
    for step in steps:
        if step.bounds.lower is not None:
            assert 0 <= step.bounds.lower <= step.survival <= step.bounds.upper <= 1
    random.shuffle(failures)
    random.shuffle(censored)
    assert kaplan_meier(failures, censored) == steps
    scaled = kaplan_meier([t * 10**9 for t in failures], [t * 10**9 for t in censored])
    assert [step.survival for step in scaled] == values[1:]
    if failures and not censored:  # then it is the share itself, and the variance that of a share
        for step in steps:
            share = sum(t > step.age for t in failures) / len(failures)
            assert step.survival == pytest.approx(share, abs=1e-12)
            if step.variance is not None:
                assert step.variance == pytest.approx(share * (1 - share) / len(failures), abs=1e-12)
        assert median_life(steps) == sorted(failures)[(len(failures) - 1) // 2]


def test_laplace_by_hand() -> None:
    found = laplace([100, 200, 300, 800], 1000)
    assert found.statistic == pytest.approx((350 - 500) / 1000 * math.sqrt(12 * 4))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(found.statistic)))
    assert (found.direction, found.freedom, found.stationary()) == ("improving", None, True)
    ended = laplace([100, 200, 300, 350, 800], 1000, terminated="failure")
    assert ended.statistic == pytest.approx((237.5 - 400) / 800 * math.sqrt(12 * 4))
    assert laplace([250, 750, 250, 750], 1000).direction == "none"


def test_mil_hdbk_189_by_hand() -> None:
    found = mil_hdbk_189([100, 200, 300, 800], 1000)
    statistic = 2 * sum(math.log(1000 / t) for t in (100, 200, 300, 800))
    assert found.statistic == pytest.approx(statistic)
    assert found.freedom == 8
    assert found.p_value == pytest.approx(2 * min(stats.chi2.sf(statistic, 8), stats.chi2.cdf(statistic, 8)))
    assert found.direction == "improving"
    ended = mil_hdbk_189([100, 200, 300, 800], 1000, terminated="failure")
    assert ended.statistic == pytest.approx(2 * sum(math.log(800 / t) for t in (100, 200, 300)))
    assert ended.freedom == 6


def test_too_few_failures_tell_nothing() -> None:
    assert laplace([1, 2, 3], 10) is laplace([], 0) is laplace([1, 2, 3, 4], 10, terminated="failure") is None
    assert mil_hdbk_189([], 10) is mil_hdbk_189([5], 10, terminated="failure") is mil_hdbk_189([0, 5], 10) is None
    assert mil_hdbk_189([5], 10).freedom == 2


def test_wrong_arguments_are_named() -> None:
    for test in (laplace, mil_hdbk_189):
        with pytest.raises(ValueError, match="times"):
            test([11], 10)
        with pytest.raises(ValueError, match="end"):
            test([], math.inf)
        with pytest.raises(ValueError, match="terminated"):
            test([1], 10, terminated="never")
    with pytest.raises(ValueError, match="level"):
        laplace([1, 2, 3, 4], 10).stationary(0.0)
    with pytest.raises(ValueError, match="ages"):
        kaplan_meier([-1])
    with pytest.raises(ValueError, match="confidence"):
        kaplan_meier([1], confidence=0)


@given(TIMES, st.integers(1, 10**12), st.randoms())
def test_laws_of_the_trend(times: list[int], unit: int, random) -> None:
    mirrored = {"improving": "deteriorating", "deteriorating": "improving", "none": "none"}
    before = laplace(times, 10_000)
    back = laplace([10_000 - t for t in times], 10_000)
    assert back.statistic == pytest.approx(-before.statistic, abs=1e-9)
    if abs(before.statistic) > 1e-9:
        assert back.direction == mirrored[before.direction]
    for test in (laplace, mil_hdbk_189):
        found = test(times, 10_000)
        assert 0 <= found.p_value <= 1
        scaled = test([t * unit for t in times], 10_000 * unit)
        assert scaled.statistic == pytest.approx(found.statistic, rel=1e-9, abs=1e-9)
        random.shuffle(times)
        assert test(times, 10_000) == found


def test_trends_are_found_and_constant_rates_are_not() -> None:
    """The level is kept (5 % of 1000 constant histories, within four standard errors), and a clear trend is seen."""
    draws = np.random.default_rng(42)
    for test in (laplace, mil_hdbk_189):
        even = [test(draws.uniform(0, 1, 12).tolist(), 1.0) for _ in range(1000)]
        gaps = [np.cumsum(draws.exponential(1, 12)).tolist() for _ in range(1000)]
        for flat in (even, [test(times, times[-1], terminated="failure") for times in gaps]):
            assert sum(not trend.stationary() for trend in flat) / 1000 == pytest.approx(0.05, abs=0.028)
        for power, name in ((1 / 2.5, "deteriorating"), (1 / 0.4, "improving")):
            seen = [test((draws.uniform(0, 1, 20) ** power).tolist(), 1.0) for _ in range(200)]
            assert sum(t.direction == name and not t.stationary() for t in seen) > 170


def test_the_fewest_failures_for_laplace_keep_its_level() -> None:
    """The exact chance of the sum of four uniform times beyond the normal's 2.5 % on each side."""
    n = FEWEST
    edge = n / 2 - stats.norm.ppf(0.975) * math.sqrt(n / 12)
    below = sum((-1) ** k * math.comb(n, k) * (edge - k) ** n for k in range(math.floor(edge) + 1)) / math.factorial(n)
    assert 2 * below == pytest.approx(0.047, abs=0.0005)  # as the module says
