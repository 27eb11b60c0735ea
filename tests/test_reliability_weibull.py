"""Weibull lives: the worked case, the laws of the fit, remaining life, and independent fits as oracles."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from analytics_cases import CASES, near
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import integrate, stats

from analytics.reliability import Bounds, Weibull, WeibullFit, fit_weibull

AGES = st.floats(1.0, 1e6)
LIVES = st.builds(Weibull, st.floats(0.2, 20), st.floats(0.01, 1e6))
Sample = tuple[list[float], list[float]]


def fitted(failures: list[float], censored: list[float] | tuple[()] = (), confidence: float = 0.95) -> WeibullFit:
    found = fit_weibull(failures, censored, confidence)
    assert found.fit is not None, found.reason
    assert found.reason == ""
    return found.fit


def sample(seed: int, shape: float, scale: float, size: int, until: float) -> Sample:
    """Drawn lives, those beyond ``until`` censored there."""
    lives = scale * np.random.default_rng(seed).weibull(shape, size)
    return [float(t) for t in lives if t < until], [until] * int((lives >= until).sum())


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Ages that spread enough to tell a shape, with ties."""
    failures = draw(st.lists(AGES, min_size=2, max_size=12))
    failures += draw(st.lists(st.sampled_from(failures), max_size=3))
    assume(max(failures) > 1.01 * min(failures))
    return failures, draw(st.lists(AGES, max_size=8))


def log_likelihood(life: Weibull, failures: list[float], censored: list[float]) -> float:
    died, left = stats.weibull_min.logpdf, stats.weibull_min.logsf
    given_ = {"c": life.shape, "scale": life.scale}
    return float(np.sum(died(failures, **given_)) + np.sum(left(censored, **given_)))


def test_nist_weibull_with_censoring() -> None:
    case = CASES["NIST-WEIBULL"]
    given_, expected = case["inputs"], case["expected"]
    fit = fitted(given_["failures"], given_["censored"])
    assert fit.life.shape == near(case, expected["shape"])
    assert fit.life.scale == near(case, expected["scale"])
    assert fit.life.shape == pytest.approx(expected["shape_computed"], abs=5e-7)
    assert fit.life.scale == pytest.approx(expected["scale_computed"], abs=5e-5)
    assert fit.life.mean == near(case, expected["mean"])
    assert fit.life.sd == near(case, expected["sd"])
    assert fit.log_likelihood == near(case, expected["loglik"])
    assert fit.aic == near(case, expected["aic"])
    assert (fit.failures, fit.censored) == (10, 10)
    # What a fit gives that takes the censored ages for failures, or leaves them out:
    for failures in (given_["failures"] + given_["censored"], given_["failures"]):
        assert fitted(failures).life.scale != near(case, expected["scale"])


SAMPLES = [
    sample(1, 0.7, 50.0, 40, 60.0),
    sample(2, 1.0, 1.0, 30, 1.0),
    sample(3, 2.5, 8000.0, 200, math.inf),
    sample(4, 6.0, 1e12, 25, 1e12),
    ([3.0, 3.0, 5.0, 5.0, 5.0, 9.0], [3.0, 5.0, 9.0, 12.0]),
]


@pytest.mark.parametrize("data", SAMPLES)
def test_scipy_fits_the_same(data: Sample) -> None:
    failures, censored = data
    fit = fitted(failures, censored)
    unit = max(failures)  # scipy's search wants numbers near 1
    given_ = stats.CensoredData(np.array(failures) / unit, right=np.array(censored) / unit)
    shape, _, scale = stats.weibull_min.fit(given_, floc=0)
    assert fit.life.shape == pytest.approx(shape, rel=2e-4)
    assert fit.life.scale == pytest.approx(scale * unit, rel=2e-4)
    found = log_likelihood(fit.life, failures, censored)
    assert fit.log_likelihood == pytest.approx(found, rel=1e-9)
    assert found >= log_likelihood(Weibull(shape, scale * unit), failures, censored) - 1e-9


@pytest.mark.parametrize("data", SAMPLES)
def test_the_covariance_is_the_inverse_of_the_curvature(data: Sample) -> None:
    failures, censored = data
    fit = fitted(failures, censored)
    h = 1e-3

    def at(i: int, j: int) -> float:
        moved = Weibull(fit.life.shape * math.exp(h * i), fit.life.scale * math.exp(h * j))
        return -log_likelihood(moved, failures, censored)

    a = (at(1, 0) - 2 * at(0, 0) + at(-1, 0)) / h**2
    b = (at(0, 1) - 2 * at(0, 0) + at(0, -1)) / h**2
    c = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * h**2)
    inverse = np.linalg.inv(np.array([[a, c], [c, b]]))
    assert fit.covariance[:2] == pytest.approx((inverse[0, 0], inverse[1, 1]), rel=1e-3)
    assert fit.covariance[2] == pytest.approx(inverse[0, 1], abs=1e-3 * math.sqrt(inverse[0, 0] * inverse[1, 1]))


@pytest.mark.parametrize(
    ("failures", "censored", "reason"),
    [
        ([], [], "fewer than two failures"),
        ([], [5.0, 6.0], "fewer than two failures"),
        ([5.0], [9.0], "fewer than two failures"),
        ([5.0, 5.0, 5.0], [], "the failures fall at one age"),
        ([5.0, 5.0, 5.0], [5.0, 2.0], "the failures fall at one age"),
        ([10**15, 10**15 + 1], [], "the failures fall at one age"),
    ],
)
def test_where_there_is_no_fit_there_is_a_reason(failures: list[float], censored: list[float], reason: str) -> None:
    found = fit_weibull(failures, censored)
    assert found.fit is None
    assert found.reason == reason


def test_equal_failures_that_some_outlived_have_a_fit() -> None:
    fit = fitted([5.0, 5.0, 5.0], [8.0, 8.0])
    best = fit.log_likelihood
    for shape, scale in ((1.01, 1.0), (0.99, 1.0), (1.0, 1.01), (1.0, 0.99)):
        near_by = Weibull(fit.life.shape * shape, fit.life.scale * scale)
        assert log_likelihood(near_by, [5.0] * 3, [8.0] * 2) < best


@pytest.mark.parametrize("ages", [[0.0, 1.0], [-1.0, 2.0], [math.inf, 1.0], [math.nan, 1.0]])
def test_ages_are_positive_numbers(ages: list[float]) -> None:
    with pytest.raises(ValueError, match="ages"):
        fit_weibull(ages)
    with pytest.raises(ValueError, match="ages"):
        fit_weibull([1.0, 2.0], ages)


def test_wrong_arguments_are_named() -> None:
    life = Weibull(2.0, 10.0)
    for call in (
        lambda: Weibull(0.0, 1.0),
        lambda: Weibull(1.0, math.inf),
        lambda: fit_weibull([1.0, 2.0], confidence=1.0),
        lambda: life.reliability(-1.0),
        lambda: life.remaining_mean(math.nan),
        lambda: life.b_life(0.0),
        lambda: life.remaining_quantile(1.0, 1.0),
    ):
        with pytest.raises(ValueError, match=r"shape|confidence|age|p must"):
            call()


@given(samples(), st.randoms())
def test_order_changes_nothing(data: Sample, random) -> None:
    failures, censored = data
    fit = fitted(failures, censored)
    random.shuffle(failures)
    random.shuffle(censored)
    assert fitted(failures, censored) == fit  # to the bit: the sums are exact before they are rounded


@given(samples(), st.floats(1e-3, 1e15))
def test_the_unit_of_time_scales_the_scale_alone(data: Sample, unit: float) -> None:
    failures, censored = data
    fit, other = fitted(failures, censored), fitted([t * unit for t in failures], [t * unit for t in censored])
    assert other.life.shape == pytest.approx(fit.life.shape, rel=1e-8)
    assert other.life.scale == pytest.approx(fit.life.scale * unit, rel=1e-8)
    assert other.shape.lower == pytest.approx(fit.shape.lower, rel=1e-6)


@given(samples())
def test_the_likelihood_is_greatest_at_the_fit(data: Sample) -> None:
    failures, censored = data
    fit = fitted(failures, censored)
    best = log_likelihood(fit.life, failures, censored)
    assert fit.log_likelihood == pytest.approx(best, rel=1e-9, abs=1e-6)
    for shape, scale in ((1.02, 1.0), (0.98, 1.0), (1.0, 1.02), (1.0, 0.98), (1.3, 1.0), (0.7, 1.1)):
        assert log_likelihood(Weibull(fit.life.shape * shape, fit.life.scale * scale), failures, censored) < best
    for value, bounds in ((fit.life.shape, fit.shape), (fit.life.scale, fit.scale)):
        assert bounds.lower is None or bounds.lower < value
        assert bounds.upper is None or value < bounds.upper


@given(samples())
def test_intervals_of_what_follows(data: Sample) -> None:
    fit = fitted(*data)
    assert fit.reliability(0.0) == Bounds(None, None)
    at_scale, life = fit.reliability(fit.life.scale), fit.b_life(1 - math.exp(-1))
    assert at_scale.lower <= math.exp(-1) <= at_scale.upper
    # The scale is the life by which 63.2 % have failed, so its interval is that of the scale.
    assert life.lower == pytest.approx(fit.scale.lower, rel=1e-9)
    assert life.upper == pytest.approx(fit.scale.upper, rel=1e-9)
    b10 = fit.b_life()
    assert b10.lower <= fit.life.b_life() <= b10.upper


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Approximate intervals: with 60 lives, 40 % of them censored, 95 % is meant and at least 91 % is asked for."""
    truth, hits, shapes = Weibull(1.8, 100.0), np.zeros(3), []
    trials = 400
    for seed in range(trials):
        fit = fitted(*sample(seed, truth.shape, truth.scale, 60, truth.b_life(0.6)))
        shapes.append(fit.life.shape)
        pairs = ((fit.shape, truth.shape), (fit.scale, truth.scale), (fit.b_life(), truth.b_life()))
        hits += [bounds.lower <= value <= bounds.upper for bounds, value in pairs]
    assert min(hits) / trials > 0.91
    assert max(hits) / trials < 0.99
    assert np.median(shapes) == pytest.approx(truth.shape, rel=0.05)


def test_the_shape_is_too_great_for_few_failures_as_the_module_says() -> None:
    shapes = [fitted(*sample(seed, 2.0, 10.0, 20, math.inf)).life.shape for seed in range(1500)]
    assert np.mean(shapes) / 2.0 - 1 == pytest.approx(1.4 / 20, abs=0.02)


@given(LIVES, st.floats(0.01, 3))
def test_moments_quantiles_and_reliability_are_those_of_scipy(life: Weibull, part: float) -> None:
    oracle = stats.weibull_min(life.shape, scale=life.scale)
    t = part * life.scale
    assert life.mean == pytest.approx(oracle.mean(), rel=1e-9)
    assert life.sd == pytest.approx(oracle.std(), rel=1e-6)
    assert life.reliability(t) == pytest.approx(oracle.sf(t), rel=1e-9, abs=1e-300)
    for p in (0.001, 0.1, 0.5, 0.999):
        assert life.b_life(p) == pytest.approx(oracle.ppf(p), rel=1e-9)


@given(st.builds(Weibull, st.floats(0.5, 20), st.floats(0.01, 1e6)), st.floats(0.0, 4))
def test_the_mean_remaining_life_is_the_integral(life: Weibull, part: float) -> None:
    t = part * life.scale
    hazard = life.hazard_to(t)

    def conditional(w: float) -> float:  # over the further hazard, in which survival is e^-w
        if hazard > w:  # the difference of two ages, with its digits
            return math.exp(-w) * t * math.expm1(math.log1p(w / hazard) / life.shape)
        return math.exp(-w) * ((hazard + w) ** (1 / life.shape) * life.scale - t)

    expected = sum(integrate.quad(conditional, a, b, epsabs=0, epsrel=1e-8)[0] for a, b in pairwise((0, 1e-3, 1, 60)))
    assert life.remaining_mean(t) == pytest.approx(expected, rel=1e-6)


@given(LIVES, st.floats(0, 5), st.floats(0.01, 0.99))
def test_remaining_quantiles_are_conditional(life: Weibull, part: float, p: float) -> None:
    t = part * life.scale
    further = life.remaining_quantile(t, p)
    assert further >= 0
    if life.reliability(t) > 1e-200 and further > 1e-6 * t:
        assert life.reliability(t + further) == pytest.approx((1 - p) * life.reliability(t), rel=1e-6)


@given(st.floats(0.01, 1e6), st.floats(0, 1e6))
def test_an_exponential_life_does_not_age(scale: float, t: float) -> None:
    life = Weibull(1.0, scale)
    assert life.remaining_mean(t) == pytest.approx(scale, rel=1e-9)
    assert life.remaining_quantile(t) == pytest.approx(scale * math.log(2), rel=1e-9)


@given(st.floats(1.1, 20), st.floats(0.3, 0.9), st.floats(0.1, 100), st.floats(1.01, 10))
def test_wear_shortens_what_remains_and_infant_mortality_lengthens_it(
    wear: float, infant: float, t: float, more: float
) -> None:
    assert Weibull(wear, 50.0).remaining_mean(t * more) < Weibull(wear, 50.0).remaining_mean(t)
    assert Weibull(infant, 50.0).remaining_mean(t * more) > Weibull(infant, 50.0).remaining_mean(t)


def test_the_ends_of_floating_point_are_none_or_their_limit_and_never_infinite() -> None:
    endless, sudden = Weibull(0.001, 1.0), Weibull(1e6, 1.0)
    assert endless.mean is endless.sd is endless.remaining_mean(1.0) is endless.b_life(0.999) is None
    assert sudden.reliability(2.0) == sudden.remaining_mean(2.0) == sudden.remaining_quantile(2.0) == 0.0
    assert sudden.hazard_to(2.0) is None
    assert sudden.sd == pytest.approx(math.pi / math.sqrt(6) / 1e6, rel=1e-3)
    assert sudden.remaining_mean(1.0005) == pytest.approx(1.0005 / 1e6 / sudden.hazard_to(1.0005), rel=1e-6)
    assert Weibull(1e17, 1.0).sd == 0.0
    assert Weibull(2.0, 1.0).reliability(0.0) == 1.0
    wide = fitted([5e-324, 1.7e308])
    assert 0 < wide.life.shape < 0.01
    assert wide.life.mean is None
    assert fit_weibull([5e-324, 1e300], [1e300] * 1000).reason == "the ages span more than floating point holds"
