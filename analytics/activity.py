"""What a stretch of time cost, by what the money was spent on: the activity view.

What it is: the money of ``analytics/cost.py`` once more, divided by activity. The parts add up to the same total, to
the last bit, so that nobody adds a changeover or poor quality to the ledger a second time.
What it is not: other money, and not what might have been earned: a lost contribution is no cost.

How it is divided. What is paid by time (labour, depreciation) goes to the parts of the planned busy time in proportion:
Σ PRI·GQ to what is worth it, Σ PRI·(SQ+RQ) to poor quality, APT - Σ PRI·PQ to slow running (below zero where a machine
is faster than planned), AUST to changeovers, ADET to delay, ADOT to waiting. Breaks and planned stops are paid for the
sake of the rest and have no part; without busy time all of it is the planned stop's. Material goes by units: scrapped
units, less what they bring back, are poor quality, and so is what mending costs. Energy goes by the state in which it
was used; that of running is divided as the running time. Demand follows energy.

Sources: time-driven activity-based costing (Kaplan and Anderson, 2004); internal failure costs of the prevention,
appraisal and failure model (BS 6143-2).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Final

from analytics.cost import Costs
from analytics.elements import Elements

_ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class EnergyUse:
    """What the energy cost that was used in each kind of state; ``+`` adds.

    Attributes:
        running: while producing, and while nothing is known of the machine but its meter.
        setup: while setting up.
        idle: in every other state.
    """

    running: Fraction = _ZERO
    setup: Fraction = _ZERO
    idle: Fraction = _ZERO

    def __add__(self, other: EnergyUse) -> EnergyUse:
        return EnergyUse(self.running + other.running, self.setup + other.setup, self.idle + other.idle)

    @property
    def total(self) -> Fraction:
        """All of it."""
        return self.running + self.setup + self.idle


@dataclass(frozen=True, slots=True)
class Activities:
    """The same money by activity; ``+`` adds them.

    Attributes:
        value: making what is good.
        poor_quality: making what is scrapped or mended, and mending it: the internal failure costs.
        speed_loss: running slower than planned; below zero for running faster.
        changeover: setting up.
        delay: breakdowns and minor stops, as far as people and machine stand still.
        waiting: no order, no material, no room.
        planned: planned stops where there is no other time.
        maintenance: repair and upkeep.
        holding: keeping stock.
        late: penalties for late delivery, an external failure cost.
    """

    value: Fraction = _ZERO
    poor_quality: Fraction = _ZERO
    speed_loss: Fraction = _ZERO
    changeover: Fraction = _ZERO
    delay: Fraction = _ZERO
    waiting: Fraction = _ZERO
    planned: Fraction = _ZERO
    maintenance: Fraction = _ZERO
    holding: Fraction = _ZERO
    late: Fraction = _ZERO

    def __add__(self, other: Activities) -> Activities:
        return Activities(*(getattr(self, name) + getattr(other, name) for name in ACTIVITIES))

    @property
    def total(self) -> Fraction:
        """All of it, which is what was spent."""
        return sum((getattr(self, name) for name in ACTIVITIES), _ZERO)

    @property
    def copq(self) -> Fraction:
        """Cost of poor quality as far as the plant knows it: internal failures and late delivery."""
        return self.poor_quality + self.late


ACTIVITIES: Final = tuple(field.name for field in fields(Activities))
"""The names of the activities."""


def activities(elements: Elements, costs: Costs, energy: EnergyUse | None = None) -> Activities:
    """The money of ``costs`` by activity.

    Args:
        elements: the time and quantities that the money was spent in.
        costs: the money by nature.
        energy: how much of ``costs.energy`` was used in which state; None: all of it running.

    Raises:
        ValueError: ``energy`` is not ``costs.energy``.
        AssertionError: the parts are not the whole, which would be our mistake.
    """
    used = EnergyUse(costs.energy) if energy is None else energy
    if used.total != costs.energy:
        raise ValueError(f"energy by state is {float(used.total)}, of {float(costs.energy)} in all")
    demand = EnergyUse(
        costs.demand - _share(costs.demand, used.setup + used.idle, costs.energy),
        _share(costs.demand, used.setup, costs.energy),
        _share(costs.demand, used.idle, costs.energy),
    )
    powered = used + demand
    bad_energy = _share(powered.running, elements.pri_pq_ns - elements.pri_gq_ns, elements.pri_pq_ns)
    scrap = _share(costs.material, elements.sq, elements.pq)
    found = Activities(
        value=costs.material - scrap + powered.running - bad_energy + costs.tooling,
        poor_quality=scrap + costs.scrap_recovery + bad_energy + costs.rework,
        changeover=powered.setup,
        waiting=powered.idle,
        maintenance=costs.maintenance,
        holding=costs.holding,
        late=costs.late,
    )
    result = _time_parts(elements, costs.labour + costs.depreciation) + found
    assert result.total == costs.total, f"{result.total - costs.total} of {costs.currency} has no activity"
    return result


def _time_parts(e: Elements, pool: Fraction) -> Activities:
    """What is paid by time, by what the time was used for."""
    if not e.pbt_ns:
        return Activities(planned=pool)
    rate = pool / e.pbt_ns
    return Activities(
        value=rate * e.pri_gq_ns,
        poor_quality=rate * (e.pri_pq_ns - e.pri_gq_ns),
        speed_loss=rate * (e.apt_ns - e.pri_pq_ns),
        changeover=rate * e.aust_ns,
        delay=rate * e.adet_ns,
        waiting=rate * e.adot_ns,
    )


def _share(amount: Fraction, part: int | Fraction, whole: int | Fraction) -> Fraction:
    """The part of an amount; nothing where there is no whole."""
    return amount * part / whole if whole else _ZERO
