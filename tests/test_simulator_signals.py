"""Sensor values are functions of time: the grid, the cut and the neighbours change none of them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import signals
from simulator.catalogue import SensorModel, load_sector
from simulator.kernel import Entered
from simulator.line import Mode, severity
from simulator.machine import Doing
from simulator.plant import HOUR_NS, MINUTE_NS, SECOND_NS

LIFE = 400 * HOUR_NS
SECTOR = load_sector("home_appliances")
SENSORS = [sensor for step in SECTOR.steps for sensor in step.sensors]
STAMP = {sensor.name: sensor for sensor in SECTOR.steps[0].sensors}


def running(age_h: float = 0.0, mode: int = 0) -> list[Entered]:
    return [Entered(0, Doing.RUNNING, 0, round(age_h * HOUR_NS), LIFE, mode)]


def sample(sensor: SensorModel, entered: list[Entered], times_ns: list[int], number: int = 0) -> list[float]:
    moment = signals.moments(signals.trace(None, entered), np.array(times_ns, np.int64), 7)
    return signals.values(sensor, number, moment, 11).tolist()


@given(
    times=st.lists(st.integers(0, 30 * HOUR_NS), min_size=2, max_size=30, unique=True).map(sorted),
    stops=st.lists(st.integers(1, 30 * HOUR_NS), max_size=8, unique=True).map(sorted),
    cut=st.integers(1, 30 * HOUR_NS),
    sensor=st.sampled_from(SENSORS),
)
@settings(max_examples=100, deadline=None)
def test_neither_grid_nor_cut_changes_a_value(
    times: list[int], stops: list[int], cut: int, sensor: SensorModel
) -> None:
    entered = running(age_h=390)
    age = 390 * HOUR_NS
    for n, t_ns in enumerate(stops):
        if n % 2 == 0:
            age += t_ns - entered[-1].t_ns
        entered.append(Entered(t_ns, Doing.BLOCKED if n % 2 == 0 else Doing.RUNNING, 0, age, LIFE, 0))
    whole = sample(sensor, entered, times)
    one_by_one = [sample(sensor, entered, [t])[0] for t in times]
    assert one_by_one == whole
    first = signals.trace(None, [e for e in entered if e.t_ns < cut])
    second = signals.trace(first.last, [e for e in entered if e.t_ns >= cut])
    parts = []
    for part, inside in ((first, [t for t in times if t < cut]), (second, [t for t in times if t >= cut])):
        moment = signals.moments(part, np.array(inside, np.int64), 7)
        parts += signals.values(sensor, 0, moment, 11).tolist()
    assert parts == whole


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda s: s.name)
def test_a_healthy_machine_stays_in_its_band(sensor: SensorModel) -> None:
    values = np.array(sample(sensor, running(), list(range(0, 24 * HOUR_NS, 17 * SECOND_NS)), number=99))
    low, high = sensor.normal
    margin = 4 * sensor.noise_sd
    assert low - margin < values.min()
    assert values.max() < high + margin
    assert abs(np.median(values) - (low + high) / 2) < (high - low) / 4


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda s: s.name)
def test_the_coming_failure_shows_in_its_own_sensor(sensor: SensorModel) -> None:
    times = list(range(0, HOUR_NS, 7 * SECOND_NS))
    age_h = (LIFE - HOUR_NS) / HOUR_NS
    failing = np.array(sample(sensor, running(age_h), times))
    other = np.array(sample(sensor, running(age_h, mode=1), times))
    if sensor.failure.pattern == "noise":
        assert failing.std() > 2 * other.std()
    else:
        middle = sum(sensor.normal) / 2
        reached = (failing.mean() - other.mean()) / (sensor.failure.to - middle)
        # The last hour of the P-F interval: what is still missing depends on how long that is.
        assert 1 - 6 / sensor.failure.tau_h < reached < 1.02


@given(age=st.integers(0, LIFE), pattern=st.sampled_from(["wear", "drift"]), tau_h=st.integers(1, 500))
def test_signals_and_kernel_agree_on_severity(age: int, pattern: str, tau_h: int) -> None:
    failure = msgspec.structs.replace(SENSORS[0].failure, pattern=pattern, tau_h=float(tau_h))
    sensor = msgspec.structs.replace(SENSORS[0], failure=failure)
    moment = signals.moments(
        signals.trace(None, [Entered(0, Doing.RUNNING, 0, age, LIFE, 0)]), np.array([0], np.int64), 0
    )
    expected = severity(Mode("m", pattern, tau_h * HOUR_NS), age, LIFE)  # type: ignore[arg-type]
    assert signals._severity(sensor, moment)[0] == pytest.approx(expected, abs=1e-9)


def test_a_standing_machine_is_quiet_and_cools_down() -> None:
    stopped = [*running(), Entered(HOUR_NS, Doing.BREAKDOWN, 0, HOUR_NS, LIFE, 0)]
    later = [HOUR_NS, HOUR_NS + 10 * MINUTE_NS, 6 * HOUR_NS]
    assert max(sample(STAMP["press_force"], stopped, later, 9)) < 20
    assert max(sample(STAMP["vibration_rms"], stopped, later, 9)) < 0.3
    assert min(sample(STAMP["air_pressure"], stopped, later, 9)) > 5.5
    warm, cooler, cold = sample(STAMP["die_temp"], stopped, later, 9)
    assert warm > cooler > cold
    assert cold == pytest.approx(STAMP["die_temp"].rest, abs=1.0)


def test_values_have_four_significant_digits() -> None:
    decimals = {name: signals.decimals(sensor) for name, sensor in STAMP.items()}
    assert decimals == {"press_force": 0, "vibration_rms": 3, "die_temp": 2, "air_pressure": 3}
    for sensor in SENSORS:
        for value in sample(sensor, running(), list(range(0, HOUR_NS, 97 * SECOND_NS))):
            assert value == round(value, signals.decimals(sensor))
            assert str(value) != "-0.0"


@given(
    begin=st.integers(0, 10**6), spans=st.lists(st.integers(0, 500), min_size=1, max_size=5), period=st.integers(1, 90)
)
def test_the_grid_has_each_multiple_once(begin: int, spans: list[int], period: int) -> None:
    times: list[int] = []
    at = begin
    for span in spans:
        times += signals.grid(at, at + span, period).tolist()
        at += span
    assert times == [t for t in range(begin, at) if t % period == 0]


def test_a_slow_sensor_is_sampled_at_its_own_pace() -> None:
    slow = next(sensor for sensor in SENSORS if sensor.sample_hz == 0.01)
    times = signals.grid(0, HOUR_NS, MINUTE_NS)
    due = times[signals.due(slow, times, MINUTE_NS)] // SECOND_NS
    assert due[:5].tolist() == [0, 120, 240, 300, 420]
    assert len(due) == 36
    fast = signals.grid(0, HOUR_NS, SECOND_NS)
    assert len(fast[signals.due(slow, fast, SECOND_NS)]) == 36
