"""Faults of sensors: what stands between a true value and the one that is reported.

What it is: a function on top of the values that changes them within a fault's window only, in the order of the faults.
What it is not: a failure of the machine; that shows in the values themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.chance import bells
from simulator.signal_shapes import SPIKE_CELL_NS, struck_many

SPIKE_INTERVAL_NS: Final = 60_000_000_000
"""One impulse in this time in the mean, while a fault of spikes lasts (assumed)."""

Kind = Literal["stuck", "drift", "spike", "noise", "dropout", "offset", "scale", "quantise"]
Floats = NDArray[np.float64]
Times = NDArray[np.int64]


class SensorFault(NamedTuple):
    """A fault of one sensor within [start, end).

    Attributes:
        kind: stuck (the value that it would have at the start), drift (``magnitude`` is added little by little over
            the window), spike (impulses of ``magnitude``), noise (more, of this standard deviation), dropout (no
            values), offset (added), scale (a factor), quantise (rounded to whole multiples).
        sensor: its number.
        start_ns, end_ns: the window.
        magnitude: in the sensor's unit; a pure number for ``scale``; no matter for stuck and dropout.
        stream: of its own chance (``chance.key``).
    """

    kind: Kind
    sensor: int
    start_ns: int
    end_ns: int
    magnitude: float = 0.0
    stream: int = 0


def apply_faults(
    values: Floats, times: Times, faults: Sequence[SensorFault], base_at: Callable[[SensorFault], float]
) -> None:
    """Change values [sensor, time] in place; ``base_at`` gives the value at which a sensor is stuck."""
    for fault in faults:
        begin, end = np.searchsorted(times, (fault.start_ns, fault.end_ns))
        if begin < end:
            part = values[fault.sensor, begin:end]
            part[:] = _faulty(fault, part, times[begin:end], base_at)


def _faulty(fault: SensorFault, part: Floats, times: Times, base_at: Callable[[SensorFault], float]) -> Floats:
    size = fault.magnitude
    match fault.kind:
        case "stuck":
            return np.where(np.isnan(part), np.nan, base_at(fault))
        case "dropout":
            return np.full(len(part), np.nan)
        case "scale":
            return part * size
        case "quantise":
            return np.rint(part / size) * size if size > 0 else part
        case _:
            return part + size * _added(fault, times)


def _added(fault: SensorFault, times: Times) -> Floats | float:
    """How much of the magnitude is added at each time."""
    match fault.kind:
        case "drift":
            return np.asarray((times - fault.start_ns) / (fault.end_ns - fault.start_ns), np.float64)
        case "spike":
            chance = SPIKE_CELL_NS / SPIKE_INTERVAL_NS
            stream: Any = np.uint64(fault.stream)  # all 64 bits of it, as one type for the compiler
            return struck_many(stream, times, chance).astype(np.float64)
        case "noise":
            return bells(fault.stream, times)
        case _:
            return 1.0
