"""Frames of one measurement as numpy columns, one row per point, and columns as the table of an answer.

What it is: the pure half of the DuckDB back end. Rows that name the same point become one, the later value of each
field winning.
What it is not: SQL (see ``duck.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from historian.base import Frame, Query, Table, Value

Array = npt.NDArray[Any]

_BLANK: Final[dict[type[Value], tuple[type[Any], Value]]] = {
    float: (np.float64, 0.0),
    int: (np.int64, 0),
    bool: (np.bool_, False),
}


@dataclass(frozen=True, slots=True)
class Block:
    """Points as columns: ``series`` and ``time_ns`` name each row once; a field is its values and which are there."""

    series: Array
    time_ns: Array
    fields: Mapping[str, tuple[Array, Array]]

    def __len__(self) -> int:
        return len(self.time_ns)

    def scannable(self, series: str, time: str) -> dict[str, Array]:
        """The columns by name, absent values masked (or None), as DuckDB scans them."""
        columns: dict[str, Array] = {series: self.series, time: self.time_ns}
        for name, (values, there) in self.fields.items():
            columns[name] = values if values.dtype == object else np.ma.masked_array(values, mask=~there)
        return columns


def block(frames: Sequence[tuple[int, Frame]]) -> Block:
    """The points of ``(series id, frame)``; the frames must agree on the type of each field."""
    lengths = [len(frame) for _, frame in frames]
    series = np.repeat(np.array([number for number, _ in frames], dtype=np.int32), lengths)
    time_ns = np.fromiter((time for _, frame in frames for time in frame.time_ns), np.int64, count=len(series))
    kinds = {name: kind for _, frame in frames for name, kind in frame.kinds.items() if kind is not None}
    fields = {name: _column(kind, _values(frames, name)) for name, kind in kinds.items()}
    return _distinct(Block(series, time_ns, fields))


def _values(frames: Iterable[tuple[int, Frame]], name: str) -> list[Value | None]:
    values: list[Value | None] = []
    for _, frame in frames:
        values += frame.fields.get(name) or [None] * len(frame)
    return values


def _column(kind: type[Value], values: list[Value | None]) -> tuple[Array, Array]:
    there = np.ones(len(values), dtype=np.bool_)
    if None in values:
        there = np.array([value is not None for value in values], dtype=np.bool_)
    if kind is str:
        return np.array(values, dtype=object), there
    type_, blank = _BLANK[kind]
    if not there.all():
        values = [blank if value is None else value for value in values]
    return np.array(values, dtype=type_), there


def _distinct(rows: Block) -> Block:
    """One row per point that has a value: the last one of each field."""
    if not rows.fields or not len(rows):
        return Block(rows.series[:0], rows.time_ns[:0], {})
    order = np.lexsort((rows.time_ns, rows.series))  # stable: among equals, the later written stays the later
    series, time_ns = rows.series[order], rows.time_ns[order]
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = (series[1:] != series[:-1]) | (time_ns[1:] != time_ns[:-1])
    starts = np.flatnonzero(first)
    positions = np.arange(len(rows))
    fields: dict[str, tuple[Array, Array]] = {}
    for name, (values, there) in rows.fields.items():
        last = np.maximum.reduceat(np.where(there[order], positions, -1), starts)
        picked = values[order[last]]
        if picked.dtype == object:
            picked[last < 0] = None  # numbers are masked instead
        fields[name] = (picked, last >= 0)
    some = np.logical_or.reduce([there for _, there in fields.values()])
    kept = {name: (values[some], there[some]) for name, (values, there) in fields.items()}
    return Block(series[starts][some], time_ns[starts][some], kept)


def table(query: Query, found: Mapping[str, Array], tags: Sequence[str], places: Sequence[Sequence[str]]) -> Table:
    """The answer to a query out of the columns ``place``, ``time`` and one per field.

    Args:
        query: what was asked.
        found: the columns, in order of place and time.
        tags: the names of the tags.
        places: their values, by place.
    """
    place, time_ns = found["place"], found["time"]
    tag_columns: dict[str, list[str]] = {}
    for position, tag in enumerate(tags):
        values = np.array([values[position] for values in places], dtype=object)[place]
        if any(values):
            tag_columns[tag] = values.tolist()
    fields: dict[str, list[Value | None]] = {}
    for name in query.fields or [name for name in found if name not in ("place", "time")]:
        column: list[Value | None] = found[name].tolist() if name in found else [None] * len(time_ns)
        if query.fields or any(value is not None for value in column):
            fields[name] = column
    return Table(time_ns.tolist(), tag_columns, fields)
