"""A machine's own Python class: found by its name, held to its word, and alone in its trouble."""

from __future__ import annotations

import dataclasses
import logging
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from signal_cases import HOUR_NS, MINUTE_NS, SECOND_NS, SHAPES, rows_of, running, sensor

from console.cli import main
from contract import ConfigError, Telemetry, decode
from simulator import signal_shapes as shapes
from simulator.behaviour import BehaviourClass, Condition, Floats, behaviour_of
from simulator.catalogue import load_model
from simulator.checks import check_model
from simulator.factory import Factory
from simulator.happenings import Doing
from simulator.machine_model import MachineModel
from simulator.plant import Park, Site
from simulator.settings import Settings
from simulator.setup import setup
from simulator.signal_faults import SensorFault
from simulator.signals import MachineSignals

TIMES = np.arange(0, HOUR_NS, 10 * SECOND_NS)
MODEL = load_model("robot-packer")


class Plain:
    def __init__(self, model: MachineModel, seed: int, machine: str) -> None:
        self.model, self.seed, self.machine = model, seed, machine

    def values(self, condition: Condition, values: Floats) -> Floats:
        return values


class Higher(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        values += 10.0
        return values


class Seen(Plain):
    """Keeps what it was told, for the test."""

    told: tuple[Condition, Floats]

    def values(self, condition: Condition, values: Floats) -> Floats:
        Seen.told = condition, values.copy()
        return values


class RaisingLate(Plain):
    def values(self, condition: Condition, values: Floats) -> Floats:
        if condition.t_ns[-1] >= 30 * MINUTE_NS:
            raise ZeroDivisionError("late")
        return values


def signals(kind: BehaviourClass | None, sensors: list[Any] | None = None, faults: list[str] | None = None) -> Any:
    own = kind and behaviour_of(MODEL, 1, "m", kind, [].append if faults is None else faults.append)
    return MachineSignals(sensors or SHAPES, 1, "m", own)


def same(a: tuple[Any, Any], b: tuple[Any, Any]) -> bool:
    return np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1], equal_nan=True)


# --- what it is told, and what becomes of what it says ---


def test_one_that_changes_nothing_changes_nothing() -> None:
    rows = rows_of((0, Doing.RUNNING), (20 * MINUTE_NS, Doing.DOWN), (40 * MINUTE_NS, Doing.RUNNING))
    for sensors in (SHAPES, SHAPES[:2]):
        plain = signals(None, sensors).sample(rows, TIMES, 10 * SECOND_NS)
        assert same(signals(Plain, sensors).sample(rows, TIMES, 10 * SECOND_NS), plain)


def test_it_is_told_the_condition_at_each_time() -> None:
    rows = rows_of(
        (10 * MINUTE_NS, Doing.RUNNING), (20 * MINUTE_NS, Doing.DOWN), (40 * MINUTE_NS, Doing.RUNNING),
        age_ns=370 * HOUR_NS, mode=3,
    )  # fmt: skip
    machine = signals(Seen)
    machine.sample(rows[:2], TIMES[TIMES < 30 * MINUTE_NS], SECOND_NS)
    early = Seen.told[0]
    assert early.t_ns[0] == 10 * MINUTE_NS  # before its first state a machine has no condition
    machine.sample(rows[2:], TIMES[TIMES >= 30 * MINUTE_NS], SECOND_NS)
    late = Seen.told[0]
    told = [np.concatenate([getattr(c, name) for c in (early, late)]) for name in ("t_ns", "doing", "age_ns")]
    for t, doing, age in zip(*(column.tolist() for column in told), strict=True):
        minute = t // MINUTE_NS
        assert doing == (Doing.DOWN if 20 <= minute < 40 else Doing.RUNNING)
        ran = min(t, 20 * MINUTE_NS) - 10 * MINUTE_NS + max(0, t - 40 * MINUTE_NS)
        assert age == 370 * HOUR_NS + ran
    assert (early.running == (early.doing == Doing.RUNNING)).all()
    assert late.since_ns[[0, -1]].tolist() == [20 * MINUTE_NS, 40 * MINUTE_NS]
    assert set(late.life_ns.tolist()) == {400 * HOUR_NS}
    assert set(late.mode.tolist()) == {3}
    visible = round(SHAPES[3].failure.tau_h * HOUR_NS)
    expected = [shapes.severity(int(age), 400 * HOUR_NS, visible) for age in late.age_ns]
    assert late.severity[3] == pytest.approx(expected)
    assert late.severity[[0, 1, 2, *range(4, len(SHAPES))]].max() == 0
    end = signals(Seen)
    end.sample(rows_of((0, Doing.RUNNING), age_ns=390 * HOUR_NS, mode=3), TIMES, SECOND_NS)
    assert 0.49 < Seen.told[0].severity[3, 0] < Seen.told[0].severity[3, -1] < 1


def test_what_it_is_told_cannot_be_changed() -> None:
    signals(Seen).sample(running(), TIMES, SECOND_NS)
    condition = Seen.told[0]
    for field in dataclasses.fields(Condition):
        with pytest.raises(ValueError, match="read-only"):
            getattr(condition, field.name)[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        condition.mode = condition.doing  # type: ignore[misc]


def test_what_it_says_is_shown_by_the_transducer_and_may_be_disturbed() -> None:
    tight = sensor(limits=[0.0, 65.0], resolution=0.5)
    plain, higher = (signals(kind, [tight]).sample(running(), TIMES, SECOND_NS)[1][0] for kind in (None, Higher))
    assert higher.tolist() == np.minimum(plain + 10, 65.0).tolist()
    stuck = SensorFault("stuck", 0, 20 * MINUTE_NS, 50 * MINUTE_NS)
    spoilt = signals(Higher, [tight]).sample(running(), TIMES, SECOND_NS, [stuck])[1][0]
    during = (stuck.start_ns <= TIMES) & (stuck.end_ns > TIMES)
    assert set(spoilt[during].tolist()) == {higher[stuck.start_ns == TIMES][0]}
    assert (spoilt[~during] == higher[~during]).all()


def test_a_slow_sensor_stays_slow_and_a_deadband_holds() -> None:
    class Filling(Plain):
        def values(self, condition: Condition, values: Floats) -> Floats:
            return np.nan_to_num(values, nan=7.0)

    pair = [sensor(name="slow", sample_hz=1 / 60), sensor(name="band", deadband=1.0)]
    plain = signals(None, pair).sample(running(), TIMES, 10 * SECOND_NS)
    assert same(signals(Filling, pair).sample(running(), TIMES, 10 * SECOND_NS), plain)
    assert np.isnan(plain[1]).any(axis=1).all()


# --- trouble ---


def test_a_fault_is_told_once_and_silences_its_machine_from_then_on() -> None:
    faults: list[str] = []
    machine = signals(RaisingLate, SHAPES[:1], faults)
    before = machine.copy()
    half = len(TIMES) // 2
    times, values = machine.sample(running(), TIMES[:half], SECOND_NS)
    assert (len(times), np.isfinite(values).all()) == (half, True)
    for part in (TIMES[half:], TIMES[half:] + HOUR_NS, TIMES[:half] + 2 * HOUR_NS):
        times, values = machine.sample(running()[:0], part, SECOND_NS)
        assert (times.tolist(), values.shape) == ([], (1, 0))
    assert faults == [
        "machine m: behaviour 'RaisingLate' raised ZeroDivisionError: late; its sensors say nothing any more"
    ]
    assert len(before.sample(running(), TIMES[:half], SECOND_NS)[0]) == half  # a copy goes its own way


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda v: v[:, :-1], r"returned an array of shape \(13, 359\), not \(13, 360\)"),
        (lambda v: None, "returned an array of shape \\(\\), not|raised TypeError"),
        (lambda v: "x", "raised ValueError: could not convert string to float"),
        (lambda v: v * np.inf, "returned inf for sensor 0 at 0 ns|returned nan"),
        (lambda v: np.full(v.shape, np.nan), "returned nan for sensor 0 at 0 ns"),
        (lambda v: np.full(v.shape, 1e200), r"returned 1e\+200 for sensor 0"),
    ],
)
def test_what_is_no_answer_is_a_fault(made: Any, why: str) -> None:
    class Wrong(Plain):
        def values(self, condition: Condition, values: Floats) -> Floats:
            return made(values)

    faults: list[str] = []
    assert len(signals(Wrong, None, faults).sample(running(), TIMES, SECOND_NS)[0]) == 0
    (fault,) = faults
    assert re.search(why, fault), fault


# --- found by its name, among the installed packages ---


def install(folder: Path, package: str, code: str, **names: str) -> None:
    """A package as pip would leave it."""
    (folder / f"{package}.py").write_text(code)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    points = "".join(f"{name} = {package}:{what}\n" for name, what in names.items())
    (info / "entry_points.txt").write_text(f"[qilu.machines]\n{points}")


CODE = """
class Oven:
    def __init__(self, model, seed, machine):
        self.by = (model.sensors[0].normal[1] - model.sensors[0].normal[0]) / 2

    def values(self, condition, values):
        return values + self.by

class Broken(Oven):
    def values(self, condition, values):
        raise OSError("out of clay")

class Unmade(Oven):
    def __init__(self, model, seed, machine):
        raise OSError("out of clay")

class Mute:
    def __init__(self, model, seed, machine):
        pass

number = 7
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "packages"
    folder.mkdir()
    install(
        folder, "ovens_of_a_test", CODE,
        oven="Oven", broken="Broken", unmade="Unmade", mute="Mute", number="number", gone="Gone", twice="Oven",
    )  # fmt: skip
    install(folder, "kilns_of_a_test", "raise RuntimeError('wet clay')", kiln="Kiln", twice="Kiln")
    monkeypatch.syspath_prepend(folder)
    for name in ("ovens_of_a_test", "kilns_of_a_test"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def named(name: str) -> MachineModel:
    return msgspec.structs.replace(MODEL, behaviour=name)


@pytest.mark.usefixtures("packages")
def test_nothing_is_loaded_before_a_model_names_it() -> None:
    assert behaviour_of(MODEL, 1, "m") is None
    assert "ovens_of_a_test" not in sys.modules
    guarded = behaviour_of(named("oven"), 1, "m")
    assert guarded is not None
    machine = MachineSignals(MODEL.sensors, 1, "m", guarded)
    plain = MachineSignals(MODEL.sensors, 1, "m")
    lifted, usual = (each.sample(running(mode=99), TIMES, SECOND_NS)[1][0] for each in (machine, plain))
    low, high = MODEL.sensors[0].normal
    assert (lifted - usual).mean() == pytest.approx((high - low) / 2, rel=0.01)
    assert "kilns_of_a_test" not in sys.modules


@pytest.mark.usefixtures("packages")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ovn", r"no installed package has 'ovn' \(entry point group qilu.machines\); did you mean oven\?"),
        ("zzzz", "no installed package has 'zzzz' .*; known: .*broken.*oven"),
        ("unmade", "'unmade' cannot be made for machine m: OSError: out of clay"),
        ("mute", "'mute' has no method `values`"),
        ("number", r"'number' \(ovens_of_a_test:number\) is no class"),
        ("gone", r"'gone' \(ovens_of_a_test:Gone\) cannot be loaded: AttributeError: "),
        ("kiln", r"'kiln' \(kilns_of_a_test:Kiln\) cannot be loaded: RuntimeError: wet clay"),
        ("twice", "'twice' means more than one class: kilns_of_a_test:Kiln, ovens_of_a_test:Oven"),
    ],
)
def test_a_name_that_cannot_be_used_is_explained(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=f"^machine model robot-packer: behaviour: {why}"):
        behaviour_of(named(name), 1, "m")


# --- in the plant, and in the command ---


def spoken(behaviour: str) -> dict[str, list[tuple[tuple[int, ...], dict[str, Any]]]]:
    """What each machine's sensors say in half an hour, when the first machine has this behaviour."""
    (site,) = setup(Settings()).park.sites
    step = site.sector.steps[0]
    models = dict(site.models) | {step.model: msgspec.structs.replace(site.models[step.model], behaviour=behaviour)}
    changed: Site = dataclasses.replace(site, models=models)
    factory = Factory(Park((changed,)), "00ff00ff", 0, horizon_ns=HOUR_NS)
    said: dict[str, list[Any]] = {}
    for until in (10 * MINUTE_NS, 30 * MINUTE_NS):
        for out in factory.advance(until, MINUTE_NS):
            message = decode(out.kind, out.payload)
            if isinstance(message, Telemetry):
                said.setdefault(out.address.machine, []).append((tuple(message.t), message.values))
    return said


@pytest.mark.usefixtures("packages")
def test_in_a_plant_one_in_trouble_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    usual, lifted = spoken(""), spoken("oven")
    assert caplog.messages == []
    broken = spoken("broken")
    (site,) = setup(Settings()).park.sites
    mine = [address.machine for address, step in site.machines if step.model == site.sector.steps[0].model]
    assert mine
    for machine, telemetry in usual.items():
        if machine in mine:
            assert lifted[machine] != telemetry
            assert machine not in broken
        else:
            assert lifted[machine] == broken[machine] == telemetry
    assert len(caplog.messages) == len(mine)
    assert all("behaviour 'broken' raised OSError: out of clay" in message for message in caplog.messages)


@pytest.mark.usefixtures("packages")
def test_a_plant_with_an_unknown_one_does_not_start() -> None:
    with pytest.raises(ConfigError, match=r"behaviour: no installed package has 'ove'.*did you mean oven"):
        spoken("ove")


@pytest.mark.usefixtures("packages")
def test_the_command_holds_a_model_with_its_behaviour_against_the_laws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["models", "new", "my-oven"]) == 0
    file = Path("qilu/models/my-oven.yaml")
    text = file.read_text()
    file.write_text(f"{text}behaviour: oven\n")
    capsys.readouterr()
    assert main(["models", "check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: ok\n"
    line = len(text.splitlines()) + 1
    for name, why in (
        ("broken", "machine check/machine-1: behaviour 'broken' raised OSError: out of clay; its sensors say nothing"),
        ("ove", "no installed package has 'ove' (entry point group qilu.machines); did you mean oven?"),
    ):
        file.write_text(f"{text}behaviour: {name}\n")
        assert main(["models", "check", str(file)]) == 1
        assert capsys.readouterr().out.startswith(f"{file}:{line}: behaviour: {why}")
    file.write_text(text.replace("to: 232 ", "to: 202 "))
    assert main(["models", "check", str(file)]) == 1
    line = next(n for n, row in enumerate(text.splitlines(), 1) if "to: 232" in row)
    assert capsys.readouterr().out == (
        f"{file}:{line}: sensors[0].failure.to: 202 is inside the healthy band 195 to 205: it would show nothing\n"
    )


# --- the page that says how ---

PAGE = Path(__file__).parents[1] / "docs" / "extend" / "machine.md"


def test_the_pages_class_passes_the_laws_and_its_package_names_it() -> None:
    files = dict(re.findall(r"cat > press/(\S+) <<'END'\n(.*?)^END$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    (point,) = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]["qilu.machines"].items()
    assert point == ("hand-trimmed", "press:HandTrimmed")
    space: dict[str, Any] = {}
    exec(files["press.py"], space)
    own = space["HandTrimmed"]
    assert check_model(MODEL, days=3, behaviour=own) == []
    assert not same(*(signals(kind).sample(running(), TIMES, SECOND_NS) for kind in (own, None)))
