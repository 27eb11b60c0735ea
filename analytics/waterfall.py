"""Where the time went: the loss waterfall from the calendar down to fully productive time, and the six big losses.

What it is: elements in the order in which losses are taken off. Each level is the one above less its losses, in whole
nanoseconds, so the picture adds up whatever happened.
What it is not: a KPI; the ratios of the levels are (``analytics/kpi.py``).

Sources: Nakajima, Introduction to TPM (1988), the six big losses; Vorne's naming of the levels. Waiting for orders,
material or room is an availability loss of ISO 22400-2 (ADOT), for which Nakajima has no name: it is none of the six.

>>> fall = waterfall(Elements(apt_ns=80, adet_ns=20, minor_ns=5, pri_pq_ns=70, pri_gq_ns=63, off_ns=10))
>>> [(loss.name, loss.time_ns) for loss in fall.losses if loss.time_ns]
[('schedule', 10), ('breakdowns', 15), ('minor_stops', 5), ('reduced_speed', 10), ('process_defects', 7)]
>>> fall.levels["all_time"], fall.levels["run_time"], fall.levels["fully_productive_time"]
(110, 85, 63)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from analytics.elements import Elements

LEVELS: Final[Mapping[str, tuple[str, ...]]] = {
    "all_time": (),
    "operating_time": ("schedule", "unknown"),
    "planned_production_time": ("planned_stops",),
    "run_time": ("breakdowns", "setup_and_adjustments", "waiting"),
    "net_run_time": ("minor_stops", "reduced_speed"),
    "fully_productive_time": ("process_defects", "reduced_yield"),
}
"""Level -> the losses that lead to it from the level above."""
SIX: Final = (
    "breakdowns",
    "setup_and_adjustments",
    "minor_stops",
    "reduced_speed",
    "process_defects",
    "reduced_yield",
)
"""The six big losses."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Time that one cause took; below zero for reduced speed where a machine runs faster than planned."""

    name: str
    level: str
    time_ns: int

    @property
    def big(self) -> bool:
        """Whether it is one of the six."""
        return self.name in SIX


@dataclass(frozen=True, slots=True)
class Waterfall:
    """All losses in order, and the levels between them in ns."""

    losses: tuple[Loss, ...]
    levels: Mapping[str, int]


def waterfall(elements: Elements, startup_ns: int = 0) -> Waterfall:
    """The waterfall of some elements.

    Args:
        elements: of a machine, or of many.
        startup_ns: planned run time of the rejects at the start of runs, where they are told apart; the other
            rejects and all reworked units are process defects.

    Raises:
        ValueError: there are more rejects at the start than rejects.
    """
    rejected_ns = elements.pri_pq_ns - elements.pri_gq_ns
    if not 0 <= startup_ns <= rejected_ns:
        raise ValueError(f"rejects at the start took {startup_ns} ns, all rejects {rejected_ns} ns")
    times = {
        "schedule": elements.off_ns,
        "unknown": elements.unknown_ns,
        "planned_stops": elements.pdot_ns,
        "breakdowns": elements.ttr_ns,
        "setup_and_adjustments": elements.aust_ns,
        "waiting": elements.adot_ns,
        "minor_stops": elements.minor_ns,
        "reduced_speed": elements.apt_ns - elements.pri_pq_ns,
        "process_defects": rejected_ns - startup_ns,
        "reduced_yield": startup_ns,
    }
    losses: list[Loss] = []
    levels: dict[str, int] = {}
    left = elements.calendar_ns
    for level, names in LEVELS.items():
        losses += (Loss(name, level, times[name]) for name in names)
        left -= sum(times[name] for name in names)
        levels[level] = left
    return Waterfall(tuple(losses), levels)
