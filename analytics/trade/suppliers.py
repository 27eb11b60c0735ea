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

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from math import sqrt
from statistics import NormalDist
from typing import Any, Final, Literal, NamedTuple

from analytics.cost import exact
from analytics.trade.distribution import EMPTY, Samples, quotient
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
    kept: dict[tuple[str, int, str], ShipmentRow] = {}
    for row in rows:
        key = (row.shipment, row.t, row.status)
        if row.t < until_ns and (key not in kept or _content(row) > _content(kept[key])):
            kept[key] = row
    groups: defaultdict[str, list[ShipmentRow]] = defaultdict(list)
    for row in kept.values():
        groups[row.shipment].append(row)
    return {name: _shipment(name, groups[name], until_ns) for name in sorted(groups)}


def _content(row: ShipmentRow) -> tuple[Any, ...]:
    return row.quantity, row.defective, row.price, -1 if row.promised is None else row.promised, row.material


def _shipment(name: str, rows: Sequence[ShipmentRow], until_ns: int) -> Shipment:
    in_time = sorted(rows, key=lambda row: (row.t, row.status))
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


class Arrival(NamedTuple):
    """How a shipment stands: ``judged`` once it is complete or its date has passed; see ``Verdict`` of orders."""

    standing: Literal["judged", "open", "unknown"]
    on_time: bool = False
    in_full: bool = False


def arrival(shipment: Shipment, basis: Promise) -> Arrival:
    """One shipment judged against a promise.

    Raises:
        ValueError: no such basis.
    """
    if basis not in PROMISES:
        raise ValueError(f"no date basis {basis!r}: one of {', '.join(PROMISES)}")
    due = shipment.promised_ns if basis == "original_promise" else shipment.promised_latest_ns
    if due is None or shipment.quantity is None:
        return Arrival("unknown")
    if not shipment.complete and due >= shipment.until_ns:
        return Arrival("open")
    came = shipment.received_ns
    return Arrival("judged", on_time=came is not None and came <= due, in_full=shipment.complete)


@dataclass(frozen=True, slots=True)
class Supply:
    """Shipments counted under one promise; they add.

    Attributes:
        basis: against which date.
        shipments, open, unknown, judged: all, and of these by standing.
        on_time, in_full, otif, perfect: of the judged, by test passed; perfect is on time, in full and without defect.
        received, defective: quantities in one unit.
        price: of what was received, in one currency.
        lead: ns from the first promise to complete receipt.
    """

    basis: Promise
    shipments: int = 0
    open: int = 0
    unknown: int = 0
    judged: int = 0
    on_time: int = 0
    in_full: int = 0
    otif: int = 0
    perfect: int = 0
    received: Fraction = _ZERO
    defective: Fraction = _ZERO
    price: Fraction = _ZERO
    lead: Samples = EMPTY

    def __add__(self, other: Supply) -> Supply:
        if self.basis != other.basis:
            raise ValueError(f"shipments judged by {self.basis} and by {other.basis} do not add")
        return Supply(self.basis, *(getattr(self, name) + getattr(other, name) for name in _SUMS))

    @property
    def ppm(self) -> float | None:
        """Defective parts per million received."""
        return quotient(PPM * self.defective, self.received)

    @property
    def on_time_ratio(self) -> float | None:
        """On time per judged shipment."""
        return quotient(self.on_time, self.judged)

    @property
    def in_full_ratio(self) -> float | None:
        """In full per judged shipment."""
        return quotient(self.in_full, self.judged)

    @property
    def otif_ratio(self) -> float | None:
        """On time in full per judged shipment."""
        return quotient(self.otif, self.judged)

    @property
    def perfect_ratio(self) -> float | None:
        """On time, in full and without defect, per judged shipment."""
        return quotient(self.perfect, self.judged)


_SUMS = tuple(f.name for f in fields(Supply) if f.name != "basis")


def supply(shipments: Iterable[Shipment], basis: Promise) -> Supply:
    """How these shipments arrived, judged against one promise.

    Raises:
        ValueError: no such basis.
    """
    known = list(shipments)
    said = [arrival(shipment, basis) for shipment in known]
    both = [one.standing == "judged" and one.on_time and one.in_full for one in said]
    standing = [one.standing for one in said]
    return Supply(
        basis,
        shipments=len(known),
        open=standing.count("open"),
        unknown=standing.count("unknown"),
        judged=standing.count("judged"),
        on_time=sum(one.on_time for one in said),
        in_full=sum(one.in_full for one in said),
        otif=sum(both),
        perfect=sum(good and not shipment.defective for good, shipment in zip(both, known, strict=True)),
        received=sum((shipment.received for shipment in known), _ZERO),
        defective=sum((shipment.defective for shipment in known), _ZERO),
        price=sum((shipment.price for shipment in known), _ZERO),
        lead=Samples.of(shipment.lead_time_ns for shipment in known if shipment.lead_time_ns is not None),
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
