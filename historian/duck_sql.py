"""What the DuckDB back end says to DuckDB.

What it is: pure functions that give SQL text, and the value that says what is known of a measurement. Names come
from checked frames or are quoted; texts travel as parameters or columns, never inside the SQL.
What it is not: a connection (see ``duck.py``).
The standard: DuckDB's SQL; times are BIGINT nanoseconds, because its TIMESTAMP_NS would lose nothing but gain nothing.
"""

# ruff: noqa: S608  # building queries is what this file does; every name in them is quoted

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from historian.base import Frame, Query, Tags, Value

SERIES: Final = "series#"
"""The column that names the series of a point; no field can have such a name."""
SQL_TYPE: Final[dict[type[Value], str]] = {float: "DOUBLE", int: "BIGINT", str: "VARCHAR", bool: "BOOLEAN"}
KIND: Final = {name: kind for kind, name in SQL_TYPE.items()}
CATALOGUE: Final = (
    "CREATE SCHEMA catalogue",
    "CREATE TABLE catalogue.format (version INTEGER)",
    "INSERT INTO catalogue.format VALUES (1)",
    "CREATE TABLE catalogue.series (id INTEGER, measurement VARCHAR, tags VARCHAR)",
)
"""What makes an empty database a historian; ``tags`` is a JSON object."""
FORMAT: Final = 1


Ids = Mapping[Tags, int]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is known of one measurement. Replaced, never changed, so that readers need no lock."""

    kinds: Mapping[str, type[Value]]
    series: Ids

    def learn(self, frame: Frame) -> Measurement:
        """The same with the fields of a frame added; raises ValueError when one has another type already."""
        new = {name: kind for name, kind in frame.kinds.items() if kind is not None}
        for name, kind in new.items():
            known = self.kinds.get(name, kind)
            if known is not kind:
                raise ValueError(f"{frame.measurement}.{name} is {known.__name__}, not {kind.__name__}")
        return self if new.keys() <= self.kinds.keys() else Measurement({**self.kinds, **new}, self.series)


NOTHING: Final = Measurement({}, {})
COLUMNS: Final = (
    "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
    "WHERE table_oid IN (SELECT table_oid FROM duckdb_tables()) ORDER BY schema_name, table_name, column_index"
)
"""Every column of every table in the file."""


def grow(measurement: str, before: Measurement | None, after: Measurement) -> list[str]:
    """The statements that give the table of a measurement its new columns."""
    columns = [f"{name(field)} {SQL_TYPE[kind]}" for field, kind in after.kinds.items()]
    if before is None:
        return [f"CREATE TABLE {table(measurement)} ({name(SERIES)} INTEGER, time BIGINT, {', '.join(columns)})"]
    return [f"ALTER TABLE {table(measurement)} ADD COLUMN {column}" for column in columns[len(before.kinds) :]]


def merge(measurement: str, fields: Iterable[str], first_ns: int, last_ns: int) -> str:
    """Put the rows of ``batch`` into a measurement: new points are added, known ones get the fields given.

    The span of time is said twice so that DuckDB looks only at the row groups that may hold such points.
    """
    names = [name(field) for field in fields]
    key, into = name(SERIES), table(measurement)
    same = f"t.{key} = b.{key} AND t.time = b.time AND t.time BETWEEN {first_ns:d} AND {last_ns:d}"
    update = ", ".join(f"{field} = COALESCE(b.{field}, t.{field})" for field in names)
    columns = [key, "time", *names]
    return (
        f"MERGE INTO {into} AS t USING batch AS b ON {same} WHEN MATCHED THEN UPDATE SET {update} "
        f"WHEN NOT MATCHED THEN INSERT ({', '.join(columns)}) VALUES ({', '.join('b.' + c for c in columns)})"
    )


def append(measurement: str, fields: Iterable[str]) -> str:
    """Put the rows of ``batch``, none of which is stored, into a measurement."""
    columns = ", ".join([name(SERIES), "time", *map(name, fields)])
    return f"INSERT INTO {table(measurement)} ({columns}) SELECT {columns} FROM batch"


def newest(measurement: str) -> str:
    """The newest time of each series of a measurement."""
    return f"SELECT {name(SERIES)}, max(time) FROM {table(measurement)} GROUP BY {name(SERIES)}"


def select(query: Query, fields: Iterable[str], every_field: bool) -> str:
    """The points of a query whose series are in ``chosen (id, place)``, in order of place and time.

    ``every_field`` says that no point can be without all of ``fields``.
    """
    names = [f"t.{name(field)}" for field in fields]
    key = name(SERIES)
    terms = []
    if query.start_ns is not None:
        terms.append(f"t.time >= {query.start_ns:d}")
    if query.end_ns is not None:
        terms.append(f"t.time < {query.end_ns:d}")
    if not every_field:
        terms.append("(" + " OR ".join(f"{field} IS NOT NULL" for field in names) + ")")
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    points = f"FROM {table(query.measurement)} AS t JOIN chosen ON t.{key} = chosen.id"
    columns = ", ".join(["chosen.place AS place", "t.time AS time", *names])
    if not query.last:
        return f"SELECT {columns} {points}{where} ORDER BY place, t.time"
    newest = f"SELECT t.{key} AS id, max(t.time) AS time {points}{where} GROUP BY t.{key}"
    return (
        f"SELECT {columns} {points} JOIN ({newest}) AS newest ON t.{key} = newest.id AND t.time = newest.time "
        f"ORDER BY place"
    )


def count(measurement: str, every_ns: int, start_ns: int, end_ns: int) -> str:
    """How many points each window has, by the window's number: its start may lie before what BIGINT holds."""
    floor = f"time // {every_ns:d} - (time % {every_ns:d} < 0)::BIGINT"  # // rounds towards zero
    span = f"time >= {start_ns:d} AND time < {end_ns:d}"
    return f"SELECT {floor} AS w, count(*) FROM {table(measurement)} WHERE {span} GROUP BY w ORDER BY w"


def table(measurement: str) -> str:
    """The table of a measurement."""
    return f"main.{name(measurement)}"


def name(text: str) -> str:
    """A quoted identifier."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
