"""The worked cases of ``golden/kpi_cases.yaml`` for money, energy and reliability; see ``test_analytics_golden.py``."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from analytics_cases import CASES, minutes, near, shift
from analytics_plant import BOOT, MIN, state

from analytics.activity import EnergyUse, activities
from analytics.cost import HOUR_NS, LINES, Costs, costs
from analytics.elements import Elements, by_band
from analytics.events import MachineEvents, Word
from analytics.fold import fold_windows
from analytics.kpi import kpis
from contract import Band, Economics, Tariff


def rates(prices: dict[str, float]) -> Tariff:
    bands = {name[0]: Band(name=name, price_per_kwh=price) for name, price in prices.items()}
    return Tariff(timezone="UTC", bands=bands, hours=["f" * 24] * 12)


def test_time_of_use_energy_charge() -> None:
    case = CASES["TOU-DEMAND"]
    given, expected = case["inputs"], case["expected"]
    wh = [round(kwh * 1000) for kwh in given["kwh"]]
    e = Elements(energy=by_band(zip((band[0] for band in given["band"]), wh, strict=True)))
    charge = costs(e, Economics(currency="CNY", tariff=rates(given["rate"]))).energy
    assert e.energy_wh / 1000 == near(case, expected["kwh_total"])
    assert float(charge) == near(case, expected["energy_charge"])
    assert float(charge) / (e.energy_wh / 1000) == near(case, expected["average_price"])


def unit_cost_economics() -> Economics:
    given = CASES["UNIT-COST"]["inputs"]
    depreciation = (given["machine_price"] - given["residual"]) / (given["life_years"] * given["hours_per_year"])
    return Economics(
        currency="CNY",
        operators=given["operators"],
        wage_per_h=given["wage"],
        # The case charges depreciation for 7.5 of 8 hours (not for the break); ours is per hour of POT.
        depreciation_per_h=depreciation * given["charged_hours"] / given["paid_hours"],
        material_per_unit=given["material_per_unit"],
        scrap_credit_per_unit=given["scrap_credit"],
        tariff=rates(given["rate"]),
    )


def unit_cost() -> Costs:
    """All lines of the case: those of the machine, and what the site knows of the month, the stock and the order."""
    case = CASES["UNIT-COST"]
    given = {name: Fraction(str(value)) for name, value in case["inputs"].items() if isinstance(value, int | float)}
    return replace(
        costs(shift(), unit_cost_economics()),
        demand=given["demand_charge_month"] * Fraction(60, 90) / given["working_shifts"],
        maintenance=given["cm_labour_h"] * given["cm_rate"] + given["cm_parts"] + given["pm_accrual"],
        tooling=shift().pq * given["tooling_per_unit"],
        rework=given["rework_units"] * given["rework_extra"],
        holding=given["avg_wip_value"] * given["holding_rate"] / given["days"],
        late=given["late_order_value"] * given["penalty_per_day"] * given["late_days"],
    )


def test_unit_cost_lines() -> None:
    case = CASES["UNIT-COST"]
    given, expected = case["inputs"], case["expected"]
    e, found = shift(), unit_cost()
    for name in LINES:
        assert float(getattr(found, name)) == near(case, expected[name]), name
    sellable = e.gq + e.rq
    assert sellable == given["sellable"]
    assert float(found.total) == near(case, expected["total"])
    assert found.unit_cost(sellable) == near(case, expected["unit_cost_sellable"])
    assert found.unit_cost(e.pq) == near(case, expected["unit_cost_produced"])
    assert found.unit_cost(sellable) != near(case, expected["unit_cost_produced"])
    assert kpis(e)["energy_kwh_per_good"] == near(case, expected["sec_kwh_per_good"])
    assert e.energy_wh / 1000 / sellable == near(case, expected["sec_kwh_per_sellable"])


def test_the_activity_view_is_the_same_money() -> None:
    case = CASES["UNIT-COST-ACTIVITY"]
    given, expected = case["inputs"], case["expected"]
    e, ledger = shift(), unit_cost()
    by_time = Costs("CNY", labour=ledger.labour, depreciation=ledger.depreciation)
    found = activities(e, by_time)
    names = {"productive": "value", "quality_time": "poor_quality", "down_available": "waiting"}
    for name in ("productive", "quality_time", "speed_loss", "changeover", "delay", "down_available"):
        assert float(getattr(found, names.get(name, name))) == near(case, expected[name]), name
    assert float(found.total) == near(case, expected["sum"])
    assert float(found.total / Fraction(e.pbt_ns, MIN)) == near(case, expected["rate_per_min"])

    kwh = given["kwh_by_state"]
    energy = EnergyUse(*(ledger.energy * kwh[use] / 300 for use in ("running", "setup", "idle")))
    for use in ("running", "setup", "idle"):
        assert float(getattr(energy, use)) == near(case, expected[f"energy_{use}"])
    whole = activities(e, replace(ledger, demand=Fraction(0)), energy)
    assert float(whole.changeover) == near(case, expected["changeover_incl_energy"])
    assert float(whole.poor_quality) == near(case, expected["copq_internal"])
    assert activities(e, ledger, energy).total == ledger.total


def test_reliability() -> None:
    case = CASES["REL-OEE"]
    a, b = case["inputs"]
    for given, expected, failures, repair in (
        (a, case["expected"]["a"], a["failures"], a["repair"]),
        (b, case["expected"]["b"], len(b["repair_times"]), sum(b["repair_times"])),
    ):
        e = Elements(apt_ns=given["uptime"] * HOUR_NS, adet_ns=repair * HOUR_NS, failures=failures)
        found = kpis(e)
        assert found["mtbf_h"] == near(case, expected["mtbf"])
        assert found["mttr_h"] == near(case, expected["mttr"])
        assert found["technical_efficiency"] == near(case, expected["availability"])


def test_reliability_from_a_log() -> None:
    case = CASES["REL-LOG"]
    log, expected = case["inputs"]["log"], case["expected"]
    reasons = {"up": "running", "fail": "breakdown"}
    events = MachineEvents(
        states=[state(minutes(t), reasons[what]) for t, what in log if what != "end"],
        deaths=[Word(minutes(log[-1][0]), BOOT)],
    )
    e = fold_windows(events, [0, minutes(log[-1][0])])[0]
    found = kpis(e)
    assert e.failures == expected["failures"]
    assert e.apt_ns / MIN == expected["uptime"]
    assert e.ttr_ns / MIN == expected["repair"]
    assert found["mtbf_h"] * 60 == near(case, expected["mtbf_exposure"])
    assert found["mttr_h"] * 60 == near(case, expected["mttr"])
    assert found["availability"] == near(case, expected["availability"])
    assert found["mtbf_h"] * 60 != near(case, expected["mtbf_completed_only"])
    assert found["mtbf_h"] * 60 != near(case, expected["mean_cycle_fail_to_fail"])
