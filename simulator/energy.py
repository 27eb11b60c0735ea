"""Electricity and other media: rates times time, in integers, without a watt-second lost.

What it is: an ideal meter. It adds whole units per hour times nanoseconds and shows the whole units; however time is
cut into calls, the readings are the same.
What it is not: the truth about money (``truth.py``); and it has no start-up peaks: a rate is constant in each doing.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.happenings import ENTERED, Doing, Rows
from simulator.machine_model import Medium, Power

Ints = NDArray[np.int64]

SECOND_NS: Final = 1_000_000_000
HOUR_NS: Final = 3600 * SECOND_NS
ABORTED_SHARE: Final = 0.2
"""Share of the idle rate that a machine still takes while it is broken: control and light (an assumption)."""
OFF_SHARE: Final = 0.1
"""Share of the idle rate that a machine takes while it is off: standby of the control, leaks of air (an assumption)."""
NO_ROWS: Final[Rows] = np.zeros(0, ENTERED)
"""Of a machine that has entered nothing new, and of a load that is no machine."""
HEAT_UNIT: Final = "Wh"
"""A medium that is counted in it is heat: what is hot is kept hot, whatever the machine does (an assumption)."""
MAX_PER_H: Final = 2**29
"""The highest rate: half a gigawatt; ``Meter`` computes in 64 bits."""

# No sum of Meter exceeds 2**63, for any times t of 0 <= t < 2**63 ns and rates up to 2**29:
# - the whole seconds of all kinds add to less than 2**63 / 10**9 < 2**33.2; times a rate: < 2**62.2;
# - the nanoseconds beyond the seconds are < 10**9 for each of at most 16 kinds; times a rate: < 2**62.9; divided by
#   10**9 that adds less than 2**33 to the first.
_NOTHING: Final = 0


def electricity(power: Power) -> dict[Doing, int]:
    """Watts in each doing: all but running take the idle power, while broken and off a share of it."""
    return _rates(power.run * 1000, power.idle * 1000, ABORTED_SHARE, OFF_SHARE)


def consumption(medium: Medium) -> dict[Doing, int]:
    """Units of another medium per hour in each doing: as electricity, but a kiln never goes cold."""
    heat = medium.unit == HEAT_UNIT
    return _rates(medium.run_per_h, medium.idle_per_h, *((1.0, 1.0) if heat else (ABORTED_SHARE, OFF_SHARE)))


def _rates(run: float, idle: float, aborted: float, off: float) -> dict[Doing, int]:
    rates = dict.fromkeys(Doing, round(idle))
    rates[Doing.RUNNING] = round(run)
    rates[Doing.DOWN] = rates[Doing.REPAIR] = round(idle * aborted)
    rates[Doing.OFF] = round(idle * off)
    return rates


class _Stretch(NamedTuple):
    """The time of the last call: segment ``i`` begins at ``at[i]`` and has one kind of doing throughout."""

    at: Ints
    until_ns: int
    kinds: Ints
    before_ns: Ints
    """By kind and segment: the time spent so since the start, up to the segment's begin."""


class Meter:
    """A meter of one machine with several counters; ``constant`` makes that of a load that never changes.

    Before the machine's first row nothing is counted.

    >>> meter = Meter.constant("energy_wh", 3600, 0)
    >>> meter.read(NO_ROWS, np.array([SECOND_NS, HOUR_NS]), HOUR_NS)["energy_wh"].tolist()
    [1, 3600]

    Args:
        rates: counter -> whole units per hour in each doing; nothing in one that is not named.
        start_ns: when counting begins, at 0.

    Raises:
        ValueError: a rate below 0 or beyond ``MAX_PER_H``.
    """

    def __init__(self, rates: Mapping[str, Mapping[Doing, int]], start_ns: int) -> None:
        for counter, by_doing in rates.items():
            if not all(0 <= rate <= MAX_PER_H for rate in by_doing.values()):
                raise ValueError(f"counter {counter}: a rate is below 0 or above {MAX_PER_H} per hour")
        # Doings with the same rates in every counter are one kind: four sums of time instead of thirteen.
        kinds = [(0,) * len(rates)]
        kind_of = []
        for doing in Doing:
            kind = tuple(by_doing.get(doing, 0) for by_doing in rates.values())
            if kind not in kinds:
                kinds.append(kind)
            kind_of.append(kinds.index(kind))
        self.counters = tuple(rates)
        self._kind_of = np.array(kind_of, np.int64)
        self._per_h: dict[str, tuple[int, ...]] = dict(zip(self.counters, zip(*kinds, strict=True), strict=True))
        self._kind = _NOTHING
        self._known_ns = start_ns
        self._ns = np.zeros(len(kinds), np.int64)
        self._resets: dict[str, tuple[int, int, int]] = {}
        self._stretch = self._stretched(NO_ROWS, start_ns)

    @classmethod
    def constant(cls, counter: str, per_h: int, start_ns: int) -> Meter:
        """A meter of a constant load; raises ValueError as the class does."""
        meter = cls({counter: dict.fromkeys(Doing, per_h)}, start_ns)
        meter._kind = int(meter._kind_of[0])
        return meter

    def read(self, entered: Rows, times_ns: Ints, until_ns: int) -> dict[str, Ints]:
        """What each counter shows at each time; afterwards all is counted up to ``until_ns``.

        Args:
            entered: what the machine alone entered since the last call and before ``until_ns``, in order.
            times_ns: from the end of the last call to ``until_ns``, both included, in order.
            until_ns: how far to count.

        Raises:
            ValueError: rows or times lie outside the stretch, or rows out of order.
        """
        self._stretch = self._stretched(entered, until_ns)
        self._known_ns = until_ns
        self._kind = int(self._stretch.kinds[-1])
        last = self._stretch
        self._ns = last.before_ns[:, -1].copy()
        self._ns[self._kind] += until_ns - int(last.at[-1])
        split = self._split(times_ns)
        return {counter: self._shown(counter, times_ns, self._counted(counter, split)) for counter in self.counters}

    def totals(self, counter: str, times_ns: Ints) -> Ints:
        """What was truly counted from the start to each time, whatever was reset; in the stretch of the last ``read``.

        Raises:
            ValueError: a time lies outside that stretch.
        """
        return self._counted(counter, self._split(times_ns))

    def total(self, counter: str) -> int:
        """What was truly counted from the start to the end of the last ``read``."""
        ns_by_kind: list[int] = self._ns.tolist()
        return sum(rate * ns for rate, ns in zip(self._per_h[counter], ns_by_kind, strict=True)) // HOUR_NS

    def reset(self, counter: str) -> None:
        """Let the counter show 0 right after the end of the last ``read``; what is truly counted goes on.

        A reading at that very moment still shows the old value. So a reader that takes a fall for a reset to zero
        loses nothing where there is a reading at the moment of the reset, and sees the fall where the next reading
        is lower. Without a reading at the moment, what was counted since the one before is lost to the reader.
        """
        reset_ns, before, now = self._resets.get(counter, (-1, 0, 0))
        before = before if reset_ns == self._known_ns else now
        self._resets[counter] = (self._known_ns, before, self.total(counter))

    def copy(self) -> Meter:
        """An independent meter in the same state."""
        twin = copy.copy(self)  # arrays are replaced by each call, never changed
        twin._resets = dict(self._resets)
        return twin

    def _stretched(self, entered: Rows, until_ns: int) -> _Stretch:
        at = np.empty(len(entered) + 1, np.int64)
        at[0], at[1:] = self._known_ns, entered["t_ns"]
        spans = np.diff(at)
        if until_ns < at[-1] or (spans.size and spans.min() < 0):
            raise ValueError(f"the rows must be in order, from {self._known_ns} ns to {until_ns} ns")
        kinds = np.empty(len(at), np.int64)
        kinds[0], kinds[1:] = self._kind, self._kind_of[entered["doing"]]
        before_ns = np.zeros((len(self._ns), len(at)), np.int64)
        for kind in range(1, len(before_ns)):
            np.cumsum(np.where(kinds[:-1] == kind, spans, 0), out=before_ns[kind, 1:])
        before_ns += self._ns[:, np.newaxis]
        return _Stretch(at, until_ns, kinds, before_ns)

    def _split(self, times_ns: Ints) -> list[tuple[Ints, Ints]]:
        """By kind the time spent so up to each time, as whole seconds and the nanoseconds beyond."""
        at, until_ns, kinds, before_ns = self._stretch
        if times_ns.size and (times_ns.min() < at[0] or times_ns.max() > until_ns):
            raise ValueError(f"the times must lie from {at[0]} ns to {until_ns} ns")
        segment = np.searchsorted(at, times_ns, side="right") - 1
        open_ns = times_ns - at[segment]
        now = kinds[segment]
        parts = []
        for kind, ns in enumerate(before_ns):
            spent = ns[segment] + np.where(now == kind, open_ns, 0)
            seconds = spent // SECOND_NS
            parts.append((seconds, spent - seconds * SECOND_NS))
        return parts

    def _counted(self, counter: str, split: list[tuple[Ints, Ints]]) -> Ints:
        """Σ rate × time in whole units: floor(floor(x / second) / 3600) is floor(x / hour)."""
        seconds, beyond = np.zeros_like(split[0][0]), np.zeros_like(split[0][0])
        for rate, (whole, rest) in zip(self._per_h[counter], split, strict=True):
            if rate:
                seconds += rate * whole
                beyond += rate * rest
        return np.asarray((seconds + beyond // SECOND_NS) // 3600)

    def _shown(self, counter: str, times_ns: Ints, counted: Ints) -> Ints:
        if counter not in self._resets:
            return counted
        reset_ns, before, after = self._resets[counter]
        return np.asarray(counted - np.where(times_ns > reset_ns, after, before))
