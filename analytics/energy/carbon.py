"""Carbon by scope: what was burnt and bought, times factors that say where they come from.

What it is: kilograms of CO2 equivalent as exact sums that add over machines and time: scope 1 (burnt here), scope 2 by
location and by market (electricity bought), and what is embodied in scrapped material; per good unit last.
What it is not: one total of everything. Location-based and market-based figures are two views of the same electricity
and are never added; embodied carbon (scope 3) stands apart.

Source: GHG Protocol, Corporate Standard and Scope 2 Guidance. Factors are configuration, each with its source and year.
The grid factors here are examples of such; they change every year.

>>> factors = [grid_factor("CN", 2023), Factor("gas_m3", "m3", "scope1", 2.16, "placeholder", 2024)]
>>> shift = carbon({"electricity_kwh": 300, "gas_m3": 20}, factors)
>>> float(shift.scope2_location), float(shift.scope1), shift.per_good(570)
(159.18, 43.2, 0.35505263157894734)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Final, Literal

from analytics.cost import exact, fraction, to_float

Scope = Literal["scope1", "scope2_location", "scope2_market", "embodied"]
SCOPES: Final[tuple[Scope, ...]] = ("scope1", "scope2_location", "scope2_market", "embodied")
Method = Literal["location", "market"]
ELECTRICITY: Final = "electricity_kwh"
_ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class Factor:
    """An emission factor.

    Attributes:
        medium: what is used: electricity, a fuel, a material.
        unit: in which its amount is given.
        scope: where the emission counts.
        kg_per_unit: kg CO2e per unit.
        source: who published it.
        year: which year it describes.

    Raises:
        ValueError: no such scope, no source, or a factor that is not finite and not negative.
    """

    medium: str
    unit: str
    scope: Scope
    kg_per_unit: float
    source: str
    year: int

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise ValueError(f"{self.medium}: no scope {self.scope!r}: one of {', '.join(SCOPES)}")
        if not self.source:
            raise ValueError(f"{self.medium}: a factor names its source")
        if not 0 <= self.kg_per_unit < inf:
            raise ValueError(f"{self.medium}: factor {self.kg_per_unit} is not a number of 0 or more")


_MEE: Final = "MEE and NBS of China, average factors of electricity, as reported in January 2026"
GRID: Final[Mapping[tuple[str, int], float]] = {
    ("CN", 2022): 0.5366,
    ("CN", 2023): 0.5306,
    ("CN-north", 2023): 0.6361,
    ("CN-northeast", 2023): 0.5122,
    ("CN-east", 2023): 0.5500,
    ("CN-central", 2023): 0.5271,
    ("CN-northwest", 2023): 0.5543,
}
"""(grid, year) -> kg CO2 per kWh, national and regional averages."""


def grid_factor(grid: str, year: int) -> Factor:
    """The location-based factor of electricity from a grid of ``GRID``.

    Raises:
        ValueError: the table does not have it.
    """
    if (grid, year) not in GRID:
        raise ValueError(f"no factor of the grid {grid!r} for {year}")
    return Factor(ELECTRICITY, "kWh", "scope2_location", GRID[grid, year], _MEE, year)


@dataclass(frozen=True, slots=True)
class Carbon:
    """kg CO2e by scope; they add.

    Attributes:
        scope1: burnt or released here.
        scope2_location: electricity, by the average of the grid.
        scope2_market: electricity, by what was contracted; None where a part of it has no such factor.
        embodied: in material that was scrapped.
        unfactored: media that were used and that no factor covers; with any, figures per unit are undefined.
    """

    scope1: Fraction = _ZERO
    scope2_location: Fraction = _ZERO
    scope2_market: Fraction | None = _ZERO
    embodied: Fraction = _ZERO
    unfactored: frozenset[str] = frozenset()

    def __add__(self, other: Carbon) -> Carbon:
        ours, theirs = self.scope2_market, other.scope2_market
        return Carbon(
            self.scope1 + other.scope1,
            self.scope2_location + other.scope2_location,
            None if ours is None or theirs is None else ours + theirs,
            self.embodied + other.embodied,
            self.unfactored | other.unfactored,
        )

    def total(self, method: Method = "location") -> Fraction | None:
        """Scopes 1 and 2 by one method, without what is embodied; None where a factor is missing.

        Raises:
            ValueError: no such method.
        """
        if method not in ("location", "market"):
            raise ValueError(f"no method {method!r}: location or market")
        bought = self.scope2_location if method == "location" else self.scope2_market
        return None if self.unfactored or bought is None else self.scope1 + bought

    def per_good(self, good: int, method: Method = "location") -> float | None:
        """Kg CO2e of scopes 1 and 2 per good unit; None without good units or where a factor is missing.

        Raises:
            ValueError: no such method.
        """
        total = self.total(method)
        return to_float(total / good) if total is not None and good else None


def carbon(amounts: Mapping[str, int | float | Fraction], factors: Iterable[Factor]) -> Carbon:
    """The carbon of what was used.

    Args:
        amounts: medium -> amount in the unit of its factors; electricity is ``electricity_kwh``, in kWh.
        factors: at most one for each medium and scope. A medium with a location-based factor alone has no market-based
            figure, and the other way round it counts as not covered.

    Raises:
        ValueError: two factors for one medium and scope, or an amount that is negative or not finite.
    """
    table: dict[str, dict[Scope, Factor]] = {}
    for factor in factors:
        scopes = table.setdefault(factor.medium, {})
        if factor.scope in scopes:
            raise ValueError(f"two factors for {factor.medium} in {factor.scope}")
        scopes[factor.scope] = factor
    total = Carbon()
    for medium, given in amounts.items():
        amount = fraction(given)
        if amount < 0:
            raise ValueError(f"{medium}: amount {given} is negative")
        if amount:
            total += _of(medium, amount, table.get(medium, {}))
    return total


def _of(medium: str, amount: Fraction, factors: Mapping[Scope, Factor]) -> Carbon:
    bought = "scope2_location" in factors or "scope2_market" in factors
    if not factors or (bought and "scope2_location" not in factors):
        return Carbon(unfactored=frozenset({medium}))
    kg = {scope: amount * exact(factor.kg_per_unit) for scope, factor in factors.items()}
    return Carbon(
        kg.get("scope1", _ZERO),
        kg.get("scope2_location", _ZERO),
        kg.get("scope2_market") if bought else _ZERO,
        kg.get("embodied", _ZERO),
    )
