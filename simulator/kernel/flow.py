"""The flow of the kernel: looking for work, waiting for what it needs, and beginning.

What it is: compiled rules by which lots meet machines; see ``docs/design/kernel.md``.
What it is not: the end of a load (``handing.py``), and the order of events (``happen.py``).
"""

from __future__ import annotations

from simulator.compiled import inlined
from simulator.happenings import NEVER, Doing
from simulator.kernel.fate import plan_load
from simulator.kernel.handing import refill, rouse, take_from_hands
from simulator.kernel.layout import SF, G, K, M, S, T
from simulator.kernel.machines import SEEK, enter, maintain, stand, wait, work
from simulator.kernel.offers import change, family_of, on_offer, take_lots, take_orders, tools_of
from simulator.kernel.queues import Floats, Ints, lots_before, push, schedule
from simulator.kernel.stocks import reorder


@inlined
def begin(s: Ints, f: Floats, out: Ints, m: int, now: int) -> None:
    """The load is at hand: use up material, draw what will come of it, change the tools when that is due, and work."""
    step = s[m + M.STEP]
    units = plan_load(s, f, m)
    for i in range(s[step + S.NEEDS]):
        need = s[step + S.NEED_AT] + 2 * i
        k = s[need]
        s[k + K.ON_HAND_U] -= s[need + 1] * units
        if s[k + K.ON_HAND_U] + s[k + K.UNDER_WAY_U] <= s[k + K.REORDER_U]:
            reorder(s, f, out, k, s[k + K.REORDER_U], now)
    s[m + M.PATIENT_SINCE_NS] = NEVER
    _set_up(s, m, step, s[s[s[m + M.HELD_AT]] + T.VARIANT], units, now)


@inlined
def _set_up(s: Ints, m: int, step: int, variant: int, units: int, now: int) -> None:
    """Change the tools first when the family, the variant or the count asks for it; then work."""
    need = change(s, m, step, variant)
    s[m + M.MAJOR_KEY] = family_of(s, step, variant)
    s[m + M.MINOR_KEY] = tools_of(s, step, variant)
    s[m + M.SINCE_MINOR] += units
    s[m + M.SINCE_MAJOR] += units
    if need == 2 or (s[step + S.MAJOR_EVERY] and s[m + M.SINCE_MAJOR] > s[step + S.MAJOR_EVERY]):
        s[m + M.SINCE_MAJOR] = units
        s[m + M.SINCE_MINOR] = units
        takes = s[step + S.MAJOR_NS]
    elif need == 1 or (s[step + S.MINOR_EVERY] and s[m + M.SINCE_MINOR] > s[step + S.MINOR_EVERY]):
        s[m + M.SINCE_MINOR] = units
        takes = s[step + S.MINOR_NS]
    else:
        takes = 0
    if takes:
        enter(s, m, Doing.SETUP.value, now, now + takes)
    else:
        work(s, m, now)


@inlined
def ready(s: Ints, f: Floats, out: Ints, m: int, units: int, now: int) -> bool:
    """Whether the machine may begin: power is cheap enough, and there is material; otherwise it waits for them."""
    step = s[m + M.STEP]
    if s[step + S.TARIFF_WAIT_NS] and s[G.PRICES]:
        at, n = s[G.AT_PRICES], s[G.PRICES]
        while s[G.PRICE_NOW] + 1 < n and s[at + s[G.PRICE_NOW] + 1] <= now:
            s[G.PRICE_NOW] += 1
        dear = f[s[G.PRICE_F_AT] + s[G.PRICE_NOW]] > f[s[step + S.F_AT] + SF.TARIFF_MAX]
        if dear:
            s[m + M.PATIENT_SINCE_NS] = min(s[m + M.PATIENT_SINCE_NS], now)
            until = s[m + M.PATIENT_SINCE_NS] + s[step + S.TARIFF_WAIT_NS]
            if now < until:
                change_ns = s[at + s[G.PRICE_NOW] + 1] if s[G.PRICE_NOW] + 1 < n else NEVER
                enter(s, m, Doing.WAIT_TARIFF.value, now, min(until, change_ns))
                return False
    for i in range(s[step + S.NEEDS]):
        need = s[step + S.NEED_AT] + 2 * i
        k = s[need]
        if s[k + K.ON_HAND_U] < s[need + 1] * units:
            reorder(s, f, out, k, s[need + 1] * units - 1, now)
            push(s, s[k + K.WAITING_AT], k + K.WAITING, m)
            s[m + M.DETAIL] = s[k + K.NUMBER]
            wait(s, m, Doing.NO_MATERIAL.value, now)
            return False
    return True


@inlined
def starve(s: Ints, m: int, now: int) -> None:
    """Nothing to take, or not enough for a load: wait for it, at the end of the queue."""
    step = s[m + M.STEP]
    push(s, s[step + S.STARVING_AT], step + S.STARVING, m)
    wait(s, m, Doing.NO_ORDER.value if s[step + S.POSITION] == 0 else Doing.STARVED.value, now)


@inlined
def seek(s: Ints, f: Floats, o: Ints, out: Ints, m: int, now: int) -> None:
    """Look for work, and send the next who starves when there is more of it."""
    step = s[m + M.STEP]
    if s[step + S.SENT] == m:
        s[step + S.SENT] = -1
    _seek(s, f, o, out, m, step, now)
    rouse(s, o, step, now)


@inlined
def _seek(s: Ints, f: Floats, o: Ints, out: Ints, m: int, step: int, now: int) -> None:
    if s[m + M.CLOSED]:
        s[m + M.RESUME] = SEEK
        stand(s, m, now)
        return
    if maintain(s, f, m, now):
        return
    first = s[step + S.POSITION] == 0
    want = max(1, s[step + S.LOAD_LOTS])
    head, lots, units = on_offer(s, o, m, want)
    if lots == 0:
        s[m + M.FILL_BY_NS] = NEVER
        starve(s, m, now)
        return
    if lots < want:
        s[m + M.FILL_BY_NS] = min(s[m + M.FILL_BY_NS], now + s[step + S.FILL_NS])
        if now < s[m + M.FILL_BY_NS]:
            starve(s, m, now)
            schedule(s, s[m + M.AGENT], s[m + M.FILL_BY_NS])
            return
    if not ready(s, f, out, m, units, now):
        return
    s[m + M.FILL_BY_NS] = NEVER
    if first:
        take_orders(s, o, out, m, want, head, now)
    elif s[lots_before(step) + S.BUFFER_CAP] == 0:
        take_from_hands(s, m)
    else:
        take_lots(s, o, m, want, head)
        refill(s, lots_before(step))
    begin(s, f, out, m, now)
