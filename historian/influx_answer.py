"""What InfluxDB answers to InfluxQL, and the table that comes of it.

What it is: the shape of the JSON of ``/query`` with ``chunked=true`` and ``epoch=ns``, and the gathering of its pieces.
What it is not: a client (see ``influx.py``).
The standard: InfluxDB's ``/query`` as 1.8 and 2.x answer it. JSON writes the float 1.0 as ``1``: which columns are
floats is asked for in the statement before (``SHOW FIELD KEYS``). A negative zero comes back as zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from historian.base import Query, Table, Tags, Value
from historian.line_protocol import given_tag


class Series(msgspec.Struct):
    """A piece of one series: its tags, and rows whose first value is the time."""

    columns: list[str] = []
    values: list[list[Any]] = []
    tags: dict[str, str] = {}


class Result(msgspec.Struct):
    """What one statement gives."""

    statement_id: int = 0
    series: list[Series] = []
    error: str | None = None


class Answer(msgspec.Struct):
    """One document of the answer."""

    results: list[Result] = []
    error: str | None = None

    @classmethod
    def decode(cls, line: bytes) -> Answer:
        """Read one document; raises msgspec.DecodeError."""
        return _DECODER.decode(line)

    @property
    def problem(self) -> str | None:
        """What InfluxDB found wrong with the query."""
        return self.error or next((result.error for result in self.results if result.error), None)

    def series(self) -> Iterator[Series]:
        """The series of every statement."""
        for result in self.results:
            yield from result.series


_DECODER: Final = msgspec.json.Decoder(Answer)


class Rows:
    """The answer to one query, gathered: statement 0 gives the types of the fields, statement 1 the points."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._floats: set[str] = set()
        self._fields: list[str] = list(dict.fromkeys(query.fields))
        self._series: dict[Tags, list[list[Any]]] = {}

    def add(self, answer: Answer) -> None:
        """Take one document of the answer."""
        for result in answer.results:
            for series in result.series:
                if result.statement_id == 0:
                    self._floats |= {name for name, kind, *_ in series.values if kind == "float"}
                else:
                    self._add_points(series)

    def table(self) -> Table:
        """The table of all that was added."""
        tags = sorted({name for series in self._series for name, _ in series})
        order = sorted(self._series, key=lambda series: [dict(series).get(name, "") for name in tags])
        columns: list[list[Any]] = [[] for _ in range(1 + len(self._fields))]
        lengths = []
        for series in order:
            points = self._series[series]
            lengths.append(len(points[0]))
            for column, values in zip(columns, points, strict=True):
                column.extend(values)
        tag_columns: dict[str, list[str]] = {name: [] for name in tags}
        for series, length in zip(order, lengths, strict=True):
            given = dict(series)
            for name in tags:
                tag_columns[name] += [given.get(name, "")] * length
        fields = {name: self._typed(name, column) for name, column in zip(self._fields, columns[1:], strict=True)}
        if not self._query.fields:
            fields = {name: fields[name] for name in sorted(fields) if any(v is not None for v in fields[name])}
        return Table(columns[0], tag_columns, fields)

    def _add_points(self, series: Series) -> None:
        if not self._fields:
            self._fields = series.columns[1:]
        key = tuple(sorted((name, given_tag(value)) for name, value in series.tags.items() if value))
        points = self._series.setdefault(key, [[] for _ in series.columns])
        for column, values in zip(points, zip(*series.values, strict=True), strict=True):
            column.extend(values)

    def _typed(self, name: str, column: list[Any]) -> list[Value | None]:
        if name not in self._floats:
            return column
        return [None if value is None else float(value) for value in column]
