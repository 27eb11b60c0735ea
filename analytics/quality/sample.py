"""What is kept of measured values so that capability can be pooled: sums that add, to the last bit.

What it is: count, Σx, Σx², the squares within subgroups with their degrees of freedom, and the moving ranges, as exact
fractions. ``+`` is commutative and associative and ``Sample()`` is its zero, so any order, chunking and tree of merging
gives the same figures. A float is a fraction with a power of two below the line, so nothing is rounded before the
end, and the loss of digits of the one-pass formula Σx² - (Σx)²/n does not arise.
What it is not: free of order. Moving ranges are of neighbours: ``individuals`` takes a run of one machine in the order
of time, and two runs that are merged have no range between them.

Sources: pooled standard deviation and MR̄/d2 as in ISO 22514-2 and NIST/SEMATECH e-Handbook, 6.3.2; ddof 1 throughout.

>>> machine_a, machine_b = Sample.subgroup([9.9, 10.1]), Sample.subgroup([10.4, 10.6])
>>> both = machine_a + machine_b
>>> both.n, both.mean, round(both.sigma_pooled, 4), round(both.sigma_overall, 4)
(4, 10.25, 0.1414, 0.3109)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

from analytics.quality.constants import constants

LARGEST_VALUE: Final = 1e150
"""A value beyond ± this is refused: its square would leave the range of a float."""
_ZERO: Final = Fraction()


def measured(values: Iterable[float]) -> list[float]:
    """The values as a list of floats.

    Raises:
        ValueError: a value is not finite, or larger than ``LARGEST_VALUE``.
    """
    found = [float(value) for value in values]
    for index, value in enumerate(found):
        if not -LARGEST_VALUE <= value <= LARGEST_VALUE:
            raise ValueError(f"value {index} is {value}: measured values are finite and within ±{LARGEST_VALUE:g}")
    return found


def _integers(values: Sequence[float]) -> tuple[list[int], int]:
    """The values as integers over one common denominator, exactly."""
    ratios = [value.as_integer_ratio() for value in values]
    common = max((below for _, below in ratios), default=1)  # powers of two, so the largest is a multiple of each
    return [above * (common // below) for above, below in ratios], common


def _root(square: Fraction) -> float:
    """The square root, by way of a number near 1, so that neither overflow nor underflow spoils it."""
    if not square:
        return 0.0
    half = (square.numerator.bit_length() - square.denominator.bit_length()) // 2
    return math.ldexp(math.sqrt(square / Fraction(4) ** half), half)


@dataclass(frozen=True, slots=True)
class Sample:
    """Exact sums over measured values of one characteristic.

    Attributes:
        n: number of values.
        total: Σx, in the unit of the values.
        squares: Σx², in the unit squared.
        df: degrees of freedom within subgroups, Σ(nᵢ - 1).
        within: Σ of squared deviations from the mean of the own subgroup, in the unit squared.
        ranges: number of moving ranges of two.
        range_total: Σ of the moving ranges, in the unit.
    """

    n: int = 0
    total: Fraction = _ZERO
    squares: Fraction = _ZERO
    df: int = 0
    within: Fraction = _ZERO
    ranges: int = 0
    range_total: Fraction = _ZERO

    @classmethod
    def subgroup(cls, values: Iterable[float]) -> Sample:
        """A rational subgroup: values made under the same conditions. One value has no spread within.

        Raises:
            ValueError: as ``measured``.
        """
        whole, common = _integers(measured(values))
        n, total, squares = len(whole), sum(whole), sum(value * value for value in whole)
        return cls(
            n=n,
            total=Fraction(total, common),
            squares=Fraction(squares, common * common),
            df=max(0, n - 1),
            within=Fraction(n * squares - total * total, n * common * common) if n else _ZERO,
        )

    @classmethod
    def individuals(cls, values: Iterable[float]) -> Sample:
        """A run of single values in the order of time, of one machine.

        Raises:
            ValueError: as ``measured``.
        """
        whole, common = _integers(measured(values))
        return cls(
            n=len(whole),
            total=Fraction(sum(whole), common),
            squares=Fraction(sum(value * value for value in whole), common * common),
            ranges=max(0, len(whole) - 1),
            range_total=Fraction(sum(abs(b - a) for a, b in pairwise(whole)), common),
        )

    @classmethod
    def summary(cls, n: int, mean: float, sd: float | None = None) -> Sample:
        """A subgroup of which only size, mean and standard deviation (ddof 1) are known.

        Args:
            n: number of values, >= 1.
            mean: their mean.
            sd: their standard deviation; None if and only if n is 1.

        Raises:
            ValueError: n < 1, sd negative, missing or given for one value, or as ``measured``.
        """
        if n < 1 or (n == 1) != (sd is None):
            raise ValueError(f"a summary has n >= 1, and a standard deviation from n = 2 on: n = {n}, sd = {sd}")
        center, spread = (Fraction(value) for value in measured([mean, sd or 0.0]))
        if spread < 0:
            raise ValueError(f"a standard deviation is not negative: {sd}")
        within = (n - 1) * spread * spread
        return cls(n, n * center, n * center * center + within, n - 1, within)

    def __add__(self, other: Sample) -> Sample:
        return Sample(
            self.n + other.n,
            self.total + other.total,
            self.squares + other.squares,
            self.df + other.df,
            self.within + other.within,
            self.ranges + other.ranges,
            self.range_total + other.range_total,
        )

    @property
    def mean(self) -> float | None:
        """x̄, correctly rounded; None without values."""
        return float(self.total / self.n) if self.n else None

    @property
    def sigma_overall(self) -> float | None:
        """Standard deviation of all values about their mean, ddof 1 (long term: Pp, Ppk); None below two values."""
        if self.n < 2:
            return None
        return _root((self.squares - self.total * self.total / self.n) / (self.n - 1))

    @property
    def sigma_pooled(self) -> float | None:
        """Pooled standard deviation within subgroups (short term: Cp, Cpk); None without a subgroup of two."""
        return _root(self.within / self.df) if self.df else None

    @property
    def sigma_moving_range(self) -> float | None:
        """MR̄ / d2, the short-term spread of single values; None without a range."""
        return float(self.range_total / self.ranges) / constants(2).d2 if self.ranges else None

    @property
    def sigma_within(self) -> float | None:
        """The short-term spread: pooled where there are subgroups, else from moving ranges, else None.

        Where both kinds are merged, the subgroups speak: their estimate does not lean on the order.
        """
        return self.sigma_pooled if self.df else self.sigma_moving_range

    @property
    def within_df(self) -> float | None:
        """Degrees of freedom of ``sigma_within``; those of moving ranges are effective ones, a fraction."""
        if self.df:
            return float(self.df)
        if not self.ranges:
            return None
        # Of s with ν degrees of freedom, (sd / mean)² is about 1 / 2ν. Two neighbouring ranges share a value, so they
        # are correlated: E|X||Y| of two normal differences with correlation -1/2 and variance 2 is (2√3 + π/3) / π.
        one = constants(2)
        shared = (2 * math.sqrt(3) + math.pi / 3) / math.pi - one.d2**2
        variance = (one.d3**2 + 2 * shared * (self.ranges - 1) / self.ranges) / self.ranges
        return one.d2**2 / (2 * variance)


def pooled(samples: Iterable[Sample]) -> Sample:
    """The sum of any number of samples, in any order; ``Sample()`` of none."""
    return sum(samples, Sample())
