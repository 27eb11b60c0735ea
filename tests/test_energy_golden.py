"""The worked cases of ``golden/kpi_cases.yaml`` for demand, baselines, carbon and samples of power."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

from analytics_cases import CASES, near
from analytics_plant import BOOT, MIN, T0

from analytics.cost import costs
from analytics.elements import Elements, by_band
from analytics.energy import (
    Factor,
    Grid,
    Sample,
    billed_kw,
    carbon,
    demand_charge,
    evaluate,
    fit,
    grid_factor,
    integrate,
    profile_of,
)
from analytics.events import MachineEvents, Reading
from contract import Band, Economics, Tariff

S = 10**9


def test_energy_charge_demand_charge_and_load_factor() -> None:
    case = CASES["TOU-DEMAND"]
    given, expected = case["inputs"], case["expected"]
    step = given["interval_min"] * MIN
    wh = [round(Fraction(str(kwh)) * 1000) for kwh in given["kwh"]]
    readings = [Reading(T0 + n * step, BOOT, total) for n, total in enumerate(accumulate(wh, initial=0))]
    grid = Grid.within(T0, T0 + len(wh) * step, step)
    found = profile_of(MachineEvents(readings=readings), grid)
    assert found.wh == tuple(wh)
    assert found.complete
    assert found.total_wh / 1000 == near(case, expected["kwh_total"])
    peak = found.peak
    assert peak is not None
    assert float(peak.kw) == near(case, expected["peak_kw"])
    assert found.load_factor == near(case, expected["load_factor"])
    charge = demand_charge(billed_kw(peak.kw), given["demand_price_per_kw"])
    assert float(charge) == near(case, expected["demand_charge"])
    tariff = Tariff(
        timezone="UTC",
        bands={name[0]: Band(name=name, price_per_kwh=price) for name, price in given["rate"].items()},
        hours=["f" * 24] * 12,
    )
    e = Elements(energy=by_band(zip((band[0] for band in given["band"]), found.wh, strict=True)))
    energy = costs(e, Economics(currency=given["currency"], tariff=tariff)).energy
    assert float(energy) == near(case, expected["energy_charge"])
    assert float(energy) / (found.total_wh / 1000) == near(case, expected["average_price"])


def test_baseline_by_regression() -> None:
    case = CASES["ENPI-REG"]
    given, expected = case["inputs"], case["expected"]
    model = fit({"output": given["baseline_output"]}, given["baseline_kwh"])
    assert model is not None
    assert model.intercept == near(case, expected["base_load"])
    assert model.slopes[0] == near(case, expected["slope"])
    assert model.r2 == near(case, expected["r2"])
    assert model.explains
    assert not model.enough_points
    output, kwh = zip(*given["reporting"], strict=True)
    found = evaluate(model, {"output": output}, kwh)
    assert found.predicted == tuple(near(case, value) for value in expected["predicted"])
    assert found.savings == tuple(near(case, value) for value in expected["savings"])
    assert found.cusum == tuple(near(case, value) for value in expected["cusum"])
    assert found.enpi == near(case, expected["enpi_ratio"])
    assert found.improvement is not None
    assert found.improvement * 100 == near(case, expected["improvement_pct"])
    # Energy per unit moves with the volume: it claims more than was saved.
    naive = expected["naive_sec_reporting"] / expected["naive_sec_baseline"]
    assert sum(given["baseline_kwh"]) / sum(given["baseline_output"]) == near(case, expected["naive_sec_baseline"])
    assert sum(kwh) / sum(output) == near(case, expected["naive_sec_reporting"])
    assert found.enpi != near(case, naive)


def test_carbon_by_scope() -> None:
    case = CASES["CARBON"]
    given, expected = case["inputs"], case["expected"]
    factors = [
        grid_factor("CN", 2023),
        Factor("gas_m3", "m3", "scope1", given["ef_gas"], "placeholder", 2024),
        Factor("scrap_kg", "kg", "embodied", given["ef_material"], "placeholder", 2024),
    ]
    assert factors[0].kg_per_unit == given["ef_grid"]
    used = {
        "electricity_kwh": given["kwh"],
        "gas_m3": given["gas_m3"],
        "scrap_kg": given["scrapped_material_kg"],
    }
    found = carbon(used, factors)
    assert float(found.scope2_location) == near(case, expected["scope2"])
    assert float(found.scope1) == near(case, expected["scope1"])
    assert found.per_good(given["good"]) == near(case, expected["kg_per_good"])
    assert float(found.embodied) == near(case, expected["scrap_embodied"])
    assert found.scope2_market is None
    assert found.per_good(given["good"], "market") is None


def test_samples_are_weighted_by_time() -> None:
    case = CASES["TIME-WEIGHT"]
    given, expected = case["inputs"], case["expected"]
    samples = [Sample(t * S, kw) for t, kw in zip(given["t_s"], given["kw"], strict=True)]
    end = given["t_s"][-1] * S
    step, line = integrate(samples, 0, end, "step"), integrate(samples, 0, end, "trapezoid")
    assert float(step.kwh) == near(case, expected["kwh_step"])
    assert float(line.kwh) == near(case, expected["kwh_trapezoid"])
    assert step.mean_kw == near(case, expected["mean_kw_step"])
    assert step.mean_kw != near(case, expected["wrong_sample_mean_kw"])
    assert line.mean_kw != near(case, expected["wrong_sample_mean_kw"])
