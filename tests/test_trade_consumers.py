"""The order book and its cohorts, beside brute force and beside what the simulator knows; personalised orders."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from commerce_plant import DAYS, START, Run, rows
from hypothesis import given
from hypothesis import strategies as st
from trade_rows import delivered, market_again, markets, ordered, returned

from analytics.cost import HOUR_NS
from analytics.trade import (
    Amounts,
    Cohort,
    Flow,
    MarketEvents,
    Order,
    Personal,
    UnitCost,
    backlog,
    cohorts,
    flows,
    fold_orders,
    fold_shipments,
    other_than,
    personal,
    premium,
    service,
    supply,
)

DAY = 24 * HOUR_NS
BOUNDS = st.lists(st.integers(-2, 45), min_size=2, max_size=6, unique=True).map(sorted)


def fold(events: MarketEvents, until: int = 100) -> list[Order]:
    return list(fold_orders(events, until, personalised=other_than({"washer": {"colour": "white"}})).values())


@given(events=markets(), bounds=BOUNDS, seed=st.integers(0, 2**32))
def test_flows_lead_from_one_backlog_to_the_next(events: MarketEvents, bounds: list[int], seed: int) -> None:
    orders = fold(events)
    found = flows(orders, bounds, "CNY")
    assert flows(fold(market_again(events, seed)), bounds, "CNY") == found
    for (a, b), flow in zip(pairwise(bounds), found, strict=True):
        before, after = backlog(orders, a, "CNY"), backlog(orders, b, "CNY")
        assert before + flow == after
        assert before.open + flow.booked - flow.shipped - flow.cancelled == after.open >= 0
        assert flow.amounts is not None
        assert before.amounts is not None
        assert after.amounts is not None
        assert before.amounts.open + flow.amounts.open == after.amounts.open
    whole = flows(orders, [bounds[0], bounds[-1]], "CNY")[0]
    assert sum(found, Flow()) == whole
    assert sum(reversed(found), Flow()) == whole


@given(events=markets(), bounds=BOUNDS)
def test_cohorts_add_and_know_each_order_once(events: MarketEvents, bounds: list[int]) -> None:
    orders = fold(events)
    found = cohorts(orders, bounds)
    assert sum(found, Cohort()) == cohorts(orders, [bounds[0], bounds[-1]])[0]
    for (a, b), cohort in zip(pairwise(bounds), found, strict=True):
        members = [order for order in orders if order.placed_ns is not None and a <= order.placed_ns < b]
        assert cohort.orders == len(members)
        assert cohort.returned == sum(order.returned for order in members)
        shipped = sum(order.shipped for order in members)
        assert cohort.open == cohort.booked - shipped - cohort.cancelled


@given(one=markets(), two=markets())
def test_personal_figures_add(one: MarketEvents, two: MarketEvents) -> None:
    a, b = fold(one), fold(two)
    both = personal([*a, *b], "latest_promise")
    assert personal(a, "latest_promise") + personal(b, "latest_promise") == both
    share = both.share_of_orders
    assert share is None or 0 <= share <= 1


def test_returns_belong_to_the_month_of_their_order() -> None:
    orders = fold(
        MarketEvents(
            [ordered(5, "a", 4, due=9), ordered(35, "b", 2, due=39)],
            [delivered(8, "a", 4), delivered(38, "b", 2)],
            [returned(36, "a", 1), returned(61, "b", 2)],
        )
    )
    first, second, third = cohorts(orders, [0, 30, 60, 90])
    assert (first.return_ratio, second.return_ratio) == (0.25, 1.0)
    assert third.return_ratio is None
    assert (first.returned_orders, third.orders) == (1, 0)


def test_book_to_bill() -> None:
    orders = fold(
        MarketEvents(
            [
                ordered(0, "a", 4, due=9, price=100),
                ordered(1, "b", 2, due=9, price=10),
                ordered(5, "b", 0, due=9, price=0),
            ],
            [delivered(3, "a", 1)],
        )
    )
    first, second = flows(orders, [0, 5, 10], "CNY")
    assert (first.booked, first.shipped, first.cancelled, first.open) == (6, 1, 0, 5)
    assert first.book_to_bill == 6
    assert first.book_to_bill_value == pytest.approx(4.4)
    assert second.book_to_bill is None
    assert (second.cancelled, second.amounts) == (2, Amounts("CNY", Fraction(0), Fraction(0), Fraction(10)))
    assert backlog(orders, 10, "CNY").open == 3
    assert cohorts(orders, [0, 10])[0].cancellation_ratio == pytest.approx(2 / 6)


def test_two_currencies_have_no_sum() -> None:
    orders = fold(MarketEvents([ordered(0, "a", 4, due=9, price=100)]))
    mixed = backlog(orders, 5, "CNY") + backlog(orders, 5, "EUR")
    assert mixed.open == 8
    assert mixed.amounts is None
    assert mixed.book_to_bill_value is None
    assert (mixed + Flow()).amounts is None
    assert (backlog(orders, 5, "CNY") + Flow()).amounts == backlog(orders, 5, "CNY").amounts


def test_personalised_orders_against_cost_and_speed() -> None:
    orders = fold(
        MarketEvents(
            [
                ordered(0, "a", 1, due=9, price=150, colour="red"),
                ordered(0, "b", 3, due=9, price=300, colour="white"),
                ordered(0, "c", 1, due=9, price=120, colour="white"),
            ],
            [delivered(8, "a", 1), delivered(2, "b", 3), delivered(10, "c", 1)],
        )
    )
    found = personal(orders, "latest_promise", {"a": Fraction(90), "b": Fraction(180)})
    assert found.share_of_orders == pytest.approx(1 / 3)
    assert found.share_of_units == pytest.approx(1 / 5)
    assert found.lead_time_ratio == pytest.approx(8 / 6)
    assert found.price_premium == pytest.approx(150 / 105 - 1)
    assert found.cost_premium == pytest.approx(90 / 60 - 1)
    assert (found.personalised.otif_ratio, found.standard.otif_ratio) == (1, 0.5)
    assert (found.standard.unit_price, found.standard.unit_cost) == (105, 60)
    assert personal(orders, "latest_promise").cost_premium is None
    unsaid = personal(fold_orders(MarketEvents([ordered(0, "a", 1, due=9)]), 5).values(), "latest_promise")
    assert (unsaid.unknown.orders, unsaid.share_of_orders, unsaid.lead_time_ratio) == (1, None, None)
    assert Personal().price_premium is None


@given(
    parts=st.lists(st.fractions(0, 100), min_size=8, max_size=8),
)
def test_the_premium_splits_exactly(parts: list[Fraction]) -> None:
    base, variant = UnitCost(*parts[:4]), UnitCost(*parts[4:])
    found = premium(base, variant)
    if not base.total:
        assert found is None
        return
    assert found is not None
    assert found["total"] == variant.total / base.total - 1
    assert sum(part for name, part in found.items() if name != "total") == found["total"]


def test_the_simulator_counts_the_same() -> None:
    run = Run()
    said, commerce = run.say()
    truth, told = commerce.truth(), rows(said)
    until = run.end + 1
    orders: list[Order] = []
    for channel in ("web", "to-stock"):
        path = f"acme/plant-1/market/{channel}/consumers"
        events = MarketEvents(*(told.get((path, kind), []) for kind in ("order", "delivery", "return")))
        orders += fold_orders(market_again(events, 7), until).values()
    cohort = cohorts(orders, [START, until])[0]
    assert (cohort.orders, cohort.booked) == (truth["orders"], truth["ordered_units"])
    assert (cohort.delivered, cohort.cancelled) == (truth["delivered_units"], truth["cancelled_units"])
    assert (cohort.cancelled_orders, cohort.returned) == (truth["cancelled_orders"], truth["returned_units"])
    assert cohort.returned_orders == truth["returns"]
    assert cohort.open == backlog(orders, until, "CNY").open == truth["backlog_units"]
    served = service(orders, "original_promise")
    assert (served.otif, served.in_full) == (served.on_time, truth["deliveries"])
    in_time = sum(o.quantity for o in orders if o.completed_ns and o.completed_ns <= (o.promised_ns or 0))
    assert in_time == truth["on_time_units"]
    daily = flows(orders, range(START, START + (DAYS + 1) * DAY, DAY), "CNY")
    assert len(daily) == DAYS
    assert sum(flow.booked for flow in daily) == truth["ordered_units"]
    received = [row for (_, kind), some in told.items() if kind == "shipment" for row in some]
    for material, known in truth["materials"].items():
        mine = supply(
            fold_shipments((row for row in received if row.material == material), until).values(), "latest_promise"
        )
        assert (mine.received, mine.defective) == (
            Fraction(known["received_u"], 10**6),
            Fraction(known["defective_u"], 10**6),
        )
    assert len({row.shipment for row in received}) == truth["shipments_received"]


def test_wrong_bounds_are_refused() -> None:
    for call in (lambda: flows([], [3], "CNY"), lambda: cohorts([], [3, 3])):
        with pytest.raises(ValueError, match="strictly increase"):
            call()
