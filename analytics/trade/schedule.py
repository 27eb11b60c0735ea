"""Whether what was planned was made: attainment, adherence, and the sequence.

What it is: sums over the items of a plan that add over plans; the ratios are taken last.
What it is not: a plan. Which item, how much and in which order is given.

>>> week = schedule([Planned(10, 12), Planned(10, 6)])
>>> week.attainment, week.adherence
(0.9, 0.8)
>>> sequence(["a", "b", "c"], ["a", "c", "b"]).adherence
0.3333333333333333
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from analytics.trade.distribution import quotient


class Planned(NamedTuple):
    """An item of a plan: units planned and made in its period."""

    plan: int
    actual: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Sums over items: units planned, units made, and those made that were planned."""

    planned: int = 0
    actual: int = 0
    kept: int = 0

    def __add__(self, other: Schedule) -> Schedule:
        return Schedule(self.planned + other.planned, self.actual + other.actual, self.kept + other.kept)

    @property
    def attainment(self) -> float | None:
        """Σ actual / Σ plan; more of one item makes up for less of another."""
        return quotient(self.actual, self.planned)

    @property
    def adherence(self) -> float | None:
        """Σ min(actual, plan) / Σ plan; it does not, so it is at most 1 and at most the attainment."""
        return quotient(self.kept, self.planned)


def schedule(items: Iterable[Planned]) -> Schedule:
    """The sums over ``items``; what was made unplanned is an item with a plan of 0.

    Raises:
        ValueError: a quantity is negative.
    """
    total = Schedule()
    for plan, actual in items:
        if plan < 0 or actual < 0:
            raise ValueError("a quantity is negative")
        total += Schedule(plan, actual, min(plan, actual))
    return total


@dataclass(frozen=True, slots=True)
class Sequenced:
    """Jobs planned, and those of them that ran in their place; they add over plans."""

    jobs: int = 0
    in_place: int = 0

    def __add__(self, other: Sequenced) -> Sequenced:
        return Sequenced(self.jobs + other.jobs, self.in_place + other.in_place)

    @property
    def adherence(self) -> float | None:
        """Jobs in their planned place / jobs planned."""
        return quotient(self.in_place, self.jobs)


def sequence(planned: Sequence[str], actual: Sequence[str]) -> Sequenced:
    """How many jobs of a plan ran in the place that it gave them: the first as the first, and so on.

    Args:
        planned: names of jobs in the order of the plan.
        actual: names of jobs in the order in which they ran; a job that never ran is not in its place.
    """
    return Sequenced(len(planned), sum(wanted == ran for wanted, ran in zip(planned, actual, strict=False)))
