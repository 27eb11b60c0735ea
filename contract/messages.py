"""What can be said: the message kinds as typed, frozen values.

What it is: one msgspec structure per kind, with the limits that every field obeys.
What it is not: bytes (see ``wire_json.py``), and not addresses: who speaks stands in the topic alone, so that a
payload cannot claim to be somebody else.

Every data message is a small table: telemetry by column (times, and one list per sensor), everything else by row,
so that one message carries one event or a thousand, live or as history, in the same form. Times are event times in
integer nanoseconds since 1970-01-01 UTC; within a message they strictly increase, so that no two rows of one kind
from one machine ever fall on the same point.

``(address, kind, boot, seq)`` names a message for good. ``boot`` is drawn at each start of a publisher; ``seq``
counts up by one over all messages of one address within a boot, so a gap in it is a lost message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from math import isfinite
from operator import lt
from typing import Annotated, Final

from msgspec import Meta, Struct

from contract.parts import (
    Boot,
    CommandRow,
    Count,
    CycleRow,
    DeliveryRow,
    Economics,
    MeterRow,
    Name,
    OrderRow,
    Production,
    ReplyRow,
    ReturnRow,
    Sensor,
    ShipmentRow,
    StateRow,
    Text,
    Time,
    check_names,
)

VERSION: Final = 1
MAX_ROWS: Final = 1000


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every message carries."""

    v: Annotated[int, Meta(ge=VERSION, le=VERSION)] = VERSION
    boot: Boot
    seq: Count

    @property
    def times(self) -> Sequence[int]:
        """The event times of the rows, in order; empty when the message has no time of its own."""
        return [row.t for row in getattr(self, "rows", ())]

    def check(self) -> None:
        """Refuse what types alone cannot: raises ValueError that says what is wrong."""
        times = self.times
        if "rows" in self.__struct_fields__ and not times:
            raise ValueError("no rows")
        _check_times(times)


def _check_times(times: Sequence[int]) -> None:
    if len(times) > MAX_ROWS:
        raise ValueError(f"{len(times)} rows, at most {MAX_ROWS} are allowed")
    if len(times) > 1 and not all(map(lt, times, islice(times, 1, None))):
        before, after = next((a, b) for a, b in pairwise(times) if a >= b)
        raise ValueError(f"times do not increase: {after} after {before}")


class Birth(Message, frozen=True, kw_only=True):
    """I am here, and this is what I am. Retained by the broker.

    ``role`` is ``machine``, ``meter`` (counts, makes nothing), ``gateway`` (the line's publisher, whose death
    means that its whole line is silent), ``market`` (the consumers of a channel, machine ``consumers`` of the line
    with the channel's name in the area ``market``: orders, deliveries, returns) or ``supply`` (a supplier, machine
    ``shipments`` of the line with its name in the area ``supply``). The last two are no machines: they have no
    states, no lots and no figures.
    ``counters`` maps each cumulative counter of the meter messages to its unit. ``members`` of a gateway are the
    machine names of its line.
    """

    t: Time
    role: Annotated[str, Meta(pattern=r"\A(machine|meter|gateway|market|supply)\Z")]
    model: Text
    version: Text
    sensors: dict[Name, Sensor] = {}
    counters: dict[Name, Text] = {}
    production: Production | None = None
    economics: Economics | None = None
    members: list[Text] = []

    @property
    def times(self) -> Sequence[int]:
        """The one time of the birth."""
        return [self.t]

    def check(self) -> None:
        """Refuse reserved names, too many of them, and a broken tariff."""
        check_names(self.sensors)
        check_names(self.counters)
        if self.economics is not None and self.economics.tariff is not None:
            self.economics.tariff.check()


class Death(Message, frozen=True, kw_only=True):
    """I am gone.

    Sent at a clean end with its time; as the broker's will without one, for nobody knows the time
    of a crash beforehand.

    The will takes ``seq`` 0 of its boot; what is published counts from 1.
    """

    t: Time | None
    reason: Text

    @property
    def times(self) -> Sequence[int]:
        """The time of the death where it is known."""
        return [] if self.t is None else [self.t]


class Telemetry(Message, frozen=True, kw_only=True):
    """Sensor samples: times ``t``, and for each sensor one value per time (``null`` where it was not sampled)."""

    t: list[Time]
    values: Mapping[Name, Sequence[float | None]]

    @property
    def times(self) -> Sequence[int]:
        """The sample times."""
        return self.t

    def check(self) -> None:
        """Refuse names as above, and columns of another length."""
        _check_times(self.t)
        if not self.t or not self.values:
            raise ValueError("no samples")
        check_names(self.values)
        rows = len(self.t)
        for name, column in self.values.items():
            if len(column) != rows:
                raise ValueError(f"sensor {name} has {len(column)} values for {rows} times")

    def check_finite(self) -> None:
        """Refuse numbers that are no numbers, which only a message made in Python can have; raises ValueError."""
        for name, column in self.values.items():
            for value in column:
                if value is not None and not isfinite(value):
                    raise ValueError(f"sensor {name} has the value {value}")


class State(Message, frozen=True, kw_only=True):
    """States entered."""

    rows: list[StateRow]


class Cycle(Message, frozen=True, kw_only=True):
    """Lots or units finished."""

    rows: list[CycleRow]


class Meter(Message, frozen=True, kw_only=True):
    """Meter readings."""

    rows: list[MeterRow]

    def check(self) -> None:
        """Refuse reserved names, too many of them in all, and empty readings."""
        Message.check(self)
        for row in self.rows:
            if not row.counters:
                raise ValueError("a reading without counters")
        check_names({name for row in self.rows for name in row.counters})


class Order(Message, frozen=True, kw_only=True):
    """Orders placed."""

    rows: list[OrderRow]


class Delivery(Message, frozen=True, kw_only=True):
    """Deliveries made."""

    rows: list[DeliveryRow]


class Return(Message, frozen=True, kw_only=True):
    """Returns taken."""

    rows: list[ReturnRow]


class Shipment(Message, frozen=True, kw_only=True):
    """Shipments."""

    rows: list[ShipmentRow]


class Command(Message, frozen=True, kw_only=True):
    """Commands to a machine."""

    rows: list[CommandRow]


class Reply(Message, frozen=True, kw_only=True):
    """Replies to commands."""

    rows: list[ReplyRow]


KINDS: Final[dict[str, type[Message]]] = {
    "birth": Birth,
    "death": Death,
    "telemetry": Telemetry,
    "state": State,
    "cycle": Cycle,
    "meter": Meter,
    "order": Order,
    "delivery": Delivery,
    "return": Return,
    "shipment": Shipment,
    "command": Command,
    "reply": Reply,
}
"""The last level of a topic -> the structure of its payload."""
