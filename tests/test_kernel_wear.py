"""The lives of machines in the kernel against theory: availability, wear, failures that are noticed in time."""

from __future__ import annotations

from dataclasses import replace
from math import exp, sqrt
from typing import Any

import pytest

from simulator import kernel
from simulator.happenings import Doing, Happenings
from simulator.kernel import Plant
from simulator.line import Line, Mode, Step, World, orders, severity
from simulator.machine_model import Effect

S_NS = 10**9


def run(step: Step, until_ns: int, seed: int = 1) -> tuple[Plant, Happenings]:
    """One step that never lacks orders."""
    plant = kernel.start(World((Line((step,)),)), seed, 0)
    kernel.place(plant, orders([{"units": 10**12}]))
    return plant, kernel.advance(plant, until_ns)


@pytest.mark.parametrize("shape", [1.0, 1.5, 3.0])
def test_availability_is_mtbf_over_mtbf_and_mttr(shape: float) -> None:
    mtbf, mttr, lives = 900.0, 100.0, 4_000
    step = Step(
        machines=("a",),
        cycle_ns=300 * S_NS,
        mtbf_ns=round(mtbf * S_NS),
        weibull_shape=shape,
        mttr_ns=round(mttr * S_NS),
        repair_sigma=0.6,
    )
    elapsed = round(lives * (mtbf + mttr)) * S_NS
    plant, _ = run(step, elapsed, seed=5)
    (done,) = kernel.truth(plant)
    # Delta method: relative spread of the ratio of two sums of independent times.
    spread = sqrt((1.0 + exp(0.36) - 1) / lives) * 0.9 * 0.1
    assert done.doing_ns[Doing.RUNNING] / elapsed == pytest.approx(0.9, abs=4 * spread)
    assert done.doing_ns[Doing.REPAIR] / done.failures / S_NS == pytest.approx(mttr, rel=0.05)
    assert done.failures == pytest.approx(lives, rel=4 * sqrt(1 / lives) + 0.01)


def test_a_worn_machine_scraps_more_and_is_slower() -> None:
    life = 1000 * S_NS
    step = Step(
        machines=("a",),
        cycle_ns=S_NS,
        mtbf_ns=life,
        weibull_shape=1e6,  # every life is the mean
        mttr_ns=S_NS,
        modes=(Mode("wear", "drift", life // 2, Effect(scrap=0.5, slower=0.5)),),
    )
    _, said = run(step, 150 * life)
    old = said.finished[said.finished["actual_ns"] > 1.3 * S_NS]
    young = said.finished[said.finished["actual_ns"] < 1.001 * S_NS]
    assert young["scrap"].mean() < 0.001  # the wear begins while the last of them is made
    assert old["scrap"].mean() == pytest.approx(0.4, abs=0.03)


def test_who_notices_every_failure_has_none() -> None:
    """Noticed between the middle and the end of a life, evenly: a maintenance every three quarters of one."""
    life = 1000 * S_NS
    wearing = Step(
        machines=("a",),
        cycle_ns=S_NS,
        mtbf_ns=life,
        weibull_shape=1e6,
        mttr_ns=100 * S_NS,
        modes=(Mode("wear", "drift", life),),
        caught=1.0,
        planned_repair=0.3,
    )
    plant, _ = run(wearing, 2000 * life)
    (done,) = kernel.truth(plant)
    assert done.failures <= 0.01 * done.maintained  # noticed during the last unit of a life: too late
    assert done.maintained == pytest.approx(2000 / (0.75 + 0.03), rel=0.02)
    plant, _ = run(replace(wearing, caught=0.0, maintain_age_ns=life // 4), 100 * life)
    (done,) = kernel.truth(plant)
    assert (done.failures, done.maintained) == (0, pytest.approx(100 / (0.25 + 0.03), rel=0.02))


@pytest.mark.parametrize("pattern", ["wear", "drift", "noise"])
def test_severity_rises_from_nothing_to_one(pattern: Any) -> None:
    mode = Mode("m", pattern, 100)
    curve = [severity(mode, age, 1000) for age in range(0, 1001, 10)]
    assert curve == sorted(curve)
    assert curve[90] == 0.0
    assert curve[-1] == 1.0
    assert severity(mode, 30, 60) == 0.0 < severity(mode, 31, 60), "a short life shows it in its second half"
