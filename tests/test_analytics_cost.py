"""Money: lines add to the total, machines to the line, in any order, exactly."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from analytics_plant import ECONOMICS, HOUR, PATH, TARIFF
from hypothesis import given
from hypothesis import strategies as st
from test_analytics_elements import elements

from analytics.cost import Costs, add_costs, costs, exact, to_float
from analytics.elements import Elements, total
from analytics.rollup import Machine, line_oee, roll_up, rty
from contract import Economics, Production

PRICE = st.floats(0, 1e6, allow_nan=False).map(lambda price: round(price, 6))


@st.composite
def economics(draw: st.DrawFn) -> Economics:
    return Economics(
        currency="CNY",
        operators=draw(PRICE),
        wage_per_h=draw(PRICE),
        depreciation_per_h=draw(PRICE),
        material_per_unit=draw(PRICE),
        scrap_credit_per_unit=draw(PRICE),
        tariff=draw(st.none() | st.just(TARIFF)),
    )


@given(elements(), economics())
def test_the_lines_add_up_to_the_total(made: Elements, prices: Economics) -> None:
    found = costs(made, prices)
    assert found.total == found.material + found.scrap_recovery + found.energy + found.labour + found.depreciation
    assert found.scrap_recovery <= 0


@given(st.lists(elements(), min_size=1, max_size=6), economics())
def test_the_money_of_the_sum_is_the_sum_of_the_money(parts: list[Elements], prices: Economics) -> None:
    assert costs(total(parts), prices) == add_costs(costs(part, prices) for part in parts)


@given(st.lists(st.tuples(elements(), economics()), min_size=1, max_size=6), st.integers(0, 1000))
def test_the_money_of_a_line_does_not_depend_on_the_order(parts: list[tuple[Elements, Economics]], seed: int) -> None:
    machines = [Machine((*PATH[:4], f"m-{n}"), e, costs(e, p)) for n, (e, p) in enumerate(parts)]
    other = machines[:]
    Random(seed).shuffle(other)
    assert roll_up(machines) == roll_up(other)
    *own, line, site = roll_up(machines)
    assert line.costs is not None
    assert line.costs.total == sum(part.costs.total for part in own if part.costs is not None)
    assert site.costs == line.costs


def test_a_price_means_the_decimal_that_was_written() -> None:
    assert exact(0.1) * 3 == Fraction(3, 10)
    assert exact(1e-7) == Fraction(1, 10**7)


def test_without_a_tariff_energy_is_not_charged() -> None:
    made = Elements(energy=(("", 5000),))
    assert costs(made, Economics(currency="CNY")).total == 0


def test_labour_and_depreciation_are_paid_for_planned_stops_too() -> None:
    found = costs(Elements(pdot_ns=HOUR, apt_ns=HOUR, unknown_ns=HOUR), ECONOMICS)
    assert (found.labour, found.depreciation) == (45, 55)


def test_two_currencies_have_no_sum_and_unknown_prices_are_no_zero() -> None:
    assert add_costs([]) is None
    assert add_costs([None, None]) is None
    assert add_costs([Costs("CNY"), Costs("EUR")]) is None
    assert add_costs([Costs("CNY", material=Fraction(2)), None]) == Costs("CNY", material=Fraction(2))


def test_there_is_no_unit_cost_without_units() -> None:
    assert Costs("CNY", material=Fraction(10)).unit_cost(0) is None
    assert Costs("CNY", material=Fraction(10)).unit_cost(4) == 2.5


def test_money_beyond_all_floats_is_left_out() -> None:
    assert to_float(exact(1e308) * 10**6) is None


# Roll-up


def made_at(position: int, ideal_ns: int, name: str, made: Elements) -> Machine:
    production = Production(step=f"s{position}", position=position, ideal_cycle_ns=ideal_ns)
    return Machine((*PATH[:4], name), made, production=production)


def test_the_constraint_is_a_step_with_its_parallel_machines_taken_together() -> None:
    line = [
        made_at(1, 10, "press", Elements(apt_ns=1000, gq=90)),
        *(made_at(2, 36, f"mould-{n}", Elements(apt_ns=900, adet_ns=60 * n, gq=30)) for n in (1, 2, 3)),
        made_at(3, 11, "pack", Elements(apt_ns=1000, gq=80, rq=1)),
    ]
    # Three moulds at 36 ns make a unit every 12 ns; their mean PBT is 1020.
    assert line_oee(line) == pytest.approx(80 * 12 / 1020, rel=1e-12)
    figures = {figure.path[-1]: figure for figure in roll_up(line)}
    assert (figures["line-1"].good, figures["line-1"].sellable) == (80, 81)
    assert (figures["plant-1"].good, figures["plant-1"].sellable) == (80, 81)
    assert (figures["mould-2"].good, figures["mould-2"].sellable) == (30, 30)
    assert figures["line-1"].line_oee == line_oee(line)
    assert figures["plant-1"].line_oee is None


def test_a_line_without_operations_or_planned_time_has_no_serial_oee() -> None:
    assert line_oee([Machine(PATH, Elements(apt_ns=5))]) is None
    assert line_oee([made_at(1, 10, "press", Elements(pdot_ns=50))]) is None


def test_the_sites_auxiliary_meter_adds_energy_and_money_and_no_units() -> None:
    press = made_at(1, 10, "press", Elements(apt_ns=100, gq=4, energy=(("f", 1000),)))
    aux = Elements(energy=(("f", 9000),))
    meter = Machine(("acme", "plant-1", "utilities", "power", "aux-1"), aux, costs(aux, ECONOMICS))
    site = roll_up([press, meter])[-1]
    assert (site.elements.energy_wh, site.sellable) == (10_000, 4)
    assert site.unit_cost == pytest.approx(6.3 / 4)


def test_rolled_throughput_yield() -> None:
    assert rty([(9, 10), (8, 10)]) == pytest.approx(0.72)
    assert rty([(9, 10), (0, 0)]) is None
    assert rty([]) is None
