"""The parts that messages are made of: rows, and what a birth says about a thing.

What it is: typed, frozen values with the limits that every field obeys.
What it is not: messages; those, with their names and their order, are in ``messages.py``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from contract.packml import Mode, PackMLState, Reason

MAX_INT: Final = 2**53 - 1
"""The largest integer on the wire: what JSON readers in every language keep exactly (RFC 8259, section 6)."""
MAX_NAMES: Final = 500
"""How many sensors, or counters, a message may name: each is a column in every store, and stays one."""

Time = Annotated[int, Meta(ge=0, le=2**63 - 1, description="event time, ns since 1970-01-01 UTC")]
Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Duration = Annotated[int, Meta(ge=0, le=2**63 - 1, description="ns")]
Boot = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8,32}\Z", description="hexadecimal, random at each start")]
NAME_WORD: Final = "name"
Name = Annotated[str, Meta(description=NAME_WORD)]
"""Of a sensor or a counter; ``check_names`` says which there may be."""
NAME_PATTERN: Final = r"[a-z][a-z0-9_]{0,62}"
WrittenName = Annotated[str, Meta(pattern=rf"\A{NAME_PATTERN}\Z", description="lower case, digits and _")]
"""A name in a file, where each is looked at once."""
Text = Annotated[str, Meta(max_length=200)]
Money = Annotated[float, Meta(description="in the currency that the birth names")]

_NAME: Final = re.compile(NAME_PATTERN)
RESERVED_NAMES: Final = frozenset({"time", "enterprise", "site", "area", "line", "machine"})
"""Words that stores keep for time and tags: no sensor or counter may have them as its name."""


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a message."""


class Sensor(Part, frozen=True, kw_only=True):
    """One sensor of a machine: its unit (UCUM or plain) and the band in steady production."""

    unit: Text
    low: float | None = None
    high: float | None = None


class Production(Part, frozen=True, kw_only=True):
    """The operation that a machine performs.

    ``step`` is the operation's name, ``position`` its place in the routing from 1; machines of one step work in
    parallel. ``ideal_cycle_ns`` is the planned run time per item (ISO 22400-2 PRI) at this machine.
    """

    step: Text
    position: Annotated[int, Meta(ge=1, le=1000)]
    ideal_cycle_ns: Annotated[int, Meta(ge=1, le=2**63 - 1)]


class Band(Part, frozen=True, kw_only=True):
    """One tier of an electricity tariff; ``price_per_kwh`` in the currency of the economics."""

    name: Text
    price_per_kwh: Money


class Tariff(Part, frozen=True, kw_only=True):
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


class Economics(Part, frozen=True, kw_only=True):
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


class StateRow(Part, frozen=True, kw_only=True):
    """A PackML state entered at ``t``; it holds until the next row.

    ``order`` is the one that the machine serves. ``cause`` says more than the reason where there is more to say: the
    failure mode of a breakdown, the material that is out, what is changed in a setup. A breakdown is one failure from
    its beginning to the end of its repair, also where planned stops interrupt it: it goes on with the same cause.
    """

    t: Time
    state: PackMLState
    reason: Reason
    mode: Mode = Mode.PRODUCTION
    order: Text | None = None
    cause: Text | None = None


class CycleRow(Part, frozen=True, kw_only=True):
    """One lot finished at ``t`` at this step: a unit, or several that move together.

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


class MeterRow(Part, frozen=True, kw_only=True):
    """Readings of cumulative counters at ``t``, in the units that the birth declares. A fall is a reset to zero.

    ``energy_wh`` is the electricity, which the figures count and price. Other media (``gas_wh``, ``steam_wh``,
    ``water_l``, ``air_nl``) stand beside it and are stored as they are.
    """

    t: Time
    counters: dict[Name, Count]


class OrderRow(Part, frozen=True, kw_only=True):
    """A consumer's order: options chosen, quantity, price of the whole order and due date.

    A cancellation is a later row of the same order with quantity 0 and price 0.
    """

    t: Time
    order: Text
    product: Text
    options: dict[Text, Text]
    quantity: Count
    price: Money
    due: Time


class DeliveryRow(Part, frozen=True, kw_only=True):
    """Units of an order that the consumer got."""

    t: Time
    order: Text
    quantity: Count


class ReturnRow(Part, frozen=True, kw_only=True):
    """Units of an order that came back."""

    t: Time
    order: Text
    quantity: Count
    reason: Text


class ShipmentRow(Part, frozen=True, kw_only=True):
    """Material on its way from a supplier: how much, how much of it came ``defective``, and the price of all of it."""

    t: Time
    shipment: Text
    material: Text
    status: Annotated[str, Meta(pattern=r"\A(promised|shipped|received)\Z")]
    quantity: float
    defective: float = 0.0
    price: Money = 0.0
    promised: Time | None = None


class CommandRow(Part, frozen=True, kw_only=True):
    """What a machine should do, until when the command is valid, and under which interlock."""

    t: Time
    command: Text
    action: Text
    arguments: dict[Text, Text] = {}
    expires: Time | None = None
    interlock: Text | None = None


class ReplyRow(Part, frozen=True, kw_only=True):
    """What became of a command."""

    t: Time
    command: Text
    status: Annotated[str, Meta(pattern=r"\A(accepted|refused|done)\Z")]
    reason: Text | None = None


def check_names(names: Collection[str]) -> None:
    """Refuse what is no name, reserved names, and too many of them; raises ValueError."""
    if len(names) > MAX_NAMES:
        raise ValueError(f"{len(names)} names, at most {MAX_NAMES} are allowed")
    _check_each(tuple(names))


@lru_cache(maxsize=1024)  # the same names come with every message of a model, and looking at each is dear
def _check_each(names: tuple[str, ...]) -> None:
    wrong = next((name for name in names if not _NAME.fullmatch(name)), None)
    if wrong is not None:
        raise ValueError(f"{wrong[:80]!r} is no name: it does not match {NAME_PATTERN}")
    if not RESERVED_NAMES.isdisjoint(names):
        raise ValueError(f"the name {next(name for name in names if name in RESERVED_NAMES)!r} is reserved")
