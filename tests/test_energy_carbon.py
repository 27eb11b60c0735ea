"""Carbon by scope: two views of electricity that are never added, and nothing without a factor."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.energy import Carbon, Factor, carbon, grid_factor

GRID = grid_factor("CN-north", 2023)
GREEN = Factor("electricity_kwh", "kWh", "scope2_market", 0.01, "contract with the utility", 2023)
GAS = Factor("gas_m3", "m3", "scope1", 2.16, "placeholder", 2024)
STEEL = Factor("scrap_kg", "kg", "embodied", 1.8, "placeholder", 2024)
ALL = (GRID, GREEN, GAS, STEEL)
MEDIA = st.sampled_from(["electricity_kwh", "gas_m3", "scrap_kg", "oil_l"])
USED = st.dictionaries(MEDIA, st.fractions(0, 1000) | st.integers(0, 1000))
SOME = st.sets(st.sampled_from(ALL))


@given(one=USED, two=USED, factors=SOME)
def test_carbon_adds(one: dict[str, Fraction], two: dict[str, Fraction], factors: set[Factor]) -> None:
    a, b = carbon(one, factors), carbon(two, factors)
    both = {medium: one.get(medium, 0) + two.get(medium, 0) for medium in {*one, *two}}
    assert a + b == b + a == carbon(both, factors)
    assert a + Carbon() == a


def test_location_and_market_are_two_views() -> None:
    found = carbon({"electricity_kwh": 1000, "gas_m3": 10}, ALL)
    assert (found.scope1, found.scope2_location, found.scope2_market) == (
        Fraction(216, 10),
        Fraction(6361, 10),
        10,
    )
    assert found.total() == Fraction(6577, 10)
    assert found.total("market") == Fraction(316, 10)
    assert found.per_good(100) == 6.577
    assert found.per_good(100, "market") == 0.316
    assert found.per_good(0) is None


def test_a_site_without_a_contract_has_no_market_figure_and_spoils_the_sum() -> None:
    bare, green = carbon({"electricity_kwh": 5}, [GRID]), carbon({"electricity_kwh": 5}, [GRID, GREEN])
    assert bare.total("market") is None
    assert (bare + green).total("market") is None
    assert (bare + green).total() == 10 * Fraction("0.6361")
    assert carbon({"gas_m3": 5}, [GAS]).total("market") == Fraction("10.8")


def test_what_has_no_factor_is_not_free() -> None:
    found = carbon({"oil_l": 3, "gas_m3": 10}, ALL)
    assert found.unfactored == {"oil_l"}
    assert (found.scope1, found.total(), found.per_good(5)) == (Fraction(216, 10), None, None)
    assert carbon({"oil_l": 0}, ALL) == Carbon()
    assert carbon({"electricity_kwh": 1}, [GREEN]).unfactored == {"electricity_kwh"}


def test_scrap_is_shown_apart() -> None:
    found = carbon({"scrap_kg": 9}, ALL)
    assert (found.embodied, found.total(), found.per_good(1)) == (Fraction(162, 10), 0, 0)


def test_factors_say_where_they_come_from() -> None:
    assert GRID.source
    assert (GRID.year, GRID.kg_per_unit, grid_factor("CN", 2022).kg_per_unit) == (2023, 0.6361, 0.5366)


def test_wrong_arguments_are_named() -> None:
    wrong = {
        "no scope 'scope9'": lambda: Factor("x", "kg", "scope9", 1, "s", 2024),  # type: ignore[arg-type]
        "names its source": lambda: Factor("x", "kg", "scope1", 1, "", 2024),
        "0 or more": lambda: Factor("x", "kg", "scope1", -1, "s", 2024),
        "nan": lambda: Factor("x", "kg", "scope1", float("nan"), "s", 2024),
        "no factor of the grid 'CN' for 1999": lambda: grid_factor("CN", 1999),
        "two factors for gas_m3 in scope1": lambda: carbon({}, [GAS, GAS]),
        "gas_m3: amount -1 is negative": lambda: carbon({"gas_m3": -1}, ALL),
        "no method 'both'": lambda: Carbon().total("both"),  # type: ignore[arg-type]
    }
    for message, call in wrong.items():
        with pytest.raises(ValueError, match=message):
            call()
