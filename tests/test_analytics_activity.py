"""The activity view: the same money to the last bit, whatever it was spent on."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import msgspec
import pytest
from analytics_plant import ECONOMICS, HOUR, T0, plant
from hypothesis import given
from hypothesis import strategies as st

from analytics.activity import ACTIVITIES, Activities, EnergyUse, activities
from analytics.compute import evaluate, merged
from analytics.cost import LINES, Costs
from analytics.elements import Elements

TIMES = st.integers(0, 10**13)
MONEY = st.fractions(0, 10**6)


@st.composite
def machines(draw: st.DrawFn) -> Elements:
    """Elements with times, lots and planned run times that need not fit together."""
    made = draw(TIMES)
    times = {name: draw(TIMES) for name in ("adot_ns", "adet_ns", "aust_ns", "apt_ns", "pdot_ns")}
    units = {name: draw(st.integers(0, 1000)) for name in ("gq", "sq", "rq")}
    return Elements(**times, **units, pri_pq_ns=made, pri_gq_ns=draw(st.integers(0, made)))


@given(machines(), st.fixed_dictionaries(dict.fromkeys(LINES, MONEY)), st.tuples(MONEY, MONEY, MONEY))
def test_the_parts_are_the_money_spent(
    e: Elements, money: dict[str, Fraction], used: tuple[Fraction, Fraction, Fraction]
) -> None:
    energy = EnergyUse(*used)
    costs = Costs("CNY", **(money | {"energy": energy.total, "scrap_recovery": -money["scrap_recovery"]}))
    found = activities(e, costs, energy)
    assert found.total == costs.total
    assert found.copq == found.poor_quality + costs.late
    assert activities(e, replace(costs, energy=costs.energy)).total == costs.total


@given(machines(), MONEY)
def test_time_that_is_not_used_is_not_paid_by_what_is_made(e: Elements, money: Fraction) -> None:
    found = activities(e, Costs("CNY", labour=money))
    if e.pbt_ns:
        assert found.waiting == money * e.adot_ns / e.pbt_ns
        assert found.planned == 0
    else:
        assert found == Activities(planned=money)


def test_who_is_faster_than_planned_has_a_loss_below_zero() -> None:
    e = Elements(apt_ns=80, gq=10, pri_pq_ns=100, pri_gq_ns=100)
    found = activities(e, Costs("CNY", labour=Fraction(80)))
    assert (found.value, found.speed_loss) == (100, -20)


def test_activities_add() -> None:
    one, two = Activities(value=Fraction(1), late=Fraction(2)), Activities(value=Fraction(3), waiting=Fraction(4))
    assert one + two == Activities(value=Fraction(4), waiting=Fraction(4), late=Fraction(2))
    assert (one + two).total == 10
    assert set(ACTIVITIES) == set(Activities.__dataclass_fields__)


def test_energy_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ValueError, match=r"energy by state is 1\.0, of 2\.0 in all"):
        activities(Elements(), Costs("CNY", energy=Fraction(2)), EnergyUse(Fraction(1)))


def test_energy_is_divided_by_the_state_in_which_it_was_used() -> None:
    events = dict(plant(3.0))
    (path,) = [path for path in events if path[-1] == "m-0"]
    later = msgspec.structs.replace(ECONOMICS, tariff=None)
    cheaper = [*events[path].births, events[path].births[0]._replace(t=T0 + HOUR, economics=later)]
    events[path] = replace(events[path], births=cheaper)  # from the second hour on it is not charged
    bounds = [T0, T0 + HOUR // 3, T0 + HOUR, T0 + 3 * HOUR]
    with_uses, without = evaluate(events, bounds, uses=True), evaluate(events, bounds)
    for window, plain in zip(with_uses.windows, without.windows, strict=True):
        for machine, other in zip(window, plain, strict=True):
            assert machine.energy is not None
            assert machine.costs is not None
            assert machine.energy.total == machine.costs.energy
            assert replace(machine, energy=None) == other
            if machine.production is not None and machine.costs.energy:
                assert min(machine.energy.running, machine.energy.idle) > 0
            if machine.production is None:
                assert machine.energy == EnergyUse(machine.costs.energy)  # a meter has no states
            found = activities(machine.elements, machine.costs, machine.energy)
            assert found.total == machine.costs.total
    assert merged(with_uses.windows)[0].energy == sum((w[0].energy for w in with_uses.windows), EnergyUse())
