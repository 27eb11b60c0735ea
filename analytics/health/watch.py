"""The health of one machine, from raw samples to alarms: context, features, a detector per mode, debounce.

What it is: the parts of this package in a row, with one state to be saved. Memory does not grow with the stream.
What it is not: where samples come from, or where alarms go.

>>> from analytics.health.multivariate import Pca
>>> watch = Watch(["force", "power"], Pca, width_ns=60 * 10**9)
>>> watch.alarm is None
True
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analytics.health.alarm import Alarm, Alarms
from analytics.health.buckets import Buckets
from analytics.health.context import Context
from analytics.health.detector import LONG_AGO, Detector, Scored, State, fresh, joined
from analytics.health.rowwise import Floats, Times

Make = Callable[[int, int], Detector]
"""A detector for so many features and context columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """What a chunk of samples has brought.

    Attributes:
        times: of the buckets that were closed, ns: of their last rows.
        features: of these buckets, [bucket, feature] in the order of ``Watch.features``; not-a-number where absent.
        scored: the buckets that were judged, and which features explain them.
        alarms: those that began or ended.
    """

    times: Times
    features: Floats
    scored: Scored
    alarms: tuple[Alarm, ...]


class Watch:
    """One machine.

    Args:
        sensors: names, in the order of the columns.
        make: makes the detector of a mode.
        context: what it was doing; by default ``Context()``.
        width_ns: of a bucket; ``least`` rows make one.
        needed: with ``among``, ``clear`` and ``quiet``, of ``Alarms``.
        most_modes: detectors kept; a mode that appears after so many others is not judged.
    """

    def __init__(
        self,
        sensors: Sequence[str],
        make: Make,
        *,
        context: Context | None = None,
        width_ns: int = 60 * 10**9,
        least: int = 10,
        needed: int = 5,
        among: int = 10,
        clear: int = 1,
        quiet: int = 60,
        most_modes: int = 16,
    ) -> None:
        if most_modes < 1:
            raise ValueError(f"expected most_modes of at least 1; found {most_modes}")
        self._context = Context() if context is None else context
        self._buckets = Buckets(sensors, len(self._context.names), width_ns=width_ns, least=least)
        self._alarms = Alarms(
            sensors, needed=needed, among=among, clear=clear, sensor_of=self._buckets.sensor_of.tolist()
        )
        self._make, self._most_modes = make, most_modes
        self._detectors: dict[int, Detector] = {}
        self._last_ns = LONG_AGO
        self.features = self._buckets.names

    @property
    def alarm(self) -> Alarm | None:
        """The alarm that lasts."""
        return self._alarms.open

    def update(self, times: ArrayLike, values: ArrayLike, changed: ArrayLike = (), modes: ArrayLike = ()) -> Watched:
        """Take samples, and the changes of mode up to the last of them (see ``Context.update``).

        Args:
            times: ns, in order, shape (rows,); what comes twice or late is left out.
            values: shape (rows, sensors), not-a-number for what is absent.
            changed: when the mode changed; those up to the last row that were not told before.
            modes: into which.

        Raises:
            ValueError: shapes or orders are not as said, or a value is infinite.
        """
        t, v, new = fresh(times, values, len(self._buckets.sensors), self._last_ns)
        t, v = t[new], v[new]
        if len(t):
            self._last_ns = int(t[-1])
        mode, explains = self._context.update(changed, modes, t)
        return self._judge(*self._buckets.update(t, np.concatenate([v, explains], axis=1), mode))

    def _judge(self, times: Times, rows: Floats, modes: Times) -> Watched:
        parts: list[Scored] = []
        for mode in dict.fromkeys(modes.tolist()):
            if mode not in self._detectors and len(self._detectors) < self._most_modes:
                self._detectors[mode] = self._make(len(self.features), len(self._context.names))
            if mode in self._detectors:
                mine = modes == mode
                parts.append(self._detectors[mode].update(times[mine], rows[mine]))
        scored = joined(parts, len(self.features))
        if len(parts) > 1:
            order = np.argsort(scored.times, kind="stable")
            scored = Scored(scored.times[order], scored.scores[order], scored.shares[order])
        return Watched(times, rows[:, : len(self.features)], scored, self._alarms.update(scored))

    def state(self) -> State:
        """All that is remembered, as plain data."""
        return {
            "last_ns": self._last_ns,
            "context": self._context.state(),
            "buckets": self._buckets.state(),
            "alarms": self._alarms.state(),
            "detectors": [[mode, detector.state()] for mode, detector in self._detectors.items()],
        }

    def load(self, state: State) -> None:
        """Go on from a state of a watch that was made with the same arguments."""
        self._last_ns = int(state["last_ns"])
        self._context.load(state["context"])
        self._buckets.load(state["buckets"])
        self._alarms.load(state["alarms"])
        self._detectors = {}
        for mode, held in state["detectors"]:
            self._detectors[mode] = self._make(len(self.features), len(self._context.names))
            self._detectors[mode].load(held)
