"""States as the page tells them: which look a state has, and which of them are worth a line in the list of events.

What it is: pure functions over the state rows of ISA-TR88.00.02 that the historian keeps.
What it is not: the mapping of states to ISO 22400 time elements, which is the analytics'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from console.roster import Member
from contract import Economics, Production

HOUR_NS: Final = 3_600_000_000_000
SHORT_NS: Final = 30_000_000_000

_BY_REASON: Final = {
    "running": "run",
    "starved": "starved",
    "blocked": "blocked",
    "no_order": "idle",
    "utility": "utility",
    "setup": "setup",
    "minor_stop": "held",
    "breakdown": "aborted",
    "planned_stop": "planned",
    "no_shift": "planned",
    "planned_maintenance": "maintenance",
}
_BY_BOTH: Final = {("Clearing", "breakdown"): "repair"}
_BY_STATE: Final = {
    "Execute": "run",
    "Held": "held",
    "Aborted": "aborted",
    "Clearing": "repair",
    "Suspended": "starved",
    "Idle": "idle",
}
WORTH_TELLING: Final = frozenset({"held", "aborted", "repair", "setup", "maintenance"})


def look(state: str, reason: str) -> str:
    """The look of a state: the reason decides, for it says which loss the time is; the state where it is unknown.

    A breakdown has two: the machine waits for somebody to come (``aborted``), then it is repaired.

    >>> look("Held", "minor_stop"), look("Stopped", "setup"), look("Clearing", "breakdown"), look("Complete", "?")
    ('held', 'setup', 'repair', 'stopped')
    """
    return _BY_BOTH.get((state, reason)) or _BY_REASON.get(reason) or _BY_STATE.get(state, "stopped")


@dataclass(frozen=True, slots=True)
class Entered:
    """A state entered at ``t_ns``."""

    t_ns: int
    state: str
    reason: str
    order: str | None = None
    cause: str | None = None

    @property
    def look(self) -> str:
        """How the page shows it."""
        return look(self.state, self.reason)


@dataclass(frozen=True, slots=True)
class Stop:
    """A time in which a machine did not work for a reason of its own; ``end_ns`` is None while it lasts.

    ``now`` is the newest state of it: a breakdown is one stop, from the failure to the end of the repair.
    """

    levels: tuple[str, ...]
    entered: Entered
    now: Entered
    end_ns: int | None

    @property
    def short(self) -> bool:
        """Whether it was over so soon that it is counted rather than told."""
        return self.end_ns is not None and self.end_ns - self.entered.t_ns < SHORT_NS


def merged(states: Iterable[Entered]) -> list[Entered]:
    """States in order of time, without those that only repeat the one before (a rebirth says it again)."""
    out: list[Entered] = []
    for entered in states:
        if not out or (entered.state, entered.reason, entered.cause) != (out[-1].state, out[-1].reason, out[-1].cause):
            out.append(entered)
    return out


def stops(history: Mapping[tuple[str, ...], Sequence[Entered]]) -> list[Stop]:
    """Every stop worth telling, the newest first.

    >>> work, jam = Entered(0, "Execute", "running"), Entered(5, "Held", "minor_stop", cause="jam")
    >>> [(s.entered.cause, s.end_ns) for s in stops({("m",): [work, jam, Entered(9, "Execute", "running")]})]
    [('jam', 9)]
    """
    found: list[Stop] = []
    for levels, entries in history.items():
        states = merged(entries)
        for entered, following in zip_longest(states, states[1:]):
            if entered.look not in WORTH_TELLING:
                continue
            before = found[-1] if found and found[-1].levels == levels else None
            end_ns = following.t_ns if following else None
            if before is not None and before.end_ns == entered.t_ns and _same(before.entered, entered):
                found[-1] = Stop(levels, before.entered, entered, end_ns)
            else:
                found.append(Stop(levels, entered, entered, end_ns))
    return sorted(found, key=lambda s: (-s.entered.t_ns, s.levels))


def _same(one: Entered, other: Entered) -> bool:
    return (one.reason, one.cause) == (other.reason, other.cause)


def lost_units(work: Production | None, duration_ns: int) -> int | None:
    """How many units the machine would have made in that time at its ideal pace, rounded down."""
    return None if work is None else duration_ns // work.ideal_cycle_ns


def standing_cost(money: Economics | None, duration_ns: int) -> float | None:
    """What the machine's people and depreciation cost in that time; the units lost are no part of it."""
    if money is None:
        return None
    return (money.operators * money.wage_per_h + money.depreciation_per_h) * duration_ns / HOUR_NS


def costs_of(member: Member, duration_ns: int) -> tuple[int | None, float | None]:
    """Units lost and money spent while ``member`` stood still for that long."""
    return lost_units(member.birth.production, duration_ns), standing_cost(member.birth.economics, duration_ns)
