"""Shipments in any order, judged and summed; safety stocks."""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trade_rows import SHIPMENTS, again, shipment

from analytics.trade import Spread, Supply, arrival, fold_shipments, safety_stock, safety_stock_of, supply
from analytics.trade.suppliers import PROMISES, Promise
from contract import ShipmentRow

FIRST: Promise = "original_promise"


@given(rows=SHIPMENTS, seed=st.integers(0, 2**32), until=st.integers(0, 45), basis=st.sampled_from(PROMISES))
def test_order_and_duplicates_change_nothing(rows: list[ShipmentRow], seed: int, until: int, basis: Promise) -> None:
    found = fold_shipments(rows, until)
    assert fold_shipments(again(rows, seed), until) == found
    total = supply(found.values(), basis)
    assert sum((supply([one], basis) for one in found.values()), Supply(basis)) == total
    assert total.shipments == total.open + total.unknown + total.judged == len(found)
    assert total.on_time + total.in_full - total.judged <= total.otif <= min(total.on_time, total.in_full)
    assert total.perfect <= total.otif
    ratios = (total.on_time_ratio, total.in_full_ratio, total.otif_ratio, total.perfect_ratio)
    assert all((ratio is None) == (total.judged == 0) for ratio in ratios)
    assert (total.ppm is None) == (total.received == 0)


def month() -> list[ShipmentRow]:
    return [
        shipment(0, "s1", "promised", 100, 10),
        shipment(2, "s1", "shipped", 100, 10),
        shipment(9, "s1", "received", 100, 10, defective=0.5),
        shipment(0, "s2", "promised", 50, 10),
        shipment(1, "s2", "promised", 50, 15),
        shipment(12, "s2", "received", 50, 15),
        shipment(5, "s3", "promised", 60, 20),
        shipment(18, "s3", "received", 40, 20),
        shipment(5, "s4", "promised", 10, 90),
        shipment(7, "s5", "received", 5, None),
    ]


def test_a_supplier_is_judged_by_the_promise_that_is_named() -> None:
    found = fold_shipments(month(), 50)
    first, latest = supply(found.values(), FIRST), supply(found.values(), "latest_promise")
    assert (first.judged, first.open, first.unknown) == (3, 1, 1)
    assert (first.on_time, first.in_full, first.otif, first.perfect) == (2, 2, 1, 0)
    assert (latest.on_time, latest.in_full, latest.otif, latest.perfect) == (3, 2, 2, 1)
    assert latest.otif_ratio == pytest.approx(2 / 3)
    assert (latest.received, latest.defective) == (195, Fraction(1, 2))
    assert latest.ppm == pytest.approx(0.5 / 195 * 1e6)
    assert latest.lead.values == (9, 12)
    assert latest.lead.mean == 10.5
    assert latest.lead.sd == pytest.approx(sqrt(4.5))
    assert found["s1"].shipped_ns == 2
    assert found["s3"].lead_time_ns is None


def test_a_shipment_may_come_in_parts() -> None:
    rows = [
        shipment(0, "s", "promised", 0.3, 10),
        shipment(4, "s", "received", 0.1, 10),
        shipment(8, "s", "received", 0.2, 10),
        shipment(20, "s", "received", 0.1, 10),
    ]
    found = fold_shipments(rows, 30)["s"]
    assert found.received == Fraction(4, 10)
    assert (found.complete, found.received_ns, found.lead_time_ns) == (True, 8, 8)
    assert arrival(found, FIRST)[:3] == ("judged", True, True)
    early = fold_shipments(rows, 8)["s"]
    assert arrival(early, FIRST)[:3] == ("open", False, False)


def test_the_promised_moment_itself_is_on_time() -> None:
    promised = shipment(0, "s", "promised", 3, 10)
    for came, on_time in ((10, True), (11, False)):
        found = fold_shipments([promised, shipment(came, "s", "received", 3, 10)], 30)["s"]
        assert arrival(found, FIRST) == ("judged", on_time, True, None if on_time else 1, 0)


def test_nothing_received_has_no_rates() -> None:
    nothing = supply([], FIRST)
    assert (nothing.ppm, nothing.otif_ratio, nothing.lead.cv) == (None, None, None)
    missed = supply(fold_shipments([shipment(0, "s", "promised", 3, 10)], 11).values(), FIRST)
    assert (missed.judged, missed.on_time, missed.in_full) == (1, 0, 0)


@given(level=st.floats(0.5, 0.9999), sd=st.floats(0, 1e6), scale=st.floats(0, 1e3))
def test_safety_stock_grows_with_service_and_spread(level: float, sd: float, scale: float) -> None:
    stock = safety_stock(level, sd)
    assert stock >= 0
    assert safety_stock(level, scale * sd) == pytest.approx(scale * stock)
    assert safety_stock(1 - (1 - level) / 2, sd) >= stock
    assert safety_stock_of(level, Spread(1, 0), Spread(5, sd)) == pytest.approx(stock)
    assert safety_stock_of(level, Spread(4, 0), Spread(5, sd)) == pytest.approx(2 * stock)


def test_safety_stock_with_both_variable_covers_the_service_level() -> None:
    """Demand of a random lead time, drawn: the share of cycles within the reorder point is the service level."""
    draw, lead, demand = Random(1), Spread(9, 1.5), Spread(100, 20)
    point = lead.mean * demand.mean + safety_stock_of(0.95, lead, demand)
    cycles = [
        (days := max(0.0, draw.gauss(*lead))) * demand.mean + sqrt(days) * demand.sd * draw.gauss(0, 1)
        for _ in range(20_000)
    ]
    assert sum(need <= point for need in cycles) / len(cycles) == pytest.approx(0.95, abs=0.005)


def test_wrong_arguments_are_named() -> None:
    for level in (0, 1, float("nan")):
        with pytest.raises(ValueError, match="service level"):
            safety_stock(level, 1)
    with pytest.raises(ValueError, match="standard deviation"):
        safety_stock(0.9, -1)
    with pytest.raises(ValueError, match="0 or more"):
        safety_stock_of(0.9, Spread(-1, 0), Spread(1, 1))
    shipped = fold_shipments([shipment(0, "s", "promised", 3, 10)], 11)["s"]
    with pytest.raises(ValueError, match="no date basis"):
        arrival(shipped, "requested")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="do not add"):
        _ = Supply(FIRST) + Supply("latest_promise")
