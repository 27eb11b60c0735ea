"""What can be done to a running plant from outside: commands and faults, between two calls of ``advance``.

What it is: functions on a plant at its present time; what they cause is told by the next ``advance``, at that time.
What it is not: a schedule (``faults.py``), and not who may command what (``commands.py``).
"""

from __future__ import annotations

from simulator.compiled import lean
from simulator.happenings import Doing
from simulator.kernel import happen
from simulator.kernel.fate import notice
from simulator.kernel.layout import (
    BY_COMMAND,
    GROUP_SIZE,
    KF,
    MACHINE_SIZE,
    MATERIAL_SIZE,
    MF,
    ORDER_SIZE,
    OVER,
    STEP_SIZE,
    G,
    K,
    M,
    O,
    S,
    W,
)
from simulator.kernel.machines import account, close, reopen, run
from simulator.kernel.plant import Plant
from simulator.kernel.queues import Ints
from simulator.line import DISPATCH
from simulator.sector_model import Dispatch


@lean
def _again(s: Ints, m: int, now: int) -> None:
    """A machine that runs looks anew at when its stretch ends."""
    if s[m + M.DOING] == Doing.RUNNING:
        account(s, m, now)
        run(s, m, now)


def _machine(plant: Plant, number: int) -> int:
    return int(plant.s[G.AT_MACHINES]) + number * MACHINE_SIZE


def _busy_with(plant: Plant, m: int) -> int:
    """What the machine does, or goes on with when it opens."""
    doing = int(plant.s[m + M.DOING])
    return int(plant.s[m + M.RESUME]) if doing in (Doing.OFF, Doing.PAUSE) else doing


def _ran_ns(plant: Plant, m: int) -> int:
    """How long the present stretch of running has lasted; it is not yet in the machine's age."""
    return plant.now_ns - int(plant.s[m + M.SINCE_NS]) if plant.s[m + M.DOING] == Doing.RUNNING else 0


def _settle(plant: Plant) -> None:
    happen.settle(plant.s, plant.f, plant.o, plant.out, plant.now_ns)


def stop(plant: Plant, machine: int) -> None:
    """Close a machine until ``resume``."""
    close(plant.s, _machine(plant, machine), BY_COMMAND, plant.now_ns)
    _settle(plant)


def resume(plant: Plant, machine: int) -> None:
    """Open a machine that ``stop`` has closed."""
    reopen(plant.s, _machine(plant, machine), BY_COMMAND, plant.now_ns)
    _settle(plant)


def live(plant: Plant, machine: int, left_ns: int, mode: int | None = None) -> None:
    """The machine's part fails after ``left_ns`` of running more (0: as soon as it runs), in this mode or its own."""
    m = _machine(plant, machine)
    if _busy_with(plant, m) in (Doing.DOWN, Doing.REPAIR, Doing.MAINTENANCE):  # the life after this one
        plant.s[m + M.NEXT_LIFE_NS] = max(1, left_ns)
        plant.s[m + M.NEXT_MODE] = -1 if mode is None else mode
        return
    age = int(plant.s[m + M.AGE_NS]) + _ran_ns(plant, m)
    plant.s[m + M.LIFE_NS] = age + max(1, left_ns)
    if mode is not None:
        plant.s[m + M.MODE] = mode
    notice(plant.s, plant.f, m, age)
    _again(plant.s, m, plant.now_ns)


def jam(plant: Plant, machine: int) -> None:
    """The machine stops for a moment as soon as it runs."""
    m = _machine(plant, machine)
    if _busy_with(plant, m) == Doing.MINOR_STOP:
        plant.s[m + M.JAMMED] = 1
        return
    plant.s[m + M.TO_STOP_NS] = _ran_ns(plant, m) + 1
    _again(plant.s, m, plant.now_ns)


def maintain(plant: Plant, machine: int) -> None:
    """Maintain the machine when it next looks for work and a technician is free."""
    plant.s[_machine(plant, machine) + M.NOTICED_NS] = 0


def slow(plant: Plant, machine: int, share: float) -> None:
    """Loads that begin from now on take this share longer; 0 ends it."""
    plant.f[plant.s[_machine(plant, machine) + M.F_AT] + MF.SLOWER] = share


def spoil(plant: Plant, machine: int, p: float) -> None:
    """Units that begin from now on are scrapped with this much more probability; 0 ends it."""
    plant.f[plant.s[_machine(plant, machine) + M.F_AT] + MF.SCRAP_P] = p


def taint(plant: Plant, material: int, share: float) -> float:
    """The stock on hand has this share of defects; returns the share before."""
    at = plant.s[int(plant.s[G.AT_MATERIALS]) + material * MATERIAL_SIZE + K.F_AT] + KF.DEFECTS
    before = float(plant.f[at])
    plant.f[at] = share
    return before


def disrupt(plant: Plant, material: int, until_ns: int) -> None:
    """What was not shipped yet is not shipped before ``until_ns``."""
    plant.s[int(plant.s[G.AT_MATERIALS]) + material * MATERIAL_SIZE + K.CLOSED_UNTIL_NS] = until_ns


def limit_power(plant: Plant, group: int, watts: int) -> int:
    """From now on a power group may draw so much; who runs goes on. Returns the limit before."""
    w = int(plant.s[G.AT_GROUPS]) + group * GROUP_SIZE
    before = int(plant.s[w + W.LIMIT_W])
    plant.s[w + W.LIMIT_W] = watts
    plant.s[w + W.DIRTY] = 1
    plant.s[G.DIRTY] = 1
    _settle(plant)
    return before


def dispatch(plant: Plant, step: int, rule: Dispatch) -> None:
    """The step picks its lots by this rule from now on."""
    plant.s[int(plant.s[G.AT_STEPS]) + step * STEP_SIZE + S.DISPATCH] = DISPATCH[rule]


def prioritise(plant: Plant, order: int, priority: int) -> bool:
    """Give an order a priority, for steps that dispatch by it; False when it is over or not yet placed."""
    at = order - int(plant.s[G.ORDER_BASE])
    if not 0 <= at < plant.s[G.ARRIVED] or plant.o[at * ORDER_SIZE + O.STATE] == OVER:
        return False
    plant.o[at * ORDER_SIZE + O.PRIORITY] = priority
    return True


def doing(plant: Plant, machine: int) -> Doing:
    """What the machine does now."""
    return Doing(int(plant.s[_machine(plant, machine) + M.DOING]))


def closed(plant: Plant, machine: int) -> bool:
    """Whether a command keeps the machine closed."""
    return bool(plant.s[_machine(plant, machine) + M.CLOSED] & BY_COMMAND)
