"""A machine that data cannot describe: a press whose stamping force the operator trims by hand each hour.

The class is handed to the laws and to the sensors directly; in a package of your own it stands behind the entry point
`qilu.machines`, and the model's file names it (docs/extend/machine.md).
"""

import itertools

import numpy as np

from simulator import chance
from simulator.behaviour import Behaviour, Condition, Floats, behaviour_of
from simulator.checks import check_model
from simulator.happenings import ENTERED, Doing
from simulator.machine_model import Failure, MachineModel, MinorStops, Power, Reliability, SensorModel
from simulator.signals import MachineSignals

HOUR_NS = 3600 * 10**9

PRESS = MachineModel(
    id="hand-trimmed-press",
    name="Press, trimmed by hand",
    version="1",
    basis="assumption",
    power_kw=Power(idle=2.0, run=18.0),
    reliability=Reliability(mtbf_h=200.0, mttr_h=2.0, weibull_shape=1.8, minor_stops=MinorStops(per_h=0.5, mean_s=40)),
    sensors=[
        SensorModel(
            name="force",
            unit="kN",
            normal=[380.0, 420.0],
            noise_sd=1.0,
            sample_hz=1.0,
            rest=0.0,
            limits=[0.0, 800.0],
            failure=Failure(mode="die wear", pattern="drift", to=520.0, tau_h=40.0),
        )
    ],
)


class HandTrimmed:
    """Each hour the operator sets the force a little higher or lower; while it stands, nothing is set."""

    def __init__(self, model: MachineModel, seed: int, machine: str) -> None:
        low, high = model.sensors[0].normal
        self.step = (high - low) / 4
        self.hands = chance.key(seed, machine, "hands")

    def values(self, condition: Condition, values: Floats) -> Floats:
        """Hour number n has draw number n, so that nothing need be remembered."""
        trimmed = self.step * chance.bells(self.hands, condition.t_ns // HOUR_NS)
        values[0] += np.where(condition.running, trimmed, 0.0)
        return values


class Forgetful(HandTrimmed):
    """Wrong: it counts its calls, so the value depends on who asks, and how often."""

    calls = itertools.count()

    def values(self, condition: Condition, values: Floats) -> Floats:
        """The same time has another value at each call."""
        return values + next(self.calls)


def a_day_of_force() -> None:
    """The machine runs from six to six and then stands; three samples of each of some hours."""
    day = np.zeros(2, ENTERED)
    day["t_ns"], day["doing"] = [6 * HOUR_NS, 18 * HOUR_NS], [Doing.RUNNING, Doing.OFF]
    day["age_ns"], day["life_ns"] = [0, 12 * HOUR_NS], 200 * HOUR_NS
    times = np.array([hour * HOUR_NS + n * 600 * 10**9 for hour in (6, 7, 8, 17, 18) for n in range(3)])
    plain = MachineSignals(PRESS.sensors, 1, "press-1")
    trimmed = MachineSignals(PRESS.sensors, 1, "press-1", behaviour_of(PRESS, 1, "press-1", HandTrimmed))
    said = [machine.sample(day, times, 600 * 10**9)[1][0] for machine in (plain, trimmed)]
    print("hour  from data  trimmed by hand, kN")
    for t, before, after in zip(times.tolist(), *said, strict=True):
        print(f"{t / HOUR_NS:5.2f}  {before:9.1f}  {after:9.1f}")


def main() -> None:
    """The laws, then the values."""
    kinds: list[type[Behaviour]] = [HandTrimmed, Forgetful]
    for kind in kinds:
        print(f"{kind.__name__}: {'; '.join(check_model(PRESS, days=10, behaviour=kind)) or 'ok'}")
    a_day_of_force()


main()
