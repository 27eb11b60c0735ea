"""Lists of readings: each item by itself, its values to its time, and what is not listed passed over."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_cases import NOON, example, mapping, refused, said

from contract import MAX_BYTES, MAX_ROWS, ContractError
from ingest.mapping import MAX_ITEMS
from ingest.mapping_time import DAY_NS

MS = NOON // 10**6


def body(*items: tuple[str, int, Any]) -> str:
    return json.dumps([{"tagname": name, "timestamp": t, "value": value} for name, t, value in items])


def test_items_of_one_time_stand_in_one_row_and_rows_in_order() -> None:
    force, oil, mode, energy = "Press.PLC1.Force", "Press.PLC1.OilTemp", "Press.PLC1.Mode", "Press.Meter.Energy"
    messages = said(
        example("gateway_list"),
        "gateway/p",
        body((force, MS + 5, 3), (oil, MS, 512), (mode, MS, 2), (force, MS, 1), (energy, MS, 7), (force, MS + 5, 4)),
    )
    telemetry = messages["telemetry"]
    assert telemetry.t == [NOON, NOON + 5_000_000]
    assert telemetry.values == {"oil": [51.2, None], "force": [1.0, 4.0]}
    assert [(row.t, row.counters) for row in messages["meter"].rows] == [(NOON, {"energy_wh": 7})]
    assert [(row.t, str(row.state)) for row in messages["state"].rows] == [(NOON, "Execute")]


def test_a_birth_for_each_day_of_the_list() -> None:
    items = [("Press.PLC1.Force", (NOON + day * DAY_NS) // 10**6, day) for day in range(3)]
    found = example("gateway_list").read("gateway/p", body(*items).encode(), NOON)
    assert [kind for _, kind, _ in found] == ["birth", "birth", "birth", "telemetry"]


def test_what_is_not_listed_is_passed_over_and_nothing_else_is_nothing() -> None:
    found = example("gateway_list")
    other = ("Other.Tag", -1, "text")
    assert said(found, "gateway/p", body(other, ("Press.PLC1.Force", MS, 1)))["telemetry"].values == {"force": [1.0]}
    assert refused(found, "gateway/p", body(other)).startswith("no-value")
    assert refused(found, "gateway/p", "[]").startswith("no-value")
    assert refused(found, "gateway/p", '[1,null,"a",{},[]]').startswith("no-value")
    assert refused(found, "gateway/p", "{}") == "wrong-type: .: expected a list, found a group of keys"
    assert refused(found, "gateway/p", body(("Press.PLC1.Force", MS, "1"))).startswith("wrong-type: sensor force")
    assert refused(found, "gateway/p", body(("Press.PLC1.Force", 5, 1))).startswith("bad-time")


def test_the_time_may_stand_once_beside_the_list() -> None:
    rule = """  - topic: x/{machine}
    each: data.list
    time: {from: t, format: unix_ns}
    sensors: {a: {unit: u}, b: {unit: u}}
"""
    text = json.dumps({"t": NOON, "data": {"list": [{"a": 1}, {"b": 2}, {"a": 3, "t": NOON + 1}]}})
    telemetry = said(mapping(rule), "x/m", text)["telemetry"]
    assert (telemetry.t, telemetry.values) == ([NOON, NOON + 1], {"a": [1.0, 3.0], "b": [2.0, None]})
    assert refused(mapping(rule), "x/m", '{"data":{"list":[{"a":1}]}}').startswith("bad-time: no time stands at t")


def test_a_whole_payload_may_be_the_value() -> None:
    rule = "  - {topic: 'x/{machine}', sensors: {a: {unit: u, from: .}}}\n"
    assert said(mapping(rule), "x/m", "21.5")["telemetry"].values == {"a": [21.5]}


def test_a_list_is_bounded() -> None:
    found = example("gateway_list")
    one = "Press.PLC1.Force"
    assert len(said(found, "gateway/p", body(*((one, MS + i, i) for i in range(MAX_ROWS))))["telemetry"].t) == MAX_ROWS
    assert refused(found, "gateway/p", body(*((one, MS + i, i) for i in range(MAX_ROWS + 1)))).startswith("too-large")
    assert refused(found, "gateway/p", "[" + "1," * MAX_ITEMS + "1]").startswith("too-large")


def test_the_dearest_list_takes_little_time() -> None:
    sensors = ", ".join(f"s{i}: {{unit: u}}" for i in range(500))
    found = mapping(f"  - {{topic: 'x/{{machine}}', each: ., sensors: {{{sensors}}}}}\n")
    payload = b"[" + b'{"s499":1},' * (MAX_ITEMS - 1) + b"{}]"
    assert len(payload) < MAX_BYTES
    start = time.process_time()
    found.read("x/m", payload, NOON)
    assert time.process_time() - start < 2.5


_ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["Press.PLC1.Force", "Press.PLC1.OilTemp", "Other"]), st.integers(MS, MS + 5), st.integers(0, 9)
    ),
    max_size=12,
)


@given(_ITEMS)
def test_the_table_holds_the_last_value_of_each_time(items: list[tuple[str, int, int]]) -> None:
    last = {(name, t): value for name, t, value in items if name != "Other"}
    try:
        telemetry = said(example("gateway_list"), "gateway/p", body(*items))["telemetry"]
    except ContractError as error:
        assert (error.reason, last) == ("no-value", {})
        return
    assert telemetry.t == sorted({t * 10**6 for _, t in last})
    told = {
        (name, t // 10**6): column[row]
        for name, column in telemetry.values.items()
        for row, t in enumerate(telemetry.t)
        if column[row] is not None
    }
    names = {"Press.PLC1.Force": ("force", 1), "Press.PLC1.OilTemp": ("oil", 10)}
    assert told == {(names[name][0], t): value / names[name][1] for (name, t), value in last.items()}


@pytest.mark.parametrize(
    "payload", [b"[" * 1000 + b"]" * 1000, b"[[]]", b'[{"tagname":{}}]', b'[{"tagname":1,"value":1}]']
)
def test_odd_lists_say_nothing(payload: bytes) -> None:
    assert refused(example("gateway_list"), "gateway/p", payload).startswith("no")
