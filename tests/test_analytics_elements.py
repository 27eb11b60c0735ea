"""Elements add; the identities of ISO 22400-2 hold for every value there can be."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.elements import BY_REASON, BY_STATE, Elements, by_band, element_of, total
from analytics.kpi import KPIS, PROFILES, as_vorne, kpis
from contract import PackMLState, Reason

NS = st.integers(0, 10**15)
COUNT = st.integers(0, 10**6)
ENERGY = st.dictionaries(st.sampled_from("pfv"), st.integers(0, 10**9)).map(lambda bands: by_band(bands.items()))


@st.composite
def elements(draw: st.DrawFn) -> Elements:
    times = {name: draw(NS) for name in ("pdot_ns", "adot_ns", "aust_ns", "apt_ns", "off_ns", "unknown_ns")}
    minor, ttr = draw(NS), draw(NS)
    counts = {name: draw(COUNT) for name in ("gq", "sq", "rq", "failures")}
    good, other = draw(NS), draw(NS)
    return Elements(
        **times,
        **counts,
        adet_ns=minor + ttr,
        minor_ns=minor,
        pri_gq_ns=good,
        pri_pq_ns=good + other,
        energy=draw(ENERGY),
    )


@given(elements(), elements(), elements())
def test_elements_are_a_commutative_monoid(a: Elements, b: Elements, c: Elements) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + Elements() == a == Elements() + a
    assert total([a, b, c]) == total([c, a, b])
    assert hash(a + b) == hash(b + a)


def test_every_field_takes_part_in_the_sum() -> None:
    one = Elements(**{f.name: (("p", 1),) if f.name == "energy" else 1 for f in fields(Elements)})
    assert one + one == Elements(**{f.name: (("p", 2),) if f.name == "energy" else 2 for f in fields(Elements)})


@given(elements())
def test_time_and_quantity_identities(e: Elements) -> None:
    assert e.pot_ns == e.pbt_ns + e.pdot_ns  # I1
    assert e.pbt_ns == e.aubt_ns + e.adot_ns  # I2
    assert e.aubt_ns == e.aupt_ns + e.adet_ns  # I3
    assert e.aupt_ns == e.apt_ns + e.aust_ns  # I4
    assert e.pq == e.gq + e.sq + e.rq  # I5
    assert e.energy_wh == sum(wh for _, wh in e.energy)


@given(elements())
def test_kpi_identities(e: Elements) -> None:
    exact = {
        "a": Fraction(e.apt_ns, e.pbt_ns or 1),
        "e": Fraction(e.pri_pq_ns, e.apt_ns or 1),
        "q": Fraction(e.pri_gq_ns, e.pri_pq_ns or 1),
    }
    found = kpis(e)
    if e.apt_ns and e.pri_pq_ns:
        assert found["oee"] == float(exact["a"] * exact["e"] * exact["q"])  # I6, to the last bit
        assert found["availability"] == pytest.approx(
            found["allocation_efficiency"] * found["utilization_efficiency"], rel=1e-9
        )  # I7
        assert found["oee"] == pytest.approx(found["nee"] * float(1 - Fraction(e.aust_ns, e.aupt_ns)), rel=1e-9)  # I8
        assert found["teep"] <= found["ooe"] <= found["oee"] <= found["nee"]  # I11
    if e.pq:
        assert e.gq / e.pq + found["scrap_ratio"] + found["rework_ratio"] == pytest.approx(1)  # I9


@given(elements())
def test_oee_is_the_same_whatever_a_minor_stop_is_called(e: Elements) -> None:
    assert kpis(e, "vorne")["oee"] == kpis(e, "iso22400")["oee"]
    assert as_vorne(e).pbt_ns == e.pbt_ns
    assert set(PROFILES) == {"iso22400", "vorne"}


def test_what_is_undefined_is_none_and_never_zero() -> None:
    nothing = kpis(Elements())
    assert set(nothing) == set(KPIS)
    assert all(value is None for value in nothing.values())


def test_a_machine_that_was_down_all_the_time_has_no_effectiveness_but_an_oee_of_zero() -> None:
    down = kpis(Elements(adet_ns=480))
    assert (down["availability"], down["oee"]) == (0.0, 0.0)
    assert (down["effectiveness"], down["quality_ratio"], down["nee"]) == (None, None, None)


def test_effectiveness_above_one_is_kept_as_it_is() -> None:
    assert kpis(Elements(apt_ns=10, pri_pq_ns=12, pri_gq_ns=12))["effectiveness"] == 1.2


def test_every_reason_and_state_has_its_element() -> None:
    assert set(BY_REASON) == set(Reason)
    assert set(BY_STATE) == set(PackMLState)
    names = {f.name for f in fields(Elements)}
    assert {*BY_REASON.values(), *BY_STATE.values()} <= names
    assert element_of("Stopped", "setup") == "aust_ns"
    assert element_of("Stopped", "planned_stop") == "pdot_ns"
    assert element_of("Idle", "tea") == "adot_ns"
    assert element_of("Dancing", "tea") == "adet_ns"
