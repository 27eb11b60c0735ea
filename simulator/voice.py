"""One machine as others meet it: its address, its meter and book, and its sensors.

What it is: pure. It turns what the kernel told of one machine into messages, and keeps the machine's books.
What it is not: a decision; the kernel makes those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract import Address
from simulator.behaviour import behaviour_of
from simulator.energy import NO_ROWS, Meter, consumption, electricity
from simulator.fault_plan import FaultPlan
from simulator.happenings import Rows
from simulator.kernel import MachineTruth
from simulator.limits import refusing
from simulator.outgoing import Outgoing
from simulator.plant import Site, ideal_cycle_ns, operators_of
from simulator.sector_model import StepModel
from simulator.signal_faults import SensorFault
from simulator.signals import MachineSignals
from simulator.speak import ENERGY, NAMES, Speaker
from simulator.truth import Bands, EnergyBook, machine_truth

Times = NDArray[np.int64]
NO_TIMES: Final[Times] = np.zeros(0, np.int64)


class Metered:
    """A meter, the book that is kept of it, and the readings that are not yet said."""

    def __init__(self, meter: Meter, bands: Bands, start_ns: int) -> None:
        self.meter = meter
        self.book = EnergyBook(bands)
        self._bands = bands
        self._booked_ns = start_ns
        self._unsaid: list[tuple[Times, dict[str, Times]]] = []

    def read(self, entered: Rows, times_ns: Times, until_ns: int) -> dict[str, Times]:
        """Readings of each counter at the times; the book is kept up to ``until_ns``."""
        shown = self.meter.read(entered, times_ns, until_ns)
        if until_ns > self._booked_ns:
            cuts = self._bands.cuts(self._booked_ns, until_ns)
            self.book.book(cuts, self.meter.totals(ENERGY, cuts.times_ns))
            self._booked_ns = until_ns
        return shown

    def note(self, entered: Rows, until_ns: int) -> None:
        """Count and book up to a time without a reading; nothing to do where that is done."""
        if len(entered) or until_ns != self._booked_ns:
            self.read(entered, NO_TIMES, until_ns)

    def hear(self, entered: Rows, times_ns: Times, until_ns: int) -> None:
        """Read, and keep the readings until they are said."""
        shown = self.read(entered, times_ns, until_ns)
        if len(times_ns):
            self._unsaid.append((times_ns, shown))

    def say(self, speaker: Speaker, address: Address) -> Iterator[Outgoing]:
        """The readings that are not yet said."""
        unsaid, self._unsaid = self._unsaid, []
        times = [t_ns for times_ns, _ in unsaid for t_ns in times_ns.tolist()]
        columns = {
            name: [value for _, shown in unsaid for value in shown[name].tolist()] for name in self.meter.counters
        }
        return speaker.readings(address, times, columns)

    @property
    def media(self) -> dict[str, int]:
        """The totals of the other counters."""
        return {counter: self.meter.total(counter) for counter in self.meter.counters if counter != ENERGY}


class Voice:
    """A machine of a site.

    Args:
        site: where it stands.
        address: its own.
        step: what it does.
        bands: the site's tariff.
        start_ns: when the run begins.

    Raises:
        ConfigError: a machine that draws more than a meter can count.
    """

    def __init__(self, site: Site, address: Address, step: StepModel, bands: Bands, start_ns: int) -> None:
        model = site.model_of(step)
        self.address = address
        self.step = step
        self.model = model
        self.ideal_ns = ideal_cycle_ns(step)
        rates = {ENERGY: electricity(model.power_kw), **{m.counter: consumption(m) for m in model.media}}
        with refusing(f"sector {site.sector.id}: step {step.id}: machine model {model.id}"):
            self.metered = Metered(Meter(rates, start_ns), bands, start_ns)
        own = behaviour_of(model, site.seed, address.path)
        self.signals = MachineSignals(model.sensors, site.seed, address.path, own)
        self._site = site
        self._names = [sensor.name for sensor in model.sensors]
        self._modes = [sensor.failure.mode for sensor in model.sensors]
        self._unsaid: tuple[list[Rows], list[Rows]] = ([], [])

    def hear(self, entered: Rows, finished: Rows, readings_ns: Times, until_ns: int) -> None:
        """What the kernel told of a stretch of time: it is booked, and kept until it is said."""
        for rows, unsaid in zip((entered, finished), self._unsaid, strict=True):
            if len(rows):
                unsaid.append(rows)
        if len(entered) or len(readings_ns):
            self.metered.hear(entered, readings_ns, until_ns)

    def say(
        self,
        speaker: Speaker,
        samples_ns: Times,
        *,
        period_ns: int,
        until_ns: int,
        faults: Sequence[SensorFault] = (),
    ) -> Iterator[Outgoing]:
        """Everything heard that is not yet said, with the samples of that time; nothing where nothing is due."""
        entered, finished = (_joined(unsaid) for unsaid in self._unsaid)
        if len(entered):
            yield from speaker.states(self.address, self._modes, entered)
        if len(finished):
            yield from speaker.cycles(self.address, self.ideal_ns, finished)
        yield from self.metered.say(speaker, self.address)
        if len(samples_ns):
            times, values = self.signals.sample(entered, samples_ns, period_ns, faults)
            if len(times):
                yield from speaker.samples(self.address, times.tolist(), self._columns(values))
        elif len(entered) or faults:
            self.signals.skip(entered, until_ns, faults)

    def faults(self, plan: FaultPlan, from_ns: int, until_ns: int) -> list[SensorFault]:
        """The faults of its sensors during a stretch of time."""
        return plan.sensor_faults(self.address.path, self._names, from_ns, until_ns)

    def note(self, entered: Rows, until_ns: int, faults: Sequence[SensorFault] = ()) -> None:
        """Keep the books of a stretch of which nothing is said."""
        self.metered.note(entered, until_ns)
        if len(entered) or faults:
            self.signals.skip(entered, until_ns, faults)

    def last_reading(self, speaker: Speaker, now_ns: int) -> Iterator[Outgoing]:
        """What the meter shows at the end."""
        self.metered.hear(NO_ROWS, np.array([now_ns]), now_ns)
        return self.metered.say(speaker, self.address)

    def truth(self, done: MachineTruth, now_ns: int) -> dict[str, Any]:
        """The machine's line of the ledger."""
        self.note(NO_ROWS, now_ns)
        step = self.step
        return machine_truth(
            done,
            names=NAMES,
            ideal_ns=self.ideal_ns,
            material_per_unit=self._site.material_per_unit[step.id],
            scrap_credit_per_unit=step.scrap_credit_per_unit,
            operators=operators_of(step),
            wage_per_h=self._site.wage_per_h,
            depreciation_per_h=step.depreciation_per_h,
            energy=self.metered.book,
            media=self.metered.media,
        )

    def _columns(self, values: NDArray[np.float64]) -> dict[str, list[float | None]]:
        columns: dict[str, list[float | None]] = {}
        missing = np.isnan(values)
        for name, row, gaps in zip(self._names, values, missing, strict=True):
            column: list[float | None] = row.tolist()
            if gaps.any():
                column = [None if gap else value for value, gap in zip(column, gaps.tolist(), strict=True)]
            columns[name] = column
        return columns


def _joined(unsaid: list[Rows]) -> Rows:
    """The rows of several stretches of time as one table; the list is empty afterwards."""
    rows = NO_ROWS if not unsaid else unsaid[0] if len(unsaid) == 1 else np.concatenate(unsaid)
    unsaid.clear()
    return rows
