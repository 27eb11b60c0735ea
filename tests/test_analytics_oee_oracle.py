"""The package ``oee`` on the same machines: where it is right ours agree, and where it is not ours differ as they must.

It caps performance at 100 %, also before it adds machines up, and has no answer for a machine that made nothing; both
are shown. Its minor stops are slow running, so it is compared with the profile ``vorne``.
"""

from __future__ import annotations

import oee as package
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.elements import Elements, total
from analytics.kpi import kpis
from analytics.waterfall import waterfall

MIN = 60 * 10**9
CLOSE = {"rel": 1e-9, "abs": 1e-12}


@st.composite
def machines(draw: st.DrawFn, *, slowest: int = 1, fastest: int = 1000) -> Elements:
    """A machine with one product, whose planned run time is so many thousandths of what Vorne calls its run time."""
    apt, setup, stops, minor = (draw(st.integers(1, 400)) * MIN for _ in range(4))
    made = draw(st.integers(1, 5000))
    cycle = (apt + minor) * draw(st.integers(slowest, fastest)) // 1000 // made
    good = draw(st.integers(0, made))
    return Elements(
        apt_ns=apt,
        aust_ns=setup,
        adet_ns=stops + minor,
        minor_ns=minor,
        pdot_ns=draw(st.integers(0, 100)) * MIN,
        off_ns=draw(st.integers(0, 900)) * MIN,
        gq=good,
        sq=made - good,
        pri_pq_ns=cycle * made,
        pri_gq_ns=cycle * good,
    )


def theirs(e: Elements, startup: int = 0) -> package.OEEResult:
    return package.oee(
        planned_production_time=e.pbt_ns,
        downtime=e.ttr_ns + e.aust_ns + e.adot_ns,
        ideal_cycle_time=e.pri_pq_ns / e.pq,
        total_count=e.pq,
        good_count=e.gq,
        all_time=e.calendar_ns,
        planned_downtime=e.pdot_ns,
        setup_time=e.aust_ns,
        startup_rejects=startup,
    )


@given(machines(), st.data())
def test_one_machine(e: Elements, data: st.DataObject) -> None:
    startup = data.draw(st.integers(0, e.sq))
    found, oracle = kpis(e, "vorne"), theirs(e, startup)
    assert found["availability"] == pytest.approx(oracle.availability, **CLOSE)
    assert found["effectiveness"] == pytest.approx(oracle.performance, **CLOSE)
    assert found["quality_ratio"] == pytest.approx(oracle.quality, **CLOSE)
    for name in ("oee", "ooe", "teep"):
        assert found[name] == pytest.approx(getattr(oracle, name), **CLOSE)
    fall = waterfall(e, startup_ns=startup * (e.pri_pq_ns // e.pq))
    lost = {loss.name: loss.time_ns for loss in fall.losses}
    lost["minor_stops_and_reduced_speed"] = lost.pop("minor_stops") + lost.pop("reduced_speed")
    assert oracle.six_losses is not None
    for name, time_ns in oracle.six_losses.items():
        assert lost[name] == pytest.approx(time_ns, rel=1e-9, abs=1e-3), name


@given(st.lists(machines(), min_size=1, max_size=5))
def test_many_machines(found: list[Elements]) -> None:
    ours, oracle = kpis(total(found), "vorne"), package.aggregate([theirs(e) for e in found])
    names = {"availability": "availability", "effectiveness": "performance", "quality_ratio": "quality", "oee": "oee"}
    for name, other in names.items():
        assert ours[name] == pytest.approx(getattr(oracle, other), **CLOSE)


@given(machines(slowest=1100, fastest=3000))
def test_who_is_faster_than_planned_is_not_cut_off(e: Elements) -> None:
    found, oracle = kpis(e, "vorne"), theirs(e)
    assert oracle.performance == 1.0
    assert found["effectiveness"] == pytest.approx(oracle.performance_raw, **CLOSE)
    assert found["oee"] == pytest.approx(oracle.oee * oracle.performance_raw, **CLOSE)


def test_who_made_nothing_has_an_oee_of_nought() -> None:
    e = Elements(adet_ns=60 * MIN)
    assert kpis(e)["oee"] == 0.0
    assert kpis(e)["quality_ratio"] is None
    with pytest.raises(ValueError, match="total_count must be positive"):
        package.oee(planned_production_time=60, downtime=60, ideal_cycle_time=1, total_count=0, good_count=0)
