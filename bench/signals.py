"""How fast the values of sensors are computed, for back-fill and live, beside the same in plain numpy.

Run: ``python bench/signals.py [--hours 4] [--rounds 15] [--json]``. One core. ``samples_per_s``: the sensors of every
machine model, one machine each, a state every minute, lives that end, one sample per second (slow sensors at their own
pace; only what is sampled counts). ``ratio`` is that over 20 million. ``live_us``: one call for one machine with four
sensors and one sample, without and with a state entered. ``numpy_samples_per_s``: two sensors in numpy, with less to do
(one part of the noise instead of three; no inrush, swing or limits). Seconds are of processor time, and the best of
the rounds counts: the others were disturbed. ``compile_s`` is the first call: with a filled cache it is the loading.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # so that it runs from a checkout that is not installed

import numpy as np  # noqa: E402
from figures import best_s, surroundings, tell  # noqa: E402

from simulator import chance  # noqa: E402
from simulator.catalogue import load_model, models  # noqa: E402
from simulator.happenings import ENTERED, Doing, Rows  # noqa: E402
from simulator.machine_model import SensorModel  # noqa: E402
from simulator.signals import MachineSignals, Times, decimals, grid  # noqa: E402

GOAL_PER_S = 20e6
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
LIFE_NS = 200 * HOUR_NS
LIVE_CALLS = 3000
KNOT_NS = 10 * MINUTE_NS


def states(hours: int, mode: int) -> Rows:
    """A state every minute, two of three running, at the end of a life that fails in this mode."""
    rows = np.zeros(hours * 60, ENTERED)
    number = np.arange(len(rows))
    rows["t_ns"] = number * MINUTE_NS
    rows["doing"] = np.where(number % 3 == 2, Doing.STARVED, Doing.RUNNING)
    rows["age_ns"] = LIFE_NS - 30 * HOUR_NS + (number - number // 3) * MINUTE_NS
    rows["life_ns"] = LIFE_NS
    rows["mode"] = mode
    return rows


def plant(hours: int) -> tuple[Callable[[], object], int]:
    """The sensors of every machine model; the work, and how many samples it makes."""
    machines = []
    samples = 0
    times = grid(0, hours * HOUR_NS, SECOND_NS)
    for number, name in enumerate(models()):
        sensors = load_model(name).sensors
        machines.append((MachineSignals(sensors, 1, name), states(hours, number % len(sensors))))
        for sensor in sensors:
            own_ns = max(SECOND_NS, round(SECOND_NS / sensor.sample_hz))
            samples += len(np.unique(times // own_ns))

    def work() -> None:
        for machine, rows in machines:
            machine.copy().sample(rows, times, SECOND_NS)

    return work, samples


def live(machine: MachineSignals, rows: Rows) -> Callable[[], object]:
    """Calls with one sample each."""
    times = [np.array([t * SECOND_NS]) for t in range(1, LIVE_CALLS + 1)]

    def work() -> None:
        here = machine.copy()
        for t_ns in times:
            rows["t_ns"] = t_ns
            here.sample(rows, t_ns, SECOND_NS)

    return work


def numpy_values(sensor: SensorModel, number: int, rows: Rows, times: Times, shares: np.ndarray) -> np.ndarray:
    """A sensor that follows the state or wears, in plain numpy."""
    row = np.searchsorted(rows["t_ns"], times, side="right") - 1
    running = rows["doing"][row] == Doing.RUNNING
    passed = times - rows["t_ns"][row]
    age, life = rows["age_ns"][row] + np.where(running, passed, 0), rows["life_ns"][row]
    begin = np.maximum(life // 2, life - round(sensor.failure.tau_h * HOUR_NS))
    u = np.clip((age - begin) / (life - begin), 0.0, 1.0)
    shows = np.where(rows["mode"][row] == number, np.expm1(4 * u) / np.expm1(4), 0.0)
    knot, along = times // KNOT_NS, (times % KNOT_NS) / KNOT_NS
    here, there = chance.uniforms(7, knot), chance.uniforms(7, knot + 1)
    low, high = sensor.normal
    middle, half = (low + high) / 2, (high - low) / 2
    work = middle + half * 0.5 * (2 * (here + (there - here) * along) - 1) + (sensor.failure.to - middle) * shows
    work += half * 0.2 * np.cos(2 * np.pi * ((times - 15 * HOUR_NS) % (24 * HOUR_NS)) / (24 * HOUR_NS))
    goal = running.astype(np.float64)
    share = goal + (shares[row] - goal) * np.exp(-passed / ((sensor.tau_min or 25) * MINUTE_NS))
    rest = sensor.rest or 0.0
    value = rest + (work - rest) * share
    value += sensor.noise_sd * (0.2 + 0.8 * share) * chance.bells(11, times)
    return np.round(np.maximum(value, 0.0), decimals(sensor))


def numpy_work(hours: int) -> tuple[Callable[[], object], int]:
    """Two sensors of a machine that warms up; the work, and how many samples it makes."""
    pair = [s for name in models() for s in load_model(name).sensors if s.tau_min and s.sample_hz <= 1][:2]
    times = grid(0, hours * HOUR_NS, SECOND_NS)
    rows = states(hours, 0)
    shares = np.ones(len(rows))  # how warm at each state: given, so that no loop slows numpy down

    def work() -> None:
        for number, sensor in enumerate(pair):
            numpy_values(sensor, number, rows, times, shares)

    return work, len(pair) * len(times)


def measure(hours: int, rounds: int) -> dict[str, object]:
    """All figures."""
    four = next(sensors for sensors in (load_model(name).sensors for name in models()) if len(sensors) == 4)
    machine = MachineSignals(four, 1, "one")
    first = states(1, 0)[:1]
    begin = time.perf_counter()
    machine.sample(first, np.array([0]), SECOND_NS)
    compile_s = time.perf_counter() - begin
    work, samples = plant(hours)
    work()
    rate = samples / best_s(rounds, work)
    peer, peer_samples = numpy_work(hours)
    peer_rate = peer_samples / best_s(rounds, peer)
    return {
        "samples": samples,
        "samples_per_s": round(rate),
        "ratio": round(rate / GOAL_PER_S, 3),
        "numpy_samples_per_s": round(peer_rate),
        "times_numpy": round(rate / peer_rate, 1),
        "live_us": round(best_s(rounds, live(machine, first[:0])) / LIVE_CALLS * 1e6, 2),
        "live_with_state_us": round(best_s(rounds, live(machine, first)) / LIVE_CALLS * 1e6, 2),
        "compile_s": round(compile_s, 2),
        "numba": version("numba"),
    } | surroundings()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    tell(measure(flags.hours, flags.rounds), as_json=flags.json)


if __name__ == "__main__":
    main()
