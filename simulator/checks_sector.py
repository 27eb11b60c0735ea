"""Whether a sector's line runs, and whether it makes, uses and costs what its file says: by running it.

What it is: pure. The line runs under more demand than it can meet. Three laws hold for every line: work moves, no unit
is lost or made from nothing, every machine is always in exactly one state. Where the file has ``checks``, its figures
are compared, too.
What it is not: a proof, and not a check of the file's form (``catalogue.sector_problems``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final

from contract import ConfigError, Tariff
from simulator.energy import HEAT_UNIT, consumption, electricity
from simulator.happenings import Doing
from simulator.machine_model import MachineModel, Medium
from simulator.sector_model import Checks, Sector
from simulator.sector_run import Run, measure, rate_per_h

DRY_H: Final = 8.0
DRY_UNITS: Final = 10
DRY_LOADS: Final = 3
"""A line is stuck when its last step was open for a day's work of 8 h, and for as long as ten units and three loads of
each batch step take at the lowest OEE, and nothing came: by chance that happens once in e^10 times."""
STILL_H: Final = 120.0
STILL_TIMES: Final = 10.0
"""A lot is left behind when it stood still for five days and ten times the mean time on the line (Little's law):
dispatching by set-up may let a rare variant wait, but not for ever."""
FEW: Final = 20
"""Figures per good unit mean nothing for fewer."""
LOWEST_OEE: Final = 0.3
"""Of a line whose file has no checks."""
RATE_OVER: Final = 1.02
"""The mix of variants may by chance be this much faster than its mean, no more."""
ENERGY_WITHIN: Final = 0.35
"""The estimates count no set-ups, no wear, no half-full load and no scrap; cycle_s itself is known to x0.75-1.33."""
MATERIAL_WITHIN: Final = 0.10
"""The estimates count each material once; scrap along the line uses up more."""
LABOUR_FACTOR: Final = (0.9, 1.3)
"""Of the file's figure per good unit: it is that of the full rate, so the upper limit is divided by the lowest OEE (who
waits is paid). The 1.3 are for steps that nobody attends, whose hours count around the clock."""
PRICE_FACTOR: Final = (0.5, 2.0)
"""Of the file's energy cost per kWh: the bands of a tariff are that far apart."""


def check_sector_runs(
    sector: Sector,
    models: Mapping[str, MachineModel],
    tariff: Tariff,
    *,
    seed: int = 1,
    days: int = 30,
    progress: Callable[[float], object] = lambda _: None,
) -> list[str]:
    """What is wrong with a line that runs for so many days under more demand than it can meet; empty when all is well.

    Each problem is ``KEY: WHY`` with a key of the sector's file (``steps[3]``, ``checks.oee``).

    Args:
        sector: what runs, with a file that is right by itself (``catalogue.sector_problems``).
        models: by id, all that its steps name.
        tariff: the sector's.
        seed: decides everything that chance decides.
        days: measured, after a warm-up of a tenth of them.
        progress: told the share of the days that are done.
    """
    try:
        run = measure(sector, models, tariff, seed=seed, days=days, progress=progress)
    except ConfigError as error:  # what the market or the kernel refuses
        return [f"steps: the line cannot run: {str(error)[:300]}"]
    problems = [*_stuck(sector, run)] or [*_left_behind(sector, run)]
    problems += _conserved(sector, run)
    if run.uneven_ns:
        problems.append(f"steps: the states of a machine add up to {run.uneven_ns} ns more or less than the time")
    if sector.checks is not None and min(step.out for step in run.steps) >= FEW:
        problems += _made(sector, sector.checks, run)
        problems += _used(sector, models, sector.checks, run)
        problems += _material(sector.checks, run)
        problems += _cost(sector, models, sector.checks, run)
    return problems


def _stuck(sector: Sector, run: Run) -> Iterator[str]:
    """Nothing came out for longer than chance explains; the step for which most lots wait is named."""
    oee = sector.checks.oee[0] if sector.checks else LOWEST_OEE
    limit = max(DRY_H, DRY_UNITS / (oee * min(map(rate_per_h, sector.steps))))
    for step in sector.steps:
        if step.mode == "batch":
            limit = max(limit, DRY_LOADS * step.cycle_s / 3600 / step.machines / oee)
    last = len(sector.steps) - 1
    dry = [0.0] * (last + 1)
    longest = 0.0
    for day in run.days:
        dry = [0.0 if day.out[i] else dry[i] + day.open_h[i] for i in range(last + 1)]
        longest = max(longest, dry[last])
    if longest > limit:
        waiting = run.still_at[run.still_h > DRY_H].tolist()
        place = max(set(waiting), key=waiting.count) if waiting else next((i for i in range(last) if dry[i]), last)
        yield (
            f"steps[{place}]: step {sector.steps[place].id}: the line is stuck: its last step was open for "
            f"{longest:.1f} h, and no good unit left it"
        )


def _left_behind(sector: Sector, run: Run) -> Iterator[str]:
    """Lots that stand still; the step for which most of them wait is named."""
    first_rate = run.steps[0].out / run.hours
    passage_h = len(run.still_h) * sector.lot_units / first_rate if first_rate else 0.0
    limit = max(STILL_H, STILL_TIMES * passage_h) + max(step.cycle_s for step in sector.steps) / 3600
    left = run.still_at[run.still_h > limit]
    if len(left):
        waiting = left.tolist()
        place = max(set(waiting), key=waiting.count)
        yield (
            f"steps[{place}]: step {sector.steps[place].id}: {len(left)} lots stood still for more than {limit:.0f} h, "
            f"the oldest for {float(run.still_h.max()):.0f} h"
        )


def _conserved(sector: Sector, run: Run) -> Iterator[str]:
    """Between the ends of two steps: what came is what went on, was scrapped, or lies there."""
    for place, (before, step) in enumerate(pairwise(run.steps), start=1):
        lost = before.out - step.through - run.held[place]
        if lost:
            yield (
                f"steps[{place}]: step {sector.steps[place].id}: {before.out} units came, {step.through} were worked "
                f"on, and {run.held[place]} more lie before it: {lost} are lost"
            )


def _made(sector: Sector, checks: Checks, run: Run) -> Iterator[str]:
    """OEE and rate at the constraint, with planned stops left out."""
    place = [step.id for step in sector.steps].index(checks.bottleneck)
    step, model = run.steps[place], sector.steps[place]
    oee = step.ideal_good_h / step.busy_h
    low, high = checks.oee
    if not low <= oee <= high:
        yield f"checks.oee: expected {low:g} to {high:g} at step {model.id} under full load, the run has {oee:.3f}"
    rate = step.out / (step.busy_h / model.machines)
    low, high = low * checks.rate_per_h, RATE_OVER * checks.rate_per_h
    if not low <= rate <= high:
        yield (
            f"checks.rate_per_h: expected {low:g} to {high:g} good units an hour at step {model.id} "
            f"(the lowest OEE, and {RATE_OVER:g} of the rate), the run has {rate:.4g}"
        )


def _used(sector: Sector, models: Mapping[str, MachineModel], checks: Checks, run: Run) -> Iterator[str]:
    """Energy per good unit.

    The file's energies are those of the full rate, with the machines that wait for the constraint idling. What the rest
    of the time adds is known: idle and auxiliary power while the line loses time or is closed. It is added to what is
    expected, not to the tolerance.
    """
    out = run.steps[-1].out
    kwh = checks.electricity_kwh_per_unit + sector.aux_kw * (run.hours / out - 1 / checks.rate_per_h)
    heat = checks.heat_kwh_per_unit
    for step, done in zip(sector.steps, run.steps, strict=True):
        model = models[step.model]
        lost_h = max(0.0, done.open_h / out - step.machines / checks.rate_per_h)
        watts = electricity(model.power_kw)
        kwh += (watts[Doing.STARVED] * lost_h + watts[Doing.OFF] * done.off_h / out) / 1000
        for medium in _heats(model):
            wh = consumption(medium)
            heat += (wh[Doing.STARVED] * lost_h + wh[Doing.OFF] * done.off_h / out) / 1000
    is_kwh = (run.aux_kwh + sum(done.kwh for done in run.steps)) / out
    is_heat = _heat(sector, models, run)[0] / out
    for key, now, want in (("electricity", is_kwh, kwh), ("heat", is_heat, heat)):
        if not (1 - ENERGY_WITHIN) * want <= now <= (1 + ENERGY_WITHIN) * want:
            yield (
                f"checks.{key}_kwh_per_unit: expected {want:.4g} kWh within {ENERGY_WITHIN:.0%} "
                f"(with what idle and closed hours add), the run has {now:.4g}"
            )


def _material(checks: Checks, run: Run) -> Iterator[str]:
    """Material per good unit, as if no more lay on the line at the end than at the start: step by step by its yield."""
    spent, started = 0.0, 1.0
    for done in reversed(run.steps):
        started *= done.through / done.out
        spent += done.money["material"] / done.through * started
    want = checks.material_cost
    if not (1 - MATERIAL_WITHIN) * want <= spent <= (1 + MATERIAL_WITHIN) * want:
        yield f"checks.material_cost: expected {want:g} within {MATERIAL_WITHIN:.0%}, the run has {spent:.4g}"


def _cost(sector: Sector, models: Mapping[str, MachineModel], checks: Checks, run: Run) -> Iterator[str]:
    """Labour per good unit, and energy per kWh: how much energy a unit takes is judged on its own."""
    labour = sum(done.money["labour"] for done in run.steps) / run.steps[-1].out
    low, high = LABOUR_FACTOR[0] * checks.labour_cost, LABOUR_FACTOR[1] * checks.labour_cost / checks.oee[0]
    if not low <= labour <= high:
        yield (
            f"checks.labour_cost: expected {low:.4g} to {high:.4g} a good unit (at the full rate, and the lowest OEE), "
            f"the run has {labour:.4g}"
        )
    estimated = checks.electricity_kwh_per_unit + checks.heat_kwh_per_unit
    heat_kwh, heat_money = _heat(sector, models, run)
    used = run.aux_kwh + heat_kwh + sum(done.kwh for done in run.steps)
    paid = run.aux_money + heat_money + sum(done.money["energy"] for done in run.steps)
    price = paid / used if used else 0.0
    low, high = (factor * checks.energy_cost / estimated if estimated else 0.0 for factor in PRICE_FACTOR)
    if not low <= price <= high:
        yield (
            f"checks.energy_cost: expected {low:.3g} to {high:.3g} a kWh (by the file's cost and use), "
            f"the run has {price:.3g}"
        )


def _heat(sector: Sector, models: Mapping[str, MachineModel], run: Run) -> tuple[float, float]:
    """(kWh, their price) of gas and steam; the books of a machine have electricity alone."""
    kwh = money = 0.0
    for step, done in zip(sector.steps, run.steps, strict=True):
        for medium in _heats(models[step.model]):
            kwh += done.media[medium.counter] / 1000
            money += done.media[medium.counter] * medium.price
    return kwh, money


def _heats(model: MachineModel) -> Iterator[Medium]:
    """The machine's media that are heat."""
    return (medium for medium in model.media if medium.unit == HEAT_UNIT)
