"""All 34 KPIs of ISO 22400-2: the worked shift, the identities of the standard, and the algebra under them."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest
from analytics_cases import CASES, minutes, near, shift
from hypothesis import given
from hypothesis import strategies as st

from analytics.basis import Basis, Capability, equivalent, whole
from analytics.cost import HOUR_NS
from analytics.elements import Elements
from analytics.kpi import KPIS, PROFILES, YEAR_NS, kpis

CASE = CASES["ISO34-ONE-SHIFT"]
COUNTS = st.integers(0, 10**6)
TIMES = st.integers(0, 10**13)


def worked_shift() -> Basis:
    """The inputs of the worked shift."""
    given_ = CASE["inputs"]
    order, quality, kept = given_["order"], given_["quality"], given_["maintenance"]
    process, media = given_["process"], given_["energy"]["media"]
    wide, off = quality["USL"] - quality["LSL"], min(quality["USL"] - quality["xbar"], quality["xbar"] - quality["LSL"])
    return Basis(
        machine=shift(),
        apwt_ns=minutes(given_["APWT"]),
        apat_ns=minutes(given_["APAT"]),
        aoet_ns=minutes(sum(order["AUBT"]) + order["AQT"] + order["ATT"]),
        order_aubt_ns=minutes(sum(order["AUBT"])),
        order_apt_ns=minutes(sum(order["APT"])),
        order_pq=order["PQ"],
        first_pq=order["PQ_first_operation"],
        psq=given_["PSQ"],
        gp=given_["GP"],
        ip=given_["IP"],
        epc=given_["EPC"],
        energy_equivalent=equivalent(
            {medium["name"]: medium["amount"] for medium in media},
            {medium["name"]: Fraction(str(medium["R"])) for medium in media},
            Fraction(given_["energy"]["Q_exchange"]),
        ),
        throughput=given_["inventory"]["throughput"],
        stock_ns=given_["inventory"]["avg_inventory"] * YEAR_NS,
        cm=process["CM"],
        finished=process["GQ"],
        igq=process["IGQ"],
        pl=process["PL"],
        stl=process["STL"],
        ol=process["OL"],
        ttf_ns=minutes(sum(kept["TBF"][: kept["FE"]])),  # the last run has not ended
        runs=kept["FE"],
        capability=Capability(
            wide / (6 * quality["s"]),
            off / (3 * quality["s"]),
            wide / (6 * quality["sigma_hat"]),
            off / (3 * quality["sigma_hat"]),
        ),
    )


ELSEWHERE = {31, 32, 33, 34}  # in hours, and of their own inputs: below


@pytest.mark.parametrize(
    "kpi", [kpi for kpi in KPIS.values() if kpi.id and kpi.id not in ELSEWHERE], ids=lambda k: k.name
)
def test_the_worked_shift(kpi: Any) -> None:
    (key,) = (key for key in CASE["expected"] if key.startswith(f"k{kpi.id:02}_"))
    value = kpi.of(worked_shift())
    assert (value / 60 if kpi.unit == "1/h" else value) == near(CASE, CASE["expected"][key])


def test_the_worked_maintenance() -> None:
    kept, expected = CASE["inputs"]["maintenance"], CASE["expected"]
    machine = Elements(
        apt_ns=minutes(sum(kept["TBF"])),
        adet_ns=minutes(sum(kept["TTR"])),
        pdot_ns=minutes(kept["PMT"]),
        pmt_ns=minutes(kept["PMT"]),
        failures=kept["FE"],
    )
    found = kpis(replace(worked_shift(), machine=machine))
    assert found["mtbf_h"] * 60 == near(CASE, expected["k31_mtbf_classic"])
    assert found["mttf_h"] * 60 == near(CASE, expected["k32_mttf_mean_of_completed_runs"])
    assert found["mttr_h"] * 60 == near(CASE, expected["k33_mttr"])
    assert found["corrective_maintenance_ratio"] == near(CASE, expected["k34_corrective_maintenance_ratio"])
    assert sum(kept["TTR"]) == kept["CMT"]  # which is why CMT is the time to restore here


def test_the_table_has_all_34_once_and_in_order() -> None:
    assert [kpi.id for kpi in KPIS.values() if kpi.id is not None] == list(range(1, 35))
    assert len({kpi.symbol for kpi in KPIS.values()}) == len(KPIS)
    for kpi in KPIS.values():
        assert kpi.better in {"higher", "lower"}
        assert set(kpi.timing) <= set("RDP")


def test_nothing_known_is_nothing_said() -> None:
    assert set(kpis(Basis()).values()) == {None}
    assert set(kpis(Elements(unknown_ns=HOUR_NS)).values()) - {0.0} == {None}  # TEEP of unknown time is 0


@st.composite
def shifts(draw: st.DrawFn) -> Elements:
    """Any elements whose planned run time fits into nothing in particular."""
    planned, minor, delay = draw(TIMES), draw(TIMES), draw(TIMES)
    made = draw(TIMES)
    return Elements(
        pdot_ns=planned,
        pmt_ns=draw(st.integers(0, planned)),
        adot_ns=draw(TIMES),
        adet_ns=minor + delay,
        minor_ns=minor,
        aust_ns=draw(TIMES),
        apt_ns=draw(TIMES),
        off_ns=draw(TIMES),
        unknown_ns=draw(TIMES),
        gq=draw(COUNTS),
        sq=draw(COUNTS),
        rq=draw(COUNTS),
        pri_pq_ns=made,
        pri_gq_ns=draw(st.integers(0, made)),
        failures=draw(COUNTS),
    )


@given(shifts())
def test_the_identities_of_the_standard(e: Elements) -> None:
    k = kpis(e)
    assert e.pot_ns == e.pbt_ns + e.pdot_ns  # I1
    assert e.pbt_ns == e.aubt_ns + e.adot_ns  # I2
    assert e.aubt_ns == e.aupt_ns + e.adet_ns  # I3
    assert e.aupt_ns == e.apt_ns + e.aust_ns  # I4
    assert e.pq == e.gq + e.sq + e.rq  # I5
    close = lambda value: pytest.approx(value, rel=1e-12)  # noqa: E731
    if k["availability"] and k["effectiveness"] is not None and k["quality_ratio"] is not None:
        assert k["oee"] == close(k["availability"] * k["effectiveness"] * k["quality_ratio"])  # I6
        assert k["oee"] == close(k["nee"] * (1 - k["setup_ratio"]))  # I8
    if k["allocation_efficiency"] and k["utilization_efficiency"] is not None:
        assert k["availability"] == close(k["allocation_efficiency"] * k["utilization_efficiency"])  # I7
    if e.pq:
        assert e.gq / e.pq + k["scrap_ratio"] + k["rework_ratio"] == close(1)  # I9
    if k["oee"] is not None and k["nee"] is not None:
        assert k["teep"] <= k["ooe"] <= k["oee"] <= k["nee"] * (1 + 1e-12)  # I11


@given(shifts(), st.integers(0, 10**12), st.sampled_from(["minor_ns", "adet_ns", "adot_ns", "aust_ns"]))
def test_oee_is_the_same_whatever_a_stop_is_called(e: Elements, time_ns: int, name: str) -> None:
    called = {"minor_ns": {"adet_ns": e.adet_ns + time_ns, "minor_ns": e.minor_ns + time_ns}}
    changed = replace(e, **called.get(name, {name: getattr(e, name) + time_ns}))
    plain = replace(e, adot_ns=e.adot_ns + time_ns)
    found = [kpis(one, profile)["oee"] for one in (changed, plain) for profile in PROFILES]
    assert len(set(found)) == 1


@given(
    st.lists(st.tuples(COUNTS, COUNTS, st.fractions(0, 10**6), st.none() | st.floats(0, 9)), max_size=6), st.randoms()
)
def test_what_adds_is_a_commutative_monoid(rows: list[tuple[int, int, Fraction, float | None]], draw: Any) -> None:
    parts = [
        Basis(Elements(gq=a), gp=a, ip=b, psq=c, capability=Capability(cpk=d) if d else None) for a, b, c, d in rows
    ]
    mixed = draw.sample(parts, len(parts))
    cut = len(parts) // 2
    assert whole(mixed) == whole(parts) == whole(parts[:cut]) + whole(parts[cut:])
    assert whole(parts) + Basis() == whole(parts)
    if any(part.capability for part in parts):
        assert kpis(whole(parts))["critical_process_capability"] == min(d for *_, d in rows if d)


@pytest.mark.parametrize("name", [field.name for field in fields(Basis) if field.name not in {"machine", "capability"}])
def test_every_quantity_is_of_use(name: str) -> None:
    """Each part of the basis moves some KPI: nothing is carried for nothing."""
    before = worked_shift()
    after = replace(before, **{name: 2 * getattr(before, name)})
    moved = [kpi.name for kpi in KPIS.values() if kpi.of(before) != kpi.of(after)]
    assert moved


def test_a_medium_without_a_rate_is_named() -> None:
    with pytest.raises(ValueError, match="no conversion rate for gas, steam"):
        equivalent({"steam": 1, "gas": 2, "electricity": 3}, {"electricity": 1})
