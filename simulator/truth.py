"""What it really cost: the simulator's own books of money and energy, machine by machine.

What it is: cumulative sums since the start, kept from what the kernel did and not from what was published. ``qilu
verify`` compares them with what the analytics found out.
What it is not: read by anything downstream, and not shared code: the analytics have their own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from contract import Tariff
from simulator.energy import HOUR_NS, SECOND_NS
from simulator.happenings import Doing
from simulator.kernel import MachineTruth

_WH_PER_KWH: Final = 1000
_LINES: Final = ("material", "scrap_recovery", "energy", "labour", "depreciation")
_QUARTER_S: Final = 900
_DAY_S: Final = 86_400


class Cuts(NamedTuple):
    """A stretch of time cut where another band comes into force.

    ``times_ns`` are the ends of the parts, the last that of the stretch; ``bands`` the numbers of their bands.
    """

    times_ns: NDArray[np.int64]
    bands: list[int]


class Bands:
    """When which band of a tariff is in force, and what it costs: made once, for all books under the tariff.

    Bands change at full hours of local time and when clocks are changed. Both fall on a quarter of an hour of UTC: all
    clocks of the world have kept to that since 1972.
    """

    def __init__(self, tariff: Tariff) -> None:
        self._zone = ZoneInfo(tariff.timezone)
        codes = tuple(tariff.bands)
        self._table = [[codes.index(code) for code in month] for month in tariff.hours]
        self.codes = codes
        prices = [_exact(tariff.bands[code].price_per_kwh) / _WH_PER_KWH for code in codes]
        self._below = lcm(*(price.denominator for price in prices))
        self._above = [int(price * self._below) for price in prices]
        self._days: dict[int, list[tuple[int, int]]] = {}

    def at(self, t_ns: int) -> int:
        """The number of the band in force at a time, in ``codes``."""
        return self._at_s(t_ns // SECOND_NS)

    def cuts(self, from_ns: int, until_ns: int) -> Cuts:
        """Cut a stretch of time at the changes of band within it."""
        times, bands = [], [self.at(from_ns)]
        for day in range(from_ns // SECOND_NS // _DAY_S, (until_ns - 1) // SECOND_NS // _DAY_S + 1):
            for t_ns, band in self._changes(day):
                if from_ns < t_ns < until_ns:
                    times.append(t_ns)
                    bands.append(band)
        return Cuts(np.array([*times, until_ns], np.int64), bands)

    def cost(self, wh: list[int]) -> Fraction:
        """What energies by band cost, exactly."""
        return Fraction(sum(n * price for n, price in zip(wh, self._above, strict=True)), self._below)

    def _changes(self, day: int) -> list[tuple[int, int]]:
        """Each time in a day of UTC at which another band begins, and the band."""
        if day not in self._days:
            start = day * _DAY_S
            band, changes = self._at_s(start - _QUARTER_S), []
            for second in range(start, start + _DAY_S, _QUARTER_S):
                before, band = band, self._at_s(second)
                if band != before:
                    changes.append((second * SECOND_NS, band))
            self._days[day] = changes
        return self._days[day]

    def _at_s(self, second: int) -> int:
        local = datetime.fromtimestamp(second, self._zone)
        return self._table[local.month - 1][local.hour]


class EnergyBook:
    """Energy by tariff band, of one meter.

    It needs the meter's readings at the cuts alone: what lies between two of them is in one band, and readings more
    often would add up to the same.
    """

    def __init__(self, bands: Bands) -> None:
        self._bands = bands
        self._wh = [0] * len(bands.codes)
        self._read = 0

    def book(self, cuts: Cuts, totals: NDArray[np.int64]) -> None:
        """Book the stretch after the last one, by the total energy in Wh at each of the cuts.

        Raises:
            ValueError: a total falls; a counter that was reset must be read by its total.
        """
        for band, total in zip(cuts.bands, totals.tolist(), strict=True):
            if total < self._read:
                raise ValueError(f"the total of a meter fell from {self._read} to {total}")
            self._wh[band] += total - self._read
            self._read = total

    @property
    def energy_wh(self) -> int:
        """All energy."""
        return self._read

    @property
    def by_band(self) -> dict[str, int]:
        """Wh by the code of the band."""
        return dict(zip(self._bands.codes, self._wh, strict=True))

    @property
    def money(self) -> Fraction:
        """What it cost."""
        return self._bands.cost(self._wh)

    def copy(self) -> EnergyBook:
        """An independent book in the same state."""
        twin = copy.copy(self)
        twin._wh = list(self._wh)
        return twin


def machine_truth(
    done: MachineTruth,
    *,
    names: Mapping[Doing, str],
    ideal_ns: int,
    material_per_unit: float,
    scrap_credit_per_unit: float,
    operators: float,
    wage_per_h: float,
    depreciation_per_h: float,
    energy: EnergyBook,
    media: Mapping[str, int],
) -> dict[str, Any]:
    """One machine's line of the ledger: everything since the start.

    Labour and depreciation are charged for the planned operation time, the POT of ``docs/kpis.md``: breaks and planned
    maintenance included, time outside the shifts not.

    Args:
        done: what the kernel knows.
        names: how each doing is told, ``State/reason``; several may be told alike.
        ideal_ns: planned running time per unit at this machine.
        material_per_unit: cost of what enters at this step, per unit produced.
        scrap_credit_per_unit: what a scrapped unit brings back.
        operators: how many people the machine ties up.
        wage_per_h: what an hour of one costs.
        depreciation_per_h: of the machine.
        energy: its book of electricity.
        media: the totals of its other counters, in their units.
    """
    paid_ns = sum(done.doing_ns) - done.doing_ns[Doing.OFF]
    produced = done.good + done.scrap + done.rework
    return {
        "state_ns": _state_ns(done.doing_ns, names),
        "good": done.good,
        "scrap": done.scrap,
        "rework": done.rework,
        "ideal_total_ns": produced * ideal_ns,
        "ideal_good_ns": done.good * ideal_ns,
        "failures": done.failures,
        "maintained": done.maintained,
        "energy_wh": energy.energy_wh,
        "media": dict(media),
        "money": _written(
            material=produced * _exact(material_per_unit),
            scrap_recovery=-done.scrap * _exact(scrap_credit_per_unit),
            energy=energy.money,
            labour=_over(paid_ns, _wages(operators, wage_per_h)),
            depreciation=_over(paid_ns, _exact(depreciation_per_h)),
        ),
        "remaining_life_h": max(0, done.remaining_life_ns) / HOUR_NS,
    }


def meter_truth(energy: EnergyBook) -> dict[str, Any]:
    """The auxiliary meter's line of the ledger: energy alone."""
    counts = ("good", "scrap", "rework", "ideal_total_ns", "ideal_good_ns", "failures", "maintained")
    return {
        "state_ns": {},
        **dict.fromkeys(counts, 0),
        "energy_wh": energy.energy_wh,
        "media": {},
        "money": _written(energy=energy.money),
        "remaining_life_h": None,
    }


@lru_cache(maxsize=4096)
def _exact(price: float) -> Fraction:
    """A price is the decimal that was written."""
    return Fraction(repr(price))


@lru_cache(maxsize=4096)
def _wages(operators: float, wage_per_h: float) -> Fraction:
    return _exact(operators) * _exact(wage_per_h)


def _over(ns: int, per_h: Fraction) -> Fraction:
    return Fraction(per_h.numerator * ns, per_h.denominator * HOUR_NS)


def _written(**lines: Fraction) -> dict[str, str]:
    """Money as exact fractions in text: the ledger is cumulative, and a short stretch is a small difference of it."""
    return {line: str(lines[line]) if line in lines else "0" for line in _LINES}


def _state_ns(doing_ns: list[int], names: Mapping[Doing, str]) -> dict[str, int]:
    """``State/reason`` -> ns, the words of the contract; only what was."""
    times: dict[str, int] = {}
    for doing, ns in zip(Doing, doing_ns, strict=True):
        if ns:
            name = names[doing]
            times[name] = times.get(name, 0) + ns
    return times
