"""Random numbers by counting: one by one or by the array, they are the same, and they are what they claim to be."""

from __future__ import annotations

from math import gamma, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import chance

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
