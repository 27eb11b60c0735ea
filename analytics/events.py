"""What is read of one machine, and the stretches of time in which it is known.

What it is: plain typed rows, and the rule of coverage: which boot of a publisher speaks for which time.
What it is not: a reader of the historian (``analytics/tables.py`` turns its columns into these rows).

The rule of coverage. A boot is known from its first word (normally its birth) to its clean death, or else to its last
word; a boot that begins ends every earlier one. Between boots nothing is known. The broker's will does not count: it
carries the time at which the broker noticed, by the broker's clock, and not a time of the plant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from typing import NamedTuple, Protocol, TypeVar

from contract import Economics, Production


class StateEvent(NamedTuple):
    """A state entered; ``cause`` is empty where none was said."""

    t: int
    boot: str
    state: str
    reason: str
    cause: str = ""


class CycleEvent(NamedTuple):
    """A lot finished."""

    t: int
    boot: str
    good: int
    scrap: int
    rework: int
    ideal_ns: int


class Reading(NamedTuple):
    """A reading of the cumulative electricity counter."""

    t: int
    boot: str
    wh: int


class BirthEvent(NamedTuple):
    """A birth, with what the analytics need of it."""

    t: int
    boot: str
    role: str = "machine"
    production: Production | None = None
    economics: Economics | None = None


class Word(NamedTuple):
    """That a boot said something at ``t``: enough to prove that it was there."""

    t: int
    boot: str


class Span(NamedTuple):
    """From ``start`` to ``end`` the machine is known, by what ``boot`` says."""

    boot: str
    start: int
    end: int


class _Said(Protocol):
    @property
    def t(self) -> int: ...
    @property
    def boot(self) -> str: ...


_E = TypeVar("_E", StateEvent, CycleEvent, Reading)


@dataclass(slots=True)
class MachineEvents:
    """Everything that is read of one machine, in any order, with or without duplicates.

    ``deaths`` are the clean ones, without the broker's wills; ``seen`` are words of which only the time is of use.
    """

    states: list[StateEvent] = field(default_factory=list)
    cycles: list[CycleEvent] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    births: list[BirthEvent] = field(default_factory=list)
    deaths: list[Word] = field(default_factory=list)
    seen: list[Word] = field(default_factory=list)

    @property
    def words(self) -> tuple[Sequence[_Said], ...]:
        """All that proves that the machine was there at a time."""
        return (self.states, self.cycles, self.readings, self.births, self.deaths, self.seen)

    def last_word_ns(self) -> int | None:
        """The newest event time; None when there is none."""
        return max((max(row.t for row in rows) for rows in self.words if rows), default=None)


def coverage(events: MachineEvents, until_ns: int | None = None) -> list[Span]:
    """The stretches in which the machine is known, in order and without overlap, cut at ``until_ns``."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for rows in events.words:
        for row in rows:
            if row.t < first.get(row.boot, row.t + 1):
                first[row.boot] = row.t
            if row.t > last.get(row.boot, -1):
                last[row.boot] = row.t
    for death in sorted(events.deaths, reverse=True):
        last[death.boot] = death.t
    order = sorted(first, key=lambda boot: (first[boot], boot))
    ends = [first[boot] for boot in order[1:]]
    spans: list[Span] = []
    for boot, successor in zip(order, [*ends, None], strict=False):
        end = last[boot] if successor is None else min(last[boot], successor)
        end = end if until_ns is None else min(end, until_ns)
        if end >= first[boot]:
            spans.append(Span(boot, first[boot], end))
    return spans


def said_in(spans: Sequence[Span], rows: Iterable[_E]) -> list[_E]:
    """The rows that count: said by the boot that speaks for their time, ordered by it, each time once.

    Of two different rows for one time and boot the greater stays: that choice is arbitrary, but always the same.
    """
    groups: defaultdict[str, list[_E]] = defaultdict(list)
    for row in rows:
        groups[row.boot].append(row)
    kept: dict[int, _E] = {}
    for span in spans:
        for row in sorted(groups.get(span.boot, ())):
            if span.start <= row.t <= span.end:
                kept[row.t] = row
    return list(kept.values())


class Held(NamedTuple):
    """A state and the time until which it holds; ``goes_on`` says that another state of the same boot follows."""

    row: StateEvent
    end: int
    goes_on: bool


def held(spans: Sequence[Span], rows: Sequence[StateEvent]) -> Iterator[Held]:
    """How long each of the rows of ``said_in`` holds: until the next one of its boot, or its span ends."""
    ends = {span.boot: span.end for span in spans}
    for row, following in zip_longest(rows, rows[1:]):
        if following is not None and following.boot == row.boot:
            yield Held(row, following.t, goes_on=True)
        else:
            yield Held(row, ends[row.boot], goes_on=False)


def check_bounds(bounds: Sequence[int]) -> None:
    """Refuse bounds of windows that do not increase; raises ValueError."""
    if len(bounds) < 2 or any(after <= before for before, after in pairwise(bounds)):
        raise ValueError("bounds must be two or more times that strictly increase")
