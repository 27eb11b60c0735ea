"""What the sensors of one machine say: values as functions of time and of what the kernel told.

What it is: sensor models packed for the compiled core, the machine's condition carried from call to call, faults of
sensors and reports by exception. Neither the grid of samples nor the cut of time into calls changes a value.
What it is not: a physical model. ``docs/signals.md`` has each shape's formula, its source, and what is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, inf, log10, nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator import chance
from simulator import signal_core as core
from simulator import signal_shapes as shapes
from simulator.behaviour import Guarded, condition_at
from simulator.happenings import ENTERED, Rows
from simulator.machine_model import SensorModel
from simulator.signal_faults import SensorFault, apply_faults
from simulator.signal_report import report

LOAD_SHARE: Final = 0.5
"""The load moves the working point by up to this share of half the healthy band."""
AMBIENT_SHARE: Final = 0.2
"""The day's warmth moves temperatures by up to this share of half the healthy band."""
HUNTING_NS: Final = 30 * shapes.SECOND_NS
"""Period of a growing swing, unless the sensor has a steady one."""
PATTERNS: Final = ("wear", "drift", "noise", "spike", "step", "saturate", "oscillation")
"""In the order of the numbers in ``signal_shapes``."""

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
_NO_ROWS: Final[Times] = np.empty((0, core.STARTED), np.int64)


class MachineSignals:
    """The sensors of one machine, and its condition at the last state told.

    Args:
        sensors: in the order in which the kernel counts the failure modes.
        seed: of all chance.
        machine: its name, unique under the seed.
        behaviour: what has the last word on the values, before any fault of a sensor.
    """

    def __init__(
        self, sensors: Sequence[SensorModel], seed: int, machine: str, behaviour: Guarded | None = None
    ) -> None:
        self._sensors = _packed(sensors, seed, machine)
        self._behaviour = behaviour
        self._bands = np.array([sensor.deadband or 0.0 for sensor in sensors], np.float64)
        self._slowest_ns = int(self._sensors["own_ns"].max(initial=0))
        self._sifted = bool(self._bands.any()) or behaviour is not None
        self._state = np.zeros(core.COLUMNS, np.int64)
        self._state[[core.T, core.STARTED]] = shapes.LONG_AGO
        self._shares = np.ones(len(sensors), np.float64)
        self._last = np.full(len(sensors), nan)
        self._held: dict[SensorFault, float] = {}

    def sample(
        self, entered: Rows, times_ns: Times, period_ns: int, faults: Sequence[SensorFault] = ()
    ) -> tuple[Times, Floats]:
        """The times at which some sensor is reported, and the values [sensor, time]; not a number: not reported.

        Args:
            entered: the states entered since the last call, in time order.
            times_ns: when to sample, in order, none earlier than the end of the last call.
            period_ns: the grid's period: what is sampled more slowly is left out in between.
            faults: all whose window overlaps the time since the last call.
        """
        rows = _rows(entered)
        times = _plain(times_ns, np.int64)
        if faults:
            self._hold(faults, rows, times)
        values = self._filled(rows, times, period_ns)
        if faults:
            apply_faults(values, times, faults, lambda fault: self._held.get(fault, nan))
            for sensor in {fault.sensor for fault in faults}:
                core.settle(self._sensors, sensor, values[sensor])
        stateless = self._state[core.T] == shapes.LONG_AGO
        if len(rows):
            core.advance(self._sensors, self._state, self._shares, rows)
        if faults or stateless or self._sifted or self._slowest_ns > period_ns:
            kept = np.empty(len(times), np.int64)
            count = report(values, self._last, self._bands, times, kept)
            return kept[:count], values[:, :count]
        return times, values

    def skip(self, entered: Rows, until_ns: int, faults: Sequence[SensorFault] = ()) -> None:
        """Take note of the states entered before ``until_ns`` without sampling."""
        rows = _rows(entered)
        if faults:
            self._hold(faults, rows, np.array([until_ns - 1], np.int64))
        if len(rows):
            core.advance(self._sensors, self._state, self._shares, rows)

    def copy(self) -> MachineSignals:
        """One that goes on from here by itself."""
        other = object.__new__(MachineSignals)
        other.__dict__.update(self.__dict__)
        other._state, other._shares, other._last = self._state.copy(), self._shares.copy(), self._last.copy()
        other._held = dict(self._held)
        other._behaviour = None if self._behaviour is None else self._behaviour.copy()
        return other

    def _hold(self, faults: Sequence[SensorFault], rows: Times, times: Times) -> None:
        """Values at which sensors get stuck: taken once, when time reaches the fault's start.

        Of a fault that is told of too late, at the first moment that is still known.
        """
        self._held = {fault: value for fault, value in self._held.items() if fault in faults}
        told = [int(t) for t in (self._state[core.T], *rows[:1, core.T]) if t != shapes.LONG_AGO]
        if not told:
            return
        reached = max(int(part[-1]) for part in (rows[:, core.T], times, told) if len(part))
        for fault in faults:
            if fault.kind == "stuck" and fault not in self._held and fault.start_ns <= reached:
                at = np.array([max(fault.start_ns, told[0])], np.int64)
                self._held[fault] = float(self._filled(rows, at, 0)[fault.sensor, 0])

    def _filled(self, rows: Times, times: Times, period_ns: int) -> Floats:
        """Values [sensor, time] as the sensors show them; not a number: not read, or no state yet."""
        values = np.empty((len(self._sensors), len(times)), np.float64)
        core.fill(self._sensors, self._state, self._shares, rows, times, period_ns, values)
        if self._behaviour is not None:
            known = self._state[core.T] != shapes.LONG_AGO
            told = np.concatenate([self._state[np.newaxis, : core.STARTED], rows]) if known else rows
            begin = int(np.searchsorted(times, told[0, core.T])) if len(told) else len(times)
            if begin < len(times):
                condition = condition_at(told, times[begin:], self._sensors["visible_ns"])
                values[:, begin:] = self._behaviour.values(condition, values[:, begin:])
                for sensor in range(len(values)):
                    core.settle(self._sensors, sensor, values[sensor])
        return values


def decimals(sensor: SensorModel) -> int:
    """Digits after the point that leave four significant ones at the top of the healthy band."""
    return max(0, 3 - floor(log10(max(abs(x) for x in sensor.normal))))


def grid(from_ns: int, until_ns: int, period_ns: int) -> Times:
    """The multiples of a period in [from, until)."""
    return np.arange(-(-from_ns // period_ns), -(-until_ns // period_ns), dtype=np.int64) * period_ns


def _rows(entered: Rows) -> Times:
    """States as whole numbers, one row each: every column of ``ENTERED`` is one."""
    if len(entered) == 0:
        return _NO_ROWS
    return _plain(entered, ENTERED).view(np.int64).reshape(-1, core.STARTED)


def _plain(array: NDArray[Any], kind: Any) -> NDArray[Any]:
    """Contiguous and writable, so that the compiled core meets one type of array only."""
    return np.require(array, kind, ["C", "W"])


def _packed(sensors: Sequence[SensorModel], seed: int, machine: str) -> NDArray[Any]:
    table = np.zeros(len(sensors), core.SENSOR)
    for row, sensor in zip(table, sensors, strict=True):
        for name, value in (_figures(sensor) | _streams(sensor, seed, machine)).items():
            row[name] = value
    return table


def _figures(sensor: SensorModel) -> dict[str, float]:
    """A sensor model as numbers; what it does not have becomes a number that does nothing."""
    low, high = sensor.normal
    half = (high - low) / 2
    step = Fraction(1, 10 ** decimals(sensor)) if sensor.resolution is None else Fraction(repr(sensor.resolution))
    lowest = 0.0 if min(low, sensor.failure.to) >= 0 else -inf  # a length or an r.m.s. value has no sign
    own = sensor.oscillation
    return {
        "middle": low + half,
        "load": half * LOAD_SHARE,
        "ambient": half * AMBIENT_SHARE if sensor.unit == "degC" else 0.0,
        "rest": nan if sensor.rest is None else sensor.rest,
        "tau_ns": (sensor.tau_min or 0.0) * shapes.MINUTE_NS,
        "noise": sensor.noise_sd,
        "to": sensor.failure.to,
        "visible_ns": max(1, round(sensor.failure.tau_h * shapes.HOUR_NS)),
        "pattern": PATTERNS.index(sensor.failure.pattern),
        "hunt_ns": HUNTING_NS if own is None else max(1, round(own.period_s * shapes.SECOND_NS)),
        "inrush": 0.0 if sensor.inrush is None else sensor.inrush.factor - 1,
        "inrush_ns": 0.0 if sensor.inrush is None else sensor.inrush.tau_s * shapes.SECOND_NS,
        "swing": 0.0 if own is None else own.amplitude,
        "swing_ns": 1 if own is None else max(1, round(own.period_s * shapes.SECOND_NS)),
        "steps": float(1 / step),
        "over": float(step.numerator),
        "under": float(step.denominator),
        "low": lowest if sensor.limits is None else sensor.limits[0],
        "high": inf if sensor.limits is None else sensor.limits[1],
        "own_ns": round(shapes.SECOND_NS / sensor.sample_hz),
    }


def _streams(sensor: SensorModel, seed: int, machine: str) -> dict[str, float]:
    of = (machine, "sensor", sensor.name)
    return {
        "white": chance.key(seed, *of),
        "memory": chance.key(seed, *of, "memory"),
        "lives": chance.key(seed, *of, "lives"),
        "spikes": chance.key(seed, *of, "spikes"),
        "work": chance.key(seed, machine, "load"),
        "phase": chance.uniform(chance.key(seed, *of, "phase"), 0),
    }
