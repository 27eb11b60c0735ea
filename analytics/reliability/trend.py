"""Whether the failures of a repaired machine come more often, less often, or as before.

What it is: two tests of the hypothesis that failures are a Poisson process of constant rate, from the operating times
at which they came: Laplace's and that of MIL-HDBK-189.
What it is not: proof that nothing changes: a test may miss a trend, above all with few failures. Where a trend is
shown, an MTBF over the whole time describes no time in it, and a fit of lives as if from one population is wrong.
Failures more regular than chance (wear with renewal) are no trend; with them both tests cry less often than they say.

Sources: MIL-HDBK-189C; Ascher and Feingold, Repairable Systems Reliability; NIST/SEMATECH e-Handbook of Statistical
Methods, 8.2.3.4. Laplace's test is the best against a rate that grows as e^(bt), the other against a power of t.

>>> worse = mil_hdbk_189([400, 650, 800, 880, 940, 980], 1000)
>>> worse.direction, worse.stationary()
('deteriorating', False)
>>> laplace([130, 290, 410, 600, 710, 880], 1000).stationary()
True
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from scipy.special import gammainc, gammaincc

from analytics.reliability.exposure import Termination

Direction = Literal["improving", "deteriorating", "none"]
"""Whether failures come less often, more often, or neither."""

FEWEST: Final = 4
"""Failures below which Laplace's test gives nothing: with four, a level of 5 % is 4.7 % in truth (sum of uniforms)."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The outcome of a test.

    Attributes:
        statistic: standard normal (Laplace), or chi-square with ``freedom`` degrees of freedom (MIL-HDBK-189).
        freedom: degrees of freedom; None for Laplace.
        p_value: two-sided, of the hypothesis that the rate is constant.
        direction: which way the data lean, shown or not.
    """

    statistic: float
    freedom: int | None
    p_value: float
    direction: Direction

    def stationary(self, level: float = 0.05) -> bool:
        """Whether no trend is shown at a level of significance; ValueError unless it lies between 0 and 1."""
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, not {level}")
        return self.p_value >= level


def laplace(times: Sequence[float], end: float, *, terminated: Termination = "time") -> Trend | None:
    """Laplace's test: whether the failures lie in the middle of the time; positive is deterioration.

    Args:
        times: cumulative operating time at each failure, in any order, within 0 and ``end``.
        end: the operating time in all.
        terminated: ``failure`` when the observation ended with the last failure; that one then proves nothing.

    Returns:
        The outcome; None with fewer failures than ``FEWEST``.

    Raises:
        ValueError: a time outside 0 and ``end``, or an unknown word.
    """
    within, span = _within(times, end, terminated)
    if len(within) < FEWEST:
        return None
    mean = math.fsum(t / span for t in within) / len(within)
    z = (mean - 0.5) * math.sqrt(12 * len(within))
    return Trend(z, None, math.erfc(abs(z) / math.sqrt(2)), _direction(z))


def mil_hdbk_189(times: Sequence[float], end: float, *, terminated: Termination = "time") -> Trend | None:
    """The test of MIL-HDBK-189, 2 Σ ln(end/t): small is deterioration, and it is exact for any number of failures.

    Arguments and errors as ``laplace``.

    Returns:
        The outcome; None without a failure that tells, or with one at time 0, whose logarithm is not defined.
    """
    within, span = _within(times, end, terminated)
    if not within or min(within) <= 0:
        return None
    half = math.fsum(math.log(span / t) for t in within)
    below, above = float(gammainc(len(within), half)), float(gammaincc(len(within), half))
    return Trend(2 * half, 2 * len(within), min(1.0, 2 * min(below, above)), _direction(above - below))


def _direction(worsening: float) -> Direction:
    return "deteriorating" if worsening > 0 else "improving" if worsening < 0 else "none"


def _within(times: Sequence[float], end: float, terminated: str) -> tuple[list[float], float]:
    """The times that tell, and the span in which they would be spread evenly."""
    if not 0 <= end < math.inf:
        raise ValueError(f"end must be a finite time from 0 on, not {end}")
    if strange := [t for t in times if not 0 <= t <= end]:
        raise ValueError(f"times must lie within 0 and {end}, not {strange[0]}")
    if terminated == "time":
        return list(times), end
    if terminated == "failure":
        ordered = sorted(times)
        return ordered[:-1], ordered[-1] if ordered else end
    raise ValueError(f"terminated must be 'time' or 'failure', not {terminated!r}")
