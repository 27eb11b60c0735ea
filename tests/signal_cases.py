"""What the tests of the signals share: sensors of every shape, and lives of machines."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st

from simulator.happenings import ENTERED, Doing, Rows
from simulator.machine_model import Failure, Inrush, Oscillation, SensorModel
from simulator.signals import MachineSignals, Times

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
LIFE_NS = 400 * HOUR_NS
PATTERNS = ("wear", "drift", "noise", "spike", "step", "saturate", "oscillation")


def sensor(pattern: str = "drift", to: float = 90.0, tau_h: float = 100.0, **more: Any) -> SensorModel:
    failure = Failure(mode="m", pattern=pattern, to=to, tau_h=tau_h)  # type: ignore[arg-type]
    given = {"name": "s", "unit": "u", "normal": [40.0, 60.0], "noise_sd": 0.5, "sample_hz": 10.0, "failure": failure}
    return SensorModel(**(given | more))  # type: ignore[arg-type]


def quiet(pattern: str = "drift", **more: Any) -> SensorModel:
    """Without noise, with a fine step."""
    return sensor(pattern, **({"noise_sd": 0.0, "resolution": 1e-6} | more))


SHAPES = [
    *(sensor(pattern, name=pattern, tau_h=20.0) for pattern in PATTERNS),
    sensor(name="stands", rest=0.0),
    sensor("wear", name="warm", unit="degC", rest=20.0, tau_min=30.0),
    sensor("spike", name="slower", rest=10.0, tau_min=3.0, sample_hz=0.07),
    sensor("noise", name="motor", rest=0.4, inrush=Inrush(), resolution=0.05, limits=[0.0, 250.0]),
    sensor("step", name="swings", to=-5.0, oscillation=Oscillation(amplitude=3.0, period_s=17.0), deadband=1.5),
    sensor(name="said", deadband=0.8, sample_hz=0.5, resolution=0.25),
]


def rows_of(
    *entered: tuple[int, Doing], age_ns: int = 0, life_ns: int = LIFE_NS, mode: int = 0, machine: int = 0
) -> Rows:
    """States; the age grows while it runs."""
    rows = np.zeros(len(entered), ENTERED)
    for n, (t_ns, doing) in enumerate(entered):
        if n and entered[n - 1][1] is Doing.RUNNING:
            age_ns += t_ns - entered[n - 1][0]
        rows[n] = (t_ns, machine, doing, -1, 0, age_ns, life_ns, mode)
    return rows


def running(age_h: float = 0.0, mode: int = 0, since_ns: int = 0) -> Rows:
    return rows_of((since_ns, Doing.RUNNING), age_ns=round(age_h * HOUR_NS), mode=mode)


def values_of(model: SensorModel, rows: Rows, times: list[int] | Times, seed: int = 1) -> np.ndarray:
    """One sensor alone at every time; its failure is mode 0."""
    alone = msgspec.structs.replace(model, sample_hz=1e5, deadband=None)
    _, values = MachineSignals([alone], seed, "m").sample(rows, np.array(times, np.int64), SECOND_NS)
    return values[0]


def due(model: SensorModel, times: Times, period_ns: int) -> np.ndarray:
    """At which times of a grid a sensor is sampled: a slow one at the first after each multiple of its own period."""
    own_ns = round(SECOND_NS / model.sample_hz)
    if own_ns <= period_ns:
        return np.ones(len(times), np.bool_)
    return times // own_ns != (times - period_ns) // own_ns


def pieces(rows: Rows, times: Times, cuts: list[int]) -> list[tuple[Rows, Times, int]]:
    """Cut by time: (states, times, end) of each call."""
    edges = [-1, *sorted(cuts), 2**61]
    return [
        (rows[(rows["t_ns"] >= a) & (rows["t_ns"] < b)], times[(times >= a) & (times < b)], b)
        for a, b in pairwise(edges)
    ]


@st.composite
def lives(draw: st.DrawFn, hours: int = 30) -> Rows:
    """A machine near the end of a life, that starts and stops."""
    end = hours * HOUR_NS
    stops = sorted(draw(st.lists(st.integers(1, end), max_size=10, unique=True)))
    other = st.sampled_from([Doing.BLOCKED, Doing.MINOR_STOP, Doing.NO_POWER])
    doing = [Doing.RUNNING if n % 2 == 0 else draw(other) for n in range(len(stops) + 1)]
    begin = draw(st.sampled_from([0, 5 * MINUTE_NS]))
    entered = [(begin, doing[0]), *((t, d) for t, d in zip(stops, doing[1:], strict=True) if t > begin)]
    mode = draw(st.integers(0, len(SHAPES)))
    return rows_of(*entered, age_ns=LIFE_NS - draw(st.integers(1, 60)) * HOUR_NS, mode=mode)
