"""What the sensors say: values as functions of time, computed for many times at once.

What it is: pure. A value is the sensor's working point, moved by load, ambient and the coming failure, mixed with its
value at rest as the state demands, plus noise. Every part is a function of the sample's time and of what the kernel
told, so that neither the grid of samples nor the cut into calls changes a value.
What it is not: a physical model. The shapes of failures follow the sector facts: wear is flat for long and then steep,
drift is a straight line, noise grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, floor, log10, pi
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator import chance
from simulator.catalogue import SensorModel
from simulator.kernel import Entered
from simulator.line import NOISE_GROWTH, WEAR_STEEPNESS
from simulator.machine import Doing
from simulator.plant import HOUR_NS, MINUTE_NS, SECOND_NS

WARM_UP_NS: Final = 25 * MINUTE_NS
"""Time constant of what follows the state like a warm body (published for bearings: 27 to 38 minutes)."""
LOAD_KNOT_NS: Final = 10 * MINUTE_NS
LOAD_SHARE: Final = 0.5
"""The load moves the working point by up to this share of half the healthy band."""
AMBIENT_SHARE: Final = 0.2
"""The day's warmth moves temperatures by up to this share of half the healthy band; warmest at 15 o'clock local."""
WARMEST_NS: Final = 15 * HOUR_NS
DAY_NS: Final = 24 * HOUR_NS

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Since:
    """Where a trace goes on: the last state entered, and how warm the machine was at that moment (0 to 1)."""

    entered: Entered
    warmth: float


@dataclass(frozen=True, slots=True)
class Trace:
    """What one machine did over a stretch of time, by column; each row holds until the next."""

    t_ns: Times
    running: NDArray[np.bool_]
    age_ns: Times
    life_ns: Times
    mode: Times
    warmth: Floats
    last: Since


def trace(since: Since | None, entered: Sequence[Entered]) -> Trace:
    """Columns out of the states entered, beginning with the one that was open; a plant starts warm."""
    rows = list(entered) if since is None else [since.entered, *entered]
    warmth = [1.0 if since is None else since.warmth]
    for before, after in pairwise(rows):
        goal = 1.0 if before.doing is Doing.RUNNING else 0.0
        warmth.append(goal + (warmth[-1] - goal) * exp(-(after.t_ns - before.t_ns) / WARM_UP_NS))
    return Trace(
        t_ns=np.array([r.t_ns for r in rows], np.int64),
        running=np.array([r.doing is Doing.RUNNING for r in rows], np.bool_),
        age_ns=np.array([r.age_ns for r in rows], np.int64),
        life_ns=np.array([r.life_ns for r in rows], np.int64),
        mode=np.array([r.mode for r in rows], np.int64),
        warmth=np.array(warmth, np.float64),
        last=Since(rows[-1], warmth[-1]),
    )


@dataclass(frozen=True, slots=True)
class Moment:
    """A machine's condition at each of many times: what all its sensors have in common."""

    t_ns: Times
    running: NDArray[np.bool_]
    age_ns: Times
    life_ns: Times
    mode: Times
    warmth: Floats
    load: Floats
    ambient: Floats


def moments(machine: Trace, t_ns: Times, load_stream: int) -> Moment:
    """The condition at times that lie within the trace; a state holds from its very moment on."""
    row = np.searchsorted(machine.t_ns, t_ns, side="right") - 1
    running = machine.running[row]
    passed = t_ns - machine.t_ns[row]
    goal = running.astype(np.float64)
    return Moment(
        t_ns=t_ns,
        running=running,
        age_ns=machine.age_ns[row] + np.where(running, passed, 0),
        life_ns=machine.life_ns[row],
        mode=machine.mode[row],
        warmth=goal + (machine.warmth[row] - goal) * np.exp(-passed / WARM_UP_NS),
        load=_load(load_stream, t_ns),
        ambient=np.cos(2 * pi * ((t_ns - WARMEST_NS) % DAY_NS) / DAY_NS),
    )


def values(sensor: SensorModel, number: int, moment: Moment, noise_stream: int) -> Floats:
    """One sensor at each moment; ``number`` is the one that the kernel knows its failure mode by."""
    low, high = sensor.normal
    half = (high - low) / 2
    middle = low + half
    shows = np.where(moment.mode == number, _severity(sensor, moment), 0.0)
    work = middle + half * LOAD_SHARE * moment.load
    if sensor.unit == "degC":
        work = work + half * AMBIENT_SHARE * moment.ambient
    spread = sensor.noise_sd
    noise = spread * chance.bells(noise_stream, moment.t_ns)
    if sensor.failure.pattern == "noise":
        noise = noise * (1 + NOISE_GROWTH * shows)
    else:
        work = work + (sensor.failure.to - middle) * shows
    value = work
    if sensor.rest is not None:
        share = moment.warmth if sensor.lags else moment.running.astype(np.float64)
        value = sensor.rest + (work - sensor.rest) * share
        noise = noise * (0.2 + 0.8 * share)  # a machine at rest is quieter; its transducer is not silent
    value = value + noise
    if min(low, sensor.failure.to) >= 0:
        value = np.maximum(value, 0.0)  # a length, a leak or an r.m.s. value has no sign
    rounded = np.round(value, decimals(sensor))
    return np.asarray(rounded + 0.0, np.float64)  # no minus zero


def decimals(sensor: SensorModel) -> int:
    """Digits after the point that leave four significant ones at the top of the healthy band."""
    return max(0, 3 - floor(log10(max(abs(x) for x in sensor.normal))))


def grid(from_ns: int, until_ns: int, period_ns: int) -> Times:
    """The multiples of a period in [from, until)."""
    return np.arange(-(-from_ns // period_ns), -(-until_ns // period_ns), dtype=np.int64) * period_ns


def due(sensor: SensorModel, t_ns: Times, period_ns: int) -> NDArray[np.bool_]:
    """At which times of the grid a sensor is sampled: a slow one at the first after each multiple of its own period."""
    own_ns = round(SECOND_NS / sensor.sample_hz)
    if own_ns <= period_ns:
        return np.ones(len(t_ns), np.bool_)
    first: NDArray[np.bool_] = t_ns // own_ns != (t_ns - period_ns) // own_ns
    return first


def _severity(sensor: SensorModel, moment: Moment) -> Floats:
    """``line.severity`` for many moments."""
    life = moment.life_ns
    begin = np.maximum(life // 2, life - round(sensor.failure.tau_h * HOUR_NS))
    u = np.clip((moment.age_ns - begin) / (life - begin), 0.0, 1.0)
    if sensor.failure.pattern == "wear":
        return np.asarray(np.expm1(WEAR_STEEPNESS * u) / np.expm1(WEAR_STEEPNESS), np.float64)
    return np.asarray(u, np.float64)


def _load(stream: int, t_ns: Times) -> Floats:
    """How hard the machine works, -1 to 1: a random line from knot to knot."""
    knot = t_ns // LOAD_KNOT_NS
    along = (t_ns % LOAD_KNOT_NS) / LOAD_KNOT_NS
    here, there = chance.uniforms(stream, knot), chance.uniforms(stream, knot + 1)
    return np.asarray(2 * (here + (there - here) * along) - 1, np.float64)
