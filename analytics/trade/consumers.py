"""The consumers' side of the order book: backlog, book-to-bill, cancellations and returns.

What it is: sums over orders that add over markets and over consecutive windows, and their ratios. In units and in money
exactly: backlog at the end = backlog before + booked - shipped - cancelled.
What it is not: a mix of cohorts. What came back is set against what was delivered of the orders of the same window, not
against what was delivered in the window in which it came back.

Money is in the currency of the market; sums over two currencies keep their units and have no value (None).
Assumption: billed is what was shipped, and shipped is what the consumer has got.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Final, TypeVar

from analytics.events import check_bounds
from analytics.trade.distribution import quotient
from analytics.trade.orders import Order, Step

_ZERO: Final = Fraction(0)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Amounts:
    """Money in one currency (ISO 4217); no currency at all is the zero of every one."""

    currency: str = ""
    booked: Fraction = _ZERO
    shipped: Fraction = _ZERO
    cancelled: Fraction = _ZERO

    @property
    def open(self) -> Fraction:
        """What the backlog changed by."""
        return self.booked - self.shipped - self.cancelled


@dataclass(frozen=True, slots=True)
class Flow:
    """What happened to the order book in a stretch of time; the sum of all time is the book itself.

    Attributes:
        booked, shipped, cancelled: units; an order that is cut down is booked negatively.
        amounts: the same in money; None when currencies were mixed.
    """

    booked: int = 0
    shipped: int = 0
    cancelled: int = 0
    amounts: Amounts | None = Amounts()

    def __add__(self, other: Flow) -> Flow:
        units = (self.booked + other.booked, self.shipped + other.shipped, self.cancelled + other.cancelled)
        return Flow(*units, _add_amounts(self.amounts, other.amounts))

    @property
    def open(self) -> int:
        """What the backlog changed by, units."""
        return self.booked - self.shipped - self.cancelled

    @property
    def book_to_bill(self) -> float | None:
        """Units booked per unit shipped."""
        return quotient(self.booked, self.shipped)

    @property
    def book_to_bill_value(self) -> float | None:
        """Money booked per money shipped."""
        return quotient(self.amounts.booked, self.amounts.shipped) if self.amounts else None


def _add_amounts(one: Amounts | None, two: Amounts | None) -> Amounts | None:
    if one is None or two is None:
        return None
    if one.currency and two.currency and one.currency != two.currency:
        return None
    sums = (one.booked + two.booked, one.shipped + two.shipped, one.cancelled + two.cancelled)
    return Amounts(one.currency or two.currency, *sums)


def flows(orders: Iterable[Order], bounds: Sequence[int], currency: str) -> list[Flow]:
    """What happened to the book in each window ``[a, b)`` between consecutive bounds.

    Args:
        orders: of one market.
        bounds: two or more times in ns, strictly increasing.
        currency: of the market, ISO 4217.

    Raises:
        ValueError: the bounds do not increase.
    """
    steps = ((step.t, step) for order in orders for step in order.steps)
    return [_flow(some, currency) for some in _by_window(steps, bounds)]


def backlog(orders: Iterable[Order], at_ns: int, currency: str) -> Flow:
    """Everything that happened before ``at_ns``: its ``open`` units and money are the backlog at that moment."""
    return _flow([step for order in orders for step in order.steps if step.t < at_ns], currency)


def _flow(steps: Sequence[Step], currency: str) -> Flow:
    return Flow(
        sum(step.booked for step in steps),
        sum(step.shipped for step in steps),
        sum(step.cancelled for step in steps),
        Amounts(
            currency,
            sum((step.booked_value for step in steps), _ZERO),
            sum((step.shipped_value for step in steps), _ZERO),
            sum((step.cancelled_value for step in steps), _ZERO),
        ),
    )


def _by_window(timed: Iterable[tuple[int, _T]], bounds: Sequence[int]) -> list[list[_T]]:
    """What happened in each window ``[a, b)``, of things with their times."""
    check_bounds(bounds)
    groups: list[list[_T]] = [[] for _ in bounds[1:]]
    for t, thing in timed:
        number = bisect_right(bounds, t) - 1
        if 0 <= number < len(groups):
            groups[number].append(thing)
    return groups


@dataclass(frozen=True, slots=True)
class Cohort:
    """The orders placed in one stretch of time and all that became of them since; cohorts add.

    Attributes:
        orders, booked: orders and units placed, the latter with all changes.
        delivered, returned, cancelled, open: units; ``open`` is what may still change the cohort.
        returned_orders, cancelled_orders: orders of which something came back, was cancelled.
    """

    orders: int = 0
    booked: int = 0
    delivered: int = 0
    returned: int = 0
    cancelled: int = 0
    open: int = 0
    returned_orders: int = 0
    cancelled_orders: int = 0

    def __add__(self, other: Cohort) -> Cohort:
        return Cohort(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def return_ratio(self) -> float | None:
        """Units that came back per unit delivered, of the same orders."""
        return quotient(self.returned, self.delivered)

    @property
    def cancellation_ratio(self) -> float | None:
        """Units cancelled per unit booked, of the same orders."""
        return quotient(self.cancelled, self.booked)


def cohorts(orders: Iterable[Order], bounds: Sequence[int]) -> list[Cohort]:
    """The orders by the window ``[a, b)`` in which they were placed (months, say), whenever the rest happened.

    Raises:
        ValueError: the bounds do not increase.
    """
    placed = ((order.placed_ns, order) for order in orders if order.placed_ns is not None)
    return [_cohort(some) for some in _by_window(placed, bounds)]


def _cohort(orders: Sequence[Order]) -> Cohort:
    return Cohort(
        orders=len(orders),
        booked=sum(step.booked for order in orders for step in order.steps),
        delivered=sum(order.delivered for order in orders),
        returned=sum(order.returned for order in orders),
        cancelled=sum(order.cancelled for order in orders),
        open=sum(step.open for order in orders for step in order.steps),
        returned_orders=sum(order.returned > 0 for order in orders),
        cancelled_orders=sum(order.cancelled_ns is not None for order in orders),
    )
