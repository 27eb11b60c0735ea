"""The historian's columns as rows of events, by machine.

What it is: the only place that knows under which measurements and fields the events are stored.
What it is not: a validator. The ingester checked the messages; a row that lacks what is needed here says nothing and is
passed over, so that one odd device cannot stop the figures of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeVar

from analytics.events import BirthEvent, CycleEvent, MachineEvents, Reading, StateEvent, Word
from analytics.rollup import Path
from contract import LEVELS, Birth, ContractError, decode
from historian.base import Table

COUNTER: Final = "energy_wh"
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "state": ("_boot", "state", "reason", "cause"),
    "cycle": ("_boot", "good", "scrap", "rework", "ideal_ns"),
    "meter": ("_boot", COUNTER),
    "birth": ("_boot", "role", "body"),
    "death": ("_boot", "_seq"),
}
"""Measurement -> the fields that the analytics read, ``_boot`` first."""

ROLES: Final = ("machine", "meter")
"""The roles that have figures; a gateway, a market and a supplier make nothing and use nothing."""

Plant = dict[Path, MachineEvents]
_Row = tuple[Any, ...]


@dataclass(slots=True)
class Stored:
    """What was read of the events, by measurement."""

    tables: dict[str, list[Table]] = field(default_factory=lambda: {name: [] for name in FIELDS})
    seen: list[Table] = field(default_factory=list)

    def add(self, measurement: str, table: Table) -> None:
        """Take another table of this measurement; overlap with what is there does no harm."""
        self.tables[measurement].append(table)

    def plant(self) -> Plant:
        """The events of every machine and meter."""
        plant: Plant = {}
        outside: set[Path] = set()
        for path, rows in self._series("birth"):
            for row in rows:
                birth = _birth(*row)
                if birth is None:
                    continue
                if birth.role in ROLES:
                    plant.setdefault(path, MachineEvents()).births.append(birth)
                else:
                    outside.add(path)
        for measurement, convert in _ROWS.items():
            for path, rows in self._series(measurement):
                if path not in outside:
                    events = plant.setdefault(path, MachineEvents())
                    getattr(events, _COLLECTION[measurement]).extend(convert(rows))
        for table in self.seen:
            for path, rows in _rows(table, ("_boot",)):
                if path in plant:
                    plant[path].seen.extend(Word(*row) for row in rows)
        return plant

    def times(self, measurement: str) -> list[int]:
        """The times of all points read of a measurement."""
        return [t for table in self.tables[measurement] for t in table.time_ns]

    def _series(self, measurement: str) -> Iterator[tuple[Path, list[_Row]]]:
        for table in self.tables[measurement]:
            yield from _rows(table, FIELDS[measurement])


def _rows(table: Table, names: Sequence[str]) -> Iterator[tuple[Path, list[_Row]]]:
    for path, slice_ in series(table):
        columns = [table.fields[name][slice_] for name in names]
        rows = zip(table.time_ns[slice_], *columns, strict=True)
        yield path, [row for row in rows if isinstance(row[1], str)]


def series(table: Table) -> Iterator[tuple[Path, slice]]:
    """The rows of each series; tables are ordered by tags, so a series is a run."""
    if not all(level in table.tags for level in LEVELS):
        return  # nothing with an address
    start, current = 0, None
    for number, path in enumerate(zip(*(table.tags[level] for level in LEVELS), strict=True)):
        if path != current:
            if current is not None:
                yield current, slice(start, number)
            start, current = number, path
    if current is not None:
        yield current, slice(start, len(table))


def states_of(table: Table) -> Iterator[tuple[Path, list[StateEvent]]]:
    """The states in a table of the measurement ``state``, by machine."""
    for path, rows in _rows(table, FIELDS["state"]):
        yield path, _states(rows)


def _states(rows: Sequence[_Row]) -> list[StateEvent]:
    return [
        StateEvent(t, boot, state, reason, cause if isinstance(cause, str) else "")
        for t, boot, state, reason, cause in rows
        if isinstance(state, str) and isinstance(reason, str)
    ]


def _cycles(rows: Sequence[_Row]) -> list[CycleEvent]:
    return [CycleEvent(*row) for row in rows if all(isinstance(value, int) for value in row[2:])]


def _readings(rows: Sequence[_Row]) -> list[Reading]:
    return [Reading(*row) for row in rows if isinstance(row[2], int)]


def _deaths(rows: Sequence[_Row]) -> list[Word]:
    """Clean deaths; the broker's will takes seq 0."""
    return [Word(t, boot) for t, boot, seq in rows if seq]


_Events = TypeVar("_Events")
_ROWS: Final[Mapping[str, Callable[[Sequence[_Row]], Sequence[object]]]] = {
    "state": _states,
    "cycle": _cycles,
    "meter": _readings,
    "death": _deaths,
}
_COLLECTION: Final = {"state": "states", "cycle": "cycles", "meter": "readings", "death": "deaths"}


def _birth(t: int, boot: str, role: Any, body: Any) -> BirthEvent | None:
    message = _decoded(body) if isinstance(body, str) else None
    if message is not None:
        return BirthEvent(t, boot, message.role, message.production, message.economics)
    return BirthEvent(t, boot, role) if isinstance(role, str) else None


@lru_cache(maxsize=4096)
def _decoded(body: str) -> Birth | None:
    """The birth that is kept as the payload it came in; None when this version cannot read it."""
    try:
        message = decode("birth", body.encode())
    except ContractError:
        return None  # written by a later version: its role is a field of its own, its prices stay unknown
    return message if isinstance(message, Birth) else None
