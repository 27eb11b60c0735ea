"""The 15 sectors run: a month under more demand than they can meet, and ten days as their files say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from simulator.catalogue import load_model, load_sector, load_tariff, sectors
from simulator.checks_sector import check_sector_runs
from simulator.factory import Factory
from simulator.machine_model import MachineModel
from simulator.plant import DAY_NS, SECOND_NS, Park, Site
from simulator.sector_model import Sector
from simulator.sector_run import measure, rate_per_h

ON_TIME = 0.85
"""What a decent plant reaches at least."""


def _models(sector: Sector) -> dict[str, MachineModel]:
    return {step.model: load_model(step.model) for step in sector.steps}


def _problems(sector: Sector, days: int) -> list[str]:
    return check_sector_runs(sector, _models(sector), load_tariff(sector.tariff), days=days)


def _with_step(sector: Sector, step: str, **changes: Any) -> Sector:
    steps = [msgspec.structs.replace(s, **changes) if s.id == step else s for s in sector.steps]
    return msgspec.structs.replace(sector, steps=steps)


@pytest.mark.parametrize("name", sectors())
def test_a_month_at_full_load_is_what_the_file_says(name: str) -> None:
    assert _problems(load_sector(name), 30) == []


@pytest.mark.parametrize(("month", "seed"), [(1, 2), (7, 3)])
@pytest.mark.parametrize("name", sectors())
def test_runs_from_any_start_and_keeps_its_dates(name: str, month: int, seed: int) -> None:
    sector = load_sector(name)
    site = Site(sector, _models(sector), load_tariff(sector.tariff), seed, "acme", "plant-1", "line-1")
    start_ns = int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) * SECOND_NS
    many = sector.demand.units_per_day > 12_000 and sector.lot_units == 1  # each of them is booked: seconds a day
    days = 4 if many else 10
    factory = Factory(Park((site,)), "00", start_ns, horizon_ns=start_ns + (days + 9) * DAY_NS)
    last = site.machines[-1][1].machines
    out = []
    for day in range(1, days + 1):
        factory.skip(start_ns + day * DAY_NS)
        lines = [line for path, line in factory.truth() if path.split("/")[2] == "production"]
        out.append(sum(line["good"] + line["rework"] for line in lines[-last:]))
    assert all(later > earlier for earlier, later in zip(out, out[2:], strict=False)), "two days without a unit"
    flows = factory.flows()[0][1]
    assert flows["delivered_units"] > 0
    assert flows["on_time_units"] >= ON_TIME * flows["delivered_units"]


def test_a_brewery_puts_out_its_demand_from_the_first_days() -> None:
    sector = load_sector("food_beverage")
    site = Site(sector, _models(sector), load_tariff(sector.tariff), 1, "acme", "plant-1", "line-1")
    start_ns = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * SECOND_NS
    factory = Factory(Park((site,)), "00", start_ns, horizon_ns=start_ns + 40 * DAY_NS)
    wanted_a_day = sector.demand.units_per_day * sector.demand.season[10]
    done = []
    for week in range(1, 5):
        factory.skip(start_ns + 7 * week * DAY_NS)
        done.append(sum(line["good"] for path, line in factory.truth() if path.endswith("/palletise-1")))
    assert min(b - a for a, b in zip([0, *done], done, strict=False)) > 0.8 * 7 * wanted_a_day


def test_a_load_that_never_fills_is_found() -> None:
    sector = load_sector("culture_tourism")
    narrow = _with_step(_with_step(sector, "rip", buffer_after=24), "uv", fill_h=1e5)
    problems = _problems(narrow, 5)
    assert len(problems) == 1 and "the line is stuck" in problems[0]
    assert problems[0].startswith("steps[1]: step uv: ")


@pytest.mark.parametrize(
    ("figure", "factor"),
    [
        ("rate_per_h", 2.0),
        ("electricity_kwh_per_unit", 3.0),
        ("heat_kwh_per_unit", 5.0),
        ("material_cost", 1.3),
        ("labour_cost", 3.0),
        ("energy_cost", 4.0),
    ],
)
def test_a_wrong_figure_is_found(figure: str, factor: float) -> None:
    sector = load_sector("clothing")
    assert sector.checks is not None
    changed = msgspec.structs.replace(sector.checks, **{figure: factor * getattr(sector.checks, figure)})
    problems = _problems(msgspec.structs.replace(sector, checks=changed), 5)
    assert f"checks.{figure}" in {problem.partition(":")[0] for problem in problems}


def test_a_line_without_checks_is_held_to_the_laws_alone() -> None:
    sector = load_sector("vehicles")
    assert _problems(msgspec.structs.replace(sector, checks=None), 5) == []


def test_a_wrong_oee_names_the_band_and_what_was_found() -> None:
    sector = load_sector("electronics")
    assert sector.checks is not None
    checks = msgspec.structs.replace(sector.checks, oee=[0.9, 0.95])
    problems = _problems(msgspec.structs.replace(sector, checks=checks), 5)
    assert any(p.startswith("checks.oee: expected 0.9 to 0.95 at step tht") for p in problems)


def test_a_line_that_the_kernel_refuses_is_a_problem_and_no_crash() -> None:
    sector = load_sector("vehicles")
    problems = _problems(msgspec.structs.replace(sector, power_limit_kw=0.001), 5)
    assert len(problems) == 1 and problems[0].startswith("steps: the line cannot run: ")


def test_units_are_conserved_to_the_last_one() -> None:
    sector = load_sector("biomedicine")  # loads, lots of 100, families
    run = measure(sector, _models(sector), load_tariff(sector.tariff), seed=5, days=4)
    for before, step, held in zip(run.steps, run.steps[1:], run.held[1:], strict=False):
        assert before.good + before.rework == step.good + step.scrap + step.rework + held
    assert any(run.held) and run.uneven_ns == 0
    assert all(
        sum(done.hours.values()) == pytest.approx(96.0 * s.machines)
        for done, s in zip(run.steps, sector.steps, strict=True)
    )
    assert run.steps[-1].out <= rate_per_h(sector.steps[-1]) * 96
