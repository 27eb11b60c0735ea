"""What a message says, as points of the historian.

What it is: one pure function from the contract's messages to ``historian.Frame``, the only place that knows which
measurement, field and time each kind becomes. It works on the structure of the messages, so a new row kind of the
contract needs no line here.
What it is not: a judge. What arrives here has passed ``contract.decode``; nothing is dropped, scaled or invented. That
is also why the frames are trusted: every type and name has been checked by then.

Every point carries ``_boot`` and ``_seq``, so that what is stored can be counted against what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from contract import LEVELS, Address, Birth, Death, Message, Meter, Telemetry
from historian.base import Frame, Tags, Value, series_of

BOOT: Final = "_boot"
SEQ: Final = "_seq"

Column = Sequence[Value | None]
Kinds = dict[str, type[Value] | None]


def frames(address: Address, kind: str, message: Message, payload: bytes, received_ns: int) -> list[Frame]:
    """The points of one message.

    Args:
        address: who speaks; becomes the tags.
        kind: the kind of the message; becomes the measurement.
        message: the decoded message.
        payload: its bytes, kept whole for a birth.
        received_ns: when it came, the time of a death that has none of its own.
    """
    tags, series = _place(address)
    fields: dict[str, Column]
    kinds: Kinds
    if type(message) is Telemetry:
        times: Sequence[int] = message.t
        fields, kinds = _sampled(message.values)
    else:
        times, fields, kinds = _rows(message, payload, received_ns)
    fields[BOOT], kinds[BOOT] = [message.boot] * len(times), str
    fields[SEQ], kinds[SEQ] = [message.seq] * len(times), int
    return [Frame.trusted(kind, tags=tags, series=series, time_ns=times, fields=fields, kinds=kinds)]


@lru_cache(maxsize=65_536)
def _place(address: Address) -> tuple[Mapping[str, str], Tags]:
    tags = dict(zip(LEVELS, address.levels, strict=True))
    return tags, series_of(tags)


def _sampled(values: Mapping[str, Column]) -> tuple[dict[str, Column], Kinds]:
    """Every sensor that was sampled at all; a sensor's value is a float, whatever its digits look like."""
    fields = {name: column for name, column in values.items() if not _is_blank(column)}
    return fields, dict.fromkeys(fields, float)


def _is_blank(column: Column) -> bool:
    return None in column and all(value is None for value in column)


def _rows(message: Message, payload: bytes, received_ns: int) -> tuple[Sequence[int], dict[str, Column], Kinds]:
    """Times and columns of any other kind; the contract gives each column one type."""
    times, columns = _table(message, payload, received_ns)
    fields: dict[str, Column] = {}
    kinds: Kinds = {}
    for name, column in columns.items():
        first = next((value for value in column if value is not None), None)
        if first is not None:
            fields[name], kinds[name] = column, type(first)
    return times, fields, kinds


def _table(message: Message, payload: bytes, received_ns: int) -> tuple[Sequence[int], Mapping[str, Column]]:
    if isinstance(message, Birth):
        text = {"role": message.role, "model": message.model, "version": message.version, "body": payload.decode()}
        return [message.t], {name: [value] for name, value in text.items()}
    if isinstance(message, Death):
        return [received_ns if message.t is None else message.t], {"reason": [message.reason]}
    if isinstance(message, Meter):
        counters = dict.fromkeys(name for row in message.rows for name in row.counters)
        return message.times, {name: [row.counters.get(name) for row in message.rows] for name in counters}
    rows: Sequence[msgspec.Struct] = getattr(message, "rows")  # noqa: B009  # every kind that is left has rows
    names = [name for name in rows[0].__struct_fields__ if name != "t"]
    return message.times, {name: [_value(getattr(row, name)) for row in rows] for name in names}


def _value(value: Any) -> Value | None:
    """A scalar as it is, an enumerated word as text, anything with parts as JSON."""
    if value is None or type(value) in (str, int, float, bool):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str):
        return str(value)
    return msgspec.json.encode(value, order="sorted").decode()
