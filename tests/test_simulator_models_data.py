"""The machine models that come with the project: they decode, and their figures make physical sense.

What it is: checks of every file in ``simulator/models`` against the schema and against plain physics.
What it is not: a test of the simulator, or of whether a figure is right; nobody has measured these machines.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import msgspec
import pytest

from simulator.machine_model import Effect, MachineModel, SensorModel

MODELS = Path(__file__).parents[1] / "simulator" / "models"
FILES = sorted(MODELS.glob("*.yaml"))
IDS = [path.stem for path in FILES]

each_file = pytest.mark.parametrize("path", FILES, ids=IDS)


@functools.cache
def _model(path: Path) -> MachineModel:
    return msgspec.yaml.decode(path.read_bytes(), type=MachineModel)


def _told(model: MachineModel, sensor: SensorModel) -> str:
    return f"{model.id}.{sensor.name}"


def _sensors() -> list[tuple[str, SensorModel]]:
    return [(_told(model, sensor), sensor) for model in map(_model, FILES) for sensor in model.sensors]


def test_there_are_enough() -> None:
    assert len(FILES) >= 90
    assert len(_sensors()) >= 300


@each_file
def test_the_id_is_the_files_name(path: Path) -> None:
    model = _model(path)
    assert model.id == path.stem
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", model.id)
    assert len(model.id) <= 40


@each_file
def test_the_file_says_where_its_figures_come_from(path: Path) -> None:
    comment = " ".join(line.lstrip("# ") for line in path.read_text().splitlines() if line.startswith("#"))
    assert "Where the figures come from:" in comment
    assert "not measurements of a plant" in comment
    assert "Assumptions of this file:" in comment
    assert _model(path).basis


@each_file
def test_power_rises_from_idle_to_run_to_peak(path: Path) -> None:
    power = _model(path).power_kw
    assert power.peak is not None
    assert 0 < power.idle < power.run <= power.peak


@each_file
def test_media_are_metered_once_each_and_more_when_it_runs(path: Path) -> None:
    media = _model(path).media
    assert len({medium.counter for medium in media}) == len(media)
    assert all(medium.run_per_h > medium.idle_per_h for medium in media)
    assert {(m.counter, m.unit) for m in media} <= {
        ("gas_wh", "Wh"),
        ("steam_wh", "Wh"),
        ("air_nl", "Nl"),
        ("water_l", "l"),
    }


def test_heat_is_priced_as_fuel() -> None:
    prices = {(m.counter, m.price) for model in map(_model, FILES) for m in model.media if m.unit == "Wh"}
    assert prices == {("gas_wh", 0.00038), ("steam_wh", 0.00031)}  # CNY per Wh: 0.38 and 0.31 CNY per kWh


@each_file
def test_reliability_is_of_this_world(path: Path) -> None:
    reliability = _model(path).reliability
    assert reliability.mttr_h < reliability.mtbf_h / 10
    assert 0.7 <= reliability.weibull_shape <= 4
    stops = reliability.minor_stops
    assert stops.per_h * stops.mean_s < 0.25 * 3600, "stands a quarter of its time in minor stops"


@each_file
def test_limits_hold_everything_that_a_sensor_may_show(path: Path) -> None:
    model = _model(path)
    for sensor in model.sensors:
        assert sensor.limits is not None, _told(model, sensor)
        low, high = sensor.limits
        shown = [*sensor.normal, sensor.failure.to]
        shown += [x for x in (sensor.warn, sensor.alarm, sensor.rest) if x is not None]
        if sensor.inrush is not None:
            shown.append(sensor.inrush.factor * sensor.normal[1])
        assert low <= min(shown), _told(model, sensor)
        assert max(shown) <= high, _told(model, sensor)


@each_file
def test_a_failure_leaves_the_healthy_band_unless_it_shows_as_noise(path: Path) -> None:
    model = _model(path)
    for sensor in model.sensors:
        low, high = sensor.normal
        assert sensor.failure.pattern == "noise" or not low <= sensor.failure.to <= high, _told(model, sensor)


@each_file
def test_warn_and_alarm_lie_on_the_way_to_the_failure(path: Path) -> None:
    model = _model(path)
    for sensor in model.sensors:
        if sensor.warn is None or sensor.alarm is None:
            assert sensor.warn is sensor.alarm, _told(model, sensor)
            continue
        way = 1 if sensor.failure.to > sensor.normal[1] else -1
        edge = sensor.normal[1] if way > 0 else sensor.normal[0]
        steps = [edge, sensor.warn, sensor.alarm, sensor.failure.to]
        ahead = [way * step for step in steps]
        assert ahead == sorted(ahead), _told(model, sensor)


@each_file
def test_what_moves_stays_small_against_the_band(path: Path) -> None:
    model = _model(path)
    for sensor in model.sensors:
        half = (sensor.normal[1] - sensor.normal[0]) / 2
        told = _told(model, sensor)
        assert 0 < sensor.noise_sd <= half, told
        assert sensor.oscillation is None or 0 < sensor.oscillation.amplitude <= 0.25 * half * (1 + 1e-9), told
        assert sensor.resolution is None or sensor.resolution <= half, told
        assert sensor.deadband is None or sensor.deadband <= half / 2, told


@each_file
def test_rest_belongs_to_what_follows_the_state(path: Path) -> None:
    model = _model(path)
    for sensor in model.sensors:
        told = _told(model, sensor)
        if sensor.rest is None:
            assert sensor.tau_min is None, f"{told}: a time constant and nothing to go to"
            assert sensor.inrush is None, f"{told}: a motor that never stops has no start"
        elif sensor.unit == "degC":
            assert sensor.tau_min is not None, f"{told}: a temperature that jumps"
            assert 0 <= sensor.rest < sensor.normal[0], told
        else:
            assert not sensor.normal[0] <= sensor.rest <= sensor.normal[1], told
        assert sensor.tau_min is None or 1 <= sensor.tau_min <= 400, told


@each_file
def test_sensors_are_read_at_rates_that_a_field_bus_carries(path: Path) -> None:
    model = _model(path)
    for sensor in model.sensors:
        assert 1 / 3600 <= sensor.sample_hz <= 10, _told(model, sensor)
        oscillation = sensor.oscillation
        told = f"{_told(model, sensor)}: a swing faster than it is read"
        assert oscillation is None or oscillation.period_s * sensor.sample_hz >= 2, told


def test_physics_bounds_the_scales() -> None:
    for told, sensor in _sensors():
        assert sensor.limits is not None
        low, high = sensor.limits
        if sensor.unit == "degC":
            assert low >= -50, told
        if sensor.unit == "pH":
            assert (low, high) == (0, 14), told
        if sensor.unit == "kPa":
            assert low >= -101, f"{told}: less than nothing"
        if sensor.unit in {"bar", "MPa", "mm/s", "A", "kA", "kW", "N", "kN", "N.m", "count", "ppm"}:
            assert low == 0, told
        if sensor.unit in {"min/h", "s/h"}:
            assert high <= {"min/h": 60, "s/h": 3600}[sensor.unit], told


def test_vibration_follows_the_zones_of_the_standard() -> None:
    """ISO 20816-3, boundaries B/C and C/D as the facts give them; a machine at rest does not shake."""
    speeds = [(told, sensor) for told, sensor in _sensors() if sensor.unit == "mm/s"]
    assert len(speeds) >= 20
    for told, sensor in speeds:
        assert sensor.rest is None or sensor.rest <= 0.2, told
        if sensor.failure.to in {7.1, 11.0}:
            assert (sensor.warn, sensor.alarm) == {7.1: (2.8, 4.5), 11.0: (4.5, 7.1)}[sensor.failure.to], told


def test_effects_are_moderate_and_most_failures_have_one() -> None:
    effects = [(told, sensor.failure.effect) for told, sensor in _sensors()]
    for told, effect in effects:
        assert effect.scrap <= 0.1, told
        assert effect.rework <= 0.15, told
        assert effect.slower <= 3, told
        assert 1 <= effect.minor_stops <= 5, told
    assert sum(effect != Effect() for _, effect in effects) > len(effects) / 2


def test_one_compressed_air_net_is_told_one_way() -> None:
    """The same sensor at many machines fails with the same effect."""
    nets = [sensor for told, sensor in _sensors() if told.endswith(".air_pressure")]
    assert len(nets) > 10
    assert {sensor.failure.effect for sensor in nets} == {Effect(slower=0.05, minor_stops=3)}
    assert all(sensor.rest is None for sensor in nets)
