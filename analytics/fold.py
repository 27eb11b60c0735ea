"""Events to elements: the fold.

What it is: for each quantity a running total over the event time of one machine; the elements of a window are the
differences of the totals at its ends. So windows add up to the whole exactly whatever their bounds, a state is carried
over the edge, and order, duplicates and chunks of the stream change nothing.
What it is not: a stream processor with its own state: it is called again with the events of a window that changed.

Rules: a state holds until the next one of its boot and not beyond the time in which the machine is known
(``analytics/events.py``). A lot belongs to the window ``[a, b)`` that holds the time of its end. A counter is
interpolated between readings in integers, and a fall is a reset to zero.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.elements import NO_TARIFF, PAUSES, Elements, by_band, element_of
from analytics.events import CycleEvent, MachineEvents, Reading, Span, StateEvent, check_bounds, coverage, held, said_in
from analytics.tariff import band_changes
from contract import Reason, Tariff

_Ints = NDArray[np.int64]
_TIMES: Final = ("pdot_ns", "adot_ns", "adet_ns", "aust_ns", "apt_ns", "minor_ns", "pmt_ns", "off_ns")
_PARTS: Final[Mapping[str, str]] = {Reason.MINOR_STOP: "minor_ns", Reason.PLANNED_MAINTENANCE: "pmt_ns"}
"""What is kept apart, and is part of another element in the end."""
_CLASS: Final = {name: number for number, name in enumerate(_TIMES)}
_COUNTS: Final = ("gq", "sq", "rq", "pri_pq_ns", "pri_gq_ns")


def fold_windows(
    events: MachineEvents, bounds: Sequence[int], *, until_ns: int | None = None, tariff: Tariff | None = None
) -> list[Elements]:
    """The elements of the consecutive windows between ``bounds`` for one machine.

    Args:
        events: the events in any order; states and readings from before the first bound are carried in.
        bounds: two or more times, strictly increasing.
        until_ns: up to when anything is known of the plant; later time counts as nothing, not as unknown.
        tariff: how energy is divided into bands; None keeps it under ``NO_TARIFF``.

    Raises:
        ValueError: the bounds do not increase.
    """
    return Fold(events, until_ns).windows(bounds, tariff)


class Fold:
    """The running totals of one machine, made once, cut at any bounds."""

    def __init__(self, events: MachineEvents, until_ns: int | None = None) -> None:
        spans = coverage(events, until_ns)
        self._until_ns = until_ns
        self._states = _States(spans, said_in(spans, events.states))
        self._cycles = _Cycles(said_in(spans, events.cycles))
        # A reading after ``until_ns`` is no word yet, but the counter's way to it is known.
        self._counter = Counter(said_in(coverage(events), events.readings), until_ns)

    def windows(self, bounds: Sequence[int], tariff: Tariff | None = None) -> list[Elements]:
        """The elements between each two bounds; see ``fold_windows``."""
        check_bounds(bounds)
        times = self._states.between(bounds)
        failures = self._states.failures_between(bounds)
        counts = self._cycles.between(bounds)
        energy = self._counter.between(bounds, tariff)
        result: list[Elements] = []
        for number, (start, end) in enumerate(pairwise(bounds)):
            spent = times[number]
            seen = end if self._until_ns is None else min(end, self._until_ns)
            minor, maintenance = spent[5], spent[6]
            gq, sq, rq, pri_pq_ns, pri_gq_ns = counts[number]
            result.append(
                Elements(
                    pdot_ns=spent[0] + maintenance,
                    adot_ns=spent[1],
                    adet_ns=spent[2] + minor,
                    aust_ns=spent[3],
                    apt_ns=spent[4],
                    minor_ns=minor,
                    pmt_ns=maintenance,
                    off_ns=spent[7],
                    unknown_ns=max(0, seen - start) - sum(spent),
                    gq=gq,
                    sq=sq,
                    rq=rq,
                    pri_pq_ns=pri_pq_ns,
                    pri_gq_ns=pri_gq_ns,
                    failures=failures[number],
                    energy=energy[number],
                )
            )
        return result


class _States:
    """Intervals of states, and the time spent in each class of them up to any moment."""

    def __init__(self, spans: Sequence[Span], rows: Sequence[StateEvent]) -> None:
        starts, ends, classes, self._failures = _intervals(spans, rows)
        self._starts: _Ints = np.array(starts, dtype=np.int64)
        self._lengths: _Ints = np.array(ends, dtype=np.int64) - self._starts
        self._classes: _Ints = np.array(classes, dtype=np.int64)
        self._before: _Ints = np.zeros((len(starts) + 1, len(_TIMES)), dtype=np.int64)
        spent = np.zeros((len(starts), len(_TIMES)), dtype=np.int64)
        spent[np.arange(len(starts)), self._classes] = self._lengths
        np.cumsum(spent, axis=0, out=self._before[1:])

    def between(self, bounds: Sequence[int]) -> list[list[int]]:
        """Per window the time in each of ``_TIMES``; those of ``_PARTS`` are not yet part of their elements."""
        at = np.array(bounds, dtype=np.int64)
        if not len(self._starts):
            return [[0] * len(_TIMES)] * (len(bounds) - 1)
        last = np.searchsorted(self._starts, at, side="right") - 1
        begun = last >= 0
        totals = self._before[np.where(begun, last, 0)]
        held = last[begun]
        partly = np.minimum(at[begun] - self._starts[held], self._lengths[held])
        totals[np.flatnonzero(begun), self._classes[held]] += partly
        spent: list[list[int]] = np.diff(totals, axis=0).tolist()
        return spent

    def failures_between(self, bounds: Sequence[int]) -> list[int]:
        """Per window the breakdowns that began in it."""
        at = [bisect_left(self._failures, bound) for bound in bounds]
        return [b - a for a, b in pairwise(at)]


def _intervals(spans: Sequence[Span], rows: Sequence[StateEvent]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Starts, ends and classes of the time in known states, and when breakdowns began."""
    starts: list[int] = []
    ends: list[int] = []
    classes: list[int] = []
    for row, end, _ in held(spans, rows):
        starts.append(row.t)
        ends.append(end)
        classes.append(_class_of(row))
    return starts, ends, classes, failures_begun(rows)


def failures_begun(rows: Sequence[StateEvent]) -> list[int]:
    """When breakdowns began: not where one goes on, in another state or, with the same cause, after a planned stop."""
    found: list[int] = []
    before: StateEvent | None = None  # what the machine did last, but for planned stops
    closed = False
    for row in rows:
        if before is not None and before.boot != row.boot:
            before, closed = None, False
        if row.reason in PAUSES:
            closed = True
            continue
        if row.reason == Reason.BREAKDOWN:
            goes_on = before is not None and before.reason == row.reason and (not closed or before.cause == row.cause)
            if not goes_on:
                found.append(row.t)
        before, closed = row, False
    return found


def _class_of(row: StateEvent) -> int:
    return _CLASS[_PARTS.get(row.reason) or element_of(row.state, row.reason)]


class _Cycles:
    """Lots finished, and their quantities up to any moment."""

    def __init__(self, rows: Sequence[CycleEvent]) -> None:
        self._times = [row.t for row in rows]
        columns = zip(*map(_quantities, rows), strict=True) if rows else ((),) * len(_COUNTS)
        self._totals = [list(accumulate(column, initial=0)) for column in columns]

    def between(self, bounds: Sequence[int]) -> list[tuple[int, ...]]:
        """Per window the sums of ``_COUNTS`` over the lots that ended in it."""
        at = [bisect_left(self._times, bound) for bound in bounds]
        return [tuple(totals[b] - totals[a] for totals in self._totals) for a, b in pairwise(at)]


def _quantities(row: CycleEvent) -> tuple[int, int, int, int, int]:
    made = row.good + row.scrap + row.rework
    return row.good, row.scrap, row.rework, row.ideal_ns, row.ideal_ns * row.good // made if made else 0


class Counter:
    """A cumulative counter freed of its resets, and its value at any moment up to ``until_ns``."""

    def __init__(self, rows: Sequence[Reading], until_ns: int | None = None) -> None:
        self._until_ns = until_ns
        steps = (after.wh - before.wh if after.wh >= before.wh else after.wh for before, after in pairwise(rows))
        self._times = [row.t for row in rows]
        self._totals = list(accumulate(steps, initial=0)) if rows else []

    def at(self, moment: int) -> int:
        """What was counted from the first reading to ``moment``; held constant outside the readings."""
        if self._until_ns is not None:
            moment = min(moment, self._until_ns)
        after = bisect_right(self._times, moment)
        if after == 0:
            return 0
        if after == len(self._times):
            return self._totals[-1]
        before = self._times[after - 1]
        rise = self._totals[after] - self._totals[after - 1]
        return self._totals[after - 1] + rise * (moment - before) // (self._times[after] - before)

    def between(self, bounds: Sequence[int], tariff: Tariff | None) -> list[tuple[tuple[str, int], ...]]:
        """Per window the energy by band: an interval that straddles a change of band is cut there."""
        if not self._times:
            return [()] * (len(bounds) - 1)
        changes = band_changes(tariff, bounds[0], bounds[-1]) if tariff else [(bounds[0], NO_TARIFF)]
        result: list[tuple[tuple[str, int], ...]] = []
        position = 0
        for start, end in pairwise(bounds):
            while position + 1 < len(changes) and changes[position + 1][0] <= start:
                position += 1
            parts: list[tuple[str, int]] = []
            for number in range(position, len(changes)):
                since, code = changes[number]
                if since >= end:
                    break
                to = changes[number + 1][0] if number + 1 < len(changes) else end
                parts.append((code, self.at(min(to, end)) - self.at(max(since, start))))
            result.append(by_band(parts))
        return result
