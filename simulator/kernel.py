"""The factory's clockwork: a discrete-event simulation of one serial line.

What it is: pure. ``start`` makes a plant, ``advance`` runs it to a time and returns what happened, ``truth`` says what
each machine has really done. Parallel machines per step, finite buffers, blocking after service, starving, an endless
source of orders before the first step, setups, minor stops, breakdowns by operating time, scrap and rework that grow
with wear. All times are integer ns; every draw is numbered (``chance.py``), so that the same seed gives the same bytes
however the time is cut into calls.
What it is not: paced, and not aware of sensors, energy or money: those derive from what it says. Its state is plain
numbers in lists, made to be copied; a compiled kernel can take its place behind these functions.

The half-open rule: ``advance(plant, t)`` does everything that happens before ``t``, and nothing at ``t``.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

from simulator import chance
from simulator.line import Line
from simulator.machine import NO_UNIT, Doing, Machine, Streams


class Entered(NamedTuple):
    """A machine begins to do something else at ``t_ns``. ``unit`` is the one it holds (-1: none).

    ``age_ns`` (operating time since the last repair), ``life_ns`` (at which it will fail) and ``mode`` (number of the
    coming failure's mode) hold at ``t_ns``; age grows only while it runs.
    """

    t_ns: int
    doing: Doing
    unit: int
    age_ns: int
    life_ns: int
    mode: int


class Finished(NamedTuple):
    """A unit left a machine's hands at ``t_ns`` after ``actual_ns`` of running; exactly one of the three is 1."""

    t_ns: int
    unit: int
    good: int
    scrap: int
    rework: int
    actual_ns: int


class Happenings(NamedTuple):
    """What happened since the last call: for each machine in the line's order, in strictly increasing time."""

    entered: list[list[Entered]]
    finished: list[list[Finished]]


@dataclass(slots=True)
class MachineTruth:
    """What one machine has done since the start; ``doing_ns`` by ``Doing``, the open state's time included."""

    doing_ns: list[int]
    good: int
    scrap: int
    rework: int
    failures: int
    remaining_life_ns: int


@dataclass(slots=True)
class Plant:
    """A line at one moment. Made by ``start``; a ``copy`` goes its own way from here (a forecast, a what-if)."""

    line: Line
    start_ns: int
    now_ns: int
    machines: list[Machine]
    buffers: list[deque[int]]
    starving: list[deque[int]]
    blocked: list[deque[int]]
    agenda: list[tuple[int, int]]
    next_unit: int = 0

    def copy(self) -> Plant:
        """An independent plant in the same state."""
        twin = copy(self)
        twin.machines = [m.copy() for m in self.machines]
        twin.buffers = [b.copy() for b in self.buffers]
        twin.starving = [s.copy() for s in self.starving]
        twin.blocked = [b.copy() for b in self.blocked]
        twin.agenda = self.agenda.copy()
        return twin

    @property
    def work_in_progress(self) -> int:
        """Units on the line: in the buffers and in the machines' hands."""
        return sum(len(b) for b in self.buffers) + sum(m.unit != NO_UNIT for m in self.machines)


def start(line: Line, seed: int, start_ns: int) -> Plant:
    """A plant that is about to begin: empty buffers, machines somewhere in their lives and between two setups."""
    machines = []
    for number, (name, step) in enumerate(line.machines):
        m = Machine(number, step, line.steps[step], Streams.of(seed, name), start_ns)
        m.settle_in(chance.key(seed, name, "start"))
        machines.append(m)
    count = len(line.steps)
    return Plant(
        line=line,
        start_ns=start_ns,
        now_ns=start_ns,
        machines=machines,
        buffers=[deque() for _ in range(count)],
        starving=[deque() for _ in range(count)],
        blocked=[deque() for _ in range(count)],
        agenda=[(start_ns, m.number) for m in machines],
    )


def advance(plant: Plant, until_ns: int) -> Happenings:
    """Run the plant to ``until_ns``, which is not part of it; raises ValueError when that lies behind it."""
    if until_ns < plant.now_ns:
        raise ValueError(f"the plant is at {plant.now_ns} and cannot go back to {until_ns}")
    run = _Run(plant)
    agenda = plant.agenda
    while agenda and agenda[0][0] < until_ns:
        now = agenda[0][0]
        while agenda and agenda[0][0] == now:
            run.wake(plant.machines[heappop(agenda)[1]], now)
        run.tell(now)
    plant.now_ns = until_ns
    return run.happenings


def truth(plant: Plant) -> list[MachineTruth]:
    """What each machine has really done from the start to now."""
    result = []
    for m in plant.machines:
        doing_ns = m.doing_ns.copy()
        open_ns = plant.now_ns - m.since_ns
        doing_ns[m.doing] += open_ns
        age_ns = m.age_ns + (open_ns if m.doing is Doing.RUNNING else 0)
        result.append(MachineTruth(doing_ns, m.good, m.scrap, m.rework, m.failures, m.life_ns - age_ns))
    return result


class _Run:
    """One call of ``advance``: the rules by which machines wake, take, work and hand on."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.happenings = Happenings([[] for _ in plant.machines], [[] for _ in plant.machines])
        self.touched: list[Machine] = []

    def tell(self, now: int) -> None:
        """Note the state of each machine touched at ``now``; what was entered and left at once never was."""
        for m in self.touched:
            if m.doing is not m.told:
                m.told = m.doing
                self.happenings.entered[m.number].append(Entered(now, m.doing, m.unit, m.age_ns, m.life_ns, m.mode))
        self.touched.clear()

    def wake(self, m: Machine, now: int) -> None:
        """What the machine waited for has come: go on from what it was doing."""
        if m.doing is Doing.STARVED:
            self.seek(m, now)
        elif m.doing is Doing.RUNNING:
            self.pause(m, now)
        else:
            if m.doing is Doing.BREAKDOWN:
                m.renew()
            elif m.doing is Doing.MINOR_STOP:
                m.draw_stop()
            self.work(m, now)

    def pause(self, m: Machine, now: int) -> None:
        """A stretch of running ends: the unit is done, or the machine fails, or it stops for a moment."""
        ran = now - m.since_ns
        m.age_ns += ran
        m.left_ns -= ran
        m.actual_ns += ran
        m.to_stop_ns -= ran
        if m.left_ns <= 0:
            self.finish(m, now)
        elif m.age_ns >= m.life_ns:
            m.failures += 1
            self.enter(m, Doing.BREAKDOWN, now, m.draw_repair())
        else:
            self.enter(m, Doing.MINOR_STOP, now, m.draw_stop_length())

    def finish(self, m: Machine, now: int) -> None:
        """The unit is done: judge it, tell of it, and hand it on or throw it away."""
        scrap, rework = m.draw_quality()
        m.scrap += scrap
        m.rework += rework
        m.good += 1 - scrap - rework
        row = Finished(now, m.unit, 1 - scrap - rework, scrap, rework, m.actual_ns)
        self.happenings.finished[m.number].append(row)
        if scrap:
            m.unit = NO_UNIT
            self.seek(m, now)
        else:
            self.hand_on(m, now)

    def hand_on(self, m: Machine, now: int) -> None:
        """Blocking after service: the unit goes on when there is room, and until then it stays where it is."""
        plant, step = self.plant, m.step
        if step + 1 < len(plant.line.steps):
            if plant.starving[step + 1]:
                self.begin(plant.machines[plant.starving[step + 1].popleft()], m.unit, now)
            elif len(plant.buffers[step]) < m.spec.buffer_after:
                plant.buffers[step].append(m.unit)
            else:
                plant.blocked[step].append(m.number)
                self.enter(m, Doing.BLOCKED, now, None)
                return
        m.unit = NO_UNIT
        self.seek(m, now)

    def seek(self, m: Machine, now: int) -> None:
        """Take the next unit, or starve."""
        unit = self.take(m.step, now)
        if unit == NO_UNIT:
            self.plant.starving[m.step].append(m.number)
            self.enter(m, Doing.STARVED, now, None)
        else:
            self.begin(m, unit, now)

    def take(self, step: int, now: int) -> int:
        """The next unit before a step; whoever was blocked by it moves up."""
        plant = self.plant
        if step == 0:
            plant.next_unit += 1
            return plant.next_unit - 1
        buffer, blocked = plant.buffers[step - 1], plant.blocked[step - 1]
        unit = buffer.popleft() if buffer else NO_UNIT
        if blocked:
            freed = plant.machines[blocked.popleft()]
            if unit == NO_UNIT:
                unit = freed.unit
            else:
                buffer.append(freed.unit)
            freed.unit = NO_UNIT
            self.seek(freed, now)
        return unit

    def begin(self, m: Machine, unit: int, now: int) -> None:
        """A unit is at hand: change the tools first when that is due, then work."""
        spec = m.spec
        m.unit = unit
        m.actual_ns = 0
        m.left_ns = m.draw_cycle()
        m.since_minor += 1
        m.since_major += 1
        if spec.major_every and m.since_major > spec.major_every:
            m.since_major = m.since_minor = 1
            self.enter(m, Doing.SETUP, now, max(1, spec.major_ns))
        elif spec.minor_every and m.since_minor > spec.minor_every:
            m.since_minor = 1
            self.enter(m, Doing.SETUP, now, max(1, spec.minor_ns))
        else:
            self.work(m, now)

    def work(self, m: Machine, now: int) -> None:
        """Run until the first of: the unit is done, the part fails, the machine stops for a moment."""
        stretch = min(m.left_ns, m.life_ns - m.age_ns, m.to_stop_ns)
        self.enter(m, Doing.RUNNING, now, max(1, stretch))  # no stretch is empty, so no state is

    def enter(self, m: Machine, doing: Doing, now: int, for_ns: int | None) -> None:
        """Do something else from ``now`` on, for a time or until somebody else wakes the machine."""
        m.doing_ns[m.doing] += now - m.since_ns
        m.doing = doing
        m.since_ns = now
        self.touched.append(m)
        if for_ns is not None:
            heappush(self.plant.agenda, (now + for_ns, m.number))
