r"""Frames as InfluxDB's line protocol.

What it is: a pure function from frames to bytes, and the one reversible rewriting of tag values that the protocol
needs. Four to seven times as fast as the client library's ``Point``, and right where that one is not: the library
appends a space to a tag value that ends with a backslash, and turns a newline into a backslash and an ``n`` for good.
What it is not: a client, and not a parser.
The standard: InfluxDB line protocol as 1.8 and 2.x parse it (``models/points.go``), nanosecond times.

In a tag value the protocol has no way to say a newline, nor a backslash at the end (elsewhere a backslash means one
thing or another by the character after it), and InfluxQL cannot ask for a value with a carriage return or a NUL in it.
These four characters are therefore stored as signs that look like them: ``⧵`` (U+29F5), ``␤``, ``␍`` and ``␀``; where
a text holds such a sign itself, ``␛`` (U+241B) stands before it. Reading turns all of it back.

>>> from historian.base import Frame
>>> frame = Frame("state", {"machine": "a b", "line": ""}, [5], {"reason": ['say "no"'], "good": [3], "rate": [0.5]})
>>> print(encode([frame]).decode(), end="")
state,machine=a\ b reason="say \"no\"",good=3i,rate=0.5 5
>>> stored_tag("C:\\temp\n"), given_tag(stored_tag("C:\\temp\n")) == "C:\\temp\n"
('C:⧵temp␤', True)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any, Final

import msgspec

from historian.base import Frame, Tags, Value

_SIGNS: Final = {"\\": "⧵", "\n": "␤", "\r": "␍", "\0": "␀"}
_CHARACTERS: Final = {sign: character for character, sign in _SIGNS.items()}
_TO_SIGNS: Final = str.maketrans(_SIGNS | {sign: f"␛{sign}" for sign in (*_CHARACTERS, "␛")})
_NEEDS_SIGNS: Final = re.compile(r"[\\\n\r\x00⧵␤␍␀␛]")
_SIGN: Final = re.compile(r"␛([⧵␤␍␀␛])|[⧵␤␍␀]")
_ESCAPES: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})


def encode(frames: Iterable[Frame]) -> bytes:
    """One line per point, in the order given; rows without any value give none.

    Raises:
        ValueError: a time that InfluxDB cannot store, or text that is not Unicode (a lone surrogate).
    """
    return b"".join(map(encode_frame, frames))


def encode_frame(frame: Frame) -> bytes:
    """The lines of one frame; raises ValueError as ``encode`` does."""
    frame.check_times()
    names: list[tuple[str, type[Value]]] = []
    columns: list[Iterable[str]] = []
    sparse: list[list[str]] = []
    for name, kind in frame.kinds.items():
        if kind is None:
            continue
        column = frame.fields[name]
        if type(column) is not list:
            column = list(column)
        if None in column:
            sparse.append(_optional(name, kind, column))
        else:
            names.append((name, kind))
            columns.append(_TEXTS[kind](column))
    try:
        if not names:
            head = head_of(frame.measurement, frame.series)
            rows = zip(map("".join, zip(*sparse, strict=True)), frame.time_ns, strict=bool(sparse))
            return "".join(f"{head}{body[1:]} {time}\n" for body, time in rows if body).encode()
        *pieces, last = _pieces(frame.measurement, frame.series, tuple(names))
        parts = [part for piece, column in zip(pieces, columns, strict=True) for part in (repeat(piece), column)]
        times = _numbers(frame.time_ns)
        return "".join(
            chain.from_iterable(zip(*parts, repeat(last), *sparse, repeat(" "), times, repeat("\n")))
        ).encode()
    except UnicodeEncodeError:
        frame.check_storable()  # says which text it is
        raise


def stored_tag(value: str) -> str:
    """A tag value as it stands in InfluxDB: the same text, but for the four characters named above."""
    return value.translate(_TO_SIGNS) if _NEEDS_SIGNS.search(value) else value


def given_tag(stored: str) -> str:
    """The tag value that was given, out of what stands in InfluxDB."""
    return _SIGN.sub(lambda sign: sign[1] or _CHARACTERS[sign[0]], stored)


@lru_cache(maxsize=65_536)
def head_of(measurement: str, series: Tags) -> str:
    """What every line of a series begins with; the names need no escape (``Frame`` has checked them)."""
    tags = "".join(f",{name}={stored_tag(value).translate(_ESCAPES)}" for name, value in series)
    return f"{measurement}{tags} "


@lru_cache(maxsize=65_536)
def _pieces(measurement: str, series: Tags, names: tuple[tuple[str, type[Value]], ...]) -> tuple[str, ...]:
    """What stands before each value of a line, and behind the last."""
    pieces = [head_of(measurement, series)]
    for name, kind in names:
        before, behind = _SIGNS_AROUND[kind]
        pieces[-1] += f"{'' if len(pieces) == 1 else ','}{name}={before}"
        pieces.append(behind)
    return tuple(pieces)


def text_of(kind: type[Value], value: Any) -> str:
    """The value of a field as it stands in a line."""
    before, behind = _SIGNS_AROUND[kind]
    return f"{before}{_SAY[kind](value)}{behind}"


def _optional(name: str, kind: type[Value], column: Sequence[Value | None]) -> list[str]:
    before, behind = _SIGNS_AROUND[kind]
    say = _SAY[kind]
    return ["" if value is None else f",{name}={before}{say(value)}{behind}" for value in column]


def _numbers(column: Sequence[Any]) -> list[str]:
    """Numbers as JSON has them, all in one call: a float is the shortest text that reads back as the same float."""
    return _encode(column)[1:-1].decode().split(",")


def _number(value: float) -> str:
    return _encode(value).decode()


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _truths(column: Iterable[Any]) -> Iterable[str]:
    return map(_truth, column)


def _texts(column: Sequence[Any]) -> Iterable[str]:
    joined = "".join(column)
    return map(_text, column) if '"' in joined or "\\" in joined else column


_encode: Final = msgspec.json.Encoder().encode
_TEXTS: Final[dict[type[Value], Callable[[Sequence[Any]], Iterable[str]]]] = {
    float: _numbers,
    int: _numbers,
    str: _texts,
    bool: _truths,
}
_SAY: Final[dict[type[Value], Callable[[Any], str]]] = {float: _number, int: _number, str: _text, bool: _truth}
_SIGNS_AROUND: Final[dict[type[Value], tuple[str, str]]] = {
    float: ("", ""),
    int: ("", "i"),
    str: ('"', '"'),
    bool: ("", ""),
}
