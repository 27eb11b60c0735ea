"""Exact pools of samples, and the figures that are taken of a pool.

What it is: a multiset of integers (lead times in ns, say) that adds. Median, percentiles, spread and coefficient of
variation are those of the pooled values, to the bit the same in whatever order and chunks the samples came.
What it is not: a sketch. Every value is kept, so memory grows with the samples; a mean of percentiles is never formed.

Sources: quantiles by linear interpolation, definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages",
The American Statistician 50 (1996); standard deviation of a sample with n - 1.

>>> week = Samples.of([3, 1]) + Samples.of([8, 2])
>>> week.median, week.quantile(0.9), week.mean
(2.5, 6.5, 3.5)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, pairwise
from math import floor
from statistics import stdev
from typing import Final

from analytics.cost import Number, fraction, to_float

_LIMIT: Final = 2**63


def quotient(numerator: Number, denominator: Number) -> float | None:
    """The quotient, correctly rounded; None when it is undefined or beyond all floats."""
    below = fraction(denominator)
    return to_float(fraction(numerator) / below) if below else None


@dataclass(frozen=True, slots=True)
class Samples:
    """A multiset of integers.

    Attributes:
        values: in ascending order, each as often as it occurred.

    Raises:
        ValueError: the values do not ascend (``Samples.of`` sorts), or one does not fit 64 bits.
    """

    values: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if any(b < a for a, b in pairwise(self.values)):
            raise ValueError("samples must ascend: use Samples.of")
        if self.values and not -_LIMIT <= self.values[0] <= self.values[-1] < _LIMIT:
            raise ValueError("a sample does not fit 64 bits")

    @classmethod
    def of(cls, values: Iterable[int]) -> Samples:
        """The pool of ``values``, in any order."""
        return cls(tuple(sorted(values)))

    def __add__(self, other: Samples) -> Samples:
        return pooled((self, other))

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self.values)

    @property
    def mean(self) -> float | None:
        """The arithmetic mean; None without samples."""
        return quotient(sum(self.values), self.count)

    @property
    def sd(self) -> float | None:
        """The standard deviation with n - 1, in the unit of the samples; None below two samples."""
        return stdev(self.values) if self.count > 1 else None

    @property
    def cv(self) -> float | None:
        """The coefficient of variation, sd / mean; None below two samples or for a mean of zero."""
        mean, sd = self.mean, self.sd
        return sd / mean if sd is not None and mean else None

    @property
    def median(self) -> float | None:
        """The middle value, or the mean of the two in the middle; None without samples."""
        return self.quantile(0.5)

    @property
    def p90(self) -> float | None:
        """The value that nine of ten samples do not exceed, interpolated; None without samples."""
        return self.quantile(0.9)

    def quantile(self, q: float) -> float | None:
        """The ``q`` quantile (0 the least, 1 the greatest), interpolated; None without samples.

        Raises:
            ValueError: ``q`` is not from 0 to 1.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"quantile {q} is not from 0 to 1")
        if not self.values:
            return None
        place = (self.count - 1) * fraction(q)
        below = floor(place)
        above = min(below + 1, self.count - 1)
        low, high = self.values[below], self.values[above]
        return to_float(low + (place - below) * (high - low))


EMPTY: Final = Samples()
"""A pool without samples: what adds nothing."""


def pooled(parts: Iterable[Samples]) -> Samples:
    """All samples of ``parts`` as one pool."""
    return Samples.of(chain.from_iterable(part.values for part in parts))
