"""Remaining useful life: exact on exact trends, None without one, beside scipy, and bounded in memory."""

from __future__ import annotations

import json

import numpy as np
import pytest
from health_rows import HOUR_NS, MINUTE_NS, cut_up
from hypothesis import given
from hypothesis import strategies as st

from analytics.health import Trend, remaining, rising, theil_sen

HOURS = np.arange(50, dtype=np.int64) * HOUR_NS


def test_a_straight_line_reaches_its_threshold_when_it_does() -> None:
    found = remaining(HOURS, 10.0 + 0.5 * np.arange(50), 50.0, 10.0)
    assert found is not None
    assert found.form == "linear"
    assert found.at_ns == 49 * HOUR_NS
    for left in (found.left_ns, found.earliest_ns, found.latest_ns):
        assert left == pytest.approx((80 - 49) * HOUR_NS, rel=1e-9)
    assert found.p < 1e-6


def test_an_exponential_one_too_and_the_better_form_is_taken() -> None:
    found = remaining(HOURS, 3.0 + 0.01 * np.exp(0.1 * np.arange(50)), 13.0, 3.0)
    assert found is not None and found.form == "exponential"
    assert found.left_ns == pytest.approx((10 * np.log(1000) - 49) * HOUR_NS, rel=1e-9)
    straight = remaining(HOURS, 3.0 + 0.01 * np.exp(0.1 * np.arange(50)), 13.0, 3.0, form="linear")
    assert straight is not None and straight.left_ns > found.left_ns


def test_a_falling_degradation_is_the_mirror_of_a_rising_one() -> None:
    draw = np.random.default_rng(1)
    noise = draw.normal(size=50)
    up = remaining(HOURS, 10.0 + 0.5 * np.arange(50) + noise, 60.0, 10.0)
    down = remaining(HOURS, -(10.0 + 0.5 * np.arange(50) + noise), -60.0, -10.0)
    assert up is not None and down is not None
    assert down.left_ns == pytest.approx(up.left_ns, rel=1e-9)
    assert up.latest_ns is not None and up.earliest_ns < up.left_ns < up.latest_ns


def test_wild_values_hardly_move_it() -> None:
    values = 10.0 + 0.5 * np.arange(50)
    values[[3, 20, 44]] = [400.0, -300.0, 900.0]
    found = remaining(HOURS, values, 50.0, 10.0, form="linear")
    assert found is not None
    assert found.left_ns == pytest.approx(31 * HOUR_NS, rel=0.02)


def test_what_is_reached_has_nothing_left() -> None:
    found = remaining(HOURS, 10.0 + 1.0 * np.arange(50), 40.0, 10.0)
    assert found is not None
    assert found.left_ns == found.earliest_ns == found.latest_ns == 0


@pytest.mark.parametrize(
    "values",
    [
        np.full(50, 3.0),
        np.random.default_rng(2).normal(size=50),
        -np.arange(50.0),  # away from the threshold
        np.full(50, np.nan),
        np.where(np.arange(50) < 7, np.arange(50.0), np.nan),  # too few
        np.empty(0),
    ],
)
def test_without_a_trend_there_is_none(values: np.ndarray) -> None:
    assert remaining(HOURS[: len(values)], values, 100.0, 0.0) is None


def test_noise_is_taken_for_a_trend_as_seldom_as_said() -> None:
    draw = np.random.default_rng(3)
    found = [remaining(HOURS[:30], draw.normal(size=30), 10.0, 0.0, alpha=0.05) for _ in range(400)]
    assert np.mean([one is not None for one in found]) < 0.08


def test_bounds_hold_the_truth_as_often_as_said() -> None:
    draw = np.random.default_rng(4)
    inside = 0
    for _ in range(200):
        values = np.arange(50) + 3.0 * draw.normal(size=50)
        found = remaining(HOURS, values, 100.0, 0.0, form="linear", confidence=0.9)
        assert found is not None and found.latest_ns is not None
        inside += found.earliest_ns <= 51 * HOUR_NS <= found.latest_ns
    assert inside / 200 > 0.8  # of the slope: the level in the middle is not exact either


@given(
    values=st.lists(st.integers(-20, 20), min_size=3, max_size=40),
    factor=st.sampled_from([0.5, 2.0, 8.0]),
    offset=st.integers(-50, 50),
)
def test_theil_sen_is_scipys_and_goes_with_scale_and_shift(values: list[int], factor: float, offset: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    x, y = np.arange(len(values), dtype=np.float64), np.array(values, np.float64)
    found = theil_sen(x, y)
    assert found is not None
    oracle = stats.theilslopes(y, x, alpha=0.9)
    assert found.slope == pytest.approx(oracle.slope, abs=1e-12)
    if len(set(values)) > 1:
        assert (found.low, found.high) == pytest.approx((oracle.low_slope, oracle.high_slope), abs=1e-12)
    scaled = theil_sen(x, factor * y + offset)
    assert scaled is not None
    assert scaled.slope == pytest.approx(factor * found.slope)
    assert scaled.y == pytest.approx(factor * found.y + offset, abs=1e-9)
    assert scaled.x == found.x == np.median(x)
    assert found.low <= found.slope <= found.high


@given(values=st.lists(st.integers(-5, 5), min_size=8, max_size=60))
def test_the_trend_test_is_kendalls(values: list[int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    y = np.array(values, np.float64)
    p = rising(y)
    if len(set(values)) == 1:
        assert p is None
        return
    assert p is not None
    # scipy has no correction for continuity: undo ours to compare the test itself.
    oracle = stats.kendalltau(np.arange(len(y)), y, method="asymptotic", alternative="greater").pvalue
    s = float(np.sum(np.sign(np.subtract.outer(y, y))[np.tril_indices(len(y), -1)]))
    z = stats.norm.isf(p)
    assert stats.norm.sf(z * s / (s - np.sign(s)) if abs(s) > 1 else 0.0) == pytest.approx(
        oracle if abs(s) > 1 else 0.5, abs=1e-9
    )
    assert rising(-y) == pytest.approx(1 - p) if s else True


def test_too_little_for_a_slope() -> None:
    assert theil_sen(np.array([1.0]), np.array([1.0])) is None
    assert theil_sen(np.empty(0), np.empty(0)) is None


@given(
    steps=st.lists(st.integers(1, 400), min_size=1, max_size=300),
    cuts=st.lists(st.integers(0, 300), max_size=6),
    saved=st.booleans(),
)
def test_a_trend_is_bounded_and_chunks_do_not_matter(steps: list[int], cuts: list[int], saved: bool) -> None:
    times = np.cumsum(steps).astype(np.int64) * MINUTE_NS
    values = np.sin(np.arange(len(times)))
    whole = Trend(MINUTE_NS, 16)
    whole.update(times, values)
    trend = Trend(MINUTE_NS, 16)
    for piece in cut_up(cuts, len(times)):
        if saved:
            state = json.loads(json.dumps(trend.state(), allow_nan=False))
            trend = Trend(MINUTE_NS, 16)
            trend.load(state)
        trend.update(times[piece], values[piece])
    for a, b in zip(trend.points, whole.points, strict=True):
        assert np.array_equal(a, b)
    middles, means = whole.points
    assert 1 <= len(middles) <= 16
    assert np.all(np.diff(middles) > 0)
    assert means.min() >= values.min() and means.max() <= values.max()
    trend.update(times, values)  # all late now
    assert np.array_equal(trend.points[1], means)


def test_a_trend_feeds_the_remaining_life_and_can_begin_anew() -> None:
    trend = Trend(MINUTE_NS, 64)
    times = np.arange(0, 3000, dtype=np.int64) * MINUTE_NS
    trend.update(times, np.where(np.arange(3000) % 7 == 3, np.nan, 5.0 + times / HOUR_NS))
    found = remaining(*trend.points, 105.0, 5.0)
    assert found is not None
    assert found.at_ns + found.left_ns == pytest.approx(100 * HOUR_NS, rel=0.01)
    trend.clear()
    assert len(trend.points[0]) == 0
    assert remaining(*trend.points, 105.0, 5.0) is None


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="times"):
        remaining(HOURS[::-1], np.zeros(50), 1.0, 0.0)
    with pytest.raises(ValueError, match="times"):
        remaining(HOURS, np.zeros(49), 1.0, 0.0)
    with pytest.raises(ValueError, match="threshold"):
        remaining(HOURS, np.zeros(50), 1.0, 1.0)
    with pytest.raises(ValueError, match="confidence"):
        remaining(HOURS, np.zeros(50), 1.0, 0.0, confidence=1.0)
    with pytest.raises(ValueError, match="width_ns"):
        Trend(0)
    with pytest.raises(ValueError, match="shape"):
        Trend().update(HOURS, np.zeros(3))
