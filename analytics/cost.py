"""What a stretch of time cost, by nature.

What it is: the lines of the ledger, and those of them that elements and the prices of the machine's birth give
(``MACHINE_LINES``). Whoever knows a month's peak, a stock or an order adds the others.
What it is not: the activity view (``analytics/activity.py``). Changeover, down time and poor quality are other views of
the same money and are never added to these lines.

Money is exact: a price means the decimal that was written, sums are fractions, and ``float`` comes last, on the way
out. So the lines add up to the total, and the machines to the line, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import lru_cache
from typing import Final

from analytics.elements import Elements
from contract import Economics

HOUR_NS: Final = 3600 * 10**9
WH_PER_KWH: Final = 1000
_ZERO: Final = Fraction(0)
Number = int | float | Fraction
"""What people write numbers as; a float means the decimal that was written."""


@dataclass(frozen=True, slots=True)
class Costs:
    """The cost lines, mutually exclusive, in one currency.

    Attributes:
        currency: ISO 4217.
        material: units started × standard material; started is taken as PQ, the units finished with the scrap.
        scrap_recovery: what scrap brings back, negative or zero.
        energy: Σ kWh × price over the bands; without a tariff energy is not charged.
        labour: operators × wage × POT, for attendance is paid whether or not the machine runs.
        depreciation: per hour of POT.
        demand: the share of the demand charge, by the share of the peak at which it was set.
        maintenance: labour and parts of repair and upkeep.
        tooling: tools and consumables.
        rework: what mending costs beside the machine's time.
        holding: capital tied up in stock.
        late: penalties for late delivery.
    """

    currency: str
    material: Fraction = _ZERO
    scrap_recovery: Fraction = _ZERO
    energy: Fraction = _ZERO
    labour: Fraction = _ZERO
    depreciation: Fraction = _ZERO
    demand: Fraction = _ZERO
    maintenance: Fraction = _ZERO
    tooling: Fraction = _ZERO
    rework: Fraction = _ZERO
    holding: Fraction = _ZERO
    late: Fraction = _ZERO

    @property
    def total(self) -> Fraction:
        """The sum of the lines, exactly."""
        return sum((getattr(self, name) for name in LINES), _ZERO)

    def unit_cost(self, units: int) -> float | None:
        """The total per unit; None when there are no units."""
        return to_float(self.total / units) if units else None


LINES: Final = tuple(f.name for f in fields(Costs) if f.name != "currency")
"""The names of the cost lines."""
MACHINE_LINES: Final = ("material", "scrap_recovery", "energy", "labour", "depreciation")
"""Those that ``costs`` gives, and that are stored with each machine."""


def costs(elements: Elements, economics: Economics) -> Costs:
    """The cost of ``elements`` under one set of prices."""
    bands = economics.tariff.bands if economics.tariff else {}
    hours = Fraction(elements.pot_ns, HOUR_NS)
    return Costs(
        economics.currency,
        material=elements.pq * exact(economics.material_per_unit),
        scrap_recovery=-elements.sq * exact(economics.scrap_credit_per_unit),
        energy=sum((wh * exact(bands[code].price_per_kwh) for code, wh in elements.energy if code in bands), _ZERO)
        / WH_PER_KWH,
        labour=hours * exact(economics.operators) * exact(economics.wage_per_h),
        depreciation=hours * exact(economics.depreciation_per_h),
    )


def add_costs(parts: Iterable[Costs | None]) -> Costs | None:
    """The sum of what is known; None when nothing is, or when two currencies meet, for which there is no sum."""
    known = [part for part in parts if part is not None]
    if len({part.currency for part in known}) != 1:
        return None
    return Costs(known[0].currency, *(sum((getattr(part, name) for part in known), _ZERO) for name in LINES))


def to_float(amount: Fraction) -> float | None:
    """The nearest float; None where a device's prices lead beyond all floats."""
    try:
        return float(amount)
    except OverflowError:
        return None


@lru_cache(maxsize=4096)
def exact(price: float) -> Fraction:
    """The decimal that was written.

    >>> exact(0.35)
    Fraction(7, 20)
    """
    return Fraction(repr(price))


def fraction(value: Number) -> Fraction:
    """The number that was written, exactly.

    Raises:
        ValueError: it is not finite.
    """
    return Fraction(value) if isinstance(value, int | Fraction) else exact(float(value))
