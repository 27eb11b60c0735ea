"""Foreign messages become the contract's, each twice to the same points; a topic is data."""

from __future__ import annotations

from typing import Any

import pytest
from mapping_cases import HEAD, NOON, example, mapping, refused, said

from contract import Birth, Message, PackMLState, Production, Reason, encode
from ingest.frames import frames
from ingest.mapping import Mapping
from ingest.mapping_time import DAY_NS

# --- The three layouts ---------------------------------------------------------------------------------------------


def test_tasmota() -> None:
    found = example("tasmota")
    energy = '{"Total":14.68792,"Power":32,"Factor":0.89,"Voltage":238,"Current":0.148}'
    body = f'{{"Time":"2026-11-22T09:15:10","ENERGY":{energy}}}'
    messages = said(found, "tele/tasmota_4F2A11/SENSOR", body)
    t = 1_795_335_310 * 10**9
    assert messages["telemetry"].values == {
        "power": [32.0],
        "power_factor": [0.89],
        "voltage": [238.0],
        "current": [0.148],
    }
    assert messages["telemetry"].t == [t]
    assert messages["meter"].rows[0].counters == {"energy_wh": 14_687}
    assert (messages["state"].rows[0].state, messages["state"].rows[0].reason) == (PackMLState.IDLE, Reason.NO_ORDER)
    birth = messages["birth"]
    assert isinstance(birth, Birth)
    assert (birth.t, birth.role, set(birth.sensors), birth.counters) == (
        t - t % DAY_NS,
        "machine",
        {"power", "voltage", "current", "power_factor", "relay"},
        {"energy_wh": "Wh"},
    )
    assert set(said(found, "stat/tasmota_4F2A11/POWER", "OFF")["telemetry"].values) == {"relay"}
    assert found.read("stat/tasmota_4F2B07/POWER", b"ON", NOON)[0][0].path == "acme/plant-1/production/line-1/mill-2"
    assert refused(found, "stat/tasmota_XXXXXX/POWER", "ON").startswith("unknown-device: 'tasmota_XXXXXX'")


def test_zigbee2mqtt() -> None:
    found = example("zigbee2mqtt")
    body = '{"battery":97,"contact":false,"last_seen":"2026-11-22T12:00:00.941Z","linkquality":128,"voltage":2985}'
    telemetry = said(found, "zigbee2mqtt/guard-door", body)["telemetry"]
    assert telemetry.t == [NOON + 941_000_000]
    assert telemetry.values == {"contact": [0.0], "battery": [97.0], "linkquality": [128.0], "voltage": [2.985]}
    assert refused(found, "zigbee2mqtt/guard-door", '{"state":"online"}').startswith(
        "no-value: none of sensor contact, "
    )
    assert refused(found, "zigbee2mqtt/guard-door", '{"contact":true}') == "bad-time: no time stands at last_seen"
    assert refused(found, "zigbee2mqtt/guard-door", body.replace("false", '"ajar"')).startswith("unknown-word: ")


def test_a_vendors_single_values() -> None:
    found = example("vendor_plain")
    at = "factory/line-1/filler-3/"
    assert said(found, at + "energy-kWh", "12.345")["meter"].rows[0].counters == {"energy_wh": 12_345}
    assert said(found, at + "temperature", " 21.5\r\n")["telemetry"].values == {"temperature": [21.5]}
    assert said(found, at + "bearing-F", "212")["telemetry"].values["bearing"][0] == pytest.approx(100)
    assert said(found, at + "status", "FAULT")["state"].rows[0].cause == "reported by the gateway"
    assert refused(found, at + "energy-kWh", "12.3456").startswith("too-fine: counter energy_wh: '12.3456' is no whole")
    assert refused(found, at + "energy_wh", "1").startswith("unknown-value: 'energy_wh' is no value of factory/")
    birth = said(example("vendor_plain"), at + "status", "RUN")["birth"]
    assert birth.production == Production(step="fill", position=1, ideal_cycle_ns=2_500_000_000)


# --- Names and births: what makes a message the same for good ------------------------------------------------------


def _points(
    found: Mapping, heard: list[tuple[str, bytes, int]]
) -> dict[tuple[str, tuple[str, ...], int], dict[str, Any]]:
    """What a store would hold: the fields of each point, the later message winning."""
    store: dict[tuple[str, tuple[str, ...], int], dict[str, Any]] = {}
    for topic, payload, received in heard:
        for address, kind, message in found.read(topic, payload, received):
            for frame in frames(address, kind, message, encode(message), received):
                for row, t in enumerate(frame.time_ns):
                    point = store.setdefault((frame.measurement, address.levels, t), {})
                    point.update({name: column[row] for name, column in frame.fields.items()})
    return store


def test_twice_late_and_after_restarts_the_points_are_the_same() -> None:
    heard = [
        ("zigbee2mqtt/a", b'{"temperature":%d,"last_seen":"2026-11-%02dT0%d:00:00Z"}' % (20 + h, day, h), NOON)
        for day in (20, 21, 22)
        for h in range(5)
    ]
    once = _points(example("zigbee2mqtt"), heard)
    assert len(once) == 15 + 3  # a birth for each day
    again = example("zigbee2mqtt")
    assert _points(again, [*heard, *reversed(heard), *heard]) == once
    restarted: dict[Any, Any] = {}
    for one in heard[::-1]:
        restarted |= _points(example("zigbee2mqtt"), [one])
    assert restarted == once


def test_the_birth_is_said_once_a_day_and_before_all_else() -> None:
    found = example("zigbee2mqtt")

    def kinds(time: str) -> list[str]:
        body = f'{{"temperature":1,"last_seen":"{time}"}}'.encode()
        return [kind for _, kind, _ in found.read("zigbee2mqtt/a", body, NOON)]

    assert kinds("2026-11-22T00:00:00Z") == ["birth", "telemetry"]
    assert kinds("2026-11-22T23:59:59Z") == ["telemetry"]
    assert kinds("2026-11-21T23:59:59Z") == ["birth", "telemetry"]
    assert kinds("2026-11-22T12:00:00Z") == ["telemetry"]


def test_a_refused_message_does_not_swallow_the_birth() -> None:
    found = example("vendor_plain")
    refused(found, "factory/l/m/temperature", "hot")
    assert "birth" in said(found, "factory/l/m/temperature", "20")


def test_names_are_the_same_for_the_same_message_and_differ_for_others() -> None:
    def names(found: Mapping, topic: str, payload: str) -> tuple[str, int]:
        message = said(found, topic, payload, NOON)["telemetry"]
        assert isinstance(message, Message)
        return message.boot, message.seq

    body = '{"Time":"2026-11-22T09:15:10","ENERGY":{"Power":32}}'
    first = names(example("tasmota"), "tele/tasmota_4F2A11/SENSOR", body)
    assert names(example("tasmota"), "tele/tasmota_4F2A11/SENSOR", body) == first
    other = names(example("tasmota"), "tele/tasmota_4F2A11/SENSOR", body.replace("32", "33"))
    assert (other[0], other[1] != first[1]) == (first[0], True)
    assert names(example("tasmota"), "tele/tasmota_4F2B07/SENSOR", body)[0] != first[0]
    assert len(first[0]) == 16


def test_the_boot_outlives_a_change_of_the_rules_and_not_a_new_id() -> None:
    rule = "  - {topic: 'x/{machine}', payload: plain, sensors: {a: {unit: W}}}\n"
    boot = said(mapping(rule), "x/m", "1")["telemetry"].boot
    assert said(mapping(rule.replace("unit: W", "unit: W, scale: 2")), "x/m", "1")["telemetry"].boot == boot
    assert said(mapping(rule, HEAD.replace("id: t", "id: u")), "x/m", "1")["telemetry"].boot != boot


# --- Topics ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        ("x", "bad-topic: 'x' is no topic of the mapping t"),
        ("x/m/more", "bad-topic"),
        ("x/m/", "bad-topic"),
        ("y/m", "bad-topic"),
        ("", "bad-topic"),
        ("x/" + "m" * 65, "bad-address: machine 'mmm"),
        ("x/" + "m" * 600, "bad-topic: 602 characters"),
        ("x/", "bad-address: machine '' is empty"),
        ("x/$SYS", "bad-address"),
        ("x/a+b", "bad-address"),
        ("x/a\nb", "bad-address"),
        ("x/\udcff", "bad-address"),
        ("x/a\0", "bad-address"),
        ("x" + "/a" * 60_000, "bad-topic"),
    ],
)
def test_a_topic_is_data(topic: str, reason: str) -> None:
    found = mapping("  - {topic: 'x/{machine}', payload: plain, sensors: {a: {unit: u}}}\n")
    assert refused(found, topic, "1").startswith(reason)


def test_a_topics_text_stays_text() -> None:
    found = mapping("  - {topic: 'x/{machine}', payload: plain, sensors: {a: {unit: u}}}\n")
    for text in ("<script>", "..", "{machine}", "a b", "%s{0}", "\\1"):
        assert found.read(f"x/{text}", b"1", NOON)[0][0].machine == text


def test_the_first_rule_that_fits_is_taken() -> None:
    rules = """  - {topic: 'x/{machine}/spare', payload: plain, sensors: {b: {unit: u}}}
  - {topic: 'x/{machine}/+', payload: plain, sensors: {a: {unit: u}}}
"""
    found = mapping(rules)
    assert found.filters == ["x/+/spare", "x/+/+"]
    assert set(said(found, "x/m/spare", "1")["telemetry"].values) == {"b"}
    assert set(said(found, "x/m/other", "1")["telemetry"].values) == {"a"}
    assert found.knows("x/m/other") and not found.knows("x/m") and not found.knows("qilu/v1/a/b/c/d/e/birth")


def test_filters_of_listed_devices_are_their_own_topics() -> None:
    head = HEAD.replace("  topics:", "  names: {machine: {b: press-2, a: press-1}}\n  topics:")
    rule = "  - {topic: 'x/{machine}/+', payload: plain, sensors: {a: {unit: u}}}\n"
    assert mapping(rule, head).filters == ["x/a/+", "x/b/+"]
    assert mapping(rule).filters == ["x/+/+"]
    many = ", ".join(f"d{i}: n{i}" for i in range(501))
    assert mapping(rule, head.replace("b: press-2, a: press-1", many)).filters == ["x/+/+"]
    rules = "".join(
        f"  - {{topic: 'x/{{machine}}/{n}', payload: plain, sensors: {{a: {{unit: u}}}}}}\n" for n in range(5)
    )
    many = ", ".join(f"d{i}: n{i}" for i in range(401))
    assert len(mapping(rules, head.replace("b: press-2, a: press-1", many)).filters) == 5
