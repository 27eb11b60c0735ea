"""Orders, deliveries, shipments and stocks of the whole factory: nothing is delivered that nobody asked for."""

from __future__ import annotations

from collections import Counter

import pytest
from factory_runs import PARKS, START, factory, read, rows, run

from simulator.plant import HOUR_NS

ALL = pytest.mark.parametrize("name", PARKS)
HOME = PARKS["home_appliances"]()
SITE = HOME.sites[0]


@ALL
def test_orders_are_told_from_the_book_to_the_door(name: str) -> None:
    """Each delivery, return and cancellation belongs to an order that was accepted, once, and the flows count them."""
    park = PARKS[name]()
    made, said = run(park, (12 if name == "biomedicine" else 4) * 24 * HOUR_NS, telemetry_ns=24 * HOUR_NS)
    flows = dict(made.flows())
    assert set(flows) == {f"{site.enterprise}/{site.site}" for site in park.sites}
    found = read([out for out in said if out.kind in ("order", "delivery", "return", "cycle")])
    for place, body in flows.items():
        ordered: dict[str, int] = {}
        count: Counter[str] = Counter()
        cancelled, delivered = set(), set()
        events = [
            (row.t, kind, row)
            for (path, kind), messages in found.items()
            if path.startswith(f"{place}/") and kind in ("order", "delivery", "return")
            for row in rows(messages)
        ]
        for _, kind, row in sorted(events, key=lambda event: event[0]):
            if kind == "order" and row.quantity:
                assert row.order not in ordered
                ordered[row.order] = row.quantity
            elif kind == "order":
                assert row.order in ordered and row.order not in cancelled | delivered
                cancelled.add(row.order)
                count["cancelled_units"] += ordered[row.order]
            elif kind == "delivery":
                assert ordered[row.order] == row.quantity and row.order not in cancelled | delivered
                delivered.add(row.order)
                count["delivered_units"] += row.quantity
            else:
                assert row.order in delivered and 0 < row.quantity <= ordered[row.order]
                count["returns"] += 1
        assert ordered and delivered
        assert body["orders"] == len(ordered) and body["ordered_units"] == sum(ordered.values())
        assert (body["deliveries"], body["cancelled_orders"]) == (len(delivered), len(cancelled))
        for key, value in count.items():
            assert body[key] == value
        cycled = {
            row.order
            for (path, kind), m in found.items()
            if kind == "cycle" and path.startswith(place)
            for row in rows(m)
        }
        assert cycled <= ordered.keys()
        assert body["backlog_units"] == body["ordered_units"] - body["cancelled_units"] - body["finished_units"] >= 0


@ALL
def test_stocks_are_what_came_less_what_was_used(name: str) -> None:
    park = PARKS[name]()
    made = factory(park)
    before = {place: body["stock_u"] for place, body in made.flows()}
    said = made.advance(START + 4 * 24 * HOUR_NS, 24 * HOUR_NS)
    came: Counter[tuple[str, str]] = Counter()
    for (path, kind), messages in read([out for out in said if out.kind == "shipment"]).items():
        if kind == "shipment":
            place = "/".join(path.split("/")[:2])
            for row in rows(messages):
                if row.status == "received":
                    came[place, row.material] += round(row.quantity * 1_000_000)
    assert came
    for place, body in made.flows():
        for material, figures in body["materials"].items():
            assert figures["received_u"] == came[place, material]
        used = {m: before[place][m] + came[place, m] - body["stock_u"][m] for m in before[place]}
        assert all(amount >= 0 for amount in used.values())
        assert any(used.values()) or not used
