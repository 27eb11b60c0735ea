"""Exposure of machines to failure: what adds, and the point values and bounds that are taken from its sums.

What it is: one frozen value of integers that adds over time and over machines in any order; MTBF and MTTR in their
named variants, chi-square bounds of the MTBF, inherent availability with bounds, the corrective maintenance ratio.
What it is not: a test of the assumption behind every bound here, that times between failures are exponential and
independent (``trend.py`` tests for a trend, ``weibull.py`` fits a shape); nor the reader of state logs (``runs.py``).

Sources: ISO 22400-2:2014, MTBF, MTTR and corrective maintenance ratio; NIST/SEMATECH e-Handbook of Statistical Methods,
8.4.5.1 (bounds, and the case of no failure); MIL-HDBK-338B (availability). The standard's own clause was not at
hand: that it divides by FE + 1, and not by FE, is an assumption, so both are here and FE is the default.

>>> hour = 3600 * 10**9
>>> seen = Exposure(operating_ns=800 * hour, failures=2, repair_ns=20 * hour)
>>> mtbf_ns(seen) / hour
400.0
>>> bounds = mtbf_bounds_ns(seen)
>>> round(bounds.lower / hour), round(bounds.upper / hour)
(127, 2251)
>>> mtbf_ns(Exposure(operating_ns=hour)) is None
True
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Final, Literal

from scipy.special import fdtri, gammaincinv

from analytics.kpi import Value, ratio

Variant = Literal["per_failure", "plus_one"]
"""What a sum of times is divided by: the failures, FE; or FE + 1, one more for each history that is summed."""
Termination = Literal["time", "failure"]
"""How the observation ended: at a time set beforehand, or with the last failure."""
Sides = Literal["two", "lower", "upper"]
"""Which bounds are asked for; a one-sided bound takes the whole risk."""

_TERMINATIONS: Final = ("time", "failure")


@dataclass(frozen=True, slots=True)
class Exposure:
    """What adds. All integers, none negative; ``+`` is commutative and associative, ``Exposure()`` is its zero.

    Attributes:
        operating_ns: time in operation, that of unfinished runs included.
        failures: breakdowns begun (FE).
        repair_ns: time to restore (TTR): the breakdowns, with the wait for somebody to come. It is the corrective
            maintenance time (CMT) too, which takes in logistic delay (IEC 60050, 192-07-02).
        pmt_ns: planned maintenance time (PMT).
    """

    operating_ns: int = 0
    failures: int = 0
    repair_ns: int = 0
    pmt_ns: int = 0

    def __post_init__(self) -> None:
        if min(astuple(self)) < 0:
            raise ValueError(f"an exposure is never negative: {self}")

    def __add__(self, other: Exposure) -> Exposure:
        return Exposure(
            self.operating_ns + other.operating_ns,
            self.failures + other.failures,
            self.repair_ns + other.repair_ns,
            self.pmt_ns + other.pmt_ns,
        )


@dataclass(frozen=True, slots=True)
class Bounds:
    """A confidence interval; a side is None where it is not bounded, or not asked for."""

    lower: Value
    upper: Value


NO_BOUNDS: Final = Bounds(None, None)
"""Where the data say nothing."""


def pooled(parts: Iterable[Exposure]) -> Exposure:
    """The sum of any number of exposures; ``Exposure()`` of none."""
    return sum(parts, Exposure())


def mtbf_ns(exposure: Exposure, variant: Variant = "per_failure", histories: int = 1) -> Value:
    """Mean operating time between failures, in ns; None where nothing divides it.

    ``per_failure`` is the estimate by maximum likelihood for exponential times: the running interval that is not
    finished counts as exposure. The mean of the finished runs alone is ``mean_completed_ns`` of ``runs.py``.

    Args:
        exposure: of one machine, or pooled.
        variant: what to divide by.
        histories: how many histories (machines, each over one range) are pooled; matters for ``plus_one`` alone.

    Raises:
        ValueError: an unknown variant, or less than one history.
    """
    return ratio(exposure.operating_ns, _divisor(exposure, variant, histories))


def mttr_ns(exposure: Exposure, variant: Variant = "per_failure", histories: int = 1) -> Value:
    """Mean time to restore, in ns; arguments and errors as in ``mtbf_ns``."""
    return ratio(exposure.repair_ns, _divisor(exposure, variant, histories))


def corrective_maintenance_ratio(exposure: Exposure) -> Value:
    """CMT / (CMT + PMT), the share of maintenance that was not planned; None without maintenance."""
    return ratio(exposure.repair_ns, exposure.repair_ns + exposure.pmt_ns)


def inherent_availability(exposure: Exposure) -> Value:
    """MTBF / (MTBF + MTTR), 0 to 1; None without a failure, for then neither is defined.

    Planned maintenance is left out. The wait for somebody is in the MTTR here; of an ideal crew it would not be.
    """
    if not exposure.failures:
        return None
    return ratio(exposure.operating_ns, exposure.operating_ns + exposure.repair_ns)


def mtbf_bounds_ns(
    exposure: Exposure, confidence: float = 0.9, *, terminated: Termination = "time", sides: Sides = "two"
) -> Bounds:
    """Bounds of the MTBF in ns, for exponential times between failures.

    2T / χ²(1 − α/2; 2r + 2) and 2T / χ²(α/2; 2r); an observation that ended with a failure has 2r at both. Without a
    failure there is no upper bound, and the lower takes the whole risk: T / −ln α.

    Raises:
        ValueError: ``confidence`` is not between 0 and 1, or a word is unknown.
    """
    lower_risk, upper_risk = _risks(confidence, terminated, sides)
    twice, r = 2 * exposure.operating_ns, exposure.failures
    if not twice:
        return NO_BOUNDS
    if not r:
        known = terminated == "time" and sides != "upper"
        return Bounds(exposure.operating_ns / -math.log(1 - confidence) if known else None, None)
    most = r + 1 if terminated == "time" else r
    lower = twice / _chi2(1 - lower_risk, 2 * most) if lower_risk else None
    return Bounds(lower, twice / _chi2(upper_risk, 2 * r) if upper_risk else None)


def availability_bounds(
    exposure: Exposure, confidence: float = 0.9, *, terminated: Termination = "time", sides: Sides = "two"
) -> Bounds:
    """Bounds of the inherent availability, 0 to 1, for exponential times between failures and to restore.

    Twice a sum of r exponential times over its mean is χ² with 2r degrees of freedom, so the observed MTTR/MTBF over
    the true one is F-distributed; with time-terminated operation 2r + 2 stand for the lower bound, as for the MTBF.
    Assumption: as many restorations were seen as failures. No bounds without a failure or without time to restore.

    Raises:
        ValueError: as ``mtbf_bounds_ns``.
    """
    lower_risk, upper_risk = _risks(confidence, terminated, sides)
    r = exposure.failures
    if not r or not exposure.operating_ns or not exposure.repair_ns:
        return NO_BOUNDS
    down_per_up = exposure.repair_ns / exposure.operating_ns
    most = r + 1 if terminated == "time" else r
    lower = upper = None
    if lower_risk:
        lower = 1 / (1 + down_per_up * (most / r) / float(fdtri(2 * r, 2 * most, lower_risk)))
    if upper_risk:
        upper = 1 / (1 + down_per_up / float(fdtri(2 * r, 2 * r, 1 - upper_risk)))
    return Bounds(lower, upper)


def check_confidence(confidence: float) -> float:
    """The confidence level as it is; ValueError unless it lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    return confidence


def _risks(confidence: float, terminated: str, sides: str) -> tuple[float, float]:
    """The risk that the value lies below the lower bound and above the upper; 0 where none is asked for."""
    alpha = 1 - check_confidence(confidence)
    if terminated not in _TERMINATIONS:
        raise ValueError(f"terminated must be one of {_TERMINATIONS}, not {terminated!r}")
    risks = {"two": (alpha / 2, alpha / 2), "lower": (alpha, 0.0), "upper": (0.0, alpha)}
    if sides not in risks:
        raise ValueError(f"sides must be one of {tuple(risks)}, not {sides!r}")
    return risks[sides]


def _divisor(exposure: Exposure, variant: str, histories: int) -> int:
    if histories < 1:
        raise ValueError(f"histories must be at least 1, not {histories}")
    if variant == "per_failure":
        return exposure.failures
    if variant == "plus_one":
        return exposure.failures + histories
    raise ValueError(f"variant must be 'per_failure' or 'plus_one', not {variant!r}")


def _chi2(p: float, freedom: int) -> float:
    """The chi-square value that is not passed with probability ``p``."""
    return 2.0 * float(gammaincinv(freedom / 2, p))
