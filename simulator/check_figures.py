"""The figures of a machine model that cannot be meant, before anything runs with them.

What it is: pure. Each figure has a reach within which the simulation is exact and quick, and some figures must go with
others: a value at the failure that the transducer cannot show is no sign of anything.
What it is not: the laws of what a machine does (``checks.py``), nor the schema (``machine_model.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from simulator.energy import MAX_PER_H
from simulator.machine_model import MachineModel, SensorModel
from simulator.speak import ENERGY

LONGEST_H: Final = 100_000.0
"""Times are counted in ns in 64 bits; 11 years of operation leave room for the longest of random lives."""
SHORTEST_H: Final = 0.1
"""A machine that fails more often is not one that is simulated in reasonable time."""
MOST_STOPS_PER_H: Final = 600.0
LARGEST: Final = 1e12
SMALLEST: Final = 1e-12
"""Of values in a sensor's unit; beyond it another unit is meant."""


def figures(model: MachineModel) -> Iterator[str]:
    """What in a model's figures cannot be meant, each as ``KEY: WHY``."""
    life, stops = model.reliability, model.reliability.minor_stops
    yield from _range("reliability.mtbf_h", life.mtbf_h, SHORTEST_H, LONGEST_H)
    yield from _range("reliability.mttr_h", life.mttr_h, 0, LONGEST_H)
    if stops.per_h:
        yield from _range("reliability.minor_stops.per_h", stops.per_h, 1 / LONGEST_H, MOST_STOPS_PER_H)
    yield from _range("reliability.minor_stops.mean_s", stops.mean_s, 0, LONGEST_H * 3600)
    yield from _range("power_kw.idle", model.power_kw.idle, 0, MAX_PER_H / 1000)
    yield from _range("power_kw.run", model.power_kw.run, 0, MAX_PER_H / 1000)
    counters = {ENERGY}
    for place, medium in enumerate(model.media):
        key = f"media[{place}]"
        yield from _range(f"{key}.idle_per_h", medium.idle_per_h, 0, MAX_PER_H)
        yield from _range(f"{key}.run_per_h", medium.run_per_h, 0, MAX_PER_H)
        if medium.counter in counters:
            yield f"{key}.counter: the machine has another counter {medium.counter}"
        counters.add(medium.counter)
    for place, sensor in enumerate(model.sensors):
        key = f"sensors[{place}]"
        reaches = list(_reaches(key, sensor))
        yield from reaches
        if not reaches:
            yield from _together(key, sensor)


def _reaches(key: str, sensor: SensorModel) -> Iterator[str]:
    """Each figure of a sensor by itself."""
    failure = sensor.failure
    for name, value in (
        ("normal[0]", sensor.normal[0]),
        ("normal[1]", sensor.normal[1]),
        ("noise_sd", sensor.noise_sd),
        ("failure.to", failure.to),
        ("rest", sensor.rest),
        ("oscillation.amplitude", None if sensor.oscillation is None else sensor.oscillation.amplitude),
        *((f"limits[{place}]", limit) for place, limit in enumerate(sensor.limits or ())),
    ):
        yield from _range(f"{key}.{name}", value, -LARGEST, LARGEST)
    yield from _range(f"{key}.normal", max(map(abs, sensor.normal)), SMALLEST, LARGEST)
    yield from _range(f"{key}.resolution", sensor.resolution, SMALLEST, LARGEST)
    yield from _range(f"{key}.sample_hz", sensor.sample_hz, 1 / (LONGEST_H * 3600), LARGEST)
    yield from _range(f"{key}.failure.tau_h", failure.tau_h, 0, LONGEST_H)
    yield from _range(f"{key}.tau_min", sensor.tau_min, 0, LONGEST_H * 60)
    if sensor.inrush is not None:
        yield from _range(f"{key}.inrush.tau_s", sensor.inrush.tau_s, 0, LONGEST_H * 3600)
    if sensor.oscillation is not None:
        yield from _range(f"{key}.oscillation.period_s", sensor.oscillation.period_s, 0, LONGEST_H * 3600)


def _together(key: str, sensor: SensorModel) -> Iterator[str]:
    """What does not go together."""
    failure, (low, high) = sensor.failure, sensor.normal
    if sensor.limits is not None:
        for name, value in (
            ("normal[0]", low),
            ("normal[1]", high),
            ("rest", sensor.rest),
            ("failure.to", failure.to),
        ):
            if value is not None and not sensor.limits[0] <= value <= sensor.limits[1]:
                yield f"{key}.{name}: {value:g} is beyond the limits {sensor.limits[0]:g} to {sensor.limits[1]:g}"
    for name, mark in (("warn", sensor.warn), ("alarm", sensor.alarm)):
        if mark is not None and low < mark < high:
            yield f"{key}.{name}: {mark:g} is inside the healthy band {low:g} to {high:g}"
    if failure.pattern == "noise" and sensor.noise_sd == 0:
        yield f"{key}.noise_sd: the failure shows as more noise, and there is none"
    if failure.pattern != "noise" and low <= failure.to <= high:
        yield f"{key}.failure.to: {failure.to:g} is inside the healthy band {low:g} to {high:g}: it would show nothing"
    if failure.tau_h * 3600 * sensor.sample_hz < 1:
        yield f"{key}.failure.tau_h: shorter than the time between two samples, {1 / sensor.sample_hz:g} s"
    if failure.effect.scrap + failure.effect.rework > 1:
        worst = failure.effect.scrap + failure.effect.rework
        yield f"{key}.failure.effect: scrap and rework together are {worst:g}; a probability is at most 1"


def _range(key: str, value: float | None, low: float, high: float) -> Iterator[str]:
    if value is not None and not low <= value <= high:
        yield f"{key}: expected {low:g} to {high:g}, found {value:g}"
