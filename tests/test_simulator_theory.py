"""The clockwork against what theory says of it."""

from __future__ import annotations

from math import exp, sqrt

import pytest

from simulator import kernel
from simulator.catalogue import Effect, load_sector
from simulator.line import Line, Mode, Step, severity
from simulator.machine import Doing
from simulator.plant import HOUR_NS, SECOND_NS, ideal_cycle_ns, line_of

DAY_NS = 24 * HOUR_NS


def test_a_line_without_chance_runs_at_the_rate_of_its_bottleneck() -> None:
    line = Line(
        (
            Step(machines=("a-1",), cycle_ns=16),
            Step(machines=("b-1", "b-2", "b-3"), cycle_ns=60, buffer_after=2),
            Step(machines=("c-1",), cycle_ns=17),
        )
    )
    plant = kernel.start(line, 0, 0)
    kernel.advance(plant, 10_000)
    before = kernel.truth(plant)
    kernel.advance(plant, 30_000)
    assert kernel.truth(plant)[-1].good - before[-1].good == 20_000 // 20


@pytest.mark.parametrize("shape", [1.0, 1.5, 3.0])
def test_availability_is_mtbf_over_mtbf_and_mttr(shape: float) -> None:
    mtbf, mttr, lives = 900.0, 100.0, 4_000
    step = Step(
        machines=("a",),
        cycle_ns=300 * SECOND_NS,
        mtbf_ns=round(mtbf * SECOND_NS),
        weibull_shape=shape,
        mttr_ns=round(mttr * SECOND_NS),
        repair_sigma=0.6,
    )
    plant = kernel.start(Line((step,)), 5, 0)
    elapsed = round(lives * (mtbf + mttr)) * SECOND_NS
    kernel.advance(plant, elapsed)
    (done,) = kernel.truth(plant)
    # Delta method: relative spread of the ratio of two sums of independent times.
    spread = sqrt((1.0 + exp(0.36) - 1) / lives) * 0.9 * 0.1
    assert done.doing_ns[Doing.RUNNING] / elapsed == pytest.approx(0.9, abs=4 * spread)
    assert done.doing_ns[Doing.BREAKDOWN] / done.failures / SECOND_NS == pytest.approx(mttr, rel=0.05)
    assert done.failures == pytest.approx(lives, rel=4 * sqrt(1 / lives) + 0.01)


def test_minor_stops_and_setups_take_their_share() -> None:
    step = Step(
        machines=("a",),
        cycle_ns=10 * SECOND_NS,
        stop_interval_ns=600 * SECOND_NS,
        stop_mean_ns=30 * SECOND_NS,
        minor_every=20,
        minor_ns=12 * SECOND_NS,
        major_every=100,
        major_ns=60 * SECOND_NS,
    )
    plant = kernel.start(Line((step,)), 3, 0)
    kernel.advance(plant, 15 * DAY_NS)
    (done,) = kernel.truth(plant)
    run, stop, setup = (done.doing_ns[d] for d in (Doing.RUNNING, Doing.MINOR_STOP, Doing.SETUP))
    stops = run / step.stop_interval_ns
    assert stop / run == pytest.approx(30 / 600, rel=4 * sqrt(2 / stops))
    assert setup / run == pytest.approx((4 * 12 + 60) / (100 * 10), rel=0.01)


def test_a_worn_machine_scraps_more_and_is_slower() -> None:
    life = 1000 * SECOND_NS
    effect = Effect(scrap=0.5, slower=0.5)
    step = Step(
        machines=("a",),
        cycle_ns=SECOND_NS,
        mtbf_ns=life,
        weibull_shape=1e6,  # every life is the mean
        mttr_ns=SECOND_NS,
        modes=(Mode("wear", "drift", life // 2, effect),),
    )
    plant = kernel.start(Line((step,)), 1, 0)
    rows = kernel.advance(plant, 150 * life).finished[0]
    old = [row for row in rows if row.actual_ns > 1.3 * SECOND_NS]
    young = [row for row in rows if row.actual_ns < 1.001 * SECOND_NS]
    assert sum(row.scrap for row in young) / len(young) < 0.001  # the wear begins while the last of them is made
    assert sum(row.scrap for row in old) / len(old) == pytest.approx(0.4, abs=0.03)


@pytest.mark.parametrize("pattern", ["wear", "drift", "noise"])
def test_severity_rises_from_nothing_to_one(pattern) -> None:
    mode = Mode("m", pattern, 100)
    curve = [severity(mode, age, 1000) for age in range(0, 1001, 10)]
    assert curve == sorted(curve)
    assert curve[90] == 0.0
    assert curve[-1] == 1.0
    assert severity(mode, 30, 60) == 0.0 < severity(mode, 31, 60), "a short life shows it in its second half"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_demo_line_is_plausible(seed: int) -> None:
    """OEE of the constraint between 60 and 78 % over a day, where the facts put the average plant at 70."""
    sector = load_sector("home_appliances")
    line = line_of(sector)
    plant = kernel.start(line, seed, 0)
    kernel.advance(plant, DAY_NS)
    done = kernel.truth(plant)
    constraint = next(n for n, (name, _) in enumerate(line.machines) if name == "assemble-1")
    ideal_ns = ideal_cycle_ns(sector.steps[3])
    assert 0.60 < done[constraint].good * ideal_ns / DAY_NS < 0.78
