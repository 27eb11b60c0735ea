"""What suppliers did: on time in full, defects per million, lead times; and the stock that covers their spread.

What it is: shipment rows, in any order and with duplicates, folded to one frozen value per shipment, and sums over
shipments that add. Quantities are exact: a float means the decimal that was written.
What it is not: a sum over unlike units: pieces and kilograms do not add, so take one material, or several of one unit.

Rows are a set with the key (shipment, time, status); of two different rows with one key the greater stays. The lead
time is from the first promise to the receipt that made the shipment complete. In full counts what was received, with
its defects; those are in the parts per million, and in ``perfect``.

Source of the safety stock: service level in a cycle with normal demand, as in Stevenson, Operations Management, 14th
ed., chapter 13; for demand and lead time that both vary, independently, the variance of their product sum.

>>> round(safety_stock(0.97, sd_lead_time_demand=5), 2)
9.4
>>> round(safety_stock_of(0.95, lead_time=Spread(4, 1), demand=Spread(50, 10)), 1)
88.6
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from statistics import NormalDist
from typing import Any, Final, Literal, NamedTuple

from analytics.cost import exact
from analytics.trade.distribution import Samples, quotient
from analytics.trade.judged import Judged, Verdict, judge, tally
from analytics.trade.known import known
from contract import ShipmentRow

Promise = Literal["original_promise", "latest_promise"]
PROMISES: Final[tuple[Promise, ...]] = ("original_promise", "latest_promise")
PPM: Final = 1_000_000
_ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class Shipment:
    """One shipment as it is known at ``until_ns``; times in ns, None where it has not happened or is not known.

    Attributes:
        shipment: its name at its supplier.
        until_ns: rows from here on are not known yet.
        material: what it brings.
        quantity: as last promised, in the unit of the material; None when no promise is known.
        ordered_ns: when it was promised first.
        promised_ns, promised_latest_ns: for when, as said first and last.
        shipped_ns: when it left the supplier.
        received_ns: the last receipt that the promise asked for.
        received, defective: in the unit of the material.
        price: of what was received.
    """

    shipment: str
    until_ns: int
    material: str
    quantity: Fraction | None
    ordered_ns: int | None
    promised_ns: int | None
    promised_latest_ns: int | None
    shipped_ns: int | None
    received_ns: int | None
    received: Fraction
    defective: Fraction
    price: Fraction

    @property
    def complete(self) -> bool:
        """Whether all that was promised has been received."""
        return self.quantity is not None and self.received_ns is not None and self.received >= self.quantity

    @property
    def lead_time_ns(self) -> int | None:
        """From the first promise to the receipt of all of it."""
        if not self.complete or self.received_ns is None or self.ordered_ns is None:
            return None
        return self.received_ns - self.ordered_ns


def fold_shipments(rows: Iterable[ShipmentRow], until_ns: int) -> dict[str, Shipment]:
    """Each shipment of one supplier as it is known at ``until_ns``, by name in alphabetical order.

    Args:
        rows: what the supplier said, in any order, with or without duplicates.
        until_ns: rows at or after this time are not known yet.
    """
    groups = known(rows, until_ns, key=lambda row: (row.shipment, row.t, row.status), content=_content)
    return {name: _shipment(name, groups[name], until_ns) for name in groups}


def _content(row: ShipmentRow) -> tuple[Any, ...]:
    return row.quantity, row.defective, row.price, -1 if row.promised is None else row.promised, row.material


def _shipment(name: str, in_time: Sequence[ShipmentRow], until_ns: int) -> Shipment:
    promised = [row for row in in_time if row.status == "promised"]
    received = [row for row in in_time if row.status == "received" and row.quantity]
    dates = [row.promised for row in (promised or in_time) if row.promised is not None]
    quantity = exact(promised[-1].quantity) if promised else None
    come, filled_ns = _ZERO, None
    for row in received:
        if quantity is None or come < quantity:
            filled_ns = row.t
        come += exact(row.quantity)
    return Shipment(
        shipment=name,
        until_ns=until_ns,
        material=in_time[-1].material,
        quantity=quantity,
        ordered_ns=promised[0].t if promised else None,
        promised_ns=dates[0] if dates else None,
        promised_latest_ns=dates[-1] if dates else None,
        shipped_ns=next((row.t for row in in_time if row.status == "shipped"), None),
        received_ns=filled_ns,
        received=come,
        defective=sum((exact(row.defective) for row in received), _ZERO),
        price=sum((exact(row.price) for row in received), _ZERO),
    )


def arrival(shipment: Shipment, basis: Promise) -> Verdict:
    """One shipment judged against a promise.

    Raises:
        ValueError: no such basis.
    """
    if basis not in PROMISES:
        raise ValueError(f"no date basis {basis!r}: one of {', '.join(PROMISES)}")
    due = shipment.promised_ns if basis == "original_promise" else shipment.promised_latest_ns
    if due is None or shipment.quantity is None:
        return Verdict("unknown")
    return judge(due, shipment.until_ns, shipment.received_ns, in_full=shipment.complete)


@dataclass(frozen=True, slots=True)
class Supply(Judged):
    """Shipments, and what they brought, counted under one promise; they add. Perfect is also without defect.

    Attributes:
        received, defective: quantities in one unit.
        price: of what was received, in one currency.
    """

    received: Fraction = _ZERO
    defective: Fraction = _ZERO
    price: Fraction = _ZERO

    @property
    def shipments(self) -> int:
        """All of them, judged or not."""
        return self.open + self.unknown + self.judged

    @property
    def ppm(self) -> float | None:
        """Defective parts per million received."""
        return quotient(PPM * self.defective, self.received)


def supply(shipments: Iterable[Shipment], basis: Promise) -> Supply:
    """How these shipments arrived, judged against one promise.

    Raises:
        ValueError: no such basis.
    """
    some = list(shipments)
    return Supply(
        basis,
        **tally((arrival(shipment, basis), not shipment.defective) for shipment in some),
        lead=Samples.of(shipment.lead_time_ns for shipment in some if shipment.lead_time_ns is not None),
        received=sum((shipment.received for shipment in some), _ZERO),
        defective=sum((shipment.defective for shipment in some), _ZERO),
        price=sum((shipment.price for shipment in some), _ZERO),
    )


class Spread(NamedTuple):
    """A mean and a standard deviation, in one unit."""

    mean: float
    sd: float


def safety_stock(service_level: float, sd_lead_time_demand: float) -> float:
    """Z · σ of the demand in a lead time, in the unit of the demand; negative below a service level of a half.

    Args:
        service_level: the probability that a cycle sees no stock-out, above 0 and below 1.
        sd_lead_time_demand: the standard deviation of the demand in a lead time.

    Raises:
        ValueError: the level is not between 0 and 1, or the deviation is negative.
    """
    if not 0 < service_level < 1:
        raise ValueError(f"service level {service_level} is not between 0 and 1")
    if not sd_lead_time_demand >= 0:
        raise ValueError(f"standard deviation {sd_lead_time_demand} is not 0 or more")
    return NormalDist().inv_cdf(service_level) * sd_lead_time_demand


def safety_stock_of(service_level: float, lead_time: Spread, demand: Spread) -> float:
    """Z · √(LT·σ_d² + d²·σ_LT²): demand and lead time both vary, independently.

    Args:
        service_level: as in ``safety_stock``.
        lead_time: in periods (days, say).
        demand: per period.

    Raises:
        ValueError: the level is not between 0 and 1, or a lead time or a deviation is negative.
    """
    if not lead_time.mean >= 0 or not lead_time.sd >= 0 or not demand.sd >= 0:
        raise ValueError("a lead time and standard deviations are 0 or more")
    variance = lead_time.mean * demand.sd**2 + demand.mean**2 * lead_time.sd**2
    return safety_stock(service_level, sqrt(variance))


def reorder_point(mean_lead_time_demand: float, stock: float) -> float:
    """The stock at which to order: what is used in a lead time, and the safety stock."""
    return mean_lead_time_demand + stock
