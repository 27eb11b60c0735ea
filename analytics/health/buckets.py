"""Features of short stretches of time: where each sensor stood, how widely it moved, and how far it jumped.

What it is: rows of raw samples to one row per bucket of event time and mode: mean, standard deviation and largest
deviation from the mean of each sensor, and the mean of each context column. The memory is one open bucket of sums.
What it is not: a judgement. Detectors take these rows, or raw ones: a growing noise or swing shows in the second
feature, a spike in the third, wear and drift in the first.

Sums are carried on value by value in the order of the rows, with the bucket's first value taken off against
cancellation, so a bucket is the same to the bit however it was cut into chunks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from analytics.health.context import REST
from analytics.health.detector import LONG_AGO, State
from analytics.health.rowwise import Floats, Times, array_of, plain

FEATURES: Final = ("mean", "spread", "peak")
_FEW: Final = 16
"""Rows for which one by one is faster than column by column."""
_SUMS: Final = ("count", "first", "sum", "squares", "low", "high")


class Buckets:
    """Rows to features, of one machine.

    Args:
        sensors: their names, in the order of the columns.
        contexts: context columns behind them.
        width_ns: of a bucket; buckets begin at multiples of it, and at each change from mode to mode.
        least: a bucket of fewer rows is left out, and a sensor with fewer values has no spread and no peak in it.

    Attributes:
        names: of the features, sensor by sensor within each kind: ``mean(s)`` …
        sensor_of: for each feature the number of its sensor.
    """

    def __init__(
        self, sensors: Sequence[str], contexts: int = 0, *, width_ns: int = 60 * 10**9, least: int = 10
    ) -> None:
        if not sensors or contexts < 0 or width_ns < 1 or least < 2:
            raise ValueError(
                "expected a sensor, contexts of at least 0, width_ns of at least 1 and least of at least 2; "
                f"found {len(sensors)}, {contexts}, {width_ns}, {least}"
            )
        self.sensors, self.contexts, self.width_ns, self.least = tuple(sensors), contexts, width_ns, least
        self.names = tuple(f"{feature}({name})" for feature in FEATURES for name in self.sensors)
        self.sensor_of = np.tile(np.arange(len(self.sensors)), len(FEATURES))
        self._key = (LONG_AGO, REST)
        self._last_ns = LONG_AGO
        self._rows = 0
        self._open = self._empty()

    def _empty(self) -> Floats:
        """Sums [which, column] of a bucket without values."""
        made = np.zeros((len(_SUMS), len(self.sensors) + self.contexts))
        made[1] = np.nan
        made[4], made[5] = np.inf, -np.inf
        return made

    def update(self, times: Times, values: Floats, modes: Times) -> tuple[Times, Floats, Times]:
        """The buckets that these rows have closed: time of the last row, features and contexts, and mode of each.

        Args:
            times: ns, increasing, later than all before.
            values: [row, sensor and context], not-a-number where absent.
            modes: [row]; rows at ``REST`` are in no bucket, and do not end one.
        """
        running = modes != REST
        times, values, modes = times[running], values[running], modes[running]
        number = times // self.width_ns
        goes_on = (number == self._key[0]) & (modes == self._key[1])
        if goes_on.all() and len(times) <= _FEW:
            self._go_on(times, values)
            return np.empty(0, np.int64), np.empty((0, len(self.names) + self.contexts)), np.empty(0, np.int64)
        begins = np.ones(len(times), np.bool_)
        begins[1:] = (number[1:] != number[:-1]) | (modes[1:] != modes[:-1])
        begins[0] = not goes_on[0]
        group = np.cumsum(begins, dtype=np.int64)  # 0 is the open one
        groups = int(group[-1]) + 1
        rows = np.bincount(group, minlength=groups)
        rows[0] += self._rows
        ends = np.full(groups, self._last_ns, np.int64)
        ends[group] = times
        mode = np.full(groups, self._key[1], np.int64)
        mode[group] = modes
        sums = np.empty((groups, len(_SUMS), values.shape[1]))
        for j in range(values.shape[1]):
            self._column(sums[:, :, j], j, group, np.ascontiguousarray(values[:, j]))
        self._key, self._rows, self._last_ns = (int(number[-1]), int(modes[-1])), int(rows[-1]), int(times[-1])
        self._open = sums[-1].copy()
        kept = np.flatnonzero(rows[:-1] >= self.least)
        return ends[kept], self._features(sums[kept]), mode[kept]

    def _go_on(self, times: Times, values: Floats) -> None:
        """Add a few rows to the open bucket: the same sums as ``_column``, row by row over all columns."""
        count, first, total, squares, low, high = self._open
        for row in values:
            here = ~np.isnan(row)
            first[:] = np.where(here & (count == 0), row, first)
            off = np.where(here, row - first, 0.0)
            count += here
            total += off
            squares += off * off
            np.fmin(low, row, out=low)
            np.fmax(high, row, out=high)
        self._rows += len(times)
        if len(times):
            self._last_ns = int(times[-1])

    def _column(self, sums: Floats, j: int, group: Times, values: Floats) -> None:
        """Fill the sums [bucket, which] of one column."""
        here = ~np.isnan(values)
        g, x = group[here], values[here]
        carried = self._open[:, j]
        first = np.full(len(sums), np.nan)
        first[g[::-1]] = x[::-1]  # the last that is written is the first value
        if carried[0]:
            first[0] = carried[1]
        off = x - first[g]
        places = np.concatenate([[0], g])
        sums[:, 0] = np.bincount(g, minlength=len(sums))
        sums[0, 0] += carried[0]
        sums[:, 1] = first
        sums[:, 2] = np.bincount(places, np.concatenate([carried[2:3], off]), len(sums))
        sums[:, 3] = np.bincount(places, np.concatenate([carried[3:4], off * off]), len(sums))
        sums[:, 4], sums[:, 5] = np.inf, -np.inf
        sums[0, 4:] = carried[4:]
        np.minimum.at(sums[:, 4], g, x)
        np.maximum.at(sums[:, 5], g, x)

    def _features(self, sums: Floats) -> Floats:
        count, first, total, squares, low, high = (sums[:, k] for k in range(len(_SUMS)))
        n = np.where(count > 0, count, np.nan)
        mean = first + total / n
        own = slice(0, len(self.sensors))
        enough = count[:, own] >= self.least
        spread = np.sqrt(np.maximum(squares - total * total / n, 0.0) / np.maximum(n - 1, 1))[:, own]
        peak = np.maximum(high - mean, mean - low)[:, own]
        nothing = np.nan
        return np.concatenate(
            [
                mean[:, own],
                np.where(enough, spread, nothing),
                np.where(enough, peak, nothing),
                mean[:, len(self.sensors) :],
            ],
            axis=1,
        )

    def state(self) -> State:
        """All that is remembered, as plain data."""
        held = self._open.copy()
        held[4:][:, held[0] == 0] = np.nan  # infinities are no plain data; they are those of an empty column
        return {"key": list(self._key), "last_ns": self._last_ns, "rows": self._rows, "open": plain(held)}

    def load(self, state: State) -> None:
        """Go on from a state."""
        self._key = (int(state["key"][0]), int(state["key"][1]))
        self._last_ns, self._rows = int(state["last_ns"]), int(state["rows"])
        self._open = array_of(state["open"])
        empty = self._open[0] == 0
        self._open[:, empty] = self._empty()[:, empty]
