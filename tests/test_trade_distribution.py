"""Pools of samples: laws, edges, and numpy beside them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.trade import Samples, pooled
from analytics.trade.distribution import EMPTY, fraction, quotient

VALUES = st.lists(st.integers(-(10**6), 10**6), max_size=30)
SOME = st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30)


@given(one=VALUES, two=VALUES, three=VALUES)
def test_pools_add_in_any_order(one: list[int], two: list[int], three: list[int]) -> None:
    a, b, c = Samples.of(one), Samples.of(two), Samples.of(three)
    assert (a + b) + c == a + (b + c) == c + b + a == pooled([b, a, c]) == Samples.of([*three, *one, *two])
    assert a + EMPTY == a


@given(values=SOME, q=st.sampled_from([0, 0.1, 0.25, 0.5, 0.9, 0.99, 1]))
def test_quantiles_are_those_of_numpy(values: list[int], q: float) -> None:
    assert Samples.of(values).quantile(q) == pytest.approx(float(np.quantile(values, q)), rel=1e-12, abs=1e-9)


@given(values=st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=30))
def test_moments_are_those_of_numpy(values: list[int]) -> None:
    found = Samples.of(values)
    assert found.mean == pytest.approx(np.mean(values), rel=1e-12, abs=1e-9)
    assert found.sd == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-6)
    assert found.median == np.median(values)


@given(values=SOME, shift=st.integers(-1000, 1000), scale=st.integers(1, 50), q=st.floats(0, 1))
def test_quantiles_follow_shift_and_scale(values: list[int], shift: int, scale: int, q: float) -> None:
    base, moved = Samples.of(values).quantile(q), Samples.of(scale * v + shift for v in values).quantile(q)
    assert base is not None
    assert moved == pytest.approx(scale * base + shift, rel=1e-12, abs=1e-6)
    assert min(values) <= base <= max(values)


def test_a_percentile_of_the_pool_is_not_the_mean_of_percentiles() -> None:
    quick, slow = Samples.of([1] * 99), Samples.of([100])
    assert (quick.p90, slow.p90, (quick + slow).p90) == (1, 100, 1)


def test_edges() -> None:
    assert (EMPTY.mean, EMPTY.sd, EMPTY.cv, EMPTY.median, EMPTY.p90) == (None,) * 5
    one = Samples.of([7])
    assert (one.mean, one.sd, one.cv, one.median, one.p90) == (7, None, None, 7, 7)
    same = Samples.of([7, 7, 7])
    assert (same.sd, same.cv, same.p90) == (0, 0, 7)
    assert Samples.of([-1, 1]).cv is None
    exact = Samples.of([10**18 + 1, 10**18 + 3])  # beyond what floats can tell apart
    assert exact.sd == pytest.approx(2**0.5)
    assert exact.quantile(0) == float(10**18 + 1)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="must ascend"):
        Samples((2, 1))
    with pytest.raises(ValueError, match="64 bits"):
        Samples.of([2**63])
    for q in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="not from 0 to 1"):
            EMPTY.quantile(q)
    with pytest.raises(ValueError, match="nan"):
        fraction(float("nan"))
    assert quotient(1, 0) is None
    assert quotient(10**400, 1) is None
    assert quotient(0.1, 0.3) == 1 / 3
