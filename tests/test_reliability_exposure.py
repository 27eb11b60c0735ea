"""Exposure, MTBF and MTTR, chi-square bounds, availability: worked cases, laws, and oracles."""

from __future__ import annotations

import math
from functools import reduce
from itertools import permutations
from operator import add

import numpy as np
import pytest
from analytics_cases import CASES, minutes, near
from analytics_plant import HOUR, MIN
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analytics.reliability import (
    Bounds,
    Exposure,
    availability_bounds,
    corrective_maintenance_ratio,
    inherent_availability,
    mtbf_bounds_ns,
    mtbf_ns,
    mttr_ns,
    pooled,
)

COUNT = st.integers(0, 10**18)
EXPOSURES = st.builds(Exposure, COUNT, st.integers(0, 1000), COUNT, COUNT)
SEEN = st.builds(Exposure, st.integers(1, 10**18), st.integers(1, 500), st.integers(1, 10**18))
CONFIDENCE = st.floats(0.01, 0.99)


def test_nist_mtbf_with_bounds() -> None:
    case = CASES["NIST-MTBF"]
    given_, expected = case["inputs"], case["expected"]
    seen = Exposure(operating_ns=given_["T"] * HOUR, failures=given_["r"])
    mtbf, bounds = mtbf_ns(seen), mtbf_bounds_ns(seen, given_["conf"])
    assert mtbf / HOUR == near(case, expected["mtbf"])
    assert bounds.lower / HOUR == near(case, expected["lower"])
    assert bounds.upper / HOUR == near(case, expected["upper"])
    assert bounds.lower / mtbf == near(case, expected["factor_lower"])
    assert bounds.upper / mtbf == near(case, expected["factor_upper"])


def test_mtbf_mttr_and_availability_of_rel_oee() -> None:
    case = CASES["REL-OEE"]
    a, b = case["inputs"]
    for name, uptime, failures, repair in (
        ("a", a["uptime"], a["failures"], a["repair"]),
        ("b", b["uptime"], len(b["repair_times"]), sum(b["repair_times"])),
    ):
        seen, expected = Exposure(uptime * HOUR, failures, repair * HOUR), case["expected"][name]
        assert mtbf_ns(seen) / HOUR == near(case, expected["mtbf"])
        assert mttr_ns(seen) / HOUR == near(case, expected["mttr"])
        assert inherent_availability(seen) == near(case, expected["availability"])


def test_maintenance_of_iso34_one_shift() -> None:
    case = CASES["ISO34-ONE-SHIFT"]
    given_, expected = case["inputs"]["maintenance"], case["expected"]
    assert given_["CMT"] == sum(given_["TTR"])  # corrective maintenance is all the time to restore
    seen = Exposure(
        minutes(sum(given_["TBF"])),
        given_["FE"],
        minutes(sum(given_["TTR"])),
        minutes(given_["PMT"]),
    )
    assert mtbf_ns(seen) / MIN == near(case, expected["k31_mtbf_classic"])
    assert mtbf_ns(seen, "plus_one") / MIN == near(case, expected["k31_mtbf_fe_plus_1"])
    assert mttr_ns(seen) / MIN == near(case, expected["k33_mttr"])
    assert mttr_ns(seen, "plus_one") / MIN == near(case, sum(given_["TTR"]) / 4)
    assert corrective_maintenance_ratio(seen) == near(case, expected["k34_corrective_maintenance_ratio"])


def test_nothing_seen_is_not_defined() -> None:
    none, idle = Exposure(), Exposure(operating_ns=HOUR)
    assert mtbf_ns(none) is mttr_ns(none) is mtbf_ns(idle) is inherent_availability(idle) is None
    assert corrective_maintenance_ratio(idle) is None
    assert mtbf_bounds_ns(none) == availability_bounds(idle) == Bounds(None, None)
    assert mtbf_bounds_ns(Exposure(failures=2)) == Bounds(None, None)  # failures without operation say nothing
    assert availability_bounds(Exposure(HOUR, 2)) == Bounds(None, None)
    assert mtbf_ns(idle, "plus_one") == HOUR


def test_fe_plus_one_of_several_machines_adds_one_for_each() -> None:
    seen = Exposure(operating_ns=100, failures=3)
    assert mtbf_ns(seen, "plus_one") == 25
    assert mtbf_ns(seen, "plus_one", histories=2) == 20
    assert mtbf_ns(seen, histories=2) == 100 / 3


@pytest.mark.parametrize("confidence", [0.6, 0.9, 0.95])
def test_without_a_failure_there_is_a_lower_bound_alone(confidence: float) -> None:
    seen = Exposure(operating_ns=1000 * HOUR)
    expected = 1000 / -math.log(1 - confidence)
    for sides in ("two", "lower"):
        found = mtbf_bounds_ns(seen, confidence, sides=sides)
        assert found.lower / HOUR == pytest.approx(expected, rel=1e-12)
        assert found.upper is None
    assert mtbf_bounds_ns(seen, confidence, sides="upper") == Bounds(None, None)
    assert mtbf_bounds_ns(seen, confidence, terminated="failure") == Bounds(None, None)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Exposure(operating_ns=-1),
        lambda: mtbf_ns(Exposure(), "per_year"),
        lambda: mttr_ns(Exposure(), histories=0),
        lambda: mtbf_bounds_ns(Exposure(), 1.0),
        lambda: mtbf_bounds_ns(Exposure(), math.nan),
        lambda: mtbf_bounds_ns(Exposure(), terminated="never"),
        lambda: availability_bounds(Exposure(), sides="left"),
    ],
)
def test_wrong_arguments_are_named(call) -> None:
    with pytest.raises(ValueError, match=r"negative|variant|histories|confidence|terminated|sides"):
        call()


@given(st.lists(EXPOSURES, max_size=4))
def test_exposure_is_a_commutative_monoid(parts: list[Exposure]) -> None:
    whole = pooled(parts)
    assert all(reduce(add, order, Exposure()) == whole for order in permutations(parts))
    assert pooled([pooled(parts[:2]), pooled(parts[2:])]) == whole
    assert whole + Exposure() == whole


@given(SEEN, CONFIDENCE)
def test_chi_square_bounds_are_those_of_scipy(seen: Exposure, confidence: float) -> None:
    twice, r, alpha = 2 * seen.operating_ns, seen.failures, 1 - confidence
    lower, upper = twice / stats.chi2.ppf(1 - alpha / 2, 2 * r + 2), twice / stats.chi2.ppf(alpha / 2, 2 * r)
    found = mtbf_bounds_ns(seen, confidence)
    assert (found.lower, found.upper) == (pytest.approx(lower, rel=1e-9), pytest.approx(upper, rel=1e-9))
    ended = mtbf_bounds_ns(seen, confidence, terminated="failure")
    assert ended.lower == pytest.approx(twice / stats.chi2.ppf(1 - alpha / 2, 2 * r), rel=1e-9)
    assert ended.upper == found.upper
    one = mtbf_bounds_ns(seen, confidence, sides="lower")
    assert one.lower == pytest.approx(twice / stats.chi2.ppf(confidence, 2 * r + 2), rel=1e-9)
    assert one.upper is None
    other = mtbf_bounds_ns(seen, confidence, sides="upper")
    assert other.upper == pytest.approx(twice / stats.chi2.ppf(alpha, 2 * r), rel=1e-9)
    assert other.lower is None


@given(SEEN, st.floats(0.5, 0.99), st.integers(2, 1000))
def test_bounds_enclose_the_value_and_scale_with_time(seen: Exposure, confidence: float, times: int) -> None:
    found = mtbf_bounds_ns(seen, confidence)
    assert found.lower < mtbf_ns(seen) < found.upper
    longer = Exposure(seen.operating_ns * times, seen.failures, seen.repair_ns * times)
    scaled = mtbf_bounds_ns(longer, confidence)
    assert scaled.lower == pytest.approx(found.lower * times, rel=1e-12)
    assert scaled.upper == pytest.approx(found.upper * times, rel=1e-12)
    # The same ratio of times is the same availability.
    before, after = availability_bounds(seen, confidence), availability_bounds(longer, confidence)
    assert (after.lower, after.upper) == (pytest.approx(before.lower), pytest.approx(before.upper))


@given(SEEN, st.floats(0.5, 0.95), st.sampled_from(["time", "failure"]))
def test_more_confidence_is_wider(seen: Exposure, confidence: float, terminated: str) -> None:
    narrow = mtbf_bounds_ns(seen, confidence, terminated=terminated)
    wide = mtbf_bounds_ns(seen, confidence + 0.04, terminated=terminated)
    assert wide.lower < narrow.lower < narrow.upper < wide.upper


@given(SEEN)
def test_availability_is_mtbf_over_mtbf_and_mttr(seen: Exposure) -> None:
    up, down = mtbf_ns(seen), mttr_ns(seen)
    assert inherent_availability(seen) == pytest.approx(up / (up + down), rel=1e-12)
    found = availability_bounds(seen)
    ulp = 2**-52  # the bounds are rounded, and so is the value
    assert 0 <= found.lower <= inherent_availability(seen) + ulp
    assert inherent_availability(seen) - ulp <= found.upper <= 1


@given(SEEN, CONFIDENCE)
def test_availability_bounds_are_quantiles_of_f(seen: Exposure, confidence: float) -> None:
    r, alpha, down_per_up = seen.failures, 1 - confidence, seen.repair_ns / seen.operating_ns
    upper = 1 / (1 + down_per_up * stats.f.ppf(alpha / 2, 2 * r, 2 * r))
    for terminated, most in (("time", r + 1), ("failure", r)):
        worst = down_per_up * most / r * stats.f.ppf(1 - alpha / 2, 2 * most, 2 * r)
        found = availability_bounds(seen, confidence, terminated=terminated)
        assert found.lower == pytest.approx(1 / (1 + worst), rel=1e-6)
        assert found.upper == pytest.approx(upper, rel=1e-6)
    alone = availability_bounds(seen, 1 - alpha / 2, sides="lower")  # a one-sided bound takes the whole risk
    assert alone.upper is None
    assert alone.lower == pytest.approx(availability_bounds(seen, confidence).lower, rel=1e-9)


def _covered(bounds: list[Bounds], truth: float) -> float:
    return sum(b.lower <= truth <= b.upper for b in bounds) / len(bounds)


def test_bounds_hold_the_truth_as_often_as_they_say() -> None:
    """Exponential lives and repairs with known means; four standard errors of 2000 trials are 2.7 %."""
    draws = np.random.default_rng(20261122)
    up, down, trials, r = 100 * HOUR, 4 * HOUR, 2000, 6
    ended = [
        Exposure(int(draws.exponential(up, r).sum()), r, int(draws.exponential(down, r).sum())) for _ in range(trials)
    ]
    means = [mtbf_bounds_ns(seen, 0.9, terminated="failure") for seen in ended]
    assert _covered(means, up) == pytest.approx(0.9, abs=0.027)
    ratios = [availability_bounds(seen, 0.9, terminated="failure") for seen in ended]
    assert _covered(ratios, up / (up + down)) == pytest.approx(0.9, abs=0.027)


def test_time_terminated_bounds_are_on_the_safe_side() -> None:
    draws = np.random.default_rng(22112026)
    up, down, trials = 100 * HOUR, 4 * HOUR, 2000
    seen = [
        Exposure(600 * HOUR, r, int(draws.exponential(down, r).sum())) for r in draws.poisson(6, trials).tolist() if r
    ]
    assert _covered([mtbf_bounds_ns(s, 0.9) for s in seen], up) > 0.9 - 0.027
    assert _covered([availability_bounds(s, 0.9) for s in seen], up / (up + down)) > 0.9 - 0.027
