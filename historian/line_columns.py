"""Long columns as line protocol: rows out of columns without touching a value.

What it is: for frames whose numbers are still text (``Decimals``) and whose other columns repeat (``Repeated``). All
lines of such frames stand in one table of bytes, each field in its place; the texts of the numbers are copied into
theirs, all at once, and the blanks between go at the end. Four times as fast as ``encode_frame`` and the same points.
What it is not: another protocol. What it does not know it leaves to ``line_protocol.py``.

>>> from contract.decimals import Decimals
>>> from historian.base import Frame
>>> fields = {"a": Decimals(b"1.5,20,-3", 3), "_seq": Repeated([7], [3])}
>>> times = [1_760_000_000_000_000_000 + second for second in (1, 2, 30)]
>>> frame = Frame.trusted("telemetry", tags={"machine": "m"}, series=(("machine", "m"),), time_ns=times,
...                       fields=fields, kinds={"a": float, "_seq": int})
>>> print(encode_columns([frame], least=1)[0].decode(), end="")
telemetry,machine=m a=1.5,_seq=7i 1760000000000000001
telemetry,machine=m a=20,_seq=7i 1760000000000000002
telemetry,machine=m a=-3,_seq=7i 1760000000000000030
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from contract.decimals import Decimals
from historian.base import MAX_TIME_NS, Frame
from historian.line_protocol import head_of, text_of
from historian.repeated import Repeated

LEAST_VALUES: Final = 256
"""Below it the calls cost more than they save."""

_KNOWN: Final = {Decimals, Repeated}
_WORD: Final = 8
_WIDEST: Final = 48
_MASKS: Final = np.array([[255 * (n < length) for n in range(_WIDEST)] for length in range(_WIDEST + 1)], np.uint8)
"""``_MASKS[length]`` keeps that many bytes."""
_FOUR_DIGITS: Final = np.array([b"%04d" % n for n in range(10_000)], "S4").view(np.uint32)
_FIRST_TIME_NS: Final = 10**18
"""September 2001, from which times have 19 digits."""
_TIME_DIGITS: Final = 19
_COMMA: Final = ord(",")

Array = npt.NDArray[Any]


def encode_columns(frames: Sequence[Frame], least: int = LEAST_VALUES) -> dict[int, bytes]:
    """The lines of the frames that can be said in this way.

    Args:
        frames: any frames.
        least: how many numbers frames of one shape must have in all.

    Returns:
        The index of the frame -> its lines; frames of other kinds are left out, and those with a time or a text that
        wants a closer look.
    """
    shapes: dict[tuple[Any, ...], list[int]] = {}
    for index, frame in enumerate(frames):
        columns = [type(column) for column in frame.fields.values()]
        if Decimals in columns and set(columns) <= _KNOWN:
            shapes.setdefault((frame.measurement, *frame.kinds.items(), *columns), []).append(index)
    found: dict[int, bytes] = {}
    for indices in shapes.values():
        alike = [frames[index] for index in indices]
        numbers = sum(type(column) is Decimals for column in alike[0].fields.values())
        if numbers * sum(map(len, alike)) >= least and (lines := _encoded(alike)) is not None:
            found |= zip(indices, lines, strict=True)
    return found


def _encoded(frames: Sequence[Frame]) -> list[bytes] | None:
    """The lines of frames of one shape."""
    lengths = [len(frame) for frame in frames]
    numbers = [name for name, column in frames[0].fields.items() if type(column) is Decimals]
    columns: list[Any] = [frame.fields[name] for name in numbers for frame in frames]
    try:
        times = _times(frames)
        texts, widths = _texts([column.text for column in columns], len(numbers))
        pattern, holes, counts = _pattern(frames, dict(zip(numbers, widths, strict=True)))
    except ValueError:
        return None
    table = np.repeat(np.frombuffer(pattern, f"V{len(pattern) // len(counts)}"), counts)
    for column, width, hole in zip(texts, widths, holes, strict=False):
        _part(table, hole, width)[:] = _part(column, 0, width)
    _part(table, holes[-1], _TIME_DIGITS)[:] = _part(times, 1, _TIME_DIGITS)
    lines, first = [], 0
    for length in lengths:
        lines.append(table[first : first + length].tobytes().translate(None, b"\0"))
        first += length
    return lines


def _times(frames: Sequence[Frame]) -> Array:
    """The digits of all times behind a nought; raises ValueError for a time that has another number of digits."""
    try:
        rest = np.fromiter(chain.from_iterable(frame.time_ns for frame in frames), np.int64)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    if rest.min() < _FIRST_TIME_NS or rest.max() > MAX_TIME_NS:
        raise ValueError("a time of another length")
    digits = np.empty((len(rest), 5), np.uint32)
    for group in range(4, -1, -1):
        before = rest // 10_000
        digits[:, group] = _FOUR_DIGITS[rest - before * 10_000]
        rest = before
    return digits.view(np.uint8)


def _texts(columns: Sequence[bytes], names: int) -> tuple[Array, list[int]]:
    """The texts of all numbers, by name and row, each at the left of its bytes and blank behind; and how long they are.

    Raises:
        ValueError: there is a longer one than numbers are.
    """
    text = b",".join(columns)
    characters = np.frombuffer(text + bytes(_WIDEST), np.uint8)
    commas = np.flatnonzero(characters[: len(text)] == _COMMA)
    starts = np.concatenate(([0], commas + 1))
    lengths = np.diff(starts, append=len(text) + 1) - 1
    widths = lengths.reshape(names, -1).max(axis=1)
    words = -(-int(widths.max()) // _WORD)
    if words * _WORD > _WIDEST:
        raise ValueError("a number of another length")
    windows = np.ndarray((len(text),), f"V{words * _WORD}", buffer=characters, strides=(1,))
    texts = windows[starts].view(np.uint64).reshape(-1, words)
    texts &= np.ascontiguousarray(_MASKS[:, : words * _WORD]).view(np.uint64)[lengths]
    return texts.view(np.uint8).reshape(names, -1, words * _WORD), widths.tolist()


def _pattern(frames: Sequence[Frame], widths: Mapping[str, int]) -> tuple[bytes, list[int], list[int]]:
    """Lines with holes, one for each value that stands for several rows, all of one length.

    Args:
        frames: of one shape.
        widths: name of each column of numbers -> the bytes that its hole wants.

    Returns:
        The lines; where in each the holes for the numbers begin, and last the one for the time; for how many rows
        each line stands.

    Raises:
        ValueError: there is a NUL in a text, or no way to say it in UTF-8.
    """
    runs = [_runs(frame) for frame in frames]
    counts = list(chain.from_iterable(runs))
    heads = [head_of(frame.measurement, frame.series).encode() for frame in frames]
    parts = [_padded([head for head, run in zip(heads, runs, strict=True) for _ in run])]
    at, holes = len(parts[0][0]), []
    for number, (name, kind) in enumerate(frames[0].kinds.items()):
        before = f"{',' if number else ''}{name}=".encode()
        if kind is None:
            raise ValueError("a column without values")
        if name in widths:
            holes.append(at + len(before))
            parts.append([before + bytes(widths[name])] * len(counts))
        else:
            columns: list[Any] = [frame.fields[name] for frame in frames]
            values = chain.from_iterable(column.values for column in columns)
            parts.append(_padded([before + text_of(kind, value).encode() for value in values]))
        at += len(parts[-1][0])
    parts.append([b" " + bytes(_TIME_DIGITS) + b"\n"] * len(counts))
    return b"".join(chain.from_iterable(zip(*parts, strict=True))), [*holes, at + 1], counts


def _runs(frame: Frame) -> Sequence[int]:
    """For how many rows each value of the columns that repeat stands."""
    counts = {tuple(column.counts) for column in frame.fields.values() if type(column) is Repeated}
    if len(counts) > 1:
        raise ValueError("columns that repeat in different ways")
    return counts.pop() if counts else (len(frame),)


def _padded(texts: Sequence[bytes]) -> list[bytes]:
    """All of one length, blank behind."""
    if any(b"\0" in text for text in texts):
        raise ValueError("a NUL")
    longest = max(map(len, texts))
    return [text.ljust(longest, b"\0") for text in texts]


def _part(rows: Array, first: int, width: int) -> Array:
    """Some bytes of each row, as one thing that is copied at once."""
    return np.ndarray((len(rows),), f"V{width}", buffer=rows, offset=first, strides=rows.strides[:1])
