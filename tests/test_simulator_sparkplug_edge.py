"""The edge node: births first, numbers without a gap, rebirths on request, and every message of the contract inside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from sparkplug_sessions import Session

from contract import Address, Birth, Command, ContractError, Death, Meter, Reply, Telemetry, decode
from contract.page import EXAMPLES
from contract.parts import MeterRow, Sensor
from contract.sparkplug import Publish, device_of, metrics_of, parse_topic
from contract.sparkplug_payload import DataType, Metric, Payload, decode_payload, encode_payload
from simulator.outgoing import Outgoing
from simulator.plant import SECOND_NS
from simulator.sparkplug_edge import EdgeNode

BOOT = "5ca1ab1e"
GATEWAY = Address("acme", "plant-1", "production", "line-1", "gateway")
STAMP = Address("acme", "plant-1", "production", "line-1", "stamp-1")
OVEN = Address("acme", "plant-1", "heat treatment: 100%", "line-1", "oven-1")
NOW = 1_795_305_600_000
T = NOW * 1_000_000


def birth(address: Address, seq: int = 1, **changes: Any) -> Outgoing:
    role = "gateway" if address == GATEWAY else "machine"
    fields = {"role": role, "model": "m", "version": "1", "t": T, "sensors": {"x": Sensor(unit="C")}} | changes
    return Outgoing.of(address, Birth(boot=BOOT, seq=seq, **fields), retain=True)


def sample(address: Address, seq: int, value: float = 1.0, t: int = T, name: str = "x") -> Outgoing:
    return Outgoing.of(address, Telemetry(boot=BOOT, seq=seq, t=[t], values={name: [value]}))


def death(address: Address, seq: int) -> Outgoing:
    return Outgoing.of(address, Death(boot=BOOT, seq=seq, t=T, reason="end"))


def node_of(*born: Address, bd_seq: int = 0) -> EdgeNode:
    node = EdgeNode(GATEWAY)
    node.connect(bd_seq, NOW)
    for address in born:
        node.learn(birth(address))
    return node


def say(node: EdgeNode, *items: Outgoing, now_ms: int = NOW) -> list[Publish]:
    said: list[Publish] = []
    for item in items:
        said += node.say(item, now_ms)
        node.commit()
    return said


def types(said: Iterable[Publish]) -> list[str]:
    return [parse_topic(one.topic).type for one in said]


def command(topic: str, *metrics: Metric, timestamp_ms: int | None = NOW) -> tuple[str, bytes]:
    return topic, encode_payload(Payload(timestamp_ms, None, metrics))


REBIRTH = command("spBv1.0/acme/NCMD/plant-1", Metric("Node Control/Rebirth", None, True))


def test_a_session_begins_with_its_will_and_its_births() -> None:
    node = EdgeNode(GATEWAY)
    will = node.connect(7, NOW)
    assert (will.topic, will.qos, will.retain) == ("spBv1.0/acme/NDEATH/plant-1", 1, False)
    assert decode_payload(will.payload) == Payload(NOW, None, (Metric("bdSeq", DataType.Int64, 7, timestamp_ms=NOW),))
    assert node.filters == [("spBv1.0/acme/NCMD/plant-1", 1), ("spBv1.0/acme/DCMD/plant-1/+", 1)]
    for address in (GATEWAY, STAMP, OVEN):
        node.learn(birth(address))
    said = node.births(NOW)
    assert [one.topic for one in said] == [
        "spBv1.0/acme/NBIRTH/plant-1",
        "spBv1.0/acme/DBIRTH/plant-1/production:line-1:stamp-1",
        "spBv1.0/acme/DBIRTH/plant-1/heat treatment%3A 100%25:line-1:oven-1",
    ]
    session = Session(7).all([*said, *say(node, sample(STAMP, 2), sample(GATEWAY, 2), sample(OVEN, 2))])
    assert session.types[3:] == ["DDATA", "NDATA", "DDATA"]
    assert session.births == 1
    assert not node.births_due


def test_the_sequence_wraps_after_255_and_begins_anew_with_each_session() -> None:
    node = node_of(GATEWAY, STAMP)
    session = Session(0).all(say(node, *(sample(STAMP, n) for n in range(2, 602))))
    assert len(session.types) == 602
    node.connect(1, NOW)
    Session(1).all(say(node, sample(STAMP, 602)))


def test_a_rebirth_has_the_same_number_and_the_current_values() -> None:
    node = node_of(GATEWAY, STAMP, bd_seq=255)
    session = Session(255).all(
        say(node, sample(STAMP, 2, 20.5, T - 2 * SECOND_NS), sample(STAMP, 3, 21.5, T - SECOND_NS))
    )
    heard = node.hear(*REBIRTH, NOW)
    assert heard == (True, None, None)
    assert node.births_due
    later = NOW + 5_000
    said = say(node, sample(STAMP, 4, 22.5, T + 3 * SECOND_NS), now_ms=later)
    assert types(said) == ["NBIRTH", "DBIRTH", "DDATA"]
    session.all(said)
    assert session.births == 2
    metrics = {metric.name: metric for metric in decode_payload(said[1].payload).metrics}
    assert metrics["telemetry/x"] == Metric("telemetry/x", DataType.Double, 21.5, timestamp_ms=NOW - 1_000)
    assert metrics["telemetry/t"].value == T - SECOND_NS
    assert (metrics["Qilu/seq"].value, metrics["Qilu/kind"].value) == (3, "telemetry")
    assert metrics["meter/t"].value is None


def test_what_did_not_leave_is_not_told_as_current() -> None:
    node = node_of(GATEWAY, STAMP)
    say(node, sample(STAMP, 2, 20.5))
    node.say(sample(STAMP, 3, 99.0), NOW)  # and the link breaks
    node.connect(1, NOW)
    node.commit()
    metrics = {metric.name: metric.value for metric in decode_payload(node.births(NOW)[1].payload).metrics}
    assert (metrics["telemetry/x"], metrics["Qilu/seq"]) == (20.5, 2)


@pytest.mark.parametrize(
    "metric",
    [
        Metric("Node Control/Rebirth", None, False),
        Metric("Node Control/Rebirth", None, 1),
        Metric("Node Control/Rebirth", None, "true"),
        Metric("Node Control/Rebirth", None, None),
        Metric("node control/rebirth", None, True),
        Metric("Node Control/Reboot", None, True),
    ],
)
def test_what_is_no_rebirth_request_is_none(metric: Metric) -> None:
    node = node_of(GATEWAY)
    node.births(NOW)
    try:
        assert not node.hear(*command(REBIRTH[0], metric), NOW).rebirth
    except ContractError as error:
        assert error.reason == "invalid"
    assert not node.births_due


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("spBv1.0/acme/NCMD/plant-2", REBIRTH[1]),
        ("spBv1.0/other/NCMD/plant-1", REBIRTH[1]),
        ("spBv1.0/acme/DCMD/plant-1/production:line-1:stamp-1", REBIRTH[1]),
        ("spBv1.0/acme/NDATA/plant-1", REBIRTH[1]),
        ("spBv1.0/acme/NCMD/plant-1/x", REBIRTH[1]),
        (REBIRTH[0], b"\xff\xff"),
        (REBIRTH[0], b"\x12\x05" + b"\x0a\x99abc"),
    ],
)
def test_a_request_to_others_or_in_rubbish_is_refused(topic: str, payload: bytes) -> None:
    node = node_of(GATEWAY, STAMP)
    node.births(NOW)
    with pytest.raises(ContractError):
        node.hear(topic, payload, NOW)
    assert not node.births_due


def test_before_the_first_birth_a_rebirth_is_nothing() -> None:
    node = node_of(GATEWAY, STAMP)
    assert node.hear(*REBIRTH, NOW).rebirth
    said = say(node, sample(STAMP, 2))
    assert types(said) == ["NBIRTH", "DBIRTH", "DDATA"]
    assert not node.births_due


def test_a_command_of_our_host_comes_whole() -> None:
    node = node_of(GATEWAY, OVEN)
    message = EXAMPLES["command"]
    assert isinstance(message, Command)
    topic = f"spBv1.0/acme/DCMD/plant-1/{device_of(OVEN)}"
    metrics = metrics_of(message)
    assert node.hear(*command(topic, *metrics), NOW) == (False, OVEN, message)
    to_the_node = command("spBv1.0/acme/NCMD/plant-1", Metric("Node Control/Rebirth", None, True), *metrics)
    node.births(NOW)
    assert node.hear(*to_the_node, NOW) == (True, GATEWAY, message)


def test_a_host_that_knows_no_contract_writes_the_action_alone() -> None:
    node = node_of(GATEWAY, STAMP)
    topic = f"spBv1.0/acme/DCMD/plant-1/{device_of(STAMP)}"
    for timestamp_ms, then in ((5, 5), (None, NOW)):
        heard = node.hear(*command(topic, Metric("command/action", None, "stop"), timestamp_ms=timestamp_ms), NOW)
        assert heard.command is not None
        (row,) = heard.command.rows
        assert (heard.address, row.t, row.command, row.action) == (STAMP, then * 10**6, f"dcmd-{then}", "stop")
    with pytest.raises(ContractError, match="invalid"):
        node.hear(*command(topic, Metric("Outputs/LED", None, True)), NOW)
    for device, reason in (("stamp-1", "bad-address"), (device_of(OVEN), "no-birth")):
        with pytest.raises(ContractError, match=reason):
            node.hear(*command(f"spBv1.0/acme/DCMD/plant-1/{device}", Metric("command/action", None, "stop")), NOW)


def test_a_reply_is_data() -> None:
    node = node_of(GATEWAY, STAMP)
    reply = EXAMPLES["reply"]
    assert isinstance(reply, Reply)
    reply = msgspec.structs.replace(reply, boot=BOOT)
    session = Session(0).all(say(node, Outgoing.of(STAMP, reply)))
    assert session.messages[-1] == (STAMP.path, "reply", reply)


def test_deaths_of_devices_and_the_end_of_the_node() -> None:
    node = node_of(GATEWAY, STAMP, OVEN)
    said = say(node, sample(STAMP, 2), death(STAMP, 3), sample(OVEN, 2))
    assert types(said)[-3:] == ["DDATA", "DDEATH", "DDATA"]
    session = Session(0).all(said)
    with pytest.raises(ContractError, match="no-birth"):
        node.say(sample(STAMP, 4), NOW)
    node.hear(*REBIRTH, NOW)
    said = say(node, death(OVEN, 3), death(GATEWAY, 2))
    assert types(said) == ["NBIRTH", "DBIRTH", "DDEATH", "NDATA"], "who is dead is not born again"
    farewell = node.farewell(NOW)
    assert farewell is not None
    session.all([*said, farewell])
    assert session.ended
    assert [(kind, message.seq) for _, kind, message in session.messages[-2:]] == [("death", 3), ("death", 2)]
    assert not node.online
    assert EdgeNode(GATEWAY).farewell(NOW) is None


def test_a_device_that_comes_later_or_comes_back_makes_all_births_anew() -> None:
    node = node_of(GATEWAY, STAMP)
    session = Session(0).all(say(node, sample(STAMP, 2)))
    node.learn(birth(OVEN))
    session.all(said := say(node, sample(STAMP, 3)))
    assert types(said) == ["NBIRTH", "DBIRTH", "DBIRTH", "DDATA"]
    session.all(say(node, death(OVEN, 2)))
    node.learn(birth(OVEN, seq=3))
    session.all(said := say(node, sample(OVEN, 4)))
    assert types(said) == ["NBIRTH", "DBIRTH", "DBIRTH", "DDATA"]
    node.learn(birth(OVEN, seq=3))
    assert not node.births_due, "the same birth again is no news"


def test_a_sensor_that_no_birth_named_is_declared_before_it_is_said() -> None:
    node = node_of(GATEWAY, STAMP)
    meter = Outgoing.of(STAMP, Meter(boot=BOOT, seq=4, rows=[MeterRow(t=T, counters={"gas_wh": 7})]))
    said = say(node, sample(STAMP, 2), sample(STAMP, 3, name="y"), meter)
    assert types(said) == [*["NBIRTH", "DBIRTH", "DDATA"] * 3]
    session = Session(0).all(said)
    node.hear(*REBIRTH, NOW)
    session.all(said := say(node, sample(STAMP, 5)))
    metrics = {metric.name: metric for metric in decode_payload(said[1].payload).metrics}
    assert (metrics["telemetry/y"].value, metrics["meter/gas_wh"].value) == (1.0, 7)


def test_a_message_of_another_boot_says_so() -> None:
    node = node_of(GATEWAY, STAMP)
    older = Outgoing.of(STAMP, Telemetry(boot="0badcafe", seq=9, t=[T], values={"x": [1.0]}))
    session = Session(0).all(say(node, older))
    assert session.messages[-1][2] == decode("telemetry", older.payload)


def test_a_packed_message_is_unpacked() -> None:
    times = list(range(T, T + 500))
    plain = Outgoing.of(STAMP, Telemetry(boot=BOOT, seq=2, t=times, values={"x": [1.0] * 500}))
    packed = plain.packed("application/json+gzip")
    assert packed.content_type
    session = Session(0).all(say(node_of(GATEWAY, STAMP), packed))
    assert session.messages[-1][2] == decode("telemetry", plain.payload)


def test_a_message_that_comes_late_is_not_current() -> None:
    node = node_of(GATEWAY, STAMP)
    older = Telemetry(boot="0badcafe", seq=9000, t=[T - 3 * SECOND_NS], values={"x": [3.0]})
    say(node, sample(STAMP, 3, 2.0, T), sample(STAMP, 2, 1.0, T - SECOND_NS), Outgoing.of(STAMP, older))
    metrics = {metric.name: metric.value for metric in decode_payload(node.births(NOW)[1].payload).metrics}
    assert (metrics["telemetry/x"], metrics["Qilu/seq"], metrics["Qilu/boot"]) == (2.0, 3, BOOT)


def test_what_cannot_be_said_is_refused() -> None:
    node = EdgeNode(GATEWAY)
    with pytest.raises(ContractError, match="no-birth"):
        node.births(NOW)
    node = node_of(STAMP)
    with pytest.raises(ContractError, match="no-birth"):
        node.say(sample(STAMP, 2), NOW)
    with pytest.raises(ContractError, match="no-birth"):
        node.say(sample(OVEN, 2), NOW)
    with pytest.raises(ContractError, match="bad-address"):
        node.learn(birth(replace(STAMP, site="plant-2")))
    with pytest.raises(ContractError, match="unknown-kind"):
        node.learn(sample(STAMP, 1))
