"""Phase I: what a process does when it is in control, and the limits that follow.

What it is: a baseline (mean, standard deviation of single values, subgroup size) estimated from a period that is taken
to be in control, or given; and the limits of every variables chart as functions of the baseline alone.
What it is not: phase II. Points are judged in ``analytics/quality/charts.py``, by limits that do not depend on them.

Sources: ISO 7870-2:2013; NIST/SEMATECH e-Handbook, 6.3.2. Limits of X̄, R and S with an estimated baseline are
those with A2, A3, B3, B4, D3, D4; with a given one they are the standard-given limits of the same clauses. A baseline
without spread (fewer than two values, or values that are all equal) has no limits: an instrument that always shows the
same says nothing about chance.

>>> before = individuals_baseline([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
>>> limits = before.mean_limits()
>>> round(limits.lower, 2), round(limits.center, 2), round(limits.upper, 2)
(45.82, 50.81, 55.8)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import mean, stdev
from typing import Final

from analytics.quality.constants import LARGEST, Constants, constants
from analytics.quality.rules import NO_RULES, Rule
from analytics.quality.sample import LARGEST_VALUE, Sample, measured


@dataclass(frozen=True, slots=True)
class Limits:
    """Control limits of one point, in its unit; all None where they are undefined.

    Attributes:
        center: center line.
        lower: lower control limit.
        upper: upper control limit.
        sigma: standard deviation of the point, from which the zones are cut.
    """

    center: float | None = None
    lower: float | None = None
    upper: float | None = None
    sigma: float | None = None

    def beyond(self, point: float | None) -> frozenset[Rule]:
        """On which side the point is out, if it is; a point on a limit is not."""
        if point is None:
            return NO_RULES
        if self.upper is not None and point > self.upper:
            return frozenset({Rule.ABOVE_UPPER})
        if self.lower is not None and point < self.lower:
            return frozenset({Rule.BELOW_LOWER})
        return NO_RULES


NO_LIMITS: Final = Limits()
"""Of a chart whose baseline is undefined."""


def around(
    center: float, sigma: float, floor: float = -math.inf, ceiling: float = math.inf, width: float = 3
) -> Limits:
    """Limits at ``width`` sigma about a center, cut off where no point can be; none where sigma is 0."""
    if not sigma:
        return NO_LIMITS
    return Limits(center, max(floor, center - width * sigma), min(ceiling, center + width * sigma), sigma)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A process in control.

    Attributes:
        mean: its mean, in the unit of the values; None where it is undefined.
        sigma: standard deviation of single values, short term, in the same unit; None where it is undefined.
        size: values in a subgroup; 1 for individuals.

    Raises:
        ValueError: mean or sigma is not finite, sigma is negative, or the size is not in 1 .. ``LARGEST``.
    """

    mean: float | None
    sigma: float | None
    size: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.size <= LARGEST:
            raise ValueError(f"subgroup size must be 1 to {LARGEST}, not {self.size}")
        if self.mean is not None and not abs(self.mean) <= LARGEST_VALUE:
            raise ValueError(f"the mean must be finite, not {self.mean}")
        if self.sigma is not None and not 0 <= self.sigma <= 10 * LARGEST_VALUE:  # of two values it may be larger
            raise ValueError(f"sigma must be finite and not negative, not {self.sigma}")

    @property
    def known(self) -> tuple[float, float] | None:
        """Mean and the standard deviation of a subgroup's mean, where there are limits; else None."""
        if self.mean is None or not self.sigma:
            return None
        error = self.sigma / math.sqrt(self.size)
        return (self.mean, error) if error else None

    def mean_limits(self) -> Limits:
        """Of X (size 1) or X̄: mean ± 3σ/√n."""
        return around(*self.known) if self.known else NO_LIMITS

    def range_limits(self) -> Limits:
        """Of R: d2·σ ± 3·d3·σ, not below 0. Of the moving range of two for size 1."""
        if not self.sigma:
            return NO_LIMITS
        of = constants(max(2, self.size))
        return around(of.d2 * self.sigma, of.d3 * self.sigma, floor=0.0)

    def sd_limits(self) -> Limits:
        """Of S: c4·σ ± 3·σ·sqrt(1 - c4²), not below 0; none for size 1."""
        if not self.sigma or self.size == 1:
            return NO_LIMITS
        c4 = constants(self.size).c4
        return around(c4 * self.sigma, self.sigma * math.sqrt(1 - c4 * c4), floor=0.0)


def individuals_baseline(values: Sequence[float]) -> Baseline:
    """Mean and MR̄/d2 of single values in the order of time.

    Raises:
        ValueError: a value is not finite.
    """
    run = Sample.individuals(values)
    return Baseline(run.mean, run.sigma_moving_range)


def range_baseline(subgroups: Sequence[Sequence[float]]) -> Baseline:
    """Mean and R̄/d2 of subgroups of one size, for X̄-R; ranges waste information above a size of ten.

    Raises:
        ValueError: a value is not finite, or sizes differ, or are below 2.
    """
    return _estimated(subgroups, span, lambda of: of.d2)


def sd_baseline(subgroups: Sequence[Sequence[float]]) -> Baseline:
    """Mean and s̄/c4 of subgroups of one size, for X̄-S.

    Raises:
        ValueError: a value is not finite, or sizes differ, or are below 2.
    """
    return _estimated(subgroups, stdev, lambda of: of.c4)


def span(group: Sequence[float]) -> float:
    """The range R of a subgroup."""
    return max(group) - min(group)


def _estimated(
    subgroups: Sequence[Sequence[float]],
    spread: Callable[[Sequence[float]], float],
    expected: Callable[[Constants], float],
) -> Baseline:
    """The baseline by the mean spread of the subgroups, over what is expected of it in units of σ."""
    groups = checked(subgroups)
    if not groups:
        return Baseline(None, None)
    size = len(groups[0])
    sigma = math.fsum(map(spread, groups)) / len(groups) / expected(constants(size))
    return Baseline(mean(chain.from_iterable(groups)), sigma, size)


def checked(subgroups: Sequence[Sequence[float]], size: int | None = None) -> list[list[float]]:
    """The subgroups as lists of floats, all of one size.

    Args:
        subgroups: values by subgroup, in the order of time.
        size: what the size must be; None for that of the first subgroup.

    Raises:
        ValueError: a value is not finite, or sizes differ, or are below 2.
    """
    groups = [measured(group) for group in subgroups]
    for index, group in enumerate(groups):
        expected = len(groups[0]) if size is None else size
        if len(group) != expected or len(group) < 2:
            raise ValueError(f"subgroup {index} has {len(group)} values: all have the same number, and at least two")
    return groups
