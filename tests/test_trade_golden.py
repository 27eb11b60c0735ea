"""The worked cases of ``golden/kpi_cases.yaml`` for orders, suppliers, flow and what a machine is worth."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from analytics_cases import CASES, minutes, near
from analytics_plant import MIN

from analytics.cost import HOUR_NS
from analytics.elements import Elements
from analytics.trade import (
    Batch,
    Limits,
    MarketEvents,
    Station,
    fold_orders,
    little_rate,
    little_time,
    little_wip,
    lost_units,
    machine_hour_rate,
    reorder_point,
    safety_stock,
    service,
    straight_line,
    takt,
)
from contract import DeliveryRow, OrderRow

DAY = 24 * HOUR_NS


def otif_orders(rows: list[dict[str, Any]]) -> MarketEvents:
    return MarketEvents(
        [
            OrderRow(
                t=0,
                order=str(row["id"]),
                product="p",
                options={},
                quantity=row["qty"],
                price=1.0,
                due=row["due"] * DAY,
            )
            for row in rows
        ],
        [DeliveryRow(t=row["done"] * DAY, order=str(row["id"]), quantity=row["dlv"]) for row in rows],
    )


def test_on_time_in_full_and_perfect() -> None:
    case = CASES["OTIF"]
    rows, expected = case["inputs"]["orders"], case["expected"]
    flawed = {str(row["id"]) for row in rows if row["damage"] or not row["doc"]}
    orders = fold_orders(otif_orders(rows), 100 * DAY, flawed=flawed)
    found = service(orders.values(), "original_promise")
    assert found.judged == len(rows)
    assert found.on_time_ratio == near(case, expected["on_time"])
    assert found.in_full_ratio == near(case, expected["in_full"])
    assert found.otif_ratio == near(case, expected["otif"])
    assert found.perfect_ratio == near(case, expected["perfect"])
    assert found.fill_rate == near(case, expected["fill_rate_units"])
    assert found.mean_late_ns is not None
    assert found.mean_late_ns / DAY == near(case, expected["mean_days_late_of_late"])
    assert found.otif_ratio != near(case, expected["wrong_product_otif"])
    assert found.perfect_ratio != near(case, expected["wrong_product_perfect"])


def test_takt() -> None:
    case = CASES["TAKT"]
    given, expected = case["inputs"], case["expected"]
    found = takt(given["available_min"], given["demand"], given["cycle_min"])
    assert found.takt == near(case, expected["takt_min"])
    assert found.rate == near(case, expected["required_rate_per_min"])
    assert found.capacity == near(case, expected["max_output"])
    assert found.utilisation == near(case, expected["utilization_needed"])
    assert found.meets_demand is expected["meets_demand"]


def test_batch_size_one() -> None:
    case = CASES["BATCH-ONE"]
    given, expected = case["inputs"], case["expected"]
    batch = Batch(minutes(given["setup_min"]), minutes(given["run_min_per_unit"]))
    assert [batch.units_per_hour(size) for size in given["batches"]] == [
        near(case, rate) for rate in expected["units_per_hour"]
    ]
    assert [batch.changeover_ratio(size) for size in given["batches"]] == [
        near(case, ratio) for ratio in expected["changeover_ratio"]
    ]
    assert batch.mass_per_hour == near(case, expected["mass_rate"])
    needed = batch.setup_needed_ns(0.8)
    assert needed is not None
    assert needed / MIN == near(case, expected["setup_needed_for_80pct_at_batch_one"])
    assert batch.smallest_size(0.8) == near(case, expected["min_batch_for_80pct"])


def test_safety_stock() -> None:
    case = CASES["SAFETY-STOCK-1"]
    given, expected = case["inputs"], case["expected"]
    stock = safety_stock(given["service"], given["sd_lt_demand"])
    assert stock == near(case, expected["ss"])
    assert abs(stock - expected["ss_exact"]) < 1e-8
    assert abs(safety_stock(given["service"], 1) - expected["z_exact"]) < 1e-8
    assert reorder_point(given["mean_lt_demand"], stock) == near(case, expected["rop"])


def test_penny_fab_two() -> None:
    case = CASES["PENNY-2"]
    expected = case["expected"]
    line = Limits.of([Station(station["m"], station["t"]) for station in case["inputs"]["stations"]])
    assert [float(rate) for rate in line.rates] == [near(case, rate) for rate in expected["rates"]]
    assert float(line.rate) == near(case, expected["rb"])
    assert float(line.raw_time) == near(case, expected["T0"])
    assert float(line.critical_wip) == near(case, expected["W0"])
    rate, time = line.practical_worst_rate(8), line.practical_worst_time(8)
    assert rate == near(case, expected["pwc_th_at_w8"])
    assert time == near(case, expected["pwc_ct_at_w8"])
    assert line.best_rate(4) == near(case, expected["best_th_at_w4"])
    assert float(line.worst_rate) == near(case, expected["worst_th"])
    assert little_wip(rate, time) == near(case, 8)
    assert little_rate(8, time) == near(case, rate)
    assert little_time(8, rate) == near(case, time)


def test_machine_hour_rate() -> None:
    case = CASES["MHR-1"]
    given, expected = case["inputs"], case["expected"]
    hours = given["hours_per_year"]
    found = machine_hour_rate(
        {
            "depreciation": straight_line(
                given["cost"], given["installation"], given["scrap_value"], given["life_years"]
            ),
            "repairs": given["repairs_per_year"],
            "water": Fraction(given["water_litre_per_h"] * hours, 1000) * Fraction(str(given["water_price_per_1000l"])),
            "operator": Fraction(12 * given["operator_per_month"], given["machines_per_operator"]),
            "supervisor": 12 * given["supervisor_per_month"] * Fraction(str(given["supervised_share"])),
            "power": Fraction(given["power_units_per_h"] * hours * given["power_price_per_100_units"], 100),
            "insurance": given["insurance_per_year"],
            "rent": Fraction(12 * given["rent_per_month"], given["machines_in_building"]),
        },
        hours,
    )
    assert {name: float(amount) for name, amount in found.lines} == {
        name: near(case, amount) for name, amount in expected.items() if name not in ("total", "rate_per_hour")
    }
    assert float(found.total) == near(case, expected["total"])
    assert found.rate is not None
    assert float(found.rate) == near(case, expected["rate_per_hour"])


def test_value_of_losses() -> None:
    case = CASES["LOSS-MONEY"]
    base, expected = CASES[case["inputs"]["base"]]["inputs"], case["expected"]
    run, cycle = base["planned_production_time"] - base["downtime"], Fraction(MIN, base["ideal_rate"])
    made, good = base["total_count"], base["total_count"] - base["reject_count"]
    e = Elements(
        adet_ns=minutes(base["downtime"]),
        apt_ns=minutes(run),
        gq=good,
        sq=made - good,
        pri_pq_ns=int(cycle * made),
        pri_gq_ns=int(cycle * good),
    )
    lost = lost_units(e, cycle)
    assert float(lost.availability) == near(case, expected["lost_units_availability"])
    assert float(lost.performance) == near(case, expected["lost_units_performance"])
    assert float(lost.quality) == near(case, expected["lost_units_quality"])
    assert float(lost.total) == near(case, expected["lost_units_total"])
    money = lost.contribution(case["inputs"]["value_per_unit"], constraint=True, sold_out=True)
    assert money is not None
    assert float(money) == near(case, expected["lost_value_total"])
    assert lost.contribution(0.5, constraint=False, sold_out=True) is None
    assert lost.contribution(0.5, constraint=True, sold_out=False) is None
