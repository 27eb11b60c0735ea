"""What it really cost: the simulator's own books of money and energy, machine by machine.

What it is: cumulative sums since the start, kept from what the kernel did and not from what was published. ``qilu
verify`` compares them with what the analytics found out.
What it is not: read by anything downstream, and not shared code: the analytics have their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from contract import Tariff
from simulator.catalogue import StepModel
from simulator.kernel import MachineTruth
from simulator.machine import Doing
from simulator.plant import HOUR_NS, MINUTE_NS, SECOND_NS, Site, ideal_cycle_ns, operators_of
from simulator.speak import STATES

_WH_PER_KWH: Final = 1000
_LINES: Final = ("material", "scrap_recovery", "energy", "labour", "depreciation")


class EnergyBook:
    """Energy by tariff band; each step of the meter goes to the band in which it began.

    Readings must not be further apart than a minute, and never straddle a full one: bands change at full minutes.
    """

    def __init__(self, tariff: Tariff) -> None:
        self._tariff = tariff
        self._wh: Counter[str] = Counter()

    def add(self, from_ns: int, wh: int) -> None:
        """Book what the meter counted from a time to its next reading."""
        self._wh[band_at(self._tariff, from_ns)] += wh

    @property
    def energy_wh(self) -> int:
        """All energy."""
        return sum(self._wh.values())

    @property
    def money(self) -> Fraction:
        """What it cost."""
        bands = self._tariff.bands
        return sum((wh * _exact(bands[code].price_per_kwh) / _WH_PER_KWH for code, wh in self._wh.items()), Fraction(0))


def band_at(tariff: Tariff, t_ns: int) -> str:
    """The code of the band in force at a time."""
    minute = t_ns // MINUTE_NS
    month, hour = _local(tariff.timezone, minute - minute % 15)  # no zone is off by less than a quarter of an hour
    return tariff.hours[month - 1][hour]


@lru_cache(maxsize=1024)
def _local(timezone: str, minute: int) -> tuple[int, int]:
    local = datetime.fromtimestamp(minute * MINUTE_NS // SECOND_NS, UTC).astimezone(ZoneInfo(timezone))
    return local.month, local.hour


def machine_truth(site: Site, step: StepModel, done: MachineTruth, energy: EnergyBook) -> dict[str, Any]:
    """One machine's line of the ledger: everything since the start."""
    paid_h = Fraction(sum(done.doing_ns), HOUR_NS)
    produced = done.good + done.scrap + done.rework
    ideal_ns = ideal_cycle_ns(step)
    return {
        "state_ns": _state_ns(done),
        "good": done.good,
        "scrap": done.scrap,
        "rework": done.rework,
        "ideal_total_ns": produced * ideal_ns,
        "ideal_good_ns": done.good * ideal_ns,
        "failures": done.failures,
        "energy_wh": energy.energy_wh,
        "money": _written(
            material=produced * _exact(step.material_per_unit),
            scrap_recovery=-done.scrap * _exact(step.scrap_credit_per_unit),
            energy=energy.money,
            labour=_exact(operators_of(step)) * _exact(site.wage_per_h) * paid_h,
            depreciation=_exact(step.depreciation_per_h) * paid_h,
        ),
        "remaining_life_h": max(0, done.remaining_life_ns) / HOUR_NS,
    }


def meter_truth(energy: EnergyBook) -> dict[str, Any]:
    """The auxiliary meter's line of the ledger: energy alone."""
    counts = ("good", "scrap", "rework", "ideal_total_ns", "ideal_good_ns", "failures")
    return {
        "state_ns": {},
        **dict.fromkeys(counts, 0),
        "energy_wh": energy.energy_wh,
        "money": _written(energy=energy.money),
        "remaining_life_h": None,
    }


def _exact(price: float) -> Fraction:
    """A price is the decimal that was written."""
    return Fraction(repr(price))


def _written(**lines: Fraction) -> dict[str, str]:
    """Money as exact fractions in text: the ledger is cumulative, and a short stretch is a small difference of it."""
    return {line: str(lines.get(line, Fraction(0))) for line in _LINES}


def _state_ns(done: MachineTruth) -> Mapping[str, int]:
    """``State/reason`` -> ns, the words of the contract; only what was."""
    named = {doing: f"{STATES[doing].state}/{STATES[doing].reason}" for doing in Doing}
    return {named[doing]: done.doing_ns[doing] for doing in Doing if done.doing_ns[doing]}
