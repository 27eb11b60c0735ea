"""The laws of a machine model: every built-in model passes, and what breaks a law is found."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from signal_cases import SECOND_NS, quiet, sensor

from simulator.behaviour import Behaviour, Condition, Floats
from simulator.catalogue import load_model, models
from simulator.check_figures import figures
from simulator.checks import check_model
from simulator.machine_model import (
    Effect,
    Inrush,
    MachineModel,
    Medium,
    MinorStops,
    Oscillation,
    Power,
    Reliability,
    SensorModel,
)

MODELS = models()


def machine(*sensors: SensorModel, **more: Any) -> MachineModel:
    given = {
        "id": "m",
        "name": "M",
        "version": "1",
        "basis": "test",
        "power_kw": Power(idle=1, run=5),
        "reliability": Reliability(
            mtbf_h=40, mttr_h=1, weibull_shape=1.5, minor_stops=MinorStops(per_h=0.5, mean_s=30)
        ),
        "sensors": list(sensors or [sensor(rest=5.0, limits=[0.0, 200.0])]),
    }
    return MachineModel(**(given | more))  # type: ignore[arg-type]


class Plain:
    """A behaviour that changes nothing; the others break one law each."""

    def __init__(self, model: MachineModel, seed: int, machine: str) -> None:
        self.model = model
        self.machine = machine
        self.calls = 0

    def values(self, condition: Condition, values: Floats) -> Floats:
        return values


def found(kind: type[Behaviour] | None = None, *sensors: SensorModel, **more: Any) -> list[str]:
    return check_model(machine(*sensors, **more), days=3, behaviour=kind)


@pytest.mark.parametrize("name", MODELS)
def test_every_built_in_model_passes(name: str) -> None:
    assert check_model(load_model(name), days=10) == []


@pytest.mark.parametrize("name", MODELS[::24])
def test_for_another_seed_and_a_month_too(name: str) -> None:
    assert check_model(load_model(name), seed=7) == []


@pytest.mark.parametrize("kind", [None, Plain])
def test_a_plain_machine_of_every_shape_passes(kind: type[Behaviour] | None) -> None:
    shapes = [
        sensor(rest=5.0, limits=[0.0, 200.0]),
        sensor("wear", name="warm", rest=20.0, tau_min=30.0),
        sensor("saturate", name="slow", sample_hz=0.003),
        sensor("step", name="motor", rest=0.0, inrush=Inrush()),
        sensor("noise", name="noisy", deadband=1.0),
        sensor("oscillation", name="swings", oscillation=Oscillation(amplitude=3.0, period_s=17.0)),
        sensor("spike", name="struck"),
    ]
    assert found(kind, *shapes) == []


# --- behaviours: whatever they do wrong is found ----------------------------------------------------------------------


class Random(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        return values + np.random.default_rng().normal()


class Counting(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        self.calls += 1
        return values + self.calls


class Shared(Plain):
    """Adds something where another machine was asked before."""

    last = ""

    def values(self, condition: Condition, values: Floats) -> Floats:
        before, Shared.last = Shared.last, self.machine
        return values + (before not in ("", self.machine))


class Neighbours(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        return values - values[:, :1]


class Spacing(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        spacing = condition.t_ns[1] - condition.t_ns[0] if len(condition.t_ns) > 1 else 60 * SECOND_NS
        return values + spacing / (60 * SECOND_NS)


class Huge(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        return values * 1e6


class Nothing(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        return np.where(condition.running, values, np.nan)


class Shapeless(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        return values[0]


class Raising(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        raise RuntimeError("no\nvalve")


class Unmade(Plain):
    def __init__(self, model: MachineModel, seed: int, machine: str) -> None:
        raise KeyError("x")


class NoMethod:
    def __init__(self, model: MachineModel, seed: int, machine: str) -> None:
        pass


class Healthy(Plain):
    """Shows the middle of the band whatever comes."""

    def values(self, condition: Condition, values: Floats) -> Floats:
        return np.full(values.shape, sum(self.model.sensors[0].normal) / 2)


class Backwards(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        return values - 40 * condition.severity - 50 * (condition.severity > 0)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Random, "behaviour: the same seed gives other values"),
        (Counting, "behaviour: another cut of time gives other values"),
        (Shared, "behaviour: another cut of time gives other values"),
        (Neighbours, "behaviour: another cut of time gives other values"),
        (Spacing, "behaviour: another grid of times gives other values"),
        (Huge, "sensors[0]: after 0 h it shows"),
        (Nothing, "behaviour: machine check/machine-1: behaviour 'Nothing' returned nan for sensor 0 at "),
        (Shapeless, "behaviour 'Shapeless' returned an array of shape (4320,), not (1, 4320)"),
        (Raising, "behaviour 'Raising' raised RuntimeError: no valve"),
        (Unmade, "behaviour: 'Unmade' cannot be made for machine check/machine-1: KeyError: 'x'"),
        (NoMethod, "behaviour: 'NoMethod' has no method `values`"),
        (Healthy, "sensors[0].failure: at the failure it shows 50 and in good health 50; it never comes near 90"),
        (Backwards, "sensors[0].failure: at the failure it shows"),
    ],
)
def test_a_behaviour_that_breaks_a_law_is_found(kind: Any, why: str) -> None:
    Shared.last = ""
    problems = found(kind, sensor(noise_sd=0.1))
    assert any(why in problem for problem in problems), problems


def test_one_fault_of_a_behaviour_is_one_problem() -> None:
    assert len(found(Raising, sensor(), sensor(name="t"))) == 1


@pytest.mark.parametrize("pattern", ["wear", "drift", "step", "saturate", "oscillation", "noise"])
@pytest.mark.parametrize("to", [90.0, 5.0])
def test_each_pattern_must_show(pattern: str, to: float) -> None:
    assert found(Plain, sensor(pattern, to=to)) == []
    assert any(problem.startswith("sensors[0].failure: ") for problem in found(Healthy, sensor(pattern, to=to)))


def test_a_transducer_too_coarse_to_see_the_failure_is_found() -> None:
    coarse = quiet(normal=[10.0, 30.0], to=45.0, resolution=100.0)
    assert "it never comes near 45" in "".join(found(None, coarse))


# --- figures that cannot be meant -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"rest": -1.0}, "sensors[0].rest: -1 is beyond the limits 0 to 200"),
        ({"normal": [40.0, 300.0]}, "sensors[0].normal[1]: 300 is beyond"),
        ({"normal": [1e-13, 2e-13]}, "sensors[0].normal: expected 1e-12"),
        ({"normal": [-1e300, 60.0]}, "sensors[0].normal[0]: expected"),
        ({"warn": 50.0}, "sensors[0].warn: 50 is inside the healthy band 40 to 60"),
        ({"alarm": 41.0}, "sensors[0].alarm: "),
        ({"resolution": 1e-300}, "sensors[0].resolution: "),
        ({"sample_hz": 1e-12}, "sensors[0].sample_hz: "),
        ({"tau_min": 1e11}, "sensors[0].tau_min: "),
        ({"inrush": Inrush(tau_s=1e12)}, "sensors[0].inrush.tau_s: "),
        ({"oscillation": Oscillation(amplitude=1, period_s=1e12)}, "sensors[0].oscillation.period_s: "),
    ],
)
def test_a_sensor_that_cannot_be_meant_is_found(change: dict[str, Any], key: str) -> None:
    model = machine(sensor(**({"limits": [0.0, 200.0]} | change)))
    assert [problem for problem in figures(model) if problem.startswith(key)], list(figures(model))
    assert check_model(model) == list(figures(model))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"to": 55.0}, "sensors[0].failure.to: 55 is inside the healthy band"),
        ({"to": 300.0}, "sensors[0].failure.to: 300 is beyond the limits"),
        ({"tau_h": 1e-9}, "sensors[0].failure.tau_h: shorter than the time between two samples, 0.1 s"),
        ({"tau_h": 1e9}, "sensors[0].failure.tau_h: expected"),
        ({"effect": Effect(scrap=0.7, rework=0.6)}, "sensors[0].failure.effect: scrap and rework together are 1.3"),
    ],
)
def test_a_failure_that_cannot_be_meant_is_found(change: dict[str, Any], key: str) -> None:
    usual = sensor(limits=[0.0, 200.0])
    model = machine(msgspec.structs.replace(usual, failure=msgspec.structs.replace(usual.failure, **change)))
    assert check_model(model)[0].startswith(key)


def test_noise_that_is_none_cannot_grow() -> None:
    assert check_model(machine(sensor("noise", noise_sd=0.0)))[0].startswith("sensors[0].noise_sd: ")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"power_kw": Power(idle=0, run=1e9)}, "power_kw.run: "),
        ({"power_kw": Power(idle=1e9, run=0)}, "power_kw.idle: "),
        ({"reliability.mtbf_h": 1e-6}, "reliability.mtbf_h: expected 0.1 to 100000, found 1e-06"),
        ({"reliability.mttr_h": 1e12}, "reliability.mttr_h: "),
        ({"reliability.minor_stops": MinorStops(per_h=1e12, mean_s=1)}, "reliability.minor_stops.per_h: "),
        ({"reliability.minor_stops": MinorStops(per_h=1e-300, mean_s=1)}, "reliability.minor_stops.per_h: "),
        ({"reliability.minor_stops": MinorStops(per_h=1, mean_s=1e12)}, "reliability.minor_stops.mean_s: "),
        ({"media": [Medium(counter="air_l", unit="L", idle_per_h=1e12, run_per_h=0)]}, "media[0].idle_per_h: "),
        ({"media": [Medium(counter="air_l", unit="L", idle_per_h=0, run_per_h=1e12)]}, "media[0].run_per_h: "),
        ({"media": [Medium(counter="energy_wh", unit="Wh", idle_per_h=0, run_per_h=1)]}, "media[0].counter: "),
    ],
)
def test_a_machine_that_cannot_be_meant_is_found(change: dict[str, Any], key: str) -> None:
    usual = machine()
    for name, value in change.items():
        group, _, inner = name.partition(".")
        new = msgspec.structs.replace(getattr(usual, group), **{inner: value}) if inner else value
        usual = msgspec.structs.replace(usual, **{group: new})
    assert [problem.startswith(key) for problem in check_model(usual)] == [True]


SOME = st.sampled_from([0.02, 0.5, 1.0, 2.0, 7.0, 50.0, 300.0])
ANY = SOME | st.sampled_from([1e-300, 1e-12, 1e-3, 1e5, 1e7, 1e12])


@st.composite
def wild_models(draw: st.DrawFn) -> MachineModel:
    """All that the schema lets through; half of them with figures that nobody can mean."""
    size = draw(st.sampled_from([SOME, ANY]))
    either = size | size.map(lambda x: -x)
    low, high = sorted(draw(st.lists(either, min_size=2, max_size=2, unique=True)))
    some = sensor(
        draw(st.sampled_from(["wear", "drift", "noise", "spike", "step", "saturate", "oscillation"])),
        to=high + draw(size),
        tau_h=draw(size),
        normal=[low, high],
        noise_sd=draw(size),
        sample_hz=min(1e5, draw(size)),
        rest=draw(st.none() | either),
        tau_min=draw(st.none() | size),
        inrush=draw(st.none() | st.builds(Inrush, factor=st.just(20.0), tau_s=size)),
        oscillation=draw(st.none() | st.builds(Oscillation, amplitude=size, period_s=size)),
        resolution=draw(st.none() | size),
        deadband=draw(st.none() | size),
    )
    life = Reliability(
        mtbf_h=draw(size),
        mttr_h=draw(size),
        weibull_shape=draw(st.sampled_from([0.3, 1, 20])),
        minor_stops=MinorStops(per_h=draw(st.just(0.0) | size), mean_s=draw(size)),
    )
    return machine(some, reliability=life, power_kw=Power(idle=draw(size), run=draw(size)))


@given(model=wild_models())
@settings(max_examples=100)
@example(model=machine(sensor(), reliability=Reliability(
    mtbf_h=0.1, mttr_h=1e-12, weibull_shape=0.3, minor_stops=MinorStops(per_h=600, mean_s=1e-12))))  # fmt: skip
def test_no_model_is_too_absurd_to_be_checked(model: MachineModel) -> None:
    """Whatever may be wrong with it, it is said in one line each, and soon."""
    assert all(": " in problem and len(problem) < 500 for problem in check_model(model, days=1))
