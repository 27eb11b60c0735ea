"""Sparkplug B payloads as they stand on the wire: every field that is there, and none that is not.

What it is: a small reader of the Protocol Buffers wire format (protobuf.dev, "Encoding") with the field numbers of
Sparkplug B (specification 3.0, clause 6.4.1). It shares nothing with the codec that it helps to check, and it keeps
what a codec smooths over: which value field was used, whether a null has a value all the same, a datatype beyond 32
bits.
What it is not: a codec for the application (``contract/sparkplug_payload.py``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from contract import ContractError

MAX_METRICS: Final = 100_000
Value = int | float | str | bytes

VALUE_FIELDS: Final = {
    10: "int",
    11: "long",
    12: "float",
    13: "double",
    14: "boolean",
    15: "string",
    16: "bytes",
    17: "dataset",
    18: "template",
    19: "extension",
}
FIELD_OF: Final = {
    **dict.fromkeys((1, 2, 3, 5, 6, 7), "int"),
    **dict.fromkeys((4, 8, 13), "long"),
    9: "float",
    10: "double",
    11: "boolean",
    **dict.fromkeys((12, 14, 15), "string"),
    16: "dataset",
    **dict.fromkeys((17, 18, *range(22, 35)), "bytes"),
    19: "template",
}
"""Datatype of a metric (clause 6.4.16) -> the value field that holds it."""


@dataclass(frozen=True, slots=True)
class RawMetric:
    """One metric; ``None`` is a field that is not there. ``value`` is as encoded, so a negative integer is unsigned."""

    name: str | None = None
    alias: int | None = None
    timestamp: int | None = None
    datatype: int | None = None
    is_historical: bool = False
    is_null: bool = False
    field: str | None = None
    value: Value | None = None

    @property
    def said(self) -> tuple[str, Value] | None:
        """What it reports, for comparison; None is null."""
        return None if self.field is None or self.value is None else (self.field, self.value)


@dataclass(frozen=True, slots=True)
class RawPayload:
    """One payload; ``None`` is a field that is not there."""

    timestamp: int | None = None
    seq: int | None = None
    metrics: tuple[RawMetric, ...] = ()

    def get(self, name: str) -> RawMetric | None:
        """The first metric of that name."""
        return next((metric for metric in self.metrics if metric.name == name), None)


def read_payload(data: bytes) -> RawPayload:
    """Read a payload; raises ContractError (``bad-payload``) for what is no Sparkplug B payload."""
    timestamp = seq = None
    metrics: list[RawMetric] = []
    try:
        for number, kind, value in _fields(data):
            if number == 1:
                timestamp = _varint_of(kind, value)
            elif number == 2:
                metrics.append(_metric(_bytes_of(kind, value)))
                if len(metrics) > MAX_METRICS:
                    raise ValueError(f"more than {MAX_METRICS} metrics")
            elif number == 3:
                seq = _varint_of(kind, value)
    except (ValueError, IndexError, struct.error) as error:
        raise ContractError("bad-payload", f"no Sparkplug B payload: {error}"[:200]) from None
    return RawPayload(timestamp, seq, tuple(metrics))


def _metric(data: bytes) -> RawMetric:
    name: str | None = None
    field: str | None = None
    content: Value | None = None
    numbers: dict[int, int] = {}
    for number, kind, value in _fields(data):
        if number == 1:
            name = _bytes_of(kind, value).decode()
        elif 2 <= number <= 7:
            numbers[number] = _varint_of(kind, value)
        elif number in VALUE_FIELDS:
            field, content = VALUE_FIELDS[number], _value(number, kind, value)
    return RawMetric(
        name,
        numbers.get(2),
        numbers.get(3),
        numbers.get(4),
        bool(numbers.get(5)),
        bool(numbers.get(7)),
        field,
        content,
    )


def _value(number: int, kind: int, value: int | bytes) -> Value:
    if number in (10, 11, 14):
        return _varint_of(kind, value)
    raw = _bytes_of(kind, value, fixed=True)
    if number == 12:
        return float(struct.unpack("<f", raw)[0])
    if number == 13:
        return float(struct.unpack("<d", raw)[0])
    return raw.decode() if number == 15 else raw


def _varint_of(kind: int, value: int | bytes) -> int:
    if kind != 0 or not isinstance(value, int):
        raise ValueError("a number stands in a field of another kind")
    return value


def _bytes_of(kind: int, value: int | bytes, *, fixed: bool = False) -> bytes:
    if not isinstance(value, bytes) or (kind != 2 and not fixed):
        raise ValueError("a text or message stands in a field of another kind")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """``(field number, wire type, varint or bytes)`` of each field of a message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, kind, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind, -1)
        if number == 0 or size < 0 or at + size > len(data):
            raise ValueError(f"field {number} of wire type {kind} at byte {at}")
        yield number, kind, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    if (byte := data[at]) < 128:
        return byte, at + 1
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), at
    raise ValueError(f"a number of more than ten bytes at byte {at}")
