"""Which causes take the most time, or come most often.

What it is: a Pareto of causes over integer losses that add; shares are taken last, from the sums.
What it is not: a judgement of what is worth repairing first (that is money), nor a list of losses of its own: whatever
has a cause, a time and a count can be ranked, breakdowns (``losses_of``) as well as all stops by reason.

Source: Juran's Quality Handbook, Pareto analysis. Equal causes are ordered by name, so the order in which losses came
does not matter.

>>> found = pareto([Loss("belt", 50, 1), Loss("jam", 30, 3), Loss("belt", 20, 1)])
>>> [(bar.cause, bar.time_ns, bar.cumulative) for bar in found.bars]
[('belt', 70, 0.7), ('jam', 30, 1.0)]
>>> found.vital_few(0.6)
('belt',)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

from analytics.kpi import Value, ratio
from analytics.reliability.runs import Repair

By = Literal["time", "count"]
"""What causes are ranked by."""

_BY: Final = ("time", "count")


@dataclass(frozen=True, slots=True)
class Loss:
    """Time lost to a cause, and how often; the cause is empty where none was said."""

    cause: str
    time_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One cause. ``share`` is its part of the whole, ``cumulative`` that of it and all before; None of nothing."""

    cause: str
    time_ns: int
    count: int
    share: Value
    cumulative: Value


@dataclass(frozen=True, slots=True)
class Pareto:
    """Causes, the greatest first.

    Attributes:
        by: what they are ranked by.
        bars: one for each cause.
        total: the whole, in ns or as a count.
    """

    by: By
    bars: tuple[Bar, ...]
    total: int

    def vital_few(self, share: float = 0.8) -> tuple[str, ...] | None:
        """The fewest causes that make up at least ``share`` of the whole; None where there is no loss.

        Raises:
            ValueError: ``share`` is not above 0 and at most 1.
        """
        if not 0 < share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, not {share}")
        found: list[str] = []
        for bar in self.bars:
            if bar.cumulative is None:
                return None
            found.append(bar.cause)
            if bar.cumulative >= share:
                return tuple(found)
        return None


def pareto(losses: Iterable[Loss], by: By = "time") -> Pareto:
    """Losses summed by cause and ranked; in any order, for the sums are integers.

    Raises:
        ValueError: a loss is negative, or ``by`` is unknown.
    """
    if by not in _BY:
        raise ValueError(f"by must be one of {_BY}, not {by!r}")
    sums: dict[str, tuple[int, int]] = {}
    for loss in losses:
        if loss.time_ns < 0 or loss.count < 0:
            raise ValueError(f"a loss is never negative: {loss}")
        time_ns, count = sums.get(loss.cause, (0, 0))
        sums[loss.cause] = time_ns + loss.time_ns, count + loss.count
    of = _BY.index(by)
    ranked = sorted(sums, key=lambda cause: (-sums[cause][of], cause))
    running = list(accumulate(sums[cause][of] for cause in ranked))
    total = running[-1] if running else 0
    bars = tuple(
        Bar(cause, *sums[cause], ratio(sums[cause][of], total), ratio(upto, total))
        for cause, upto in zip(ranked, running, strict=True)
    )
    return Pareto(by, bars, total)


def losses_of(repairs: Iterable[Repair]) -> list[Loss]:
    """Breakdowns as losses: time to restore in the range, counted in the range of their beginning."""
    return [Loss(repair.cause, repair.repair_ns, int(repair.begun)) for repair in repairs]
