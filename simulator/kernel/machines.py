"""A machine of the kernel: what it does and until when, its failures and its repair, its power and its shifts.

What it is: compiled rules that concern one machine, its crew and its power; see ``docs/design/kernel.md``.
What it is not: what it has in store (``fate.py``), or the flow of lots (``flow.py``).
"""

from __future__ import annotations

from typing import Final

from simulator.compiled import inlined, lean
from simulator.happenings import NEVER, Doing
from simulator.kernel.draws import duration, exponential
from simulator.kernel.fate import repair_ns
from simulator.kernel.layout import BY_COMMAND, BY_SHIFT, GROUP_SIZE, MATERIAL_SIZE, SF, C, G, K, M, S, W
from simulator.kernel.queues import Floats, Ints, drop, leave, pop, push, schedule, todo, touch, unschedule

SEEK: Final = -1
"""What a closed machine does at opening: look for work."""


@lean
def enter(s: Ints, m: int, doing: int, now: int, due: int) -> None:
    """Do something else from ``now`` on, until ``due``; ``doing`` as a plain number, for each type is compiled anew."""
    _turn_to(s, m, doing, now)
    schedule(s, s[m + M.AGENT], due)


@inlined
def wait(s: Ints, m: int, doing: int, now: int) -> None:
    """Do something else from ``now`` on, until somebody else ends it."""
    _turn_to(s, m, doing, now)
    unschedule(s, s[m + M.AGENT])


@inlined
def _turn_to(s: Ints, m: int, doing: int, now: int) -> None:
    s[m + M.DOING_NS + s[m + M.DOING]] += now - s[m + M.SINCE_NS]
    s[m + M.DOING] = doing
    s[m + M.SINCE_NS] = now
    touch(s, m)


@inlined
def account(s: Ints, m: int, now: int) -> None:
    """A stretch of running ends now: the machine has aged, and its load is so much nearer to being done."""
    ran = now - s[m + M.SINCE_NS]
    s[m + M.AGE_NS] += ran
    s[m + M.LEFT_NS] -= ran
    s[m + M.ACTUAL_NS] += ran
    s[m + M.TO_STOP_NS] -= ran


@inlined
def depower(s: Ints, m: int) -> None:
    """Give the power back; who waits for it gets a turn."""
    if s[m + M.POWERED]:
        s[m + M.POWERED] = 0
        g = s[m + M.GROUP]
        s[g + W.DRAWN_W] -= s[m + M.POWER_W]
        if s[g + W.WAITING] > 0:
            s[g + W.DIRTY] = 1
            s[G.DIRTY] = 1


@inlined
def run(s: Ints, m: int, now: int) -> None:
    """Run until the first of: the load is done, the part fails, the machine stops for a moment."""
    stretch = min(s[m + M.LEFT_NS], s[m + M.LIFE_NS] - s[m + M.AGE_NS], s[m + M.TO_STOP_NS])
    enter(s, m, Doing.RUNNING.value, now, now + max(1, stretch))  # no stretch is empty, so no state is


@lean
def stand(s: Ints, m: int, now: int) -> None:
    """Be closed: outside the shifts OFF, otherwise (a break, a command) PAUSE."""
    closed = s[m + M.CLOSED]
    s[m + M.DETAIL] = 1 if closed & BY_COMMAND else 0
    wait(s, m, Doing.OFF.value if closed & BY_SHIFT else Doing.PAUSE.value, now)


@lean
def work(s: Ints, m: int, now: int) -> None:
    """Run, if the machine is open and its group has the power."""
    if s[m + M.CLOSED]:
        s[m + M.RESUME] = Doing.RUNNING
        stand(s, m, now)
        return
    g = s[m + M.GROUP]
    if g >= 0 and not s[m + M.POWERED]:
        if s[g + W.WAITING] > 0 or s[g + W.DRAWN_W] + s[m + M.POWER_W] > s[g + W.LIMIT_W]:
            push(s, s[g + W.WAITING_AT], g + W.WAITING, m)
            s[g + W.DIRTY] = 1
            s[G.DIRTY] = 1
            wait(s, m, Doing.NO_POWER.value, now)
            return
        s[g + W.DRAWN_W] += s[m + M.POWER_W]
        s[m + M.POWERED] = 1
    run(s, m, now)


@inlined
def power_up(s: Ints, now: int) -> None:
    """Who waits for power gets it in turn, as far as it reaches."""
    s[G.DIRTY] = 0
    for number in range(s[G.GROUPS]):
        g = s[G.AT_GROUPS] + number * GROUP_SIZE
        if not s[g + W.DIRTY]:
            continue
        s[g + W.DIRTY] = 0
        i = 0
        while i < s[g + W.WAITING]:
            m = s[s[g + W.WAITING_AT] + i]
            if s[g + W.DRAWN_W] + s[m + M.POWER_W] > s[g + W.LIMIT_W]:
                i += 1
                continue
            drop(s, s[g + W.WAITING_AT], g + W.WAITING, i)
            s[g + W.DRAWN_W] += s[m + M.POWER_W]
            s[m + M.POWERED] = 1
            run(s, m, now)


@lean
def fail(s: Ints, m: int, now: int) -> None:
    """The part has reached its life: a technician is called."""
    s[m + M.FAILURES] += 1
    depower(s, m)
    c = s[m + M.CREW]
    if c >= 0:
        if s[c + C.FREE] == 0:
            push(s, s[c + C.WAITING_AT], c + C.WAITING, m)
            wait(s, m, Doing.DOWN.value, now)
            return
        s[c + C.FREE] -= 1
    come(s, m, now)


@lean
def come(s: Ints, m: int, now: int) -> None:
    """A technician is on the way to the machine, and then repairs it."""
    s[m + M.HAS_CREW] = 1
    way = s[s[m + M.STEP] + S.RESPONSE_NS]
    takes = duration(way * exponential(s[m + M.S_REPAIR], 2 * s[m + M.LIVES] + 1))
    if s[m + M.CLOSED]:
        s[m + M.RESUME_NS] = takes
    else:
        enter(s, m, Doing.DOWN.value, now, now + takes)


@lean
def free_technician(s: Ints, m: int, now: int) -> None:
    """The technician goes to the machine that has waited longest."""
    s[m + M.HAS_CREW] = 0
    c = s[m + M.CREW]
    if c < 0:
        return
    s[c + C.FREE] += 1
    if s[c + C.WAITING] > 0:
        s[c + C.FREE] -= 1
        come(s, pop(s, s[c + C.WAITING_AT], c + C.WAITING), now)


@lean
def maintain(s: Ints, f: Floats, m: int, now: int) -> bool:
    """Maintain the machine now, if it is time and a technician is free."""
    if s[m + M.AGE_NS] < s[m + M.NOTICED_NS]:
        return False
    c = s[m + M.CREW]
    if c >= 0:
        if s[c + C.FREE] == 0:
            return False
        s[c + C.FREE] -= 1
    s[m + M.HAS_CREW] = 1
    s[m + M.MAINTAINED] += 1
    share = f[s[s[m + M.STEP] + S.F_AT] + SF.PLANNED_REPAIR]
    enter(s, m, Doing.MAINTENANCE.value, now, now + duration(repair_ns(s, f, m) * share))
    return True


@lean
def close(s: Ints, m: int, why: int, now: int) -> None:
    """The machine stops whatever it does; what was left goes on at opening."""
    was = s[m + M.CLOSED]
    s[m + M.CLOSED] = was | why
    if was:
        stand(s, m, now)
        return
    doing, step = s[m + M.DOING], s[m + M.STEP]
    s[m + M.RESUME] = doing
    due = s[s[G.AT_KEY] + s[m + M.AGENT]] if s[s[G.AT_PLACE] + s[m + M.AGENT]] >= 0 else NEVER
    s[m + M.RESUME_NS] = due - now if due < NEVER else NEVER
    if doing == Doing.RUNNING:
        account(s, m, now)
        depower(s, m)
    elif doing in (Doing.STARVED, Doing.NO_ORDER):
        leave(s, s[step + S.STARVING_AT], step + S.STARVING, m)
        s[m + M.FILL_BY_NS] = NEVER
        s[m + M.RESUME] = SEEK
    elif doing == Doing.NO_MATERIAL:
        k = s[G.AT_MATERIALS] + s[m + M.DETAIL] * MATERIAL_SIZE
        leave(s, s[k + K.WAITING_AT], k + K.WAITING, m)
        s[m + M.RESUME] = SEEK
    elif doing == Doing.WAIT_TARIFF:
        s[m + M.RESUME] = SEEK
    elif doing == Doing.NO_POWER:
        g = s[m + M.GROUP]
        leave(s, s[g + W.WAITING_AT], g + W.WAITING, m)
        s[m + M.RESUME] = Doing.RUNNING
    stand(s, m, now)


@lean
def reopen(s: Ints, m: int, why: int, now: int) -> None:
    """The machine goes on with what it did when it was closed."""
    s[m + M.CLOSED] &= ~why
    if s[m + M.DOING] not in (Doing.OFF, Doing.PAUSE):
        return
    if s[m + M.CLOSED]:
        stand(s, m, now)
        return
    resume, takes = s[m + M.RESUME], s[m + M.RESUME_NS]
    if resume == SEEK:
        todo(s, m)
    elif resume == Doing.RUNNING:
        work(s, m, now)
    elif takes == NEVER:
        wait(s, m, resume, now)
    else:
        enter(s, m, resume, now, now + max(1, takes))
