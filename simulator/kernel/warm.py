"""A beginning in the middle of things: loads half done, buffers half full.

What it is: compiled; takes lots out of the orders that wait, for every machine and buffer, from the last step on. Where
a step's loads hold one family, so do the loads here, and what lies behind that step lies there family by family. The
loads of a step are spread evenly over its running time, those that are taken first nearest to the end.
What it is not: part of the run; material for these lots was used up before.
"""

from __future__ import annotations

from simulator.compiled import lean
from simulator.kernel.draws import uniform
from simulator.kernel.fate import plan_load
from simulator.kernel.happen import orders
from simulator.kernel.layout import LINE_SIZE, MACHINE_SIZE, STEP_SIZE, G, L, M, O, S, T
from simulator.kernel.machines import work
from simulator.kernel.offers import family_of, next_lot, order_at, tools_of
from simulator.kernel.queues import Floats, Ints, ring_get


@lean
def fill(s: Ints, f: Floats, o: Ints, out: Ints, now: int) -> None:
    """Fill every line as far as the orders of the start reach."""
    agent = s[G.CALENDARS]
    while s[s[G.AT_PLACE] + agent] >= 0 and s[s[G.AT_KEY] + agent] <= now:
        orders(s, o, out, now)
        if s[G.OUT_ORDERED] + s[G.OUT_MARGIN] > s[G.OUT_CAP]:
            break
    for number in range(s[G.LINES]):
        line = s[G.AT_LINES] + number * LINE_SIZE
        for back in range(s[line + L.STEPS]):
            step = s[line + L.FIRST_STEP] + (s[line + L.STEPS] - 1 - back) * STEP_SIZE
            _fill_step(s, f, o, out, line, step, now)


@lean
def _fill_step(s: Ints, f: Floats, o: Ints, out: Ints, line: int, step: int, now: int) -> None:
    sorting = _sorting(s, step)
    half = 0 if s[step + S.LAST] else s[step + S.BUFFER_CAP] // 2
    while s[step + S.BUFFER] < half:
        into = s[step + S.BUFFER_AT] + s[step + S.BUFFER]
        taken = _take(s, o, out, line, sorting, into, half - s[step + S.BUFFER], 0, now)
        if taken == 0:
            return
        s[step + S.BUFFER] += taken
    want = max(1, s[step + S.LOAD_LOTS])
    loads = min(s[step + S.MACHINES], (_lots(s, o, line) + want - 1) // want)
    for i in range(s[step + S.MACHINES]):
        m = s[step + S.FIRST_MACHINE] + i * MACHINE_SIZE
        first = _first(s, o, line, step, want) if s[step + S.ONE_FAMILY] else 0
        s[m + M.HELD] = _take(s, o, out, line, sorting, s[m + M.HELD_AT], want, first, now)
        if s[m + M.HELD] > 0:
            _begin(s, f, m, i % loads, loads, now)


@lean
def _begin(s: Ints, f: Floats, m: int, place: int, loads: int, now: int) -> None:
    """The machine's load is one of so many, and the ``place``-th from the end of the running time."""
    step = s[m + M.STEP]
    units = plan_load(s, f, m)
    variant = s[s[s[m + M.HELD_AT]] + T.VARIANT]
    whole = s[m + M.LEFT_NS]
    s[m + M.LEFT_NS] = max(1, int(whole * (place + uniform(s[m + M.S_STOP], 0)) / loads))
    s[m + M.ACTUAL_NS] = whole - s[m + M.LEFT_NS]
    s[m + M.MAJOR_KEY] = family_of(s, step, variant)
    s[m + M.MINOR_KEY] = tools_of(s, step, variant)
    s[m + M.SINCE_MINOR] += units
    s[m + M.SINCE_MAJOR] += units
    work(s, m, now)


@lean
def _sorting(s: Ints, step: int) -> int:
    """The nearest step, this one or before it, whose loads hold one family; -1 where there is none."""
    for back in range(s[step + S.POSITION] + 1):
        if s[step - back * STEP_SIZE + S.ONE_FAMILY]:
            return int(step - back * STEP_SIZE)
    return -1


@lean
def _waiting(s: Ints, o: Ints, line: int, i: int) -> int:
    """The place in ``o`` of the ``i``-th order that waits."""
    return order_at(s, ring_get(o, s[line + L.RING_AT], s[line + L.RING_CAP], s[line + L.RING_HEAD], i))


@lean
def _lots(s: Ints, o: Ints, line: int) -> int:
    """How many lots the orders that wait would make."""
    lots, size = 0, s[line + L.LOT_UNITS]
    for i in range(s[line + L.RING]):
        lots += (o[_waiting(s, o, line, i) + O.UNRELEASED] + size - 1) // size
    return int(lots)


@lean
def _first(s: Ints, o: Ints, line: int, step: int, want: int) -> int:
    """The first order, among the first ``look``, whose family fills a load; else the very first."""
    size = s[line + L.LOT_UNITS]
    tried = -1
    for i in range(min(s[line + L.RING], s[step + S.LOOK])):
        family = family_of(s, step, o[_waiting(s, o, line, i) + O.VARIANT])
        if family == tried:
            continue
        tried, lots, j = family, 0, i
        while lots < want and j < s[line + L.RING]:
            order = _waiting(s, o, line, j)
            if family_of(s, step, o[order + O.VARIANT]) == family:
                lots += (o[order + O.UNRELEASED] + size - 1) // size
            j += 1
        if lots >= want:
            return i
    return 0


@lean
def _take(
    s: Ints, o: Ints, out: Ints, line: int, sorting: int, into: int, want: int, first: int, now: int
) -> int:  # fmt: skip
    """Put up to ``want`` lots from the ``first`` order on into ``s``: of its family, where a step sorts."""
    taken, i, family = 0, first, -1
    while taken < want and i < s[line + L.RING] and s[G.OUT_ORDERED] + s[G.OUT_MARGIN] <= s[G.OUT_CAP]:
        if sorting >= 0:
            its = family_of(s, sorting, o[_waiting(s, o, line, i) + O.VARIANT])
            if family < 0:
                family = its
            if its != family:
                i += 1
                continue
        s[into + taken] = next_lot(s, o, out, line, i, now)
        taken += 1
    return taken
