"""The whole factory as one pure thing: run it to a time, and it says everything that there is to say until then.

What it is: kernel, signals, meters, books and speaker put together, without a clock and without a connection. The same
site, boot, start and cuts of time give the same bytes.
What it is not: paced or sent; ``run.py`` does both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from contract import Address
from simulator import chance, kernel, signals
from simulator.catalogue import StepModel
from simulator.energy import EnergyMeter, power_by_doing
from simulator.kernel import Entered
from simulator.outgoing import Outgoing
from simulator.plant import MINUTE_NS, Site
from simulator.signals import Since
from simulator.speak import Speaker
from simulator.truth import EnergyBook, machine_truth, meter_truth


class Factory:
    """A site that runs.

    Args:
        site: what to run.
        boot: hexadecimal, new at each start.
        start_ns: where plant time begins.
    """

    def __init__(self, site: Site, boot: str, start_ns: int) -> None:
        self.site = site
        self.start_ns = start_ns
        self._speaker = Speaker(site, boot)
        self._plant = kernel.start(site.line, site.seed, start_ns)
        self._machines = [_Voice(site, address, step, start_ns) for address, step in site.machines]
        self._meter = _Metered(EnergyMeter({}, start_ns, watts=round(site.sector.aux_kw * 1000)), site)

    @property
    def now_ns(self) -> int:
        """Plant time: everything before it is done and said."""
        return self._plant.now_ns

    def opening(self) -> list[Outgoing]:
        """The births."""
        return self._speaker.births(self.start_ns)

    def advance(self, until_ns: int, telemetry_ns: int) -> list[Outgoing]:
        """Run to a time, which is not part of it, and say what happened; one sample per ``telemetry_ns``."""
        from_ns = self.now_ns
        happened = kernel.advance(self._plant, until_ns)
        readings_ns = self._reading_times(from_ns, until_ns)
        samples_ns = signals.grid(from_ns, until_ns, telemetry_ns)
        said = list(self._readings(self.site.meter, self._meter, [], readings_ns, until_ns))
        for voice, entered, finished in zip(self._machines, happened.entered, happened.finished, strict=True):
            said += self._speaker.states(voice.address, voice.step, entered)
            said += self._speaker.cycles(voice.address, voice.step, finished)
            said += self._readings(voice.address, voice.meter, entered, readings_ns, until_ns)
            times_ns, values = voice.sample(entered, samples_ns, telemetry_ns)
            said += self._speaker.samples(voice.address, times_ns, values)
        return said

    def closing(self) -> list[Outgoing]:
        """The last meter readings and the deaths, at the plant time reached."""
        meters = [(self.site.meter, self._meter), *((voice.address, voice.meter) for voice in self._machines)]
        last = [
            out
            for address, meter in meters
            for out in self._speaker.readings(address, [self.now_ns], [meter.book.energy_wh])
        ]
        return last + self._speaker.deaths(self.now_ns)

    def truth(self) -> list[tuple[str, dict[str, Any]]]:
        """(address path, what has really happened there since the start), for each machine and the meter."""
        done = kernel.truth(self._plant)
        lines = [
            (voice.address.path, machine_truth(self.site, voice.step, machine, voice.meter.book))
            for voice, machine in zip(self._machines, done, strict=True)
        ]
        return [*lines, (self.site.meter.path, meter_truth(self._meter.book))]

    def _reading_times(self, from_ns: int, until_ns: int) -> list[int]:
        """Every full minute, and the very start."""
        times: list[int] = signals.grid(from_ns, until_ns, MINUTE_NS).tolist()
        if from_ns == self.start_ns < until_ns and times[:1] != [from_ns]:
            times.insert(0, from_ns)
        return times

    def _readings(
        self, address: Address, meter: _Metered, entered: Sequence[Entered], times_ns: list[int], until_ns: int
    ) -> Iterator[Outgoing]:
        return self._speaker.readings(address, times_ns, meter.read(entered, times_ns, until_ns))


class _Metered:
    """A meter and the book that is kept of it."""

    def __init__(self, meter: EnergyMeter, site: Site) -> None:
        self._meter = meter
        self.book = EnergyBook(site.tariff)
        self._read_ns: int | None = None

    def read(self, entered: Sequence[Entered], times_ns: list[int], until_ns: int) -> list[int]:
        """Readings in Wh at the times; the book is kept up to ``until_ns``."""
        wh = list(self._meter.read(entered, [*times_ns, until_ns]))
        for t_ns, reading in zip([*times_ns, until_ns], wh, strict=True):
            if self._read_ns is not None:
                self.book.add(self._read_ns, reading - self.book.energy_wh)
            self._read_ns = t_ns
        return wh[:-1]


class _Voice:
    """One machine: its address, its meter and its sensors."""

    def __init__(self, site: Site, address: Address, step: StepModel, start_ns: int) -> None:
        self.address = address
        self.step = step
        self.meter = _Metered(EnergyMeter(power_by_doing(step.power_kw), start_ns), site)
        self._since: Since | None = None
        self._load = chance.key(site.seed, address.machine, "load")
        self._noise = [chance.key(site.seed, address.machine, "sensor", s.name) for s in step.sensors]

    def sample(
        self, entered: Sequence[Entered], times_ns: signals.Times, period_ns: int
    ) -> tuple[list[int], dict[str, list[float | None]]]:
        """Times and columns of the sensors; a time at which none is sampled is left out."""
        if self._since is None and not entered:
            return [], {}
        trace = signals.trace(self._since, entered)
        self._since = trace.last
        due = [signals.due(sensor, times_ns, period_ns) for sensor in self.step.sensors]
        some = np.logical_or.reduce(due) if due else np.zeros(0, np.bool_)
        moment = signals.moments(trace, times_ns[some], self._load)
        columns: dict[str, list[float | None]] = {}
        for number, sensor in enumerate(self.step.sensors):
            column: list[float | None] = signals.values(sensor, number, moment, self._noise[number]).tolist()
            taken = due[number][some]
            if not taken.all():
                column = [value if there else None for value, there in zip(column, taken.tolist(), strict=True)]
            columns[sensor.name] = column
        times: list[int] = times_ns[some].tolist()
        return times, columns
