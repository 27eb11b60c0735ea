"""Faults in a plant: where each hits, when, and what the ledger says."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from fault_cases import SENSORS, changes, faults, targets
from hypothesis import given
from hypothesis import strategies as st

from contract import Address
from simulator.durations import SECOND_NS
from simulator.fault_plan import MAX_FAULTS, FaultPlan, Planned, ledger_line
from simulator.fault_targets import covers, locate
from simulator.faults import Fault, fault_of_text
from simulator.happenings import NEVER
from simulator.signal_faults import SensorFault

HERE = Address("acme", "plant-1", "production", "line-1", "stamp-1")
ZERO = 1_772_380_800 * SECOND_NS
MINUTE = 60 * SECOND_NS


# Where


def test_a_name_that_one_enterprise_has_needs_no_more() -> None:
    park = [targets("acme", ("stamp-1", "pack-1")), targets("beta", ("stamp-1", "cut-1"))]
    assert locate(fault_of_text("jam machine=cut-1"), park) == "beta/plant-1/production/line-1/cut-1"
    assert locate(fault_of_text("jam machine=stamp-1 enterprise=beta"), park).startswith("beta/")
    assert locate(fault_of_text("outage for=1h"), park) == ""
    assert locate(fault_of_text("outage for=1h enterprise=acme"), park) == "acme"
    assert locate(fault_of_text("outage for=1h"), park[:1]) == "acme"
    assert locate(fault_of_text("delay machine=aux-1"), park[:1]) == "acme/plant-1/utilities/power/aux-1"
    assert locate(fault_of_text("delay supplier=steel"), park[:1]) == "acme/plant-1/supply/steel/shipments"
    assert locate(fault_of_text("bad_material material=sheet"), park[:1]) == "acme/plant-1/supply/steel/shipments"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("jam machine=stamp-1", "^jam: enterprise: machine 'stamp-1' is at several; say which: acme, beta"),
        ("jam machine=stomp-1", r"^jam: machine: no machine 'stomp-1'; did you mean stamp-1\?"),
        ("jam machine=aux-1", "^jam: machine: no machine 'aux-1'"),
        ("jam machine=stamp-1 enterprise=acne", r"enterprise: no enterprise 'acne'; did you mean acme\?"),
        (
            "stuck machine=stamp-1 enterprise=acme sensor=pres_force",
            r"has no sensor 'pres_force'; did you mean press_f",
        ),
        ("counter_reset machine=aux-1 enterprise=acme sensor=energy", r"no counter 'energy'; did you mean energy_wh\?"),
        ("supplier_down supplier=steal enterprise=acme", r"no supplier 'steal'; did you mean steel\?"),
        ("bad_material material=sheets enterprise=acme", r"no material 'sheets'; did you mean sheet\?"),
    ],
)
def test_what_is_not_there_is_refused_with_the_nearest(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        locate(fault_of_text(text), [targets("acme"), targets("beta")])


# When


@given(st.lists(faults(most_s=3600), max_size=8), st.lists(st.integers(0, 9000), max_size=12))
def test_no_cut_of_time_changes_the_schedule(asked: list[Fault], cuts: list[int]) -> None:
    plan = FaultPlan(1, ZERO, [targets()])
    planned = [plan.add(fault, ZERO, "scenario") for fault in asked]
    edges = sorted({ZERO, ZERO + 9000 * SECOND_NS, *(ZERO + cut * SECOND_NS for cut in cuts)})
    pieces = list(pairwise(edges))
    whole = changes(plan, edges[0], edges[-1])
    assert [t for a, b in pieces for t in changes(plan, a, b)] == whole
    times = {t for one in planned for t in (one.start_ns, one.end_ns)}
    assert whole == sorted(t for t in times if edges[0] <= t < edges[-1])
    lasting: set[Planned] = set()
    for t in whole:
        lasting -= set(plan.ending(t))
        lasting |= {one for one in plan.starting(t) if one.end_ns > one.start_ns}
        assert lasting == set(plan.at(t))
    for a, b in pieces:
        inside = {one for one in planned if one.end_ns > one.start_ns and one.start_ns < b and one.end_ns > a}
        assert set(plan.active(a, b)) == inside


def test_what_the_ledger_says() -> None:
    plan = FaultPlan(1, ZERO, [targets()])
    plan.add(fault_of_text("drift machine=stamp-1 sensor=die_temp at=1h for=2h magnitude=4 cause=dust"), 0, "scenario")
    plan.add(fault_of_text("delay supplier=steel"), 0, "command line")
    plan.add(fault_of_text("bad_material material=sheet"), ZERO + 5, "mqtt")
    plan.add(fault_of_text("jam machine=pack-1"), ZERO + 6, "mqtt")
    lines = [ledger_line(one) for one in plan.all]
    at = [(line["id"], line["start_ns"] - ZERO, line["end_ns"], line["origin"]) for line in lines]
    assert at == [
        ("f-0001", 60 * MINUTE, ZERO + 180 * MINUTE, "scenario"),
        ("f-0002", 0, None, "command line"),
        ("f-0003", 5, None, "mqtt"),
        ("f-0004", 6, ZERO + 6, "mqtt"),
    ]
    assert lines[0] == {
        "id": "f-0001",
        "kind": "drift",
        "path": HERE.path,
        "sensor": "die_temp",
        "material": "",
        "start_ns": ZERO + 60 * MINUTE,
        "end_ns": ZERO + 180 * MINUTE,
        "magnitude": 4.0,
        "cause": "dust",
        "origin": "scenario",
    }
    assert lines[1]["magnitude"] == 60
    assert lines[2]["material"] == "sheet"
    assert json.loads(json.dumps(lines)) == lines


def test_what_began_before_begins_now_and_what_is_over_is_refused() -> None:
    plan = FaultPlan(1, ZERO, [targets()])
    assert plan.add(fault_of_text("stop machine=stamp-1 at=-2h for=3h"), ZERO, "scenario")[3:5] == (
        ZERO,
        ZERO + 60 * MINUTE,
    )
    for text in ("stop machine=stamp-1 at=-2h for=2h", "jam machine=stamp-1 at=-1s"):
        with pytest.raises(ValueError, match="over before it could begin"):
            plan.add(fault_of_text(text), ZERO, "scenario")
    assert plan.add(fault_of_text("jam machine=stamp-1"), ZERO, "scenario").id == "f-0002"


def test_a_plan_is_bounded_and_forgets_what_is_over() -> None:
    plan = FaultPlan(1, 0, [targets()])
    jam = fault_of_text("jam machine=stamp-1")
    for _ in range(MAX_FAULTS):
        plan.add(jam, 5, "mqtt")
    with pytest.raises(ValueError, match="1000 faults are planned already"):
        plan.add(jam, 5, "mqtt")
    assert plan.add(jam, 6, "mqtt").id == "f-1001"
    assert [one.id for one in plan.starting(5)] == []


def test_faults_of_sensors_go_to_the_signals() -> None:
    plan = FaultPlan(7, ZERO, [targets()])
    stuck = plan.add(fault_of_text("stuck machine=stamp-1 sensor=die_temp for=1h"), ZERO, "scenario")
    noise = plan.add(fault_of_text("noise machine=stamp-1 sensor=press_force magnitude=3"), ZERO, "scenario")
    plan.add(fault_of_text("stuck machine=pack-1 sensor=die_temp"), ZERO, "scenario")
    plan.add(fault_of_text("slow machine=stamp-1"), ZERO, "scenario")
    assert plan.sensor_faults(HERE.path, SENSORS, ZERO, ZERO + 1) == [
        SensorFault("stuck", 1, ZERO, ZERO + 60 * MINUTE, 0.0, stuck.stream),
        SensorFault("noise", 0, ZERO, NEVER, 3.0, noise.stream),
    ]
    assert len(plan.sensor_faults(HERE.path, SENSORS, ZERO + 60 * MINUTE, ZERO + 61 * MINUTE)) == 1
    assert stuck.stream != noise.stream


def test_what_a_path_covers() -> None:
    assert covers("", HERE.path)
    assert covers("acme/plant-1", HERE.path)
    assert covers(HERE.path, HERE.path)
    assert not covers("acme/plant", HERE.path)
    assert not covers(HERE.path, "acme")
