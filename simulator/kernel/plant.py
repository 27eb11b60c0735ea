"""A running plant: start it, place orders, advance it, look at it, copy it, and act on it from outside.

What it is: the handle on the kernel's arrays. Orders and calendars reach as far as they were given: place the orders of
a stretch before advancing through it.
What it is not: a rule. Everything that happens in time happens in ``happen.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator import chance
from simulator.happenings import ENTERED, FINISHED, NEVER, ORDERED, SHIPPED, Doing, Happenings, Rows
from simulator.kernel import fate, happen, warm
from simulator.kernel.layout import (
    ENTERED_SIZE,
    FINISHED_SIZE,
    LINE_SIZE,
    MACHINE_SIZE,
    MATERIAL_SIZE,
    ORDER_SIZE,
    ORDERED_SIZE,
    OVER,
    SHIPPED_SIZE,
    STEP_SIZE,
    G,
    K,
    L,
    M,
    O,
    S,
)
from simulator.kernel.queues import schedule
from simulator.kernel.stocks import reorder
from simulator.kernel.world import build
from simulator.line import World

_OUT_ROWS = 1 << 16


@dataclass(slots=True)
class MachineTruth:
    """What one machine has done since the start; ``doing_ns`` by ``Doing``, the open state's time included."""

    doing_ns: list[int]
    good: int
    scrap: int
    rework: int
    failures: int
    maintained: int
    remaining_life_ns: int


@dataclass(slots=True)
class Plant:
    """A world at one moment. Made by ``start``; a ``copy`` goes its own way from here (a forecast, a what-if)."""

    world: World
    start_ns: int
    s: NDArray[np.int64]
    f: NDArray[np.float64]
    o: NDArray[np.int64]
    out: NDArray[np.int64]

    @property
    def now_ns(self) -> int:
        """Plant time: everything before it is done."""
        return int(self.s[G.NOW_NS])

    def copy(self) -> Plant:
        """An independent plant in the same state."""
        out = np.empty_like(self.out)
        for at, count, size, _ in _tables(self.s):  # what is not yet taken goes along
            end = at + int(self.s[count]) * size
            out[at:end] = self.out[at:end]
        return replace(self, s=self.s.copy(), f=self.f.copy(), o=self.o.copy(), out=out)

    @property
    def work_in_progress(self) -> int:
        """Lots on the lines: in the buffers and in the machines' hands."""
        s = self.s
        held = sum(int(s[m + M.HELD] - s[m + M.HELD_FROM]) for m in self._machines())
        steps = range(s[G.AT_STEPS], s[G.AT_STEPS] + s[G.STEPS] * STEP_SIZE, STEP_SIZE)
        return held + sum(int(s[step + S.BUFFER]) for step in steps if not s[step + S.LAST])

    def _machines(self) -> range:
        at = int(self.s[G.AT_MACHINES])
        return range(at, at + int(self.s[G.MACHINES]) * MACHINE_SIZE, MACHINE_SIZE)


def start(world: World, seed: int, start_ns: int) -> Plant:
    """A plant that is about to begin: empty buffers, machines somewhere in their lives and between two setups.

    Raises:
        ValueError: the world could never run (a buffer smaller than a load, a machine beyond its power limit).
    """
    s, f = build(world, seed, start_ns)
    rows = max(_OUT_ROWS, 2 * int(s[G.OUT_MARGIN]))
    s[G.OUT_CAP] = rows
    s[G.OUT_FINISHED_AT] = rows * ENTERED_SIZE
    s[G.OUT_ORDERED_AT] = s[G.OUT_FINISHED_AT] + rows * FINISHED_SIZE
    s[G.OUT_SHIPPED_AT] = s[G.OUT_ORDERED_AT] + rows * ORDERED_SIZE
    out = np.empty(int(s[G.OUT_SHIPPED_AT]) + rows * SHIPPED_SIZE, np.int64)
    plant = Plant(world, start_ns, s, f, np.zeros(1, np.int64), out)
    for m, name in zip(plant._machines(), world.machines, strict=True):
        stream = chance.key(seed, name, "start")
        fate.renew(s, f, m)
        if s[m + M.LIFE_NS] < NEVER:
            s[m + M.AGE_NS] = int(chance.uniform(stream, 0) * int(s[m + M.LIFE_NS]))
        step = s[m + M.STEP]
        s[m + M.SINCE_MAJOR] = int(chance.uniform(stream, 1) * int(s[step + S.MAJOR_EVERY]))
        every = s[step + S.MINOR_EVERY]
        s[m + M.SINCE_MINOR] = s[m + M.SINCE_MAJOR] % every if every else 0
        fate.next_stop(s, f, m)
        schedule(s, s[m + M.AGENT], start_ns)
    for number in range(len(world.calendars)):
        happen.plan_turn(s, number)
    for number in range(len(world.materials)):
        k = s[G.AT_MATERIALS] + number * MATERIAL_SIZE
        reorder(s, f, out, k, s[k + K.REORDER_U], start_ns)
    return plant


def place(plant: Plant, orders: NDArray[Any]) -> None:
    """Hand in orders, of type ``line.ORDERS`` and in the order of their time; their numbers go on from those before.

    Raises:
        ValueError: an order lies in the past, comes before an earlier one, asks for no units, or names a line or a
            variant that is not there. Nothing is changed then.
    """
    s, o = plant.s, plant.o
    if len(orders) == 0:
        return
    if orders["t_ns"][0] < s[G.NOW_NS] or np.any(np.diff(orders["t_ns"]) < 0) or np.any(orders["units"] < 1):
        raise ValueError("orders must not lie in the past, must come in the order of time, and need units")
    lines = plant.world.lines
    variants = np.array([max(len(x) for x in (n.minor_keys, n.major_keys, n.slower)) for n in lines])
    known_line = (orders["line"] >= 0) & (orders["line"] < len(lines))
    if not known_line.all() or np.any((orders["variant"] < 0) | (orders["variant"] >= variants[orders["line"]])):
        raise ValueError("an order names a line or a variant that is not there")
    base, known = int(s[G.ORDER_BASE]), int(s[G.ORDERS])
    old = o[: known * ORDER_SIZE].reshape(known, ORDER_SIZE)
    over = (old[:, O.STATE] == OVER) & (np.arange(known) < s[G.ARRIVED])
    gone = int(np.argmin(over)) if not over.all() else known
    new = np.zeros((len(orders), ORDER_SIZE), np.int64)
    for field, name in (
        (O.T_NS, "t_ns"), (O.DUE_NS, "due_ns"), (O.VARIANT, "variant"), (O.UNITS, "units"), (O.PRIORITY, "priority"),
        (O.UNRELEASED, "units"),
    ):  # fmt: skip
        new[:, field] = orders[name]
    new[:, O.LINE] = s[G.AT_LINES] + orders["line"] * LINE_SIZE
    new[:, O.RELEASE_NS] = np.maximum(orders["release_ns"], orders["t_ns"])
    new[:, O.CANCEL_NS] = np.maximum(orders["cancel_ns"], orders["t_ns"])
    first = base + known
    numbers = np.arange(first, first + len(orders), dtype=np.int64)
    releases = _merged(o, s, G.AT_RELEASES, G.RELEASES, G.RELEASED, numbers, old, new, O.RELEASE_NS)
    cancels = _merged(
        o, s, G.AT_CANCELS, G.CANCELS, G.CANCELLED, numbers[new[:, O.CANCEL_NS] < NEVER], old, new, O.CANCEL_NS
    )
    rings = [_ring(plant, line) for line in range(len(plant.world.lines))]
    table = np.concatenate([old[gone:], new])
    parts = [table.ravel()]
    s[G.ORDER_BASE] += gone
    s[G.ARRIVED] -= gone
    s[G.ORDERS] = len(table)
    at = table.size
    for values, at_field, count_field, done_field in (
        (releases, G.AT_RELEASES, G.RELEASES, G.RELEASED),
        (cancels, G.AT_CANCELS, G.CANCELS, G.CANCELLED),
    ):
        s[at_field], s[count_field], s[done_field] = at, len(values), 0
        parts.append(values)
        at += len(values)
    for number, waiting in enumerate(rings):
        line = s[G.AT_LINES] + number * LINE_SIZE
        cap = len(table) + 1
        s[line + L.RING_AT], s[line + L.RING_CAP], s[line + L.RING_HEAD] = at, cap, 0
        parts.append(np.concatenate([waiting, np.zeros(cap - len(waiting), np.int64)]))
        at += cap
    plant.o = np.concatenate(parts)
    happen.plan_orders(s, plant.o)


def fill(plant: Plant) -> None:
    """Begin in the middle of things: every machine in a load, every buffer half full.

    Call it once, after the first ``place`` and before the first ``advance``. It reaches as far as the orders that are
    released at the start.
    """
    warm.fill(plant.s, plant.f, plant.o, plant.out, plant.start_ns)


def _merged(
    o: NDArray[np.int64], s: NDArray[np.int64], at: int, count: int, done: int, numbers: NDArray[np.int64],
    old: NDArray[np.int64], new: NDArray[np.int64], field: int,
) -> NDArray[np.int64]:  # fmt: skip
    """Numbers of orders whose ``field`` lies ahead, in the order of that time and then of their number."""
    left = o[s[at] + s[done] : s[at] + s[count]]
    left = left[old[left - s[G.ORDER_BASE], O.STATE] != OVER]  # nothing happens to it any more, and it may be gone
    both = np.concatenate([left, numbers])
    times = np.concatenate([old[left - s[G.ORDER_BASE], field], new[numbers - s[G.ORDER_BASE] - len(old), field]])
    return np.asarray(both[np.lexsort((both, times))])


def _ring(plant: Plant, number: int) -> NDArray[np.int64]:
    """The orders that wait before a line, in their order."""
    s = plant.s
    line = s[G.AT_LINES] + number * LINE_SIZE
    count, cap = s[line + L.RING], max(1, s[line + L.RING_CAP])
    places = s[line + L.RING_AT] + (s[line + L.RING_HEAD] + np.arange(count)) % cap
    return np.asarray(plant.o[places])


def advance(plant: Plant, until_ns: int) -> Happenings:
    """Run the plant to ``until_ns``, which is not part of it; raises ValueError when that lies behind it."""
    if until_ns < plant.now_ns:
        raise ValueError(f"the plant is at {plant.now_ns} and cannot go back to {until_ns}")
    parts = []
    done = False
    while not done:
        done = happen.advance(plant.s, plant.f, plant.o, plant.out, until_ns)
        parts.append(_taken(plant))
    return parts[0] if len(parts) == 1 else Happenings(*(np.concatenate(rows) for rows in zip(*parts, strict=True)))


def _tables(s: NDArray[np.int64]) -> Iterator[tuple[int, int, int, np.dtype[Any]]]:
    """(place, where its length stands, length of a row, type) of each table of ``out``."""
    yield 0, G.OUT_ENTERED, ENTERED_SIZE, ENTERED
    yield int(s[G.OUT_FINISHED_AT]), G.OUT_FINISHED, FINISHED_SIZE, FINISHED
    yield int(s[G.OUT_ORDERED_AT]), G.OUT_ORDERED, ORDERED_SIZE, ORDERED
    yield int(s[G.OUT_SHIPPED_AT]), G.OUT_SHIPPED, SHIPPED_SIZE, SHIPPED


def _taken(plant: Plant) -> Happenings:
    s, out = plant.s, plant.out
    tables: list[Rows] = []
    for at, count, size, type_ in _tables(s):
        tables.append(out[at : at + int(s[count]) * size].copy().view(type_))
        s[count] = 0
    return Happenings(*tables)


def truth(plant: Plant) -> list[MachineTruth]:
    """What each machine has really done from the start to now."""
    result = []
    s = plant.s
    for m in plant._machines():
        doing_ns = s[m + M.DOING_NS : m + M.DOING_NS + len(Doing)].tolist()
        open_ns = plant.now_ns - int(s[m + M.SINCE_NS])
        doing = int(s[m + M.DOING])
        doing_ns[doing] += open_ns
        age_ns = int(s[m + M.AGE_NS]) + (open_ns if doing == Doing.RUNNING else 0)
        good, scrap, rework = (int(s[m + name]) for name in (M.GOOD, M.SCRAP, M.REWORK))
        life_ns = int(s[m + M.LIFE_NS])
        result.append(
            MachineTruth(
                doing_ns, good, scrap, rework, int(s[m + M.FAILURES]), int(s[m + M.MAINTAINED]), life_ns - age_ns
            )
        )
    return result


def stocks(plant: Plant) -> list[int]:
    """What is on hand of each material, in millionths of its unit."""
    at, count = int(plant.s[G.AT_MATERIALS]), len(plant.world.materials)
    return [int(plant.s[at + number * MATERIAL_SIZE + K.ON_HAND_U]) for number in range(count)]


def work_in_progress(plant: Plant) -> list[int]:
    """Units on each line, in buffers and in machines' hands: what was released of the orders and has not left it."""
    s, count = plant.s, int(plant.s[G.ORDERS])
    orders = plant.o[: count * ORDER_SIZE].reshape(count, ORDER_SIZE)
    line = (orders[:, O.LINE] - s[G.AT_LINES]) // LINE_SIZE
    units = orders[:, O.UNITS] - orders[:, O.UNRELEASED] - orders[:, O.OUT]
    return [int(units[line == number].sum()) for number in range(len(plant.world.lines))]
