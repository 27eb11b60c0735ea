"""Long columns as line protocol: the same points as ``encode_frame`` says, and what is left to it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.decimals import Decimals
from historian.base import MAX_TIME_NS, Frame, Value, series_of
from historian.line_columns import encode_columns
from historian.line_protocol import encode_frame
from historian.repeated import Repeated

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

from parsing import parse_lines

START = 1_760_000_000_000_000_000
NUMBER = st.from_regex(r"\A-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,20})?\Z")
TEXT = st.text(st.sampled_from(' ,="\\\n\r\t#%s{}⧵␤␍␀␛\u2028é中a1'), max_size=12)


def framed(
    columns: dict[str, list[str]], times: Sequence[int], tags: dict[str, str], **repeated: Repeated[Any]
) -> Frame:
    fields: dict[str, Any] = {name: Decimals(",".join(c).encode(), len(c)) for name, c in columns.items()}
    kinds: dict[str, type[Value] | None] = dict.fromkeys(fields, float)
    for name, column in repeated.items():
        kinds[name] = type(column.values[0])
    return Frame.trusted(
        "telemetry", tags=tags, series=series_of(tags), time_ns=times, fields=fields | repeated, kinds=kinds
    )


@st.composite
def some_frames(draw: st.DrawFn) -> list[Frame]:
    """Frames of one shape or two, each of one message or several."""
    made = []
    for _ in range(draw(st.integers(1, 4))):
        names = draw(st.sampled_from([("a",), ("a", "temperature"), ("b", "a")]))
        counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
        rows = sum(counts)
        columns = {name: draw(st.lists(NUMBER, min_size=rows, max_size=rows)) for name in names}
        first = draw(st.integers(10**18, MAX_TIME_NS - 100))
        boots = Repeated([draw(TEXT) for _ in counts], counts)
        seqs = Repeated([draw(st.integers(0, 2**53)) for _ in counts], counts)
        tags = {name: draw(TEXT) for name in ("machine", "line")}
        made.append(framed(columns, list(range(first, first + rows)), tags, _boot=boots, _seq=seqs))
    return made


@settings(deadline=None)
@given(some_frames())
def test_the_points_are_those_of_encode_frame(frames: list[Frame]) -> None:
    found = encode_columns(frames, least=1)
    assert sorted(found) == list(range(len(frames)))
    for index, frame in enumerate(frames):
        assert parse_lines(found[index]) == parse_lines(encode_frame(frame))
        assert b"\0" not in found[index]


ONE = Repeated([1], [2])
TWO = ["1.5", "2"]


@pytest.mark.parametrize(
    "frame",
    [
        framed({"a": TWO}, [1, 2], {}, n=ONE),
        framed({"a": TWO}, [START, MAX_TIME_NS + 1], {}, n=ONE),
        framed({"a": TWO}, [START, 2**70], {}, n=ONE),
        framed({"a": ["1", "2" * 60]}, [START, START + 1], {}, n=ONE),
        framed({"a": TWO}, [START, START + 1], {}, n=Repeated(["a\0b"], [2])),
        framed({"a": TWO}, [START, START + 1], {}, n=Repeated(["\ud800"], [2])),
        framed({"a": TWO}, [START, START + 1], {"machine": "\ud800"}, n=ONE),
        framed({"a": TWO}, [START, START + 1], {}, n=ONE, m=Repeated([1, 2], [1, 1])),
        framed({}, [START, START + 1], {}, n=ONE),
        Frame("telemetry", {}, [START, START + 1], {"a": [1.5, 2.0]}),
        Frame("telemetry", {}, [START, START + 1], {"a": [1.5, 2.0], "b": [None, None]}),
    ],
    ids=[
        "early",
        "late",
        "beyond",
        "long",
        "nul",
        "surrogate",
        "surrogate-tag",
        "uneven",
        "no-numbers",
        "lists",
        "empty-column",
    ],
)
def test_what_is_left_to_encode_frame(frame: Frame) -> None:
    good = framed({"a": TWO}, [START, START + 1], {"machine": "m"}, _seq=ONE)
    assert list(encode_columns([frame, good], least=1)) == [1]


def test_few_numbers_are_not_worth_it() -> None:
    frames = [framed({"a": TWO}, [START, START + 1], {"machine": f"m{n}"}, n=ONE) for n in range(128)]
    assert not encode_columns(frames[:127])
    assert len(encode_columns(frames)) == 128


def test_numbers_without_anything_beside_them() -> None:
    (lines,) = encode_columns([framed({"a": TWO}, [START, START + 1], {"m": "x"})], least=1).values()
    assert lines.decode() == f"telemetry,m=x a=1.5 {START}\ntelemetry,m=x a=2 {START + 1}\n"


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), min_size=1, max_size=6), st.data())
def test_repeated_is_the_list_that_it_stands_for(runs: list[tuple[int, int]], data: st.DataObject) -> None:
    plain = [value for value, count in runs for _ in range(count)]
    column = Repeated([value for value, _ in runs], [count for _, count in runs])
    at = data.draw(st.integers(0, len(plain) - 1))
    assert (list(column), len(column), column[at], column[at:]) == (plain, len(plain), plain[at], plain[at:])
