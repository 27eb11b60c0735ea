"""Our line protocol against the client library's ``Point``, where that one is right, and where it is not."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from historian.base import MAX_TIME_NS, MIN_TIME_NS, Frame
from historian.line_protocol import encode, given_tag, stored_tag

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True).filter(
    lambda name: name not in ("time", "_time", "_field", "_measurement")
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# Point rewrites these in tag values, or ends them with a space, for good.
TAGS_OF_POINT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\\n\r\t\0⧵␤␍␀␛"), max_size=20)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(FLOATS, INTEGERS, TEXTS, st.booleans(), st.none())
TIMES = st.integers(MIN_TIME_NS, MAX_TIME_NS)


@given(NAMES, st.dictionaries(NAMES, TAGS_OF_POINT, max_size=4), st.dictionaries(NAMES, VALUES, max_size=5), TIMES)
def test_the_same_line_as_point(measurement: str, tags: dict[str, str], fields: dict[str, Any], time: int) -> None:
    influx = pytest.importorskip("influxdb_client")
    fields = {name: value for name, value in sorted(fields.items()) if name not in tags}
    point = influx.Point(measurement).time(time)
    for name, value in tags.items():
        point = point.tag(name, value)
    for name, value in fields.items():
        point = point.field(name, value)
    ours = encode([Frame(measurement, tags, [time], {name: [value] for name, value in fields.items()})]).decode()
    theirs = point.to_line_protocol()
    assert sorted_fields(ours, fields) == sorted_fields(theirs + "\n" * bool(theirs), fields)


def sorted_fields(line: str, fields: dict[str, Any]) -> tuple[str, list[str], str]:
    """Head, fields and time of a line; ``Point`` cuts ``.0`` off a float, and sorts the fields otherwise."""
    parts = []
    for name, value in fields.items():
        start = re.search(rf"[ ,]{name}=", line)
        if start is None:
            continue
        text = line[start.end() :]
        if isinstance(value, float):
            number = re.match(r"[-+.e0-9]+", text)
            assert number is not None
            assert float(number[0]) == value
            line = line[: start.end()] + repr(value) + text[number.end() :]
    head, _, rest = line.partition(" ") if "\\ " not in line else (line, "", "")
    body, _, time = rest.rpartition(" ")
    parts = sorted(body.split(",")) if not any(isinstance(v, str) for v in fields.values()) else [body]
    return head, parts, time
