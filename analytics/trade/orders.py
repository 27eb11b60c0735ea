"""What became of each order of a market, from its rows.

What it is: order, delivery and return rows, in any order and with duplicates, folded to one frozen value per order:
when it was placed and promised, what was booked, delivered, cancelled and returned, and each step of it in time.
What it is not: a sum over orders (``service.py``, ``consumers.py``), and not a judge of which boot of a publisher
counts: rows that another run superseded are dropped before.

The fold. Rows are a set with the key (order, time, kind); of two different rows with one key the greater stays, which
is arbitrary but always the same. A row of an order with another quantity changes it, one with quantity 0 cancels what
is open. An order cannot be cut below what has been delivered. Units beyond what is ordered are excess and fill no other
order. At every moment, in units and in money: backlog = booked - shipped - cancelled.
Assumption: a unit counts as shipped when the consumer has it, for that is what the contract tells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, Literal, NamedTuple

from analytics.cost import exact
from analytics.trade.known import known
from contract import DeliveryRow, OrderRow, ReturnRow

DateBasis = Literal["requested", "original_promise", "latest_promise"]
"""Against which date an order is judged: the one that the consumer asked for, the first or the last promised."""
BASES: Final[tuple[DateBasis, ...]] = ("requested", "original_promise", "latest_promise")
Personalised = Callable[[str, Mapping[str, str]], bool | None]
"""Whether a product with these options is made for one consumer; None when that cannot be said."""

_ZERO: Final = Fraction(0)


@dataclass(slots=True)
class MarketEvents:
    """Everything that is read of one market, in any order, with or without duplicates; order names are its own."""

    orders: list[OrderRow] = field(default_factory=list)
    deliveries: list[DeliveryRow] = field(default_factory=list)
    returns: list[ReturnRow] = field(default_factory=list)


class Step(NamedTuple):
    """A change of an order at ``t``: units booked, shipped and cancelled, and their value in the market's currency."""

    t: int
    booked: int = 0
    shipped: int = 0
    cancelled: int = 0
    booked_value: Fraction = _ZERO
    shipped_value: Fraction = _ZERO
    cancelled_value: Fraction = _ZERO

    @property
    def open(self) -> int:
        """The change of the backlog, in units."""
        return self.booked - self.shipped - self.cancelled

    @property
    def open_value(self) -> Fraction:
        """The change of the backlog, in money."""
        return self.booked_value - self.shipped_value - self.cancelled_value


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it is known at ``until_ns``; times in ns, None where it has not happened or is not known.

    Attributes:
        order: its name in its market.
        until_ns: rows from here on are not known yet.
        product: what was ordered; empty when only deliveries or returns are known.
        options: the choices, by name.
        personalised: made for one consumer; None when that cannot be said.
        placed_ns: the first row with a quantity.
        requested_ns: the date that the consumer asked for.
        promised_ns: the due date of the first row.
        promised_latest_ns: the due date of the last row that ordered something.
        quantity: units ordered, as last changed; a cancellation does not lower it.
        price: of the whole quantity.
        shipped: units delivered that the order asked for.
        excess: units delivered beyond that.
        first_delivery_ns: the first delivery of anything.
        filled_ns: the delivery that filled the order as far as it is filled.
        cancelled_ns: when what was open was cancelled, if that still stands.
        cancelled: units that cancellations took off.
        returned: units that came back.
        faulty: known to be damaged or wrongly documented, or returned for a reason that counts as a fault.
        steps: the changes in time.
    """

    order: str
    until_ns: int
    product: str = ""
    options: tuple[tuple[str, str], ...] = ()
    personalised: bool | None = None
    placed_ns: int | None = None
    requested_ns: int | None = None
    promised_ns: int | None = None
    promised_latest_ns: int | None = None
    quantity: int = 0
    price: Fraction = _ZERO
    shipped: int = 0
    excess: int = 0
    first_delivery_ns: int | None = None
    filled_ns: int | None = None
    cancelled_ns: int | None = None
    cancelled: int = 0
    returned: int = 0
    faulty: bool = False
    steps: tuple[Step, ...] = ()

    @property
    def delivered(self) -> int:
        """All units that the consumer got."""
        return self.shipped + self.excess

    @property
    def complete(self) -> bool:
        """Whether all that was ordered has been delivered."""
        return self.placed_ns is not None and self.shipped >= self.quantity

    @property
    def completed_ns(self) -> int | None:
        """When the last unit of the order was delivered; None while it is not complete."""
        return self.filled_ns if self.complete else None

    @property
    def lead_time_ns(self) -> int | None:
        """From placing to completion."""
        done = self.completed_ns
        return None if done is None or self.placed_ns is None else done - self.placed_ns

    def due_ns(self, basis: DateBasis) -> int | None:
        """The date by which it is judged; None when that one is not known.

        Raises:
            ValueError: no such basis.
        """
        if basis not in BASES:
            raise ValueError(f"no date basis {basis!r}: one of {', '.join(BASES)}")
        return {
            "requested": self.requested_ns,
            "original_promise": self.promised_ns,
            "latest_promise": self.promised_latest_ns,
        }[basis]


def other_than(defaults: Mapping[str, Mapping[str, str]]) -> Personalised:
    """Personalised is what has an option other than the product's default.

    Args:
        defaults: product -> option -> choice. An option that the defaults lack is a choice of the consumer's; of a
            product that is not there nothing can be said.

    >>> chosen = other_than({"washer": {"colour": "white"}})
    >>> chosen("washer", {"colour": "red"}), chosen("washer", {"colour": "white"}), chosen("fridge", {})
    (True, False, None)
    """

    def personalised(product: str, options: Mapping[str, str]) -> bool | None:
        usual = defaults.get(product)
        return None if usual is None else any(usual.get(name) != choice for name, choice in options.items())

    return personalised


def fold_orders(
    events: MarketEvents,
    until_ns: int,
    *,
    personalised: Personalised | None = None,
    requested: Mapping[str, int] | None = None,
    flawed: Collection[str] = frozenset(),
    fault: Callable[[str], bool] | None = None,
) -> dict[str, Order]:
    """Each order of one market as it is known at ``until_ns``, by name in alphabetical order.

    Args:
        events: the rows of the market; ``t`` in ns.
        until_ns: rows at or after this time are not known yet.
        personalised: whether an order is made for one consumer, by product and options; without it nothing is said.
        requested: order -> the date that the consumer asked for, ns, where other records have it.
        flawed: orders that other records say were damaged or wrongly documented.
        fault: whether the reason of a return speaks against the order; without it every return does.
    """
    orders = known(
        events.orders,
        until_ns,
        key=_named,
        content=lambda row: (row.quantity, row.price, row.due, row.product, sorted(row.options.items())),
    )
    deliveries = known(events.deliveries, until_ns, key=_named, content=lambda row: (row.quantity,))
    returns = known(events.returns, until_ns, key=_named, content=lambda row: (row.quantity, row.reason))
    wanted = requested or {}
    found: dict[str, Order] = {}
    for name in sorted({*orders, *deliveries, *returns}):
        placed = [row for row in orders.get(name, ()) if row.quantity]
        got, back = deliveries.get(name, []), returns.get(name, [])
        journal = _Journal()
        for row in sorted([*orders.get(name, ()), *got], key=_moment):
            journal.take(row)
        last = placed[-1] if placed else None
        found[name] = Order(
            order=name,
            until_ns=until_ns,
            product=last.product if last else "",
            options=tuple(sorted(last.options.items())) if last else (),
            personalised=personalised(last.product, last.options) if last and personalised else None,
            placed_ns=placed[0].t if placed else None,
            requested_ns=wanted.get(name),
            promised_ns=placed[0].due if placed else None,
            promised_latest_ns=last.due if last else None,
            quantity=journal.quantity,
            price=journal.each * journal.quantity,
            shipped=journal.shipped,
            excess=journal.delivered - journal.shipped,
            first_delivery_ns=next((row.t for row in got if row.quantity), None),
            filled_ns=journal.filled_ns,
            cancelled_ns=journal.cancelled_ns,
            cancelled=journal.cancelled,
            returned=sum(row.quantity for row in back),
            faulty=name in flawed or any(row.quantity and (fault is None or fault(row.reason)) for row in back),
            steps=tuple(journal.steps),
        )
    return found


class _Journal:
    """The running state of one order."""

    def __init__(self) -> None:
        self.quantity = self.shipped = self.delivered = self.cancelled = self._open = 0
        self.each = _ZERO
        self.filled_ns: int | None = None
        self.cancelled_ns: int | None = None
        self.steps: list[Step] = []

    def take(self, row: OrderRow | DeliveryRow) -> None:
        """The next row in time."""
        if isinstance(row, DeliveryRow):
            self.delivered += row.quantity
            shipped = self._ship(row.t)
            self._add(Step(row.t, shipped=shipped, shipped_value=shipped * self.each))
        elif row.quantity:
            before = self._open * self.each
            quantity = max(row.quantity, self.shipped)
            booked = quantity - self.shipped - self._open
            self._open += booked
            self.each = exact(row.price) / row.quantity
            value = self._open * self.each - before
            self.quantity, self.cancelled_ns = quantity, None
            shipped = self._ship(row.t)  # what came before it was ordered
            self._add(Step(row.t, booked, shipped, 0, value, shipped * self.each))
        elif self.quantity:
            self._add(Step(row.t, cancelled=self._open, cancelled_value=self._open * self.each))
            if self._open:
                self.cancelled_ns = row.t
            self.cancelled += self._open
            self._open = 0

    def _ship(self, t: int) -> int:
        shipped = min(self.delivered - self.shipped, self._open)
        if shipped:
            self.filled_ns = t
        self.shipped += shipped
        self._open -= shipped
        return shipped

    def _add(self, step: Step) -> None:
        if any(step[1:]):
            self.steps.append(step)


def _named(row: OrderRow | DeliveryRow | ReturnRow) -> tuple[str, int]:
    return row.order, row.t


def _moment(row: OrderRow | DeliveryRow) -> tuple[int, int]:
    """At one time, what is ordered comes before what is delivered, and that before what is cancelled."""
    return row.t, 1 if isinstance(row, DeliveryRow) else 0 if row.quantity else 2
