"""One fault as it is asked for: in a scenario file, in a line of text, or by command over MQTT.

What it is: a frozen value that checks itself against the table of kinds, and its form as one line of text. The three
ways in give equal values.
What it is not: a schedule (``fault_plan.py``), and not the plant: whether there is such a machine, ``fault_targets.py``
says.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Annotated, Final, ParamSpec

from msgspec import Meta, field

from contract import ContractError
from contract.address import check_level
from service.datafile import nearest
from service.strict_yaml import shown
from simulator import durations
from simulator.catalogue import is_id
from simulator.fault_kinds import FAULTS, Kind, KindOfFault, Target
from simulator.machine_model import Part

MAX_TEXT: Final = 1000
"""Characters of a fault as a line of text."""
KEYS: Final = ("at", "for", "enterprise", "machine", "sensor", "supplier", "material", "magnitude", "cause")
"""What can be said of a fault besides its kind."""
_TARGETS: Final[tuple[Target, ...]] = ("enterprise", "machine", "sensor", "supplier", "material")
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][-+]?[0-9]{1,3})?")
_Short = Annotated[str, Meta(max_length=64)]
P = ParamSpec("P")


class Fault(Part, frozen=True, kw_only=True):
    """A fault to be injected; ``docs/scenarios.md`` has the table of kinds.

    Attributes:
        kind: one of ``FAULTS``.
        at: when it begins: an offset from the start of the live part (``2h``; ``-2h`` lies in the history), or an
            ISO 8601 time; empty: at the start of the live part, by command now.
        for_: how long it lasts, ``for`` in the file; empty: to the end of the run (or an instant, by its kind).
        enterprise: which one of a park.
        machine, sensor, supplier, material: what it hits, by its name.
        magnitude: what it means is said by the kind; None: the kind's default.
        cause: free text for the ledger.
    """

    kind: Kind
    at: _Short = ""
    for_: _Short = field(default="", name="for")
    enterprise: _Short = ""
    machine: _Short = ""
    sensor: _Short = ""
    supplier: _Short = ""
    material: _Short = ""
    magnitude: float | None = None
    cause: Annotated[str, Meta(max_length=200)] = ""

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise ValueError(f"kind: no fault {shown(self.kind)}{nearest(str(self.kind), FAULTS)}")
        try:
            self._check()
        except ValueError as error:
            raise ValueError(f"{self.kind}: {error}") from None

    @property
    def of(self) -> KindOfFault:
        """What the table says of its kind."""
        return FAULTS[self.kind]

    @property
    def size(self) -> float | None:
        """The magnitude, or the kind's default; None for a kind without one."""
        known = self.of.magnitude
        return known.default if self.magnitude is None and known is not None else self.magnitude

    def _check(self) -> None:
        _check_targets(self)
        if self.at:
            with_key("at", durations.start_ns, self.at, 0)
        _check_length(self)
        _check_magnitude(self)
        if len(self.cause) > 200 or not self.cause.isprintable():
            raise ValueError(f"cause: expected one line of at most 200 characters, found {shown(self.cause)}")


def fault_of_text(text: str) -> Fault:
    """A fault as it is written on the command line: ``KIND key=value …``; a value with blanks stands in quotes.

    Raises:
        ValueError: what is wrong, with the key and the nearest known one.

    >>> fault_of_text("stuck machine=stamp-1 sensor=press_force at=2h for=30m").sensor
    'press_force'
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"a fault of {len(text)} characters, at most {MAX_TEXT} are allowed")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{shown(text)}: {str(error).lower()}") from None
    if not words:
        raise ValueError(f"expected KIND key=value …; kinds: {', '.join(FAULTS)}")
    said: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"expected key=value, found {shown(word)}; keys: {', '.join(KEYS)}")
        if key in ("kind", *said):
            raise ValueError(f"{shown(key)}: this key stands twice")
        said[key] = value
    return fault_of_words({"kind": words[0], **said})


def fault_of_words(words: Mapping[str, str]) -> Fault:
    """A fault from keys and values that are all text, ``kind`` among them; raises ValueError as above."""
    values: dict[str, object] = {}
    for key, value in words.items():
        if key not in KEYS and key != "kind":
            raise ValueError(f"{shown(key)}: unknown key{nearest(key, KEYS)}")
        if not value and key != "kind":
            raise ValueError(f"{key}: expected a value, found nothing")
        values["for_" if key == "for" else key] = _number(value) if key == "magnitude" else value
    if "kind" not in words:
        raise ValueError("the key kind is missing")
    return Fault(**values)  # type: ignore[arg-type]


def _check_targets(fault: Fault) -> None:
    of = fault.of
    for target in of.needs:
        if not getattr(fault, target):
            raise ValueError(f"{target}: the key is missing")
    for target in _TARGETS:
        name = getattr(fault, target)
        if not name:
            continue
        if target not in (*of.needs, *of.may, "enterprise"):
            allowed = ", ".join((*of.needs, *of.may, "enterprise"))
            raise ValueError(f"{target}: a fault of this kind has none; its targets: {allowed}")
        if target in ("enterprise", "machine"):
            try:
                check_level(target, name)
            except ContractError as error:
                raise ValueError(error.detail) from None
        elif not is_id(name):
            raise ValueError(f"{target}: expected a name of a-z, 0-9, _ and -, first a letter, found {shown(name)}")
    if fault.machine and fault.supplier:
        raise ValueError("supplier: expected a machine or a supplier, found both")


def _check_length(fault: Fault) -> None:
    of = fault.of
    if not fault.for_:
        if of.lasts == "must":
            raise ValueError("for: the key is missing; say how long it lasts")
        return
    if of.lasts == "no":
        raise ValueError("for: a fault of this kind is an instant and has no length")
    length_ns = with_key("for", durations.duration_ns, fault.for_)
    if length_ns == 0:
        raise ValueError("for: expected more than nothing")
    if of.longest and length_ns > durations.duration_ns(of.longest):
        raise ValueError(f"for: expected at most {of.longest}, found {shown(fault.for_)}")


def _check_magnitude(fault: Fault) -> None:
    known, size = fault.of.magnitude, fault.magnitude
    if known is None:
        if size is not None:
            raise ValueError("magnitude: a fault of this kind has none")
    elif size is None:
        if known.default is None:
            raise ValueError(f"magnitude: the key is missing; {known.what}")
    elif not (isfinite(size) and known.low <= size <= known.high):
        raise ValueError(f"magnitude: expected {known.what}, {known.low:g} to {known.high:g}, found {size:g}")


def with_key(key: str, read: Callable[P, int], *arguments: P.args, **named: P.kwargs) -> int:
    """What ``read`` makes of the arguments; its ValueError with the key before it."""
    try:
        return read(*arguments, **named)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"magnitude: expected a number, found {shown(text)}")
    return float(text)
