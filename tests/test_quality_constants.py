"""The constants of control charts: printed tables, closed forms, another quadrature, and chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from analytics.quality import constants
from analytics.quality.constants import chi2_quantile

# Printed to three decimals (c4 to four) in ASTM MNL 7 and in most textbooks: n, d2, d3, c4, A2, A3, B3, B4, D3, D4. D4
# of 3 and of 5 differs by one in the last digit between editions.
TABLE = [
    (2, 1.128, 0.853, 0.7979, 1.880, 2.659, 0.0, 3.267, 0.0, 3.267),
    (3, 1.693, 0.888, 0.8862, 1.023, 1.954, 0.0, 2.568, 0.0, 2.575),
    (4, 2.059, 0.880, 0.9213, 0.729, 1.628, 0.0, 2.266, 0.0, 2.282),
    (5, 2.326, 0.864, 0.9400, 0.577, 1.427, 0.0, 2.089, 0.0, 2.114),
    (6, 2.534, 0.848, 0.9515, 0.483, 1.287, 0.030, 1.970, 0.0, 2.004),
    (7, 2.704, 0.833, 0.9594, 0.419, 1.182, 0.118, 1.882, 0.076, 1.924),
    (8, 2.847, 0.820, 0.9650, 0.373, 1.099, 0.185, 1.815, 0.136, 1.864),
    (9, 2.970, 0.808, 0.9693, 0.337, 1.032, 0.239, 1.761, 0.184, 1.816),
    (10, 3.078, 0.797, 0.9727, 0.308, 0.975, 0.284, 1.716, 0.223, 1.777),
    (15, 3.472, 0.756, 0.9823, 0.223, 0.789, 0.428, 1.572, 0.347, 1.653),
    (20, 3.735, 0.729, 0.9869, 0.180, 0.680, 0.510, 1.490, 0.415, 1.585),
    (25, 3.931, 0.708, 0.9896, 0.153, 0.606, 0.565, 1.435, 0.459, 1.541),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row[0]))
def test_constants_are_those_of_the_printed_tables(row: tuple[float, ...]) -> None:
    of = constants(int(row[0]))
    found = (of.d2, of.d3, of.c4, of.a2, of.a3, of.b3, of.b4, of.d3_limit, of.d4)
    assert found == pytest.approx(row[1:], abs=0.00105)
    assert of.c4 == pytest.approx(row[3], abs=0.00006)


def test_constants_in_closed_form() -> None:
    two, three = constants(2), constants(3)
    assert two.d2 == pytest.approx(2 / math.sqrt(math.pi), rel=1e-12)
    assert two.d3 == pytest.approx(math.sqrt(2 - 4 / math.pi), rel=1e-12)
    assert two.c4 == pytest.approx(math.sqrt(2 / math.pi), rel=1e-14)
    assert three.d2 == pytest.approx(3 / math.sqrt(math.pi), rel=1e-12)
    assert constants(100).d2 == pytest.approx(5.01519, abs=1e-5)
    assert constants(1000).d2 == pytest.approx(6.48287, abs=1e-5)


@pytest.mark.parametrize("n", [2, 5, 12, 60, 1000])
def test_mean_range_is_that_of_scipys_quadrature(n: int) -> None:
    expected, _ = integrate.quad(lambda x: 1 - stats.norm.cdf(x) ** n - stats.norm.sf(x) ** n, -9, 9, epsabs=1e-11)
    assert constants(n).d2 == pytest.approx(expected, rel=1e-9)
    chi = stats.chi(n - 1)
    assert constants(n).c4 == pytest.approx(chi.mean() / math.sqrt(n - 1), rel=1e-10)


@pytest.mark.parametrize("n", [2, 5, 25])
def test_spread_of_the_range_is_what_chance_shows(n: int) -> None:
    draws = np.random.default_rng(20261122).standard_normal((40000, n))
    ranges = np.ptp(draws, axis=1)
    assert constants(n).d3 == pytest.approx(ranges.std(ddof=1), rel=0.015)
    assert constants(n).d2 == pytest.approx(ranges.mean(), rel=0.01)


def test_quantiles_are_scipys_and_wrong_arguments_are_named() -> None:
    for p in (1e-9, 0.025, 0.5, 0.9999):
        for df in (0.7, 1, 49, 124.5):
            assert chi2_quantile(p, df) == pytest.approx(stats.chi2.ppf(p, df), rel=1e-9)
    for n in (-1, 0, 1, 1001):
        with pytest.raises(ValueError, match="subgroup size"):
            constants(n)
    with pytest.raises(ValueError, match="probability"):
        chi2_quantile(1.0, 2)
    with pytest.raises(ValueError, match="degrees of freedom"):
        chi2_quantile(0.5, 0)
