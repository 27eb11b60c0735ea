"""The historian's one interface: batches of frames in, columns out.

What it is: the values that cross the wall (``Frame``, ``Query``, ``Table``) and the protocol that every back end keeps.
What it is not: a database. ``historian/influx.py`` and ``historian/duck.py`` are; ``historian/checks.py`` is the
suite of laws that both obey.

The model is InfluxDB's: a *measurement* holds *points*; a point is named by its tags and its time; its fields are
values. Writing a point again sets the fields given and leaves the others, so writing twice is harmless.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Value = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Frame:
    """Points of one series: constant tags, one time per row, and one column per field.

    ``None`` in a column means that the point has no such field. The type of a column is the type of its first value
    that is not ``None``; the whole column has it, and it is the field's type for good (``float`` is never ``int``).
    Tags that are empty strings count as absent. Measurements, tag names and field names match
    ``[a-z_][a-z0-9_]*``; tag values and string fields are any text.

    Raises:
        ValueError: a column of another length than ``time_ns``, or a bad name.
    """

    measurement: str
    tags: Mapping[str, str]
    time_ns: Sequence[int]
    fields: Mapping[str, Sequence[Value | None]]


@dataclass(frozen=True, slots=True)
class Query:
    """What to read: all points of a measurement, narrowed.

    ``where`` keeps the series whose tag has one of the given values; ``start_ns <= time < end_ns``; ``fields`` empty
    means all; ``last`` keeps only the newest point of each series within the range.
    """

    measurement: str
    fields: tuple[str, ...] = ()
    where: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    start_ns: int | None = None
    end_ns: int | None = None
    last: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of equal length: ``time_ns``, the tags and the fields by name; ``None`` where a point lacks a field.

    Rows are ordered by the tags (in the order of their names), then by time. A measurement or field that does not
    exist gives no rows, or a column of ``None``; it is no error.
    """

    time_ns: list[int]
    tags: dict[str, list[str]]
    fields: dict[str, list[Value | None]]

    def __len__(self) -> int:
        return len(self.time_ns)


class Historian(Protocol):
    """What every back end does. Opened by ``historian.open_store(url)``, used as an asynchronous context manager."""

    async def write(self, batch: Sequence[Frame]) -> None:
        """Store every point of the batch durably before returning.

        Raises:
            RetryLater: nothing is certain; write the same batch again later.
            PartialWrite: the frames named are refused, the others are stored.
            Refused: nothing is stored, and never will be.
        """

    async def read(self, query: Query) -> Table:
        """Every point that the query asks for; raises RetryLater when the store does not answer."""

    async def count(self, measurement: str, every_ns: int, start_ns: int, end_ns: int) -> dict[int, int]:
        """Points per window: its start (a multiple of ``every_ns``) -> how many; empty windows are left out."""

    async def close(self) -> None:
        """Let go of files and connections; safe to call twice."""

    async def __aenter__(self) -> Historian: ...

    async def __aexit__(self, *error: object) -> None: ...
