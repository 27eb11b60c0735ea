"""What the KPIs of ISO 22400-2 are taken from: the elements of work units, and of orders, people and material.

What it is: one frozen value of exact numbers that adds, like ``Elements``, which is its part for machines. What is not
known is zero on both sides of a ratio, and the ratio is then undefined.
What it is not: a KPI (``analytics/kpi.py``), nor a reader of events.

Standard: the logistical, personnel, quality and maintenance elements of ISO 22400-2:2014.

>>> (Basis(gp=188, ip=200) + Basis(gp=2, ip=10)).gp
190
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction

from analytics.elements import Elements

Exact = int | Fraction
"""What adds without an error."""


@dataclass(frozen=True, slots=True)
class Capability:
    """The four capability indices of a characteristic; None where one is undefined."""

    cm: float | None = None
    cmk: float | None = None
    cp: float | None = None
    cpk: float | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What adds; ``+`` is commutative and associative, ``Basis()`` is its zero.

    Attributes:
        machine: the elements of the work units.
        apwt_ns: actual personnel work time: people at work on orders, person-nanoseconds.
        apat_ns: actual personnel attendance time: people present, without breaks.
        aoet_ns: actual order execution time: from the begin of each order to its end.
        order_aubt_ns: busy time of all work units for these orders (Σ AUBT).
        order_apt_ns: production time of all work units for these orders (Σ APT).
        order_pq: units produced for these orders.
        psq: planned scrap quantity.
        first_pq: units that the first operation of the order produced, for the fall-off of a later one.
        gp: good parts at their first inspection, without rework (serialised parts).
        ip: inspected parts.
        epc: equipment production capacity: what the machine could have made in the time.
        energy_equivalent: media × conversion rates + exchanged energy, in the unit of the rates.
        throughput: units that left the inventory.
        stock_ns: the inventory over time: units × nanoseconds.
        cm: consumed material.
        finished: good quantity, in the unit of the material.
        igq: integrated good quantity: all good products, in the unit of the material.
        pl: production loss. ``stl``: storage and transport loss. ``ol``: other loss.
        ttf_ns: operating time of the runs that ended in a failure.
        runs: how many such runs there were.
        capability: the indices of a characteristic; of several the least of each, which is what a product is judged by.
    """

    machine: Elements = field(default_factory=Elements)
    apwt_ns: Exact = 0
    apat_ns: Exact = 0
    aoet_ns: int = 0
    order_aubt_ns: int = 0
    order_apt_ns: int = 0
    order_pq: int = 0
    psq: Exact = 0
    first_pq: int = 0
    gp: int = 0
    ip: int = 0
    epc: Exact = 0
    energy_equivalent: Exact = 0
    throughput: Exact = 0
    stock_ns: Exact = 0
    cm: Exact = 0
    finished: Exact = 0
    igq: Exact = 0
    pl: Exact = 0
    stl: Exact = 0
    ol: Exact = 0
    ttf_ns: int = 0
    runs: int = 0
    capability: Capability | None = None

    def __add__(self, other: Basis) -> Basis:
        sums = {name: getattr(self, name) + getattr(other, name) for name in _ADDED}
        return Basis(**sums, capability=worst(self.capability, other.capability))


def worst(one: Capability | None, other: Capability | None) -> Capability | None:
    """The least of each index; one that is undefined says nothing."""
    if one is None or other is None:
        return one or other
    return Capability(*(_least(getattr(one, f.name), getattr(other, f.name)) for f in fields(Capability)))


def _least(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return min(known, default=None)


_ADDED = tuple(f.name for f in fields(Basis) if f.name != "capability")


def equivalent(amounts: Mapping[str, Exact], rates: Mapping[str, Exact], exchanged: Exact = 0) -> Fraction:
    """Energy of all media in one unit: Σ Mᵢ·Rᵢ + Q (ISO 22400-2, comprehensive energy consumption).

    Args:
        amounts: medium -> how much of it was used.
        rates: medium -> energy per unit of it.
        exchanged: energy taken from others, less what was given to them.

    Raises:
        ValueError: a medium has no rate.

    >>> float(equivalent({"electricity": 300}, {"electricity": Fraction("0.1229")}))
    36.87
    """
    missing = sorted(amounts.keys() - rates.keys())
    if missing:
        raise ValueError(f"no conversion rate for {', '.join(missing)}; name one, or leave the medium out")
    return sum((Fraction(amount) * rates[medium] for medium, amount in amounts.items()), Fraction(exchanged))


def whole(parts: Iterable[Basis]) -> Basis:
    """The sum of any number of them; ``Basis()`` of none."""
    result = Basis()
    for part in parts:
        result = result + part
    return result
