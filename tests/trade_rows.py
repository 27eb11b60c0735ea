"""Drawn markets and suppliers, and short ways to write rows by hand, for tests of the trade figures."""

from __future__ import annotations

from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from analytics.trade import MarketEvents
from contract import DeliveryRow, OrderRow, ReturnRow, ShipmentRow

R = TypeVar("R")
NAMES = st.sampled_from(["a", "b", "c"])
TIMES = st.integers(0, 40)
UNITS = st.integers(0, 6)
PRICES = st.sampled_from([0.0, 0.1, 1.35, 100.0])


def ordered(t: int, order: str, quantity: int, due: int, price: float = 10.0, **options: str) -> OrderRow:
    return OrderRow(t=t, order=order, product="washer", options=options, quantity=quantity, price=price, due=due)


def delivered(t: int, order: str, quantity: int) -> DeliveryRow:
    return DeliveryRow(t=t, order=order, quantity=quantity)


def returned(t: int, order: str, quantity: int, reason: str = "noise") -> ReturnRow:
    return ReturnRow(t=t, order=order, quantity=quantity, reason=reason)


def shipment(
    t: int, name: str, status: str, quantity: float, promised: int | None, defective: float = 0
) -> ShipmentRow:
    return ShipmentRow(
        t=t, shipment=name, material="steel", status=status, quantity=quantity, defective=defective, promised=promised
    )


@st.composite
def markets(draw: st.DrawFn) -> MarketEvents:
    """A market in which anything happens: changes, cancellations, revivals, excess, and rows of unknown orders."""
    options = st.sampled_from([{}, {"colour": "red"}, {"colour": "white"}])
    order = st.builds(
        OrderRow,
        t=TIMES,
        order=NAMES,
        product=st.sampled_from(["washer", "fridge"]),
        options=options,
        quantity=UNITS,
        price=PRICES,
        due=TIMES,
    )
    delivery = st.builds(DeliveryRow, t=TIMES, order=NAMES, quantity=UNITS)
    back = st.builds(ReturnRow, t=TIMES, order=NAMES, quantity=UNITS, reason=st.sampled_from(["noise", "regret"]))
    return MarketEvents(
        draw(st.lists(order, max_size=10)), draw(st.lists(delivery, max_size=10)), draw(st.lists(back, max_size=4))
    )


SHIPMENTS = st.lists(
    st.builds(
        ShipmentRow,
        t=TIMES,
        shipment=NAMES,
        material=st.just("steel"),
        status=st.sampled_from(["promised", "shipped", "received"]),
        quantity=st.sampled_from([0.0, 0.1, 2.5, 7.0]),
        defective=st.sampled_from([0.0, 0.1]),
        price=PRICES,
        promised=st.none() | TIMES,
    ),
    max_size=14,
)


def again(rows: list[R], seed: int) -> list[R]:
    """The same rows in another order, some of them twice."""
    draw = Random(seed)
    every = rows + draw.sample(rows, draw.randint(0, len(rows)))
    draw.shuffle(every)
    return every


def market_again(events: MarketEvents, seed: int) -> MarketEvents:
    """The same market in another order, some rows twice."""
    return MarketEvents(again(events.orders, seed), again(events.deliveries, seed), again(events.returns, seed))
