"""EWMA and CUSUM: their exact sums, another package, published run lengths."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.quality import (
    Baseline,
    Cusum,
    CusumDesign,
    Rule,
    cusum_chart,
    cusum_design,
    ewma_chart,
    individuals_chart,
)

EIGHTH = st.integers(-400, 400).map(lambda x: x / 8)


def test_mfgqc_agrees_on_ewma_and_cusum() -> None:
    mfgqc, pd = pytest.importorskip("mfgqc"), pytest.importorskip("pandas")
    x = np.random.default_rng(3).normal(10.6, 1.0, 40).tolist()
    data = mfgqc.load(pd.DataFrame({"x": x}), measure="x")
    baseline = Baseline(10.0, 1.0)
    theirs = data.ewma_chart(lam=0.2, L=2.7, mu0=10.0, sigma=1.0)
    ours = ewma_chart(x, baseline, weight=0.2, width=2.7)
    assert ours.points == pytest.approx(theirs.z)
    assert [limits.upper for limits in ours.limits] == pytest.approx(theirs.ucl)
    assert {v.point for v in theirs.violations} == {i for i, fired in enumerate(ours.signals, 1) if fired} != set()
    theirs = data.cusum_chart(k=0.5, h=4, mu0=10.0, sigma=1.0)
    high, low = cusum_chart(x, cusum_design(baseline, 0.5, 4.0))
    assert high.points == pytest.approx(theirs.c_plus)
    assert [-point for point in low.points] == pytest.approx(theirs.c_minus)
    assert {v.point for v in theirs.violations} == set(high.fired()[Rule.ABOVE_UPPER])


@given(st.lists(EIGHTH, min_size=1, max_size=25), st.sampled_from([0.05, 0.3, 0.5, 1.0]))
def test_ewma_is_its_exact_sum_and_its_limits_grow_to_the_asymptote(x: list[float], weight: float) -> None:
    chart = ewma_chart(x, Baseline(1.0, 2.0), weight)
    steady = ewma_chart(x, Baseline(1.0, 2.0), weight, asymptotic=True)
    exact, share = Fraction(1), Fraction(weight)
    for point, value in zip(chart.points, x, strict=True):
        exact = share * Fraction(value) + (1 - share) * exact
        assert point == pytest.approx(float(exact), rel=1e-12, abs=1e-12)
    uppers = [limits.upper for limits in chart.limits]
    assert uppers == sorted(uppers)
    assert uppers[0] == pytest.approx(1 + 3 * 2 * weight)
    assert uppers[-1] <= steady.limits[0].upper * (1 + 1e-12)
    assert chart.points == steady.points
    assert len(set(steady.limits)) == 1


@given(st.lists(EIGHTH, max_size=25))
def test_ewma_of_full_weight_is_the_shewhart_chart(x: list[float]) -> None:
    baseline = Baseline(1.0, 2.0)
    shewhart, _ = individuals_chart(x, baseline, frozenset({Rule.NELSON_1}))
    chart = ewma_chart(x, baseline, weight=1.0)
    assert chart.points == shewhart.points
    assert [bool(fired) for fired in chart.signals] == [bool(fired) for fired in shewhart.signals]


@given(st.lists(EIGHTH, max_size=25), st.sampled_from([0.0, 0.5, 2.0]))
def test_cusum_is_the_largest_sum_of_a_stretch_that_ends_here(x: list[float], allowance: float) -> None:
    """The recursion with max(0, ...) equals the largest of the sums over all last stretches, the empty one included."""
    design = CusumDesign(target=2.0, allowance=allowance, decision=10.0)
    state = Cusum(design)
    for end in range(len(x)):
        point = state.update(x[end])
        up = [sum(v - 2.0 - allowance for v in x[start : end + 1]) for start in range(end + 2)]
        down = [sum(2.0 - allowance - v for v in x[start : end + 1]) for start in range(end + 2)]
        assert (point.high, point.low) == (max(up), max(down))
        expected = {Rule.ABOVE_UPPER: max(up) > 10, Rule.BELOW_LOWER: max(down) > 10}
        assert point.signals == {rule for rule, on in expected.items() if on}
    high, low = cusum_chart(x, design)
    mirrored_high, mirrored_low = cusum_chart([4.0 - v for v in x], design)
    assert [fired != frozenset() for fired in high.signals] == [fired != frozenset() for fired in mirrored_low.signals]
    assert [fired != frozenset() for fired in low.signals] == [fired != frozenset() for fired in mirrored_high.signals]


@pytest.mark.parametrize(("shift", "expected", "draws"), [(0.0, 465.0, 150_000), (1.0, 10.4, 20_000)])
def test_cusum_takes_as_many_points_as_published(shift: float, expected: float, draws: int) -> None:
    """Of k = 1/2 and h = 5 (Montgomery, Introduction to Statistical Quality Control, from Siegmund's approximation)."""
    design = cusum_design(Baseline(0.0, 1.0))
    lengths, state, begun = [], Cusum(design), 0
    for count, x in enumerate(np.random.default_rng(20261122).normal(shift, 1.0, draws).tolist(), 1):
        if state.update(x).signals:
            lengths.append(count - begun)
            state, begun = Cusum(design), count
    assert np.mean(lengths) == pytest.approx(expected, rel=0.15)


def test_a_sum_on_the_decision_interval_is_not_beyond_it() -> None:
    up, down = Cusum(CusumDesign(0.0, 0.5, 2.0)), Cusum(CusumDesign(0.0, 0.5, 2.0))
    assert [bool(up.update(x).signals) for x in (1.5, 1.5, 0.75)] == [False, False, True]
    assert [bool(down.update(x).signals) for x in (-1.5, -1.5, -0.75)] == [False, False, True]
