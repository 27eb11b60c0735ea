"""The worked cases of ``golden/kpi_cases.yaml`` for process control, and the examples that NIST prints for charts."""

from __future__ import annotations

import math

import pytest
from analytics_cases import CASES, near

from analytics.quality import (
    NELSON,
    WESTERN_ELECTRIC,
    Baseline,
    Cusum,
    CusumDesign,
    Rule,
    Sample,
    Spec,
    c_center,
    c_chart,
    capability,
    cusum_chart,
    ewma_chart,
    indices,
    individuals_baseline,
    individuals_chart,
    p_center,
    p_chart,
    p_limits,
    run_rules,
)

# NIST/SEMATECH e-Handbook of Statistical Methods: data and printed results of 6.3.2.3, 6.3.2.4, 6.3.3.1 and 6.3.3.2.
CUSUM_X = [
    *(324.925, 324.675, 324.725, 324.350, 325.350, 325.225, 324.125, 324.525, 325.225, 324.600),
    *(324.625, 325.150, 328.325, 327.250, 327.825, 328.500, 326.675, 327.775, 326.875, 328.350),
]
CUSUM_HIGH = [0, 0, 0, 0, 0.03, 0, 0, 0, 0, 0, 0, 0, 3.01, 4.94, 7.45, 10.63, 11.99, 14.44, 16.00, 19.04]
CUSUM_LOW = [0, 0.01, 0, 0.33, 0, 0, 0.56, 0.72, 0.17, 0.25, 0.31, 0, 0, 0, 0, 0, 0, 0, 0, 0]
EWMA_X = [
    *(52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5),
    *(49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1),
]
EWMA_Z = [
    *(50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33),
    *(50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99),
]
WAFER_DEFECTS = [16, 14, 28, 16, 12, 20, 10, 12, 10, 17, 19, 17, 14, 16, 15, 13, 14, 16, 11, 20, 11, 19, 16, 31, 13]
WAFER_SHARES = [
    *(0.24, 0.30, 0.16, 0.20, 0.08, 0.14, 0.32, 0.18, 0.28, 0.20, 0.10, 0.12, 0.34, 0.24, 0.44),
    *(0.16, 0.20, 0.10, 0.26, 0.22, 0.40, 0.36, 0.48, 0.30, 0.18, 0.24, 0.14, 0.26, 0.18, 0.12),
]


def test_nist_cpk() -> None:
    case = CASES["NIST-CPK"]
    given, expected = case["inputs"], case["expected"]
    found = indices(given["mean"], given["s"], Spec(given["LSL"], given["USL"]))
    assert found.potential == near(case, expected["cp"])
    assert found.critical == near(case, expected["cpk"])
    assert found.upper == near(case, expected["cpu"])
    assert found.lower == near(case, expected["cpl"])
    assert found.off_center == near(case, expected["k"])
    assert found.nonconforming is not None
    assert found.nonconforming * 1e6 == near(case, expected["ppm_normal"])


def test_iso34_machine_and_process_capability() -> None:
    case = CASES["ISO34-ONE-SHIFT"]
    given, expected = case["inputs"]["quality"], case["expected"]
    spec = Spec(given["LSL"], given["USL"])
    machine = indices(given["xbar"], given["s"], spec)
    process = indices(given["xbarbar"], given["sigma_hat"], spec)
    assert machine.potential == near(case, expected["k19_cm"])
    assert machine.critical == near(case, expected["k20_cmk"])
    assert process.potential == near(case, expected["k21_cp"])
    assert process.critical == near(case, expected["k22_cpk"])


def test_nist_individuals() -> None:
    case = CASES["NIST-IMR"]
    x, expected = case["inputs"]["x"], case["expected"]
    baseline = individuals_baseline(x)
    limits = baseline.mean_limits()
    assert limits.center == near(case, expected["center"])
    assert limits.upper == near(case, expected["ucl"])
    assert limits.lower == near(case, expected["lcl"])
    assert baseline.range_limits().center == near(case, expected["mr_bar"])
    assert baseline.range_limits().upper == near(case, expected["mr_ucl_3_267"])
    run = Sample.individuals(x)
    assert run.sigma_within == near(case, expected["s_within"])
    assert run.sigma_overall == near(case, expected["s_overall"])
    assert run.sigma_overall != near(case, 1.8674)  # printed elsewhere for these values; it is wrong
    for chart in individuals_chart(x, baseline):
        assert [point for points in chart.fired().values() for point in points] == expected["signals"]
        assert chart.in_control is True


def one_pass(values: list[float]) -> float:
    n = len(values)
    return math.sqrt((sum(x * x for x in values) - sum(values) ** 2 / n) / (n - 1))


def test_nist_strd_mavro() -> None:
    case = CASES["NIST-STRD-MAVRO"]
    x, expected = case["inputs"]["x"], case["expected"]
    for sample in (Sample.subgroup(x), Sample.individuals(x), Sample.subgroup(x[:7]) + Sample.subgroup(x[7:])):
        assert sample.mean == near(case, expected["mean"])
        assert sample.sigma_overall == near(case, expected["sd"])
    error = abs(Sample.subgroup(x).sigma_overall - expected["sd"])
    assert error < 1e-16 < 1e-13 < abs(one_pass(x) - expected["sd"])  # digits are lost, as the case says


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_nelson(number: int) -> None:
    case = CASES[f"NELSON-{number}"]
    signals = run_rules(case["inputs"]["z"], 0.0, 1.0, NELSON)
    rule = Rule(f"nelson_{number}")
    assert [i for i, fired in enumerate(signals, 1) if rule in fired] == case["expected"]["fires"][number]
    assert set().union(*signals) == {rule}


def test_weco_4() -> None:
    case = CASES["WECO-4"]
    signals = run_rules(case["inputs"]["z"], 0.0, 1.0, WESTERN_ELECTRIC | NELSON)
    assert [i for i, fired in enumerate(signals, 1) if Rule.WECO_4 in fired] == case["expected"]["weco"]
    assert [i for i, fired in enumerate(signals, 1) if Rule.NELSON_2 in fired] == case["expected"]["nelson2"]


def test_every_process_control_case_is_here() -> None:
    here = {"NIST-CPK", "NIST-IMR", "NIST-STRD-MAVRO", "NELSON-1", "NELSON-2", "NELSON-3", "NELSON-5", "WECO-4"}
    assert {name for name, case in CASES.items() if case["area"] == "spc"} == here
    assert not any(key.startswith("wrong_") for name in here for key in CASES[name]["expected"])


def test_nist_cusum() -> None:
    design = CusumDesign(target=325.0, allowance=0.3175, decision=4.1959)
    state = Cusum(design)
    points = [state.update(x) for x in CUSUM_X]
    assert [point.high for point in points] == pytest.approx(CUSUM_HIGH, abs=0.0051)
    assert [point.low for point in points] == pytest.approx(CUSUM_LOW, abs=0.0051)
    high, low = cusum_chart(CUSUM_X, design)
    assert high.fired() == {Rule.ABOVE_UPPER: tuple(range(14, 21))}
    assert low.in_control is True


@pytest.mark.parametrize("asymptotic", [True, False])
def test_nist_ewma(asymptotic: bool) -> None:
    chart = ewma_chart(EWMA_X, Baseline(50.0, 2.0539), weight=0.3, asymptotic=asymptotic)
    assert chart.points == pytest.approx(EWMA_Z, abs=0.0051)
    assert chart.in_control is True
    last = chart.limits[-1]
    assert last.upper == pytest.approx(52.5884, abs=0.001)  # NIST rounds the factor to 0.4201
    assert last.lower == pytest.approx(47.4115, abs=0.001)
    first = chart.limits[0]
    assert first == last if asymptotic else first.upper == pytest.approx(50 + 3 * 0.3 * 2.0539)


def test_nist_c_chart() -> None:
    center = c_center(WAFER_DEFECTS)
    chart = c_chart(WAFER_DEFECTS, center)
    assert center == 16.0
    assert (chart.limits[0].lower, chart.limits[0].upper) == (4.0, 28.0)
    assert chart.fired() == {Rule.NELSON_1: (24,)}  # 28 is on the limit, 31 beyond it


def test_nist_p_chart() -> None:
    bad, sizes = [round(share * 50) for share in WAFER_SHARES], [50] * 30
    center = p_center(bad, sizes)
    assert center == pytest.approx(0.2313, abs=5e-5)
    limits = p_limits(center, 50)
    assert limits.lower == pytest.approx(0.0524, abs=5e-5)
    assert limits.upper == pytest.approx(0.4102, abs=5e-5)
    assert p_chart(bad, sizes, center).fired()[Rule.NELSON_1] == (15, 23)


def test_cp_and_pp_of_the_nist_values_use_different_spreads() -> None:
    found = capability(Sample.individuals(CASES["NIST-IMR"]["inputs"]["x"]), Spec(40.0, 60.0))
    assert found.cp == pytest.approx(20 / 6 / 1.664697, rel=1e-3)
    assert found.pp == pytest.approx(20 / 6 / 2.033852, rel=1e-6)
