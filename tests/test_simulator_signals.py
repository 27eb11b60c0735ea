"""Sensor values are functions of time: the grid, the cut and the neighbours change none of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_cases import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    SHAPES,
    due,
    lives,
    pieces,
    quiet,
    rows_of,
    running,
    sensor,
    values_of,
)

from simulator import signals
from simulator.catalogue import load_model, models
from simulator.happenings import Doing, Rows
from simulator.machine_model import Inrush, Oscillation, SensorModel
from simulator.signal_faults import SensorFault
from simulator.signals import MachineSignals

NONE = running()[:0]
ALL = [model for name in models() for model in load_model(name).sensors]
SORTED_TIMES = st.lists(st.integers(0, 30 * HOUR_NS), min_size=1, max_size=40, unique=True).map(sorted)
KINDS = ("stuck", "drift", "spike", "noise", "dropout", "offset", "scale", "quantise")


def cut_up(machine: MachineSignals, parts: list, period_ns: int, faults: list[SensorFault]) -> tuple[list, list]:
    times: list[int] = []
    columns = []
    for rows, inside, _ in parts:
        got, values = machine.sample(rows, inside, period_ns, faults)
        times += got.tolist()
        columns.append(values)
    return times, np.hstack(columns).tolist()


@st.composite
def faulty(draw: st.DrawFn) -> list[SensorFault]:
    faults = []
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, 29 * HOUR_NS))
        end = begin + draw(st.integers(1, 10 * HOUR_NS))
        which = draw(st.integers(0, len(SHAPES) - 1))
        faults.append(SensorFault(draw(st.sampled_from(KINDS)), which, begin, end, draw(st.floats(0.5, 9)), 77))
    return faults


@given(times=SORTED_TIMES, rows=lives(), cuts=st.lists(st.integers(0, 30 * HOUR_NS), max_size=4), faults=faulty())
@settings(max_examples=150, deadline=None)
def test_no_cut_of_time_changes_a_report(times: list[int], rows: Rows, cuts: list[int], faults: list) -> None:
    at = np.array(times, np.int64)
    whole = cut_up(MachineSignals(SHAPES, 3, "m"), [(rows, at, 0)], SECOND_NS, faults)
    parts = cut_up(MachineSignals(SHAPES, 3, "m"), pieces(rows, at, cuts), SECOND_NS, faults)
    assert parts[0] == whole[0]
    assert np.array_equal(parts[1], whole[1], equal_nan=True)


@given(times=SORTED_TIMES, rows=lives())
@settings(max_examples=100, deadline=None)
def test_no_grid_changes_a_value(times: list[int], rows: Rows) -> None:
    plain = [quiet("drift", name="q"), *(s for s in SHAPES if s.deadband is None and s.sample_hz > 1)]
    machine = MachineSignals(plain, 3, "m")
    got, whole = machine.copy().sample(rows, np.array(times, np.int64), SECOND_NS)
    alone = [machine.copy().sample(rows, np.array([t], np.int64), SECOND_NS)[1] for t in got]
    assert all(np.array_equal(whole[:, [n]], column) for n, column in enumerate(alone))
    dense, finer = machine.copy().sample(rows, np.unique([*times, *range(0, 30 * HOUR_NS, HOUR_NS // 7)]), SECOND_NS)
    assert np.array_equal(finer[:, np.searchsorted(dense, got)], whole)


@given(rows=lives(), cuts=st.lists(st.integers(0, 29 * HOUR_NS), min_size=1, max_size=3), start=st.integers(0, HOUR_NS))
@settings(max_examples=50, deadline=None)
def test_what_was_skipped_is_known(rows: Rows, cuts: list[int], start: int) -> None:
    faults = [SensorFault("stuck", 2, start, 30 * HOUR_NS)]
    at = np.arange(29 * HOUR_NS, 30 * HOUR_NS, 7 * SECOND_NS)
    skipping = MachineSignals(SHAPES, 3, "m")
    *before, last = pieces(rows, at, cuts)
    for part, _, until in before:
        skipping.skip(part, until, faults)
    got = cut_up(skipping, [last], SECOND_NS, faults)
    asked = cut_up(MachineSignals(SHAPES, 3, "m"), [(rows, at, 0)], SECOND_NS, faults)
    assert got[0] == asked[0]
    assert np.array_equal(got[1], asked[1], equal_nan=True)


def test_a_copy_goes_its_own_way() -> None:
    times = np.arange(HOUR_NS, 2 * HOUR_NS, SECOND_NS)
    alone, machine = (MachineSignals(SHAPES, 1, "m") for _ in range(2))
    for each in (alone, machine):
        each.sample(running(), times - HOUR_NS, SECOND_NS)
    machine.copy().sample(rows_of((HOUR_NS, Doing.DOWN), (HOUR_NS + MINUTE_NS, Doing.RUNNING)), times, SECOND_NS)
    third = machine.copy()
    asked = alone.sample(NONE, times, SECOND_NS)
    for each in (machine, third):
        got = each.sample(NONE, times, SECOND_NS)
        assert np.array_equal(got[0], asked[0])
        assert np.array_equal(got[1], asked[1], equal_nan=True)


def test_before_its_first_state_a_machine_says_nothing() -> None:
    machine = MachineSignals([sensor()], 1, "m")
    times, values = machine.sample(NONE, np.array([0, 5]), SECOND_NS)
    assert (times.tolist(), values.shape) == ([], (1, 0))
    times, values = machine.sample(running(since_ns=8), np.array([7, 8, 9]), SECOND_NS)
    assert times.tolist() == [8, 9]
    assert np.isfinite(values).all()


def test_machines_and_sensors_differ_and_neighbours_do_not_matter() -> None:
    times = np.arange(0, HOUR_NS, SECOND_NS)
    pair = [sensor(name="a"), sensor(name="b")]
    both = MachineSignals(pair, 1, "m").sample(running(mode=9), times, SECOND_NS)[1]
    assert np.array_equal(MachineSignals(pair[:1], 1, "m").sample(running(mode=9), times, SECOND_NS)[1][0], both[0])
    assert not np.array_equal(both[0], both[1])
    assert not np.array_equal(MachineSignals(pair, 1, "n").sample(running(mode=9), times, SECOND_NS)[1], both)


@pytest.mark.parametrize("model", ALL[::5], ids=lambda s: s.name)
def test_a_healthy_machine_stays_in_its_band(model: SensorModel) -> None:
    values = values_of(model, running(mode=99), list(range(0, 24 * HOUR_NS, 17 * SECOND_NS)))
    low, high = model.normal
    margin = 5.5 * model.noise_sd + (model.resolution or 0) + (model.oscillation.amplitude if model.oscillation else 0)
    assert low - margin < values.min()
    assert values.max() < high + margin
    assert abs(np.median(values) - (low + high) / 2) < (high - low) / 4 + (model.resolution or 0)


def test_a_standing_machine_is_quiet_and_cools_down_by_its_own_time_constant() -> None:
    stop = HOUR_NS
    rows = rows_of((0, Doing.RUNNING), (stop, Doing.DOWN), mode=9)
    at = [stop - 1, stop, stop + 30 * MINUTE_NS, stop + 10 * HOUR_NS]
    force = values_of(quiet(rest=5.0), rows, at)
    assert force[0] > 40
    assert force[1:].tolist() == [5.0, 5.0, 5.0]
    work = values_of(quiet(), rows, at)
    warm = values_of(quiet(rest=20.0, tau_min=30.0), rows, at)
    shares = (warm - 20) / (work - 20)
    assert shares[:2] == pytest.approx([1, 1], abs=1e-6)
    assert shares[2] == pytest.approx(np.exp(-1), abs=1e-6)
    assert warm[3] == pytest.approx(20, abs=1e-5)
    noisy = sensor(rest=5.0, resolution=1e-6)
    still = values_of(noisy, rows_of((0, Doing.OFF)), list(range(0, HOUR_NS, SECOND_NS))).std()
    assert still == pytest.approx(0.2 * noisy.noise_sd, rel=0.1)


def test_a_motor_draws_more_when_it_starts() -> None:
    rows = rows_of((0, Doing.STARVED), (MINUTE_NS, Doing.RUNNING), (2 * MINUTE_NS, Doing.STARVED), mode=9)
    at = [MINUTE_NS - 1, MINUTE_NS, MINUTE_NS + 1500 * 10**6, 2 * MINUTE_NS - 1, 2 * MINUTE_NS]
    plain, motor = (values_of(quiet(rest=1.0, inrush=i), rows, at) for i in (None, Inrush(factor=6, tau_s=1.5)))
    assert motor / plain == pytest.approx([1, 6, 1 + 5 * np.exp(-1), 1, 1], abs=1e-5)
    steady = values_of(quiet(inrush=Inrush()), running(mode=9), [0])
    assert (
        steady.tolist() == values_of(quiet(), running(mode=9), [0]).tolist()
    )  # who runs from the first has started before


def test_a_steady_swing_has_its_period_and_its_amplitude() -> None:
    at = np.arange(0, 100 * SECOND_NS, 10**8)
    own = Oscillation(amplitude=3, period_s=20)
    swing = values_of(quiet(oscillation=own), running(mode=9), at) - values_of(quiet(), running(mode=9), at)
    assert swing.max() == pytest.approx(3, abs=0.01)
    assert swing.min() == pytest.approx(-3, abs=0.01)
    assert swing[200:] == pytest.approx(swing[:-200], abs=1e-5)
    waves = np.stack([np.sin(2 * np.pi * at / 20e9), np.cos(2 * np.pi * at / 20e9)], axis=1)
    assert swing == pytest.approx(waves @ np.linalg.lstsq(waves, swing)[0], abs=1e-5)


def test_values_have_the_step_of_the_transducer_and_stay_within_its_limits() -> None:
    at = list(range(0, HOUR_NS, SECOND_NS))
    for model in ALL[::3]:
        values = values_of(model, running(), at)
        low, high = model.limits or (0.0 if min(model.normal[0], model.failure.to) >= 0 else -np.inf, np.inf)
        assert (values >= low).all()
        assert (values <= high).all()
        inside = values[(values > low) & (values < high)]
        if model.resolution is None:
            assert (inside == np.round(inside, signals.decimals(model))).all()
        else:
            assert inside / model.resolution == pytest.approx(np.rint(inside / model.resolution), abs=1e-6)
        assert not (np.signbit(values) & (values == 0)).any()
    tight = values_of(sensor(limits=[49.0, 51.0], resolution=0.05), running(), at)
    assert {tight.min(), tight.max()} == {49.0, 51.0}
    assert all(len(repr(value)) <= 5 for value in tight.tolist())  # 49.15, not 49.150000000000006


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


def test_of_a_slow_sensor_the_first_times_are_as_they_were() -> None:
    times = signals.grid(0, HOUR_NS, MINUTE_NS)
    got, _ = MachineSignals([sensor(sample_hz=0.01)], 1, "m").sample(running(), times, MINUTE_NS)
    read = got // SECOND_NS
    assert read[:5].tolist() == [0, 120, 240, 300, 420]
    assert len(read) == 36


@given(
    hz=st.sampled_from([0.0005, 0.01, 0.07, 0.3, 1.0, 10.0]),
    period_s=st.sampled_from([1, 7, 60]),
    begin=st.integers(0, 10**6),
)
@settings(deadline=None)
def test_a_slow_sensor_is_sampled_at_its_own_pace(hz: float, period_s: int, begin: int) -> None:
    slow = sensor(sample_hz=hz)
    times = signals.grid(begin * SECOND_NS, begin * SECOND_NS + 2 * HOUR_NS, period_s * SECOND_NS)
    got, values = MachineSignals([slow], 1, "m").sample(running(), times, period_s * SECOND_NS)
    assert got.tolist() == times[due(slow, times, period_s * SECOND_NS)].tolist()
    assert np.isfinite(values).all()


def test_the_benchmark_runs() -> None:
    """Its figures are honest only on a quiet machine; here it only has to work."""
    bench = Path(__file__).parents[1] / "bench" / "signals.py"
    done = subprocess.run(
        [sys.executable, bench, "--hours", "1", "--rounds", "1", "--json"], capture_output=True, check=True
    )
    figures = json.loads(done.stdout)
    assert {"samples_per_s", "ratio", "numpy_samples_per_s", "live_us", "compile_s"} <= figures.keys()
    assert figures["ratio"] == pytest.approx(figures["samples_per_s"] / 20e6, abs=0.001)
