"""A mapping file: which foreign topics are whose, and what stands in their payloads.

What it is: the typed form of the YAML, one structure per group of keys. ``docs/mapping.md`` explains each key.
What it is not: the checks of what goes together (``mapping_check.py``), nor the reading of messages (``mapping.py``).
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from contract import Economics, Mode, PackMLState, Reason
from contract.parts import NAME_PATTERN, Text
from service.datafile import parse

MAX_DEVICES: Final = 200
MAX_TOPICS: Final = 100
Finite = Annotated[float, Meta(ge=-1e15, le=1e15)]
Role = Literal["machine", "meter"]
TimeFormat = Literal["iso", "unix_s", "unix_ms", "unix_us", "unix_ns"]
_Name = Annotated[str, Meta(pattern=rf"\A{NAME_PATTERN}\Z")]
_Path = Annotated[str, Meta(min_length=1, max_length=200)]
_Level = Annotated[str, Meta(min_length=1, max_length=64)]


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of keys of the file."""


class TimeFrom(Group, frozen=True, kw_only=True):
    """Where the event time stands in a JSON payload; ``timezone`` (IANA) is that of times which name no zone."""

    path: _Path = field(name="from")
    format: TimeFormat = "iso"
    timezone: Annotated[str, Meta(max_length=64)] | None = None


class ValueFrom(Group, frozen=True, kw_only=True):
    """Where a value stands.

    Attributes:
        path: the path in a JSON payload; not given: the value's own name.
        picked: with ``pick`` or ``pick_from``: the text that means this value; not given: the value's own name.
        required: a message without this value is refused. Else a value may be missing: it was not read.
    """

    path: _Path | None = field(name="from", default=None)
    picked: _Level | None = None
    required: bool = False


class SensorFrom(ValueFrom, frozen=True, kw_only=True):
    """A sensor: ``value · scale + offset`` of a number, or a word by ``words``.

    Attributes:
        unit: of what is stored, UCUM or plain.
        words: text, or true and false, -> number.
        quoted: the number stands in quotes in the JSON.
        low, high: the band in steady production.
    """

    unit: Text
    scale: Finite = 1.0
    offset: Finite = 0.0
    words: dict[_Level, Finite] = {}
    quoted: bool = False
    low: Finite | None = None
    high: Finite | None = None


class CounterFrom(ValueFrom, frozen=True, kw_only=True):
    """A cumulative counter: ``value · scale``, exact, and a whole number of ``unit``.

    ``finer`` says what becomes of a reading that is finer than the unit: it is refused, or what is finer is cut off.
    """

    unit: Text
    scale: Annotated[float, Meta(gt=0, le=1e15)] = 1.0
    quoted: bool = False
    finer: Literal["refuse", "cut"] = "refuse"


class Said(Group, frozen=True, kw_only=True):
    """A state of PackML, and why the machine is in it."""

    state: PackMLState
    reason: Reason
    mode: Mode = Mode.PRODUCTION
    cause: Text | None = None


class StateBand(Said, frozen=True, kw_only=True):
    """The state while the number is below ``below`` and not below the one before; the last band has none."""

    below: Finite | None = None


class StateFrom(ValueFrom, frozen=True, kw_only=True):
    """The state: by a word, or by the band in which a number lies."""

    words: dict[_Level, Said] = {}
    bands: Annotated[list[StateBand], Meta(max_length=20)] = []


class TopicRule(Group, frozen=True, kw_only=True):
    """What the messages of one topic say.

    Attributes:
        topic: levels joined by ``/``: a word, ``{name}`` to capture a level, or ``+`` for any.
        payload: ``json``, or ``plain``: one number or word as text.
        pick: a captured level whose text says which of the values the payload holds.
        pick_from: a path in the JSON, or in an item of ``each``, at which that text stands.
        each: the path of a list in the JSON; each item is read by itself. What it does not hold of the time is looked
            up in the whole payload.
        time: not given: the time of receipt.
    """

    topic: Annotated[str, Meta(min_length=1, max_length=512)]
    payload: Literal["json", "plain"] = "json"
    pick: _Level | None = None
    pick_from: _Path | None = None
    each: _Path | None = None
    time: TimeFrom | None = None
    sensors: dict[_Name, SensorFrom] = {}
    counters: dict[_Name, CounterFrom] = {}
    state: StateFrom | None = None

    @property
    def values(self) -> dict[str, ValueFrom]:
        """Every value by its place in the file."""
        found: dict[str, ValueFrom] = {f"sensors.{name}": value for name, value in self.sensors.items()}
        found |= {f"counters.{name}": value for name, value in self.counters.items()}
        return found if self.state is None else {**found, "state": self.state}


class Operation(Group, frozen=True, kw_only=True):
    """The operation of the machine: its name, its place in the routing from 1, the planned seconds per item."""

    step: Text
    position: Annotated[int, Meta(ge=1, le=1000)]
    ideal_cycle_s: Annotated[float, Meta(ge=0.001, le=1e7)]


class DeviceRule(Group, frozen=True, kw_only=True):
    """Devices of one kind: who they are, and the topics on which they speak.

    Attributes:
        address: ``enterprise/site/area/line/machine``; each level may hold captured names, as ``{machine}``.
        names: captured name -> text in the topic -> text in the address. Who is not listed is refused.
    """

    address: Annotated[str, Meta(max_length=512)]
    role: Role = "machine"
    model: Text
    version: Text = "1"
    names: dict[_Level, Annotated[dict[Annotated[str, Meta(max_length=100)], _Level], Meta(min_length=1)]] = {}
    production: Operation | None = None
    economics: Economics | None = None
    topics: Annotated[list[TopicRule], Meta(min_length=1, max_length=MAX_TOPICS)]


class MappingFile(Group, frozen=True, kw_only=True):
    """The whole file. ``id`` is part of every boot: a new one begins a new life of all its devices."""

    id: Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9_-]{0,62}\Z")]
    name: Text = ""
    description: Annotated[str, Meta(max_length=2000)] = ""
    devices: Annotated[list[DeviceRule], Meta(min_length=1, max_length=MAX_DEVICES)]


def parse_file(text: bytes, source: str) -> MappingFile:
    """The file's bytes as a value; raises ConfigError with file, line and key.

    That its keys go together is checked by ``mapping_check.problems``.
    """
    return parse(text, MappingFile, source)
