"""PackML states, modes and the reasons that go with them.

What it is: the 17 states of ISA-TR88.00.02-2015 with their numbers, the table of allowed transitions, and
the closed list of reasons that a state message may carry.
What it is not: a state machine that runs; the simulator moves, the analytics read.

Which state means which ISO 22400 time element is the analytics' business (``analytics/elements.py``).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class PackMLState(StrEnum):
    """The 17 states of ISA-TR88.00.02-2015, clause 4."""

    CLEARING = "Clearing"
    STOPPED = "Stopped"
    STARTING = "Starting"
    IDLE = "Idle"
    SUSPENDED = "Suspended"
    EXECUTE = "Execute"
    STOPPING = "Stopping"
    ABORTING = "Aborting"
    ABORTED = "Aborted"
    HOLDING = "Holding"
    HELD = "Held"
    UNHOLDING = "Unholding"
    SUSPENDING = "Suspending"
    UNSUSPENDING = "Unsuspending"
    RESETTING = "Resetting"
    COMPLETING = "Completing"
    COMPLETE = "Complete"


NUMBER: Final[dict[PackMLState, int]] = {state: n for n, state in enumerate(PackMLState, start=1)}
"""The number of each state in OPC 30050 and in PackTags (StateCurrent)."""


class Mode(StrEnum):
    """Unit modes of ISA-TR88.00.02-2015, clause 5."""

    PRODUCTION = "Production"
    MAINTENANCE = "Maintenance"
    MANUAL = "Manual"


class Reason(StrEnum):
    """Why a machine is in its state. One word decides which loss the time is booked to."""

    RUNNING = "running"
    STARVED = "starved"
    BLOCKED = "blocked"
    NO_ORDER = "no_order"
    UTILITY = "utility"
    SETUP = "setup"
    MINOR_STOP = "minor_stop"
    BREAKDOWN = "breakdown"
    PLANNED_STOP = "planned_stop"
    NO_SHIFT = "no_shift"
    PLANNED_MAINTENANCE = "planned_maintenance"


MEANING: Final[dict[Reason, str]] = {
    Reason.RUNNING: "does its work",
    Reason.STARVED: "waits for lots, or for the material that `cause` names",
    Reason.BLOCKED: "waits for room behind it",
    Reason.NO_ORDER: "has nothing to do",
    Reason.UTILITY: "waits for power or for a cheaper hour",
    Reason.SETUP: "is changed over",
    Reason.MINOR_STOP: "stands for a short time, and goes on without repair",
    Reason.BREAKDOWN: "has failed by `cause`: Aborted until somebody has come, then Clearing while it is repaired",
    Reason.PLANNED_STOP: "is closed within the planned time: for a break, or by command",
    Reason.NO_SHIFT: "is outside the planned time: no shift, and nobody is meant to work",
    Reason.PLANNED_MAINTENANCE: "is maintained before it fails",
}
"""What each reason says of the machine."""


_S = PackMLState

# Acting states end by themselves ("state complete"); waiting states end by a command or an event. Stop and
# Abort are allowed from every state that the standard lists for them, so they are added below the table.
_TABLE: Final[dict[PackMLState, frozenset[PackMLState]]] = {
    _S.CLEARING: frozenset({_S.STOPPED}),
    _S.STOPPED: frozenset({_S.RESETTING}),
    _S.RESETTING: frozenset({_S.IDLE}),
    _S.IDLE: frozenset({_S.STARTING}),
    _S.STARTING: frozenset({_S.EXECUTE}),
    _S.EXECUTE: frozenset({_S.HOLDING, _S.SUSPENDING, _S.COMPLETING}),
    _S.HOLDING: frozenset({_S.HELD}),
    _S.HELD: frozenset({_S.UNHOLDING}),
    _S.UNHOLDING: frozenset({_S.EXECUTE}),
    _S.SUSPENDING: frozenset({_S.SUSPENDED}),
    _S.SUSPENDED: frozenset({_S.UNSUSPENDING, _S.HOLDING}),
    _S.UNSUSPENDING: frozenset({_S.EXECUTE}),
    _S.COMPLETING: frozenset({_S.COMPLETE}),
    _S.COMPLETE: frozenset({_S.RESETTING}),
    _S.STOPPING: frozenset({_S.STOPPED}),
    _S.ABORTING: frozenset({_S.ABORTED}),
    _S.ABORTED: frozenset({_S.CLEARING}),
}
_NO_STOP: Final = frozenset({_S.STOPPED, _S.STOPPING, _S.CLEARING, _S.ABORTING, _S.ABORTED})
_NO_ABORT: Final = frozenset({_S.ABORTING, _S.ABORTED})

TRANSITIONS: Final[dict[PackMLState, frozenset[PackMLState]]] = {
    state: nexts
    | (frozenset() if state in _NO_STOP else frozenset({_S.STOPPING}))
    | (frozenset() if state in _NO_ABORT else frozenset({_S.ABORTING}))
    for state, nexts in _TABLE.items()
}
"""State -> the states that may follow at once (ISA-TR88.00.02-2015, figure 3)."""

WAITING: Final = frozenset({_S.STOPPED, _S.IDLE, _S.SUSPENDED, _S.EXECUTE, _S.HELD, _S.COMPLETE, _S.ABORTED})
"""The states that last. A publisher may leave out the acting states between two of them when they take no time."""

_PASSED: Final[dict[PackMLState, frozenset[PackMLState]]] = {
    **{state: TRANSITIONS[state] for state in (_S.STOPPED, _S.IDLE, _S.COMPLETE)},
    _S.EXECUTE: frozenset({_S.HOLDING, _S.SUSPENDING}),
    _S.ABORTED: frozenset({_S.CLEARING}),
}
"""The waiting states that a machine may pass in no time, and what may come then: who has not run completes nothing."""


def _waiting_reach() -> dict[PackMLState, frozenset[PackMLState]]:
    reach: dict[PackMLState, frozenset[PackMLState]] = {}
    for origin in TRANSITIONS:
        seen: set[PackMLState] = set()
        todo = list(TRANSITIONS[origin])
        while todo:
            state = todo.pop()
            if state in seen:
                continue
            seen.add(state)
            todo.extend(_PASSED.get(state, frozenset()) if state in WAITING else TRANSITIONS[state])
        reach[origin] = frozenset(seen)
    return reach


_REACH: Final = _waiting_reach()


def may_follow(before: PackMLState, after: PackMLState) -> bool:
    """Whether ``after`` may be the next state that is published.

    States of no duration need not be published: acting states may be skipped, and so may the waiting states that a
    machine under automatic control passes at once: Stopped, Idle and Complete; Execute, where it is held or
    suspended before it has run; Aborted, where a repair goes on that a planned stop has interrupted. So a machine
    completes nothing without having run. The same state may be published again with another reason.

    >>> may_follow(PackMLState.EXECUTE, PackMLState.SUSPENDED)
    True
    >>> may_follow(PackMLState.ABORTED, PackMLState.EXECUTE)
    True
    >>> may_follow(PackMLState.HELD, PackMLState.COMPLETE)
    False
    """
    return after == before or after in _REACH[before]
