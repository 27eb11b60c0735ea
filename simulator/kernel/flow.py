"""The flow of the kernel: looking for work, beginning, finishing, handing on, and materials.

What it is: compiled rules by which lots meet machines; see ``docs/design/kernel.md``.
What it is not: the order of events (``happen.py``).
"""

from __future__ import annotations

from simulator.compiled import inlined, lean
from simulator.happenings import NEVER, Doing, OrderEvent, ShipmentEvent
from simulator.kernel.draws import bell, duration, exponential, lognormal
from simulator.kernel.layout import (
    DF,
    FINISHED_SIZE,
    KF,
    MAX_PENDING,
    MF,
    OVER,
    SF,
    SHIPMENT_SIZE,
    SHIPPED_SIZE,
    STEP_SIZE,
    G,
    K,
    L,
    M,
    O,
    P,
    S,
    T,
)
from simulator.kernel.machines import (
    SEEK,
    account,
    defects_of,
    depower,
    effect_at,
    enter,
    judge,
    maintain,
    stand,
    wait,
    work,
    worn,
)
from simulator.kernel.offers import (
    change,
    family_of,
    free_lot,
    on_offer,
    order_at,
    put_back,
    queued,
    something,
    take_lots,
    take_orders,
    tell_order,
    tools_of,
)
from simulator.kernel.queues import Floats, Ints, lots_before, pop, push, schedule, todo, unschedule


@inlined
def tell_shipment(s: Ints, out: Ints, k: int, p: int, what: int, now: int) -> None:
    """Note that something happened to a shipment."""
    at = s[G.OUT_SHIPPED_AT] + s[G.OUT_SHIPPED] * SHIPPED_SIZE
    s[G.OUT_SHIPPED] += 1
    out[at] = now
    out[at + 1] = s[k + K.NUMBER]
    out[at + 2] = s[p + P.NUMBER]
    out[at + 3] = what
    out[at + 4] = s[p + P.QUANTITY_U]
    out[at + 5] = s[p + P.DEFECTIVE_U]
    out[at + 6] = s[p + P.DUE_NS]
    out[at + 7] = s[p + P.PRICE_PPM]


@lean
def plan_shipments(s: Ints, k: int) -> None:
    """The material's next event is the first of what its shipments wait for."""
    first = NEVER
    for i in range(s[k + K.PENDING]):
        p = s[k + K.PENDING_AT] + i * SHIPMENT_SIZE
        first = min(first, s[p + P.RECEIVE_NS] if s[p + P.SHIPPED] else s[p + P.SHIP_NS])
    if first < NEVER:
        schedule(s, s[k + K.AGENT], first)
    else:
        unschedule(s, s[k + K.AGENT])


@lean
def reorder(s: Ints, f: Floats, out: Ints, k: int, least_u: int, now: int) -> None:
    """Order until more than ``least_u`` is on hand or under way."""
    kf = s[k + K.F_AT]
    stream = s[k + K.STREAM]
    while s[k + K.ON_HAND_U] + s[k + K.UNDER_WAY_U] <= least_u and s[k + K.PENDING] < MAX_PENDING:
        n = 3 * s[k + K.SHIPMENTS]
        lead = duration(lognormal(stream, n, float(s[k + K.LEAD_NS]), f[kf + KF.LEAD_SIGMA]))
        price = lognormal(stream, n + 1, 1.0, f[kf + KF.PRICE_SIGMA])
        defects = min(1.0, lognormal(stream, n + 2, f[kf + KF.DEFECT_P], f[kf + KF.DEFECT_SIGMA]))
        p = s[k + K.PENDING_AT] + s[k + K.PENDING] * SHIPMENT_SIZE
        s[p + P.NUMBER] = s[k + K.SHIPMENTS]
        s[p + P.SHIP_NS] = now + max(1, lead // 2)
        s[p + P.RECEIVE_NS] = s[p + P.SHIP_NS] + max(1, lead - lead // 2)
        s[p + P.QUANTITY_U] = s[k + K.ORDER_U]
        s[p + P.DEFECTIVE_U] = round(s[k + K.ORDER_U] * defects)
        s[p + P.DUE_NS] = now + s[k + K.LEAD_NS]
        s[p + P.PRICE_PPM] = round(price * 1e6)
        s[p + P.SHIPPED] = 0
        s[k + K.SHIPMENTS] += 1
        s[k + K.PENDING] += 1
        s[k + K.UNDER_WAY_U] += s[k + K.ORDER_U]
        tell_shipment(s, out, k, p, ShipmentEvent.PROMISED, now)
    plan_shipments(s, k)


@lean
def deliver(s: Ints, f: Floats, out: Ints, k: int, now: int) -> None:
    """What is due of a material is shipped or received; who waited for it looks for work again."""
    i = 0
    came = False
    while i < s[k + K.PENDING]:
        p = s[k + K.PENDING_AT] + i * SHIPMENT_SIZE
        if not s[p + P.SHIPPED] and s[p + P.SHIP_NS] <= now:
            late = s[k + K.CLOSED_UNTIL_NS] - now
            if late > 0:
                s[p + P.SHIP_NS] += late
                s[p + P.RECEIVE_NS] += late
            else:
                s[p + P.SHIPPED] = 1
                tell_shipment(s, out, k, p, ShipmentEvent.SHIPPED, now)
        if s[p + P.SHIPPED] and s[p + P.RECEIVE_NS] <= now:
            tell_shipment(s, out, k, p, ShipmentEvent.RECEIVED, now)
            quantity, stock, kf = s[p + P.QUANTITY_U], s[k + K.ON_HAND_U], s[k + K.F_AT]
            bad = f[kf + KF.DEFECTS] * stock + s[p + P.DEFECTIVE_U]
            f[kf + KF.DEFECTS] = bad / (stock + quantity)
            s[k + K.ON_HAND_U] += quantity
            s[k + K.UNDER_WAY_U] -= quantity
            for j in range(p, s[k + K.PENDING_AT] + (s[k + K.PENDING] - 1) * SHIPMENT_SIZE):
                s[j] = s[j + SHIPMENT_SIZE]
            s[k + K.PENDING] -= 1
            came = True
        else:
            i += 1
    if came:
        for j in range(s[k + K.WAITING]):
            todo(s, s[s[k + K.WAITING_AT] + j])
        s[k + K.WAITING] = 0
    reorder(s, f, out, k, s[k + K.REORDER_U], now)


@inlined
def begin(s: Ints, f: Floats, out: Ints, m: int, now: int) -> None:
    """The load is at hand: use up material, draw what will come of it, change the tools when that is due, and work."""
    step = s[m + M.STEP]
    units = plan_load(s, f, m)
    for i in range(s[step + S.NEEDS]):
        need = s[step + S.NEED_AT] + 2 * i
        k = s[need]
        s[k + K.ON_HAND_U] -= s[need + 1] * units
        s[k + K.USED_U] += s[need + 1] * units
        if s[k + K.ON_HAND_U] + s[k + K.UNDER_WAY_U] <= s[k + K.REORDER_U]:
            reorder(s, f, out, k, s[k + K.REORDER_U], now)
    s[m + M.PATIENT_SINCE_NS] = NEVER
    _set_up(s, m, step, s[s[s[m + M.HELD_AT]] + T.VARIANT], units, now)


@lean
def plan_load(s: Ints, f: Floats, m: int) -> int:
    """Draw the load's running time and what will come of it; returns its units."""
    step = s[m + M.STEP]
    sf = s[step + S.F_AT]
    units = 0
    for i in range(s[m + M.HELD]):
        units += s[s[s[m + M.HELD_AT] + i] + T.UNITS]
    variant = s[s[s[m + M.HELD_AT]] + T.VARIANT]
    wear = worn(s, m)
    mended = judge(s, f, m, defects_of(s, f, step), wear)
    s[m + M.LOADS] += 1
    batch = s[step + S.LOAD_LOTS] > 0
    base = float(s[step + S.CYCLE_NS] if batch else s[step + S.CYCLE_NS] * units)
    if s[step + S.EXPONENTIAL]:
        run = duration(base * exponential(s[m + M.S_CYCLE], s[m + M.LOADS]))
    else:
        steps = s[s[step + S.LINE] + L.STEPS]
        wear *= f[sf + SF.WORN_SLOWER] + f[effect_at(s, m) + DF.SLOWER]
        slower = f[s[step + S.SLOWER_AT] + variant * steps + s[step + S.POSITION]] + f[s[m + M.F_AT] + MF.SLOWER]
        noise = f[sf + SF.CYCLE_NOISE]
        noise = noise * bell(s[m + M.S_CYCLE], s[m + M.LOADS]) if noise != 0.0 else 0.0
        run = duration(base * (1.0 + slower + f[sf + SF.CYCLE_LOSS] + wear + noise))
    s[m + M.LEFT_NS] = run + s[step + S.REWORK_NS] * (min(1, mended) if batch else mended)
    s[m + M.ACTUAL_NS] = 0
    s[m + M.SHARED_NS] = 0
    s[m + M.TOLD_LOTS] = 0
    s[m + M.UNITS] = units
    return int(units)


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
    elif s[lots_before(s, step) + S.BUFFER_CAP] == 0:
        _take_from_hands(s, o, m, now)
    else:
        take_lots(s, o, m, want, head)
        refill(s, o, lots_before(s, step), now)
    begin(s, f, out, m, now)


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
def _take_from_hands(s: Ints, o: Ints, m: int, now: int) -> None:
    """Where there is no buffer: take the lot of the machine that has been blocked longest."""
    back = lots_before(s, s[m + M.STEP])
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
def refill(s: Ints, o: Ints, step: int, now: int) -> None:
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
def finish_lot(s: Ints, f: Floats, o: Ints, out: Ints, m: int, now: int) -> None:
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
def stretch_ends(s: Ints, f: Floats, o: Ints, out: Ints, m: int, now: int) -> int:
    """A stretch of running ends: 0 the lot is done, 1 the machine fails, 2 it stops for a moment."""
    account(s, m, now)
    if s[m + M.LEFT_NS] <= 0:
        finish_lot(s, f, o, out, m, now)
        return 0
    return 1 if s[m + M.AGE_NS] >= s[m + M.LIFE_NS] else 2
