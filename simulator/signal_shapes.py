"""The parts that a sensor's value is made of, one by one: compiled, and pure functions of time.

What it is: noise, load, ambient, steady and growing swings, and how each pattern of a coming failure shows.
``docs/signals.md`` has the formulas and their sources.
What it is not: a sensor; ``signal_core.py`` puts the parts together.
"""

from __future__ import annotations

from math import expm1, pi, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.compiled import compiled
from simulator.kernel import draws
from simulator.kernel.draws import bell, uniform
from simulator.line import WEAR_STEEPNESS

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
WEAR, DRIFT, NOISE, SPIKE, STEP, SATURATE, OSCILLATION = range(7)
SATURATION: Final = 4.0
"""How early and how fast saturation shows: (1 - e^(-k·u)) / (1 - e^-k) with this k."""
WANDER: Final = 0.1
"""The part of a drift that wanders, as a share of its span."""
LOAD_KNOT_NS: Final = 10 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
LONG_AGO: Final = -(2**62)
"""Before all times."""
WARMEST_NS: Final = 15 * HOUR_NS
"""The day is warmest at 15 o'clock."""
QUICK_NS: Final = 5 * SECOND_NS
SLOW_NS: Final = 20 * SECOND_NS
"""Knots of the two parts of the noise that have a memory."""
_PER_QUICK: Final = 1 / QUICK_NS
_PER_SLOW: Final = 1 / SLOW_NS
PER_LOAD: Final = 1 / LOAD_KNOT_NS
WHITE_SHARE: Final = 0.07
"""Of the noise's variance, without memory; the rest is halved between the other two (``docs/signals.md``)."""
SPIKE_CELL_NS: Final = 10 * SECOND_NS
SPIKE_SHORTEST_NS: Final = SECOND_NS // 5
SPIKE_LONGEST_NS: Final = 5 * SECOND_NS
SPIKE_FIRST: Final = 0.05
SPIKE_LAST: Final = 20.0
"""Impulses per P-F interval when the failure begins to show, and at the failure."""

_WHITE: Final = sqrt(WHITE_SHARE)
_COLOURED: Final = sqrt((1 - WHITE_SHARE) / 2)
_TURN: Final = 2 * pi
_PER_WEAR: Final = 1 / expm1(WEAR_STEEPNESS)
_PER_SATURATION: Final = 1 / expm1(-SATURATION)


@compiled
def between(here: float, there: float, along: float) -> float:
    """Between two independent numbers of the same spread, ``along`` from 0 to 1, so that the spread stays the same.

    The polynomial is 1 / √((1 - along)² + along²) within 0.01 %, without a root and a division.
    """
    x = along * (1.0 - along)
    widened = 1.0 + x * (0.988929 + x * (1.88109 + x * (-1.40485 + x * 18.2442)))
    return (here + (there - here) * along) * widened


@compiled
def hum(white: int, memory: int, times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Noise at times: mean 0, standard deviation 1, at 1 Hz correlated like a first-order process of 0.9.

    What belongs to a knot is drawn once for all times in order that follow it.
    """
    made = np.empty(len(times), np.float64)
    quick_begin, quick_end, slow_begin, slow_end = 0, LONG_AGO, 0, LONG_AGO
    quick, quick_next, slow, slow_next = 0.0, 0.0, 0.0, 0.0
    for j in range(len(times)):
        t = times[j]
        if t >= quick_end:
            k = t // QUICK_NS
            quick_begin, quick_end = k * QUICK_NS, (k + 1) * QUICK_NS
            quick, quick_next = bell(memory, 2 * k), bell(memory, 2 * k + 2)
        if t >= slow_end:
            k = t // SLOW_NS
            slow_begin, slow_end = k * SLOW_NS, (k + 1) * SLOW_NS
            slow, slow_next = bell(memory, 2 * k + 1), bell(memory, 2 * k + 3)
        coloured = between(quick, quick_next, (t - quick_begin) * _PER_QUICK)
        coloured += between(slow, slow_next, (t - slow_begin) * _PER_SLOW)
        made[j] = _WHITE * bell(white, t) + _COLOURED * coloured
    return made


@compiled
def swing(turns: float) -> float:
    """Sine of so many turns, from 0 to 1, to nine digits: by its series, so that it is the same everywhere."""
    x = turns if turns < 0.5 else turns - 1.0
    if x > 0.25:
        x = 0.5 - x
    elif x < -0.25:
        x = -0.5 - x
    x *= _TURN
    s = x * x
    return x * (
        1 + s * (-1 / 6 + s * (1 / 120 + s * (-1 / 5040 + s * (1 / 362880 + s * (-1 / 39916800 + s / 6227020800)))))
    )


@compiled
def turned(t_ns: int, period_ns: int, phase: float) -> float:
    """The part of a turn done at a time, 0 to 1."""
    turns = (t_ns % period_ns) / period_ns + phase
    return turns - 1.0 if turns >= 1.0 else turns


@compiled
def ambient(t_ns: int) -> float:
    """The day's warmth, -1 to 1."""
    return swing(turned(t_ns - WARMEST_NS, DAY_NS, 0.25))


@compiled
def severity(age_ns: int, life_ns: int, visible_ns: int) -> float:
    """How far the P-F interval has gone, 0 to 1: it is at most the second half of the life."""
    return draws.severity(0, visible_ns, age_ns, life_ns)


@compiled
def _value_noise(stream: int, octave: int, knots: int, u: float) -> float:
    """Lines between random knots in -1 to 1; nothing at both ends."""
    place = u * knots
    k = min(int(place), knots - 1)
    here = 0.0 if k == 0 else 2 * uniform(stream, 1000 * octave + k) - 1
    there = 0.0 if k == knots - 1 else 2 * uniform(stream, 1000 * octave + k + 1) - 1
    return here + (there - here) * (place - k)


@compiled
def wander(stream: int, u: float) -> float:
    """Like a random walk tied down at both ends, within ±1: each next octave is four times as fast and half as wide."""
    return (
        _value_noise(stream, 1, 8, u) + _value_noise(stream, 2, 32, u) / 2 + _value_noise(stream, 3, 128, u) / 4
    ) / 1.75


@compiled
def struck(stream: int, t_ns: int, chance: float) -> bool:
    """Whether an impulse goes on at a time: one per cell with this probability, its place and length drawn."""
    for cell in (t_ns // SPIKE_CELL_NS, t_ns // SPIKE_CELL_NS - 1):
        if uniform(stream, 3 * cell) < chance:
            begin = cell * SPIKE_CELL_NS + int(uniform(stream, 3 * cell + 1) * SPIKE_CELL_NS)
            length = SPIKE_SHORTEST_NS + int(uniform(stream, 3 * cell + 2) * (SPIKE_LONGEST_NS - SPIKE_SHORTEST_NS))
            if begin <= t_ns < begin + length:
                return True
    return False


@compiled
def spike_chance(u: float, tau_ns: float) -> float:
    """The probability of an impulse in a cell: its rate grows in a straight line."""
    return (SPIKE_FIRST + (SPIKE_LAST - SPIKE_FIRST) * u) / tau_ns * SPIKE_CELL_NS


@compiled
def shown(pattern: int, u: float, life: int) -> float:
    """How much of the way to the value at failure is gone at a severity; ``life`` is the stream of this life."""
    if pattern == WEAR:
        return expm1(WEAR_STEEPNESS * u) * _PER_WEAR
    if pattern == DRIFT:
        return u + WANDER * wander(life, u)
    if pattern == STEP:
        return 1.0 if u > 0.0 and u >= uniform(life, 0) else 0.0
    if pattern == SATURATE:
        return expm1(-SATURATION * u) * _PER_SATURATION
    return u


@compiled
def struck_many(stream: int, times: NDArray[np.int64], chance: float) -> NDArray[np.bool_]:
    """``struck`` at many times."""
    found = np.empty(len(times), np.bool_)
    for j in range(len(times)):
        found[j] = struck(stream, times[j], chance)
    return found
