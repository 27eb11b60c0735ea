"""Which states are alarms, and what to do about each.

What it is: twelve rules over the ingester's ``Status``, as data, and from when on each holds.
What it is not: their memory; when one is raised and when it is over is decided in ``alarms.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ingest.status import STUCK_S, Status

LISTED: Final = 5
"""How many reasons of dead letters a text lists."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on a state is an alarm.

    Attributes:
        away_s: how long the link or the store may be away.
        full_s: how long more than the window may be buffered.
        ahead_s: how far an event time may lie ahead of its receipt; a plant that runs faster than time needs infinity.
        disk, disk_calm: the used share of a disk at which it is nearly full, and at which it is well again.
        calm_s: how long a state must be gone before its alarm is over.
        quiet_s: the same for what is counted: how long nothing more may have been counted.
    """

    away_s: float = 10.0
    full_s: float = 30.0
    ahead_s: float = 300.0
    disk: float = 0.9
    disk_calm: float = 0.85
    calm_s: float = 10.0
    quiet_s: float = 300.0


Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """One alarm: either ``state`` says what is wrong now, or ``counts`` rises and ``counted`` says by how much.

    ``state`` is told whether the alarm is active, so that it may ask for less then.
    """

    name: str
    step: str
    failing: bool = False
    after_s: Callable[[Limits], float] = lambda _: 0.0
    state: Callable[[Status, Limits, float, bool], str | None] = lambda *_: None
    counts: Callable[[Status], Counts] | None = None
    counted: Callable[[Counts], str] = lambda _: ""


def _link(status: Status, *_: object) -> str | None:
    return status.link_error


def _store(status: Status, *_: object) -> str | None:
    return None if status.store_denied else status.store_error


def _denied(status: Status, *_: object) -> str | None:
    return status.store_error if status.store_denied else None


def _stuck(status: Status, _limits: Limits, now_s: float, _active: bool) -> str | None:
    """A write without an answer; one that is repeated because the store says so is the store's alarm."""
    since_s = status.writing_since_s
    if since_s is None or status.store_error is not None or now_s - since_s <= STUCK_S:
        return None
    return "one write has been under way for over a minute"


def _full(status: Status, *_: object) -> str | None:
    if not status.window or status.buffered <= status.window:
        return None
    return f"more than {status.window} messages wait to be written"


def _missing(status: Status, *_: object) -> str | None:
    return f"{status.gaps_missing} messages have not come" if status.gaps_missing else None


def _ahead(status: Status, limits: Limits, _now_s: float, active: bool) -> str | None:
    if status.ahead_s <= limits.ahead_s * (0.8 if active else 1.0):
        return None
    return f"the event times of {status.ahead_stream} are {status.ahead_s:.0f} s ahead of this machine's clock"


def _disk(status: Status, limits: Limits, _now_s: float, active: bool) -> str | None:
    bound = limits.disk_calm if active else limits.disk
    shares = dict(status.disks)
    if status.dead_letter_limit_bytes:
        shares["the room for dead letters"] = status.dead_letter_bytes / status.dead_letter_limit_bytes
    full = [f"{name} ({share:.0%})" for name, share in sorted(shares.items()) if share >= bound]
    return f"nearly full: {', '.join(full)}" if full else None


def _letters(fresh: Counts) -> str:
    most = sorted(fresh.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{count} {reason}" for reason, count in most[:LISTED])
    return f"{sum(fresh.values())} messages became dead letters: {listed}{', …' if len(most) > LISTED else ''}"


def _total(text: str) -> Callable[[Counts], str]:
    return lambda fresh: text.format(sum(fresh.values()))


RULES: Final = (
    Rule(
        "link-away",
        "see that the broker runs and that broker.url leads to it",
        failing=True,
        after_s=lambda limits: limits.away_s,
        state=_link,
    ),
    Rule(
        "store-away",
        "see that the store runs, has room on its disk, and that store.url leads to it",
        failing=True,
        after_s=lambda limits: limits.away_s,
        state=_store,
    ),
    Rule("store-denied", "put a token that may write into the file of store.token_file", failing=True, state=_denied),
    Rule("write-stuck", "see what the store is doing; its answer is waited for", failing=True, state=_stuck),
    Rule(
        "buffer-full",
        "nothing is lost, but the store is slower than the plant: give it more, or share the work",
        after_s=lambda limits: limits.full_s,
        state=_full,
    ),
    Rule(
        "dead-letters",
        "look at them with `qilu deadletter list`, mend the cause, then `qilu deadletter replay`",
        counts=lambda status: status.dead_letters,
        counted=_letters,
    ),
    Rule("messages-missing", "list them with `qilu gaps`, ask for them again with `--resend`", state=_missing),
    Rule(
        "cardinality",
        "find out who invents names, or raise the cap",
        counts=lambda status: {"": status.cardinality_refused},
        counted=_total("{} messages were refused, for they would make too many series or fields"),
    ),
    Rule("disk-nearly-full", "make room, or take the dead letters away", state=_disk),
    Rule(
        "session-forgotten",
        "check for missing messages with `qilu gaps`; see that the broker keeps its sessions on disk",
        counts=lambda status: {"": status.sessions_forgotten},
        counted=_total("the broker has forgotten our session {} times: what was published meanwhile may be lost"),
    ),
    Rule(
        "client-id-taken",
        "give each ingester its own ingest.client_id, and let the broker bind client ids to user names",
        counts=lambda status: {"": status.takeovers},
        counted=_total("another client has taken over our session {} times"),
    ),
    Rule("clock-ahead", "set the clocks: this machine's and the device's, by NTP or PTP", state=_ahead),
)
