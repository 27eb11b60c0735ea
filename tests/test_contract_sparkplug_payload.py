"""The Sparkplug payload: what is encoded comes back, what is broken is refused, and nothing else ever happens."""

from __future__ import annotations

import math
import random
import struct
import time

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from contract import ContractError
from contract.packml import PackMLState
from contract.sparkplug_payload import (
    MAX_METRICS,
    MAX_PAYLOAD_BYTES,
    DataType,
    Metric,
    Payload,
    Value,
    as_declared,
    decode_payload,
    encode_payload,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
U64 = st.integers(0, 2**64 - 1)
FLOATS = st.floats(allow_nan=False)
RANGES = {1: (-(2**7), 2**7), 2: (-(2**15), 2**15), 3: (-(2**31), 2**31), 4: (-(2**63), 2**63)} | {
    5: (0, 2**8),
    6: (0, 2**16),
    7: (0, 2**32),
    8: (0, 2**64),
    13: (0, 2**64),
}


def values(datatype: int | None) -> st.SearchStrategy[Value]:
    if datatype is None:
        return st.one_of(st.none(), st.booleans(), U64, FLOATS, TEXT, st.binary(max_size=20))
    if datatype in RANGES:
        low, high = RANGES[datatype]
        return st.none() | st.integers(low, high - 1)
    by_type: dict[int, st.SearchStrategy[Value]] = {
        9: st.floats(width=32, allow_nan=False),
        10: FLOATS,
        11: st.booleans(),
        **dict.fromkeys((12, 14, 15), TEXT),
        **dict.fromkeys((17, 18, *range(22, 35)), st.binary(max_size=20)),
    }
    return st.none() | by_type.get(datatype, st.none())


@st.composite
def metrics(draw: st.DrawFn) -> Metric:
    datatype = draw(st.none() | st.integers(0, 34))
    return Metric(
        name=draw(st.none() | TEXT),
        datatype=datatype,
        value=draw(values(datatype)),
        timestamp_ms=draw(st.none() | U64),
        alias=draw(st.none() | U64),
        is_historical=draw(st.booleans()),
        is_transient=draw(st.booleans()),
    )


PAYLOADS = st.builds(
    Payload,
    timestamp_ms=st.none() | U64,
    seq=st.none() | U64,
    metrics=st.lists(metrics(), max_size=6).map(tuple),
    uuid=st.none() | TEXT,
    body=st.none() | st.binary(max_size=20),
)


@given(PAYLOADS)
def test_payloads_round_trip(payload: Payload) -> None:
    assert decode_payload(encode_payload(payload)) == payload


def test_nan_and_infinity_pass_for_the_host_to_judge() -> None:
    back = decode_payload(encode_payload(Payload(1, 0, (Metric("a", 10, math.nan), Metric("b", 9, -math.inf)))))
    assert math.isnan(back.metrics[0].value)  # type: ignore[arg-type]
    assert back.metrics[1].value == -math.inf


def test_a_negative_number_without_its_type_gets_its_sign_from_the_declared_one() -> None:
    back = decode_payload(encode_payload(Payload(1, 0, (Metric("a", None, -5),)))).metrics[0]
    assert back.value == 2**64 - 5
    assert as_declared(back.value, DataType.Int64) == -5
    assert as_declared(back.value, None) == 2**64 - 5


@pytest.mark.parametrize("wire", [0xFB, 0xFFFFFFFB, 2**64 - 5])
def test_a_narrow_negative_number_is_read_in_each_width_that_senders_use(wire: int) -> None:
    assert as_declared(wire, DataType.Int8) == -5


@pytest.mark.parametrize(
    ("value", "datatype"),
    [(256, 5), (2**32, 7), (-1, 8), (0x1FB, 1), (2**32, 3), (True, 4), (1, 11), (1, 12), ("x", 4), (1.5, 4), (b"", 12)],
)
def test_a_value_that_is_not_of_its_type_is_refused_both_ways(value: Value, datatype: int) -> None:
    with pytest.raises(ContractError, match="invalid"):
        as_declared(value, datatype)
    with pytest.raises(ContractError, match="invalid"):
        encode_payload(Payload(1, 0, (Metric("a", datatype, value),)))


@pytest.mark.parametrize("value", [251, 2**32 - 5, 2**64 - 5])
def test_a_number_that_would_come_back_negative_is_not_sent(value: int) -> None:
    with pytest.raises(ContractError, match="invalid"):
        encode_payload(Payload(1, 0, (Metric("a", DataType.Int8, value),)))


@pytest.mark.parametrize("datatype", [DataType.DataSet, DataType.Template, DataType.Unknown, 99])
def test_types_that_we_do_not_read_are_not_sent_and_come_as_nothing(datatype: int) -> None:
    with pytest.raises(ContractError, match="invalid"):
        encode_payload(Payload(1, 0, (Metric("a", datatype, "x"),)))
    # name "a", datatype, and field 17 (a data set) with 3 bytes
    metric = b"\x0a\x01a\x20" + bytes([datatype]) + b"\x8a\x01\x03\x08\x01\x00"
    back = decode_payload(b"\x12" + bytes([len(metric)]) + metric)
    assert back.metrics == (Metric("a", datatype, None),)


def test_an_enumerated_word_is_sent_as_text() -> None:
    for datatype in (None, DataType.String):
        back = decode_payload(encode_payload(Payload(1, 0, (Metric("state", datatype, PackMLState.EXECUTE),))))
        assert back.metrics[0].value == str(PackMLState.EXECUTE)


@pytest.mark.parametrize(
    "payload",
    [
        Payload(-1, 0, ()),
        Payload(2**64, 0, ()),
        Payload(1, "7", ()),  # type: ignore[arg-type]
        Payload(1, 0, (), uuid="\ud800"),
        Payload(1, 0, (Metric("\ud800", 12, "x"),)),
        Payload(1, 0, (Metric("a", 12, "\ud800"),)),
        Payload(1, 0, (Metric("a", None, 2**64),)),
        Payload(1, 0, (Metric("a", None, -(2**63) - 1),)),
        Payload(1, 0, (Metric("a", None, object()),)),  # type: ignore[arg-type]
        Payload(1, 0, (Metric("a", -1, 1),)),
        Payload(1, 0, (Metric("a", DataType.Float, 1e39),)),
    ],
)
def test_what_cannot_be_said_is_refused_at_the_sender(payload: Payload) -> None:
    with pytest.raises(ContractError, match="invalid"):
        encode_payload(payload)


def test_size_and_number_are_bounded() -> None:
    with pytest.raises(ContractError, match="too-large"):
        decode_payload(b"\x00" * (MAX_PAYLOAD_BYTES + 1))
    with pytest.raises(ContractError, match="too-large"):
        decode_payload(b"\x12\x00" * (MAX_METRICS + 1))
    with pytest.raises(ContractError, match="too-large"):
        encode_payload(Payload(1, 0, (Metric(None, None, None),) * (MAX_METRICS + 1)))
    with pytest.raises(ContractError, match="too-large"):
        encode_payload(Payload(1, 0, (Metric("a", 12, "x" * MAX_PAYLOAD_BYTES),)))
    assert decode_payload(b"") == Payload(None, None, ())


@pytest.mark.parametrize("data", [b"\x12\x04\x0a\x02\xff\xfe", b"\x22\x02\xff\xfe", b"\x12\x04\x7a\x02\xff\xfe"])
def test_text_that_is_no_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(ContractError, match="UTF-8"):
        decode_payload(data)


def test_deep_nesting_is_not_followed() -> None:
    """A template within a template within a template … stays a handful of bytes that nobody reads."""
    part = b""
    for _ in range(2_000):
        part = b"\x92\x01" + _varint(len(part)) + part  # Metric.template_value
        part = b"\x12" + _varint(len(part)) + part  # Template.metrics
    assert decode_payload(part).metrics == (Metric(None, None, None),)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _published_classes() -> type:
    """The payload's message as Sparkplug 3.0, 6.4.1 prints it: a second reading of our bytes."""
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="second.proto", package="second", syntax="proto2")
    payload = file.message_type.add(name="Payload")
    metric = payload.nested_type.add(name="Metric")
    metric.oneof_decl.add(name="value")
    lone, many = kind.LABEL_OPTIONAL, kind.LABEL_REPEATED
    for name, number, type_ in (
        *(("name", 1, 9), ("alias", 2, 4), ("timestamp", 3, 4), ("datatype", 4, 13), ("is_historical", 5, 8)),
        *(("is_transient", 6, 8), ("is_null", 7, 8)),
    ):
        metric.field.add(name=name, number=number, type=type_, label=lone)
    for name, number, type_ in (
        *(("int_value", 10, 13), ("long_value", 11, 4), ("float_value", 12, 2), ("double_value", 13, 1)),
        *(("boolean_value", 14, 8), ("string_value", 15, 9), ("bytes_value", 16, 12)),
    ):
        metric.field.add(name=name, number=number, type=type_, label=lone, oneof_index=0)
    payload.field.add(name="timestamp", number=1, type=4, label=lone)
    payload.field.add(name="metrics", number=2, type=11, type_name=".second.Payload.Metric", label=many)
    payload.field.add(name="seq", number=3, type=4, label=lone)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("second.Payload"))


def test_the_bytes_are_those_of_the_published_schema() -> None:
    sent = Payload(
        1_700_000_000_000,
        255,
        (
            Metric("bdSeq", DataType.Int64, 7, 1),
            Metric("small", DataType.Int8, -5, 2, is_historical=True),
            Metric("real", DataType.Float, 0.5, 3),
            Metric("none", DataType.Double, None, 4, is_transient=True),
            Metric("word", DataType.String, "é", 5, alias=9),
        ),
    )
    other = _published_classes().FromString(encode_payload(sent))  # type: ignore[attr-defined]
    assert (other.timestamp, other.seq) == (1_700_000_000_000, 255)
    said = [(m.name, m.datatype, m.timestamp, m.WhichOneof("value")) for m in other.metrics]
    fields = ["long_value", "int_value", "float_value", None, "string_value"]
    assert said == [(m.name, m.datatype, m.timestamp_ms, field) for m, field in zip(sent.metrics, fields, strict=True)]
    assert (other.metrics[0].long_value, other.metrics[1].int_value) == (7, 2**8 - 5)
    assert (other.metrics[3].is_null, other.metrics[3].is_transient, other.metrics[1].is_historical) == (True,) * 3
    assert (other.metrics[4].string_value, other.metrics[4].alias) == ("é", 9)
    assert decode_payload(other.SerializeToString()) == sent


def test_a_hundred_thousand_mutants_raise_nothing_but_contract_errors() -> None:
    seeds = [
        encode_payload(
            Payload(
                1_700_000_000_000,
                0,
                (
                    *(Metric(f"metric/{type_.name}", type_, None, 5) for type_ in DataType),
                    *(Metric("i", 1, -5, 1), Metric("d", 10, 2.5, 2), Metric("s", 12, "text", 3)),
                    Metric("y", 17, b"\x00"),
                ),
                uuid="u",
                body=b"b",
            )
        ),
        encode_payload(Payload(1, 255, tuple(Metric(f"s{i}", None, i * 0.5, 1) for i in range(8)))),
    ]
    draw = random.Random(20240229)
    longest_s, refused = 0.0, 0
    for turn in range(100_000):
        data = bytearray(seeds[turn % 2])
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(data))
            how = draw.randrange(5)
            if how == 0:
                data[place] ^= 1 << draw.randrange(8)
            elif how == 1:
                data[place : place + draw.randint(1, 8)] = b""
            elif how == 2:
                data[place:place] = draw.randbytes(draw.randint(1, 8))
            elif how == 3:
                data[place:place] = data[: draw.randrange(64)]
            else:
                data[place : place + 8] = struct.pack("<Q", draw.choice([0, 2**64 - 1, 2**63]))
            if not data:
                break
        started = time.thread_time()
        try:
            decode_payload(bytes(data))
        except ContractError as error:
            refused += 1
            assert error.reason in {"not-protobuf", "invalid"}
            assert len(error.detail) <= 300
        longest_s = max(longest_s, time.thread_time() - started)
    assert 10_000 < refused < 99_000
    assert longest_s < 0.05
