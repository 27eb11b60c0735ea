"""Capability: identities, bounds, one-sided specifications, intervals, products of several machines."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analytics.quality import (
    Indices,
    Sample,
    Spec,
    capability,
    critical_interval,
    indices,
    machine_capability,
    pooled,
    potential_interval,
    product_capability,
    worst,
)

BOTH = Spec(-10.0, 10.0)
MEAN, SIGMA = st.floats(-30, 30), st.floats(0.01, 20)
GROUPS = st.lists(st.lists(st.integers(-900, 900).map(lambda x: x / 8), min_size=2, max_size=5), min_size=1, max_size=5)


@given(MEAN, SIGMA)
def test_identities_and_bounds(mean: float, sigma: float) -> None:
    found = indices(mean, sigma, BOTH)
    assert found.critical == min(found.lower, found.upper)
    assert found.critical <= found.potential * (1 + 1e-12)
    assert found.critical == pytest.approx(found.potential * (1 - found.off_center), rel=1e-9, abs=1e-9)
    assert found.potential == pytest.approx((found.lower + found.upper) / 2)
    assert 0 <= found.nonconforming <= 1
    outside = stats.norm.cdf(-10, mean, sigma) + stats.norm.sf(10, mean, sigma)
    assert found.nonconforming == pytest.approx(outside, rel=1e-9, abs=1e-300)


@given(MEAN, SIGMA, st.sampled_from([0.5, 2.0, 1024.0]), st.integers(-100, 100))
def test_the_unit_does_not_matter(mean: float, sigma: float, scale: float, shift: int) -> None:
    before = indices(mean, sigma, BOTH)
    after = indices(scale * (mean + shift), scale * sigma, Spec(scale * (shift - 10.0), scale * (shift + 10.0)))
    for name in ("potential", "lower", "upper", "critical", "off_center"):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-9, abs=1e-9)


@given(MEAN, SIGMA)
def test_one_sided_specifications_have_one_side_and_no_potential(mean: float, sigma: float) -> None:
    whole, above, below = (indices(mean, sigma, spec) for spec in (BOTH, Spec(upper=10.0), Spec(lower=-10.0)))
    assert above == Indices(upper=whole.upper, critical=whole.upper, nonconforming=above.nonconforming)
    assert below == Indices(lower=whole.lower, critical=whole.lower, nonconforming=below.nonconforming)
    assert above.nonconforming + below.nonconforming == pytest.approx(whole.nonconforming)


def test_off_center_process_outside_its_limits_is_below_zero() -> None:
    assert indices(13.0, 1.0, BOTH).critical == -1.0


def test_undefined_is_none_and_never_zero_or_infinite() -> None:
    assert indices(None, 1.0, BOTH) == indices(1.0, None, BOTH) == indices(1.0, 0.0, BOTH) == Indices()
    assert indices(1.0, 5e-324, BOTH) == Indices(off_center=0.1, nonconforming=0.0)
    assert machine_capability([], BOTH) == machine_capability([3.0], BOTH) == Indices()
    assert machine_capability([3.0, 3.0, 3.0], BOTH) == Indices()
    nothing = capability(Sample(), BOTH)
    assert (nothing.n, nothing.mean, nothing.cp, nothing.cpk, nothing.pp, nothing.ppk) == (0, *[None] * 5)
    assert nothing.cp_interval is nothing.cpk_interval is nothing.pp_interval is nothing.ppk_interval is None
    assert nothing.stable is None
    one = capability(Sample.subgroup([1.0]), BOTH)
    assert one.mean == 1.0
    assert one.cpk is one.ppk is None


def test_wrong_arguments_are_named() -> None:
    for limits in ((None, None), (1.0, 1.0), (2.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))):
        with pytest.raises(ValueError, match="specification"):
            Spec(*limits)
    for mean, sigma in ((float("nan"), 1.0), (0.0, -1.0), (0.0, float("inf"))):
        with pytest.raises(ValueError, match="mean and sigma"):
            indices(mean, sigma, BOTH)
    for confidence in (0.0, 1.0, 95.0):
        with pytest.raises(ValueError, match="confidence"):
            capability(Sample(), BOTH, confidence)


def test_machine_capability_is_of_the_run_alone() -> None:
    run = [9.9, 10.0, 10.1, 10.2, 9.8]
    found = machine_capability(run, Spec(9.0, 11.5))
    assert found.potential == pytest.approx(2.5 / 6 / np.std(run, ddof=1))
    assert found.critical == pytest.approx(1.0 / 3 / np.std(run, ddof=1))


@given(GROUPS)
def test_pooling_recomputes_from_all_values_in_any_order(groups: list[list[float]]) -> None:
    spec = Spec(-100.0, 120.0)
    parts = [Sample.subgroup(group) for group in groups]
    found = capability(pooled(parts), spec)
    assert capability(pooled(reversed(parts)), spec) == found
    values = np.concatenate(groups)
    if found.pp is not None:
        assert found.pp == pytest.approx(220 / 6 / np.std(values, ddof=1))
        assert found.ppk == pytest.approx(min(120 - values.mean(), values.mean() + 100) / 3 / np.std(values, ddof=1))


def test_a_product_is_pooled_and_named_by_its_worst_machine_never_averaged() -> None:
    spec = Spec(9.0, 11.0)
    good = Sample.subgroup([9.9, 10.0, 10.1, 10.0]) + Sample.subgroup([10.0, 9.9, 10.1, 10.0])
    shifted = Sample.subgroup([10.5, 10.6, 10.7, 10.6]) + Sample.subgroup([10.6, 10.5, 10.7, 10.6])
    found = product_capability({"m1": good, "m2": shifted, "m3": Sample.subgroup([10.0])}, spec)
    assert (found.worst, found.cpk_min) == ("m2", found.parts["m2"].cpk)
    assert found.pooled == capability(pooled([good, shifted, Sample.subgroup([10.0])]), spec)
    mean_of_indices = (found.parts["m1"].cpk + found.parts["m2"].cpk) / 2
    assert found.pooled.cpk != pytest.approx(mean_of_indices, rel=0.01)
    assert found.pooled.ppk < found.pooled.cpk  # the machines stand apart, and only the overall spread shows it
    assert found.parts["m3"].cpk is None
    assert worst({}) is worst({"m3": found.parts["m3"]}) is None


def test_of_equally_bad_machines_the_first_by_name_is_named() -> None:
    same = Sample.subgroup([1.0, 2.0])
    assert product_capability({"b": same, "a": same}, BOTH).worst == "a"


def test_stability_is_carried_along() -> None:
    assert capability(Sample.subgroup([1.0, 2.0]), BOTH, stable=False).stable is False


@given(st.floats(0.1, 5), st.integers(2, 500), st.floats(0.5, 0.999))
def test_intervals_hold_the_index_and_widen_with_confidence(index: float, n: int, confidence: float) -> None:
    wider = 1 - (1 - confidence) / 2
    for interval in (
        lambda level: potential_interval(index, n - 1, level),
        lambda level: critical_interval(index, n, n - 1, level),
    ):
        low, high = interval(confidence)
        further_low, further_high = interval(wider)
        assert further_low < low < high < further_high
    low, high = critical_interval(index, n, n - 1, confidence)
    assert low < index < high


def test_intervals_narrow_with_more_values_and_are_undefined_without() -> None:
    widths = [np.diff(critical_interval(1.3, n, n - 1))[0] for n in (10, 100, 1000)]
    assert widths == sorted(widths, reverse=True)
    assert potential_interval(None, 5.0) is potential_interval(1.0, None) is potential_interval(1.0, 0.0) is None
    assert critical_interval(None, 5, 4.0) is critical_interval(1.0, 5, None) is critical_interval(1.0, 0, 1.0) is None
    assert critical_interval(1e200, 5, 4.0) is None


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """4,000 seeded samples of 50 values from N(1, 2²) with limits -8 and 8, where Cp = 4/3 and Cpk = 7/6."""
    draws = np.random.default_rng(20261122).normal(1.0, 2.0, (4000, 50))
    means, spreads = draws.mean(axis=1), draws.std(axis=1, ddof=1)
    hits_cp = hits_cpk = 0
    for mean, sigma in zip(means, spreads, strict=True):
        found = indices(float(mean), float(sigma), Spec(-8.0, 8.0))
        low, high = potential_interval(found.potential, 49, 0.9)
        hits_cp += low <= 4 / 3 <= high
        low, high = critical_interval(found.critical, 50, 49, 0.9)
        hits_cpk += low <= 7 / 6 <= high
    assert hits_cp / 4000 == pytest.approx(0.9, abs=0.015)
    assert hits_cpk / 4000 == pytest.approx(0.9, abs=0.02)


def test_scipy_and_mfgqc_agree() -> None:
    mfgqc, pd = pytest.importorskip("mfgqc"), pytest.importorskip("pandas")
    draws = np.random.default_rng(7).normal(10.0, 0.4, (25, 5))
    groups = draws.tolist()
    frame = pd.DataFrame({"x": draws.ravel(), "g": np.repeat(np.arange(25), 5)})
    theirs = mfgqc.load(frame, measure="x", subgroup="g").spec(lower=8.5, upper=11.0).capability()
    ours = capability(pooled(Sample.subgroup(group) for group in groups), Spec(8.5, 11.0))
    assert ours.pp == pytest.approx(theirs.pp, rel=1e-12)
    assert ours.ppk == pytest.approx(theirs.ppk, rel=1e-12)
    assert ours.cp == pytest.approx(theirs.cp, rel=0.05)  # theirs is by R̄/d2, ours by the pooled spread
    assert theirs.sigma_overall == pytest.approx(ours.sigma_overall, rel=1e-12)
    low, high = ours.pp_interval
    assert low == pytest.approx(ours.pp * math.sqrt(stats.chi2.ppf(0.025, 124) / 124), rel=1e-12)
    assert high == pytest.approx(ours.pp * math.sqrt(stats.chi2.ppf(0.975, 124) / 124), rel=1e-12)
    assert ours.cp_interval == potential_interval(ours.cp, 100)  # four of each subgroup's five are free
    assert ours.cpk_interval == critical_interval(ours.cpk, 125, 100)
    assert ours.ppk_interval == critical_interval(ours.ppk, 125, 124)
    low, high = critical_interval(theirs.cpk, 125, 124)
    assert theirs.cpk_ci == pytest.approx((low, high), rel=1e-9)
