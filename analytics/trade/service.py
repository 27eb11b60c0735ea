"""On time, in full, perfect, and how fast: how well orders were served, as sums that add.

What it is: each order judged against a named date, counted into a value that adds over markets, products and stretches
of time; the ratios are taken of the sums.
What it is not: a product of component rates. An order is on time in full, or perfect, only if it passes every test
itself; multiplying the rates of the tests gives another, wrong figure.

Sources: perfect order fulfilment (RL.1.1) of the SCOR model counts orders of which every component is perfect; ORwiki
(orwiki.org, metric DP1) calls the product of the component ratios incorrect.

Assumptions: an order is judged once it is full or its date has passed. One that was cancelled by its date is judged on
the units that it then had, and with none not at all; one cancelled later has failed. On time is the delivery that
filled the order as far as it is filled; units in excess neither fill nor delay.

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
from dataclasses import dataclass
from typing import Literal

from analytics.trade.distribution import Samples, quotient
from analytics.trade.judged import Judged, Verdict, judge, tally
from analytics.trade.orders import DateBasis, Order

Moment = Literal["placed", "completed", "requested", "original_promise", "latest_promise"]


def verdict(order: Order, basis: DateBasis) -> Verdict:
    """One order judged against a date."""
    due = order.due_ns(basis)
    if due is None or order.placed_ns is None:
        return Verdict("unknown")
    in_time = order.cancelled_ns is not None and order.cancelled_ns <= due
    wanted = order.shipped if in_time else order.quantity
    if not wanted:
        return Verdict("cancelled")
    found = judge(due, order.until_ns, order.filled_ns, in_full=order.shipped >= wanted)
    return found._replace(wanted=wanted) if found.standing == "judged" else found


@dataclass(frozen=True, slots=True)
class Service(Judged):
    """Orders known to have been placed, and their units, counted under one date basis; they add.

    Attributes:
        cancelled: orders cancelled in time.
        late, late_ns: delivered after the date, and the sum of the delays.
        ordered_units, filled_units: of the judged; units in excess of an order fill no other.
    """

    cancelled: int = 0
    late: int = 0
    late_ns: int = 0
    ordered_units: int = 0
    filled_units: int = 0

    @property
    def orders(self) -> int:
        """All of them, judged or not."""
        return self.open + self.cancelled + self.unknown + self.judged

    @property
    def missing(self) -> int:
        """Past the date with nothing delivered."""
        return self.judged - self.on_time - self.late

    @property
    def fill_rate(self) -> float | None:
        """Units filled per unit ordered."""
        return quotient(self.filled_units, self.ordered_units)

    @property
    def mean_late_ns(self) -> float | None:
        """The mean delay of what was delivered late."""
        return quotient(self.late_ns, self.late)


def service(orders: Iterable[Order], basis: DateBasis) -> Service:
    """How these orders were served, judged against one date; orders that were never seen placed do not count.

    Raises:
        ValueError: no such basis.
    """
    placed = [order for order in orders if order.placed_ns is not None]
    said = [verdict(order, basis) for order in placed]
    return Service(
        basis,
        **tally(zip(said, (not order.faulty for order in placed), strict=True)),
        lead=Samples.of(order.lead_time_ns for order in placed if order.lead_time_ns is not None),
        cancelled=sum(one.standing == "cancelled" for one in said),
        late=sum(one.late_ns is not None for one in said),
        late_ns=sum(one.late_ns or 0 for one in said),
        ordered_units=sum(one.wanted for one in said),
        filled_units=sum(order.shipped for order, one in zip(placed, said, strict=True) if one.standing == "judged"),
    )


def in_window(orders: Iterable[Order], start_ns: int, end_ns: int, by: Moment) -> list[Order]:
    """The orders whose moment lies in ``[start_ns, end_ns)``: placed, completed or due then; others have none."""

    def moment(order: Order) -> int | None:
        if by == "placed":
            return order.placed_ns
        return order.completed_ns if by == "completed" else order.due_ns(by)

    return [order for order in orders if (t := moment(order)) is not None and start_ns <= t < end_ns]
