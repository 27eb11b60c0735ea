"""How failures, noise and faults of sensors look, and what is reported."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signal_cases import HOUR_NS, LIFE_NS, MINUTE_NS, PATTERNS, SECOND_NS, quiet, rows_of, running, sensor, values_of

from simulator import chance
from simulator import signal_shapes as shapes
from simulator.happenings import Doing
from simulator.kernel import draws
from simulator.line import Mode, severity
from simulator.signal_faults import Kind, SensorFault
from simulator.signal_report import changed
from simulator.signals import MachineSignals

UINT64 = st.integers(0, 2**64 - 1)
TAU_H = 100.0
"""Of the failures below: it shows from 100 h before the end of a life of 400 h."""


def shown(pattern: str, ages_h: list[float] | np.ndarray, life_h: float = 400.0, seed: int = 1) -> np.ndarray:
    """The part of the way from the middle (50) to the failure (90) at ages of a life, without load."""
    life_ns = round(life_h * HOUR_NS)
    ages = [round(age * HOUR_NS) for age in ages_h]
    parts = []
    for mode in (0, 1):
        rows = rows_of((0, Doing.RUNNING), life_ns=life_ns, mode=mode)
        parts.append(values_of(quiet(pattern, to=90.0, tau_h=TAU_H), rows, np.array(ages), seed))
    return (parts[0] - parts[1]) / 40.0


@given(stream=UINT64, n=st.integers(-(2**62), 2**62))
def test_chance_is_the_same_compiled(stream: int, n: int) -> None:
    """As signals ask for it: the stream without a sign, also at numbers below 0."""
    for name in ("bits", "uniform", "bell"):
        assert getattr(draws, name)(np.uint64(stream), n) == getattr(chance, name)(stream, n), name


@given(age=st.integers(0, LIFE_NS), pattern=st.sampled_from(PATTERNS), tau_h=st.integers(1, 500), seed=UINT64)
@settings(deadline=None)
def test_signals_and_kernel_agree_on_severity(age: int, pattern: str, tau_h: int, seed: int) -> None:
    kernel = severity(Mode("m", pattern, tau_h * HOUR_NS), age, LIFE_NS)  # type: ignore[arg-type]
    u = shapes.severity(age, LIFE_NS, tau_h * HOUR_NS)
    number = PATTERNS.index(pattern)
    if pattern == "wear":
        assert shapes.shown(number, u, np.uint64(seed)) == pytest.approx(kernel, abs=1e-9)
    else:
        assert u == kernel
    if pattern == "drift":
        assert abs(shapes.shown(number, u, np.uint64(seed)) - u) <= 0.1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_nothing_shows_early_or_in_another_sensor(pattern: str) -> None:
    assert not shown(pattern, np.linspace(0, 300, 500)).any()


@pytest.mark.parametrize(
    ("pattern", "half"), [("wear", np.expm1(2) / np.expm1(4)), ("saturate", np.expm1(-2) / np.expm1(-4))]
)
def test_wear_is_late_and_saturation_early(pattern: str, half: float) -> None:
    assert shown(pattern, [300, 350, 400]) == pytest.approx([0, half, 1], abs=1e-6)


def test_drift_is_a_straight_line_that_wanders() -> None:
    ages = np.linspace(300, 400, 2001)
    drift = shown("drift", ages)
    wander = drift - (ages - 300) / 100
    assert drift[[0, -1]] == pytest.approx([0, 1], abs=1e-6)
    assert 0.02 < np.abs(wander).max() <= 0.1
    assert np.abs(np.diff(wander)).max() < 0.02  # no jumps
    other = shown("drift", ages / 400 * 401, life_h=401.0)
    assert np.abs(other - drift).max() > 0.02  # another life wanders elsewhere


def test_a_step_comes_once_in_a_life_and_stays() -> None:
    places = []
    for life_h in range(400, 460):
        u = np.linspace(0, 1, 201)
        step = shown("step", life_h - 100 + 100 * u, life_h=float(life_h))
        assert set(np.round(step, 5)) <= {0.0, 1.0}
        assert (np.diff(step) > -1e-5).all()
        places.append(u[np.argmax(step > 0.5)])
    assert 0.3 < np.mean(places) < 0.7
    assert np.std(places) > 0.2


def test_noise_grows_five_times() -> None:
    times = np.arange(0, HOUR_NS, SECOND_NS)
    noisy, still = (sensor("noise", resolution=1e-6, tau_h=1000, noise_sd=sd) for sd in (0.5, 0.0))
    early, late = ((values_of(noisy, running(h), times) - values_of(still, running(h), times)).std() for h in (0, 399))
    assert late / early == pytest.approx(5, rel=0.02)


def test_a_growing_swing_reaches_the_failure_on_both_sides() -> None:
    swing = shown("oscillation", 399.9 + np.arange(0, 360) / 3600)
    assert swing.max() == pytest.approx(1, abs=0.02)
    assert swing.min() == pytest.approx(-1, abs=0.02)
    begun = shown("oscillation", 310 + np.arange(0, 360) / 3600)
    assert begun.max() == pytest.approx(0.1, abs=0.01)


def test_spikes_become_more_and_last_up_to_five_seconds() -> None:
    tau_h = 2.0
    times = np.arange(0, 2 * HOUR_NS, 10**8)
    begun, ended, lengths = 0, 0, []
    for seed in range(60):
        rows = [running(398, mode) for mode in (0, 1)]
        spiky, plain = (values_of(quiet("spike", to=90.0, tau_h=tau_h), r, times, seed) for r in rows)
        up = spiky - plain > 20
        assert np.all(np.isclose(spiky - plain, 40, atol=1e-5) == up)
        edges = np.flatnonzero(np.diff(up.astype(int), prepend=0, append=0))
        begun += (edges[::2] < len(times) // 2).sum()
        ended += (edges[::2] >= len(times) // 2).sum()
        lengths += (edges[1::2] - edges[::2]).tolist()
    # The rate goes from 0.05 to 20 per tau in a straight line: its integral over each half of the interval.
    assert begun / 60 == pytest.approx(2.52, rel=0.25)
    assert ended / 60 == pytest.approx(7.51, rel=0.15)
    assert min(lengths) >= 1
    assert np.median(lengths) == pytest.approx(26, abs=4)
    assert np.quantile(lengths, 0.95) <= 51


def test_noise_has_its_spread_and_its_memory() -> None:
    plain = sensor(resolution=1e-6)
    noise = np.stack(
        [
            values_of(plain, running(mode=9), np.arange(0, 4000 * SECOND_NS, SECOND_NS), seed)
            - values_of(quiet(), running(mode=9), np.arange(0, 4000 * SECOND_NS, SECOND_NS), seed)
            for seed in range(40)
        ]
    )
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std(axis=0).mean() == pytest.approx(plain.noise_sd, rel=0.02)
    by_phase = noise.reshape(40, -1, 20).std(axis=(0, 1))  # as wide between knots as on them
    assert by_phase == pytest.approx(np.full(20, plain.noise_sd), rel=0.05)
    found = [(noise[:, lag:] * noise[:, :-lag]).mean() / noise.var() for lag in (1, 5, 10, 20)]
    assert found == pytest.approx([0.9**lag for lag in (1, 5, 10, 20)], abs=0.07)


def report_with(fault: SensorFault, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    model = sensor(resolution=0.01)
    machine = MachineSignals([model], 1, "m")
    got, values = machine.copy().sample(running(mode=9), times, SECOND_NS, [fault])
    full = np.full(len(times), np.nan)
    full[np.isin(times, got)] = values[0]
    return full, machine.sample(running(mode=9), times, SECOND_NS)[1][0]


@pytest.mark.parametrize("kind", ["stuck", "drift", "spike", "noise", "dropout", "offset", "scale", "quantise"])
def test_a_fault_changes_its_window_only(kind: Kind) -> None:
    times = np.arange(0, HOUR_NS, SECOND_NS)
    fault = SensorFault(kind, 0, 10 * MINUTE_NS + 1, 40 * MINUTE_NS, 7.0, 5)
    got, plain = report_with(fault, times)
    inside = (times >= fault.start_ns) & (times < fault.end_ns)
    assert np.array_equal(got[~inside], plain[~inside])
    change, size = (got - plain)[inside], inside.sum()
    match kind:
        case "stuck":
            assert set(got[inside]) == {values_of(sensor(resolution=0.01), running(mode=9), [fault.start_ns])[0]}
        case "drift":
            assert change == pytest.approx(7 * (times[inside] - fault.start_ns) / (30 * MINUTE_NS), abs=0.02)
        case "spike":
            assert set(np.round(change, 2)) == {0.0, 7.0}
            assert 0.01 < (change > 1).sum() / size < 0.1  # one of 2.6 s a minute: 4 %
        case "noise":
            assert change.std() == pytest.approx(7, rel=0.1)
        case "dropout":
            assert np.isnan(got[inside]).all()
        case "offset":
            assert change == pytest.approx(np.full(size, 7.0), abs=1e-9)
        case "scale":
            assert got[inside] == pytest.approx(7 * plain[inside], rel=1e-3)
        case "quantise":
            assert set(got[inside] % 7) == {0.0}


def test_a_stuck_sensor_told_of_too_late_sticks_at_what_is_known() -> None:
    machine = MachineSignals([sensor()], 1, "m")
    machine.skip(np.concatenate([running(mode=9), running(mode=9, since_ns=HOUR_NS)]), 2 * HOUR_NS)
    fault = SensorFault("stuck", 0, 0, 4 * HOUR_NS)
    got = machine.sample(running()[:0], np.array([2 * HOUR_NS, 3 * HOUR_NS]), SECOND_NS, [fault])[1]
    expected = values_of(sensor(), running(mode=9, since_ns=HOUR_NS), [HOUR_NS])[0]
    assert got.tolist() == [[expected, expected]]


@given(
    values=st.lists(st.one_of(st.integers(0, 30).map(lambda n: n / 10), st.just(float("nan"))), max_size=40),
    cut=st.integers(0, 40),
    band=st.sampled_from([0.0, 0.1, 0.5]),
)
@settings(deadline=None)
def test_report_by_exception_is_the_plain_rule_and_cut_where_one_likes(
    values: list[float], cut: int, band: float
) -> None:
    expected, said = [], None
    for value in values:
        news = value == value and (band == 0 or said is None or round(abs(value - said) * 10) > round(band * 10))
        said = value if news else said
        expected.append(news)
    last = np.full(1, np.nan)
    masks = [changed(np.array([part], np.float64), last, np.array([band])) for part in (values[:cut], values[cut:])]
    assert np.hstack(masks)[0].tolist() == expected


def test_a_deadband_leaves_out_what_is_near() -> None:
    times = np.arange(0, HOUR_NS, SECOND_NS)
    got, values = MachineSignals([sensor(deadband=1.0)], 1, "m").sample(running(mode=9), times, SECOND_NS)
    every = values_of(sensor(), running(mode=9), times)
    held = values[0][np.searchsorted(got, times, side="right") - 1]
    assert 0 < len(got) < len(times) / 3
    assert np.abs(every - held).max() <= 1.0 + 1e-9
    assert np.array_equal(every[np.searchsorted(times, got)], values[0])
