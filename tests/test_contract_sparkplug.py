"""Sparkplug names and metrics: every message of the contract survives, and nothing else is taken for one."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_contract_wire import BOOT, TEXT, any_row_message, telemetry

from contract import KINDS, MAX_ROWS, Address, Birth, Command, ContractError, Death, Message, Meter, Telemetry, encode
from contract.page import EXAMPLES
from contract.parts import MeterRow, Sensor
from contract.sparkplug import (
    DEVICE_TYPES,
    NAMESPACE,
    NODE_TYPES,
    SparkplugTopic,
    address_of,
    birth_metrics,
    birth_of,
    command_of,
    declared,
    device_of,
    head_of,
    message_of,
    metrics_of,
    node_metrics,
    parse_topic,
    topic,
)
from contract.sparkplug_payload import DataType, Metric, Payload, as_declared, decode_payload, encode_payload

LEVEL = st.text(st.characters(codec="utf-8"), min_size=1, max_size=64)
NAME = st.sampled_from(["a", "plant 1", "50%", "a:b", "%3A", "%25:", "::", "<b>", "日本"])


def addresses() -> st.SearchStrategy[Address]:
    return st.builds(Address, NAME, NAME, NAME, NAME, NAME)


def over_the_wire(metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
    return decode_payload(encode_payload(Payload(1, 2, metrics))).metrics


def told_and_heard(kind: str, message: Message) -> Message:
    metrics = over_the_wire(metrics_of(message))
    head = head_of(metrics)
    assert head == (kind, message.boot, message.seq)
    return message_of(kind, message.boot, message.seq, metrics)


@given(telemetry())
def test_telemetry_survives(message: Telemetry) -> None:
    assert told_and_heard("telemetry", message) == message


@given(any_row_message())
def test_messages_of_rows_survive(sent: tuple[str, Message]) -> None:
    kind, message = sent
    assert told_and_heard(kind, message) == message


@given(st.none() | st.integers(0, 2**63 - 1), TEXT)
def test_deaths_survive(t: int | None, reason: str) -> None:
    message = Death(boot=BOOT, seq=3, t=t, reason=reason)
    assert told_and_heard("death", message) == message


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"birth"}))
def test_the_example_of_each_kind_survives(kind: str) -> None:
    assert told_and_heard(kind, EXAMPLES[kind]) == EXAMPLES[kind]


def test_a_sensor_called_t_is_not_taken_for_the_time() -> None:
    message = Telemetry(boot=BOOT, seq=1, t=[5, 6], values={"t": [1.0, None], "u": [None, -0.0], "empty": [None, None]})
    heard = told_and_heard("telemetry", message)
    assert heard == message
    assert str(heard.values["u"][1]) == "-0.0"
    meter = Meter(boot=BOOT, seq=1, rows=[MeterRow(t=1, counters={"t": 2**53 - 1, "energy_wh": 0})])
    assert told_and_heard("meter", meter) == meter


def test_a_message_that_metrics_would_make_too_large_goes_as_its_json() -> None:
    names = [f"a_sensor_with_a_rather_long_name_{n}" for n in range(60)]
    message = Telemetry(boot=BOOT, seq=7, t=list(range(MAX_ROWS)), values={name: [1.0] * MAX_ROWS for name in names})
    metrics = metrics_of(message)
    assert [metric.name for metric in metrics] == ["Qilu/seq", "Qilu/kind", "Qilu/boot", "Qilu/message"]
    assert told_and_heard("telemetry", message) == message


def test_the_largest_message_of_metrics_fits_a_payload() -> None:
    names = [f"{'n' * 62}{letter}" for letter in "abc"]
    times = list(range(2**63 - MAX_ROWS, 2**63))
    message = Telemetry(boot=BOOT, seq=2**53 - 1, t=times, values={name: [-1e300] * MAX_ROWS for name in names})
    metrics = metrics_of(message, now_ms=2**63)
    assert len(metrics) == 3 + 4 * MAX_ROWS, "just below the limit of the estimate"
    assert all(metric.is_historical for metric in metrics)
    assert 300_000 < len(encode_payload(Payload(2**63, 255, metrics))) < 3 * 2**17


def test_metrics_are_in_the_order_of_time_and_old_ones_are_historical() -> None:
    t_ms = 1_700_000_000_000
    message = Telemetry(boot=BOOT, seq=1, t=[t_ms * 10**6, (t_ms + 60_000) * 10**6], values={"x": [1.0, 2.0]})
    metrics = metrics_of(message, now_ms=t_ms + 60_001)
    assert [(m.name, m.timestamp_ms, m.is_historical) for m in metrics] == [
        ("Qilu/seq", t_ms, True),
        ("Qilu/kind", t_ms, True),
        ("Qilu/boot", t_ms, True),
        ("telemetry/t", t_ms, True),
        ("telemetry/x", t_ms, True),
        ("telemetry/t", t_ms + 60_000, False),
        ("telemetry/x", t_ms + 60_000, False),
    ]
    assert all(metric.datatype is None for metric in metrics), "the birth has declared it"
    assert not any(metric.is_historical for metric in metrics_of(message, now_ms=t_ms + 60_000))


def test_no_metric_is_of_a_time_to_come() -> None:
    """Plant time may run ahead of the wall: the exact time stands in the value."""
    message = Telemetry(boot=BOOT, seq=1, t=[10**9, 3 * 10**9, 5 * 10**9], values={"x": [1.0, 2.0, 3.0]})
    metrics = metrics_of(message, now_ms=2_000)
    assert [m.timestamp_ms for m in metrics if m.name == "telemetry/t"] == [1_000, 2_000, 2_000]
    assert message_of("telemetry", BOOT, 1, metrics) == message


def test_a_death_without_a_time_is_said_now() -> None:
    metrics = metrics_of(Death(boot=BOOT, seq=1, t=None, reason="x"), now_ms=77)
    assert {metric.timestamp_ms for metric in metrics} == {77}


def test_a_birth_declares_every_metric_that_data_have() -> None:
    birth = EXAMPLES["birth"]
    assert isinstance(birth, Birth)
    birth = msgspec.structs.replace(birth, sensors={"press_force": Sensor(unit="kN"), "die_temp": Sensor(unit="C")})
    payload = encode(birth)
    metrics = over_the_wire(birth_metrics(birth, birth.boot, birth.seq, payload, now_ms=5))
    by_name = {metric.name: metric for metric in metrics}
    assert len(by_name) == len(metrics)
    for kind, message in EXAMPLES.items():
        if kind != "birth":
            for metric in metrics_of(message):
                declared_as = by_name[metric.name].datatype
                as_declared(metric.value, declared_as)  # raises where the type does not hold the value
    assert all(metric.datatype in set(DataType) and metric.timestamp_ms == 5 for metric in metrics)
    assert birth_of(metrics) == (birth, payload)
    assert message_of("birth", "ignored", 0, metrics) == birth
    assert head_of(metrics) == ("birth", birth.boot, birth.seq)
    assert set(declared(birth)) == set(by_name)


def test_a_birth_has_current_values_in_the_order_of_time() -> None:
    birth = EXAMPLES["birth"]
    assert isinstance(birth, Birth)
    current = {"telemetry/press_force": (2.5, 30), "state/state": ("Execute", 20), "Qilu/kind": ("state", 20)}
    metrics = birth_metrics(
        birth, birth.boot, 9, encode(birth), now_ms=40, current=current, more={"telemetry/other": DataType.Double}
    )
    times = [metric.timestamp_ms for metric in metrics]
    assert times == sorted(times)
    said = {metric.name: metric for metric in metrics}
    assert said["telemetry/press_force"] == Metric("telemetry/press_force", DataType.Double, 2.5, timestamp_ms=30)
    assert (said["Qilu/seq"].value, said["Qilu/kind"].value) == (9, "state")
    assert said["meter/energy_wh"] == Metric("meter/energy_wh", DataType.Int64, None, timestamp_ms=40)
    assert said["telemetry/other"].datatype == DataType.Double
    assert not any(metric.is_historical for metric in metrics), "they are the current values"


def test_a_node_has_what_the_standard_demands() -> None:
    metrics = {metric.name: metric for metric in node_metrics(255, "a:b:gateway", 3)}
    assert metrics["bdSeq"] == Metric("bdSeq", DataType.Int64, 255, timestamp_ms=3)
    assert metrics["Node Control/Rebirth"] == Metric("Node Control/Rebirth", DataType.Boolean, False, timestamp_ms=3)
    assert metrics["Qilu/gateway"].value == "a:b:gateway"


T = Metric("state/t", None, 1)


@pytest.mark.parametrize(
    ("kind", "metrics", "reason", "detail"),
    [
        ("nonsense", [], "unknown-kind", "nonsense"),
        ("birth", [], "invalid", "without Qilu/birth"),
        ("birth", [Metric("Qilu/birth", None, 5)], "invalid", "no text"),
        ("birth", [Metric("Qilu/birth", None, "{")], "not-json", ""),
        ("state", [], "inconsistent", "no rows"),
        ("state", [Metric("state/state", None, "Execute")], "invalid", "before the first state/t"),
        ("state", [T, Metric("state/state", None, "Dancing")], "invalid", "Invalid enum"),
        ("state", [T], "invalid", "missing required field"),
        ("state", [T, Metric("state/colour", None, "red")], "invalid", "unknown field `colour`"),
        ("state", [T, Metric("cycle/good", None, 1)], "invalid", "'cycle/good' in a message of kind state"),
        ("state", [T, Metric(None, None, 1, alias=7)], "invalid", "'None'"),
        ("telemetry", [Metric("telemetry/x", None, 1.0)], "invalid", "before the first telemetry/t"),
        ("telemetry", [Metric("telemetry/t", None, 1), Metric("telemetry/x", None, float("nan"))], "invalid", "nan"),
        ("telemetry", [Metric("telemetry/t", None, 1), Metric("telemetry/X", None, 1.0)], "inconsistent", "no name"),
        ("telemetry", [Metric("telemetry/t", None, 1), Metric("telemetry/x", None, "1")], "invalid", "Expected `float"),
        ("telemetry", [Metric("telemetry/t", None, n) for n in range(1001)], "inconsistent", "1001 times"),
        ("telemetry", [Metric("telemetry/t", None, None), Metric("telemetry/x", None, 1.0)], "invalid", "Expected"),
        ("meter", [Metric("meter/t", None, 1)], "inconsistent", "without counters"),
        ("meter", [Metric("meter/t", None, 1), Metric("meter/c", None, True)], "invalid", "Expected `int`"),
        ("meter", [Metric("meter/t", None, 1), Metric("meter/c", None, 2**64 - 5)], "invalid", ""),
        ("command", [Metric("command/t", None, 1), Metric("command/arguments", None, "[" * 9999)], "invalid", "JSON"),
        ("command", [Metric("command/t", None, 1), Metric("command/arguments", None, b"{}")], "invalid", ""),
        ("death", [], "invalid", "0 deaths"),
        ("death", [Metric("death/t", None, 1), Metric("death/t", None, 2)], "invalid", "2 deaths"),
        ("state", [Metric("Qilu/message", None, '{"boot":"x"}')], "invalid", ""),
    ],
)
def test_what_is_refused_and_why(kind: str, metrics: list[Metric], reason: str, detail: str) -> None:
    with pytest.raises(ContractError) as caught:
        message_of(kind, BOOT, 1, metrics)
    assert caught.value.reason == reason
    assert detail.lower() in caught.value.detail.lower()
    assert len(str(caught.value)) < 500


def test_a_head_of_wrong_types_is_refused() -> None:
    for metric in (Metric("Qilu/seq", None, True), Metric("Qilu/kind", None, 5), Metric("Qilu/boot", None, b"00")):
        with pytest.raises(ContractError, match="invalid"):
            head_of([metric])
    assert head_of([]) == (None, None, None)


@given(st.data(), st.sampled_from(sorted(set(EXAMPLES) - {"birth"})))
def test_no_damaged_metrics_raise_anything_but_a_contract_error(data: st.DataObject, kind: str) -> None:
    metrics = list(metrics_of(EXAMPLES[kind]))
    values = st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=9)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(metrics) - 1))
        change = data.draw(
            st.fixed_dictionaries({}, optional={"value": values, "name": TEXT | st.none() | st.just(f"{kind}/t")})
        )
        metrics[at] = replace(metrics[at], **change)
    try:
        head_of(metrics)
        message_of(kind, BOOT, 1, metrics)
    except ContractError as error:
        assert error.reason


def test_a_birth_is_not_said_as_data() -> None:
    with pytest.raises(ContractError, match="unknown-kind"):
        metrics_of(EXAMPLES["birth"])
    with pytest.raises(ContractError, match="unknown-kind"):
        metrics_of(Message(boot=BOOT, seq=1))


def test_a_command_comes_whole_or_as_its_action_alone() -> None:
    whole = EXAMPLES["command"]
    assert isinstance(whole, Command)
    assert command_of(metrics_of(whole), 99) == whole
    simple = command_of([Metric("command/action", None, "maintain")], 99)
    assert (simple.boot, simple.seq) == ("00000000", 0)
    assert (simple.rows[0].t, simple.rows[0].command, simple.rows[0].action) == (99 * 10**6, "dcmd-99", "maintain")
    named = [Metric("command/command", None, "c-9"), Metric("command/action", None, "stop")]
    assert command_of(named, 5).rows[0].command == "c-9"
    with pytest.raises(ContractError, match="missing required field `action`"):
        command_of([Metric("command/command", None, "c-9")], 5)
    with pytest.raises(ContractError, match="Outputs/LED"):
        command_of([Metric("Outputs/LED", None, True)], 5)


@given(addresses())
def test_addresses_survive_as_group_node_and_device(address: Address) -> None:
    device = device_of(address)
    gateway = device_of(Address("e", "s", "a", "b:c", "gateway"))
    assert device.count(":") == 2
    assert address_of(address.enterprise, address.site, device, gateway=gateway) == address
    read = parse_topic(topic(address.enterprise, "DDATA", address.site, device))
    assert read == SparkplugTopic(address.enterprise, "DDATA", address.site, device)
    assert address_of("e", "s", None, gateway=gateway).line == "b:c"


@pytest.mark.parametrize("device", ["a:b", "a:b:c:d", "", "a:b:%41", "a:b:%3a", "a:b:100%", "a::c", "a:b: c"])
def test_a_device_that_is_not_of_our_form_is_refused(device: str) -> None:
    with pytest.raises(ContractError, match="bad-address"):
        address_of("e", "s", device, gateway="a:b:c")


def test_nodes_of_others_have_addresses_too() -> None:
    assert address_of("G 1", "Node.7", "dev-3:x").path == "G 1/Node.7/sparkplug/device/dev-3:x"
    assert address_of("G 1", "Node.7", None).path == "G 1/Node.7/sparkplug/node/node"
    for names in (("G", "N", "x" * 65), ("$G", "N", None), ("G", "N\n", None)):
        with pytest.raises(ContractError, match="bad-address"):
            address_of(*names)


@pytest.mark.parametrize("type_", sorted(NODE_TYPES | DEVICE_TYPES))
def test_topics_of_each_type(type_: str) -> None:
    device = "d" if type_ in DEVICE_TYPES else None
    text = topic("G", type_, "N", device)
    assert text == f"{NAMESPACE}/G/{type_}/N" + ("/d" if device else "")
    assert parse_topic(text) == SparkplugTopic("G", type_, "N", device)
    with pytest.raises(ContractError, match="bad-topic"):
        topic("G", type_, "N", None if device else "d")


def test_the_topic_of_a_host() -> None:
    assert parse_topic("spBv1.0/STATE/qilu") == SparkplugTopic("", "STATE", "qilu")
    assert SparkplugTopic("", "STATE", "qilu").text == "spBv1.0/STATE/qilu"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "spBv1.0",
        "spBv1.0/",
        "spBv1.0/G",
        "spBv1.0/G/NDATA",
        "spBv1.0/G/NDATA/",
        "spBv1.0//NDATA/N",
        "spBv1.0/G/NDATA/N/",
        "spBv1.0/G/NDATA/N/D",
        "spBv1.0/G/DDATA/N",
        "spBv1.0/G/DDATA/N/D/extra",
        "spBv1.0/G/DDATA/N/",
        "spBv1.0/G/ddata/N/D",
        "spbv1.0/G/NDATA/N",
        "spAv1.0/G/NDATA/N",
        "/spBv1.0/G/NDATA/N",
        "spBv1.0/+/NDATA/N",
        "spBv1.0/G/NDATA/#",
        "spBv1.0/G/NDATA/N\0",
        "spBv1.0/STATE/",
        "spBv1.0/STATE",
        "spBv1.0/STATE/a/b",
        "spBv1.0/G/STATE/N",
        "STATE/host",
        "spBv1.0/G/NDATA/" + "n" * 1100,
    ],
)
def test_what_is_no_topic_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="bad-topic") as caught:
        parse_topic(text)
    assert len(str(caught.value)) < 500


@given(st.text(max_size=60) | st.lists(LEVEL, max_size=6).map(lambda parts: "/".join(["spBv1.0", *parts])))
def test_a_topic_is_read_as_it_is_written_or_refused(text: str) -> None:
    try:
        assert parse_topic(text).text == text
    except ContractError as error:
        assert error.reason == "bad-topic"
