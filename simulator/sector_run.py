"""A line that is run to be measured: under more demand than it can meet, so that what it does says what it can do.

What it is: pure. The factory of a single site, day by day, with what its truth says of a stretch of days.
What it is not: a judgement; ``checks_sector.py`` has those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from contract import Tariff
from simulator.factory import Factory
from simulator.happenings import Happenings, Rows
from simulator.kernel import Plant
from simulator.kernel.layout import MACHINE_SIZE, STEP_SIZE, G, M, S, T
from simulator.machine_model import MachineModel
from simulator.plant import DAY_NS, HOUR_NS, SECOND_NS, Park, Site
from simulator.sector_model import Sector, StepModel

START: Final = (2026, 3, 2)
"""A Monday; the run begins at its midnight, in the tariff's zone."""
WARM_SHARE: Final = 0.1
WARM_UNITS: Final = 50
"""The line first runs for this share of the measured days, and until the slowest step could make so many units: it
begins with full machines, but with buffers half full."""
BOOK_DAYS: Final = 4.0
"""The book is at least so deep, so that orders never run out over a night or a Sunday."""
Truth = Sequence[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class StepDone:
    """What one step's machines did together: hours by ``State/reason``, money by the line of the books."""

    good: int
    scrap: int
    rework: int
    ideal_good_h: float
    hours: Mapping[str, float]
    kwh: float
    media: Mapping[str, int]
    money: Mapping[str, float]

    @property
    def through(self) -> int:
        """Units that the step has worked on."""
        return self.good + self.scrap + self.rework

    @property
    def out(self) -> int:
        """Units that left it: good at once, or mended."""
        return self.good + self.rework

    @property
    def off_h(self) -> float:
        """Machine-hours out of the shifts."""
        return self.hours.get("Stopped/no_shift", 0.0)

    @property
    def open_h(self) -> float:
        """Machine-hours within the shifts."""
        return sum(self.hours.values()) - self.off_h

    @property
    def busy_h(self) -> float:
        """Machine-hours within the shifts, but planned maintenance (ISO 22400-2 PBT)."""
        return self.open_h - self.hours.get("Stopped/planned_maintenance", 0.0)


@dataclass(frozen=True)
class Day:
    """A measured day at each step: units that left it good or mended, and hours a machine was open for work."""

    out: Sequence[int]
    open_h: Sequence[float]


@dataclass(frozen=True)
class Run:
    """A measured run.

    ``held`` is by how much the units between the end of the step before and the end of each step have grown; the first
    step has none before it. ``still_h`` says for how long, at the end, the lots that are not done have stood still, and
    ``still_at`` at which step they will be worked on next.
    """

    hours: float
    steps: Sequence[StepDone]
    days: Sequence[Day]
    held: Sequence[int]
    still_h: NDArray[np.float64]
    still_at: NDArray[np.int64]
    uneven_ns: int
    aux_kwh: float
    aux_money: float


def measure(
    sector: Sector,
    models: Mapping[str, MachineModel],
    tariff: Tariff,
    *,
    seed: int,
    days: int,
    load: float = 1.0,
    progress: Callable[[float], object] = lambda _: None,
) -> Run:
    """Run a line and measure so many days.

    Args:
        sector: what runs; its demand is the same in all months.
        models: by id, all that its steps name.
        tariff: the sector's.
        seed: decides everything that chance decides.
        days: to measure.
        load: the demand as a share of what the slowest step would make if it never lost a second.
        progress: told the share of the days that are done, those of the warm-up included.

    Raises:
        ConfigError: the market or the kernel refuses the sector.
    """
    start_ns = round(datetime(*START, tzinfo=ZoneInfo(tariff.timezone)).timestamp()) * SECOND_NS
    warm = max(1, round(days * WARM_SHARE), min(days, ceil(WARM_UNITS / capacity_per_day(sector))))
    park = Park((_site(sector, models, tariff, seed, load),))
    factory = Factory(park, "00", start_ns, horizon_ns=start_ns + (warm + days + 9) * DAY_NS)
    step_of = np.repeat(np.arange(len(sector.steps)), [step.machines for step in sector.steps])
    lots = _Lots(step_of)

    def work(day: int) -> None:
        factory.skip(start_ns + day * DAY_NS)
        lots.note(factory.take_happened())
        progress(day / (warm + days))

    for day in range(1, warm + 1):
        work(day)
    first, held = factory.truth(), _held(factory.plant)
    before, measured = first, []
    for day in range(warm + 1, warm + days + 1):
        work(day)
        now = factory.truth()
        done = _steps_done(sector, before, now)
        measured.append(
            Day([d.out for d in done], [d.open_h / s.machines for d, s in zip(done, sector.steps, strict=True)])
        )
        before = now
    aux, aux_first = before[-1][1], first[-1][1]
    still_h, still_at = lots.still(factory.now_ns)
    return Run(
        hours=days * 24.0,
        steps=_steps_done(sector, first, before),
        days=measured,
        held=[now - then for now, then in zip(_held(factory.plant), held, strict=True)],
        still_h=still_h,
        still_at=still_at,
        uneven_ns=max(abs(sum(row["state_ns"].values()) - (warm + days) * DAY_NS) for _, row in before[:-1]),
        aux_kwh=(aux["energy_wh"] - aux_first["energy_wh"]) / 1000,
        aux_money=_number(aux, "energy") - _number(aux_first, "energy"),
    )


def rate_per_h(step: StepModel) -> float:
    """Units that a step makes in an hour without any loss."""
    return step.machines * step.units_per_cycle * 3600 / step.cycle_s


def capacity_per_day(sector: Sector) -> float:
    """Units that the slowest step makes in the mean day of a week without any loss."""
    calendar = sector.calendar
    shifts = sum(shift.hours - shift.break_min / 60 for shift in calendar.shifts)
    hours = shifts * len(set(calendar.days)) / 7 if calendar.shifts else 24.0
    return min(rate_per_h(step) * (hours if step.attended else 24.0) for step in sector.steps)


class _Lots:
    """Where each lot was worked on last, and when; by its number."""

    def __init__(self, step_of: NDArray[np.int64]) -> None:
        self._step_of = step_of
        self._last = int(step_of[-1])
        self._t_ns = np.zeros(0, np.int64)
        self._step = np.zeros(0, np.int64)

    def note(self, happened: Iterable[Happenings]) -> None:
        """What was finished."""
        for rows in (happening.finished for happening in happened):
            if len(rows):
                self._grow(int(rows["lot"].max()) + 1)
                self._t_ns[rows["lot"]] = rows["t_ns"]
                self._step[rows["lot"]] = self._reached(rows)

    def still(self, now_ns: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """(hours since it was finished at a step, the next step) of each lot that is not done."""
        on = np.flatnonzero((self._t_ns > 0) & (self._step <= self._last))
        return (now_ns - self._t_ns[on]) / HOUR_NS, self._step[on]

    def _reached(self, rows: Rows) -> NDArray[np.int64]:
        """The next step of each lot; behind the last when nothing of it is left."""
        left = rows["good"] + rows["rework"] > 0
        return np.where(left, self._step_of[rows["machine"]] + 1, self._last + 1)

    def _grow(self, size: int) -> None:
        if size > len(self._t_ns):
            more = max(size, 2 * len(self._t_ns)) - len(self._t_ns)
            self._t_ns = np.concatenate([self._t_ns, np.zeros(more, np.int64)])
            self._step = np.concatenate([self._step, np.zeros(more, np.int64)])


def _site(sector: Sector, models: Mapping[str, MachineModel], tariff: Tariff, seed: int, load: float) -> Site:
    """The line under a demand that is the same in all months; ``load`` as in ``measure``."""
    demand = replace(sector.demand, season=[1.0] * 12, book_days=max(sector.demand.book_days, BOOK_DAYS))
    return Site(
        replace(sector, demand=demand), models, tariff, seed, "check", "site", "line",
        demand_factor=load * capacity_per_day(sector) / demand.units_per_day,
    )  # fmt: skip


def _held(plant: Plant) -> list[int]:
    """Units that are done at the step before each step, and not yet at it; 0 before the first."""
    s = plant.s
    done, at_work, behind = [], [], []
    for step in range(s[G.AT_STEPS], s[G.AT_STEPS] + s[G.STEPS] * STEP_SIZE, STEP_SIZE):
        told, open_ = 0, 0
        for m in range(
            s[step + S.FIRST_MACHINE], s[step + S.FIRST_MACHINE] + s[step + S.MACHINES] * MACHINE_SIZE, MACHINE_SIZE
        ):
            for i in range(s[m + M.HELD_FROM], s[m + M.HELD]):
                units = int(s[s[s[m + M.HELD_AT] + i] + T.UNITS])
                told, open_ = (told + units, open_) if i < s[m + M.TOLD_LOTS] else (told, open_ + units)
        done.append(told)
        at_work.append(open_)
        at, head, room = s[step + S.BUFFER_AT], s[step + S.BUFFER_HEAD], max(1, s[step + S.BUFFER_CAP])
        count = 0 if s[step + S.LAST] else int(s[step + S.BUFFER])
        behind.append(sum(int(s[s[at + (head + i) % room] + T.UNITS]) for i in range(count)))
    return [0, *(done[i] + behind[i] + at_work[i + 1] for i in range(len(done) - 1))]


def _steps_done(sector: Sector, before: Truth, after: Truth) -> list[StepDone]:
    edges = [0, *accumulate(step.machines for step in sector.steps)]
    rows = [(then, now) for (_, then), (_, now) in zip(before, after, strict=True)]
    return [_step_done(rows[a:b]) for a, b in pairwise(edges)]


def _step_done(rows: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> StepDone:
    def grown(name: str) -> int:
        return int(sum(now[name] - then[name] for then, now in rows))

    def parts(name: str) -> dict[str, int]:
        keys = {key for _, now in rows for key in now[name]}
        return {key: sum(now[name].get(key, 0) - then[name].get(key, 0) for then, now in rows) for key in keys}

    return StepDone(
        good=grown("good"),
        scrap=grown("scrap"),
        rework=grown("rework"),
        ideal_good_h=grown("ideal_good_ns") / HOUR_NS,
        hours={state: ns / HOUR_NS for state, ns in parts("state_ns").items()},
        kwh=grown("energy_wh") / 1000,
        media=parts("media"),
        money={
            line: sum(_number(now, line) - _number(then, line) for then, now in rows) for line in rows[0][1]["money"]
        },
    )


def _number(row: Mapping[str, Any], line: str) -> float:
    return float(Fraction(row["money"][line]))
