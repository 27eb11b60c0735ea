"""What was read from the historian so far, by machine.

What it is: a frozen value, and the pure functions that make it out of tables.
What it is not: the reading (``console/watch.py``), or what the page shows of it (``console/snapshot.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from console.roster import Member, Row, rows
from console.stops import Entered
from historian.base import Table

WINDOW_NS: Final = 300_000_000_000
WINDOWS: Final = 12  # the newest hour in windows of five minutes

Levels = tuple[str, ...]
Windows = Mapping[Levels, Mapping[int, Row]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read from the historian so far; a new one is made for every look."""

    members: Sequence[Member] = ()
    states: Mapping[Levels, Sequence[Entered]] = field(default_factory=dict)
    metered_ns: Mapping[Levels, int] = field(default_factory=dict)
    five: Windows = field(default_factory=dict)
    hours: Windows = field(default_factory=dict)

    def heard_ns(self, member: Member) -> int:
        """When the machine said something last, as far as its meter, states and birth tell."""
        states = self.states.get(member.levels)
        last = states[-1].t_ns if states else 0
        return max(member.birth.t, last, self.metered_ns.get(member.levels, 0))


def windows(table: Table) -> Windows:
    """The points of ``kpi`` by place and window start."""
    found: dict[Levels, dict[int, Row]] = {}
    for place, start_ns, fields in rows(table):
        found.setdefault(place, {})[start_ns] = fields
    return found


def with_states(known: Mapping[Levels, Sequence[Entered]], table: Table, keep_ns: int) -> dict[Levels, list[Entered]]:
    """``known`` and the rows of ``state`` together, without what ended more than ``keep_ns`` before the newest.

    Reading a row twice changes nothing: a point is named by its machine and its time. Rows that only repeat the state
    before them are kept, for what comes late may fall between the two.
    """
    union = {levels: {entered.t_ns: entered for entered in states} for levels, states in known.items()}
    for place, t_ns, fields in rows(table):
        state, reason = fields.get("state"), fields.get("reason")
        entered = Entered(t_ns, str(state), str(reason), _text(fields.get("order")), _text(fields.get("cause")))
        union.setdefault(place, {})[t_ns] = entered
    newest = max((max(times) for times in union.values()), default=0)
    kept = {}
    for levels, by_time in union.items():
        states = [by_time[t_ns] for t_ns in sorted(by_time)]
        ended = sum(1 for after in states[1:] if after.t_ns < newest - keep_ns)
        kept[levels] = states[ended:]
    return kept


def newest_hour(five: Windows, levels: Levels) -> dict[int, Row]:
    """The twelve newest windows of five minutes by time (not by presence: a gap stays a gap)."""
    newest = max((max(found) for found in five.values() if found), default=0)
    first = newest - (WINDOWS - 1) * WINDOW_NS
    return {start: window for start, window in five.get(levels, {}).items() if start >= first}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
