"""Our line protocol against the client library's ``Point`` where that one is right, and the cases where it is not."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from historian.base import MAX_TIME_NS, MIN_TIME_NS, RESERVED, Frame
from historian.line_protocol import encode, given_tag, stored_tag

PATIENT = settings(deadline=None)  # the machine may be busy
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True).filter(lambda name: name not in RESERVED)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# Point changes backslashes and white space in tag values for good; the signs are ours.
TAGS_OF_POINT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\\n\r\t\0⧵␤␍␀␛"), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.one_of(FLOATS, st.integers(-(2**63), 2**63 - 1), TEXTS, st.booleans())
TIMES = st.integers(MIN_TIME_NS, MAX_TIME_NS)


@PATIENT
@given(NAMES, st.dictionaries(NAMES, TAGS_OF_POINT, max_size=4), NAMES, VALUES, TIMES)
def test_a_field_is_said_as_point_says_it(m: str, tags: dict[str, str], name: str, value: Any, time: int) -> None:
    influx = pytest.importorskip("influxdb_client")
    tags.pop(name, None)
    point = influx.Point(m).field(name, value).time(time)
    for tag, text in tags.items():
        point = point.tag(tag, text)
    ours = encode([Frame(m, tags, [time], {name: [value]})]).decode()
    theirs = point.to_line_protocol() + "\n"
    if isinstance(value, float):  # 1e16 or 1e+16, 5.0 or 5: both read back as the same float
        (ours, our_number), (theirs, their_number) = (_without_number(line, time) for line in (ours, theirs))
        assert repr(float(our_number)) == repr(float(their_number)) == repr(value)
    assert ours == theirs


def _without_number(line: str, time: int) -> tuple[str, str]:
    before, _, number = line.removesuffix(f" {time}\n").rpartition("=")
    return before, number


@PATIENT
@given(st.dictionaries(NAMES, st.lists(VALUES | st.none(), min_size=3, max_size=3), max_size=5))
def test_a_line_holds_the_fields_that_are_there(columns: dict[str, list[Any]]) -> None:
    columns = {
        name: [v for v in column if type(v) in (type(column[0]), type(None))] for name, column in columns.items()
    }
    columns = {name: column for name, column in columns.items() if len(column) == 3}
    wanted = []
    for row in range(3):
        parts = []
        for name, column in columns.items():
            if column[row] is not None:
                alone = encode([Frame("m", {"the_only_tag": "100 %s"}, [row], {name: [column[row]]})]).decode()
                parts.append(alone.removeprefix("m,the_only_tag=100\\ %s ").removesuffix(f" {row}\n"))
        wanted.append(("m,the_only_tag=100\\ %s ", sorted(parts), f" {row}\n"))
    found = encode([Frame("m", {"the_only_tag": "100 %s"}, [0, 1, 2], columns)]).decode()
    for head, parts, time in wanted:
        if parts:
            length = len(head) + sum(map(len, parts)) + len(parts) - 1 + len(time)
            line, found = found[:length], found[length:]
            assert line.startswith(head)
            assert line.endswith(time)
            assert all(part in line for part in parts)
    assert found == ""


@PATIENT
@given(TEXTS)
def test_a_tag_value_comes_back(text: str) -> None:
    stored = stored_tag(text)
    assert given_tag(stored) == text
    assert not set(stored) & set("\\\n\r\0")


@PATIENT
@given(TEXTS, TEXTS)
def test_tag_values_stay_different(one: str, other: str) -> None:
    assert (stored_tag(one) == stored_tag(other)) == (one == other)


def test_what_others_wrote_is_read_as_it_is() -> None:
    assert given_tag("C:\\temp ␛") == "C:\\temp ␛"


def test_where_point_is_wrong() -> None:
    """The lines by which ``Point`` loses data: a backslash at the end, a newline, a value that is none."""
    frame = Frame("m", {"a": "end\\", "b": "two\nlines", "c": ""}, [1], {"x": [1]})
    assert encode([frame]).decode() == "m,a=end⧵,b=two␤lines x=1i 1\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_no_frame(value: float) -> None:
    with pytest.raises(ValueError, match=r"m\.x: holds NaN or an infinity; leave the value out"):
        Frame("m", {}, [1, 2, 3], {"x": [1.0, value, None]})


def test_a_large_sum_is_no_infinity() -> None:
    assert encode([Frame("m", {}, [1, 2], {"x": [1.7e308, 1.7e308]})]) == b"m x=1.7e308 1\nm x=1.7e308 2\n"


@pytest.mark.parametrize("time", [MIN_TIME_NS - 1, MAX_TIME_NS + 1, 2**80])
def test_times_that_influxdb_cannot_store(time: int) -> None:
    with pytest.raises(ValueError, match="a time outside"):
        encode([Frame("m", {}, [0, time], {"x": [1, 2]})])


@pytest.mark.parametrize(
    "frame", [Frame("m", {"a": "\ud800"}, [1], {"x": [1]}), Frame("m", {}, [1], {"x": ["\udfff"]})]
)
def test_text_that_is_none(frame: Frame) -> None:
    with pytest.raises(ValueError, match="lone surrogate"):
        encode([frame])


class Word(StrEnum):
    RUNNING = "running"


def test_members_of_subclasses_are_plain_values() -> None:
    numpy = pytest.importorskip("numpy")
    frame = Frame("m", {"a": Word.RUNNING}, [1, 2], {"x": [numpy.float64(0.1), 2.0], "y": [Word.RUNNING, "b"]})
    assert encode([frame]) == b'm,a=running x=0.1,y="running" 1\nm,a=running x=2.0,y="b" 2\n'
    assert {type(value) for column in frame.fields.values() for value in column} == {float, str}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("M", {}, [1], {}), "is no name"),
        (("m", {"a b": "x"}, [1], {}), "is no name"),
        (("m", {"time": "x"}, [1], {}), "reserved"),
        (("m", {"a": 1}, [1], {}), "tag a is int, not str"),
        (("m", {}, [1], {"x\n": [1]}), "is no name"),
        (("m", {}, [1.5], {"x": [1]}), "time_ns holds other things than int"),
        (("m", {}, [True], {"x": [1]}), "time_ns holds other things than int"),
        (("m", {}, [1, 2], {"x": [1]}), "1 values for 2 times"),
        (("m", {"x": "a"}, [1], {"x": [1]}), "both a tag and a field"),
        (("m", {}, [1, 2], {"x": [1, 2.5]}), "mixes float and int"),
        (("m", {}, [1, 2], {"x": [True, 1]}), "mixes bool and int"),
        (("m", {}, [1], {"x": [b"x"]}), "holds a bytes"),
        (("m", {}, [1], {"x": [2**63]}), "more than 64 bits"),
    ],
)
def test_what_is_no_frame(arguments: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Frame(*arguments)
