"""The checker's own readers: MQTT packets, Sparkplug payloads, trace files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparkplug_encode import BOOLEAN, DOUBLE, INT64, STRING, M, P
from sparkplug_maker import good

from console.sparkplug_mqtt import (
    Connack,
    Connect,
    Conversation,
    Disconnect,
    Garbled,
    Other,
    Publish,
    Suback,
    Subscribe,
    Will,
)
from console.sparkplug_trace import line_of, read_trace
from console.sparkplug_verdict import check_trace
from console.sparkplug_wire import read_payload
from console.sparkplug_world import Event
from contract import ConfigError, ContractError
from contract.sparkplug_payload import DataType, Metric, Payload, decode_payload, encode_payload


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">H", len(data)) + data


def packet(head: int, body: bytes) -> bytes:
    assert len(body) < 128
    return bytes([head, len(body)]) + body


V4 = text("MQTT") + bytes([4])
V5 = text("MQTT") + bytes([5])
WILL = 0b0010_1110  # retain 1, QoS 1, will, clean
CONNECT_311 = packet(0x10, V4 + bytes([WILL, 0, 60]) + text("c1") + text("spBv1.0/STATE/h") + text("gone"))
CONNECT_5 = packet(0x10, V5 + bytes([WILL, 0, 60, 5, 0x11, 0, 0, 0, 9]) + text("c1") + b"\x00" + text("w") + text("x"))

PACKETS = [
    (CONNECT_311, Connect("c1", 4, True, None, Will("spBv1.0/STATE/h", b"gone", 1, True))),
    (packet(0x10, V4 + bytes([0, 0, 60]) + text("c1")), Connect("c1", 4, False)),
    (packet(0x32, text("t") + b"\x00\x07" + b"body"), Publish("t", b"body", 1, False)),
    (packet(0x31, text("t")), Publish("t", b"", 0, True)),
    (packet(0x30, b"\x00\x02\xff\xfe!"), Publish("\ufffd\ufffd", b"!")),
    (packet(0x82, b"\x00\x01" + text("a/+") + b"\x01" + text("b") + b"\x00"), Subscribe(1, (("a/+", 1), ("b", 0)))),
    (packet(0x90, b"\x00\x01\x01\x80"), Suback(1, (1, 128))),
    (packet(0x20, b"\x00\x05"), Connack(5)),
    (packet(0xE0, b""), Disconnect(0)),
    (packet(0xC0, b""), Other("pingreq")),
    (packet(0x40, b"\x00\x01"), Other("puback")),
]


@pytest.mark.parametrize(
    ("data", "wanted"), PACKETS, ids=[type(one).__name__ + str(n) for n, (_, one) in enumerate(PACKETS)]
)
def test_packets_are_read(data: bytes, wanted: object) -> None:
    assert Conversation().feed("client", data) == [wanted]


def test_mqtt_5_has_properties_and_reasons() -> None:
    talk = Conversation()
    assert talk.feed("client", CONNECT_5) == [Connect("c1", 5, True, 9, Will("w", b"x", 1, True))]
    user = b"\x26" + text("key") + text("value")
    assert talk.feed("client", packet(0x30, text("t") + bytes([len(user)]) + user + b"!")) == [Publish("t", b"!")]
    assert talk.feed("broker", packet(0x20, b"\x00\x87\x03\x21\x00\x14")) == [Connack(0x87)]
    assert talk.feed("client", packet(0x82, b"\x00\x01\x02\x0b\x05" + text("a") + b"\x2d")) == [
        Subscribe(1, (("a", 1),))
    ]
    assert talk.feed("broker", packet(0x90, b"\x00\x01\x00\x87")) == [Suback(1, (0x87,))]
    assert talk.feed("client", packet(0xE0, b"\x04\x00")) == [Disconnect(4)]


def test_a_topic_alias_stands_for_its_topic() -> None:
    talk = Conversation()
    talk.feed("client", CONNECT_5)
    assert talk.feed("client", packet(0x30, text("long/name") + b"\x03\x23\x00\x01a")) == [Publish("long/name", b"a")]
    assert talk.feed("client", packet(0x30, text("") + b"\x03\x23\x00\x01b")) == [Publish("long/name", b"b")]
    assert talk.feed("broker", packet(0x30, text("") + b"\x03\x23\x00\x01c")) == [Publish("", b"c")]


@given(st.lists(st.integers(1, 40), max_size=30))
def test_how_the_bytes_are_cut_changes_nothing(cuts: list[int]) -> None:
    stream = b"".join(data for data, _ in PACKETS)
    talk, found, begin = Conversation(), [], 0
    for cut in [*cuts, len(stream)]:
        found += talk.feed("client", stream[begin : begin + cut])
        begin += cut
    assert found == [one for _, one in PACKETS]


@given(st.binary(max_size=300))
@settings(max_examples=500)
def test_garbage_is_refused_in_one_way_only(data: bytes) -> None:
    for reader in (lambda: Conversation().feed("client", CONNECT_5 + data), lambda: read_payload(data)):
        try:
            reader()
        except ContractError as error:
            assert len(str(error)) < 300


@pytest.mark.parametrize("data", [b"\x30\xff\xff\xff\xff\x01", b"\x30\xff\xff\xff\x7f", packet(0x30, b"\x00\x09ab")])
def test_impossible_packets_are_refused(data: bytes) -> None:
    with pytest.raises(ContractError):
        Conversation().feed("client", data)


METRICS = (
    M("level", 20.5, DOUBLE),
    M("count", -3, INT64, historical=True),
    M("on", True, BOOLEAN),
    M("name", "Zürich <script>", STRING),
    M("none", None, DOUBLE),
)


def test_three_codecs_agree() -> None:
    by_hand = P(METRICS, 7).encode()
    decoded = decode_payload(by_hand)
    assert [metric.value for metric in decoded.metrics] == [20.5, -3, True, "Zürich <script>", None]
    raw = read_payload(encode_payload(decoded))
    assert raw == read_payload(by_hand)
    assert (raw.seq, raw.timestamp) == (7, decoded.timestamp_ms)
    assert [metric.said for metric in raw.metrics][1] == ("long", 2**64 - 3)
    assert [metric.is_null for metric in raw.metrics] == [False, False, False, False, True]


@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8"), max_size=20))
def test_the_codec_writes_what_the_reader_sees(number: int, real: float, words: str) -> None:
    metrics = (
        Metric("a", DataType.Int64, number, 1),
        Metric("b", DataType.Double, real, 2),
        Metric("c", DataType.String, words, 3),
    )
    raw = read_payload(encode_payload(Payload(5, 255, metrics)))
    assert [one.said for one in raw.metrics] == [("long", number % 2**64), ("double", real), ("string", words)]
    assert [(one.datatype, one.timestamp) for one in raw.metrics] == [(4, 1), (10, 2), (12, 3)]


def test_the_reader_keeps_what_codecs_smooth_over() -> None:
    raw = read_payload(P((M("x", 1.0, DOUBLE, null=True), M("y", 2.0, 2**32 + 10, field="double"))).encode())
    assert raw.metrics[0].is_null and raw.metrics[0].value == 1.0
    assert raw.metrics[1].datatype == 2**32 + 10
    with pytest.raises(ContractError, match="bad-payload"):
        read_payload(b"\x12\x7f")


def test_a_trace_survives_its_file(tmp_path: Path) -> None:
    events = [step.event() for step in good()]
    events.append(Event(events[-1].at_ms, 99, "client", Garbled("property 99 is none")))
    file = tmp_path / "trace.jsonl"
    file.write_bytes(b"".join(map(line_of, events)))
    assert list(read_trace(file)) == events
    report = check_trace(read_trace(file))
    assert (report.count("edge"), report.count("host"), report.garbled) == (143, 91, 1)
    assert not report.ok, "a connection that cannot be read is not in order"


@pytest.mark.parametrize(
    "line", [b"{}", b"no", b'{"at_ms":1,"link":1,"side":"x","packet":{"type":"bomb"}}', b"[" * 5000]
)
def test_a_bad_line_is_named(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_bytes(line_of(good()[0].event()) + line + b"\n")
    with pytest.raises(ConfigError, match=r"trace\.jsonl:2: no packet of a trace"):
        list(read_trace(file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        list(read_trace(tmp_path / "none"))
