"""The loss waterfall: the published case, and that it always adds up."""

from __future__ import annotations

from fractions import Fraction

import pytest
from analytics_cases import CASES, minutes, near
from analytics_plant import MIN
from hypothesis import given
from hypothesis import strategies as st

from analytics.elements import Elements
from analytics.kpi import kpis, ratio
from analytics.waterfall import LEVELS, SIX, waterfall

TIMES = st.integers(0, 10**13)


def test_the_published_case() -> None:
    case = CASES["WATERFALL-VORNE"]
    given_, expected = case["inputs"], case["expected"]
    cycle = Fraction(1, given_["ideal_rate"])
    made, good = given_["total_count"], given_["total_count"] - given_["reject_count"]
    run = given_["planned_production_time"] - given_["downtime"]
    unplanned = given_["all_time"] - given_["planned_production_time"] - given_["planned_downtime"]
    e = Elements(
        apt_ns=minutes(run),
        adet_ns=minutes(given_["downtime"] - given_["setup_time"]),
        aust_ns=minutes(given_["setup_time"]),
        pdot_ns=minutes(given_["planned_downtime"]),
        off_ns=minutes(unplanned),
        gq=good,
        sq=made - good,
        pri_pq_ns=round(cycle * made * MIN),
        pri_gq_ns=round(cycle * good * MIN),
    )
    fall = waterfall(e, startup_ns=round(cycle * given_["startup_rejects"] * MIN))
    lost = {loss.name: loss.time_ns / MIN for loss in fall.losses}
    assert lost["breakdowns"] == near(case, expected["breakdowns"])
    assert lost["setup_and_adjustments"] == near(case, expected["setup_and_adjustments"])
    assert lost["minor_stops"] + lost["reduced_speed"] == near(case, expected["minor_stops_and_reduced_speed"])
    assert lost["process_defects"] == near(case, expected["process_defects"])
    assert lost["reduced_yield"] == near(case, expected["reduced_yield"])
    assert fall.levels["net_run_time"] / MIN == near(case, expected["net_run_time"])
    assert fall.levels["fully_productive_time"] / MIN == near(case, expected["fully_productive_time"])
    assert ratio(fall.levels["run_time"], fall.levels["operating_time"]) == near(case, expected["ooe_availability"])
    assert ratio(fall.levels["planned_production_time"], fall.levels["all_time"]) == near(case, expected["utilization"])
    found = kpis(e)
    for name in ("oee", "ooe", "teep"):
        assert found[name] == near(case, expected[name]), name


@st.composite
def machines(draw: st.DrawFn) -> Elements:
    """Any elements that can be."""
    minor, made, planned = draw(TIMES), draw(TIMES), draw(TIMES)
    times = {name: draw(TIMES) for name in ("adot_ns", "aust_ns", "apt_ns", "off_ns", "unknown_ns")}
    good = draw(st.integers(0, made))
    return Elements(
        **times, adet_ns=minor + draw(TIMES), minor_ns=minor, pdot_ns=planned, pri_pq_ns=made, pri_gq_ns=good
    )


@given(machines(), machines())
def test_it_adds_up_and_adds(one: Elements, other: Elements) -> None:
    fall = waterfall(one)
    assert fall.levels["all_time"] - sum(loss.time_ns for loss in fall.losses) == one.pri_gq_ns
    assert fall.levels["all_time"] == one.calendar_ns
    assert fall.levels["operating_time"] == one.pot_ns
    assert fall.levels["planned_production_time"] == one.pbt_ns
    assert fall.levels["fully_productive_time"] == one.pri_gq_ns
    assert [loss.name for loss in fall.losses] == [name for names in LEVELS.values() for name in names]
    assert {loss.name for loss in fall.losses if loss.big} == set(SIX)
    both, second = waterfall(one + other), waterfall(other)
    assert both.levels == {name: fall.levels[name] + second.levels[name] for name in LEVELS}
    oee = kpis(one)["oee"]
    assert oee == ratio(fall.levels["fully_productive_time"], fall.levels["planned_production_time"])


def test_more_rejects_at_the_start_than_rejects() -> None:
    with pytest.raises(ValueError, match="rejects at the start took 2 ns, all rejects 1 ns"):
        waterfall(Elements(pri_pq_ns=2, pri_gq_ns=1), startup_ns=2)
