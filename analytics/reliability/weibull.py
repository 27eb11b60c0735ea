"""The two-parameter Weibull life: fit by maximum likelihood with right censoring, and what follows from it.

What it is: ``Weibull``, a life with its reliability, B-lives and remaining life; ``fit_weibull``, which estimates it
from ages at failure and ages reached without one, with intervals from the observed Fisher information.
What it is not: a choice of model. It asks for one failure mode, lives that begin new and are independent, and
censoring that has nothing to do with the coming failure; ``survival.py`` shows the data without a model. The shape
comes out too great for few failures (by about 1.4/r of it, for r failures without censoring); it is not corrected.

Sources: NIST/SEMATECH e-Handbook of Statistical Methods, 8.4.1.3 (likelihood, profile equation); Meeker and Escobar,
Statistical Methods for Reliability Data, 8 (intervals on the log scale); Ross, IEEE Trans. Dielectr. Electr. Insul. 1
(1994) 247 (bias); DLMF 8.9.2 (the incomplete gamma function as a continued fraction, here contracted).

>>> fitted = fit_weibull([54, 187, 216, 240, 244, 335, 361, 373, 375, 386], [500] * 10)
>>> round(fitted.fit.life.shape, 4), round(fitted.fit.life.scale, 1)
(1.7208, 606.5)
>>> fit_weibull([54], [500])
Fitted(fit=None, reason='fewer than two failures')
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from scipy.optimize import brentq
from scipy.special import gammaincc

from analytics.kpi import Value
from analytics.reliability.exposure import Bounds, check_confidence

_SPREAD: Final = 1e-9
"""Relative spread of the failures below which floating point cannot tell a shape (it would be about 1e9)."""
_TINY: Final = 1e-300
_TERMS: Final = 2000


@dataclass(frozen=True, slots=True)
class Weibull:
    """A life: R(t) = exp(−(t/scale)^shape).

    Attributes:
        shape: β; above 1 the rate of failure grows with age, below 1 it falls, 1 is exponential.
        scale: η, the age by which 63.2 % have failed; every time here is in its unit.
    """

    shape: float
    scale: float

    def __post_init__(self) -> None:
        if not (0 < self.shape < math.inf and 0 < self.scale < math.inf):
            raise ValueError(f"shape and scale must be positive and finite, not {self.shape}, {self.scale}")

    @property
    def mean(self) -> Value:
        """The mean life, η Γ(1 + 1/β); None where it is greater than a float."""
        return _exp(math.log(self.scale) + math.lgamma(1 + 1 / self.shape))

    @property
    def sd(self) -> Value:
        """The standard deviation of the life; None where it is greater than a float."""
        first, second = math.lgamma(1 + 1 / self.shape), math.lgamma(1 + 2 / self.shape)
        # sd²/mean² = e^d − 1 = e^d (1 − e^−d)
        excess = second - 2 * first
        if excess <= 0:  # a shape so great that all lives end at once, but for rounding
            return 0.0
        return _exp(math.log(self.scale) + first + (excess + math.log(-math.expm1(-excess))) / 2)

    def hazard_to(self, t: float) -> Value:
        """The cumulative hazard (t/η)^β at age ``t``; None where it is greater than a float.

        Raises:
            ValueError: the age is negative or no number.
        """
        return _exp(self.shape * _log_part(t, self.scale)) if _age(t) else 0.0

    def reliability(self, t: float) -> float:
        """R(t), the probability to reach age ``t``; errors as ``hazard_to``."""
        hazard = self.hazard_to(t)
        return 0.0 if hazard is None else math.exp(-hazard)

    def b_life(self, p: float = 0.1) -> Value:
        """The age by which the share ``p`` has failed: B10 for 0.1; None where it is greater than a float.

        Raises:
            ValueError: ``p`` is not between 0 and 1.
        """
        return _exp(math.log(self.scale) + math.log(_hazard_of(p)) / self.shape)

    def remaining_mean(self, t: float) -> Value:
        """E[T − t | T > t], the mean remaining life at age ``t``; None where it is greater than a float.

        Raises:
            ValueError: the age is negative or no number.
        """
        if not _age(t):
            return self.mean
        a = 1 / self.shape
        log_hazard = self.shape * _log_part(t, self.scale)
        hazard = _exp(log_hazard)
        if hazard is None:  # (t/β)/x, for 1/x is all that is left of the fraction
            return _exp(math.log(t / self.shape) - log_hazard)
        if hazard <= a + 1:
            upper = float(gammaincc(a, hazard))
            return _exp(math.log(self.scale) + math.lgamma(1 + a) + hazard + math.log(upper))
        return t / self.shape * _scaled_gamma(a, hazard)

    def remaining_quantile(self, t: float, p: float = 0.5) -> Value:
        """The further age by which the share ``p`` of those that reached ``t`` has failed: the median for 0.5.

        None where it is greater than a float; errors as ``remaining_mean`` and ``b_life``.
        """
        further, hazard = _hazard_of(p), self.hazard_to(t)
        if hazard is None:
            return 0.0
        growth = math.log1p(further / hazard) / self.shape if hazard else math.inf
        if growth < 1:
            return t * math.expm1(growth)  # small against t: the difference of two ages would lose digits
        end = _exp(math.log(self.scale) + math.log(hazard + further) / self.shape)
        return None if end is None else end - t


@dataclass(frozen=True, slots=True)
class WeibullFit:
    """An estimated life, with what the data say of its certainty.

    Attributes:
        life: the estimate.
        failures: how many ages at failure it is from.
        censored: how many ages without failure.
        log_likelihood: at the estimate; by the unit of the times, so compare it for one unit only.
        covariance: of (ln shape, ln scale): variance, variance, covariance.
        confidence: of the intervals.
    """

    life: Weibull
    failures: int
    censored: int
    log_likelihood: float
    covariance: tuple[float, float, float]
    confidence: float

    @property
    def aic(self) -> float:
        """Akaike's criterion for two parameters."""
        return 4 - 2 * self.log_likelihood

    @property
    def shape(self) -> Bounds:
        """The interval of the shape."""
        return self._around(math.log(self.life.shape), 1.0, 0.0)

    @property
    def scale(self) -> Bounds:
        """The interval of the scale."""
        return self._around(math.log(self.life.scale), 0.0, 1.0)

    def b_life(self, p: float = 0.1) -> Bounds:
        """The interval of ``life.b_life(p)``; ValueError as there."""
        level = math.log(_hazard_of(p)) / self.life.shape
        return self._around(math.log(self.life.scale) + level, -level, 1.0)

    def reliability(self, t: float) -> Bounds:
        """The interval of ``life.reliability(t)``; not bounded at age 0; ValueError as there."""
        if not _age(t):
            return Bounds(None, None)
        shape = self.life.shape
        level = shape * _log_part(t, self.life.scale)
        hazard = self._around(level, level, -shape)
        return Bounds(
            0.0 if hazard.upper is None else math.exp(-hazard.upper),
            0.0 if hazard.lower is None else math.exp(-hazard.lower),
        )

    def _around(self, log_value: float, by_shape: float, by_scale: float) -> Bounds:
        """exp(value ± z · sd): the delta method, by the derivatives to ln shape and ln scale."""
        shape, scale, both = self.covariance
        variance = by_shape**2 * shape + by_scale**2 * scale + 2 * by_shape * by_scale * both
        half = NormalDist().inv_cdf((1 + self.confidence) / 2) * math.sqrt(max(0.0, variance))
        return Bounds(_exp(log_value - half), _exp(log_value + half))


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fit, or None and the reason why there is none; the reason of a fit is empty."""

    fit: WeibullFit | None
    reason: str = ""


def fit_weibull(failures: Sequence[float], censored: Sequence[float] = (), confidence: float = 0.95) -> Fitted:
    """The Weibull life of greatest likelihood, with right censoring.

    Args:
        failures: ages at failure.
        censored: ages reached without failure.
        confidence: of the intervals, between 0 and 1.

    Raises:
        ValueError: an age is not positive and finite, or ``confidence`` is not between 0 and 1.
    """
    check_confidence(confidence)
    if strange := [t for t in (*failures, *censored) if not 0 < t < math.inf]:
        raise ValueError(f"ages must be positive and finite, not {strange[0]}")
    if len(failures) < 2:
        return Fitted(None, "fewer than two failures")
    longest = float(max(*failures, *censored))
    failed = [_log_part(t, longest) for t in failures]  # the logarithm of a part of 1: no power overflows
    ages = failed + [_log_part(t, longest) for t in censored]
    mean = math.fsum(failed) / len(failed)
    if -mean < _SPREAD:  # and then nothing outlived them
        return Fitted(None, "the failures fall at one age")
    shape = _root(_profile(ages, mean), -1 / mean)
    log_scale = math.log(math.fsum(math.exp(shape * x) for x in ages) / len(failed)) / shape
    scale = _exp(math.log(longest) + log_scale)
    if not scale:
        return Fitted(None, "the ages span more than floating point holds")
    log_likelihood = len(failed) * (math.log(shape) - math.log(scale) + (shape - 1) * (mean - log_scale) - 1)
    covariance = _covariance(shape, [x - log_scale for x in ages], len(failed))
    life = Weibull(shape, scale)
    return Fitted(WeibullFit(life, len(failed), len(censored), log_likelihood, covariance, confidence))


def _log_part(t: float, whole: float) -> float:
    """ln(t/whole), with its digits where the two are near, and without loss where they are far."""
    part = t / whole
    return math.log(part) if _TINY < part < math.inf else math.log(t) - math.log(whole)


def _profile(ages: Sequence[float], mean: float) -> Callable[[float], float]:
    """The derivative of the likelihood along the best scale for each shape, by logarithms of ages; it grows."""

    def at(shape: float) -> float:
        weights = [math.exp(shape * x) for x in ages]
        weighted = math.fsum(w * x for w, x in zip(weights, ages, strict=True))
        return weighted / math.fsum(weights) - 1 / shape - mean

    return at


def _root(profile: Callable[[float], float], low: float) -> float:
    """The root above ``low`` = −1/mean, where the profile is not above 0; it ends above 0, so doubling gets there."""
    high = 2 * low
    while profile(high) <= 0:
        low, high = high, 2 * high
    return float(brentq(profile, low, high, xtol=1e-14 * low, rtol=1e-14))


def _covariance(shape: float, logs: Sequence[float], failures: int) -> tuple[float, float, float]:
    """The inverse of the observed information of (ln shape, ln scale), from ln(age/scale); Σ (age/scale)^shape = r."""
    hazards = [math.exp(shape * x) for x in logs]
    first = shape * math.fsum(h * x for h, x in zip(hazards, logs, strict=True))
    second = shape**2 * math.fsum(h * x * x for h, x in zip(hazards, logs, strict=True))
    # The information is [[r + second, −β first], [−β first, r β²]]; its determinant over β², by Cauchy not below r²:
    determinant = failures**2 + max(0.0, failures * second - first**2)
    return (
        failures / determinant,
        (failures + second) / (determinant * shape**2),
        first / (determinant * shape),
    )


def _scaled_gamma(a: float, x: float) -> float:
    """e^x x^−a Γ(a, x) for x > a + 1, by the continued fraction of DLMF 8.9.2 (Lentz's method)."""
    b = x + 1 - a
    d = 1 / b
    c, value = 1 / _TINY, d
    for n in range(1, _TERMS):
        numerator = n * (a - n)
        b += 2
        d = 1 / (numerator * d + b or _TINY)
        c = b + numerator / c or _TINY
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _age(t: float) -> float:
    if not 0 <= t < math.inf:
        raise ValueError(f"an age is a finite number from 0 on, not {t}")
    return t


def _hazard_of(p: float) -> float:
    if not 0 < p < 1:
        raise ValueError(f"p must lie between 0 and 1, not {p}")
    return -math.log1p(-p)


def _exp(log_value: float) -> Value:
    """E to the power; None where it is greater than a float."""
    try:
        return math.exp(log_value)
    except OverflowError:
        return None
