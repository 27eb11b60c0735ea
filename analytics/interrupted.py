"""What a machine did before the planned stop in which a range begins.

What it is: a look further back than the state that is carried in, for a breakdown that a planned stop interrupts is one
failure, and only what came before the stop says whether it is.
What it is not: the rule itself (``analytics/fold.py``), nor the reading of the range (``analytics/compute.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from analytics.elements import PAUSES
from analytics.events import MachineEvents, StateEvent, coverage, said_in
from analytics.rollup import Path
from analytics.tables import FIELDS, Plant, states_of
from historian.base import Historian, Query

_SPAN_NS: Final = 60 * 60 * 10**9
"""How far back the second look for a machine reaches; where it was closed all that time, the next reaches further."""


async def add_interrupted(
    store: Historian, plant: Plant, start_ns: int, tags: Mapping[str, str | tuple[str, ...]]
) -> None:
    """Add to each machine that is in a planned stop at ``start_ns`` the state before that stop.

    One query for all machines that stopped at the same time, more only for those that said again that they were closed.

    Raises:
        RetryLater: the historian does not answer.
    """
    pending = {path: (row, 0) for path, events in plant.items() if (row := _stopped_by(events, start_ns))}
    while pending:
        groups: defaultdict[tuple[int, int], list[Path]] = defaultdict(list)
        for path, (row, span_ns) in pending.items():
            groups[row.t, span_ns].append(path)
        for (end_ns, span_ns), paths in groups.items():
            where = {**tags, "machine": tuple(sorted({path[-1] for path in paths}))}
            since_ns = end_ns - span_ns if span_ns else None
            query = Query("state", FIELDS["state"], where, since_ns, end_ns, last=not span_ns)
            told = dict(states_of(await store.read(query)))
            for path in paths:
                stop, _ = pending.pop(path)
                rows = sorted(told.get(path, ()), reverse=True)
                if not rows and span_ns:
                    pending[path] = (stop, 0)  # none so near: then the newest of all
                elif rows and (first := _before(stop, rows, plant[path])) is not None:
                    pending[path] = (first, 4 * span_ns or _SPAN_NS)


def _stopped_by(events: MachineEvents, start_ns: int) -> StateEvent | None:
    """The planned stop that is carried in, where nothing is known of what came before it."""
    if not any(row.t < start_ns and row.reason in PAUSES for row in events.states):
        return None
    said = [row for row in said_in(coverage(events), events.states) if row.t < start_ns]
    if said and all(row.reason in PAUSES and row.boot == said[-1].boot for row in said):
        return said[0]
    return None


def _before(stop: StateEvent, newest_first: Sequence[StateEvent], events: MachineEvents) -> StateEvent | None:
    """Take the newest other state of the boot; the stop to look before next, or None when the search is over."""
    for row in newest_first:
        if row.boot != stop.boot:
            return None
        if row.reason not in PAUSES:
            events.states.append(row)
            return None
        stop = row
    return stop
