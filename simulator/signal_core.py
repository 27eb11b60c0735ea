"""All sensors of a machine at many times: the compiled heart of the signals.

What it is: ``fill`` computes values out of what the machine did, ``advance`` carries its condition from state to state.
Arrays in, arrays out.
What it is not: how a sensor model becomes a row of numbers; ``signals.py`` packs them.
"""

from __future__ import annotations

from math import exp
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.compiled import compiled
from simulator.kernel.draws import bits, uniform
from simulator.line import NOISE_GROWTH
from simulator.signal_shapes import (
    LOAD_KNOT_NS,
    LONG_AGO,
    NOISE,
    OSCILLATION,
    PER_LOAD,
    SPIKE,
    ambient,
    hum,
    severity,
    shown,
    spike_chance,
    struck,
    swing,
    turned,
)

SENSOR: Final = np.dtype(
    [
        ("middle", np.float64),  # of the healthy band
        ("load", np.float64),  # how far the load moves it, either way
        ("ambient", np.float64),  # how far the day's warmth moves it; 0: not at all
        ("rest", np.float64),  # not a number: the state does not matter
        ("tau_ns", np.float64),  # of what follows the state; 0: at once
        ("noise", np.float64),
        ("to", np.float64),  # at the failure
        ("visible_ns", np.int64),  # the P-F interval
        ("pattern", np.int64),
        ("hunt_ns", np.int64),  # period of a growing swing
        ("inrush", np.float64),  # factor minus 1; 0: none
        ("inrush_ns", np.float64),
        ("swing", np.float64),  # of a steady swing; 0: none
        ("swing_ns", np.int64),
        ("phase", np.float64),
        ("steps", np.float64),  # in a unit: under / over; values are whole multiples of over / under
        ("over", np.float64),
        ("under", np.float64),
        ("low", np.float64),  # values are held within
        ("high", np.float64),
        ("own_ns", np.int64),  # sampled not more often than this
        ("white", np.uint64),  # streams
        ("memory", np.uint64),
        ("lives", np.uint64),
        ("spikes", np.uint64),
        ("work", np.uint64),
    ]
)
T, DOING, AGE, LIFE, MODE, STARTED = 0, 2, 5, 6, 7, 8
"""Columns of a state: those of ``happenings.ENTERED``, and when the machine last started."""
COLUMNS: Final = 9
_RUNNING: Final = 0
_OVER: Final = 40.0
"""So many time constants later e^-x is less than the last bit of what it is added to."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Table = NDArray[Any]


@compiled
def _followed(share: float, goal: float, passed: float, tau: float) -> float:
    """First order: the share of the way from rest to work after some time under a goal."""
    if tau <= 0.0 or passed > _OVER * tau:
        return goal
    return goal + (share - goal) * exp(-passed / tau)


@compiled
def _goal(doing: int) -> float:
    return 1.0 if doing == _RUNNING else 0.0


@compiled
def _next(state: Ints, row: Ints) -> None:
    """A machine goes from its state into the next one."""
    if row[DOING] == _RUNNING and state[DOING] != _RUNNING:
        state[STARTED] = row[T]
    state[:STARTED] = row


@compiled
def advance(sensors: Table, state: Ints, shares: Floats, rows: Ints) -> None:
    """Carry a machine's condition over the states entered; ``shares``: how warm each sensor's place was at ``state``.

    Before its first state a machine is warm, and has been started long ago.
    """
    for r in range(len(rows)):
        if state[T] != LONG_AGO:
            for s in range(len(sensors)):
                shares[s] = _followed(shares[s], _goal(state[DOING]), rows[r, T] - state[T], sensors[s].tau_ns)
            _next(state, rows[r])
        else:
            state[:STARTED] = rows[r]


@compiled
def fill(sensors: Table, state: Ints, shares: Floats, rows: Ints, times: Ints, period_ns: int, out: Floats) -> None:  # noqa: PLR0917
    """Values of each sensor at the times; not a number where it is not sampled, or the machine has no state yet.

    A slow sensor is sampled at the first time of the grid after each multiple of its own period.
    """
    for s in range(len(sensors)):
        own = sensors[s].own_ns
        if own <= period_ns or period_ns <= 0:
            _sensor(sensors[s], s, state, shares[s], rows, times, out[s])
            continue
        due = np.empty(len(times), np.int64)
        n = 0
        edge = LONG_AGO
        for j in range(len(times)):
            out[s, j] = np.nan
            if times[j] - edge >= own:  # a division for each multiple, not for each time
                edge = times[j] // own * own
            if times[j] - edge < period_ns:
                due[n] = j
                n += 1
        if n:
            values = np.empty(n, np.float64)
            _sensor(sensors[s], s, state, shares[s], rows, times[due[:n]], values)
            for k in range(n):
                out[s, due[k]] = values[k]


@compiled
def _sensor(p: Any, number: int, state: Ints, share: float, rows: Ints, times: Ints, out: Floats) -> None:  # noqa: PLR0917
    """One sensor, state by state."""
    now = state.copy()
    begin = 0
    for r in range(-1, len(rows)):
        if r >= 0:
            if now[T] != LONG_AGO:
                share = _followed(share, _goal(now[DOING]), rows[r, T] - now[T], p.tau_ns)
                _next(now, rows[r])
            else:
                now[:STARTED] = rows[r]
        end = begin
        if r + 1 < len(rows):
            while end < len(times) and times[end] < rows[r + 1, T]:
                end += 1
        else:
            end = len(times)
        if end > begin:
            if now[T] == LONG_AGO:
                out[begin:end] = np.nan
            else:
                _stretch(p, number, now, share, times[begin:end], out[begin:end])
        begin = end


@compiled
def _stretch(p: Any, number: int, state: Ints, share: float, times: Ints, out: Floats) -> None:  # noqa: PLR0917
    """One sensor within one state."""
    _work(p, times, out)
    age = state[AGE] - state[T] if state[DOING] == _RUNNING else state[AGE]
    pace = 1 if state[DOING] == _RUNNING else 0
    if state[MODE] == number and severity(age + pace * times[-1], state[LIFE], p.visible_ns) > 0.0:
        _failing(p, age, pace, state[LIFE], times, out)
    if p.swing != 0.0:
        for j in range(len(times)):
            out[j] += p.swing * swing(turned(times[j], p.swing_ns, p.phase))
    if p.inrush > 0.0 and pace == 1:
        for j in range(len(times)):
            passed = times[j] - state[STARTED]
            if passed > _OVER * p.inrush_ns:
                break
            out[j] *= 1.0 + p.inrush * exp(-passed / p.inrush_ns)
    if not np.isnan(p.rest):
        goal = _goal(state[DOING])
        if p.tau_ns > 0.0 and share != goal:
            _following(p, share, goal, state[T], times, out)
            return
        if goal == 0.0:
            out[:] = p.rest
            _noisy(p, 0.2 * p.noise, times, out)
            return
    _noisy(p, p.noise, times, out)


@compiled
def _work(p: Any, times: Ints, out: Floats) -> None:
    """The working point: the middle of the band, moved by load and by the day's warmth."""
    middle, load = p.middle, p.load
    begin, end = 0, LONG_AGO
    here, rise = 0.0, 0.0
    for j in range(len(times)):
        t = times[j]
        if t >= end:
            k = t // LOAD_KNOT_NS
            begin, end = k * LOAD_KNOT_NS, (k + 1) * LOAD_KNOT_NS
            here = 2.0 * uniform(p.work, k) - 1.0
            rise = 2.0 * uniform(p.work, k + 1) - 1.0 - here
        out[j] = middle + load * (here + rise * ((t - begin) * PER_LOAD))
    if p.ambient != 0.0:
        for j in range(len(times)):
            out[j] += p.ambient * ambient(times[j])


@compiled
def _failing(p: Any, age: int, pace: int, life: int, times: Ints, out: Floats) -> None:  # noqa: PLR0917
    """What the coming failure adds to the working point; the age at a time is ``age + pace × time``."""
    far = p.to - p.middle
    mine = bits(p.lives, life)
    if p.pattern == NOISE:
        noise = hum(p.white, p.memory, times)
        for j in range(len(times)):
            out[j] += p.noise * NOISE_GROWTH * severity(age + pace * times[j], life, p.visible_ns) * noise[j]
        return
    for j in range(len(times)):
        t = times[j]
        u = severity(age + pace * t, life, p.visible_ns)
        if p.pattern == SPIKE:
            if u > 0.0 and struck(p.spikes, t, spike_chance(u, p.visible_ns)):
                out[j] += far
        elif p.pattern == OSCILLATION:
            out[j] += far * u * swing(turned(t, p.hunt_ns, p.phase))
        else:
            out[j] += far * shown(p.pattern, u, mine)


@compiled
def _following(p: Any, share: float, goal: float, since_ns: int, times: Ints, out: Floats) -> None:  # noqa: PLR0917
    """What follows the state like a warm body; a machine at rest is quieter, its transducer is not silent."""
    noise = hum(p.white, p.memory, times)
    for j in range(len(times)):
        warm = _followed(share, goal, times[j] - since_ns, p.tau_ns)
        spread = p.noise * (0.2 + 0.8 * warm)
        out[j] = _shown_as(p, p.rest + (out[j] - p.rest) * warm + spread * noise[j])


@compiled
def _noisy(p: Any, spread: float, times: Ints, out: Floats) -> None:
    """Add noise, and round."""
    if spread != 0.0:
        noise = hum(p.white, p.memory, times)
        for j in range(len(times)):
            out[j] += spread * noise[j]
    for j in range(len(times)):
        out[j] = _shown_as(p, out[j])


@compiled
def _shown_as(p: Any, value: float) -> float:
    """What the transducer makes of a value: whole steps, within its limits; never minus zero."""
    stepped = np.rint(value * p.steps) * p.over / p.under
    held: float = min(max(stepped, p.low), p.high) + 0.0
    return held


@compiled
def settle(sensors: Table, number: int, values: Floats) -> None:
    """``_shown_as`` for values of one sensor that something was done to; the others stay as they are."""
    for j in range(len(values)):
        if not np.isnan(values[j]):
            values[j] = _shown_as(sensors[number], values[j])
