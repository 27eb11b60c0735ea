"""On time, in full, perfect, and how fast: how well orders were served, as sums that add.

What it is: each order judged against a named date, counted into a value that adds over markets, products and stretches
of time; the ratios are taken of the sums.
What it is not: a product of component rates. An order is on time in full, or perfect, only if it passes every test
itself; multiplying the rates of the tests gives another, wrong figure.

Source: perfect order fulfilment (RL.1.1) of the SCOR model counts orders; its guide calls the product of the component
ratios incorrect. Assumptions: an order is judged once it is full or its date has passed. One that was cancelled by its
date is judged on the units that it then had, and with none not at all; one cancelled later has failed. On time is the
delivery that filled the order as far as it is filled; units in excess neither fill nor delay.

>>> from analytics.trade import MarketEvents, fold_orders
>>> from contract import DeliveryRow, OrderRow
>>> placed = [OrderRow(t=0, order=o, product="washer", options={}, quantity=2, price=9.0, due=10) for o in ("a", "b")]
>>> came = [DeliveryRow(t=7, order="a", quantity=2), DeliveryRow(t=9, order="b", quantity=1)]
>>> served = service(fold_orders(MarketEvents(placed, came), until_ns=20).values(), "original_promise")
>>> served.on_time_ratio, served.in_full_ratio, served.otif_ratio, served.fill_rate
(1.0, 0.5, 0.5, 0.75)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple

from analytics.trade.distribution import EMPTY, Samples, quotient
from analytics.trade.orders import DateBasis, Order

Moment = Literal["placed", "completed", "requested", "original_promise", "latest_promise"]


class Verdict(NamedTuple):
    """How an order stands.

    Attributes:
        standing: ``judged``; ``open`` while its date is to come; ``cancelled`` in time; ``unknown`` without date.
        on_time: what was delivered of it came by its date, and something did.
        in_full: all of it was delivered.
        wanted: the units that it is judged on.
        late_ns: by how much the delivery that filled it passed the date; None when it did not, or when there is none.
    """

    standing: Literal["judged", "open", "cancelled", "unknown"]
    on_time: bool = False
    in_full: bool = False
    wanted: int = 0
    late_ns: int | None = None


def verdict(order: Order, basis: DateBasis) -> Verdict:
    """One order judged against a date."""
    due = order.due_ns(basis)
    if due is None or order.placed_ns is None:
        return Verdict("unknown")
    in_time = order.cancelled_ns is not None and order.cancelled_ns <= due
    wanted = order.shipped if in_time else order.quantity
    if not wanted:
        return Verdict("cancelled")
    in_full = order.shipped >= wanted
    if not in_full and due >= order.until_ns:
        return Verdict("open", wanted=wanted)
    filled = order.filled_ns
    late = filled is not None and filled > due
    return Verdict(
        "judged",
        on_time=filled is not None and not late,
        in_full=in_full,
        wanted=wanted,
        late_ns=filled - due if filled is not None and late else None,
    )


@dataclass(frozen=True, slots=True)
class Service:
    """Counts of orders and units under one date basis; they add.

    Attributes:
        basis: against which date.
        orders: known to have been placed.
        open, cancelled, unknown, judged: of these, by standing.
        on_time, in_full, otif, perfect: of the judged, by test passed; perfect is on time, in full and without fault.
        late, late_ns: delivered after the date, and the sum of the delays.
        missing: past the date with nothing delivered.
        ordered_units, filled_units: of the judged; units in excess of an order fill no other.
        lead: ns from placing to completion, of those completed.
    """

    basis: DateBasis
    orders: int = 0
    open: int = 0
    cancelled: int = 0
    unknown: int = 0
    judged: int = 0
    on_time: int = 0
    in_full: int = 0
    otif: int = 0
    perfect: int = 0
    late: int = 0
    late_ns: int = 0
    missing: int = 0
    ordered_units: int = 0
    filled_units: int = 0
    lead: Samples = EMPTY

    def __add__(self, other: Service) -> Service:
        if self.basis != other.basis:
            raise ValueError(f"orders judged by {self.basis} and by {other.basis} do not add")
        return Service(self.basis, *(getattr(self, name) + getattr(other, name) for name in _SUMS))

    @property
    def on_time_ratio(self) -> float | None:
        """On time per judged order."""
        return quotient(self.on_time, self.judged)

    @property
    def in_full_ratio(self) -> float | None:
        """In full per judged order."""
        return quotient(self.in_full, self.judged)

    @property
    def otif_ratio(self) -> float | None:
        """On time in full per judged order."""
        return quotient(self.otif, self.judged)

    @property
    def perfect_ratio(self) -> float | None:
        """Perfect orders per judged order."""
        return quotient(self.perfect, self.judged)

    @property
    def fill_rate(self) -> float | None:
        """Units filled per unit ordered."""
        return quotient(self.filled_units, self.ordered_units)

    @property
    def mean_late_ns(self) -> float | None:
        """The mean delay of what was delivered late."""
        return quotient(self.late_ns, self.late)


_SUMS = tuple(f.name for f in fields(Service) if f.name != "basis")


def service(orders: Iterable[Order], basis: DateBasis) -> Service:
    """How these orders were served, judged against one date; orders that were never seen placed do not count.

    Raises:
        ValueError: no such basis.
    """
    placed = [order for order in orders if order.placed_ns is not None]
    said = [verdict(order, basis) for order in placed]
    judged = [(order, one) for order, one in zip(placed, said, strict=True) if one.standing == "judged"]
    standing = [one.standing for one in said]
    return Service(
        basis,
        orders=len(placed),
        open=standing.count("open"),
        cancelled=standing.count("cancelled"),
        unknown=standing.count("unknown"),
        judged=len(judged),
        on_time=sum(one.on_time for _, one in judged),
        in_full=sum(one.in_full for _, one in judged),
        otif=sum(one.on_time and one.in_full for _, one in judged),
        perfect=sum(one.on_time and one.in_full and not order.faulty for order, one in judged),
        late=sum(one.late_ns is not None for _, one in judged),
        late_ns=sum(one.late_ns or 0 for _, one in judged),
        missing=sum(order.filled_ns is None for order, _ in judged),
        ordered_units=sum(one.wanted for _, one in judged),
        filled_units=sum(min(order.shipped, one.wanted) for order, one in judged),
        lead=Samples.of(order.lead_time_ns for order in placed if order.lead_time_ns is not None),
    )


def in_window(orders: Iterable[Order], start_ns: int, end_ns: int, by: Moment) -> list[Order]:
    """The orders whose moment lies in ``[start_ns, end_ns)``: placed, completed or due then; others have none."""

    def moment(order: Order) -> int | None:
        if by == "placed":
            return order.placed_ns
        return order.completed_ns if by == "completed" else order.due_ns(by)

    return [order for order in orders if (t := moment(order)) is not None and start_ns <= t < end_ns]
