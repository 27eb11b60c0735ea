"""Sparkplug B payloads encoded by hand, right or wrong at will.

What it is: a writer of the Protocol Buffers wire format that encodes whatever it is given.
What it is not: the codec; it shares nothing with it, nor with the checker's reader.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

T0 = 1_800_000_000_000
INT64, DOUBLE, BOOLEAN, STRING = 4, 10, 11, 12
_FIELDS = {"int": 10, "long": 11, "float": 12, "double": 13, "boolean": 14, "string": 15}
_FIELD_OF = {INT64: "long", DOUBLE: "double", BOOLEAN: "boolean", STRING: "string"}


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int | None) -> bytes:
    return b"" if value is None else varint(field << 3) + varint(value)


def _block(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


@dataclass(frozen=True)
class M:
    """A metric as it shall stand on the wire; ``field`` None takes that of ``as_type`` or of the datatype."""

    name: str | None
    value: Any = None
    datatype: int | None = None
    t: int | None = T0
    historical: bool = False
    null: bool | None = None
    field: str | None = None
    as_type: int | None = None

    def encode(self) -> bytes:
        out = b"" if self.name is None else _block(1, self.name.encode())
        out += _number(3, self.t) + _number(4, self.datatype)
        out += _number(5, 1 if self.historical else None)
        null = self.value is None if self.null is None else self.null
        out += _number(7, 1 if null else None)
        if self.value is None:
            return out
        field = self.field or _FIELD_OF[self.as_type or self.datatype or DOUBLE]
        key = _FIELDS[field]
        if field == "string":
            return out + _block(key, self.value.encode())
        if field in ("float", "double"):
            wire = 5 if field == "float" else 1
            return out + varint(key << 3 | wire) + struct.pack("<f" if field == "float" else "<d", self.value)
        return out + _number(key, int(self.value) % 2**64)


@dataclass(frozen=True)
class P:
    """A payload."""

    metrics: tuple[M, ...] = ()
    seq: int | None = None
    t: int | None = T0

    def encode(self) -> bytes:
        body = b"".join(_block(2, metric.encode()) for metric in self.metrics)
        return _number(1, self.t) + body + _number(3, self.seq)
