"""Every KPI against the truth, twice: folded again from the stored events, and as the analytics wrote it.

What it is: the windows between the lines of the ledger (its start, each full hour, its end), for every machine, line
and site; and for each whole hour the stored ``kpi`` points as well. The truth says nothing of shorter windows: there
every stored point is compared with the fold that was found true over the hours.
What it is not: tolerant of gaps. A figure that the truth has and the store has not is an infinite error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import Final

from analytics.compute import Results, compute
from analytics.points import point_fields
from console.ledger_file import LedgerFile, Truth
from console.progress import Told, parts, untold
from console.truth_figures import Figures, Operation, Stretch, figures, line_figures, summed
from contract import LEVELS
from historian import Historian, Query

HOUR_NS: Final = 3600 * 10**9
_UNIT_NS: Final = {"s": 10**9, "m": 60 * 10**9, "h": HOUR_NS}
Path = tuple[str, ...]
Points = dict[tuple[Path, int], dict[str, object]]
"""The fields of stored points by path and start of the window."""
_EXAMPLES: Final = 5
_LINE, _SITE = 4, 2


@dataclass(slots=True)
class FigureCheck:
    """How many figures were compared, and the largest relative error."""

    compared: int = 0
    stored_points: int = 0
    worst: float = 0.0
    where: str = ""
    examples: list[str] = field(default_factory=list)

    def compare(self, where: str, truth: Mapping[str, object], found: Mapping[str, object], tolerance: float) -> None:
        """Take in one machine, line or site of one window."""
        for name, value in truth.items():
            true, said = _number(value), _number(found.get(name))
            error = relative_error(true, said)
            self.compared += 1
            if error > self.worst:
                self.worst, self.where = error, f"{name} of {where}"
            if error > tolerance and len(self.examples) < _EXAMPLES:
                self.examples.append(f"{name} of {where}: true {true}, found {said}")


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) else None


def relative_error(true: float | None, found: float | None) -> float:
    """|found - true| / |true|; undefined equals undefined alone.

    >>> relative_error(2.0, 2.2), relative_error(None, None), relative_error(0.0, 0.0), relative_error(None, 0.0)
    (0.10000000000000009, 0.0, 0.0, inf)
    """
    if true is None or found is None:
        return 0.0 if true is found else inf
    return abs(found - true) / abs(true) if true else abs(found)


async def check_figures(ledger: LedgerFile, store: Historian, tolerance: float, progress: Told = untold) -> FigureCheck:
    """Compare every figure of every window of the ledger; each length of windows is an equal part of the work."""
    check = FigureCheck()
    times = sorted({truth.t_ns for truths in ledger.truths.values() for truth in truths})
    if len(times) < 2:
        return check
    written = await _written(store, times[0], times[-1])
    hours = written.pop(HOUR_NS, {})
    first, *others = parts(progress, 1 + len(written))
    fold, compare = parts(first, 2)
    # The last event of a run falls on its very end; windows are half open.
    results = await compute(store, [*times[:-1], times[-1] + 1], until_ns=times[-1], progress=fold)
    for number, (start_ns, end_ns) in enumerate(pairwise(times)):
        folded = {figure.path: point_fields(figure) for figure in results.figures(number)}
        for path, truth in _truths(ledger, start_ns, end_ns, _operations(results, number)):
            where = f"{'/'.join(path)} in {start_ns}..{end_ns}"
            check.compare(f"{where}, folded from the stored events", truth, folded.get(path, {}), tolerance)
            if end_ns - start_ns == HOUR_NS and start_ns % HOUR_NS == 0:
                check.stored_points += 1
                point = hours.get((path, start_ns), {})
                check.compare(f"{where}, as the analytics stored it", truth, point, tolerance)
        compare((number + 1) / (len(times) - 1))
    sites = {tuple(path.split("/")[:_SITE]) for path in ledger.truths}
    for (window_ns, points), told in zip(written.items(), others, strict=True):
        bounds = range(-(-times[0] // window_ns) * window_ns, times[-1] + 1, window_ns)
        await _check_window(check, store, bounds, points, sites, tolerance=tolerance, progress=told)
    return check


async def _check_window(
    check: FigureCheck,
    store: Historian,
    bounds: Sequence[int],
    points: Points,
    sites: Set[Path],
    *,
    tolerance: float,
    progress: Told,
) -> None:
    """The stored points of one length against the fold, for the windows that lie wholly in the run."""
    if len(bounds) < 2:
        return
    fold, compare = parts(progress, 2)
    results = await compute(store, bounds, until_ns=bounds[-1], progress=fold)
    for number, (start_ns, end_ns) in enumerate(pairwise(bounds)):
        for figure in results.figures(number):
            if figure.path[:_SITE] in sites and not figure.elements.silent:
                where = f"{'/'.join(figure.path)} in {start_ns}..{end_ns}, as the analytics stored it"
                # What has become undefined cannot be taken back from a point (``analytics/points.py``).
                defined = {name: value for name, value in point_fields(figure).items() if value is not None}
                check.stored_points += 1
                check.compare(where, defined, points.get((figure.path, start_ns), {}), tolerance)
        compare((number + 1) / (len(bounds) - 1))


def _truths(
    ledger: LedgerFile, start_ns: int, end_ns: int, operations: Mapping[Path, Operation]
) -> Iterator[tuple[Path, Figures]]:
    """The true figures of every machine, line and site between two moments."""
    machines = {tuple(path.split("/")): _stretch(truths, start_ns, end_ns) for path, truths in ledger.truths.items()}
    sellable: dict[Path, tuple[int, int]] = {}
    for path, stretch in machines.items():
        good = stretch.counts.get("good", 0)
        yield path, _machine(figures(stretch, good, good + stretch.counts.get("rework", 0)))
    for line in sorted({path[:_LINE] for path in machines}):
        members = [(stretch, operations.get(path)) for path, stretch in machines.items() if path[:_LINE] == line]
        truth = line_figures(members)
        out = max((operation.position for _, operation in members if operation), default=0)
        good = sum(s.counts.get("good", 0) for s, operation in members if operation and operation.position == out)
        sellable[line] = (good, int(truth["sellable"] or 0))
        yield line, truth
    for site in sorted({path[:_SITE] for path in machines}):
        parts = [counts for line, counts in sellable.items() if line[:_SITE] == site]
        whole = summed(stretch for path, stretch in machines.items() if path[:_SITE] == site)
        yield site, figures(whole, sum(good for good, _ in parts), sum(units for _, units in parts))


def _machine(truth: Figures) -> Figures:
    """A machine's points carry no ``sellable``: its own good and reworked units say it."""
    return {name: value for name, value in truth.items() if name != "sellable"}


def _stretch(truths: list[Truth], start_ns: int, end_ns: int) -> Stretch:
    stretch = Stretch()
    by_time = {truth.t_ns: truth for truth in truths}
    if start_ns in by_time and end_ns in by_time:
        stretch.add(by_time[start_ns], by_time[end_ns])
    return stretch


def _operations(results: Results, number: int) -> dict[Path, Operation]:
    return {
        machine.path: Operation(machine.production.position, machine.production.ideal_cycle_ns)
        for machine in results.windows[number]
        if machine.production is not None
    }


async def _written(store: Historian, start_ns: int, end_ns: int) -> dict[int, Points]:
    """The points of the analytics by the length of their windows, then by path and start."""
    table = await store.read(Query("kpi", start_ns=start_ns, end_ns=end_ns))
    columns = [table.tags[level] for level in LEVELS]
    found: dict[int, Points] = {}
    for row, (time_ns, window) in enumerate(zip(table.time_ns, table.tags["window"], strict=True)):
        path = tuple(name for column in columns if (name := column[row]))
        points = found.setdefault(int(window[:-1]) * _UNIT_NS[window[-1]], {})
        points[path, time_ns] = {name: values[row] for name, values in table.fields.items()}
    return found
