"""The worked cases of ``golden/kpi_cases.yaml`` for OEE and roll-up, and which cases are covered where.

Ours must agree, and must differ from what a naive method gives. Money, energy and reliability are in
``test_analytics_golden_money.py``.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from analytics_cases import CASES, minutes, near, shift, simple
from analytics_plant import BOOT, MIN, PATH, state

from analytics.elements import Elements, total
from analytics.events import BirthEvent, CycleEvent, MachineEvents, Word
from analytics.fold import fold_windows
from analytics.kpi import as_vorne, kpis
from analytics.rollup import Machine, line_oee, rty
from contract import Production

COVERED = {
    "OEE-VORNE",
    "OEE-FIRGELLI",
    "ISO34-ONE-SHIFT",
    "WATERFALL-VORNE",
    "ROLL-TWO",
    "MIX-EXACT",
    "ROLL-SERIAL",
    "ROLL-ZERO-MACHINE",
    "RTY",
    "TOU-DEMAND",
    "UNIT-COST",
    "UNIT-COST-ACTIVITY",
    "REL-OEE",
    "REL-LOG",
    "STATE-LOG",
}
# The others, by the file that has them.
ELSEWHERE = {
    "test_trade_golden.py": {
        "TAKT",
        "OTIF",
        "BATCH-ONE",
        "SAFETY-STOCK-1",
        "PENNY-2",
        "LOSS-MONEY",
        "MHR-1",
    },
    "test_energy_golden.py": {"ENPI-REG", "CARBON", "TIME-WEIGHT"},
    "test_quality_golden.py": {
        "NIST-CPK",
        "NIST-IMR",
        "NIST-STRD-MAVRO",
        "NELSON-1",
        "NELSON-2",
        "NELSON-3",
        "NELSON-5",
        "WECO-4",
    },
    "test_reliability": {"NIST-MTBF", "NIST-WEIBULL"},
}


def test_every_case_is_covered() -> None:
    elsewhere = set().union(*ELSEWHERE.values())
    assert COVERED | elsewhere == set(CASES)
    assert not COVERED & elsewhere
    for name, cases in ELSEWHERE.items():
        text = "".join(
            path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob(f"{name.removesuffix('.py')}*.py")
        )
        assert {case for case in cases if f'"{case}"' not in text} == set(), name


@pytest.mark.parametrize("name", ["OEE-VORNE", "OEE-FIRGELLI"])
def test_published_oee(name: str) -> None:
    case = CASES[name]
    given, expected = case["inputs"], case["expected"]
    ppt, down = given["planned_production_time"], given["downtime"]
    made, good = given["total_count"], given["total_count"] - given["reject_count"]
    unplanned = given.get("all_time", ppt) - ppt
    e = simple(ppt, ppt - down, given["ideal_cycle_time"], made, good, unknown_ns=minutes(unplanned))
    found = kpis(e, "vorne")
    assert e.gq == expected["good_count"]
    assert found["availability"] == near(case, expected["availability"])
    assert found["effectiveness"] == near(case, expected["performance"])
    assert found["quality_ratio"] == near(case, expected["quality"])
    assert found["oee"] == near(case, expected["oee"])
    assert e.pri_gq_ns / MIN == near(case, expected["fully_productive_time"])
    assert (e.apt_ns - e.pri_pq_ns) / MIN == near(case, expected["performance_loss"])
    assert (e.pri_pq_ns - e.pri_gq_ns) / MIN == near(case, expected["quality_loss"])
    if "teep" in expected:
        assert found["teep"] == near(case, expected["teep"])


def test_iso34_one_shift() -> None:
    case = CASES["ISO34-ONE-SHIFT"]
    e, expected = shift(), case["expected"]
    found = kpis(e)
    for symbol, value in (("PBT", e.pbt_ns), ("AUBT", e.aubt_ns), ("AUPT", e.aupt_ns), ("APT", e.apt_ns)):
        assert value / MIN == near(case, expected[symbol])
    for name, key in {
        "allocation_efficiency": "k04_allocation_efficiency",
        "utilization_efficiency": "k05_utilization_efficiency",
        "oee": "k06_oee",
        "nee": "k07_nee",
        "availability": "k08_availability",
        "effectiveness": "k09_effectiveness",
        "quality_ratio": "k10_quality_ratio",
        "setup_ratio": "k11_setup_ratio",
        "technical_efficiency": "k12_technical_efficiency",
        "scrap_ratio": "k16_scrap_ratio",
        "rework_ratio": "k17_rework_ratio",
        "ooe": "ooe",
        "teep": "teep",
    }.items():
        assert found[name] == near(case, expected[key]), name


def test_iso34_time_between_failures_and_to_repair() -> None:
    case = CASES["ISO34-ONE-SHIFT"]
    given, expected = case["inputs"]["maintenance"], case["expected"]
    found = kpis(Elements(apt_ns=minutes(sum(given["TBF"])), adet_ns=minutes(sum(given["TTR"])), failures=given["FE"]))
    assert found["mtbf_h"] * 60 == near(case, expected["k31_mtbf_classic"])
    assert found["mttr_h"] * 60 == near(case, expected["k33_mttr"])


def test_waterfall_vorne() -> None:
    case = CASES["WATERFALL-VORNE"]
    given, expected = case["inputs"], case["expected"]
    ppt, made = given["planned_production_time"], given["total_count"]
    run = ppt - given["downtime"]
    e = Elements(
        pdot_ns=minutes(given["planned_downtime"]),
        adet_ns=minutes(given["downtime"] - given["setup_time"]),
        aust_ns=minutes(given["setup_time"]),
        apt_ns=minutes(run),
        unknown_ns=minutes(given["all_time"] - ppt - given["planned_downtime"]),
        gq=made - given["reject_count"],
        sq=given["reject_count"],
        pri_pq_ns=made * MIN // given["ideal_rate"],
        pri_gq_ns=(made - given["reject_count"]) * MIN // given["ideal_rate"],
    )
    found = kpis(e, "vorne")
    for name in ("oee", "ooe", "teep"):
        assert found[name] == near(case, expected[name])
    assert e.apt_ns / e.pot_ns == near(case, expected["ooe_availability"])
    assert e.pri_pq_ns / MIN == near(case, expected["net_run_time"])
    assert e.pri_gq_ns / MIN == near(case, expected["fully_productive_time"])
    assert e.ttr_ns / MIN == near(case, expected["breakdowns"])
    assert e.aust_ns / MIN == near(case, expected["setup_and_adjustments"])
    assert (e.apt_ns - e.pri_pq_ns) / MIN == near(case, expected["minor_stops_and_reduced_speed"])


def test_roll_two_is_a_ratio_of_sums() -> None:
    case = CASES["ROLL-TWO"]
    expected = case["expected"]
    each = [
        simple(m["planned_production_time"], m["run_time"], m["ideal_cycle_time"], m["total_count"], m["good_count"])
        for m in case["inputs"]
    ]
    found = kpis(total(each))
    assert [kpis(e)["oee"] for e in each] == [near(case, oee) for oee in expected["oee_each"]]
    assert found["oee"] == near(case, expected["oee"])
    assert found["availability"] == near(case, expected["availability"])
    assert found["effectiveness"] == near(case, expected["performance"])
    assert found["quality_ratio"] == near(case, expected["quality"])
    assert found["oee"] != near(case, expected["wrong_mean_of_oee"])
    assert found["oee"] != near(case, expected["wrong_product_of_mean_factors"])


def test_mix_exact_weighs_quality_by_planned_time() -> None:
    case = CASES["MIX-EXACT"]
    given, expected = case["inputs"], case["expected"]
    stops = sum(stop["duration"] for stop in given["downtime_events"])
    lots = []
    for run in given["runs"]:
        cycle = (
            Fraction(str(run["ideal_cycle_time"]))
            if "ideal_cycle_time" in run
            else 1 / Fraction(str(run["ideal_rate"]))
        )
        good = run.get("good", run["count"] - run.get("reject", 0))
        lots.append((run["count"], good, int(cycle * MIN) * run["count"]))
    ppt = minutes(given["planned_production_time"])
    events = MachineEvents(
        states=[state(0, "running"), state(ppt - minutes(stops), "minor_stop")],
        cycles=[CycleEvent(1 + n, BOOT, good, made - good, 0, ideal) for n, (made, good, ideal) in enumerate(lots)],
        deaths=[Word(ppt, BOOT)],
    )
    found = kpis(fold_windows(events, [0, ppt])[0])
    assert found["availability"] == near(case, expected["availability"])
    assert found["effectiveness"] == near(case, expected["performance"])
    assert found["quality_ratio"] == near(case, expected["quality"])
    assert found["oee"] == near(case, expected["oee"])
    assert found["oee"] != near(case, 0.733333)  # what a count-weighted quality gives (kpis.md, decision 6)


def test_roll_serial() -> None:
    case = CASES["ROLL-SERIAL"]
    given, expected = case["inputs"], case["expected"]
    line = []
    for number, s in enumerate(given["stations"], start=1):
        e = simple(given["pbt_min"], s["own_run_min"], s["ict_min"], s["in_count"], s["good"])
        production = Production(step=s["id"], position=number, ideal_cycle_ns=minutes(s["ict_min"]))
        line.append(Machine((*PATH[:4], s["id"]), e, production=production))
        assert kpis(e)["oee"] == near(case, expected[f"oee_{s['id']}"])
    assert line_oee(line) == near(case, expected["line_oee"])
    assert line_oee(line) != near(case, expected["wrong_mean"])
    steps = [(m.elements.gq, m.elements.pq) for m in line]
    assert rty(steps) == near(case, expected["rty"])
    assert line[-1].elements.gq == expected["line_output_good"]


def test_a_machine_that_made_nothing_stays_in_the_denominator() -> None:
    case = CASES["ROLL-ZERO-MACHINE"]
    expected = case["expected"]
    one, two = (
        simple(m["planned_production_time"], m["run_time"], m["ideal_cycle_time"], m["total_count"], m["good_count"])
        for m in case["inputs"]
    )
    found = kpis(one + two)
    assert found["oee"] == near(case, expected["oee"])
    assert found["availability"] == near(case, expected["availability"])
    assert found["effectiveness"] == near(case, expected["performance_fleet"])
    assert found["quality_ratio"] == near(case, expected["quality_fleet"])
    assert kpis(two)["effectiveness"] is expected["machine_2_performance"]
    assert kpis(two)["quality_ratio"] is expected["machine_2_quality"]
    assert found["oee"] != near(case, expected["wrong_if_dropped"])


def test_rolled_throughput_yield() -> None:
    case = CASES["RTY"]
    steps = [tuple(step) for step in case["inputs"]["steps"]]
    found = rty(steps)
    assert found == near(case, case["expected"]["rty"])
    assert found ** (1 / len(steps)) == near(case, case["expected"]["normalized"])


def state_log() -> Elements:
    given = CASES["STATE-LOG"]["inputs"]

    def at(clock: str) -> int:
        hours, mins = clock.split(":")
        return minutes(int(hours) * 60 + int(mins))

    log = [(at(clock), what) for clock, what in given["log"]]
    known = {"running": "running", "planned_break": "planned_stop", "changeover": "setup"}
    states = []
    for (t, what), (end, _) in zip(log, [*log[1:], (at("23:59"), "")], strict=True):
        short = end - t < minutes(given["minor_stop_threshold_min"])
        states.append(state(t, known.get(what) or ("minor_stop" if short else "breakdown")))
    start, end = (at(clock) for clock in given["window"])
    lot = CycleEvent(
        end - 1,
        BOOT,
        given["good"],
        given["produced"] - given["good"],
        0,
        minutes(given["ideal_cycle_min"]) * given["produced"],
    )
    events = MachineEvents(states, [lot], births=[BirthEvent(at("05:30"), BOOT)], deaths=[Word(at("15:00"), BOOT)])
    return fold_windows(events, [start, end])[0]


def test_state_log_is_carried_in_clipped_and_left_open() -> None:
    case = CASES["STATE-LOG"]
    expected, e = case["expected"], state_log()
    assert e.pot_ns / MIN == expected["pot"]
    assert e.pdot_ns / MIN == expected["pdot"]
    assert e.pbt_ns / MIN == expected["pbt"]
    assert e.aust_ns / MIN == expected["setup_min"]
    assert e.minor_ns / MIN == expected["minor_stop_min"]
    assert e.ttr_ns / MIN == expected["repair_min"] == expected["unplanned_min"]
    assert e.apt_ns / MIN == expected["apt_iso"]
    assert e.failures == expected["failures"]
    assert e.pbt_ns / MIN != expected["wrong_if_open_stop_ignored_oee_denominator"]
    assert e.ttr_ns / MIN != expected["wrong_if_stop_not_clipped_unplanned"]


def test_state_log_in_both_profiles() -> None:
    case = CASES["STATE-LOG"]
    expected, e = case["expected"], state_log()
    iso, vorne = kpis(e), kpis(e, "vorne")
    assert as_vorne(e).apt_ns / MIN == expected["run_time_vorne"]
    assert iso["availability"] == near(case, expected["availability_iso"])
    assert iso["effectiveness"] == near(case, expected["effectiveness_iso"])
    assert vorne["availability"] == near(case, expected["availability_vorne"])
    assert vorne["effectiveness"] == near(case, expected["performance_vorne"])
    assert iso["quality_ratio"] == vorne["quality_ratio"] == near(case, expected["quality"])
    assert iso["oee"] == vorne["oee"] == near(case, expected["oee_both"])
