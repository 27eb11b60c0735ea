"""Samples: sums that add to the last bit, and the spreads that come of them."""

from __future__ import annotations

import math
import random
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.quality import Sample, pooled
from analytics.quality.sample import LARGEST_VALUE

VALUE = st.floats(-1e6, 1e6)
VALUES = st.lists(VALUE, max_size=12)
GROUPS = st.lists(VALUES, max_size=6)


@given(GROUPS, st.randoms(use_true_random=False))
def test_samples_are_a_commutative_monoid_to_the_bit(groups: list[list[float]], chance: random.Random) -> None:
    parts = [Sample.subgroup(group) for group in groups] + [Sample.individuals(group) for group in groups]
    whole = pooled(parts)
    shuffled = chance.sample(parts, len(parts))
    cut = chance.randint(0, len(parts))
    assert pooled(shuffled) == whole
    assert pooled(shuffled[:cut]) + pooled(shuffled[cut:]) == whole
    assert whole + Sample() == Sample() + whole == whole


@given(GROUPS, st.randoms(use_true_random=False))
def test_order_within_a_subgroup_and_cutting_change_no_figure(groups: list[list[float]], chance: random.Random) -> None:
    values = [value for group in groups for value in group]
    whole = Sample.subgroup(values)
    parts = pooled(Sample.subgroup(group) for group in groups)
    assert (parts.mean, parts.sigma_overall) == (whole.mean, whole.sigma_overall)
    assert Sample.subgroup(chance.sample(values, len(values))) == whole


@given(st.lists(VALUE, min_size=2, max_size=20))
def test_mean_and_spread_are_those_of_the_exact_fractions(values: list[float]) -> None:
    sample = Sample.subgroup(values)
    assert sample.mean == statistics.mean(values)
    assert sample.sigma_overall == pytest.approx(statistics.stdev(values), rel=4e-16)
    assert sample.sigma_pooled == sample.sigma_overall
    assert min(values) <= sample.mean <= max(values)


@given(st.lists(st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=6), min_size=1, max_size=6))
def test_pooled_spread_is_numpys(groups: list[list[float]]) -> None:
    sample = pooled(Sample.subgroup(group) for group in groups)
    df = sum(len(group) - 1 for group in groups)
    expected = math.sqrt(sum((len(g) - 1) * np.var(g, ddof=1) for g in groups) / df)
    assert sample.sigma_pooled == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert sample.sigma_within == sample.sigma_pooled
    assert sample.within_df == df
    assert sample.sigma_overall == pytest.approx(np.std(np.concatenate(groups), ddof=1), rel=1e-12, abs=1e-12)


@given(st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=20))
def test_moving_range_spread_is_numpys(values: list[float]) -> None:
    run = Sample.individuals(values)
    assert run.sigma_moving_range == pytest.approx(np.abs(np.diff(values)).mean() / (2 / math.sqrt(math.pi)), rel=1e-12)
    assert run.sigma_within == run.sigma_moving_range
    assert run.sigma_pooled is None


@given(
    st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=10),
    st.integers(-(10**9), 10**9).map(float),
    st.sampled_from([-4.0, -1.0, 0.25, 8.0]),
)
def test_spread_ignores_a_shift_and_follows_the_scale(values: list[float], shift: float, scale: float) -> None:
    for make in (Sample.subgroup, Sample.individuals):
        before, after = make(values), make([scale * (value + shift) for value in values])
        assert after.mean == pytest.approx(scale * (before.mean + shift), rel=1e-15)
        for name in ("sigma_overall", "sigma_pooled", "sigma_moving_range"):
            old, new = getattr(before, name), getattr(after, name)
            assert new == (None if old is None else pytest.approx(abs(scale) * old, rel=4e-16))


def test_a_large_offset_loses_no_digit_where_the_one_pass_formula_does() -> None:
    values = [1e9 + x for x in (4.0, 7.0, 13.0, 16.0)]
    naive = sum(x * x for x in values) / 4 - (sum(values) / 4) ** 2
    assert Sample.subgroup(values).sigma_overall == math.sqrt(30.0)
    assert not math.isclose(naive * 4 / 3, 30.0, rel_tol=0.01)


def test_a_summary_stands_for_its_values() -> None:
    values = [2.0, 4.0, 6.0, 8.0]
    known = Sample.summary(4, 5.0, Sample.subgroup(values).sigma_overall)
    both, exact = known + Sample.subgroup([1.0, 3.0]), Sample.subgroup(values) + Sample.subgroup([1.0, 3.0])
    assert (both.n, both.df, both.mean) == (exact.n, exact.df, exact.mean)
    assert both.sigma_pooled == pytest.approx(exact.sigma_pooled, rel=1e-15)
    assert both.sigma_overall == pytest.approx(exact.sigma_overall, rel=1e-15)
    assert Sample.summary(1, 5.0) == Sample.subgroup([5.0])


def test_machines_that_stand_apart_show_it_overall_and_not_within() -> None:
    apart = Sample.subgroup([9.0, 11.0]) + Sample.subgroup([19.0, 21.0])
    assert apart.sigma_within == pytest.approx(math.sqrt(2))
    assert apart.sigma_overall == pytest.approx(math.sqrt(104 / 3))


def test_between_two_runs_there_is_no_range() -> None:
    assert (Sample.individuals([1.0, 2.0]) + Sample.individuals([100.0, 101.0])).range_total == 2


def test_too_few_values_are_undefined_and_equal_ones_have_no_spread() -> None:
    for nothing in (Sample(), Sample.subgroup([]), Sample.individuals([]), pooled([])):
        assert nothing == Sample()
        assert nothing.mean is nothing.sigma_overall is nothing.sigma_within is nothing.within_df is None
    for one in (Sample.subgroup([3.0]), Sample.individuals([3.0])):
        assert one.mean == 3.0
        assert one.sigma_overall is one.sigma_within is one.within_df is None
    for equal in (Sample.subgroup([0.1] * 7), Sample.individuals([0.1] * 7)):
        assert (equal.mean, equal.sigma_overall, equal.sigma_within) == (0.1, 0.0, 0.0)


def test_degrees_of_freedom_of_moving_ranges_are_what_chance_shows() -> None:
    """Of an estimate with ν degrees of freedom, (sd / mean)² is about 1 / 2ν: measured over 4,000 seeded runs of 30."""
    draws = np.random.default_rng(20261122).standard_normal((4000, 30))
    estimates = np.abs(np.diff(draws, axis=1)).mean(axis=1)
    measured = 1 / (2 * (estimates.std(ddof=1) / estimates.mean()) ** 2)
    assert Sample.individuals(draws[0]).within_df == pytest.approx(measured, rel=0.06)
    assert Sample.individuals([1.0, 2.0]).within_df == pytest.approx(1.0, rel=0.15)  # |N| has one; by this measure 0.88


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e200])
def test_a_value_that_is_none_is_named(value: float) -> None:
    for make in (Sample.subgroup, Sample.individuals):
        with pytest.raises(ValueError, match="value 1 is"):
            make([1.0, value])


@pytest.mark.parametrize(("n", "sd"), [(0, None), (1, 2.0), (2, None), (3, -1.0)])
def test_a_summary_that_cannot_be_is_refused(n: int, sd: float | None) -> None:
    with pytest.raises(ValueError, match=r"summary|deviation"):
        Sample.summary(n, 1.0, sd)


@pytest.mark.parametrize("size", [5e-324, 1e-200, 1e-160, 1e140, LARGEST_VALUE])
def test_the_smallest_and_the_largest_values_keep_their_spread(size: float) -> None:
    assert Sample.subgroup([0.0, size]).sigma_overall == pytest.approx(size / math.sqrt(2), rel=1e-15, abs=5e-324)
