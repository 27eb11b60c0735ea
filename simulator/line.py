"""What the kernel needs to know of a world: plain numbers, in ns, units, watts and probabilities.

What it is: the frozen description that ``kernel.start`` takes; nothing in it changes while the world runs.
What it is not: a data file (``sector_model.py``) and not an address (``plant.py`` knows those). What each figure does
stands in ``docs/design/kernel.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.happenings import NEVER
from simulator.machine_model import Effect, Pattern
from simulator.sector_model import Dispatch

WEAR_STEEPNESS: Final = 4.0
"""How late and how fast wear shows: (e^(k·u) - 1) / (e^k - 1) with this k, flat for long, then steep."""
NOISE_GROWTH: Final = 4.0
"""A failure that shows as noise multiplies it by 1 + this at the end."""
HARMLESS: Final = Effect()
DISPATCH: Final[dict[Dispatch, int]] = {"fifo": 0, "due": 1, "setup": 2, "priority": 3}

ORDERS: Final = np.dtype(
    [
        ("line", np.int64),
        ("t_ns", np.int64),
        ("release_ns", np.int64),
        ("due_ns", np.int64),
        ("cancel_ns", np.int64),
        ("variant", np.int64),
        ("units", np.int64),
        ("priority", np.int64),
    ]
)
"""Orders for ``kernel.place``; ``cancel_ns`` is ``NEVER`` for who keeps to it."""


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

    A rate, an interval or a number of units of 0 means never. ``cycle_ns`` is per unit, of a batch (``load_lots`` > 0)
    per load. ``buffer_after`` counts lots; the last step's is not used. ``needs`` are pairs (material, millionths per
    unit). A number of -1 means: no calendar, no crew (repairs begin at once), no power group.
    """

    machines: tuple[str, ...]
    cycle_ns: int
    shape: Literal["bell", "exponential"] = "bell"
    cycle_noise: float = 0.0
    cycle_loss: float = 0.0
    worn_slower: float = 0.0
    load_lots: int = 0
    one_family: bool = False
    fill_ns: int = 0
    scrap_p: float = 0.0
    rework_p: float = 0.0
    rework_ns: int = 0
    minor_ns: int = 0
    major_ns: int = 0
    minor_every: int = 0
    major_every: int = 0
    stop_interval_ns: int = 0
    stop_mean_ns: int = 0
    mtbf_ns: int = 0
    weibull_shape: float = 1.0
    mttr_ns: int = 0
    repair_sigma: float = 0.0
    modes: tuple[Mode, ...] = (Mode("failure", "wear", 1),)
    buffer_after: int = 0
    dispatch: Dispatch = "fifo"
    look: int = 1
    caught: float = 0.0
    maintain_age_ns: int = 0
    planned_repair: float = 0.4
    needs: tuple[tuple[int, int], ...] = ()
    calendar: int = -1
    crew: int = -1
    response_ns: int = 0
    power_group: int = -1
    power_w: int = 0
    tariff_wait_ns: int = 0
    tariff_max: float = 0.0


@dataclass(frozen=True, slots=True)
class Material:
    """A stock and how it is filled; quantities in millionths, ``pipeline`` what is under way at the start.

    ``pipeline`` are pairs (time after the start, quantity). ``lead_sigma`` is the standard deviation of the logarithm.
    """

    name: str
    start_u: int
    reorder_u: int
    order_u: int
    lead_mean_ns: int
    lead_sigma: float = 0.0
    defect_p: float = 0.0
    defect_sigma: float = 0.0
    defect_scrap: float = 1.0
    price_sigma: float = 0.0
    pipeline: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Line:
    """Steps in series; the machines of a step work in parallel.

    ``minor_keys`` and ``major_keys`` are arrays [variant, step]: tools are changed where they differ from one load to
    the next; ``slower`` [variant, step] is the share that a variant adds to the cycle. ``book_units`` bounds the book.
    """

    steps: tuple[Step, ...]
    name: str = "line-1"
    lot_units: int = 1
    book_units: int = NEVER
    minor_keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 1), np.int64))
    major_keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 1), np.int64))
    slower: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 1)))

    @property
    def machines(self) -> tuple[tuple[str, int], ...]:
        """(name, number of its step) of every machine, in the order in which the kernel counts them."""
        return tuple((name, number) for number, step in enumerate(self.steps) for name in step.machines)


@dataclass(frozen=True, slots=True)
class World:
    """Lines and what they share.

    ``crews`` are numbers of technicians, ``power_w`` limits, ``calendars`` times at which each closes and opens in turn
    (open before the first), ``breaks`` those of each calendar at which a break begins and not the end of a shift,
    ``price`` pairs (from, price) of the power tariff.
    """

    lines: tuple[Line, ...]
    materials: tuple[Material, ...] = ()
    crews: tuple[int, ...] = ()
    power_w: tuple[int, ...] = ()
    calendars: tuple[tuple[int, ...], ...] = ()
    price: tuple[tuple[int, float], ...] = ()
    breaks: tuple[frozenset[int], ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, line after line."""
        return tuple(step for line in self.lines for step in line.steps)

    @property
    def machines(self) -> tuple[str, ...]:
        """The names of all machines, in the order in which the kernel counts them."""
        return tuple(name for line in self.lines for step in line.steps for name in step.machines)


def orders(rows: list[dict[str, Any]]) -> NDArray[Any]:
    """Orders out of plain values; what is not given is 0, ``cancel_ns`` and ``due_ns`` are ``NEVER``."""
    result = np.zeros(len(rows), ORDERS)
    result["cancel_ns"] = result["due_ns"] = NEVER
    for place, row in enumerate(rows):
        for name, value in row.items():
            result[name][place] = value
    return result


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
