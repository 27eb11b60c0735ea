"""What became of an order, whatever order its rows came in, and how it was served."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trade_rows import delivered, market_again, markets, ordered, returned

from analytics.trade import MarketEvents, Order, Service, fold_orders, in_window, other_than, service, verdict
from analytics.trade.orders import BASES, DateBasis

DEFAULTS = {"washer": {"colour": "white"}}
LATEST: DateBasis = "latest_promise"
FIRST: DateBasis = "original_promise"


def fold(events: MarketEvents, until: int = 100) -> dict[str, Order]:
    return fold_orders(events, until, personalised=other_than(DEFAULTS))


def only(events: MarketEvents, until: int = 100) -> Order:
    (found,) = fold(events, until).values()
    return found


@given(events=markets(), seed=st.integers(0, 2**32), until=st.integers(0, 45))
def test_order_and_duplicates_of_rows_change_nothing(events: MarketEvents, seed: int, until: int) -> None:
    assert fold(market_again(events, seed), until) == fold(events, until)


@given(one=markets(), two=markets())
def test_chunks_change_nothing(one: MarketEvents, two: MarketEvents) -> None:
    def both(a: MarketEvents, b: MarketEvents) -> MarketEvents:
        return MarketEvents(a.orders + b.orders, a.deliveries + b.deliveries, a.returns + b.returns)

    assert fold(both(one, two)) == fold(both(two, one)) == fold(both(both(one, two), one))


@given(events=markets(), until=st.integers(0, 45))
def test_what_is_not_known_yet_changes_nothing(events: MarketEvents, until: int) -> None:
    early = MarketEvents(
        [row for row in events.orders if row.t < until],
        [row for row in events.deliveries if row.t < until],
        [row for row in events.returns if row.t < until],
    )
    assert fold(events, until) == fold(early, until)


@given(events=markets())
def test_the_book_balances_at_every_step(events: MarketEvents) -> None:
    for order in fold(events).values():
        units, value = 0, Fraction(0)
        for step in order.steps:
            units += step.open
            value += step.open_value
            assert units >= 0
            assert value >= 0
            assert (units == 0) <= (value == 0)
        shipped, cancelled = (sum(getattr(s, name) for s in order.steps) for name in ("shipped", "cancelled"))
        assert (order.shipped, order.cancelled) == (shipped, cancelled)
        assert order.shipped <= order.quantity
        known = {(row.t, row.quantity) for row in events.deliveries if row.order == order.order}
        assert order.delivered <= sum(quantity for _, quantity in known)
        assert order.complete == (order.placed_ns is not None and order.shipped >= order.quantity)
        if order.cancelled_ns is not None:
            assert units == 0
            assert order.cancelled > 0
        if order.lead_time_ns is not None:
            assert order.lead_time_ns >= 0


@given(events=markets(), until=st.integers(1, 45), basis=st.sampled_from(BASES), seed=st.integers(0, 2**32))
def test_service_is_bounded_and_adds(events: MarketEvents, until: int, basis: DateBasis, seed: int) -> None:
    orders = list(fold(events, until).values())
    found = service(orders, basis)
    assert service(fold(market_again(events, seed), until).values(), basis) == found
    assert sum((service([order], basis) for order in orders), Service(basis)) == found
    assert found.orders == sum(order.placed_ns is not None for order in orders)
    said = [verdict(order, basis) for order in orders]
    assert found.missing == sum(
        v.standing == "judged" and o.filled_ns is None for v, o in zip(said, orders, strict=True)
    )
    assert found.on_time + found.in_full - found.judged <= found.otif <= min(found.on_time, found.in_full)
    assert found.perfect <= found.otif
    assert found.filled_units <= found.ordered_units
    assert found.lead.count <= found.orders
    ratios = (found.on_time_ratio, found.in_full_ratio, found.otif_ratio, found.perfect_ratio)
    assert all((ratio is None) == (found.judged == 0) for ratio in ratios)


def test_an_order_in_parts() -> None:
    found = only(
        MarketEvents(
            [ordered(0, "a", 10, due=20, price=100.0, colour="red")],
            [delivered(5, "a", 4), delivered(15, "a", 6)],
            [returned(30, "a", 1)],
        )
    )
    assert (found.placed_ns, found.first_delivery_ns, found.completed_ns, found.lead_time_ns) == (0, 5, 15, 15)
    assert (found.quantity, found.delivered, found.returned, found.price) == (10, 10, 1, 100)
    assert found.personalised is True
    assert found.options == (("colour", "red"),)
    assert [(step.t, step.open, step.open_value) for step in found.steps] == [(0, 10, 100), (5, -4, -40), (15, -6, -60)]


def test_a_changed_order_is_judged_by_the_date_that_is_named() -> None:
    events = MarketEvents([ordered(0, "a", 5, due=10), ordered(2, "a", 8, due=30)], [delivered(20, "a", 8)])
    orders = fold_orders(events, 100, requested={"a": 20})
    order = orders["a"]
    assert (order.quantity, order.promised_ns, order.promised_latest_ns, order.requested_ns) == (8, 10, 30, 20)
    assert [verdict(order, basis).on_time for basis in BASES] == [True, False, True]
    assert verdict(order, FIRST).late_ns == 10
    assert verdict(only(events), "requested").standing == "unknown"
    assert service(orders.values(), FIRST).mean_late_ns == 10


def test_a_date_that_is_still_to_come_judges_nothing() -> None:
    events = MarketEvents([ordered(0, "a", 2, due=10)], [delivered(5, "a", 1)])
    assert verdict(only(events, until=10), FIRST).standing == "open"
    assert verdict(only(events, until=11), FIRST)[:3] == ("judged", True, False)
    assert service(fold(events, 10).values(), FIRST).otif_ratio is None
    late = MarketEvents(events.orders)
    assert service(fold(late, 11).values(), FIRST).missing == 1
    assert service(fold(late, 11).values(), FIRST).mean_late_ns is None


@pytest.mark.parametrize(
    ("cancelled_at", "standing", "in_full"), [(10, "cancelled", False), (11, "judged", False)], ids=["in time", "late"]
)
def test_a_cancellation_excuses_only_up_to_the_date(cancelled_at: int, standing: str, in_full: bool) -> None:
    events = MarketEvents([ordered(0, "a", 2, due=10), ordered(cancelled_at, "a", 0, due=10, price=0)])
    found = only(events)
    assert (found.cancelled, found.cancelled_ns, found.quantity) == (2, cancelled_at, 2)
    assert found.completed_ns is None
    assert verdict(found, FIRST).standing == standing
    assert verdict(found, FIRST).in_full is in_full


def test_what_was_delivered_before_a_cancellation_is_judged() -> None:
    events = MarketEvents([ordered(0, "a", 5, due=10), ordered(6, "a", 0, due=10, price=0)], [delivered(4, "a", 2)])
    found = only(events)
    assert (found.shipped, found.cancelled, found.complete) == (2, 3, False)
    assert verdict(found, FIRST) == ("judged", True, True, None, 2)
    assert service([found], FIRST).fill_rate == 1


def test_a_cancellation_of_what_is_done_is_none() -> None:
    events = MarketEvents([ordered(0, "a", 2, due=10), ordered(6, "a", 0, due=10, price=0)], [delivered(4, "a", 2)])
    found = only(events)
    assert (found.cancelled, found.cancelled_ns, found.completed_ns) == (0, None, 4)


def test_an_order_can_be_taken_up_again() -> None:
    rows = [ordered(0, "a", 4, due=10), ordered(2, "a", 0, due=10, price=0), ordered(3, "a", 3, due=12)]
    found = only(MarketEvents(rows, [delivered(5, "a", 3)]))
    assert (found.cancelled_ns, found.cancelled, found.completed_ns, found.quantity) == (None, 4, 5, 3)
    assert sum(step.booked for step in found.steps) == 7


def test_excess_fills_no_other_order_and_delays_none() -> None:
    events = MarketEvents(
        [ordered(0, "a", 2, due=10), ordered(0, "b", 2, due=10)],
        [delivered(5, "a", 3), delivered(15, "a", 1), delivered(5, "b", 1)],
    )
    orders = fold(events)
    assert (orders["a"].shipped, orders["a"].excess, orders["a"].filled_ns) == (2, 2, 5)
    assert verdict(orders["a"], FIRST)[:3] == ("judged", True, True)
    assert service(orders.values(), FIRST).fill_rate == 0.75


def test_a_cut_below_what_was_delivered_ends_at_it() -> None:
    found = only(MarketEvents([ordered(0, "a", 5, due=10), ordered(6, "a", 1, due=10)], [delivered(4, "a", 3)]))
    assert (found.quantity, found.shipped, found.completed_ns) == (3, 3, 4)


def test_a_delivery_seen_before_its_order_fills_it() -> None:
    found = only(MarketEvents([ordered(6, "a", 2, due=10)], [delivered(5, "a", 3)]))
    assert (found.shipped, found.excess, found.lead_time_ns) == (2, 1, 0)


def test_at_one_time_goods_come_before_a_cancellation_and_after_the_order() -> None:
    placed, gone = ordered(5, "a", 3, due=10), ordered(8, "a", 0, due=10, price=0)
    both = only(MarketEvents([placed, gone], [delivered(8, "a", 3)]))
    assert (both.shipped, both.cancelled, both.excess) == (3, 0, 0)
    at_once = only(MarketEvents([placed], [delivered(5, "a", 3)]))
    assert [(step.t, step.booked, step.shipped) for step in at_once.steps] == [(5, 3, 0), (5, 0, 3)]


def test_without_its_order_a_delivery_is_in_no_ratio() -> None:
    orders = fold(MarketEvents(deliveries=[delivered(5, "a", 3)], returns=[returned(7, "b", 1)]))
    assert (orders["a"].excess, orders["a"].lead_time_ns, orders["b"].returned) == (3, None, 1)
    assert service(orders.values(), FIRST) == Service(FIRST)
    assert service([], FIRST).fill_rate is None


def test_a_return_for_a_fault_spoils_a_perfect_order() -> None:
    rows = ([ordered(0, "a", 1, due=9)], [delivered(1, "a", 1)], [returned(5, "a", 1, "regret")])
    assert service(fold_orders(MarketEvents(*rows), 10).values(), FIRST).perfect == 0
    excused = fold_orders(MarketEvents(*rows), 10, fault=lambda reason: reason != "regret")
    assert service(excused.values(), FIRST).perfect == 1
    assert service(fold_orders(MarketEvents(*rows), 5).values(), FIRST).perfect == 1
    known = fold_orders(MarketEvents(*rows), 5, flawed={"a"})
    assert service(known.values(), FIRST).perfect == 0


def test_windows_hold_orders_by_a_named_moment() -> None:
    orders = fold(MarketEvents([ordered(0, "a", 1, due=9), ordered(5, "b", 1, due=7)], [delivered(6, "a", 1)])).values()
    assert [order.order for order in in_window(orders, 0, 5, "placed")] == ["a"]
    assert [order.order for order in in_window(orders, 6, 7, "completed")] == ["a"]
    assert [order.order for order in in_window(orders, 7, 9, FIRST)] == ["b"]
    assert in_window(orders, 0, 99, "requested") == []


def test_wrong_arguments_are_named() -> None:
    order = only(MarketEvents([ordered(0, "a", 1, due=9)]))
    with pytest.raises(ValueError, match="no date basis 'someday'"):
        verdict(order, "someday")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="do not add"):
        _ = Service(FIRST) + Service(LATEST)
