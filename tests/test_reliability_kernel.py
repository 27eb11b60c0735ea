"""The simulated machine's true life is found again from what it says: states to runs, runs to a Weibull life."""

from __future__ import annotations

import math
from functools import cache

import pytest

from analytics.reliability import (
    History,
    Weibull,
    failure_times,
    fit_weibull,
    history_of_rows,
    inherent_availability,
    kaplan_meier,
    laplace,
    lifetimes,
    mean_completed_ns,
    mil_hdbk_189,
    mtbf_bounds_ns,
    mtbf_ns,
    mttr_ns,
    survival_at,
)
from simulator import kernel
from simulator.happenings import Doing
from simulator.kernel import MachineTruth
from simulator.line import Line, Mode, Step, World, orders
from simulator.speak import STATES

S_NS = 10**9
SHAPE = 2.5
MTBF_NS = 1000 * S_NS
TRUTH = Weibull(SHAPE, MTBF_NS / math.gamma(1 + 1 / SHAPE))


@cache
def lived(maintain_age_ns: int = 0) -> tuple[History, MachineTruth]:
    """One machine that never lacks work, for about 600 lives, and the truth of it."""
    step = Step(
        machines=("a",),
        cycle_ns=S_NS,
        mtbf_ns=MTBF_NS,
        weibull_shape=SHAPE,
        mttr_ns=80 * S_NS,
        repair_sigma=0.5,
        modes=(Mode("wear", "wear", 1),),
        maintain_age_ns=maintain_age_ns,
        stop_interval_ns=200 * S_NS,
        stop_mean_ns=5 * S_NS,
    )
    until = 600 * MTBF_NS
    plant = kernel.start(World((Line((step,)),)), 11, 0)
    kernel.place(plant, orders([{"units": 10**12}]))
    said = kernel.advance(plant, until).entered
    words = [STATES[Doing(doing)] for doing in said["doing"].tolist()]
    rows = [(t, str(w.state), str(w.reason), "") for t, w in zip(said["t_ns"].tolist(), words, strict=True)]
    found = history_of_rows(rows, 0, until, operation=("apt_ns",), renewed_by_maintenance=True)
    return found, kernel.truth(plant)[0]


def test_counts_and_times_are_the_truth() -> None:
    for age in (0, 700 * S_NS):
        found, truth = lived(age)
        assert found.exposure.failures == truth.failures
        assert found.exposure.operating_ns == truth.doing_ns[Doing.RUNNING]
        assert found.exposure.repair_ns == truth.doing_ns[Doing.REPAIR] + truth.doing_ns[Doing.DOWN]
        assert found.exposure.pmt_ns == truth.doing_ns[Doing.MAINTENANCE]


def test_the_life_is_found_again() -> None:
    found, _ = lived()
    ages = lifetimes(found.runs)
    fit = fit_weibull(ages.failures, ages.censored, 0.999).fit
    assert fit.failures > 500
    assert fit.shape.lower < TRUTH.shape < fit.shape.upper
    assert fit.scale.lower < TRUTH.scale < fit.scale.upper
    assert fit.life.mean == pytest.approx(MTBF_NS, rel=0.08)
    steps = kaplan_meier(ages.failures, ages.censored, 0.999)
    for age in (TRUTH.b_life(0.1), TRUTH.b_life(0.5), TRUTH.b_life(0.9)):
        assert survival_at(steps, age) == pytest.approx(TRUTH.reliability(age), abs=0.07)


def test_planned_maintenance_censors_and_without_that_the_life_is_wrong() -> None:
    found, _ = lived(700 * S_NS)
    ages = lifetimes(found.runs)
    assert len(ages.censored) > len(ages.failures) > 150
    fit = fit_weibull(ages.failures, ages.censored, 0.999).fit
    assert fit.shape.lower < TRUTH.shape < fit.shape.upper
    assert fit.scale.lower < TRUTH.scale < fit.scale.upper
    naive = fit_weibull(ages.failures, (), 0.999).fit  # as if the maintained machines had never lived
    assert naive.scale.upper < TRUTH.scale
    assert mean_completed_ns(found.runs) < 0.6 * MTBF_NS


def test_mean_times_bounds_and_no_trend() -> None:
    found, truth = lived()
    seen = found.exposure
    bounds = mtbf_bounds_ns(seen, 0.999)
    assert bounds.lower < MTBF_NS < bounds.upper
    assert mtbf_ns(seen) == truth.doing_ns[Doing.RUNNING] / truth.failures
    assert mttr_ns(seen) / S_NS == pytest.approx(80, rel=0.1)
    assert inherent_availability(seen) == pytest.approx(1000 / 1080, abs=0.01)
    times, end = failure_times(found.runs)
    assert laplace(times, end).stationary(0.001)
    assert mil_hdbk_189(times, end).stationary(0.001)
