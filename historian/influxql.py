r"""Queries as InfluxQL text.

What it is: pure functions from ``Query`` to the one query language that InfluxDB 1.8, 2.x and 3 answer and Grafana
speaks. Names and texts are quoted, so that no value of a tag can become a part of the query.
What it is not: a client (see ``influx.py``), and not Flux, which InfluxDB 3 has not.
The standard: the InfluxQL specification, "Identifiers" and "Strings".

>>> from historian.base import Query
>>> query = Query("state", ("reason",), {"line": "o'hara", "machine": ("a", "b")}, start_ns=5, last=True)
>>> for part in select(query).split(" AND "):
...     print(part)
SELECT "reason" FROM "state" WHERE "line"::tag = 'o\'hara'
("machine"::tag = 'a' OR "machine"::tag = 'b')
time >= 5 GROUP BY * ORDER BY time DESC LIMIT 1
"""

# ruff: noqa: S608  # building queries is what this file does; every name and text in them is quoted

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from historian.base import MAX_TIME_NS, MIN_TIME_NS, Query
from historian.line_protocol import stored_tag

_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n"}
_IN_NAME: Final = str.maketrans({**_ESCAPES, '"': '\\"'})
_IN_TEXT: Final = str.maketrans({**_ESCAPES, "'": "\\'"})


def select(query: Query) -> str:
    """The points of a query, one group per series."""
    fields = ", ".join(map(name, dict.fromkeys(query.fields))) or "*::field"
    newest = " ORDER BY time DESC LIMIT 1" if query.last else ""
    terms = [_one_of(tag, query.wanted(tag)) for tag in query.where]
    return f"SELECT {fields} FROM {name(query.measurement)}{_where([*terms, *_span(query)])} GROUP BY *{newest}"


def count(measurement: str, every_ns: int, start_ns: int, end_ns: int) -> str:
    """How many values each field has per window.

    >>> count("meter", 60, 0, 120)
    'SELECT count(*::field) FROM "meter" WHERE time >= 0 AND time < 120 GROUP BY time(60ns) fill(none)'
    """
    # Without an upper bound InfluxDB would end windows at its own clock; the plant's may be ahead of it.
    span = [*_span(Query(measurement, start_ns=start_ns)), f"time < {max(min(end_ns, MAX_TIME_NS + 1), MIN_TIME_NS):d}"]
    return f"SELECT count(*::field) FROM {name(measurement)}{_where(span)} GROUP BY time({every_ns:d}ns) fill(none)"


def field_types(measurement: str) -> str:
    """The fields of a measurement with their types: JSON does not tell the float 1 from the integer."""
    return f"SHOW FIELD KEYS FROM {name(measurement)}"


def name(text: str) -> str:
    """A quoted identifier."""
    return f'"{text.translate(_IN_NAME)}"'


def text(value: str) -> str:
    """A quoted string."""
    return f"'{value.translate(_IN_TEXT)}'"


def _one_of(tag: str, values: tuple[str, ...]) -> str:
    """Equality rather than a regular expression: nothing to escape, and the index answers it."""
    terms = [f"{name(tag)}::tag = {text(stored_tag(value))}" for value in values]
    return terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"


def _span(query: Query) -> list[str]:
    """Bounds beyond what InfluxDB stores would be a syntax error; they bound nothing anyway."""
    span = []
    if query.start_ns is not None and query.start_ns > MIN_TIME_NS:
        span.append(f"time >= {min(query.start_ns, MAX_TIME_NS + 1):d}")
    if query.end_ns is not None and query.end_ns <= MAX_TIME_NS:
        span.append(f"time < {max(query.end_ns, MIN_TIME_NS):d}")
    return span


def _where(terms: Iterable[str]) -> str:
    joined = " AND ".join(terms)
    return f" WHERE {joined}" if joined else ""
