"""What the kernel needs to know of a line: plain numbers, in ns and probabilities.

What it is: the frozen description that ``kernel.start`` takes; nothing in it changes while the line runs.
What it is not: a data file (``catalogue.py``) and not an address (``plant.py`` knows those).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Final

from simulator.catalogue import Effect, Pattern

WEAR_STEEPNESS: Final = 4.0
"""How late and how fast wear shows: (e^(k·u) - 1) / (e^k - 1) with this k, flat for long, then steep."""
HARMLESS: Final = Effect()
NOISE_GROWTH: Final = 4.0
"""A failure that shows as noise multiplies it by 1 + this at the end."""


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to fail: its name, how it shows, over which operating time before the failure, and what it does."""

    name: str
    pattern: Pattern
    visible_ns: int
    effect: Effect = HARMLESS


@dataclass(frozen=True, slots=True)
class Step:
    """One operation and its equal machines; times in ns of wall or operating time, ``_p`` are probabilities per unit.

    A rate or an interval of 0 means never. ``buffer_after`` is the number of places behind the step; the last step's
    is not used: what it finishes leaves the line.
    """

    machines: tuple[str, ...]
    cycle_ns: int
    cycle_noise: float = 0.0
    cycle_loss: float = 0.0
    worn_slower: float = 0.0
    scrap_p: float = 0.0
    rework_p: float = 0.0
    minor_every: int = 0
    minor_ns: int = 0
    major_every: int = 0
    major_ns: int = 0
    stop_interval_ns: int = 0
    stop_mean_ns: int = 0
    mtbf_ns: int = 0
    weibull_shape: float = 1.0
    mttr_ns: int = 0
    repair_sigma: float = 0.0
    modes: tuple[Mode, ...] = (Mode("failure", "wear", 1),)
    buffer_after: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """Steps in series; the machines of a step work in parallel."""

    steps: tuple[Step, ...]

    @property
    def machines(self) -> tuple[tuple[str, int], ...]:
        """(name, number of its step) of every machine, in the order in which the kernel counts them."""
        return tuple((name, number) for number, step in enumerate(self.steps) for name in step.machines)


def visible_from_ns(mode: Mode, life_ns: int) -> int:
    """The age from which a coming failure shows: the P-F interval before the end, at most the second half of the life.

    The half is an assumption: many P-F intervals of the sector data are longer than the lives, and a machine that is
    worn from its first hour on would have no normal to compare with.
    """
    return max(life_ns // 2, life_ns - mode.visible_ns)


def severity(mode: Mode, age_ns: int, life_ns: int) -> float:
    """How much of a coming failure shows at an age: 0 not at all, 1 at the failure.

    >>> week = Mode("bearing", "drift", visible_ns=100)
    >>> [severity(week, age, 1000) for age in (0, 900, 950, 1000)]
    [0.0, 0.0, 0.5, 1.0]
    """
    begin = visible_from_ns(mode, life_ns)
    if age_ns <= begin:
        return 0.0
    u = min(1.0, (age_ns - begin) / (life_ns - begin))
    return (exp(WEAR_STEEPNESS * u) - 1) / (exp(WEAR_STEEPNESS) - 1) if mode.pattern == "wear" else u
