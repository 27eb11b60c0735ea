"""What an hour of a machine costs, and what its losses would have brought.

What it is: the machine hour rate, its lines and their sum; and units lost by availability, performance and quality,
with their contribution.
What it is not: part of the cost ledger. The hour rate is the same money spread over hours, and lost contribution is an
opportunity, not money spent: it never adds to the lines of ``analytics/cost.py``.

Sources: machine hour rate as cost accounting teaches it, (standing + running charges of a year) / effective hours; lost
units = lost time / ideal cycle time, after Nakajima's losses.

>>> float(machine_hour_rate({"depreciation": 1800, "power": 2160}, hours=1800).rate)
2.2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from analytics.cost import Number, fraction
from analytics.elements import Elements

_ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class HourRate:
    """What an hour of a machine costs.

    Attributes:
        lines: charges of a year by name, in one currency.
        total: their sum.
        rate: per effective hour; None without hours.
    """

    lines: tuple[tuple[str, Fraction], ...]
    total: Fraction
    rate: Fraction | None


def machine_hour_rate(charges: Mapping[str, Number], hours: Number) -> HourRate:
    """The charges of a year over its effective hours.

    Args:
        charges: line -> money per year, standing (depreciation, rent, insurance) and running (power, repairs).
        hours: effective hours in the year.

    Raises:
        ValueError: the hours are negative.
    """
    effective = fraction(hours)
    if effective < 0:
        raise ValueError(f"{hours} hours is negative")
    lines = tuple((name, fraction(amount)) for name, amount in charges.items())
    total = sum((amount for _, amount in lines), _ZERO)
    return HourRate(lines, total, total / effective if effective else None)


def straight_line(price: Number, installation: Number, residual: Number, years: Number) -> Fraction:
    """Depreciation per year: (price + installation - residual) / years.

    Raises:
        ValueError: the life is not positive.
    """
    life = fraction(years)
    if life <= 0:
        raise ValueError(f"a life of {years} years is not positive")
    return (fraction(price) + fraction(installation) - fraction(residual)) / life


@dataclass(frozen=True, slots=True)
class Lost:
    """Units that were not made; they add over stretches of time of one product and machine.

    Attributes:
        availability: in the time lost to stops and setups.
        performance: in minor stops and slow running; negative where it ran faster than planned.
        quality: made, but not good.
    """

    availability: Fraction = _ZERO
    performance: Fraction = _ZERO
    quality: Fraction = _ZERO

    def __add__(self, other: Lost) -> Lost:
        return Lost(
            self.availability + other.availability, self.performance + other.performance, self.quality + other.quality
        )

    @property
    def total(self) -> Fraction:
        """All of them: what fits in the planned busy time, less the good ones."""
        return self.availability + self.performance + self.quality

    def contribution(self, per_unit: Number, *, constraint: bool, sold_out: bool) -> Fraction | None:
        """What the lost units would have brought.

        Args:
            per_unit: contribution of a unit: its price less what it takes in material and energy.
            constraint: whether the machine limits its line.
            sold_out: whether demand exceeds output.

        Returns:
            Money; None unless both hold, for elsewhere a unit more is not sold.
        """
        return self.total * fraction(per_unit) if constraint and sold_out else None


def lost_units(elements: Elements, ideal_cycle_ns: Number) -> Lost:
    """Units lost in a stretch of time, by the planned run time per item; profile as the elements are booked.

    Raises:
        ValueError: the cycle time is not positive.
    """
    cycle = fraction(ideal_cycle_ns)
    if cycle <= 0:
        raise ValueError(f"ideal cycle time {ideal_cycle_ns} is not positive")
    return Lost(
        availability=(elements.pbt_ns - elements.apt_ns) / cycle,
        performance=(elements.apt_ns - elements.pri_pq_ns) / cycle,
        quality=(elements.pri_pq_ns - elements.pri_gq_ns) / cycle,
    )
