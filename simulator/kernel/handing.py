"""Handing on in the kernel: what is done leaves the machine, and who has waited for it is sent to look.

What it is: compiled rules for the ends of loads, buffers, blocking and starving; see ``docs/design/kernel.md``.
What it is not: what a machine that looks for work finds (``flow.py``, ``offers.py``).
"""

from __future__ import annotations

from simulator.compiled import inlined, lean
from simulator.happenings import NEVER, Doing, OrderEvent
from simulator.kernel.layout import FINISHED_SIZE, OVER, STEP_SIZE, G, L, M, O, S, T
from simulator.kernel.machines import SEEK, account, depower, wait, work
from simulator.kernel.offers import free_lot, on_offer, order_at, put_back, queued, something, tell_order
from simulator.kernel.queues import Ints, lots_before, pop, push, schedule, todo


@inlined
def _enough(s: Ints, o: Ints, m: int) -> bool:
    """Whether there is enough for a machine that starves."""
    want = s[s[m + M.STEP] + S.LOAD_LOTS]
    if want <= 1:
        return something(s, s[m + M.STEP])
    _, lots, _ = on_offer(s, o, m, want)
    return bool(lots >= want or (lots > 0 and s[s[m + M.STEP] + S.FILL_NS] == 0))


@lean
def rouse(s: Ints, o: Ints, step: int, now: int) -> None:
    """Send the machine that has starved longest to look for work, when there is some and nobody is on the way."""
    if s[step + S.STARVING] == 0 or s[step + S.SENT] >= 0:
        return
    m = s[s[step + S.STARVING_AT]]
    if _enough(s, o, m):
        pop(s, s[step + S.STARVING_AT], step + S.STARVING)
        s[step + S.SENT] = m
        todo(s, m)
    elif s[step + S.LOAD_LOTS] > 0:
        _grow_impatient(s, step, now)


@inlined
def _grow_impatient(s: Ints, step: int, now: int) -> None:
    """Batch machines that starve begin to count when there is a first lot."""
    if queued(s, step) == 0:
        return
    for i in range(s[step + S.STARVING]):
        m = s[s[step + S.STARVING_AT] + i]
        if s[m + M.FILL_BY_NS] == NEVER:
            s[m + M.FILL_BY_NS] = now + s[step + S.FILL_NS]
            schedule(s, s[m + M.AGENT], max(now + 1, s[m + M.FILL_BY_NS]))


@inlined
def _give(s: Ints, m: int) -> int:
    """The next lot in a machine's hands goes out of them; those that are scrapped as a whole fall away."""
    lot = s[s[m + M.HELD_AT] + s[m + M.HELD_FROM]]
    s[m + M.HELD_FROM] += 1
    _drop_empty(s, m)
    return int(lot)


@inlined
def _drop_empty(s: Ints, m: int) -> None:
    while s[m + M.HELD_FROM] < s[m + M.HELD]:
        lot = s[s[m + M.HELD_AT] + s[m + M.HELD_FROM]]
        if s[lot + T.UNITS] > 0:
            return
        free_lot(s, lot)
        s[m + M.HELD_FROM] += 1


@inlined
def _emptied(s: Ints, m: int) -> None:
    """The machine has nothing left in its hands."""
    s[m + M.HELD] = 0
    s[m + M.HELD_FROM] = 0
    if s[m + M.CLOSED]:
        s[m + M.RESUME] = SEEK
    else:
        todo(s, m)


@inlined
def take_from_hands(s: Ints, m: int) -> None:
    """Where there is no buffer: take the lot of the machine that has been blocked longest."""
    back = lots_before(s[m + M.STEP])
    other = s[s[back + S.BLOCKED_AT]]
    s[s[m + M.HELD_AT]] = _give(s, other)
    s[m + M.HELD] = 1
    if s[other + M.HELD_FROM] == s[other + M.HELD]:
        pop(s, s[back + S.BLOCKED_AT], back + S.BLOCKED)
        _emptied(s, other)


@inlined
def _append(s: Ints, step: int, lot: int) -> None:
    j = s[step + S.BUFFER_HEAD] + s[step + S.BUFFER]
    if j >= s[step + S.BUFFER_CAP]:
        j -= s[step + S.BUFFER_CAP]
    s[s[step + S.BUFFER_AT] + j] = lot
    s[step + S.BUFFER] += 1


@inlined
def refill(s: Ints, step: int) -> None:
    """Room in a buffer goes to the machine that has been blocked longest."""
    while s[step + S.BLOCKED] > 0 and s[step + S.BUFFER] < s[step + S.BUFFER_CAP]:
        m = s[s[step + S.BLOCKED_AT]]
        _append(s, step, _give(s, m))
        if s[m + M.HELD_FROM] == s[m + M.HELD]:
            pop(s, s[step + S.BLOCKED_AT], step + S.BLOCKED)
            _emptied(s, m)


@inlined
def hand_on(s: Ints, o: Ints, out: Ints, m: int, now: int) -> None:
    """The lots in a machine's hands leave them, in order, as far as there is room."""
    step = s[m + M.STEP]
    _drop_empty(s, m)
    while s[m + M.HELD_FROM] < s[m + M.HELD]:
        if s[step + S.LAST]:
            _leave_line(s, o, out, _give(s, m), now)
        elif s[step + S.BLOCKED] == 0 and s[step + S.BUFFER] < s[step + S.BUFFER_CAP]:
            _append(s, step, _give(s, m))
            rouse(s, o, step + STEP_SIZE, now)
        else:
            push(s, s[step + S.BLOCKED_AT], step + S.BLOCKED, m)
            wait(s, m, Doing.BLOCKED.value, now)
            rouse(s, o, step + STEP_SIZE, now)
            return
    _emptied(s, m)


@inlined
def _leave_line(s: Ints, o: Ints, out: Ints, lot: int, now: int) -> None:
    """The lot is finished, and perhaps its order."""
    order = order_at(s, s[lot + T.ORDER])
    units = s[lot + T.UNITS]
    o[order + O.OUT] += units
    s[o[order + O.LINE] + L.OPEN_UNITS] -= units
    if o[order + O.OUT] >= o[order + O.UNITS]:
        o[order + O.STATE] = OVER
        tell_order(s, out, now, s[lot + T.ORDER], OrderEvent.FINISHED, o[order + O.OUT])
    free_lot(s, lot)


@inlined
def finish_lot(s: Ints, o: Ints, out: Ints, m: int, now: int) -> None:
    """The next lot of the load is told; after the last one the load goes on."""
    lot = s[s[m + M.HELD_AT] + s[m + M.TOLD_LOTS]]
    units, scrap, rework = s[lot + T.UNITS], s[lot + T.SCRAP], s[lot + T.REWORK]
    s[m + M.TOLD_LOTS] += 1
    last = s[m + M.TOLD_LOTS] == s[m + M.HELD]
    share = s[m + M.ACTUAL_NS] - s[m + M.SHARED_NS]
    if not last:
        share = min(share, s[m + M.ACTUAL_NS] * units // s[m + M.UNITS])
    s[m + M.SHARED_NS] += share
    at = s[G.OUT_FINISHED_AT] + s[G.OUT_FINISHED] * FINISHED_SIZE
    s[G.OUT_FINISHED] += 1
    out[at] = now
    out[at + 1] = s[m + M.NUMBER]
    out[at + 2] = s[lot + T.ORDER]
    out[at + 3] = s[lot + T.NUMBER]
    out[at + 4] = s[lot + T.VARIANT]
    out[at + 5] = units - scrap - rework
    out[at + 6] = scrap
    out[at + 7] = rework
    out[at + 8] = share
    s[m + M.GOOD] += units - scrap - rework
    s[m + M.SCRAP] += scrap
    s[m + M.REWORK] += rework
    s[lot + T.UNITS] = units - scrap
    if scrap:
        order = order_at(s, s[lot + T.ORDER])
        put_back(s, o, order, scrap)
        rouse(s, o, s[o[order + O.LINE] + L.FIRST_STEP], now)
    if last:
        depower(s, m)
        s[m + M.HELD_FROM] = 0
        hand_on(s, o, out, m, now)
    else:
        s[m + M.LEFT_NS] = 1
        work(s, m, now)


@inlined
def stretch_ends(s: Ints, o: Ints, out: Ints, m: int, now: int) -> int:
    """A stretch of running ends: 0 the lot is done, 1 the machine fails, 2 it stops for a moment."""
    account(s, m, now)
    if s[m + M.LEFT_NS] <= 0:
        finish_lot(s, o, out, m, now)
        return 0
    return 1 if s[m + M.AGE_NS] >= s[m + M.LIFE_NS] else 2
