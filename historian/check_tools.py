"""What the laws of a historian are made with: awkward texts, random points and questions, and comparisons that explain.

What it is: helpers of ``checks.py``, deterministic under a given generator.
What it is not: a law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from numpy.random import Generator

from contract import PartialWrite
from historian.base import Frame, Historian, Query, Table, Value

T = TypeVar("T")
T0: Final = 1_700_000_000_000_000_000
"""A moment of 2023, in ns."""
TEXTS: Final = (
    "plain",
    "<script>alert('x')</script>",
    'say "no"',
    "it's",
    "C:\\temp\\",
    "\\",
    "\\\\n",
    "two\nlines\r\n",
    "a,b=c d",
    "tab\there",
    "#comment",
    "100 %s %d",
    "青岛 – Ωμέγα 🏭",
    "nul\0 and \x7f",
    "⧵␤␛n␍␀",
    " outer ",
    "'; DROP TABLE state; --",
)
"""Texts that have gone wrong somewhere."""


def random_frame(rng: Generator) -> Frame:
    """Some points of one of a few series, close together, some of them twice, with holes."""
    rows = 1 + int(rng.integers(6))
    makers: dict[str, Callable[[], Value]] = {
        "a": lambda: float(rng.uniform(-1e9, 1e9)),
        "b": lambda: int(rng.integers(-(2**62), 2**62)),
        "c": lambda: _one(rng, TEXTS),
    }
    columns: dict[str, list[Value | None]] = {
        name: [None if rng.random() < 0.3 else make() for _ in range(rows)] for name, make in makers.items()
    }
    tags = {"line": _one(rng, ("", "x", "y")), "machine": _one(rng, ("x", "y", "x,=\\", "\\"))}
    return Frame(_one(rng, "mn"), tags, [T0 + int(rng.integers(20)) for _ in range(rows)], columns)


def random_query(rng: Generator) -> Query:
    """A question that ``random_frame`` has answers to, mostly."""
    wanted: tuple[str | tuple[str, ...], ...] = ("", "x", ("y", "x,=\\"))
    return Query(
        _one(rng, "mn"),
        _some(rng, ("c", "nosuch", "a", "b")),
        {tag: _one(rng, wanted) for tag in _some(rng, ("line", "machine"))},
        _one(rng, (None, T0 + int(rng.integers(20)))),
        _one(rng, (None, T0 + int(rng.integers(20)))),
        bool(rng.random() < 0.3),
    )


def _one(rng: Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def _some(rng: Generator, options: Sequence[T]) -> tuple[T, ...]:
    return tuple(option for option in options if rng.random() < 0.4)


async def rejected_by(store: Historian, batch: Iterable[Frame]) -> tuple[tuple[int, str], ...]:
    """The frames of a batch that the store refuses."""
    try:
        await store.write(list(batch))
    except PartialWrite as error:
        return error.rejected
    return ()


def equal(actual: Any, wanted: Any, what: str) -> None:
    """Raise AssertionError that says what is not as it should be."""
    if actual != wanted:
        raise AssertionError(f"{what}: {_cut(actual)}, not {_cut(wanted)}")


def same(actual: Table, wanted: Table, what: str = "table") -> None:
    """Compare two tables to the order of their columns."""
    equal(actual.time_ns, wanted.time_ns, f"{what}: times")
    equal(list(actual.tags.items()), list(wanted.tags.items()), f"{what}: tags")
    equal(list(actual.fields.items()), list(wanted.fields.items()), f"{what}: fields")


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 1000 else f"{text[:1000]} …"
