"""Our Sparkplug against an implementation that we did not write (``pysparkplug``), both ways.

Its codec reads what ours writes and the other way round, for every basic data type; it reads every message of a whole
run of the simulator; and an edge node of its own is heard by our host.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from other_python import other_python
from servers import ROOT, Mosquitto
from sparkplug_wire_clients import INSTRUMENT, IngesterHost, now_ms, stored
from test_sparkplug_wire import Stage, end

from console.sparkplug_mqtt import Connect, Publish
from console.sparkplug_verdict import check_trace
from console.sparkplug_world import Topic
from contract.sparkplug_payload import DataType, Metric, Payload, as_declared, decode_payload, encode_payload

T = 1_800_000_000_000
EXAMPLES: dict[DataType, list[Any]] = {
    DataType.Int8: [0, 127, -1, -128],
    DataType.Int16: [32767, -1, -32768],
    DataType.Int32: [2**31 - 1, -5, -(2**31)],
    DataType.Int64: [2**63 - 1, -1, -(2**63)],
    DataType.UInt8: [0, 255],
    DataType.UInt16: [65535],
    DataType.UInt32: [2**32 - 1],
    DataType.UInt64: [2**64 - 1],
    DataType.Float: [0.5, -1.25],
    DataType.Double: [0.1, -1e300, 5e-324],
    DataType.Boolean: [True, False],
    DataType.String: ["", "Zürich <script>"],
    DataType.DateTime: [T],
    DataType.Text: ["text"],
    DataType.UUID: ["123e4567-e89b-12d3-a456-426614174000"],
    DataType.Bytes: [b"", b"\x00\xff"],
    DataType.File: [b"file"],
}
NARROW = {DataType.Int8, DataType.Int16}
CASES = [
    (datatype, value)
    for datatype, values in EXAMPLES.items()
    for value in [*values, None]
    if not (datatype in NARROW and value is not None and value < 0)
]
NEGATIVE = [(datatype, value) for datatype in NARROW for value in EXAMPLES[datatype] if value < 0]


class Other:
    """The other implementation, in a process and an environment of its own."""

    def __init__(self, python: str) -> None:
        command = [python, str(ROOT / "tests" / "sparkplug_other.py")]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, do: str, **asked: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **asked}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        assert "error" not in answer, f"{do} {asked.get('type')}: {answer['error']}"
        return answer

    def decode(self, type_: str, data: bytes, birth: bytes | None = None) -> dict[str, Any]:
        return self.ask("decode", type=type_, data=b64(data), birth=b64(birth) if birth else None)

    def encode(self, type_: str, **asked: Any) -> bytes:
        return base64.b64decode(self.ask("encode", type=type_, **asked)["data"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


@pytest.fixture(scope="module")
def other() -> Iterator[Other]:
    side = Other(other_python("sparkplug_other"))
    yield side
    side.close()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def plain(value: Any) -> Any:
    return b64(value) if isinstance(value, bytes) else value


def ours(number: int, datatype: DataType, value: Any, *, typed: bool = True) -> Metric:
    return Metric(f"m{number}", datatype if typed else None, value, T + number)


def theirs(number: int, datatype: DataType, value: Any) -> dict[str, Any]:
    return {"name": f"m{number}", "datatype": int(datatype), "value": plain(value), "t": T + number}


OURS = tuple(ours(n, datatype, value) for n, (datatype, value) in enumerate(CASES))
THEIRS = [theirs(n, datatype, value) for n, (datatype, value) in enumerate(CASES)]


@pytest.mark.parametrize("type_", ["NBIRTH", "DBIRTH"])
def test_it_reads_our_births(other: Other, type_: str) -> None:
    found = other.decode(type_, encode_payload(Payload(T, 0, OURS)))
    assert (found["timestamp"], found["seq"]) == (T, 0)
    assert [{key: one[key] for key in ("name", "datatype", "value", "t")} for one in found["metrics"]] == THEIRS
    assert [one["null"] for one in found["metrics"]] == [metric.value is None for metric in OURS]


def test_it_reads_our_narrow_negative_numbers(other: Other) -> None:
    """They travel unsigned, in the width of their type: it refuses wider ones."""
    metrics = tuple(ours(n, datatype, value) for n, (datatype, value) in enumerate(NEGATIVE))
    found = other.decode("DBIRTH", encode_payload(Payload(T, 0, metrics)))
    assert [one["value"] for one in found["metrics"]] == [value for _, value in NEGATIVE]


@pytest.mark.parametrize("type_", ["NDATA", "DDATA"])
def test_it_reads_our_data_by_our_birth(other: Other, type_: str) -> None:
    birth = encode_payload(Payload(T, 0, OURS))
    cases = [(n, datatype, value) for n, (datatype, value) in enumerate(CASES) if value is not None]
    long = {DataType.Int64, DataType.UInt64, DataType.Double, DataType.String, DataType.Boolean, DataType.DateTime}
    cases = [case for case in cases if case[1] in long]  # what we send without a datatype
    data = encode_payload(Payload(T, 255, tuple(ours(*case, typed=False) for case in cases)))
    found = other.decode(type_, data, birth)
    assert found["seq"] == 255
    assert [one["value"] for one in found["metrics"]] == [value for _, _, value in cases]


def test_it_reads_our_deaths_and_our_state(other: Other) -> None:
    death = encode_payload(Payload(T, None, (Metric("bdSeq", DataType.Int64, 7, T),)))
    assert [one["value"] for one in other.decode("NDEATH", death)["metrics"]] == [7]
    assert other.decode("DDEATH", encode_payload(Payload(T, 9, ())))["seq"] == 9
    assert other.decode("STATE", b'{"online":true,"timestamp":5}') == {"online": True, "timestamp": 5}


@pytest.mark.parametrize("type_", ["NBIRTH", "DBIRTH", "NDATA", "DDATA"])
def test_we_read_what_it_writes(other: Other, type_: str) -> None:
    found = decode_payload(other.encode(type_, t=T, seq=3, metrics=THEIRS))
    assert (found.timestamp_ms, found.seq) == (T, 3)
    assert [metric.name for metric in found.metrics] == [metric.name for metric in OURS]
    declared = [as_declared(one.value, wanted.datatype) for one, wanted in zip(found.metrics, OURS, strict=True)]
    assert declared == [metric.value for metric in OURS]
    narrow = [theirs(n, datatype, value) for n, (datatype, value) in enumerate(NEGATIVE)]
    found_narrow = decode_payload(other.encode("NBIRTH", t=T, seq=0, metrics=narrow))
    assert [metric.value for metric in found_narrow.metrics] == [value for _, value in NEGATIVE]
    assert [metric.timestamp_ms for metric in found.metrics] == [metric.timestamp_ms for metric in OURS]
    if type_.endswith("BIRTH"):
        assert found.metrics == OURS


def test_we_read_its_deaths_and_commands(other: Other) -> None:
    death = decode_payload(other.encode("NDEATH", t=T, metrics=[theirs(0, DataType.Int64, 7)]))
    assert (death.seq, death.metrics[0].value) == (None, 7)
    assert decode_payload(other.encode("DDEATH", t=T, seq=9)).seq == 9
    command = decode_payload(other.encode("NCMD", t=T, metrics=[theirs(0, DataType.Boolean, True)]))
    assert (command.seq, command.metrics[0].value) == (None, True)


@pytest.mark.slow
def test_it_reads_every_message_of_a_run(other: Other, mosquitto: Mosquitto, tmp_path: Path) -> None:
    """The simulator and our host, as they are; each message by its reading and by ours."""
    with Stage(mosquitto, tmp_path) as stage:
        host = IngesterHost(stage.port, stage.events.append, tmp_path / "host", reorder_s=1.0)
        with host, stage.plant("one") as one:
            stage.until(lambda: stage.count("DDATA", "one") > 300, "data")
            end(one)
        time.sleep(0.3)
    births: dict[tuple[str, ...], bytes] = {}
    seen: dict[str, int] = {}
    for event in stage.events:
        packet = event.packet
        if isinstance(packet, Connect) and packet.will is not None:
            packet = Publish(packet.will.topic, packet.will.payload)
        if event.side != "client" or not isinstance(packet, Publish):
            continue
        topic = Topic.of(packet.topic)
        seen[topic.type] = seen.get(topic.type, 0) + 1
        where = (topic.group, topic.node, topic.device or "")
        if topic.type.endswith("BIRTH"):
            births[where] = packet.payload
        found = other.decode(topic.type, packet.payload, births.get(where) if topic.type.endswith("DATA") else None)
        if topic.type != "STATE":
            agree(topic.type, found, packet.payload, births.get(where))
    assert set(seen) == {"NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH", "NDEATH", "STATE"}, seen


def agree(type_: str, found: dict[str, Any], payload: bytes, birth: bytes | None) -> None:
    """Both readings of a message are the same."""
    mine = decode_payload(payload)
    datatypes = {metric.name: metric.datatype for metric in decode_payload(birth).metrics} if birth else {}
    assert (found["timestamp"], found["seq"]) == (mine.timestamp_ms, mine.seq) or type_ == "NDEATH"
    if type_ == "DDEATH":
        return  # it reads no metrics in one
    for told, metric in zip(found["metrics"], mine.metrics, strict=True):
        datatype = metric.datatype or datatypes[metric.name]
        assert told["name"] == metric.name
        assert told["value"] == plain(as_declared(metric.value, datatype))
        assert (told["t"], told["historical"]) == (metric.timestamp_ms, metric.is_historical)


@pytest.mark.slow
def test_our_host_hears_its_edge_node(other: Other, mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Births, data and deaths of a foreign node arrive as messages of the contract; our checker finds its faults."""
    at_ms = now_ms()
    metrics = [
        {"name": "level", "datatype": int(DataType.Double), "value": 1.5, "t": at_ms},
        {"name": "count", "datatype": int(DataType.Int32), "value": -3, "t": at_ms},
        {"name": "on", "datatype": int(DataType.Boolean), "value": True, "t": at_ms},
        {"name": "Node Control/Rebirth", "datatype": int(DataType.Boolean), "value": False, "t": at_ms},
    ]
    fresh = [{**metrics[0], "value": 2.5}, {**metrics[1], "value": -4}]
    with (
        Stage(mosquitto, tmp_path) as stage,
        IngesterHost(stage.port, stage.events.append, tmp_path / "host", reorder_s=1.0) as host,
    ):
        other.ask("edge", port=stage.port, metrics=metrics, next=fresh, rounds=3)
        stage.until(lambda: host.status()["sparkplug"]["old_deaths"] > 0, "its last word")
        assert host.status()["dead_lettered"] == 0
    births = stored(host.store, "birth", "body")
    assert set(births.tags["machine"]) == {"node", "dev"}
    assert all('"level"' in body and '"count"' in body for body in births.fields["body"] if body is not None)
    device = stored(host.store, "telemetry", "count", machine="dev")
    assert list(device.fields["count"]) == [-3.0, -4.0, -4.0, -4.0]
    assert "dev" in stored(host.store, "death", "reason").tags["machine"]
    report = check_trace(stage.events, instruments=[INSTRUMENT])
    failed = set(report.ids("edge", "failed"))
    assert "message-flow-edge-node-birth-publish-will-message-qos" in failed, "its will is of QoS 0"
    assert "payloads-ndeath-bdseq" in failed, "its farewell has the number of the next session"
    counts = [report.count("edge", word) for word in ("passed", "failed", "not seen")]
    assert counts == [128, 7, 8], "docs/sparkplug_conformance.md says so\n" + report.as_text()
    assert not report.ids("host", "failed"), report.as_text()
