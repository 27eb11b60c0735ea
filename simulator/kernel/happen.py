"""The order of events in the kernel: what is due next, what follows from it, and what is told of it.

What it is: compiled; ``advance`` runs until a time or until there is no more room to tell in.
What it is not: the rules themselves (``machines.py``, ``flow.py``, ``handing.py``, ``stocks.py``).
"""

from __future__ import annotations

from simulator.compiled import inlined, lean
from simulator.happenings import NEVER, NOTHING, Doing, OrderEvent
from simulator.kernel.draws import duration, exponential
from simulator.kernel.fate import next_stop, renew, repair_ns
from simulator.kernel.flow import seek
from simulator.kernel.handing import rouse, stretch_ends
from simulator.kernel.layout import (
    ACCEPTED,
    BY_BREAK,
    BY_SHIFT,
    CALENDAR_SIZE,
    ENTERED_SIZE,
    MACHINE_SIZE,
    MATERIAL_SIZE,
    ORDER_SIZE,
    OVER,
    A,
    G,
    L,
    M,
    O,
    S,
    T,
)
from simulator.kernel.machines import (
    close,
    depower,
    enter,
    fail,
    free_technician,
    power_up,
    reopen,
    work,
)
from simulator.kernel.offers import order_at, tell_order
from simulator.kernel.queues import Floats, Ints, leave, ring_drop, ring_get, schedule, todo, todo_pop, unschedule
from simulator.kernel.stocks import deliver


@inlined
def wake(s: Ints, f: Floats, o: Ints, out: Ints, m: int, now: int) -> None:
    """What the machine was doing has come to its end by itself; whatever it does next sets or clears its next time."""
    doing = s[m + M.DOING]
    step = s[m + M.STEP]
    if doing == Doing.RUNNING:
        how = stretch_ends(s, o, out, m, now)
        if how == 1:
            fail(s, m, now)
        elif how == 2:
            depower(s, m)
            length = s[step + S.STOP_MEAN_NS] * exponential(s[m + M.S_STOP], 2 * s[m + M.STOPS] + 1)
            enter(s, m, Doing.MINOR_STOP.value, now, now + duration(length))
    elif doing == Doing.SETUP:
        work(s, m, now)
    elif doing == Doing.MINOR_STOP:
        next_stop(s, f, m)
        work(s, m, now)
    elif doing == Doing.DOWN:
        enter(s, m, Doing.REPAIR.value, now, now + repair_ns(s, f, m))
    elif doing == Doing.REPAIR:
        renew(s, f, m)
        free_technician(s, m, now)
        work(s, m, now)
    else:
        if doing == Doing.MAINTENANCE:
            renew(s, f, m)
            free_technician(s, m, now)
        leave(s, s[step + S.STARVING_AT], step + S.STARVING, m)
        todo(s, m)


@lean
def turn(s: Ints, number: int, now: int) -> None:
    """A calendar closes or opens its machines."""
    a = s[G.AT_CALENDARS] + number * CALENDAR_SIZE
    turned = s[a + A.NEXT]
    why = BY_BREAK if s[s[a + A.BREAKS_AT] + turned] else BY_SHIFT
    s[a + A.NEXT] = turned + 1
    plan_turn(s, number)
    for i in range(s[G.MACHINES]):
        m = s[G.AT_MACHINES] + i * MACHINE_SIZE
        if s[m + M.CALENDAR] == number:
            if turned & 1:
                reopen(s, m, BY_SHIFT | BY_BREAK, now)
            else:
                close(s, m, why, now)


@lean
def plan_turn(s: Ints, number: int) -> None:
    """The calendar's next event is its next time."""
    a = s[G.AT_CALENDARS] + number * CALENDAR_SIZE
    if s[a + A.NEXT] < s[a + A.TIMES]:
        schedule(s, number, s[s[a + A.TIMES_AT] + s[a + A.NEXT]])
    else:
        unschedule(s, number)


@lean
def plan_orders(s: Ints, o: Ints) -> None:
    """The next event of the orders is the first that is placed, released or cancelled."""
    first = NEVER
    if s[G.ARRIVED] < s[G.ORDERS]:
        first = min(first, o[s[G.ARRIVED] * ORDER_SIZE + O.T_NS])
    if s[G.RELEASED] < s[G.RELEASES]:
        first = min(first, o[order_at(s, o[s[G.AT_RELEASES] + s[G.RELEASED]]) + O.RELEASE_NS])
    if s[G.CANCELLED] < s[G.CANCELS]:
        first = min(first, o[order_at(s, o[s[G.AT_CANCELS] + s[G.CANCELLED]]) + O.CANCEL_NS])
    agent = s[G.CALENDARS]
    if first < NEVER:
        schedule(s, agent, first)
    else:
        unschedule(s, agent)


@lean
def orders(s: Ints, o: Ints, out: Ints, now: int) -> None:
    """The first of what is due of the orders: by number, and of one order placed before released before cancelled."""
    placed = released = cancelled = NEVER
    if s[G.ARRIVED] < s[G.ORDERS] and o[s[G.ARRIVED] * ORDER_SIZE + O.T_NS] <= now:
        placed = s[G.ORDER_BASE] + s[G.ARRIVED]
    if s[G.RELEASED] < s[G.RELEASES]:
        number = o[s[G.AT_RELEASES] + s[G.RELEASED]]
        if o[order_at(s, number) + O.RELEASE_NS] <= now:
            released = number
    if s[G.CANCELLED] < s[G.CANCELS]:
        number = o[s[G.AT_CANCELS] + s[G.CANCELLED]]
        if o[order_at(s, number) + O.CANCEL_NS] <= now:
            cancelled = number
    if placed <= released and placed <= cancelled:
        s[G.ARRIVED] += 1
        _place(s, o, out, placed, now)
    elif released <= cancelled:
        s[G.RELEASED] += 1
        _release(s, o, released, now)
    else:
        s[G.CANCELLED] += 1
        _cancel(s, o, out, cancelled, now)
    plan_orders(s, o)


@lean
def _place(s: Ints, o: Ints, out: Ints, number: int, now: int) -> None:
    order = order_at(s, number)
    line = o[order + O.LINE]
    units = o[order + O.UNITS]
    if s[line + L.OPEN_UNITS] > s[line + L.BOOK_UNITS]:
        o[order + O.STATE] = OVER
        tell_order(s, out, now, number, OrderEvent.REFUSED, units)
        return
    o[order + O.STATE] = ACCEPTED
    s[line + L.OPEN_UNITS] += units
    tell_order(s, out, now, number, OrderEvent.ACCEPTED, units)


@lean
def _release(s: Ints, o: Ints, number: int, now: int) -> None:
    order = order_at(s, number)
    if o[order + O.STATE] != ACCEPTED:
        return
    line = o[order + O.LINE]
    j = s[line + L.RING_HEAD] + s[line + L.RING]
    if j >= s[line + L.RING_CAP]:
        j -= s[line + L.RING_CAP]
    o[s[line + L.RING_AT] + j] = number
    s[line + L.RING] += 1
    o[order + O.QUEUED] = 1
    rouse(s, o, s[line + L.FIRST_STEP], now)


@lean
def _cancel(s: Ints, o: Ints, out: Ints, number: int, now: int) -> None:
    order = order_at(s, number)
    if o[order + O.STATE] != ACCEPTED:
        return
    line = o[order + O.LINE]
    if o[order + O.QUEUED]:
        at, cap, head = s[line + L.RING_AT], s[line + L.RING_CAP], s[line + L.RING_HEAD]
        for i in range(s[line + L.RING]):
            if ring_get(o, at, cap, head, i) == number:
                s[line + L.RING_HEAD] = ring_drop(o, at, cap, head, i)
                s[line + L.RING] -= 1
                break
        o[order + O.QUEUED] = 0
    o[order + O.STATE] = OVER
    s[line + L.OPEN_UNITS] -= o[order + O.UNITS]
    tell_order(s, out, now, number, OrderEvent.CANCELLED, o[order + O.UNITS])


@lean
def settle(s: Ints, f: Floats, o: Ints, out: Ints, now: int) -> None:
    """All that follows from an event: who looks for work, and who waits for power."""
    while s[G.TODO] > 0 or s[G.DIRTY]:
        if s[G.TODO] > 0:
            seek(s, f, o, out, todo_pop(s), now)
        else:
            power_up(s, now)


@inlined
def tell(s: Ints, out: Ints, now: int) -> None:
    """Note what the machines touched at ``now`` do; what was entered and left at once never was."""
    for i in range(s[G.TOUCHED]):
        m = s[s[G.AT_TOUCHED] + i]
        s[m + M.TOUCHED] = 0
        if s[m + M.DOING] == s[m + M.TOLD]:
            continue
        s[m + M.TOLD] = s[m + M.DOING]
        at = s[G.OUT_ENTERED] * ENTERED_SIZE
        s[G.OUT_ENTERED] += 1
        out[at] = now
        out[at + 1] = s[m + M.NUMBER]
        out[at + 2] = s[m + M.DOING]
        out[at + 3] = NOTHING
        if s[m + M.HELD_FROM] < s[m + M.HELD]:
            out[at + 3] = s[s[s[m + M.HELD_AT] + s[m + M.HELD_FROM]] + T.ORDER]
        out[at + 4] = s[m + M.DETAIL]
        out[at + 5] = s[m + M.AGE_NS]
        out[at + 6] = s[m + M.LIFE_NS]
        out[at + 7] = s[m + M.MODE]
    s[G.TOUCHED] = 0


@lean
def advance(s: Ints, f: Floats, o: Ints, out: Ints, until: int) -> bool:
    """Do everything before ``until``; False when ``out`` is full before that: take it, and call again."""
    while True:
        due = s[s[G.AT_KEY] + s[s[G.AT_HEAP]]] if s[G.HEAP] > 0 else NEVER
        if s[G.TOUCHED] > 0 and due > s[G.NOW_NS]:  # the instant is over
            tell(s, out, s[G.NOW_NS])
        if due >= until:
            break
        most = s[G.OUT_CAP] - s[G.OUT_MARGIN]
        if max(s[G.OUT_ENTERED], s[G.OUT_FINISHED], s[G.OUT_ORDERED], s[G.OUT_SHIPPED]) > most:
            return False
        s[G.NOW_NS] = due
        happen(s, f, o, out, s[s[G.AT_HEAP]], due)
        settle(s, f, o, out, due)
    s[G.NOW_NS] = until
    return True


@inlined
def happen(s: Ints, f: Floats, o: Ints, out: Ints, agent: int, now: int) -> None:
    """One event of one agent."""
    calendars, materials = s[G.CALENDARS], s[G.MATERIALS]
    if agent > calendars + materials:
        number = agent - calendars - materials - 1
        wake(s, f, o, out, s[G.AT_MACHINES] + number * MACHINE_SIZE, now)
    elif agent > calendars:
        deliver(s, f, out, s[G.AT_MATERIALS] + (agent - calendars - 1) * MATERIAL_SIZE, now)
    elif agent == calendars:
        orders(s, o, out, now)
    else:
        turn(s, agent, now)
