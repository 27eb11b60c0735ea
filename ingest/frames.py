"""What messages say, as points of the historian.

What it is: pure; from the contract's messages to ``historian.Frame``, the only place that knows which measurement,
field and time each kind becomes. It works on the structure of the messages, so a new row kind of the contract needs no
line here. The messages of a batch that speak of one series become one frame, for a frame costs more than a row.
What it is not: a judge. What arrives here has passed ``contract.decode``; nothing is dropped, scaled or invented. That
is also why the frames are trusted: every type and name has been checked by then.

Every point carries ``_boot`` and ``_seq``, so that what is stored can be counted against what was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from contract import LEVELS, Address, Birth, Death, Message, Meter, Telemetry
from contract.decimals import Decimals
from historian.base import Frame, Tags, Value, series_of
from historian.repeated import Repeated

BOOT: Final = "_boot"
SEQ: Final = "_seq"

Column = Sequence[Value | None]
Kinds = dict[str, type[Value] | None]


class Gathered:
    """Points of one series out of one message or several, and whose they are.

    Attributes:
        owners: the numbers of the messages, in order.
        counts: how many rows each of them has.
    """

    __slots__ = (
        "_columns",
        "_kind",
        "_message",
        "_place",
        "_text",
        "boots",
        "counts",
        "owners",
        "rows",
        "seqs",
        "times",
    )

    def __init__(self, kind: str, address: Address, message: Message, *, text: bool) -> None:
        self._kind = kind
        self._place = _place(address)
        self._message = message
        self._text = text
        self.owners: list[int] = []
        self.counts: list[int] = []
        self.boots: list[str] = []
        self.seqs: list[int] = []
        self.times: list[int] = []
        self.rows: list[Any] = []
        self._columns: list[list[Any]] = []
        if type(message) is Telemetry:
            self._columns = [[] for _ in message.values]

    def add(self, message: Message, times: Sequence[int], owner: int) -> None:
        """Add the rows of a message of the same kind, address and shape."""
        count = len(times)
        self.owners.append(owner)
        self.counts.append(count)
        self.boots.append(message.boot)
        self.seqs.append(message.seq)
        self.times += times
        if type(message) is Telemetry:
            if self._text:
                for column, values in zip(self._columns, message.values.values(), strict=True):
                    column.append(values)
            elif count == 1:
                for column, (value,) in zip(self._columns, message.values.values(), strict=True):
                    column.append(value)
            else:
                for column, values in zip(self._columns, message.values.values(), strict=True):
                    column.extend(values)
        else:
            self.rows += getattr(message, "rows", ())

    def frame(self) -> Frame:
        """All rows."""
        fields: dict[str, Column] = {}
        kinds: Kinds = {}
        if type(self._message) is Telemetry:
            for name, column in zip(self._message.values, self._columns, strict=True):
                if self._text:
                    fields[name], kinds[name] = Decimals.joined(column), float
                elif None not in column or any(value is not None for value in column):
                    fields[name], kinds[name] = column, float  # whatever its digits look like
        else:
            for name, values in self._table().items():
                first = next((value for value in values if value is not None), None)
                if first is not None:  # the contract gives each column one type
                    fields[name], kinds[name] = values, type(first)
        fields[BOOT], kinds[BOOT] = self._spread(self.boots), str
        fields[SEQ], kinds[SEQ] = self._spread(self.seqs), int
        tags, series = self._place
        return Frame.trusted(self._kind, tags=tags, series=series, time_ns=self.times, fields=fields, kinds=kinds)

    def _spread(self, values: Sequence[Any]) -> Sequence[Any]:
        """One value for each row of its message."""
        if self._text:
            return Repeated(values, self.counts)
        return values if len(self.times) == len(values) else list(Repeated(values, self.counts))

    def _table(self) -> Mapping[str, Column]:
        message, rows = self._message, self.rows
        if isinstance(message, Meter):
            counters = dict.fromkeys(name for row in rows for name in row.counters)
            return {name: [row.counters.get(name) for row in rows] for name in counters}
        names = [name for name in rows[0].__struct_fields__ if name != "t"]
        return {name: [_value(getattr(row, name)) for row in rows] for name in names}


class Points:
    """Gathers the points of the messages of a batch."""

    def __init__(self) -> None:
        self._gathered: dict[tuple[Any, ...], Gathered] = {}
        self._single: list[tuple[Frame, int]] = []

    def add(
        self, address: Address, kind: str, message: Message, payload: bytes, *, received_ns: int, owner: int
    ) -> None:
        """Take in what one message says.

        Args:
            address: who speaks; becomes the tags.
            kind: the kind of the message; becomes the measurement.
            message: the decoded message.
            payload: its bytes, kept whole for a birth.
            received_ns: when it came, the time of a death that has none of its own.
            owner: the number of the message.
        """
        text = False
        if type(message) is Telemetry:
            text = all(type(column) is Decimals for column in message.values.values())
            key: tuple[Any, ...] = (address, kind, text, *message.values)
            times: Sequence[int] = message.t
        elif isinstance(message, Birth | Death):
            self._single.append((_lifetime(address, kind, message, payload, received_ns), owner))
            return
        else:
            key, times = (address, kind), message.times
        found = self._gathered.get(key)
        if found is None:
            found = self._gathered[key] = Gathered(kind, address, message, text=text)
        found.add(message, times, owner)

    def frames(self) -> Iterator[tuple[Frame, Sequence[int], Sequence[int]]]:
        """Each frame with the numbers of its messages and how many rows each of them has."""
        for one in self._gathered.values():
            yield one.frame(), one.owners, one.counts
        for frame, owner in self._single:
            yield frame, (owner,), (1,)


def frames(address: Address, kind: str, message: Message, payload: bytes, received_ns: int) -> list[Frame]:
    """The points of one message alone; the arguments are those of ``Points.add``."""
    points = Points()
    points.add(address, kind, message, payload, received_ns=received_ns, owner=0)
    return [frame for frame, _, _ in points.frames()]


def part(frame: Frame, first: int, count: int) -> Frame:
    """Some rows of a frame."""
    rows = slice(first, first + count)
    return Frame.trusted(
        frame.measurement,
        tags=frame.tags,
        series=frame.series,
        time_ns=frame.time_ns[rows],
        fields={name: column[rows] for name, column in frame.fields.items()},
        kinds=frame.kinds,
    )


def _lifetime(address: Address, kind: str, message: Birth | Death, payload: bytes, received_ns: int) -> Frame:
    """The one point of a birth or a death."""
    if isinstance(message, Birth):
        time_ns = message.t
        fields = {"role": message.role, "model": message.model, "version": message.version, "body": payload.decode()}
    else:
        time_ns = received_ns if message.t is None else message.t
        fields = {"reason": message.reason}
    tags, series = _place(address)
    return Frame.trusted(
        kind,
        tags=tags,
        series=series,
        time_ns=[time_ns],
        fields={name: [value] for name, value in fields.items()} | {BOOT: [message.boot], SEQ: [message.seq]},
        kinds=dict.fromkeys(fields, str) | {BOOT: str, SEQ: int},
    )


@lru_cache(maxsize=65_536)
def _place(address: Address) -> tuple[Mapping[str, str], Tags]:
    tags = dict(zip(LEVELS, address.levels, strict=True))
    return tags, series_of(tags)


def _value(value: Any) -> Value | None:
    """A scalar as it is, an enumerated word as text, anything with parts as JSON."""
    if value is None or type(value) in (str, int, float, bool):
        return value  # type: ignore[no-any-return]
    if isinstance(value, str):
        return str(value)
    return msgspec.json.encode(value, order="sorted").decode()
