"""What a machine was doing when a row was read: its mode, and what its sensors depend on besides their health.

What it is: from the changes of a machine's state, for each time: the mode in which to judge (a number, one per
product if wanted) or none (not in Execute, or settling after a start); how warm it is; the hour of the day.
What it is not: a state model. Who calls says which PackML states and products are which mode.

``warmth`` is a first-order follower of "in Execute", 0 to 1: what heats up by running and cools at rest goes with it.
"""

from __future__ import annotations

from math import pi
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from analytics.health.detector import LONG_AGO, State
from analytics.health.rowwise import Floats, Times

REST: Final = -1
"""The mode in which nothing is judged nor learned."""
_DAY_NS: Final = 86_400 * 10**9
_MINUTE_NS: Final = 60 * 10**9
_SETTLE_NS: Final = 10 * 10**9
"""An inrush lasts some seconds."""


class Context:
    """Modes and context columns of the rows of one machine.

    Args:
        settle_ns: after it began to run, a machine is not judged for so long (inrush).
        warm_ns: time constant of ``warmth``; 0: no such column.
        daily: whether the hour of the day explains values: sine and cosine of it, of UTC; any phase is a sum of both.
            The training window should then hold a whole day of running.
    """

    def __init__(self, *, settle_ns: int = _SETTLE_NS, warm_ns: int = 30 * _MINUTE_NS, daily: bool = True) -> None:
        if settle_ns < 0 or warm_ns < 0:
            raise ValueError(f"expected settle_ns and warm_ns of at least 0; found {settle_ns}, {warm_ns}")
        self.settle_ns, self.warm_ns, self.daily = settle_ns, warm_ns, daily
        self.names = (*(("warmth",) if warm_ns else ()), *(("day_sin", "day_cos") if daily else ()))
        self._t = self._started = LONG_AGO
        self._mode, self._warmth = REST, 0.0

    def update(self, changed: ArrayLike, modes: ArrayLike, times: Times) -> tuple[Times, Floats]:
        """Modes [row] and context [row, name] at ``times``.

        Args:
            changed: when the mode changed, ns, in order; all changes up to the last row that were not told before. A
                machine is taken to be fully warm if it runs from the first.
            modes: into which: 0 and above, or ``REST``.
            times: of the rows, in order, none before the last change told earlier.

        Raises:
            ValueError: lengths differ, a mode is below -1, changes are not in order, or a row is before the last change
                that was told in an earlier call.
        """
        when, into = np.asarray(changed, np.int64), np.asarray(modes, np.int64)
        if when.shape != into.shape or when.ndim != 1:
            raise ValueError(f"modes: expected shape {when.shape}, found {into.shape}")
        if np.any(into < REST):
            raise ValueError(f"modes: expected -1 or above, found {into.min()}")
        if np.any(when[1:] < when[:-1]) or (len(when) and when[0] < self._t):
            raise ValueError("changed: expected an order of time, from call to call too")
        if len(times) and times[0] < self._t:
            raise ValueError(f"times: expected none before the last change told earlier, {self._t}; found {times[0]}")
        t, mode, started, warmth = ([v] for v in (self._t, self._mode, self._started, self._warmth))
        for at, new in zip(when.tolist(), into.tolist(), strict=True):
            self._change(at, new)
            t.append(self._t)
            mode.append(self._mode)
            started.append(self._started)
            warmth.append(self._warmth)
        place = np.maximum(np.searchsorted(np.array(t, np.int64), times, side="right") - 1, 0)
        now = np.array(mode, np.int64)[place]
        begun = np.array(started, np.int64)[place]
        settled = (begun == LONG_AGO) | (times - np.where(begun == LONG_AGO, 0, begun) >= self.settle_ns)
        columns = []
        if self.warm_ns:
            since = times - np.where(np.array(t)[place] == LONG_AGO, times, np.array(t)[place])
            goal = np.where(now == REST, 0.0, 1.0)
            columns.append(goal + (np.array(warmth)[place] - goal) * np.exp(since / -self.warm_ns))
        if self.daily:
            turn = 2 * pi * ((times % _DAY_NS) / _DAY_NS)
            columns += [np.sin(turn), np.cos(turn)]
        return np.where(settled, now, REST), np.column_stack(columns) if columns else np.empty((len(times), 0))

    def _change(self, at: int, new: int) -> None:
        goal = 0.0 if self._mode == REST else 1.0
        if self._t == LONG_AGO:
            self._warmth = 0.0 if new == REST else 1.0
        else:
            if self.warm_ns:
                self._warmth = float(goal + (self._warmth - goal) * np.exp((at - self._t) / -self.warm_ns))
            if self._mode == REST and new != REST:
                self._started = at
        self._t, self._mode = at, new

    def state(self) -> State:
        """All that is remembered, as plain data."""
        return {"t": self._t, "started": self._started, "mode": self._mode, "warmth": self._warmth}

    def load(self, state: State) -> None:
        """Go on from a state."""
        self._t, self._started = int(state["t"]), int(state["started"])
        self._mode, self._warmth = int(state["mode"]), float(state["warmth"])
