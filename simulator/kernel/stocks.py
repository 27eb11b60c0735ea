"""Materials of the kernel: orders to suppliers, shipments under way, and what comes into stock.

What it is: compiled rules that concern one material; see ``docs/design/kernel.md``.
What it is not: who uses the material, and how much of it (``flow.py``).
"""

from __future__ import annotations

from simulator.compiled import inlined, lean
from simulator.happenings import NEVER, ShipmentEvent
from simulator.kernel.draws import duration, lognormal
from simulator.kernel.layout import KF, MAX_PENDING, SHIPMENT_SIZE, SHIPPED_SIZE, G, K, P
from simulator.kernel.queues import Floats, Ints, schedule, todo, unschedule


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
