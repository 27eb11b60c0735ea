"""What is on offer to a machine that looks for work: which lots or orders, how many, and taking them.

What it is: compiled. The dispatching rule, loads of batch machines, families, and lots out of orders.
What it is not: what happens then (``flow.py``).
"""

from __future__ import annotations

from simulator.compiled import inlined, lean
from simulator.happenings import OrderEvent
from simulator.kernel.layout import ORDER_SIZE, ORDERED_SIZE, STARTED, G, L, M, O, S, T
from simulator.kernel.queues import Ints, lots_before, ring_drop, ring_get

DUE = 1
SETUP = 2
PRIORITY = 3


@inlined
def order_at(s: Ints, order: int) -> int:
    """The place of an order in ``o`` by its number."""
    return int((order - s[G.ORDER_BASE]) * ORDER_SIZE)


@inlined
def tell_order(s: Ints, out: Ints, now: int, order: int, what: int, quantity: int) -> None:
    """Note that something happened to an order."""
    at = s[G.OUT_ORDERED_AT] + s[G.OUT_ORDERED] * ORDERED_SIZE
    s[G.OUT_ORDERED] += 1
    out[at] = now
    out[at + 1] = order
    out[at + 2] = what
    out[at + 3] = quantity


@inlined
def tools_of(s: Ints, step: int, variant: int) -> int:
    """The number of the tools that a variant needs at a step."""
    steps = s[s[step + S.LINE] + L.STEPS]
    return int(s[s[step + S.KEYS_AT] + (variant * steps + s[step + S.POSITION]) * 2])


@inlined
def family_of(s: Ints, step: int, variant: int) -> int:
    """The number of the tools that all variants of a family share at a step."""
    steps = s[s[step + S.LINE] + L.STEPS]
    return int(s[s[step + S.KEYS_AT] + (variant * steps + s[step + S.POSITION]) * 2 + 1])


@inlined
def change(s: Ints, m: int, step: int, variant: int) -> int:
    """What must be changed for a variant: 0 nothing, 1 the variant's tools, 2 the family's."""
    if s[m + M.MAJOR_KEY] >= 0 and family_of(s, step, variant) != s[m + M.MAJOR_KEY]:
        return 2
    if s[m + M.MINOR_KEY] >= 0 and tools_of(s, step, variant) != s[m + M.MINOR_KEY]:
        return 1
    return 0


@inlined
def pick(s: Ints, o: Ints, m: int) -> int:
    """Which of the queue's first ``look`` comes next, by the step's rule; ties go to the first."""
    step = s[m + M.STEP]
    rule = s[step + S.DISPATCH]
    if rule == 0:
        return 0
    first = s[step + S.POSITION] == 0
    if first:
        line = s[step + S.LINE]
        at, cap, head, n = s[line + L.RING_AT], s[line + L.RING_CAP], s[line + L.RING_HEAD], s[line + L.RING]
    else:
        back = lots_before(step)
        at, cap, head, n = s[back + S.BUFFER_AT], s[back + S.BUFFER_CAP], s[back + S.BUFFER_HEAD], s[back + S.BUFFER]
    best, best_a, best_b = 0, 0, 0
    for i in range(min(n, s[step + S.LOOK])):
        if first:
            order = order_at(s, ring_get(o, at, cap, head, i))
        else:
            order = order_at(s, s[ring_get(s, at, cap, head, i) + T.ORDER])
        a, b = 0, o[order + O.DUE_NS]
        if rule == SETUP:
            a = change(s, m, step, o[order + O.VARIANT])
        elif rule == PRIORITY:
            b = -o[order + O.PRIORITY]
        if i == 0 or a < best_a or (a == best_a and b < best_b):
            best, best_a, best_b = i, a, b
    return best


@inlined
def family_at(s: Ints, o: Ints, step: int, i: int) -> int:
    """The family, at a step, of the ``i``-th in the queue before it."""
    if s[step + S.POSITION] == 0:
        line = s[step + S.LINE]
        number = ring_get(o, s[line + L.RING_AT], s[line + L.RING_CAP], s[line + L.RING_HEAD], i)
        return family_of(s, step, o[order_at(s, number) + O.VARIANT])
    back = lots_before(step)
    lot = ring_get(s, s[back + S.BUFFER_AT], s[back + S.BUFFER_CAP], s[back + S.BUFFER_HEAD], i)
    return family_of(s, step, s[lot + T.VARIANT])


@inlined
def queued(s: Ints, step: int) -> int:
    """How many lots, or before the first step orders, wait for a step."""
    if s[step + S.POSITION] == 0:
        return int(s[s[step + S.LINE] + L.RING])
    return int(s[lots_before(step) + S.BUFFER])


@inlined
def something(s: Ints, step: int) -> bool:
    """Whether anything waits for a step, in the queue before it or in the hands of a machine without a buffer."""
    if s[step + S.POSITION] == 0:
        return bool(s[s[step + S.LINE] + L.RING] > 0)
    back = lots_before(step)
    return bool(s[back + S.BUFFER] > 0 or (s[back + S.BUFFER_CAP] == 0 and s[back + S.BLOCKED] > 0))


@lean
def _count(s: Ints, o: Ints, step: int, want: int, first: int) -> tuple[int, int]:
    """(lots, units) of a load that begins with the ``first`` in the queue and goes on in its order."""
    family = family_at(s, o, step, first) if s[step + S.ONE_FAMILY] else 0
    orders = s[step + S.POSITION] == 0
    line, back = s[step + S.LINE], lots_before(step)
    size = s[line + L.LOT_UNITS]
    lots = units = 0
    i = -1
    n = queued(s, step)
    while lots < want and i < n:
        j = first if i < 0 else i
        i += 1
        if i > 0 and (j == first or (s[step + S.ONE_FAMILY] and family_at(s, o, step, j) != family)):
            continue
        if orders:
            number = ring_get(o, s[line + L.RING_AT], s[line + L.RING_CAP], s[line + L.RING_HEAD], j)
            left = o[order_at(s, number) + O.UNRELEASED]
            more = min(want - lots, (left + size - 1) // size)
            units += min(left, more * size)
            lots += more
        else:
            lot = ring_get(s, s[back + S.BUFFER_AT], s[back + S.BUFFER_CAP], s[back + S.BUFFER_HEAD], j)
            units += s[lot + T.UNITS]
            lots += 1
    return lots, units


@inlined
def _first_units(s: Ints, o: Ints, step: int, i: int) -> int:
    """The units of the ``i``-th lot in the queue, or of the next lot of the ``i``-th order."""
    if s[step + S.POSITION] == 0:
        line = s[step + S.LINE]
        number = ring_get(o, s[line + L.RING_AT], s[line + L.RING_CAP], s[line + L.RING_HEAD], i)
        return int(min(s[line + L.LOT_UNITS], o[order_at(s, number) + O.UNRELEASED]))
    back = lots_before(step)
    return int(s[ring_get(s, s[back + S.BUFFER_AT], s[back + S.BUFFER_CAP], s[back + S.BUFFER_HEAD], i) + T.UNITS])


@inlined
def on_offer(s: Ints, o: Ints, m: int, want: int) -> tuple[int, int, int]:
    """(first, lots, units) that the machine could take, ``want`` lots at most; no lots when nothing waits.

    Where one family makes a load and the rule's does not fill it, the first other family that does is taken instead.
    """
    step = s[m + M.STEP]
    n = queued(s, step)
    if n == 0:
        back = lots_before(step)
        if s[step + S.POSITION] > 0 and s[back + S.BUFFER_CAP] == 0 and s[back + S.BLOCKED] > 0:
            other = s[s[back + S.BLOCKED_AT]]
            return 0, 1, int(s[s[s[other + M.HELD_AT] + s[other + M.HELD_FROM]] + T.UNITS])
        return 0, 0, 0
    first = pick(s, o, m)
    if want == 1:
        return first, 1, _first_units(s, o, step, first)
    lots, units = _count(s, o, step, want, first)
    if lots < want and s[step + S.ONE_FAMILY]:
        tried = family_at(s, o, step, first)
        for i in range(min(n, s[step + S.LOOK])):
            family = family_at(s, o, step, i)
            if family != tried:
                tried = family
                others, more = _count(s, o, step, want, i)
                if others >= want:
                    return i, others, more
    return first, lots, units


@inlined
def take_lots(s: Ints, o: Ints, m: int, want: int, first: int) -> None:
    """The machine takes what ``on_offer`` counted out of the buffer before it."""
    step = s[m + M.STEP]
    back = lots_before(step)
    i = first
    family = family_at(s, o, step, first) if s[step + S.ONE_FAMILY] else 0
    while s[m + M.HELD] < want and i < s[back + S.BUFFER]:
        if s[m + M.HELD] > 0 and s[step + S.ONE_FAMILY] and family_at(s, o, step, i) != family:
            i += 1
            continue
        at, cap, head = s[back + S.BUFFER_AT], s[back + S.BUFFER_CAP], s[back + S.BUFFER_HEAD]
        s[s[m + M.HELD_AT] + s[m + M.HELD]] = ring_get(s, at, cap, head, i)
        s[back + S.BUFFER_HEAD] = ring_drop(s, at, cap, head, i)
        s[back + S.BUFFER] -= 1
        s[m + M.HELD] += 1
        if s[m + M.HELD] == 1:
            i = 0


@inlined
def new_lot(s: Ints, o: Ints, line: int, order: int) -> int:
    """The next lot of an order (a place in ``o``); the caller takes care of the queue."""
    units = min(s[line + L.LOT_UNITS], o[order + O.UNRELEASED])
    o[order + O.UNRELEASED] -= units
    s[G.FREE] -= 1
    lot = s[s[G.AT_FREE] + s[G.FREE]]
    s[lot + T.ORDER] = order // ORDER_SIZE + s[G.ORDER_BASE]
    s[lot + T.VARIANT] = o[order + O.VARIANT]
    s[lot + T.UNITS] = units
    s[lot + T.NUMBER] = s[G.LOTS_MADE]
    s[lot + T.SCRAP] = 0
    s[lot + T.REWORK] = 0
    s[G.LOTS_MADE] += 1
    return int(lot)


@inlined
def free_lot(s: Ints, lot: int) -> None:
    """The lot is no more."""
    s[s[G.AT_FREE] + s[G.FREE]] = lot
    s[G.FREE] += 1


@lean
def next_lot(s: Ints, o: Ints, out: Ints, line: int, i: int, now: int) -> int:
    """A lot of the ``i``-th order that waits; with its last lot the order leaves the queue."""
    at, cap = s[line + L.RING_AT], s[line + L.RING_CAP]
    number = ring_get(o, at, cap, s[line + L.RING_HEAD], i)
    order = order_at(s, number)
    if o[order + O.STATE] < STARTED:
        o[order + O.STATE] = STARTED
        tell_order(s, out, now, number, OrderEvent.STARTED, o[order + O.UNITS])
    lot = new_lot(s, o, line, order)
    if o[order + O.UNRELEASED] == 0:
        s[line + L.RING_HEAD] = ring_drop(o, at, cap, s[line + L.RING_HEAD], i)
        s[line + L.RING] -= 1
        o[order + O.QUEUED] = 0
    return lot


@lean
def take_orders(s: Ints, o: Ints, out: Ints, m: int, want: int, first: int, now: int) -> None:
    """The machine takes the lots that ``on_offer`` counted out of the orders that wait."""
    step = s[m + M.STEP]
    line = s[step + S.LINE]
    i = first
    family = family_at(s, o, step, first) if s[step + S.ONE_FAMILY] else 0
    while s[m + M.HELD] < want and i < s[line + L.RING]:
        begun = s[m + M.HELD] > 0
        if begun and s[step + S.ONE_FAMILY] and family_at(s, o, step, i) != family:
            i += 1
            continue
        waiting = s[line + L.RING]
        while s[m + M.HELD] < want and s[line + L.RING] == waiting:
            s[s[m + M.HELD_AT] + s[m + M.HELD]] = next_lot(s, o, out, line, i, now)
            s[m + M.HELD] += 1
        if not begun:
            i = 0


@lean
def put_back(s: Ints, o: Ints, order: int, units: int) -> None:
    """Scrapped units go back to their order, at the front of the line."""
    o[order + O.UNRELEASED] += units
    if o[order + O.QUEUED]:
        return
    line = o[order + O.LINE]
    cap = s[line + L.RING_CAP]
    head = s[line + L.RING_HEAD] - 1
    if head < 0:
        head += cap
    s[line + L.RING_HEAD] = head
    s[line + L.RING] += 1
    o[s[line + L.RING_AT] + head] = order // ORDER_SIZE + s[G.ORDER_BASE]
    o[order + O.QUEUED] = 1
