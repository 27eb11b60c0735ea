"""The Sparkplug B payload: metrics to protobuf bytes and back.

What it is: the only file that knows protobuf. The message classes are made here from a descriptor (package
``org.eclipse.tahu.protobuf``, field numbers of Sparkplug 3.0, 6.4), so no generated file has to fit the library.
What it is not: the protocol. Which metrics stand in which message is in ``sparkplug.py``; aliases, data sets,
templates and properties are none of our promise: they pass as ``None``, or unread.

>>> metric = Metric("temperature", DataType.Int32, -5, timestamp_ms=1_700_000_000_000)
>>> decode_payload(encode_payload(Payload(1_700_000_000_000, 0, (metric,)))).metrics[0] == metric
True
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import isfinite
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory  # type: ignore[import-untyped]

from contract.errors import ContractError
from contract.wire_json import MAX_BYTES

MAX_PAYLOAD_BYTES: Final = 4 * MAX_BYTES
"""The largest payload: each value repeats its metric's name, so the same rows take more room than in JSON."""
MAX_METRICS: Final = 100_000

Value = bool | int | float | str | bytes | None


class DataType(IntEnum):
    """The data types of Sparkplug 3.0, section 6.4.16 (those of arrays, 22 to 34, are bytes to us)."""

    Unknown = 0
    Int8 = 1
    Int16 = 2
    Int32 = 3
    Int64 = 4
    UInt8 = 5
    UInt16 = 6
    UInt32 = 7
    UInt64 = 8
    Float = 9
    Double = 10
    Boolean = 11
    String = 12
    DateTime = 13
    Text = 14
    UUID = 15
    DataSet = 16
    Bytes = 17
    File = 18
    Template = 19
    PropertySet = 20
    PropertySetList = 21


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; ``value`` None means that the sender says it has none (``is_null``), or one that we do not read.

    ``datatype`` is a number of ``DataType``, or None where the birth declared it; an integer without one stands as the
    wire has it, unsigned, until ``as_declared`` gives it its sign. Times are ms since 1970-01-01 UTC.
    """

    name: str | None
    datatype: int | None
    value: Value
    timestamp_ms: int | None = None
    alias: int | None = None
    is_historical: bool = False
    is_transient: bool = False


@dataclass(frozen=True, slots=True)
class Payload:
    """One Sparkplug payload; ``seq`` is None where the message must not have one (NDEATH, NCMD, DCMD)."""

    timestamp_ms: int | None
    seq: int | None
    metrics: tuple[Metric, ...]
    uuid: str | None = None
    body: bytes | None = None


def encode_payload(payload: Payload) -> bytes:
    """The bytes of a payload; raises ContractError (``invalid``, ``too-large``) for what ``decode_payload`` refuses."""
    if len(payload.metrics) > MAX_METRICS:
        raise ContractError("too-large", f"{len(payload.metrics)} metrics, at most {MAX_METRICS} are allowed")
    try:  # a field that is given as None is not set
        wire = _PAYLOAD(
            timestamp=payload.timestamp_ms,
            metrics=[_metric_to_wire(metric) for metric in payload.metrics],
            seq=payload.seq,
            uuid=payload.uuid,
            body=payload.body,
        )
        data: bytes = wire.SerializeToString()
    except (TypeError, ValueError, OverflowError) as error:  # UnicodeEncodeError is a ValueError
        raise ContractError("invalid", f"this payload cannot be said: {error}"[:300]) from None
    if len(data) > MAX_PAYLOAD_BYTES:
        raise ContractError("too-large", f"{len(data)} bytes, at most {MAX_PAYLOAD_BYTES} are allowed")
    return data


def decode_payload(data: bytes) -> Payload:
    """The payload of some bytes.

    Raises:
        ContractError: ``too-large``, ``not-protobuf``, or ``invalid`` (text that is no UTF-8, a value that does not
            fit its data type); nothing else, whatever the bytes are.
    """
    if len(data) > MAX_PAYLOAD_BYTES:
        raise ContractError("too-large", f"{len(data)} bytes, at most {MAX_PAYLOAD_BYTES} are allowed")
    try:
        wire = _PAYLOAD.FromString(data)
    except message.DecodeError as error:
        raise ContractError("not-protobuf", str(error)[:300]) from None
    if len(wire.metrics) > MAX_METRICS:
        raise ContractError("too-large", f"{len(wire.metrics)} metrics, at most {MAX_METRICS} are allowed")
    try:
        metrics = tuple(_metric_of_wire(bytes_) for bytes_ in wire.metrics)
    except message.DecodeError as error:
        raise ContractError("not-protobuf", f"a metric: {error}"[:300]) from None
    return Payload(
        timestamp_ms=wire.timestamp if wire.HasField("timestamp") else None,
        seq=wire.seq if wire.HasField("seq") else None,
        metrics=metrics,
        uuid=_text(wire.uuid, "uuid") if wire.HasField("uuid") else None,
        body=wire.body if wire.HasField("body") else None,
    )


def as_declared(value: Value, datatype: int | None) -> Value:
    """A value as its declared type means it: the sign of an integer, two's complement in the width of the type.

    Negative numbers travel in unsigned fields. Senders disagree on whether a narrow one is widened first (-5 as an
    Int8 is seen as 0xFB and as 0xFFFFFFFB), so both are read; readers all take 0xFB, so that is sent.

    Raises:
        ContractError: ``invalid``, when the value is not of that type.
    """
    if value is None or datatype is None:
        return value
    wanted = _PYTHON_TYPE.get(datatype, bytes if 22 <= datatype <= 34 else None)
    if wanted is None:  # data sets, templates, unknown types: kept unread
        return None
    if type(value) is not wanted:
        raise ContractError("invalid", f"data type {_type_name(datatype)} with a value of type {type(value).__name__}")
    if type(value) is not int:
        return value
    bits = _BITS[datatype]
    if datatype not in _SIGNED:
        if not 0 <= value < 1 << bits:
            raise ContractError("invalid", f"{value} is no {_type_name(datatype)}")
        return value
    for width in (bits, 32, 64):
        if width >= bits and 1 << (width - 1) <= value < 1 << width:
            value -= 1 << width
            break
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise ContractError("invalid", f"{value} is no {_type_name(datatype)}")
    return value


_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64, 5: 8, 6: 16, 7: 32, 8: 64, 13: 64}
_KNOWN_TYPES: Final = frozenset(int(type_) for type_ in DataType)
_SIGNED: Final = frozenset({1, 2, 3, 4})
_PYTHON_TYPE: Final[dict[int, type]] = {
    **dict.fromkeys(_BITS, int),
    **dict.fromkeys((9, 10), float),
    11: bool,
    **dict.fromkeys((12, 14, 15), str),
    **dict.fromkeys((17, 18), bytes),
}
_FIELD: Final = {
    **dict.fromkeys((1, 2, 3, 5, 6, 7), "int_value"),
    **dict.fromkeys((4, 8, 13), "long_value"),
    9: "float_value",
    10: "double_value",
    11: "boolean_value",
    **dict.fromkeys((12, 14, 15), "string_value"),
    **dict.fromkeys((17, 18, *range(22, 35)), "bytes_value"),
}
_FIELD_OF_TYPE: Final = {
    bool: "boolean_value",
    int: "long_value",
    float: "double_value",
    str: "string_value",
    bytes: "bytes_value",
}


def _type_name(datatype: int) -> str:
    return DataType(datatype).name if datatype in _KNOWN_TYPES else str(datatype)


def _text(value: object, what: str) -> str:
    """The library hands out text that is no UTF-8 as bytes, for in proto2 such text is legal."""
    if not isinstance(value, str):
        raise ContractError("invalid", f"{what} is no UTF-8 text")
    return value


def _metric_to_wire(metric: Metric) -> bytes:
    wire = _METRIC(
        name=metric.name,
        alias=metric.alias,
        timestamp=metric.timestamp_ms,
        datatype=metric.datatype,
        is_historical=metric.is_historical or None,
        is_transient=metric.is_transient or None,
    )
    value, datatype = metric.value, metric.datatype
    if isinstance(value, str):
        value = str(value)  # an enumerated word is text
    if value is None:
        wire.is_null = True
        return wire.SerializeToString()  # type: ignore[no-any-return]
    negative = type(value) is int and value < 0
    field = _FIELD_OF_TYPE.get(type(value)) if datatype is None else _FIELD.get(datatype)
    declared = DataType.Int64 if datatype is None and negative else datatype
    if field is None or (as_declared(value, declared) != value and value == value):  # noqa: PLR0124  # NaN
        raise ContractError("invalid", f"a value of type {type(value).__name__} as data type {datatype}")
    if isinstance(value, int) and negative:
        value += 1 << _BITS[declared or 0]
    setattr(wire, field, value)
    if isinstance(value, float) and isfinite(value) and not isfinite(getattr(wire, field)):
        raise ContractError("invalid", f"{value} is no {_type_name(DataType.Float)}")
    return wire.SerializeToString()  # type: ignore[no-any-return]


def _metric_of_wire(data: bytes) -> Metric:
    wire = _METRIC.FromString(data)
    has = wire.HasField
    name, datatype, field = wire.name, wire.datatype, wire.WhichOneof("value")
    value: Value = None
    if field is not None and field not in _UNREAD and not wire.is_null:
        value = getattr(wire, field)
        if field == "string_value":
            value = _text(value, "a string value")
    if datatype or has("datatype"):
        value = as_declared(value, datatype)
    else:
        datatype = None
    return Metric(
        _text(name, "a metric's name") if name or has("name") else None,
        datatype,
        value,
        wire.timestamp or (0 if has("timestamp") else None),
        wire.alias or (0 if has("alias") else None),
        wire.is_historical,
        wire.is_transient,
    )


_UNREAD: Final = frozenset({"dataset_value", "template_value", "extension_value"})


def _classes() -> tuple[Any, Any]:
    """The message classes of a payload and a metric.

    On the wire a part of a message is its length and its bytes, as a ``bytes`` field is. So the metrics of a payload
    are declared as bytes, which lets us count them before any is read, and so are the parts that we leave unread.
    """
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="qilu/sparkplug_b.proto", package="org.eclipse.tahu.protobuf", syntax="proto2"
    )
    u64, u32, text, flag, raw = kind.TYPE_UINT64, kind.TYPE_UINT32, kind.TYPE_STRING, kind.TYPE_BOOL, kind.TYPE_BYTES
    payload = file.message_type.add(name="Payload")
    for number, (name, type_) in enumerate(
        (("timestamp", u64), ("metrics", raw), ("seq", u64), ("uuid", text), ("body", raw)), start=1
    ):
        label = kind.LABEL_REPEATED if name == "metrics" else kind.LABEL_OPTIONAL
        payload.field.add(name=name, number=number, type=type_, label=label)
    metric = payload.nested_type.add(name="Metric")
    plain = (
        *(("name", text), ("alias", u64), ("timestamp", u64), ("datatype", u32)),
        *(("is_historical", flag), ("is_transient", flag), ("is_null", flag), ("metadata", raw), ("properties", raw)),
    )
    values = (
        *(("int_value", u32), ("long_value", u64), ("float_value", kind.TYPE_FLOAT)),
        *(("double_value", kind.TYPE_DOUBLE), ("boolean_value", flag), ("string_value", text), ("bytes_value", raw)),
        *((name, raw) for name in ("dataset_value", "template_value", "extension_value")),
    )
    metric.oneof_decl.add(name="value")
    for number, (name, type_) in enumerate(plain, start=1):
        metric.field.add(name=name, number=number, type=type_, label=kind.LABEL_OPTIONAL)
    for number, (name, type_) in enumerate(values, start=1 + len(plain)):
        metric.field.add(name=name, number=number, type=type_, label=kind.LABEL_OPTIONAL, oneof_index=0)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    found = (pool.FindMessageTypeByName(f"org.eclipse.tahu.protobuf.{name}") for name in ("Payload", "Payload.Metric"))
    payload_class, metric_class = (message_factory.GetMessageClass(one) for one in found)
    return payload_class, metric_class


_PAYLOAD, _METRIC = _classes()
