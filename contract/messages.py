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

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isfinite
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from contract.packml import Mode, PackMLState, Reason

VERSION: Final = 1
MAX_INT: Final = 2**53 - 1
"""The largest integer on the wire: what JSON readers in every language keep exactly (RFC 8259, section 6)."""
MAX_ROWS: Final = 1000

Time = Annotated[int, Meta(ge=0, le=2**63 - 1, description="event time, ns since 1970-01-01 UTC")]
Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Duration = Annotated[int, Meta(ge=0, le=2**63 - 1, description="ns")]
Boot = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8,32}\Z", description="hexadecimal, random at each start")]
Name = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,62}\Z", description="lower case, digits and _")]
Text = Annotated[str, Meta(max_length=200)]
Money = Annotated[float, Meta(description="in the currency that the birth names")]

RESERVED_NAMES: Final = frozenset({"time", "enterprise", "site", "area", "line", "machine"})
"""Words that stores keep for time and tags: no sensor or counter may have them as its name."""


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
        if len(times) > MAX_ROWS:
            raise ValueError(f"{len(times)} rows, at most {MAX_ROWS} are allowed")
        if "rows" in self.__struct_fields__ and not times:
            raise ValueError("no rows")
        for before, after in pairwise(times):
            if after <= before:
                raise ValueError(f"times do not increase: {after} after {before}")


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a message."""


class Sensor(_Part, frozen=True, kw_only=True):
    """One sensor of a machine: its unit (UCUM or plain) and the band in steady production."""

    unit: Text
    low: float | None = None
    high: float | None = None


class Production(_Part, frozen=True, kw_only=True):
    """The operation that a machine performs.

    ``step`` is the operation's name, ``position`` its place in the routing from 1; machines of one step work in
    parallel. ``ideal_cycle_ns`` is the planned run time per item (ISO 22400-2 PRI) at this machine.
    """

    step: Text
    position: Annotated[int, Meta(ge=1, le=1000)]
    ideal_cycle_ns: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class Band(_Part, frozen=True, kw_only=True):
    """One tier of an electricity tariff; ``price_per_kwh`` in the currency of the economics."""

    name: Text
    price_per_kwh: Money


class Tariff(_Part, frozen=True, kw_only=True):
    """Time-of-use electricity price.

    ``bands`` maps a one-letter code to its band; ``hours`` has twelve strings, January first, of 24 codes each:
    the band in force in that hour of the local day in ``timezone`` (IANA name).
    """

    timezone: Text
    bands: dict[Annotated[str, Meta(min_length=1, max_length=1)], Band]
    hours: list[Annotated[str, Meta(min_length=24, max_length=24)]]

    def check(self) -> None:
        """Refuse an unknown zone, a missing month or an undeclared code; raises ValueError."""
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"tariff: no time zone {self.timezone!r}") from None
        if len(self.hours) != 12:
            raise ValueError(f"tariff: {len(self.hours)} months, not 12")
        for month, codes in enumerate(self.hours, start=1):
            unknown = set(codes) - self.bands.keys()
            if unknown:
                raise ValueError(f"tariff: month {month} uses undeclared bands {sorted(unknown)}")


class Economics(_Part, frozen=True, kw_only=True):
    """What a machine's time, material and energy cost.

    ``operators`` is the (fractional) number of people that the machine ties up, ``wage_per_h`` what one of them
    costs per paid hour, ``material_per_unit`` the standard cost of the material that enters at this step per unit
    started, ``scrap_credit_per_unit`` what a scrapped unit brings back.
    """

    currency: Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z", description="ISO 4217")]
    operators: Annotated[float, Meta(ge=0)] = 0.0
    wage_per_h: Money = 0.0
    depreciation_per_h: Money = 0.0
    material_per_unit: Money = 0.0
    scrap_credit_per_unit: Money = 0.0
    tariff: Tariff | None = None


class Birth(Message, frozen=True, kw_only=True):
    """I am here, and this is what I am. Retained by the broker.

    ``role`` is ``machine``, ``meter`` (counts, makes nothing) or ``gateway`` (the line's publisher, whose death
    means that its whole line is silent). ``counters`` maps each cumulative counter of the meter messages to its
    unit. ``members`` of a gateway are the machine names of its line.
    """

    t: Time
    role: Annotated[str, Meta(pattern=r"\A(machine|meter|gateway)\Z")]
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
        """Refuse reserved names and a broken tariff."""
        _check_names([*self.sensors, *self.counters])
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
    values: dict[Name, list[float | None]]

    @property
    def times(self) -> Sequence[int]:
        """The sample times."""
        return self.t

    def check(self) -> None:
        """Refuse columns of another length, and numbers that are no numbers."""
        Message.check(self)
        if not self.t or not self.values:
            raise ValueError("no samples")
        _check_names(self.values)
        for name, column in self.values.items():
            if len(column) != len(self.t):
                raise ValueError(f"sensor {name} has {len(column)} values for {len(self.t)} times")
            for value in column:
                if value is not None and not isfinite(value):
                    raise ValueError(f"sensor {name} has the value {value}")


class StateRow(_Part, frozen=True, kw_only=True):
    """A PackML state entered at ``t``; it holds until the next row."""

    t: Time
    state: PackMLState
    reason: Reason
    mode: Mode = Mode.PRODUCTION
    order: Text | None = None
    cause: Text | None = None


class State(Message, frozen=True, kw_only=True):
    """States entered."""

    rows: list[StateRow]


class CycleRow(_Part, frozen=True, kw_only=True):
    """One lot or unit finished at ``t`` at this step.

    ``good + scrap + rework`` is the quantity produced (ISO 22400-2 PQ = GQ + SQ + RQ); reworked items are mended
    in place and go on. ``ideal_ns`` is the planned run time of the whole lot, ``actual_ns`` the time that the
    machine was executing it.
    """

    t: Time
    order: Text
    product: Text
    variant: Text
    good: Count
    scrap: Count
    rework: Count
    ideal_ns: Duration
    actual_ns: Duration


class Cycle(Message, frozen=True, kw_only=True):
    """Lots or units finished."""

    rows: list[CycleRow]


class MeterRow(_Part, frozen=True, kw_only=True):
    """Readings of cumulative counters at ``t``, in the units that the birth declares. A fall is a reset to zero."""

    t: Time
    counters: dict[Name, Count]


class Meter(Message, frozen=True, kw_only=True):
    """Meter readings."""

    rows: list[MeterRow]

    def check(self) -> None:
        """Refuse reserved names and empty readings."""
        Message.check(self)
        for row in self.rows:
            if not row.counters:
                raise ValueError("a reading without counters")
            _check_names(row.counters)


class OrderRow(_Part, frozen=True, kw_only=True):
    """A consumer's order: options chosen, quantity, price and due date."""

    t: Time
    order: Text
    product: Text
    options: dict[Text, Text]
    quantity: Count
    price: Money
    due: Time


class Order(Message, frozen=True, kw_only=True):
    """Orders placed."""

    rows: list[OrderRow]


class DeliveryRow(_Part, frozen=True, kw_only=True):
    """Units of an order that the consumer got."""

    t: Time
    order: Text
    quantity: Count


class Delivery(Message, frozen=True, kw_only=True):
    """Deliveries made."""

    rows: list[DeliveryRow]


class ReturnRow(_Part, frozen=True, kw_only=True):
    """Units of an order that came back."""

    t: Time
    order: Text
    quantity: Count
    reason: Text


class Return(Message, frozen=True, kw_only=True):
    """Returns taken."""

    rows: list[ReturnRow]


class ShipmentRow(_Part, frozen=True, kw_only=True):
    """Material on its way from a supplier: promised, shipped, received or defective."""

    t: Time
    shipment: Text
    material: Text
    status: Annotated[str, Meta(pattern=r"\A(promised|shipped|received)\Z")]
    quantity: float
    defective: float = 0.0
    price: Money = 0.0
    promised: Time | None = None


class Shipment(Message, frozen=True, kw_only=True):
    """Shipments."""

    rows: list[ShipmentRow]


class CommandRow(_Part, frozen=True, kw_only=True):
    """What a machine should do, until when the command is valid, and under which interlock."""

    t: Time
    command: Text
    action: Text
    arguments: dict[Text, Text] = {}
    expires: Time | None = None
    interlock: Text | None = None


class Command(Message, frozen=True, kw_only=True):
    """Commands to a machine."""

    rows: list[CommandRow]


class ReplyRow(_Part, frozen=True, kw_only=True):
    """What became of a command."""

    t: Time
    command: Text
    status: Annotated[str, Meta(pattern=r"\A(accepted|refused|done)\Z")]
    reason: Text | None = None


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


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if name in RESERVED_NAMES:
            raise ValueError(f"the name {name!r} is reserved")
