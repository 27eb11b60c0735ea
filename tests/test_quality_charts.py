"""Control charts: limits and signals against another package, laws, edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.quality import (
    NELSON,
    WESTERN_ELECTRIC,
    Baseline,
    Chart,
    Cusum,
    CusumDesign,
    Ewma,
    Limits,
    Rule,
    c_center,
    c_chart,
    c_limits,
    cusum_design,
    ewma_chart,
    individuals_baseline,
    individuals_chart,
    p_center,
    p_chart,
    p_limits,
    range_baseline,
    run_rules,
    sd_baseline,
    xbar_r_chart,
    xbar_s_chart,
)

EIGHTH = st.integers(-400, 400).map(lambda x: x / 8)


def groups_of(count: int, size: int, seed: int = 5) -> list[list[float]]:
    draws = np.random.default_rng(seed).normal(50.0, 2.0, (count, size))
    draws[3] += 6.0
    draws[7, 0] += 15.0
    return draws.tolist()


def theirs_of(groups: list[list[float]], kind: str, rules: str = "nelson") -> Any:
    mfgqc, pd = pytest.importorskip("mfgqc"), pytest.importorskip("pandas")
    size = len(groups[0])
    frame = pd.DataFrame({"x": np.ravel(groups), "g": np.repeat(np.arange(len(groups)), size)})
    data = mfgqc.load(frame, measure="x", **({"subgroup": "g"} if size > 1 else {}))
    return data.control_chart(kind=kind, rules=rules)


def beyond(result: Any, panel: str, ruleset: str = "nelson") -> set[int]:
    return {v.point for v in result.violations if v.chart == panel and v.rule == f"{ruleset}_1"}


@pytest.mark.parametrize("size", [2, 5, 8])
@pytest.mark.parametrize("kind", ["xbar_r", "xbar_s"])
def test_mfgqc_agrees_on_subgroups_to_the_digits_of_its_table(kind: str, size: int) -> None:
    groups = groups_of(20, size)
    theirs = theirs_of(groups, kind)
    if kind == "xbar_r":
        location, spread = xbar_r_chart(groups, range_baseline(groups))
    else:
        location, spread = xbar_s_chart(groups, sd_baseline(groups))
    assert location.points == pytest.approx(theirs.location_points, rel=1e-12)
    assert spread.points == pytest.approx(theirs.disp_points, rel=1e-12)
    assert location.limits[0].center == pytest.approx(theirs.location_cl, rel=1e-12)
    assert spread.limits[0].center == pytest.approx(theirs.disp_cl, rel=1e-12)
    assert location.limits[0].upper == pytest.approx(theirs.location_ucl[0], abs=0.005)
    assert location.limits[0].lower == pytest.approx(theirs.location_lcl[0], abs=0.005)
    assert spread.limits[0].upper == pytest.approx(theirs.disp_ucl[0], abs=0.02)
    assert spread.limits[0].lower == pytest.approx(theirs.disp_lcl[0], abs=0.02)
    assert set(location.fired().get(Rule.NELSON_1, ())) == beyond(theirs, "location")
    assert set(spread.fired().get(Rule.ABOVE_UPPER, ())) == beyond(theirs, "dispersion")
    assert location.in_control is False


def test_mfgqc_agrees_on_individuals() -> None:
    x = [value for group in groups_of(30, 1, seed=9) for value in group]
    theirs = theirs_of([[value] for value in x], "i_mr", "western_electric")
    location, ranges = individuals_chart(x, individuals_baseline(x), WESTERN_ELECTRIC)
    assert location.limits[0].upper == pytest.approx(theirs.location_ucl[0], abs=0.01)
    assert ranges.limits[0].upper == pytest.approx(theirs.disp_ucl[0], abs=0.01)
    assert ranges.points[1:] == pytest.approx(theirs.disp_points[1:], rel=1e-12)
    assert ranges.points[0] is None
    assert set(location.fired().get(Rule.WECO_1, ())) == beyond(theirs, "location", "western_electric")
    assert set(ranges.fired().get(Rule.ABOVE_UPPER, ())) == beyond(theirs, "dispersion", "western_electric")


def test_mfgqc_agrees_on_counts_and_shares() -> None:
    mfgqc, pd = pytest.importorskip("mfgqc"), pytest.importorskip("pandas")
    bad, sizes = [3, 9, 4, 2, 16, 0, 5, 30], [50, 80, 40, 60, 70, 30, 55, 90]
    frame = pd.DataFrame({"bad": bad, "n": sizes})
    theirs = mfgqc.load(frame, measure="bad").control_chart(kind="p", n="n")
    ours = p_chart(bad, sizes, p_center(bad, sizes))
    assert ours.points == pytest.approx(theirs.location_points)
    assert [limits.upper for limits in ours.limits] == pytest.approx(theirs.location_ucl)
    assert [limits.lower for limits in ours.limits] == pytest.approx(theirs.location_lcl)
    assert set(ours.fired().get(Rule.NELSON_1, ())) == beyond(theirs, "location") == {8}
    theirs = mfgqc.load(frame, measure="bad").control_chart(kind="c")
    ours = c_chart(bad, c_center(bad))
    assert ours.limits[0].upper == pytest.approx(theirs.location_ucl[0])
    assert set(ours.fired().get(Rule.NELSON_1, ())) == beyond(theirs, "location") == {8}


@given(st.lists(EIGHTH, max_size=30), EIGHTH, st.sampled_from([0.125, 1.0, 16.0]))
def test_the_individuals_chart_is_the_stream_of_rules_and_its_first_rule_the_limits(
    x: list[float], mean: float, sigma: float
) -> None:
    location, ranges = individuals_chart(x, Baseline(mean, sigma))
    assert location.signals == run_rules(x, mean, sigma, NELSON)
    assert len(location.points) == len(location.limits) == len(ranges.points) == len(ranges.signals) == len(x)
    for point, limits, fired in zip(location.points, location.limits, location.signals, strict=True):
        assert bool(limits.beyond(point)) == (Rule.NELSON_1 in fired)


@given(
    st.lists(st.lists(EIGHTH, min_size=3, max_size=3), min_size=2, max_size=8),
    st.integers(-50, 50).map(float),
    st.sampled_from([0.25, 1.0, 8.0]),
)
def test_limits_move_and_stretch_with_the_values(groups: list[list[float]], shift: float, scale: float) -> None:
    moved = [[scale * (value + shift) for value in group] for group in groups]
    for estimate in (range_baseline, sd_baseline):
        before, after = estimate(groups), estimate(moved)
        assert after.sigma == pytest.approx(scale * before.sigma, rel=1e-12)
        if before.sigma:
            for name in ("lower", "center", "upper"):
                old, new = getattr(before.mean_limits(), name), getattr(after.mean_limits(), name)
                assert new == pytest.approx(scale * (old + shift), rel=1e-9, abs=1e-9)


@given(st.lists(st.lists(EIGHTH, min_size=3, max_size=3), min_size=1, max_size=8))
def test_a_baseline_does_not_depend_on_the_order_of_subgroups(groups: list[list[float]]) -> None:
    for estimate in (range_baseline, sd_baseline):
        assert estimate(groups) == estimate(groups[::-1]) == estimate([group[::-1] for group in groups])


def test_subgroup_means_are_judged_by_their_own_spread() -> None:
    baseline = Baseline(10.0, 2.0, size=4)
    assert baseline.mean_limits() == Limits(10.0, 7.0, 13.0, 1.0)
    assert Ewma(baseline, weight=1.0).update(11.0).limits == Limits(10.0, 7.0, 13.0, 1.0)
    assert cusum_design(baseline) == CusumDesign(10.0, 0.5, 5.0)


def test_phase_two_is_judged_by_phase_one_and_not_by_itself() -> None:
    before = individuals_baseline([10.0, 10.2, 9.9, 10.1, 9.8, 10.0])
    later = [11.5] * 5
    location, _ = individuals_chart(later, before)
    assert location.fired()[Rule.NELSON_1] == (1, 2, 3, 4, 5)
    by_itself, _ = individuals_chart(later, individuals_baseline(later))
    assert by_itself.in_control is None


def test_shares_of_the_total_and_not_the_mean_of_shares() -> None:
    assert p_center([1, 50], [100, 100]) == 0.255
    assert p_center([1, 1], [1, 99]) == 0.02  # the mean of shares would be 0.505


def test_a_standardised_share_is_judged_by_its_own_sample_and_empty_samples_are_passed_over() -> None:
    chart = p_chart([5, 0, 5], [100, 0, 10], center=0.05)
    assert chart.points == (0.05, None, 0.5)
    assert chart.signals[1] == frozenset()
    assert chart.fired() == {Rule.NELSON_1: (3,)}
    row = p_chart([6, 6, 6, 6, 0, 6, 6, 6, 6, 6], [100, 90, 80, 70, 0, 60, 50, 110, 100, 90], center=0.05)
    assert row.fired()[Rule.NELSON_2] == (10,)  # nine samples, for the empty one is none


@given(st.floats(0, 1), st.integers(1, 500))
def test_limits_of_shares_and_counts_stay_where_points_can_be(center: float, size: int) -> None:
    shares, counts = p_limits(center, size), c_limits(center * size)
    if shares.center is not None:
        assert 0 <= shares.lower <= shares.center <= shares.upper <= 1
    if counts.center is not None:
        assert 0 <= counts.lower <= counts.center <= counts.upper


def test_without_data_or_spread_there_are_no_limits_and_no_signals() -> None:
    nothing = Baseline(None, None)
    assert individuals_baseline([]) == range_baseline([]) == sd_baseline([]) == nothing
    assert individuals_baseline([3.0]) == Baseline(3.0, None)
    assert individuals_baseline([3.0, 3.0]) == Baseline(3.0, 0.0)
    for baseline in (nothing, Baseline(3.0, None), Baseline(3.0, 0.0)):
        assert baseline.mean_limits() == baseline.range_limits() == Limits()
        location, ranges = individuals_chart([3.0, 99.0], baseline)
        assert location.in_control is ranges.in_control is None
        assert not any(location.signals + ranges.signals)
        assert ewma_chart([3.0, 99.0], baseline).points == (None, None)
        assert ewma_chart([3.0, 99.0], baseline).in_control is None
        assert cusum_design(baseline) is None
    assert Baseline(0.0, 1.0).sd_limits() == Limits()
    for empty in (individuals_chart([], Baseline(0.0, 1.0)), xbar_r_chart([], Baseline(0.0, 1.0, 5))):
        assert all(chart == Chart(chart.name, (), (), ()) and chart.in_control is None for chart in empty)
    assert c_center([]) is p_center([], []) is p_center([0], [0]) is None
    assert c_limits(None) == c_limits(0.0) == p_limits(None, 5) == p_limits(0.0, 5) == p_limits(0.5, 0) == Limits()
    assert c_chart([4, 5], None).in_control is None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda: individuals_chart([1.0, float("nan")], Baseline(0.0, 1.0)), "value 1"),
        (lambda: individuals_chart([1.0], Baseline(0.0, 1.0, 5)), "size 1"),
        (lambda: xbar_r_chart([[1.0, 2.0]], Baseline(0.0, 1.0, 3)), "subgroup 0"),
        (lambda: xbar_s_chart([[1.0, 2.0]], Baseline(0.0, 1.0, 1)), "subgroup 0"),
        (lambda: range_baseline([[1.0, 2.0], [1.0]]), "subgroup 1"),
        (lambda: sd_baseline([[1.0]]), "subgroup 0"),
        (lambda: Baseline(float("inf"), 1.0), "mean"),
        (lambda: Baseline(0.0, -1.0), "sigma"),
        (lambda: Baseline(0.0, 1.0, 0), "size"),
        (lambda: Ewma(Baseline(0.0, 1.0), weight=0.0), "weight"),
        (lambda: Ewma(Baseline(0.0, 1.0), width=0.0), "width"),
        (lambda: Ewma(Baseline(0.0, 1.0)).update(float("nan")), "value 0"),
        (lambda: CusumDesign(0.0, -0.1, 1.0), "allowance"),
        (lambda: CusumDesign(0.0, 0.5, 0.0), "decision"),
        (lambda: Cusum(CusumDesign(0.0, 0.5, 5.0)).update(float("inf")), "value 0"),
        (lambda: c_chart([1, -1], 1.0), "count 1"),
        (lambda: c_chart([1], -1.0), "center"),
        (lambda: c_center([1.5]), "whole number"),
        (lambda: c_chart([float("inf")], 1.0), "whole number"),
        (lambda: p_chart([2], [1], 0.5), "2 nonconforming of 1"),
        (lambda: p_chart([1, 1], [2], 0.5), "2 numbers"),
        (lambda: p_chart([1], [2], 1.5), "center"),
    ],
)
def test_wrong_arguments_are_named(wrong: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        wrong()
