"""Personalised orders beside standard ones, and what a variant costs above its base.

What it is: the share of orders made for one consumer against their lead time, service, price and cost, as sums that
add; and the premium of one variant, split into setup, material and run so that the parts add to it exactly.
What it is not: a costing. What an order or a variant costs is given; see ``analytics/cost.py``.

>>> base = UnitCost(setup=Fraction(1), material=Fraction(6), run=Fraction(3))
>>> variant = UnitCost(setup=Fraction(2), material=Fraction(7), run=Fraction(3))
>>> {name: float(part) for name, part in premium(base, variant).items()}
{'setup': 0.1, 'material': 0.1, 'run': 0.0, 'other': 0.0, 'total': 0.2}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Final

from analytics.trade.distribution import EMPTY, Samples, quotient
from analytics.trade.orders import DateBasis, Order
from analytics.trade.service import service

_ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class Side:
    """One kind of orders, as sums.

    Attributes:
        orders, units, price: placed, with the price of all of them in the market's currency.
        costed_units, cost: the units of the orders of which the cost is known, and that cost.
        judged, otif: orders judged against their date, and those on time in full.
        lead: ns from placing to completion, of those completed.
    """

    orders: int = 0
    units: int = 0
    price: Fraction = _ZERO
    costed_units: int = 0
    cost: Fraction = _ZERO
    judged: int = 0
    otif: int = 0
    lead: Samples = EMPTY

    def __add__(self, other: Side) -> Side:
        return Side(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def unit_price(self) -> float | None:
        """Money per unit ordered."""
        return quotient(self.price, self.units)

    @property
    def unit_cost(self) -> float | None:
        """Money per unit of which the cost is known."""
        return quotient(self.cost, self.costed_units)

    @property
    def otif_ratio(self) -> float | None:
        """On time in full per judged order."""
        return quotient(self.otif, self.judged)


@dataclass(frozen=True, slots=True)
class Personal:
    """Orders made for one consumer beside standard ones, of one currency; they add.

    ``unknown`` are those of which neither can be said; they are in no share.
    """

    personalised: Side = Side()
    standard: Side = Side()
    unknown: Side = Side()

    def __add__(self, other: Personal) -> Personal:
        return Personal(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def share_of_orders(self) -> float | None:
        """Personalised orders per order."""
        return quotient(self.personalised.orders, self.personalised.orders + self.standard.orders)

    @property
    def share_of_units(self) -> float | None:
        """Units of personalised orders per unit."""
        return quotient(self.personalised.units, self.personalised.units + self.standard.units)

    @property
    def lead_time_ratio(self) -> float | None:
        """How many times longer a personalised order takes, by medians; below 1 it is faster."""
        mine, theirs = self.personalised.lead.median, self.standard.lead.median
        return mine / theirs if mine is not None and theirs else None

    @property
    def price_premium(self) -> float | None:
        """What a personalised unit brings above a standard one, as a share of the latter."""
        return _premium(self.personalised.price, self.personalised.units, self.standard.price, self.standard.units)

    @property
    def cost_premium(self) -> float | None:
        """What a personalised unit costs above a standard one, as a share of the latter."""
        mine, theirs = self.personalised, self.standard
        return _premium(mine.cost, mine.costed_units, theirs.cost, theirs.costed_units)


def _premium(mine: Fraction, units: int, theirs: Fraction, others: int) -> float | None:
    return quotient(mine * others - theirs * units, theirs * units) if units else None


def personal(orders: Iterable[Order], basis: DateBasis, costs: Mapping[str, Fraction] | None = None) -> Personal:
    """The orders by whether they are made for one consumer, with their speed, price and cost.

    Args:
        orders: of one market, or of several with one currency.
        basis: the date against which they are judged.
        costs: order -> what all its units cost, where that is known, in the currency of the prices.
    """
    kinds: dict[bool | None, list[Order]] = {True: [], False: [], None: []}
    for order in orders:
        if order.placed_ns is not None:
            kinds[order.personalised].append(order)
    return Personal(*(_side(kinds[kind], basis, costs or {}) for kind in (True, False, None)))


def _side(orders: Sequence[Order], basis: DateBasis, costs: Mapping[str, Fraction]) -> Side:
    served = service(orders, basis)
    costed = [order for order in orders if order.order in costs]
    return Side(
        orders=len(orders),
        units=sum(order.quantity for order in orders),
        price=sum((order.price for order in orders), _ZERO),
        costed_units=sum(order.quantity for order in costed),
        cost=sum((costs[order.order] for order in costed), _ZERO),
        judged=served.judged,
        otif=served.otif,
        lead=served.lead,
    )


@dataclass(frozen=True, slots=True)
class UnitCost:
    """What one unit of a variant costs, by nature, in one currency.

    Attributes:
        setup: changeovers spread over the units made between them.
        material: with the material of the options.
        run: time, labour and energy of the run itself.
        other: the rest.
    """

    setup: Fraction = _ZERO
    material: Fraction = _ZERO
    run: Fraction = _ZERO
    other: Fraction = _ZERO

    @property
    def total(self) -> Fraction:
        """All of it."""
        return self.setup + self.material + self.run + self.other


def premium(base: UnitCost, variant: UnitCost) -> dict[str, Fraction] | None:
    """By what share a variant costs more than its base: c_variant / c_base - 1, by nature and in ``total``.

    The parts add to the total exactly. None when the base costs nothing.
    """
    if not base.total:
        return None
    names = [f.name for f in fields(UnitCost)]
    parts = {name: (getattr(variant, name) - getattr(base, name)) / base.total for name in names}
    return {**parts, "total": sum(parts.values(), _ZERO)}
