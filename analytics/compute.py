"""Figures out of stored events, for any range and any windows.

What it is: ``compute``, the one function that the service, ``qilu verify`` and ``qilu replay`` all call; and the pure
``evaluate`` under it.
What it is not: a loop, and not a writer. It keeps nothing between two calls: the same events give the same figures.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Protocol, TypeVar

from analytics.activity import EnergyUse
from analytics.cost import add_costs
from analytics.events import BirthEvent
from analytics.interrupted import add_interrupted
from analytics.priced import machine_windows
from analytics.rollup import Figures, Machine, Path, roll_up
from analytics.tables import FIELDS, Plant, Stored, series
from historian.base import Historian, Query

Where = Mapping[str, str | tuple[str, ...]]
T = TypeVar("T")


class Offload(Protocol):
    """How to do long work without holding up the loop; ``asyncio.to_thread`` is one."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Start the work; what is awaited is its result."""


async def at_once(work: Callable[[], T], /) -> T:
    """Do the work here and now."""
    return work()


MINUTE_NS: Final = 60 * 10**9
_AHEAD_NS: Final = 60 * MINUTE_NS
"""How far beyond the range the next reading is looked for, to interpolate a counter at the end of the range."""
_BACK_NS: Final = 120 * MINUTE_NS
"""How far back the carried-in state is looked for when another boot has written over the newest one."""
_SAID: Final = ("state", "cycle", "meter")


@dataclass(frozen=True, slots=True)
class Results:
    """The machines of every window, and what is needed to keep them up to date.

    Attributes:
        bounds: the ends of the windows.
        until_ns: the newest event time of the plant, at most the last bound: up to there the figures are known.
        windows: for each window its machines, in the order of their addresses.
        points: per measurement, the points that were read of each window, by its start.
        reach_ns: how far back the events from ``news_ns`` on may change the figures: to the previous word, or the
            previous reading, of each machine that speaks in them.
    """

    bounds: tuple[int, ...]
    until_ns: int
    windows: list[list[Machine]]
    points: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    reach_ns: int = 0

    def figures(self, index: int) -> list[Figures]:
        """Machines, lines and sites of one window."""
        return roll_up(self.windows[index])

    def whole(self) -> list[Figures]:
        """Machines, lines and sites over the whole range."""
        return roll_up(merged(self.windows))


async def compute(
    store: Historian,
    bounds: Sequence[int],
    *,
    where: Where | None = None,
    until_ns: int | None = None,
    news_ns: int | None = None,
    uses: bool = False,
    offload: Offload = at_once,
    progress: Callable[[float], object] = lambda _: None,
) -> Results:
    """Read the events of ``[bounds[0], bounds[-1])`` and what must be carried into it, and take the figures.

    Args:
        store: the historian.
        bounds: two or more event times in ns, strictly increasing; they need not be aligned nor equally spaced.
            A lot belongs to the window ``[a, b)`` that holds its end: to include the last event of a run, let the last
            bound be one nanosecond later.
        where: tags that narrow the machines, such as ``{"enterprise": "acme"}``.
        until_ns: up to when the plant is known; None: its newest event.
        news_ns: from when on ``Results.reach_ns`` counts events as new; None: from the first bound.
        uses: also divide each machine's energy by the states in which it was used.
        offload: does the long parts, which take no turn in the loop otherwise.
        progress: told the share of the machines that are done, from where ``offload`` works.

    Raises:
        RetryLater: the historian does not answer.
        ValueError: the bounds do not increase.
    """
    tags = dict(where or {})
    stored = await _read(store, bounds[0], bounds[-1], tags)
    plant = await offload(stored.plant)
    masked = _masked(plant, bounds[0])
    if masked:
        await _read_back(store, stored, bounds[0], {**tags, "machine": tuple(sorted({path[-1] for path in masked}))})
        plant = await offload(stored.plant)
    await add_interrupted(store, plant, bounds[0], tags)
    taken = partial(evaluate, plant, bounds, until_ns=until_ns, news_ns=news_ns, uses=uses, progress=progress)
    results = await offload(taken)
    return replace(results, points={name: _tally(stored.times(name), bounds) for name in FIELDS})


async def newest(store: Historian, *, since_ns: int | None = None) -> dict[str, dict[Path, int]]:
    """Per measurement the newest event time of each address at or after ``since_ns``.

    Without the deaths: a will has the broker's time, and a clean death comes after words of its own time.
    """
    queries = [Query(name, ("_boot",), {}, since_ns, None, last=True) for name in ("birth", *_SAID)]
    tables = [await store.read(query) for query in queries]
    return {
        query.measurement: {path: table.time_ns[rows.start] for path, rows in series(table)}
        for query, table in zip(queries, tables, strict=True)
    }


async def births(store: Historian) -> list[BirthEvent]:
    """What every machine and meter said of itself, as often as it did."""
    stored = Stored()
    stored.add("birth", await store.read(Query("birth", FIELDS["birth"])))
    return [birth for events in stored.plant().values() for birth in events.births]


def window_bounds(start_ns: int, end_ns: int, window_ns: int) -> list[int]:
    """The aligned bounds of the windows that hold ``[start_ns, end_ns)``; at least one window.

    >>> window_bounds(7, 25, 10)
    [0, 10, 20, 30]
    """
    first = start_ns - start_ns % window_ns
    last = max(first + window_ns, -(-end_ns // window_ns) * window_ns)
    return list(range(first, last + 1, window_ns))


def evaluate(
    plant: Plant,
    bounds: Sequence[int],
    *,
    until_ns: int | None = None,
    news_ns: int | None = None,
    uses: bool = False,
    progress: Callable[[float], object] = lambda _: None,
) -> Results:
    """The figures of a plant's events; pure. See ``compute`` for the arguments."""
    words = [t for events in plant.values() if (t := events.last_word_ns()) is not None]
    until = min(bounds[-1], max(words, default=bounds[0])) if until_ns is None else until_ns
    rows = []
    for path, events in sorted(plant.items()):
        rows.append(machine_windows(path, events, bounds, until, uses=uses))
        progress(len(rows) / len(plant))
    windows = [list(machines) for machines in zip(*rows, strict=True)] if rows else [[] for _ in bounds[1:]]
    reach = _reach(plant, bounds[0] if news_ns is None else news_ns)
    return Results(tuple(bounds), until, windows, {}, reach)


def merged(windows: Sequence[Sequence[Machine]]) -> list[Machine]:
    """The machines over consecutive windows taken as one."""
    by_path: dict[Path, list[Machine]] = {}
    for machines in windows:
        for machine in machines:
            by_path.setdefault(machine.path, []).append(machine)
    return [_sum(parts) for _, parts in sorted(by_path.items())]


def _sum(parts: Sequence[Machine]) -> Machine:
    elements = parts[0].elements
    for part in parts[1:]:
        elements = elements + part.elements
    production = next((part.production for part in reversed(parts) if part.production), None)
    used = [part.energy for part in parts if part.energy is not None]
    energy = sum(used, EnergyUse()) if len(used) == len(parts) else None
    return Machine(parts[0].path, elements, add_costs(part.costs for part in parts), production, energy)


def _reach(plant: Plant, news_ns: int) -> int:
    reach = news_ns
    for events in plant.values():
        if (events.last_word_ns() or 0) >= news_ns:
            said = (row.t for rows in events.words for row in rows)
            read = (row.t for row in events.readings)
            reach = min(reach, *(max((t for t in times if t < news_ns), default=news_ns) for times in (said, read)))
    return reach


def _tally(times: Sequence[int], bounds: Sequence[int]) -> dict[int, int]:
    inside = (t for t in times if bounds[0] <= t < bounds[-1])
    return dict(Tally(bounds[bisect_right(bounds, t) - 1] for t in inside))


def _masked(plant: Plant, start: int) -> list[Path]:
    """The machines whose newest state or reading before ``start`` is not of the boot that speaks at ``start``.

    It happens when a history is filled in over the events of an earlier run.
    """
    masked: list[Path] = []
    for path, events in plant.items():
        born = max(((birth.t, birth.boot) for birth in events.births if birth.t <= start), default=None)
        for rows in (events.states, events.readings):
            carried = max(((row.t, row.boot) for row in rows if row.t < start), default=None)
            if born is not None and carried is not None and carried[1] != born[1]:
                masked.append(path)
    return masked


async def _read(store: Historian, start: int, end: int, tags: Where) -> Stored:
    def query(name: str, since: int | None, to: int | None, *, last: bool = False) -> Query:
        return Query(name, FIELDS[name], tags, since, to, last=last)

    queries = [
        query("birth", None, None),
        query("death", None, None),
        query("state", start, end),
        query("cycle", start, end),
        query("meter", start, end + _AHEAD_NS),
        *(query(name, None, start, last=True) for name in ("state", "meter")),  # carried in
    ]
    # Words after the range prove that a machine was still there at its end; of counters they say nothing.
    after = [Query(name, ("_boot",), tags, end, None, last=True) for name in _SAID]
    tables = [await store.read(query) for query in (*queries, *after)]
    stored = Stored(seen=tables[len(queries) :])
    for asked, table in zip(queries, tables, strict=False):
        stored.add(asked.measurement, table)
    return stored


async def _read_back(store: Historian, stored: Stored, start: int, tags: Where) -> None:
    """Look further back than the newest row for the states and readings that are carried in."""
    for name in ("state", "meter"):
        stored.add(name, await store.read(Query(name, FIELDS[name], tags, start - _BACK_NS, start)))
