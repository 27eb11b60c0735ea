"""Detectors on signals that the simulator makes, against its own truth."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from factory_runs import START, factory, park_of
from health_plant import MAKES as SCORED
from health_plant import ROUNDS, fortnight, scores, truth_of
from health_rows import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Floats, Times
from signal_cases import rows_of, sensor

from analytics.health import (
    REST,
    Episode,
    Pca,
    Robust,
    Trend,
    Watch,
    Watched,
    episodes,
    remaining,
)
from analytics.health.learned import Forest
from simulator.happenings import Doing, Rows
from simulator.signals import MachineSignals, grid

STEP_NS = 5 * SECOND_NS
DAYS = 9
VISIBLE_H = 48.0
MAKES: dict[str, Any] = {
    "pca": partial(Pca, train=2000),
    "robust": partial(Robust, train=2000),
    "forest": partial(Forest, train=2000),
}


@cache
def life(pattern: str) -> tuple[tuple[str, ...], Times, Floats, Rows, Episode]:
    """A machine of four sensors that stops each hour, and fails on the ninth day by what the second sensor shows."""
    models = [
        sensor("drift", name="force", noise_sd=1.5),
        sensor(pattern, name="seal", tau_h=VISIBLE_H, noise_sd=1.5),
        sensor("wear", name="oil", unit="degC", rest=20.0, tau_min=30.0, noise_sd=1.0),
        sensor("noise", name="motor", rest=0.4, noise_sd=1.2),
    ]
    states = [
        (k * HOUR_NS + at, doing)
        for k in range(DAYS * 24)
        for at, doing in ((0, Doing.RUNNING), (50 * MINUTE_NS, Doing.STARVED))
    ]
    whole = 400 * HOUR_NS
    rows = rows_of(*states, age_ns=whole - (DAYS * 24 - 4) * 50 * MINUTE_NS, life_ns=whole, mode=1)
    running = rows["doing"] == Doing.RUNNING
    visible = [round(one.failure.tau_h * HOUR_NS) for one in models]
    (truth,) = episodes(
        rows["t_ns"],
        running=running,
        ages=rows["age_ns"],
        lives=rows["life_ns"],
        modes=rows["mode"],
        visible_ns=visible,
        until_ns=DAYS * DAY_NS,
    )
    times, values = MachineSignals(models, 3, "m").sample(rows, grid(0, truth.end_ns, STEP_NS), STEP_NS)
    return tuple(one.name for one in models), times, values.T.copy(), rows, truth


def watched(make: Any, pattern: str) -> tuple[Watched, Episode]:
    names, times, values, rows, truth = life(pattern)
    modes = np.where(rows["doing"] == Doing.RUNNING, 0, REST)
    return Watch(names, make).update(times, values, rows["t_ns"], modes), truth


def test_the_truth_of_a_life_is_the_simulators() -> None:
    truth = life("drift")[4]
    assert truth.failed and truth.sensor == 1
    assert truth.end_ns == pytest.approx((DAYS * 24 - 4) * HOUR_NS, abs=HOUR_NS)
    # 48 hours of running are 57.6 of the clock.
    assert truth.end_ns - truth.onset_ns == pytest.approx(57.6 * HOUR_NS, abs=HOUR_NS)


@pytest.mark.parametrize("name", MAKES)
@pytest.mark.parametrize("pattern", ["drift", "wear", "step", "saturate", "oscillation", "noise"])
def test_a_coming_failure_is_found_and_explained(pattern: str, name: str) -> None:
    found, truth = watched(MAKES[name], pattern)
    begun = [alarm for alarm in found.alarms if alarm.end_ns is None]
    true = [alarm for alarm in begun if truth.onset_ns <= alarm.begin_ns <= truth.end_ns]
    assert true
    assert true[0].shares[0][0] == "seal"
    assert truth.end_ns - true[0].begin_ns > DAY_NS
    assert len(begun) - len(true) <= 1


def test_remaining_life_of_a_drift_is_near_the_truth() -> None:
    names, times, values, rows, truth = life("drift")
    modes = np.where(rows["doing"] == Doing.RUNNING, 0, REST)
    watch, trend = Watch(names, MAKES["pca"]), Trend()
    column = watch.features.index("mean(seal)")
    onset, until = (int(np.searchsorted(times, truth.onset_ns + part * HOUR_NS)) for part in (0, 38))
    changed = rows["t_ns"] <= times[onset]
    watch.update(times[:onset], values[:onset], rows["t_ns"][changed], modes[changed])
    changed = ~changed & (rows["t_ns"] <= times[until])
    later = watch.update(times[onset:until], values[onset:until], rows["t_ns"][changed], modes[changed])
    trend.update(later.times, later.features[:, column])
    found = remaining(*trend.points, 90.0, 50.0)
    assert found is not None
    true_left = truth.end_ns - found.at_ns
    assert found.left_ns == pytest.approx(true_left, rel=0.25)
    assert found.latest_ns is not None
    assert 0.7 * found.earliest_ns < true_left < 1.3 * found.latest_ns


def test_a_healthy_stretch_has_no_remaining_life() -> None:
    _, times, values, _, truth = life("drift")
    trend = Trend()
    healthy = times < truth.onset_ns - DAY_NS
    trend.update(times[healthy][::20], values[healthy, 1][::20])
    assert remaining(*trend.points, 90.0, 50.0, alpha=0.001) is None


def test_the_truth_has_every_breakdown() -> None:
    for _, _, _, rows, truth in fortnight():
        down = set(rows["t_ns"][rows["doing"] == Doing.DOWN].tolist())
        assert {episode.end_ns for episode in truth if episode.failed} == down
    assert sum(episode.failed for machine in fortnight() for episode in machine[4]) >= 5


@pytest.mark.parametrize(
    "faults",
    [
        ("breakdown machine=granulate-1 at=30h",),
        ("wear machine=blend-1 at=20h magnitude=10",),
        ("wear machine=blend-1 at=20h magnitude=10", "breakdown machine=blend-1 at=25h"),
    ],
)
def test_the_truth_has_failures_that_were_commanded(faults: tuple[str, ...]) -> None:
    made = factory(park_of("biomedicine"), *faults)
    made.skip(START + 4 * DAY_NS)
    entered = np.concatenate([happened.entered for happened in made.take_happened()])
    name = faults[0].split()[1].removeprefix("machine=")
    number = next(k for k, (_, address, _) in enumerate(park_of("biomedicine").machines) if address.machine == name)
    found = truth_of(park_of("biomedicine"), number, entered, START + 4 * DAY_NS)
    rows = entered[entered["machine"] == number]
    down = rows["t_ns"][rows["doing"] == Doing.DOWN].tolist()
    assert [episode.end_ns for episode in found if episode.failed] == down
    warned = [episode.end_ns - episode.onset_ns > 0 for episode in found if episode.failed]
    assert warned[-1] == ("wear" in faults[0])  # a breakdown by command has no warning


@pytest.mark.parametrize("name", SCORED)
def test_a_line_is_watched_better_than_by_chance_and_worse_than_by_an_oracle(name: str) -> None:
    found = scores(name)
    own, chance, best = found["detector"], found["random"], found["oracle"]
    assert own.failures >= 5 and chance.alarms == ROUNDS * own.alarms
    assert own.f1 is not None and chance.f1 is not None and best.f1 is not None
    assert chance.f1 + 0.15 < own.f1 <= best.f1 == 1.0
    assert own.precision is not None and chance.precision is not None and own.precision > chance.precision + 0.2
    assert best.saved >= own.saved > chance.saved / ROUNDS
    assert own.false_per_week is not None and own.false_per_week < 1.0
