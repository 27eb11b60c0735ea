"""Random numbers by counting: one by one or by the array, they are the same, and they are what they claim to be."""

from __future__ import annotations

from fractions import Fraction
from math import comb, gamma, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import chance
from simulator.kernel import draws

STREAMS = st.integers(min_value=0, max_value=2**64 - 1)
NUMBERS = st.lists(st.integers(min_value=0, max_value=2**62), min_size=1, max_size=20)
N = 20_000


@given(stream=STREAMS, numbers=NUMBERS)
def test_one_by_one_or_by_the_array_is_the_same(stream: int, numbers: list[int]) -> None:
    array = np.array(numbers, np.int64)
    assert chance.uniforms(stream, array).tolist() == [chance.uniform(stream, n) for n in numbers]
    assert chance.bells(stream, array).tolist() == [chance.bell(stream, n) for n in numbers]


def test_splitmix64_as_published() -> None:
    """The first outputs for seed 1234567, as in the reference implementation."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert [chance.bits(1234567, n) for n in range(4)] == expected


def test_names_are_kept_apart() -> None:
    keys = {chance.key(1, "a", "bc"), chance.key(1, "ab", "c"), chance.key(1, "abc"), chance.key(11, "a", "bc")}
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("draw", "mean", "sd"),
    [
        (chance.uniform, 0.5, sqrt(1 / 12)),
        (chance.exponential, 1.0, 1.0),
        (chance.normal, 0.0, 1.0),
        (chance.bell, 0.0, 1.0),
        (lambda s, n: chance.lognormal(s, n, 2.0, 0.6), 2.0, 2.0 * sqrt(np.exp(0.36) - 1)),
        (lambda s, n: chance.weibull(s, n, 1 / gamma(1.5), 2.0), 1.0, sqrt(gamma(2) / gamma(1.5) ** 2 - 1)),
    ],
)
def test_mean_and_spread(draw, mean: float, sd: float) -> None:
    sample = np.array([draw(chance.key(7, "moments"), n) for n in range(N)])
    assert sample.mean() == pytest.approx(mean, abs=4 * sd / sqrt(N))
    assert sample.std() == pytest.approx(sd, rel=0.06)


def test_neighbours_know_nothing_of_each_other() -> None:
    here = chance.uniforms(1, np.arange(N))
    there = chance.uniforms(1, np.arange(1, N + 1))
    other = chance.uniforms(2, np.arange(N))
    assert abs(np.corrcoef(here, there)[0, 1]) < 4 / sqrt(N)
    assert abs(np.corrcoef(here, other)[0, 1]) < 4 / sqrt(N)


STREAM = st.integers(min_value=-(2**63), max_value=2**63 - 1)
NUMBER = st.integers(min_value=0, max_value=2**62)


@given(stream=STREAM, n=NUMBER)
def test_the_compiled_draws_are_the_same_bit_by_bit(stream: int, n: int) -> None:
    """The kernel keeps a stream's 64 bits with a sign."""
    plain = stream % 2**64
    for name in ("bits", "uniform", "exponential", "bell", "normal"):
        assert getattr(draws, name)(stream, n) == getattr(chance, name)(plain, n), name
    assert draws.lognormal(stream, n, 3.5, 0.7) == chance.lognormal(plain, n, 3.5, 0.7)
    assert draws.lognormal(stream, n, 3.5, 0.0) == 3.5
    assert draws.weibull(stream, n, 2.5, 1.7) == chance.weibull(plain, n, 2.5, 1.7)


@pytest.mark.parametrize(("value", "ns"), [(0.0, 1), (0.4, 1), (1.5, 2), (2.5, 2), (1e15 + 0.5, 10**15)])
def test_a_duration_is_whole_and_at_least_one(value: float, ns: int) -> None:
    assert draws.duration(value) == ns


def quantile(u: Fraction, n: int, p: Fraction) -> tuple[int, Fraction]:
    """The exact inverse of the binomial distribution, and how near ``u`` lies to a step of it."""
    below, k = Fraction(0), 0
    while True:
        above = below + comb(n, k) * p**k * (1 - p) ** (n - k)
        if u < above or k == n:
            return k, min(abs(u - below), abs(above - u))
        below, k = above, k + 1


@given(u=st.integers(1, 2**20 - 1), n=st.just(0) | st.integers(2, 60), p=st.integers(0, 64))
@settings(max_examples=150, deadline=None)
def test_binomial_is_the_inverse_of_the_distribution(u: int, n: int, p: int) -> None:
    """By exact sums of fractions; a single unit is another matter (below): it is hit where ``u`` is low."""
    exact_u, exact_p = Fraction(u, 2**20), Fraction(p, 64)
    got = draws.binomial(u / 2**20, n, p / 64)
    expected, near = quantile(exact_u, n, exact_p)
    if near > Fraction(1, 10**9):
        assert got == expected


@pytest.mark.parametrize(("n", "p"), [(1000, 0.05), (5000, 0.058), (10_000, 0.97), (20_000, 0.3), (1_000_000, 0.5)])
def test_binomial_of_large_lots_has_its_mean_and_spread(n: int, p: float) -> None:
    """On an even grid of ``u``: the recursion, its mirror, and the normal that takes its place beyond 300."""
    grid = (np.arange(4000) + 0.5) / 4000
    got = np.array([draws.binomial(float(u), n, p) for u in grid])
    sd = sqrt(n * p * (1 - p))
    assert got.min() >= 0 and got.max() <= n
    assert np.all(np.diff(got) >= 0)
    assert got.mean() == pytest.approx(n * p, abs=0.03 * sd)
    assert got.std() == pytest.approx(sd, rel=0.01)


def test_binomial_at_its_edges() -> None:
    assert [draws.binomial(0.5, n, p) for n, p in ((0, 0.5), (9, 0.0), (9, -0.1), (9, 1.0), (9, 1.5))] == [
        0,
        0,
        0,
        9,
        9,
    ]
    assert [draws.binomial(u, 1, 0.3) for u in (0.2999, 0.3, 0.9)] == [1, 0, 0]
    assert draws.binomial(1.0 - 2.0**-53, 50, 0.5) <= 50
