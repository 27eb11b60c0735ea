"""The laws that every machine model must pass, with its behaviour if it names one.

What it is: pure. ``check_model`` first looks at the figures (``check_figures.py``), then lets one machine of the model
work for some weeks, in shifts, with breakdowns and maintenance, and holds what it did and showed against the laws
(``check_laws.py``): the same seed gives the same bytes, however time is cut; values are finite and within their limits;
a sensor is read as often as it says; nothing is left out that a deadband does not allow; each failure shows before it
comes; meters never fall; the remaining life falls, and rises only when the machine is renewed.
What it is not: a judgement whether the figures are those of a real machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from contract import ConfigError
from simulator import chance, kernel, signals
from simulator.behaviour import BehaviourClass, Floats, Times, behaviour_of
from simulator.check_figures import figures
from simulator.check_laws import counts, left_out, lives, read, same, shows, within
from simulator.energy import Meter, consumption, electricity
from simulator.happenings import ENTERED, Doing, Rows
from simulator.line import Line, Mode, Step, World, orders
from simulator.machine_model import MachineModel, SensorModel
from simulator.plant import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from simulator.signals import MachineSignals
from simulator.speak import ENERGY

START_NS: Final = 20_000 * DAY_NS
MACHINE: Final = "check/machine-1"
CUTS: Final = 7
FINE_NS: Final = 5 * MINUTE_NS
"""So long before and after a breakdown the sensors are looked at each second; else each minute."""
FINE_AT: Final = 3
"""Breakdowns that are looked at so."""
AT_END: Final = 64
"""Samples of the end of a life."""


def check_model(
    model: MachineModel, *, seed: int = 1, days: int = 30, behaviour: BehaviourClass | None = None
) -> list[str]:
    """Where a model breaks a law, each as ``KEY: WHY``; nothing where it passes.

    Args:
        model: what to check.
        seed: of all chance.
        days: how long the machine works, at least 1.
        behaviour: a class to take instead of the one that the model names.
    """
    if problems := list(figures(model)):
        return problems
    trial = _Trial(model, seed, days, behaviour)
    try:
        trial.signals()
    except ConfigError as error:
        return [str(error).removeprefix(f"machine model {model.id}: ")]
    rows = trial.work()
    found = [*lives(rows), *trial.work_again(rows), *trial.meters(rows), *trial.sensors(rows), *trial.coming_failures()]
    return [f"behaviour: {trial.faults[0]}"] if trial.faults else list(dict.fromkeys(found))


class _Trial:
    """One machine of the model, and what it does and shows."""

    def __init__(self, model: MachineModel, seed: int, days: int, behaviour: BehaviourClass | None) -> None:
        self.model = model
        self.seed = seed
        self.end_ns = START_NS + days * DAY_NS
        self.faults: list[str] = []
        """What the behaviour did wrong."""
        self._behaviour = behaviour
        self._own_key = "behaviour" if behaviour is not None or model.behaviour else ""
        self._all = [msgspec.structs.replace(sensor, deadband=None) for sensor in model.sensors]

    def signals(self, sensors: Sequence[SensorModel] = (), machine: str = MACHINE) -> MachineSignals:
        """The sensors of a machine; without ``sensors`` those that report each sample."""
        own = behaviour_of(self.model, self.seed, machine, self._behaviour, self.faults.append)
        return MachineSignals(sensors or self._all, self.seed, machine, own)

    def work(self, cuts: Sequence[int] = ()) -> Rows:
        """What the machine does, run in pieces."""
        plant = kernel.start(_world(self.model, self.end_ns), self.seed, START_NS)
        kernel.place(plant, orders([{"t_ns": START_NS, "release_ns": START_NS, "units": 2**40}]))
        return np.concatenate([kernel.advance(plant, t_ns).entered for t_ns in (*cuts, self.end_ns)])

    def work_again(self, rows: Rows) -> Iterator[str]:
        """The same work in other pieces is the same."""
        if self.work(self._cuts(START_NS, self.end_ns)).tobytes() != rows.tobytes():
            yield "reliability: the same seed gives other work when time is cut"

    def meters(self, rows: Rows) -> Iterator[str]:
        """The laws of each counter; in the middle all are reset."""
        model = self.model
        rates = {ENERGY: electricity(model.power_kw), **{m.counter: consumption(m) for m in model.media}}
        keys = ["power_kw", *(f"media[{place}]" for place in range(len(model.media)))]
        times = signals.grid(START_NS, self.end_ns + 1, HOUR_NS)
        reset = len(times) // 2
        meter, middle_ns = Meter(rates, START_NS), int(times[reset])
        late = rows["t_ns"] >= middle_ns
        before = meter.read(rows[~late], times[: reset + 1], middle_ns)
        for counter in rates:
            meter.reset(counter)
        after = meter.read(rows[late], times[reset + 1 :], self.end_ns)
        for key, counter in zip(keys, rates, strict=True):
            shown = np.concatenate([before[counter], after[counter]])
            yield from counts(key, shown, reset, meter.total(counter), max(rates[counter].values()))

    def sensors(self, rows: Rows) -> Iterator[str]:
        """The laws of the values."""
        down = rows["t_ns"][rows["doing"] == Doing.DOWN][:FINE_AT].tolist()
        fine = [(max(t - FINE_NS, START_NS), min(t + FINE_NS, self.end_ns), SECOND_NS) for t in down]
        for begin, end, period in [(START_NS, self.end_ns, MINUTE_NS), *fine]:
            times = signals.grid(begin, end, period)
            values = self._sampled(self.signals(), rows, times, period, [])
            for number, sensor in enumerate(self.model.sensors):
                key = f"sensors[{number}]"
                yield from read(key, sensor, times, values[number], period)
                yield from within(key, sensor, times, values[number])
            yield from self._repeated(rows, times, period, values)
            said = self._sampled(self.signals(self.model.sensors), rows, times, period, [])
            for number, sensor in enumerate(self.model.sensors):
                if sensor.deadband is not None:
                    yield from left_out(f"sensors[{number}]", sensor.deadband, values[number], said[number])

    def coming_failures(self) -> Iterator[str]:
        """Each failure at the end of a life, beside the same machine in good health."""
        for number, sensor in enumerate(self.model.sensors):
            visible_ns = round(sensor.failure.tau_h * HOUR_NS)
            rows, times = _end_of_life(sensor, number, visible_ns)
            well = rows.copy()
            well["mode"] = -1
            ill, healthy = (self._sampled(self.signals(), each, times, 0, [])[number] for each in (rows, well))
            yield from shows(f"sensors[{number}]", sensor, ill, healthy)

    def _repeated(self, rows: Rows, times: Times, period_ns: int, values: Floats) -> Iterator[str]:
        """Again; cut, between the calls of a neighbour; and on another grid."""
        cuts, other = self._cuts(int(times[0]), int(times[-1])), times[::3]
        for again, expected, what in (
            (self._sampled(self.signals(), rows, times, period_ns, []), values, "the same seed"),
            (self._sampled(self.signals(), rows, times, period_ns, cuts), values, "another cut of time"),
            (self._sampled(self.signals(), rows, other, period_ns, []), values[:, ::3], "another grid of times"),
        ):
            if problems := list(same(again, expected, what, self._own_key)):
                yield from problems
                return  # what does not even repeat itself fails the others, too

    def _cuts(self, from_ns: int, until_ns: int) -> list[int]:
        stream = chance.key(self.seed, "check", "cuts")
        return sorted(from_ns + int(chance.uniform(stream, n) * (until_ns - from_ns)) for n in range(CUTS))

    def _sampled(
        self, machine: MachineSignals, rows: Rows, times: Times, period_ns: int, cuts: Sequence[int]
    ) -> Floats:
        """Values [sensor, time]; before each piece a copy and a neighbour are asked."""
        neighbour = self.signals(machine=f"{MACHINE}-next") if cuts else None
        values = np.full((len(self.model.sensors), len(times)), np.nan)
        edges = [-1, *cuts, 2**62]
        for begin, end in pairwise(edges):
            inside = times[(times >= begin) & (times < end)]
            mine = rows[(rows["t_ns"] >= begin) & (rows["t_ns"] < end)]
            if neighbour is not None:
                machine.copy().sample(mine, inside, period_ns)
                neighbour.sample(mine, inside, period_ns)
            got, said = machine.sample(mine, inside, period_ns)
            values[:, np.searchsorted(times, got)] = said
        return values


def _world(model: MachineModel, end_ns: int) -> World:
    """The machine alone, in two of three shifts, with maintenance thrice and, where it fails, repairs by one crew."""
    life, stops = model.reliability, model.reliability.minor_stops
    step = Step(
        machines=(MACHINE,),
        cycle_ns=MINUTE_NS,
        cycle_noise=0.05,
        scrap_p=0.01,
        rework_p=0.01,
        rework_ns=MINUTE_NS,
        major_ns=10 * MINUTE_NS,
        major_every=500,
        stop_interval_ns=round(HOUR_NS / stops.per_h) if stops.per_h else 0,
        stop_mean_ns=round(stops.mean_s * SECOND_NS),
        mtbf_ns=round(life.mtbf_h * HOUR_NS),
        weibull_shape=life.weibull_shape,
        mttr_ns=round(life.mttr_h * HOUR_NS),
        repair_sigma=0.6,
        modes=tuple(
            Mode(s.failure.mode, s.failure.pattern, round(s.failure.tau_h * HOUR_NS), s.failure.effect)
            for s in model.sensors
        ),
        maintain_age_ns=(end_ns - START_NS) // 5,
        calendar=0,
        crew=0,
        response_ns=20 * MINUTE_NS,
    )
    turns = [t for day in range(START_NS, end_ns, DAY_NS) for t in (day + 6 * HOUR_NS, day + 14 * HOUR_NS)]
    return World(lines=(Line(steps=(step,)),), crews=(1,), calendars=(tuple(turns),))


def _end_of_life(sensor: SensorModel, number: int, visible_ns: int) -> tuple[Rows, Times]:
    """A machine that runs through the second half of a P-F interval, and times: the last, or some of the end."""
    span_ns, life_ns = visible_ns // 2, 2 * visible_ns
    rows = np.zeros(2, ENTERED)
    for row, (t_ns, doing, age_ns) in zip(
        rows,
        ((START_NS, Doing.RUNNING, life_ns - span_ns), (START_NS + span_ns, Doing.DOWN, life_ns)),
        strict=True,
    ):
        row["t_ns"], row["doing"], row["age_ns"], row["life_ns"], row["mode"] = t_ns, doing, age_ns, life_ns, number
    last_ns = START_NS + span_ns - 1
    if sensor.failure.pattern not in ("noise", "oscillation"):
        return rows, np.array([last_ns], np.int64)
    own = signals.HUNTING_NS if sensor.oscillation is None else round(sensor.oscillation.period_s * SECOND_NS)
    window_ns = span_ns if sensor.failure.pattern == "noise" else min(span_ns, own)
    return rows, last_ns - np.arange(AT_END - 1, -1, -1, dtype=np.int64) * max(1, window_ns // AT_END)
