"""A world laid out in the kernel's arrays: every row in its place, every machine somewhere in its life.

What it is: the building of ``s`` and ``f`` out of ``line.World``, and the checks that a world can run at all.
What it is not: compiled, and not called again once the plant runs.
"""

from __future__ import annotations

from math import gamma

import numpy as np
from numpy.typing import NDArray

from simulator import chance
from simulator.happenings import NEVER, Doing
from simulator.kernel.layout import (
    CALENDAR_SIZE,
    CREW_SIZE,
    GROUP_SIZE,
    KF,
    LINE_SIZE,
    LOT_SIZE,
    MACHINE_SIZE,
    MATERIAL_SIZE,
    MAX_PENDING,
    MF,
    MODE_SIZE,
    SF,
    SHIPMENT_SIZE,
    STEP_SIZE,
    A,
    C,
    D,
    G,
    K,
    L,
    M,
    P,
    S,
    W,
)
from simulator.kernel.queues import NOBODY
from simulator.line import DISPATCH, Line, Material, Step, World

STREAMS = ("cycle", "quality", "stop", "life", "repair")
_MARGIN = 512


def check(world: World) -> None:
    """Refuse what could never run; raises ValueError that names the line and the step."""
    names = world.machines
    if len(names) != len(set(names)):
        raise ValueError("two machines have the same name")
    for line in world.lines:
        for before, step in zip(line.steps, line.steps[1:], strict=False):
            if step.load_lots > before.buffer_after:
                raise ValueError(
                    f"{line.name}: the buffer before {step.machines[0]} has {before.buffer_after} places,"
                    f" a load takes {step.load_lots}"
                )
        for step in line.steps:
            if step.power_group >= 0 and step.power_w > world.power_w[step.power_group]:
                raise ValueError(f"{line.name}: {step.machines[0]} alone draws more than its power limit")


class Builder:
    """Appends rows to ``s`` and ``f``."""

    def __init__(self) -> None:
        self.s: list[int] = [0] * len(G)
        self.f: list[float] = []

    def ints(self, size: int, fill: int = 0) -> int:
        """Room for so many integers; returns its place."""
        at = len(self.s)
        self.s.extend([fill] * size)
        return at

    def floats(self, values: list[float]) -> int:
        """Fractions; returns their place."""
        at = len(self.f)
        self.f.extend(values)
        return at


def signed(key: int) -> int:
    """The 64 bits of a stream's key as the array holds them."""
    return key - 2**64 if key >= 2**63 else key


def build(world: World, seed: int, start_ns: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The arrays of a plant that is about to begin; every machine still without a life (``plant.start`` draws it)."""
    check(world)
    b = Builder()
    s = b.s
    steps, machines = world.steps, world.machines
    s[G.NOW_NS] = start_ns
    s[G.MACHINES], s[G.STEPS], s[G.LINES] = len(machines), len(steps), len(world.lines)
    s[G.MATERIALS], s[G.GROUPS] = len(world.materials), len(world.power_w)
    s[G.CALENDARS], s[G.PRICES] = len(world.calendars), len(world.price)
    s[G.AT_MACHINES] = b.ints(MACHINE_SIZE * len(machines))
    s[G.AT_STEPS] = b.ints(STEP_SIZE * len(steps))
    s[G.AT_LINES] = b.ints(LINE_SIZE * len(world.lines))
    s[G.AT_MATERIALS] = b.ints(MATERIAL_SIZE * len(world.materials))
    s[G.AT_GROUPS] = b.ints(GROUP_SIZE * len(world.power_w))
    s[G.AT_CREWS] = b.ints(CREW_SIZE * len(world.crews))
    s[G.AT_CALENDARS] = b.ints(CALENDAR_SIZE * len(world.calendars))
    s[G.AT_PRICES] = b.ints(len(world.price))
    s[G.PRICE_F_AT] = b.floats([price for _, price in world.price])
    for i, (t_ns, _) in enumerate(world.price):
        s[s[G.AT_PRICES] + i] = t_ns
    _shared(b, world, seed, len(machines))
    number = lots = 0
    for n, line in enumerate(world.lines):
        number, more = _line(b, line, n, number, seed)
        lots += more
    _book_keeping(b, len(machines), len(world.calendars) + 1 + len(world.materials) + len(machines), lots)
    s[G.OUT_MARGIN] = _MARGIN + 2 * lots + 4 * len(machines) + MAX_PENDING * len(world.materials)
    return np.array(s, np.int64), np.array(b.f, np.float64)


def _shared(b: Builder, world: World, seed: int, machines: int) -> None:
    """What lines share: power, crews, calendars, materials."""
    s = b.s
    for n, limit in enumerate(world.power_w):
        w = s[G.AT_GROUPS] + n * GROUP_SIZE
        s[w + W.LIMIT_W], s[w + W.WAITING_AT] = limit, b.ints(machines)
    for n, technicians in enumerate(world.crews):
        c = s[G.AT_CREWS] + n * CREW_SIZE
        s[c + C.FREE], s[c + C.WAITING_AT] = technicians, b.ints(machines)
    for n, times in enumerate(world.calendars):
        a = s[G.AT_CALENDARS] + n * CALENDAR_SIZE
        breaks = world.breaks[n] if n < len(world.breaks) else frozenset()
        s[a + A.TIMES_AT], s[a + A.TIMES] = b.ints(len(times)), len(times)
        s[a + A.BREAKS_AT] = b.ints(len(times))
        for i, t_ns in enumerate(times):
            s[s[a + A.TIMES_AT] + i] = t_ns
            s[s[a + A.BREAKS_AT] + i] = int(t_ns in breaks)
    for n, material in enumerate(world.materials):
        _material(b, material, n, s[G.NOW_NS], seed, len(world.calendars) + 1 + n, machines)


def _material(b: Builder, material: Material, n: int, start_ns: int, seed: int, agent: int, machines: int) -> None:
    s = b.s
    k = s[G.AT_MATERIALS] + n * MATERIAL_SIZE
    stream = chance.key(seed, "material", material.name)
    s[k + K.NUMBER], s[k + K.STREAM], s[k + K.AGENT] = n, signed(stream), agent
    s[k + K.ON_HAND_U], s[k + K.REORDER_U], s[k + K.ORDER_U] = material.start_u, material.reorder_u, material.order_u
    s[k + K.LEAD_NS] = material.lead_mean_ns
    s[k + K.WAITING_AT], s[k + K.PENDING_AT] = b.ints(machines), b.ints(MAX_PENDING * SHIPMENT_SIZE)
    kf = [0.0] * len(KF)
    kf[KF.LEAD_SIGMA], kf[KF.DEFECT_P], kf[KF.DEFECT_SIGMA] = (
        material.lead_sigma,
        material.defect_p,
        material.defect_sigma,
    )
    kf[KF.DEFECT_SCRAP], kf[KF.PRICE_SIGMA], kf[KF.DEFECTS] = (
        material.defect_scrap,
        material.price_sigma,
        material.defect_p,
    )
    s[k + K.F_AT] = b.floats(kf)
    for i, (after_ns, quantity) in enumerate(material.pipeline[:MAX_PENDING]):
        p = s[k + K.PENDING_AT] + i * SHIPMENT_SIZE
        defects = min(1.0, chance.lognormal(stream, 3 * i + 2, material.defect_p, material.defect_sigma))
        s[p + P.NUMBER], s[p + P.QUANTITY_U] = i, quantity
        s[p + P.SHIP_NS] = start_ns + max(1, after_ns // 2)
        s[p + P.RECEIVE_NS] = s[p + P.SHIP_NS] + max(1, after_ns - after_ns // 2)
        s[p + P.DUE_NS], s[p + P.PRICE_PPM] = s[p + P.RECEIVE_NS], 1_000_000
        s[p + P.DEFECTIVE_U] = round(quantity * defects)
        s[k + K.UNDER_WAY_U] += quantity
        s[k + K.PENDING] += 1
        s[k + K.SHIPMENTS] += 1


def _keys(table: NDArray[np.int64], line: Line) -> NDArray[np.int64]:
    """[variant, step], also where one variant was given for all steps."""
    variants = max(line.minor_keys.shape[0], line.major_keys.shape[0], line.slower.shape[0])
    return np.broadcast_to(table, (variants, len(line.steps)))


def _line(b: Builder, line: Line, n: int, number: int, seed: int) -> tuple[int, int]:
    """One line with its steps and machines; returns the next machine's number, and how many lots there can be."""
    s = b.s
    at = s[G.AT_LINES] + n * LINE_SIZE
    first = s[G.AT_STEPS] + _steps_before(b, n) * STEP_SIZE
    s[at + L.FIRST_STEP], s[at + L.STEPS] = first, len(line.steps)
    s[at + L.LOT_UNITS], s[at + L.BOOK_UNITS] = line.lot_units, line.book_units
    keys = np.stack([_keys(line.minor_keys, line), _keys(line.major_keys, line)], axis=2)
    keys_at = b.ints(0)
    s.extend(keys.ravel().tolist())
    slower = np.broadcast_to(line.slower, keys.shape[:2])
    slower_at = b.floats(slower.ravel().tolist())
    lots = 0
    for position, step in enumerate(line.steps):
        place = first + position * STEP_SIZE
        s[place + S.LINE], s[place + S.POSITION] = at, position
        s[place + S.LAST] = int(position + 1 == len(line.steps))
        s[place + S.KEYS_AT], s[place + S.SLOWER_AT] = keys_at, slower_at
        _step(b, step, place)
        lots += 0 if s[place + S.LAST] else step.buffer_after
        for name in step.machines:
            _machine(b, name, number, step, place, seed)
            lots += max(1, step.load_lots)
            number += 1
    return number, lots


def _steps_before(b: Builder, n: int) -> int:
    return sum(b.s[b.s[G.AT_LINES] + i * LINE_SIZE + L.STEPS] for i in range(n))


def _step(b: Builder, step: Step, at: int) -> None:
    s = b.s
    values = {
        S.MACHINES: len(step.machines),
        S.CYCLE_NS: step.cycle_ns,
        S.EXPONENTIAL: int(step.shape == "exponential"),
        S.LOAD_LOTS: step.load_lots,
        S.ONE_FAMILY: int(step.one_family),
        S.FILL_NS: step.fill_ns,
        S.REWORK_NS: step.rework_ns,
        S.MINOR_NS: step.minor_ns,
        S.MAJOR_NS: step.major_ns,
        S.MINOR_EVERY: step.minor_every,
        S.MAJOR_EVERY: step.major_every,
        S.STOP_INTERVAL_NS: step.stop_interval_ns,
        S.STOP_MEAN_NS: step.stop_mean_ns,
        S.MTBF_NS: step.mtbf_ns,
        S.MTTR_NS: step.mttr_ns,
        S.MODES: len(step.modes),
        S.NEEDS: len(step.needs),
        S.DISPATCH: DISPATCH[step.dispatch],
        S.LOOK: step.look,
        S.MAINTAIN_AGE_NS: step.maintain_age_ns,
        S.RESPONSE_NS: step.response_ns,
        S.TARIFF_WAIT_NS: step.tariff_wait_ns,
        S.BUFFER_CAP: step.buffer_after,
        S.SENT: NOBODY,
    }
    for name, value in values.items():
        s[at + name] = value
    s[at + S.MODE_AT] = b.ints(MODE_SIZE * len(step.modes))
    effects: list[float] = []
    for i, mode in enumerate(step.modes):
        s[s[at + S.MODE_AT] + i * MODE_SIZE + D.WEAR] = int(mode.pattern == "wear")
        s[s[at + S.MODE_AT] + i * MODE_SIZE + D.VISIBLE_NS] = mode.visible_ns
        effect = mode.effect
        effects += [effect.scrap, effect.rework, effect.slower, effect.minor_stops]
    s[at + S.MODE_F_AT] = b.floats(effects)
    s[at + S.NEED_AT] = b.ints(2 * len(step.needs))
    for i, (material, quantity) in enumerate(step.needs):
        s[s[at + S.NEED_AT] + 2 * i] = s[G.AT_MATERIALS] + material * MATERIAL_SIZE
        s[s[at + S.NEED_AT] + 2 * i + 1] = quantity
    s[at + S.BUFFER_AT] = b.ints(step.buffer_after + 1)
    s[at + S.STARVING_AT], s[at + S.BLOCKED_AT] = b.ints(len(step.machines)), b.ints(len(step.machines))
    sf = [0.0] * len(SF)
    sf[SF.CYCLE_NOISE], sf[SF.CYCLE_LOSS], sf[SF.WORN_SLOWER] = step.cycle_noise, step.cycle_loss, step.worn_slower
    sf[SF.SCRAP_P], sf[SF.REWORK_P], sf[SF.WEIBULL_SHAPE] = step.scrap_p, step.rework_p, step.weibull_shape
    sf[SF.WEIBULL_SCALE] = step.mtbf_ns / gamma(1 + 1 / step.weibull_shape)
    sf[SF.REPAIR_SIGMA], sf[SF.CAUGHT], sf[SF.PLANNED_REPAIR] = step.repair_sigma, step.caught, step.planned_repair
    sf[SF.TARIFF_MAX] = step.tariff_max
    s[at + S.F_AT] = b.floats(sf)


def _machine(b: Builder, name: str, number: int, step: Step, place: int, seed: int) -> None:
    s = b.s
    m = s[G.AT_MACHINES] + number * MACHINE_SIZE
    if s[place + S.FIRST_MACHINE] == 0:
        s[place + S.FIRST_MACHINE] = m
    values = {
        M.NUMBER: number,
        M.STEP: place,
        M.CALENDAR: step.calendar,
        M.CREW: s[G.AT_CREWS] + step.crew * CREW_SIZE if step.crew >= 0 else -1,
        M.GROUP: s[G.AT_GROUPS] + step.power_group * GROUP_SIZE if step.power_group >= 0 else -1,
        M.POWER_W: step.power_w,
        M.AGENT: s[G.CALENDARS] + 1 + s[G.MATERIALS] + number,
        M.F_AT: b.floats([0.0] * len(MF)),
        M.HELD_AT: b.ints(max(1, step.load_lots)),
        M.DOING: Doing.STARVED,
        M.TOLD: NOBODY,
        M.SINCE_NS: s[G.NOW_NS],
        M.LIFE_NS: NEVER,
        M.NOTICED_NS: NEVER,
        M.TO_STOP_NS: NEVER,
        M.MINOR_KEY: NOBODY,
        M.MAJOR_KEY: NOBODY,
        M.FILL_BY_NS: NEVER,
        M.PATIENT_SINCE_NS: NEVER,
    }
    for field, value in values.items():
        s[m + field] = value
    for field, purpose in zip((M.S_CYCLE, M.S_QUALITY, M.S_STOP, M.S_LIFE, M.S_REPAIR), STREAMS, strict=True):
        s[m + field] = signed(chance.key(seed, name, purpose))


def _book_keeping(b: Builder, machines: int, agents: int, lots: int) -> None:
    """The agenda, the to-do list and the lots that can be."""
    s = b.s
    s[G.AT_HEAP], s[G.AT_PLACE], s[G.AT_KEY] = b.ints(agents), b.ints(agents, NOBODY), b.ints(agents)
    s[G.AT_TODO], s[G.AT_TOUCHED] = b.ints(machines + 1), b.ints(machines)
    s[G.AT_LOTS], s[G.FREE] = b.ints(lots * LOT_SIZE), lots
    s[G.AT_FREE] = b.ints(0)
    s.extend(s[G.AT_LOTS] + i * LOT_SIZE for i in range(lots - 1, -1, -1))
