"""The 15 sector files as data: complete, consistent with themselves, with their machines and with their checks."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
import pytest

import simulator
from simulator.machine_model import MachineModel
from simulator.sector_model import Checks, Sector, StepModel

HERE = Path(simulator.__file__).parent
NAMES = (
    "agriculture",
    "biomedicine",
    "ceramics",
    "chemicals",
    "clothing",
    "construction",
    "culture_tourism",
    "electronics",
    "energy",
    "food_beverage",
    "home_appliances",
    "logistics_port",
    "machinery",
    "mould",
    "vehicles",
)
OEE = 0.70
"""What the files' demand counts on."""


@cache
def _sector(name: str) -> Sector:
    return msgspec.yaml.decode((HERE / "sectors" / f"{name}.yaml").read_bytes(), type=Sector)


@cache
def _model(name: str) -> MachineModel:
    return msgspec.yaml.decode((HERE / "models" / f"{name}.yaml").read_bytes(), type=MachineModel)


def _checks(sector: Sector) -> Checks:
    assert sector.checks is not None
    return sector.checks


def _rate_per_h(step: StepModel) -> float:
    return step.machines * 3600 / step.cycle_s * step.units_per_cycle


def _open_h_per_day(sector: Sector) -> float:
    """Mean over a week, breaks included."""
    calendar = sector.calendar
    return sum(shift.hours for shift in calendar.shifts) * len(calendar.days) / 7 if calendar.shifts else 24.0


def test_there_are_these_fifteen() -> None:
    assert sorted(path.stem for path in (HERE / "sectors").glob("*.yaml")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_says_who_it_is_and_where_its_figures_come_from(name: str) -> None:
    sector = _sector(name)
    assert sector.id == name
    assert "engineering estimates" in sector.provenance.basis
    assert {"cycle_s", "scrap_pct", "lead_days_mean"} <= sector.provenance.ranges.keys()
    assert all("http" in line for line in sector.provenance.published)
    assert (HERE / "tariffs" / f"{sector.tariff}.yaml").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_the_slowest_step_and_its_rate_are_those_of_the_checks(name: str) -> None:
    sector = _sector(name)
    checks = _checks(sector)
    rates = {step.id: _rate_per_h(step) for step in sector.steps}
    assert rates[checks.bottleneck] == pytest.approx(min(rates.values()), rel=1e-9)
    assert rates[checks.bottleneck] == pytest.approx(checks.rate_per_h, rel=0.05)
    assert 0 < checks.oee[0] < checks.oee[1] < 1


@pytest.mark.parametrize("name", NAMES)
def test_the_mix_of_options_leaves_the_rate_alone(name: str) -> None:
    for option in _sector(name).options:
        for step, shares in option.slower.items():
            mean = sum(map(float.__mul__, map(float, shares), option.weights)) / sum(option.weights)
            assert abs(mean) < 0.001, (option.name, step)


@pytest.mark.parametrize("name", NAMES)
def test_every_material_is_used_once_and_they_cost_what_the_checks_say(name: str) -> None:
    sector = _sector(name)
    price = {material.id: material.price for material in sector.materials}
    needs = [need for step in sector.steps for need in step.materials]
    assert sorted(need.material for need in needs) == sorted(price)
    assert {material.supplier for material in sector.materials} == {supplier.id for supplier in sector.suppliers}
    cost = sum(need.qty * price[need.material] for need in needs)
    assert cost == pytest.approx(_checks(sector).material_cost, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_loads_fill_from_lots_and_find_room(name: str) -> None:
    sector = _sector(name)
    for before, step in zip([None, *sector.steps], sector.steps, strict=False):
        last = step is sector.steps[-1]
        assert last or step.buffer_after >= sector.lot_units, step.id
        if step.mode != "batch":
            assert not step.one_family, step.id
            continue
        assert step.units_per_cycle >= 1 and step.units_per_cycle % sector.lot_units == 0, step.id
        assert before is None or before.buffer_after >= 2 * step.units_per_cycle, step.id
        assert last or step.buffer_after >= step.units_per_cycle, step.id
        assert step.one_family == bool(step.setup.major_on), f"{step.id}: what is the family of a load?"
        # Without it each load with one bad unit would take a whole cycle more.
        assert step.rework_pct == 0 or step.rework_s is not None, step.id


@pytest.mark.parametrize("name", NAMES)
def test_demand_is_what_the_line_can_make(name: str) -> None:
    sector = _sector(name)
    capacity = _checks(sector).rate_per_h * _open_h_per_day(sector) * OEE
    assert 0.60 < sector.demand.units_per_day / capacity < 0.95
    assert sum(sector.demand.season) / 12 == pytest.approx(1, abs=0.002)
    assert sum(channel.personalised for channel in sector.demand.channels) >= 1
    assert len(sector.demand.channels) >= 2
    assert all(channel.quoted_days >= 1 for channel in sector.demand.channels)


@pytest.mark.parametrize("name", NAMES)
def test_scrap_never_brings_more_than_its_material(name: str) -> None:
    sector = _sector(name)
    price = {material.id: material.price for material in sector.materials}
    spent, credits_ = 0.0, [0.0]
    for step in sector.steps:
        spent += sum(need.qty * price[need.material] for need in step.materials)
        assert step.scrap_credit_per_unit <= 0.4 * spent, step.id
        assert step.depreciation_per_h > 0, step.id
        credits_.append(step.scrap_credit_per_unit)
    assert credits_ == sorted(credits_)


@pytest.mark.parametrize("name", NAMES)
def test_the_machines_draw_what_the_checks_say(name: str) -> None:
    """At the full rate of the line: each step runs for its share of the time, and idles for the rest."""
    sector = _sector(name)
    rate = _checks(sector).rate_per_h
    kwh = sector.aux_kw / rate
    for step in sector.steps:
        power, own = _model(step.model).power_kw, _rate_per_h(step)
        kwh += step.machines * (power.run / own + power.idle * max(0.0, 1 / rate - 1 / own))
    assert kwh == pytest.approx(_checks(sector).electricity_kwh_per_unit, rel=0.03)


def test_machine_models_serve_one_kind_of_step() -> None:
    used = [step.model for name in NAMES for step in _sector(name).steps]
    assert len(used) == 96
    assert all(_model(model).id == model for model in used)
