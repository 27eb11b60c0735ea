"""What is said of orders, deliveries, returns and shipments: the same rows however time is cut."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import pytest
from commerce_plant import BOOT, ODD, START, STOCK, WEB, Run, rows, sector
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import Address, Birth, OrderRow, decode
from simulator.commerce import order_name
from simulator.fates import RETURN_REASONS
from simulator.happenings import NEVER, ORDERED, SHIPPED, OrderEvent, Rows
from simulator.market import DAY_NS, HOUR_NS, PLACED, Market
from simulator.sector_model import Option

RUN = Run()
WHOLE, WHOLE_COMMERCE = RUN.say()
ROWS = rows(WHOLE)
CHANNELS = ("acme/plant-1/market/web/consumers", "acme/plant-1/market/to-stock/consumers")
EVENT_TIMES = sorted({*RUN.ordered["t_ns"].tolist(), *RUN.shipped["t_ns"].tolist()})
CUTS = st.one_of(
    st.integers(START, RUN.end),
    st.sampled_from(EVENT_TIMES),  # where several rows share a time and must move
    st.sampled_from(EVENT_TIMES).map(lambda t: t + 1),
    st.sampled_from(EVENT_TIMES).map(lambda t: t + 2),
).filter(lambda t: t <= RUN.end)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(CUTS, max_size=12))
def test_no_cut_changes_a_row_or_the_truth(cuts: list[int]) -> None:
    said, commerce = RUN.say(cuts)
    assert rows(said) == ROWS
    assert commerce.truth() == WHOLE_COMMERCE.truth()


def test_the_truth_at_a_cut_does_not_depend_on_the_cuts_before() -> None:
    middle = EVENT_TIMES[len(EVENT_TIMES) // 2]
    run = Run()
    run.end = middle
    here, there = run.say([START + 5 * DAY_NS])[1].truth(), run.say()[1].truth()
    assert here == there
    assert 0 < here["orders"] < WHOLE_COMMERCE.truth()["orders"]


def test_the_same_bytes_again_and_others_with_another_seed() -> None:
    again, _ = Run().say()
    assert [(o.topic, o.payload) for o in again] == [(o.topic, o.payload) for o in WHOLE]
    assert rows(Run(seed=2).say()[0]) != ROWS


def test_sequence_numbers_count_up_and_times_increase() -> None:
    seqs = Counter[Address]()
    commerce = RUN.commerce(seqs)
    said = commerce.births(START) + RUN.say([START + DAY_NS, START + 9 * DAY_NS], commerce)[0]
    by_address = defaultdict(list)
    for out in said:
        by_address[out.address].append(out.seq)
        assert decode(out.kind, out.payload).boot == BOOT
    assert set(by_address) == set(commerce.addresses)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in by_address.values())
    for found in ROWS.values():
        assert all(a.t < b.t for a, b in pairwise(found))
    firsts = [decode(out.kind, out.payload).times[0] for out in WHOLE]
    assert firsts == sorted(firsts)
    assert max(out.rows for out in WHOLE) <= 500


def test_births_say_who_is_there() -> None:
    births = {out.address: decode("birth", out.payload) for out in RUN.commerce().births(START)}
    assert [a.path for a in births] == [
        "acme/plant-1/market/web/consumers",
        "acme/plant-1/market/to-stock/consumers",
        "acme/plant-1/supply/mill/shipments",
        "acme/plant-1/supply/foundry/shipments",
    ]
    assert all(out.retain for out in RUN.commerce().births(START))
    said = [(b.role, b.model) for b in births.values() if isinstance(b, Birth)]
    assert said[0] == ("market", "consumers, personalised orders")
    assert said[1] == ("market", "consumers, stock orders")
    assert said[2] == ("supply", "Mill & Söhne <1>")
    assert {(b.economics.currency, b.version) for b in births.values()} == {("CNY", "washers 1.0")}


def _placed() -> dict[str, Any]:
    return {order_name(int(row["number"])): row for row in RUN.orders}


def test_an_accepted_order_is_said_with_what_was_chosen_and_what_it_costs() -> None:
    placed, variants = _placed(), Market(RUN.sector.demand, RUN.sector.options, RUN.sector.product, "UTC", 1).variants
    events = {what: RUN.ordered["order"][RUN.ordered["what"] == what].tolist() for what in OrderEvent}
    for place, path in enumerate(CHANNELS):
        new = [row for row in ROWS[path, "order"] if row.quantity]
        mine = {order_name(n) for n in events[OrderEvent.ACCEPTED] if placed[order_name(n)]["channel"] == place}
        assert sorted(row.order for row in new) == sorted(mine)
        for row in new:
            order = placed[row.order]
            factor = RUN.sector.demand.channels[place].price_factor
            each = variants.price(int(order["variant"])) * factor
            assert row.options == variants.options(int(order["variant"]))
            assert (row.product, row.quantity, row.due) == ("washer", order["units"], order["due_ns"])
            assert row.price == pytest.approx(each * row.quantity, abs=0.0051)
            assert 0 <= row.t - order["t_ns"] < 100
    assert {row.options["print"] for row in ROWS[CHANNELS[WEB], "order"]} == set(ODD)
    refused = {order_name(n) for n in events[OrderEvent.REFUSED]}
    assert len(refused) > 100
    assert not refused & {row.order for found in ROWS.values() for row in found if hasattr(row, "order")}


def test_a_cancellation_is_the_order_again_with_quantity_0() -> None:
    gone = [row for row in ROWS[CHANNELS[WEB], "order"] if not row.quantity]
    told = RUN.ordered[RUN.ordered["what"] == OrderEvent.CANCELLED]
    assert sorted(row.order for row in gone) == sorted(order_name(n) for n in told["order"].tolist())
    assert len(gone) > 10
    before = {row.order: row for row in ROWS[CHANNELS[WEB], "order"] if row.quantity}
    for row in gone:
        first = before[row.order]
        assert (row.price, row.options, row.due) == (0, first.options, first.due)
        assert row.t > first.t
    assert not {row.order for row in gone} & {row.order for row in ROWS[CHANNELS[WEB], "delivery"]}


def _finished(channel: int) -> dict[str, Any]:
    placed = _placed()
    told = RUN.ordered[RUN.ordered["what"] == OrderEvent.FINISHED]
    names = {order_name(int(row["order"])): int(row["t_ns"]) for row in told}
    return {name: t_ns for name, t_ns in names.items() if placed[name]["channel"] == channel}


def test_consumers_wait_one_to_three_days_for_the_parcel() -> None:
    done, placed = _finished(WEB), _placed()
    days = []
    for row in ROWS[CHANNELS[WEB], "delivery"]:
        assert row.quantity == placed[row.order]["units"]
        days.append((row.t - done[row.order]) / DAY_NS)
    assert len(days) == len(done) > 1000
    assert 1 <= min(days) < 1.1
    assert 2.9 < max(days) <= 3.0001
    assert np.mean(days) == pytest.approx(2, abs=4 * sqrt(4 / 12 / len(days)))


def test_stock_is_in_the_warehouse_at_once() -> None:
    done = _finished(STOCK)
    late = [row.t - done[row.order] for row in ROWS[CHANNELS[STOCK], "delivery"]]
    assert len(late) == len(done) > 50
    assert 0 <= min(late) <= max(late) < len(done)  # ns: what shares an hour


def test_returns_come_at_the_rate_and_in_the_time_that_the_channel_says() -> None:
    run = Run()
    run.end += 40 * DAY_NS  # every return is in
    found = rows(run.say()[0])
    delivered = {row.order: row for row in found[CHANNELS[WEB], "delivery"]}
    returned = found[CHANNELS[WEB], "return"]
    units = sum(row.quantity for row in delivered.values())
    share = sum(row.quantity for row in returned) / units
    assert share == pytest.approx(0.2, abs=4 * sqrt(0.2 * 0.8 / units))
    assert len({row.order for row in returned}) == len(returned)
    days = [(row.t - delivered[row.order].t) / DAY_NS for row in returned]
    assert 3 - 1e-6 <= min(days) < 3.5
    assert 20.5 < max(days) <= 21 + 1e-6
    assert all(1 <= row.quantity <= delivered[row.order].quantity for row in returned)
    assert len({row.quantity for row in returned}) > 1
    reasons = Counter(row.reason for row in returned)
    for reason, p in RETURN_REASONS.items():
        assert reasons[reason] / len(returned) == pytest.approx(p, abs=4.5 * sqrt(p * (1 - p) / len(returned)))
    assert (CHANNELS[STOCK], "return") not in found


def test_shipments_are_said_as_they_move() -> None:
    mill = ROWS["acme/plant-1/supply/mill/shipments", "shipment"]
    foundry = ROWS["acme/plant-1/supply/foundry/shipments", "shipment"]
    assert {row.material for row in mill} == {"steel", "paint"}
    assert {row.material for row in foundry} == {"drum"}
    (promised, shipped, received) = [row for row in mill if row.shipment == "steel-s-000012"]
    assert (promised.status, shipped.status, received.status) == ("promised", "shipped", "received")
    assert promised.quantity == 71.5
    assert promised.price == round(71.5 * 4.5 * 1.12, 2)
    assert promised.promised == START + 15 * DAY_NS
    assert received.defective == 1.25
    assert 0 <= received.t - START - 15 * DAY_NS < 10


def test_the_truth_is_what_was_said() -> None:
    truth = WHOLE_COMMERCE.truth()
    said = {kind: [row for key, found in ROWS.items() if key[1] == kind for row in found] for _, kind in ROWS}
    new = [row for row in said["order"] if row.quantity]
    due = {row.order: row.due for row in new}
    quantity = {row.order: row.quantity for row in new}
    gone = [row.order for row in said["order"] if not row.quantity]
    told = Counter(RUN.ordered["what"].tolist())
    done = [name for channel in (WEB, STOCK) for name in _finished(channel)]
    assert truth["orders"] == len(new) == told[OrderEvent.ACCEPTED]
    assert truth["refused_orders"] == told[OrderEvent.REFUSED]
    assert truth["refused_units"] == RUN.ordered["quantity"][RUN.ordered["what"] == OrderEvent.REFUSED].sum()
    assert truth["cancelled_orders"] == len(gone)
    assert truth["cancelled_units"] == sum(quantity[name] for name in gone)
    assert truth["ordered_units"] == sum(quantity.values())
    assert truth["finished_units"] == sum(quantity[name] for name in done)
    assert truth["backlog_units"] == sum(quantity[name] for name in set(quantity) - set(gone) - set(done))
    assert truth["deliveries"] == len(said["delivery"])
    assert truth["delivered_units"] == sum(row.quantity for row in said["delivery"])
    on_time = [row.quantity for row in said["delivery"] if row.t <= due[row.order]]
    assert 0 < truth["on_time_units"] == sum(on_time) < truth["delivered_units"]
    assert truth["returns"] == len(said["return"])
    assert truth["returned_units"] == sum(row.quantity for row in said["return"]) > 0
    assert truth["shipments_promised"] == truth["shipments_shipped"] == truth["shipments_received"] == 60
    assert truth["materials"]["drum"] == {
        "promised_u": 5_500_000 * 210,
        "received_u": 5_500_000 * 210,
        "defective_u": 25_000_000,
    }


def _orders(*times: int) -> Rows:
    return np.array([(0, t, t, t + DAY_NS, NEVER, 0, 1, 1, WEB, n) for n, t in enumerate(times)], PLACED)


def test_orders_of_one_instant_are_told_apart_and_wait_for_the_next_stretch() -> None:
    commerce, orders = RUN.commerce(), _orders(*[START] * 5)
    ordered = np.array([(START, n, OrderEvent.ACCEPTED, 1) for n in range(5)], ORDERED)
    nothing = np.empty(0, SHIPPED)
    first = rows(commerce.advance(START, START + 2, orders, ordered, nothing))[CHANNELS[WEB], "order"]
    assert [(row.order, row.t) for row in first] == [("o-000000", START), ("o-000001", START + 1)]
    more = np.array([(START + 2, 5, OrderEvent.ACCEPTED, 1)], ORDERED)
    later = _orders(*[START] * 5, START + 2)[5:]
    rest = rows(commerce.advance(START + 2, START + HOUR_NS, later, more, nothing))[CHANNELS[WEB], "order"]
    assert [row.order for row in rest] == [f"o-00000{n}" for n in (2, 3, 4, 5)]
    assert [row.t - START for row in rest] == [2, 3, 4, 5]


def test_the_longest_texts_still_go_into_messages() -> None:
    nasty = ["\x01" * 200, "é" * 200]
    options = [Option(name="o" * 60 + str(n % 10), choices=nasty, weights=[1, 1]) for n in range(10)]
    options += [Option(name="p" * 60 + str(n), choices=nasty, weights=[1, 1]) for n in range(10)]
    commerce = Run(sector(options=options)).commerce()
    orders = _orders(*[START] * 300)
    orders["variant"] = np.arange(300)
    ordered = np.array([(START, n, OrderEvent.ACCEPTED, 1) for n in range(300)], ORDERED)
    said = commerce.advance(START, START + HOUR_NS, orders, ordered, np.empty(0, SHIPPED))
    assert sum(out.rows for out in said) == 300
    found: list[OrderRow] = rows(said)[CHANNELS[WEB], "order"]
    assert set(found[0].options.values()) == {nasty[0]}


def test_what_does_not_follow_is_refused() -> None:
    none, nothing, shipped = _orders(), np.empty(0, ORDERED), np.empty(0, SHIPPED)
    commerce = RUN.commerce()
    commerce.advance(START, START + 10, none, nothing, shipped)
    with pytest.raises(ValueError, match="does not follow"):
        commerce.advance(START, START + 20, none, nothing, shipped)
    with pytest.raises(ValueError, match="does not follow"):
        commerce.advance(START + 10, START + 9, none, nothing, shipped)
    with pytest.raises(ValueError, match="outside the stretch"):
        late = np.array([(START + 20, 0, OrderEvent.ACCEPTED, 1)], ORDERED)
        commerce.advance(START + 10, START + 20, _orders(START), late, shipped)
    with pytest.raises(ValueError, match="order 7 is not known"):
        unknown = np.array([(START + 10, 7, OrderEvent.ACCEPTED, 1)], ORDERED)
        commerce.advance(START + 10, START + 20, none, unknown, shipped)
