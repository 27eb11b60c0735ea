"""Values of foreign payloads: exact numbers, words and states; what is none is refused with a reason."""

from __future__ import annotations

import pytest
from mapping_cases import NOON, example, mapping, refused, said

from contract import MAX_BYTES, Meter, State, Telemetry


@pytest.mark.parametrize(
    ("more", "payload", "value"),
    [
        ("", "20", 20.0),
        ("", "20.5", 20.5),
        ("", "-0.0", -0.0),
        ("", "5e-324", 5e-324),
        ("", "1e-999", 0.0),
        ("", "1e5", 1e5),
        ("scale: 0.1", "3", 0.3),
        ("scale: 0.001", "2985", 2.985),
        ("scale: 1.8, offset: 32", "100", 212.0),
        ("offset: -273.15", "300", 26.85),
        ("quoted: true", '"23.5"', 23.5),
        ("words: {ON: 1, OFF: 0}", '"ON"', 1.0),
        ("words: {true: 1, false: 0}", "false", 0.0),
        ("words: {'1': 10, '2': 20}", "2", 20.0),
        ("words: {'1.5': 10}", "1.5", 10.0),
    ],
)
def test_a_sensors_value(more: str, payload: str, value: float) -> None:
    found = mapping(f"  - {{topic: 'x/{{machine}}', sensors: {{a: {{unit: u, {more}}}}}}}\n")
    got = said(found, "x/m", f'{{"a":{payload}}}')["telemetry"].values["a"][0]
    assert (got, str(got)) == (value, str(value))


@pytest.mark.parametrize(
    ("more", "payload", "reason"),
    [
        ("", '"20"', "wrong-type: sensor a: expected a number, found '20'"),
        ("", "true", "wrong-type: sensor a: expected a number, found true"),
        ("", "[1]", "wrong-type: sensor a: expected a number, found a list of 1"),
        ("", "1e309", "out-of-range: sensor a: 1E+309 is beyond all bounds"),
        ("", "1e99999999999999999999", "out-of-range"),
        ("", "9" * 65, "out-of-range"),
        ("", "0." + "1" * 5000, "out-of-range"),
        ("", "9" * 5000, "not-json"),
        ("", "NaN", "not-json"),
        ("", "-Infinity", "not-json"),
        ("", "null", "no-value: none of sensor a is in the payload"),
        ("scale: 1e15", "1e300", "out-of-range"),
        ("quoted: true", "23.5", "wrong-type: sensor a: expected a number as text, found 23.5"),
        ("quoted: true", '"0x10"', "wrong-type"),
        ("quoted: true", '"١٢"', "wrong-type"),
        ("quoted: true", '" 1"', "wrong-type"),
        ("words: {ON: 1}", '"on"', "unknown-word: sensor a: 'on' is none of ON"),
        ("words: {ON: 1}", "{}", "wrong-type: sensor a: expected a word, found a group of keys"),
        ("words: {ON: 1}", "9" * 4000, "wrong-type: sensor a: expected a word, found a number of more than 64 digits"),
    ],
)
def test_what_is_no_value_is_refused(more: str, payload: str, reason: str) -> None:
    found = mapping(f"  - {{topic: 'x/{{machine}}', sensors: {{a: {{unit: u, {more}}}}}}}\n")
    assert refused(found, "x/m", f'{{"a":{payload}}}').startswith(reason)


@pytest.mark.parametrize(
    ("more", "payload", "counted"),
    [
        ("", "0", 0),
        ("", "12345.0", 12345),
        ("", "9007199254740991", 2**53 - 1),
        ("scale: 1000", "12.345", 12_345),
        ("scale: 1000", "0.57", 570),
        ("scale: 0.1", "70", 7),
        ("scale: 1000, finer: cut", "14.68792", 14_687),
        ("scale: 1000, finer: cut", "1e-300", 0),
        ("quoted: true", '"001545"', 1545),
    ],
)
def test_a_counter_is_exact(more: str, payload: str, counted: int) -> None:
    found = mapping(f"  - {{topic: 'x/{{machine}}', counters: {{c: {{unit: Wh, {more}}}}}}}\n")
    meter = said(found, "x/m", f'{{"c":{payload}}}')["meter"]
    assert isinstance(meter, Meter)
    assert meter.rows[0].counters == {"c": counted}


@pytest.mark.parametrize(
    ("more", "payload", "reason"),
    [
        ("", "-1", "out-of-range: counter c: -1 is not within 0 to"),
        ("", "9007199254740992", "out-of-range"),
        ("", "1e400", "out-of-range"),
        ("", "1e999999", "out-of-range"),
        ("", "0.5", "too-fine: counter c: 0.5 is no whole number of Wh"),
        ("scale: 0.1", "75", "too-fine"),
        ("", "0.00000000000000000000000000000000000001", "too-fine"),
        ("", "true", "wrong-type"),
    ],
)
def test_a_counter_that_is_none_is_refused(more: str, payload: str, reason: str) -> None:
    found = mapping(f"  - {{topic: 'x/{{machine}}', counters: {{c: {{unit: Wh, {more}}}}}}}\n")
    assert refused(found, "x/m", f'{{"c":{payload}}}').startswith(reason)


@pytest.mark.parametrize(
    ("power", "state"), [("4.99", "Stopped"), ("5", "Idle"), ("299.9", "Idle"), ("300.0", "Execute")]
)
def test_a_state_by_bands(power: str, state: str) -> None:
    body = f'{{"Time":"2026-11-22T09:15:10","ENERGY":{{"Power":{power}}}}}'
    message = said(example("tasmota"), "tele/tasmota_4F2A11/SENSOR", body)["state"]
    assert isinstance(message, State)
    assert message.rows[0].state == state


def test_a_missing_value_is_not_read_and_a_required_one_is_asked_for() -> None:
    rule = "  - {topic: 'x/{machine}', sensors: {a: {unit: u}, b: {unit: u, required: true}}}\n"
    assert said(mapping(rule), "x/m", '{"b":1,"a":null}')["telemetry"].values == {"b": [1.0]}
    assert refused(mapping(rule), "x/m", '{"a":1}') == "missing-value: sensor b is not in the payload"


def test_paths() -> None:
    rule = """  - topic: x/{machine}
    sensors:
      a: {unit: u, from: 'list[1].x'}
      b: {unit: u, from: '"a.b"."c d"'}
      c: {unit: u, from: 'ENERGY.Power[0]'}
      d: {unit: u, from: 'Größe'}
"""
    body = '{"list":[0,{"x":1}],"a.b":{"c d":2},"ENERGY":{"Power":[3,4]},"Größe":5}'
    telemetry = said(mapping(rule), "x/m", body)["telemetry"]
    assert isinstance(telemetry, Telemetry)
    assert telemetry.values == {"a": [1.0], "b": [2.0], "c": [3.0], "d": [5.0]}
    assert refused(mapping(rule), "x/m", '{"list":{"1":{"x":1}},"ENERGY":7}').startswith("no-value")
    assert refused(mapping(rule), "x/m", "[]").startswith("no-value")


def test_a_picked_value_in_json() -> None:
    rule = """  - topic: x/{machine}/{what}
    pick: what
    time: {from: ts, format: unix_ms}
    sensors:
      a: {unit: u, from: v}
      b: {unit: u, from: v, picked: B b}
"""
    found = mapping(rule)
    assert said(found, "x/m/a", f'{{"v":1,"ts":{NOON // 10**6}}}')["telemetry"].values == {"a": [1.0]}
    assert said(found, "x/m/B b", f'{{"v":2,"ts":{NOON // 10**6}}}')["telemetry"].values == {"b": [2.0]}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b'{"a":1} x', "not-json"),
        (b'\xef\xbb\xbf{"a":1}', "not-json"),
        (b'{"a":"\xff"}', "not-json"),
        (b'{"a":"\\ud800"}', "not-json"),
        (b"[" * 100_000, "not-json"),
        (b'{"a":' * 50_000, "not-json"),
        (b" " * (MAX_BYTES + 1), "too-large"),
        (b'"text"', "no-value"),
    ],
)
def test_hostile_json(payload: bytes, reason: str) -> None:
    found = mapping("  - {topic: 'x/{machine}', sensors: {a: {unit: u}}}\n")
    assert refused(found, "x/m", payload).startswith(reason)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not-text: 0 characters"),
        (b" \n", "not-text"),
        (b"\xff", "not-text: no UTF-8 at byte 0"),
        (b"1" * 65, "not-text"),
        (b"1" * 1_000_000, "not-text: 1000000 bytes"),
        (b"1 2", "wrong-type"),
        (b"1,5", "wrong-type"),
        (b"NaN", "wrong-type"),
        (b"inf", "wrong-type"),
        (b"1_000", "wrong-type"),
        (b"1\0", "wrong-type"),
        (b"1e999", "out-of-range"),
        (b"1e9999999", "wrong-type"),
    ],
)
def test_hostile_plain_text(payload: bytes, reason: str) -> None:
    found = mapping("  - {topic: 'x/{machine}', payload: plain, sensors: {a: {unit: u}}}\n")
    assert refused(found, "x/m", payload).startswith(reason)


def test_of_a_key_that_stands_twice_the_last_counts() -> None:
    found = mapping("  - {topic: 'x/{machine}', sensors: {a: {unit: u}}}\n")
    assert said(found, "x/m", '{"a":1,"a":2}')["telemetry"].values == {"a": [2.0]}
