"""Remaining useful life: when a degradation that has a trend will reach its threshold, with bounds; None without one.

What it is: ``Trend`` keeps a bounded, evenly thinned history of an indicator (a sensor's bucket mean, a score), and
``remaining`` extrapolates it: Mann-Kendall says whether it moves towards the threshold at all, Theil-Sen how fast, on
the values or, where that fits better, on their logarithm above the healthy level.
What it is not: a promise. The bounds are those of the slope, about the middle of the data, under independent errors;
that the degradation keeps its form is assumed. Times may be running hours instead of the clock's; what is left is then
in running time too.

Sources: Theil 1950; Sen 1968, JASA 63, with its rank bounds for the slope; Mann 1945 and Kendall 1975 for the test,
with the variance corrected for ties; ISO 13381-1:2015 for prognosis by extrapolation to a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from analytics.health.detector import LONG_AGO, State
from analytics.health.rowwise import Floats, Times

Form = Literal["linear", "exponential"]
LEAST: Final = 8
"""Fewer points have no trend that could be told from chance."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left at the last time, in ns.

    Attributes:
        at_ns: of the last point.
        left_ns: until the threshold; 0 when it is reached already.
        earliest_ns: with the steepest slope within the bounds.
        latest_ns: with the flattest; None when that one never gets there.
        form: of the trend.
        p: of the Mann-Kendall test, one-sided: how likely a trend like this is by chance.
    """

    at_ns: int
    left_ns: int
    earliest_ns: int
    latest_ns: int | None
    form: Form
    p: float


@dataclass(frozen=True, slots=True)
class Slope:
    """A robust line through (x, y) in the middle of the data, where its level is known best; slopes per unit of x."""

    slope: float
    low: float
    high: float
    x: float
    y: float

    def at(self, x: Floats) -> Floats:
        """The line's values."""
        return self.y + self.slope * (x - self.x)


def theil_sen(x: Floats, y: Floats, confidence: float = 0.9) -> Slope | None:
    """The median of the slopes of all pairs, with Sen's bounds.

    Args:
        x: increasing, shape (n,); at most some hundreds, for all pairs are taken.
        y: finite, shape (n,).
        confidence: of the bounds, two-sided.

    Returns:
        None with fewer than two different ``x``.

    >>> theil_sen(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0, 70.0])).slope
    12.5
    """
    i, j = np.triu_indices(len(x), 1)
    apart = x[j] - x[i]
    slopes = np.sort((y[j] - y[i])[apart > 0] / apart[apart > 0])
    if not len(slopes):
        return None
    slope = float(np.median(slopes))
    _, ties = np.unique(y, return_counts=True)
    n = len(y)
    spread = sqrt((n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18.0)
    wide = float(ndtri(0.5 + confidence / 2.0)) * spread
    low = max(round((len(slopes) - wide) / 2.0) - 1, 0)
    high = min(round((len(slopes) + wide) / 2.0), len(slopes) - 1)
    middle = float(np.median(x))
    return Slope(slope, float(slopes[low]), float(slopes[high]), middle, float(np.median(y - slope * (x - middle))))


def rising(y: Floats) -> float | None:
    """Mann-Kendall, one-sided: how likely values in this order rise so much by chance; None if all are equal.

    >>> round(rising(np.arange(8.0)), 4)
    0.0004
    """
    n = len(y)
    i, j = np.triu_indices(n, 1)
    s = float(np.sum(np.sign(y[j] - y[i])))
    _, ties = np.unique(y, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18.0
    if variance <= 0.0:
        return None
    return float(ndtr(-(s - np.sign(s)) / sqrt(variance)))


def remaining(
    times: ArrayLike,
    values: ArrayLike,
    threshold: float,
    healthy: float,
    *,
    form: Form | None = None,
    confidence: float = 0.9,
    alpha: float = 0.01,
) -> Remaining | None:
    """Time until the trend of a degradation reaches its threshold.

    Args:
        times: ns, increasing, shape (n,); at most some hundreds (``Trend`` keeps as many).
        values: of the indicator; not-a-number where absent.
        threshold: at which it counts as failed.
        healthy: its level without degradation; on which side of it the threshold is says which way is worse.
        form: of the trend; None: the one whose residuals are smaller in the median.
        confidence: of the bounds, two-sided, by Sen.
        alpha: a trend that is likelier than this by chance is none.

    Returns:
        None when there is no trend towards the threshold, or fewer than ``LEAST`` values.

    Raises:
        ValueError: shapes differ, times are not increasing, or the threshold is the healthy level.
    """
    t, v = np.asarray(times, np.int64), np.asarray(values, np.float64)
    if t.shape != v.shape or t.ndim != 1 or np.any(t[1:] <= t[:-1]):
        raise ValueError(f"times: expected increasing ones and as many values; found {t.shape} and {v.shape}")
    if not np.isfinite([threshold, healthy]).all() or threshold == healthy:
        raise ValueError(f"threshold: expected another level than the healthy one; found {threshold} and {healthy}")
    if not 0.0 < confidence < 1.0 or not 0.0 < alpha < 1.0:
        raise ValueError(f"expected confidence and alpha in (0, 1); found {confidence}, {alpha}")
    t, v = t[np.isfinite(v)], v[np.isfinite(v)]
    way = (v - healthy) / (threshold - healthy)  # 0 healthy, 1 failed
    p = rising(way) if len(way) >= LEAST else None
    if p is None or p > alpha:
        return None
    x = (t - t[0]) / float(t[-1] - t[0])
    forms: tuple[Form, ...] = ("linear", "exponential") if form is None else (form,)
    fits = [(one, _fit(one, x, way, confidence)) for one in forms]
    known = [(off, one, line) for one, fit in fits if fit is not None for off, line in [fit]]
    if not known:
        return None
    _, best, line = min(known, key=lambda one: one[0])
    goal = 1.0 if best == "linear" else 0.0  # log 1
    span = float(t[-1] - t[0])
    left, earliest = (_until(line, slope, goal, span) for slope in (line.slope, line.high))
    latest = _until(line, line.low, goal, span) if line.low > 0.0 else None
    return Remaining(int(t[-1]), left, earliest, latest, best, p)


def _until(line: Slope, slope: float, goal: float, span: float) -> int:
    """From the last x, which is 1, until a line with this slope through the middle reaches the goal."""
    return max(0, round((line.x + (goal - line.y) / slope - 1.0) * span))


def _fit(form: Form, x: Floats, way: Floats, confidence: float) -> tuple[float, Slope] | None:
    """Median residual in the indicator's own measure, and the line; None where it does not rise."""
    if form == "linear":
        line = theil_sen(x, way, confidence)
        made = None if line is None else line.at(x)
    else:
        here = way > 0.0  # the logarithm knows only what is above the healthy level
        if np.count_nonzero(here) < LEAST or not here[-1]:
            return None
        line = theil_sen(x[here], np.log(way[here]), confidence)
        made = None if line is None else np.exp(line.at(x))
    if line is None or made is None or line.slope <= 0.0:
        return None
    return float(np.median(np.abs(way - made))), line


class Trend:
    """A bounded history of an indicator: means over equal stretches, which double when there are too many.

    Args:
        width_ns: of the stretches at the beginning.
        most: stretches kept, an even number.
    """

    def __init__(self, width_ns: int = 600 * 10**9, most: int = 128) -> None:
        if width_ns < 1 or most < 2 * LEAST or most % 2:
            raise ValueError(
                f"expected width_ns of at least 1 and an even most of at least 16; found {width_ns}, {most}"
            )
        self._first_width, self._most = width_ns, most
        self.clear()

    def clear(self) -> None:
        """Forget everything: the machine is as good as new."""
        self._width, self._last_ns = self._first_width, LONG_AGO
        self._sums: dict[int, tuple[float, int]] = {}

    def update(self, times: ArrayLike, values: ArrayLike) -> None:
        """Take values, shape (n,) each, in the order of time; late ones and not-a-number are left out.

        Raises:
            ValueError: the shapes differ.
        """
        t, v = np.asarray(times, np.int64), np.asarray(values, np.float64)
        if t.shape != v.shape or t.ndim != 1:
            raise ValueError(f"values: expected shape {t.shape}, found {v.shape}")
        for at, value in zip(t.tolist(), v.tolist(), strict=True):
            if at > self._last_ns and np.isfinite(value):
                self._last_ns = at
                total, count = self._sums.get(at // self._width, (0.0, 0))
                self._sums[at // self._width] = total + value, count + 1
                while len(self._sums) > self._most:
                    self._double()

    def _double(self) -> None:
        wider: dict[int, tuple[float, int]] = {}
        for number, (total, count) in self._sums.items():
            before, counted = wider.get(number // 2, (0.0, 0))
            wider[number // 2] = before + total, counted + count
        self._sums, self._width = wider, 2 * self._width

    @property
    def points(self) -> tuple[Times, Floats]:
        """Middle and mean of each stretch."""
        middles = np.array([number * self._width + self._width // 2 for number in self._sums], np.int64)
        return middles, np.array([total / count for total, count in self._sums.values()], np.float64)

    def state(self) -> State:
        """All that is remembered, as plain data."""
        held = [[number, total, count] for number, (total, count) in self._sums.items()]
        return {"width_ns": self._width, "last_ns": self._last_ns, "sums": held}

    def load(self, state: State) -> None:
        """Go on from a state."""
        self._width, self._last_ns = int(state["width_ns"]), int(state["last_ns"])
        self._sums = {int(number): (float(total), int(count)) for number, total, count in state["sums"]}
