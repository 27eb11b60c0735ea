"""What a machine of the kernel has in store: its wear, lives and stops, and the time and outcome of its loads.

What it is: compiled; state and draws of one machine, see ``docs/design/kernel.md``.
What it is not: what the machine does about it, and when (``machines.py``, ``flow.py``).
"""

from __future__ import annotations

from typing import Final

from simulator.compiled import inlined, lean
from simulator.happenings import NEVER
from simulator.kernel.draws import bell, binomial, duration, exponential, lognormal, severity, uniform, weibull
from simulator.kernel.layout import DF, EFFECT_SIZE, KF, MF, MODE_SIZE, SF, D, K, L, M, S, T
from simulator.kernel.queues import Floats, Ints

LONGEST_LIFE_NS: Final = 2.0**60
"""Of a part that will not fail in this run; a longer one could not be added to a time."""


@inlined
def worn(s: Ints, m: int) -> float:
    """How much of the coming failure shows, 0 to 1."""
    if s[m + M.LIFE_NS] >= NEVER:
        return 0.0
    mode = s[s[m + M.STEP] + S.MODE_AT] + s[m + M.MODE] * MODE_SIZE
    return severity(s[mode + D.WEAR], s[mode + D.VISIBLE_NS], s[m + M.AGE_NS], s[m + M.LIFE_NS])


@inlined
def effect_at(s: Ints, m: int) -> int:
    """The place of the coming failure's effect in ``f``."""
    return int(s[s[m + M.STEP] + S.MODE_F_AT] + s[m + M.MODE] * EFFECT_SIZE)


@lean
def next_stop(s: Ints, f: Floats, m: int) -> None:
    """Set the running time to the next minor stop; a worn machine stops more often."""
    step = s[m + M.STEP]
    mean = s[step + S.STOP_INTERVAL_NS]
    if mean:
        s[m + M.STOPS] += 1
        factor = 1.0 + worn(s, m) * (f[effect_at(s, m) + DF.MINOR_STOPS] - 1.0)
        s[m + M.TO_STOP_NS] = duration(mean / factor * exponential(s[m + M.S_STOP], 2 * s[m + M.STOPS]))
    else:
        s[m + M.TO_STOP_NS] = NEVER
    if s[m + M.JAMMED]:  # a fault that came during the stop
        s[m + M.JAMMED] = 0
        s[m + M.TO_STOP_NS] = 1


@lean
def renew(s: Ints, f: Floats, m: int) -> None:
    """As good as new: a new life, the mode in which it will end, and the age at which that is noticed."""
    step = s[m + M.STEP]
    sf = s[step + S.F_AT]
    stream = s[m + M.S_LIFE]
    s[m + M.LIVES] += 1
    n = 4 * s[m + M.LIVES]
    s[m + M.AGE_NS] = 0
    s[m + M.LIFE_NS] = NEVER
    if s[step + S.MTBF_NS]:
        life = weibull(stream, n, f[sf + SF.WEIBULL_SCALE], f[sf + SF.WEIBULL_SHAPE])
        s[m + M.LIFE_NS] = duration(min(life, LONGEST_LIFE_NS))
    s[m + M.MODE] = int(uniform(stream, n + 1) * s[step + S.MODES])
    if s[m + M.NEXT_LIFE_NS]:  # a fault that came while the machine was being repaired
        s[m + M.LIFE_NS] = s[m + M.NEXT_LIFE_NS]
        if s[m + M.NEXT_MODE] >= 0:
            s[m + M.MODE] = s[m + M.NEXT_MODE]
        s[m + M.NEXT_LIFE_NS] = 0
    notice(s, f, m, 0)


@lean
def notice(s: Ints, f: Floats, m: int, age: int) -> None:
    """Draw whether, and from which age on, the coming failure is noticed; ``age`` is the machine's."""
    step = s[m + M.STEP]
    stream, n, life = s[m + M.S_LIFE], 4 * s[m + M.LIVES], s[m + M.LIFE_NS]
    s[m + M.NOTICED_NS] = NEVER
    if life < NEVER and uniform(stream, n + 2) < f[s[step + S.F_AT] + SF.CAUGHT]:
        mode = s[step + S.MODE_AT] + s[m + M.MODE] * MODE_SIZE
        begin = max(age, life // 2, life - s[mode + D.VISIBLE_NS])
        s[m + M.NOTICED_NS] = begin + int(uniform(stream, n + 3) * (life - begin))
    if s[step + S.MAINTAIN_AGE_NS]:
        s[m + M.NOTICED_NS] = min(s[m + M.NOTICED_NS], s[step + S.MAINTAIN_AGE_NS])


@lean
def repair_ns(s: Ints, f: Floats, m: int) -> int:
    """How long the repair of this life's failure takes."""
    step = s[m + M.STEP]
    sigma = f[s[step + S.F_AT] + SF.REPAIR_SIGMA]
    return duration(lognormal(s[m + M.S_REPAIR], 2 * s[m + M.LIVES], float(s[step + S.MTTR_NS]), sigma))


@inlined
def defects_of(s: Ints, f: Floats, step: int) -> float:
    """What the materials' defects add to the scrap probability at a step."""
    total = 0.0
    for i in range(s[step + S.NEEDS]):
        k = s[s[step + S.NEED_AT] + 2 * i]
        kf = s[k + K.F_AT]
        total += f[kf + KF.DEFECT_SCRAP] * f[kf + KF.DEFECTS]
    return total


@inlined
def judge(s: Ints, f: Floats, m: int, defects: float, wear: float) -> int:
    """Scrap and rework of every lot of the load by the machine's wear; returns how many units must be mended."""
    sf = s[s[m + M.STEP] + S.F_AT]
    effect = effect_at(s, m)
    scrap_p = f[sf + SF.SCRAP_P] + wear * f[effect + DF.SCRAP] + defects + f[s[m + M.F_AT] + MF.SCRAP_P]
    rework_p = f[sf + SF.REWORK_P] + wear * f[effect + DF.REWORK]
    mend_p = rework_p / (1.0 - scrap_p) if scrap_p < 1.0 else 0.0
    mended = 0
    for i in range(s[m + M.HELD]):
        lot = s[s[m + M.HELD_AT] + i]
        s[m + M.LOTS] += 1
        n = 2 * s[m + M.LOTS]
        units = s[lot + T.UNITS]
        scrap = binomial(uniform(s[m + M.S_QUALITY], n), units, scrap_p) if scrap_p > 0.0 else 0
        rework = binomial(uniform(s[m + M.S_QUALITY], n + 1), units - scrap, mend_p) if mend_p > 0.0 else 0
        s[lot + T.SCRAP] = scrap
        s[lot + T.REWORK] = rework
        mended += rework
    return mended


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
