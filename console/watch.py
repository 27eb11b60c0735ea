"""Looking into the historian about once a second, for all browsers together.

What it is: the few queries of the page, in two rhythms: the newest windows, states and readings at every look; births,
deaths, the hours behind the sparklines and the last two hours of states again at every fifteenth, which also mends
what came late. The cost of a look does not depend on how many browsers watch.
What it is not: a cache of the historian; ``Seen`` holds a day of hourly windows and two hours of states.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from console.detail import detail
from console.figures import ADDITIVE
from console.page_data import Detail
from console.roster import Member, members, rows
from console.seen import WINDOW_NS, WINDOWS, Levels, Seen, Windows, windows, with_states
from console.stops import HOUR_NS, Entered
from contract import LEVELS
from historian.base import Historian, Query, Table

States = Mapping[Levels, Sequence[Entered]]

KEEP_NS: Final = 2 * HOUR_NS
RECENT_NS: Final = 2 * WINDOW_NS
SLOW_EVERY: Final = 15
DETAIL_FRESH_S: Final = 0.9

_STATE: Final = ("state", "reason", "order", "cause")
_FIVE: Final = (*ADDITIVE, "until_ns")
_HOUR: Final = (
    *_FIVE, "oee", "availability", "effectiveness", "quality_ratio", "unit_cost", "line_oee",
)  # fmt: skip


class Watch:
    """The page's eye on one historian. ``look`` is called by one task alone; the others read ``seen``."""

    def __init__(self, store: Historian, history_h: int, clock: Callable[[], float]) -> None:
        """``clock`` is monotonic, in seconds; it only keeps two readings of the same panel apart."""
        self.seen = Seen()
        self._store = store
        self._history_h = history_h
        self._clock = clock
        self._looks = 0
        self._catching_up = True  # a history is being filled in: the plant or its hours still grow at every look
        self._details: dict[Levels, tuple[float, asyncio.Task[Detail]]] = {}

    async def look(self, *, whole: bool = False) -> bool:
        """Read what is new into ``seen``; True when the history behind the sparklines was read again.

        Args:
            whole: read everything again now, whatever the rhythm.

        Raises:
            QiluError: the store did not answer; ``seen`` is as it was, and the next look tries again.
        """
        seen = self.seen
        slow = whole or self._catching_up or self._looks % SLOW_EVERY == 0
        if slow:
            births = await self._store.read(Query("birth", ("body",), last=True))
            deaths = await self._store.read(Query("death", ("_boot", "_seq")))
            hours = await self._windows("1h", _HOUR, seen.hours, (self._history_h + 1) * HOUR_NS)
            self._catching_up = not hours or _newest(hours) != _newest(seen.hours)
            seen = replace(seen, members=members(births, deaths), hours=hours)
        seen = replace(
            seen,
            five=await self._windows("5m", _FIVE, seen.five, WINDOWS * WINDOW_NS),
            states=await self._states(seen.states, slow),
            metered_ns=await self._metered(seen.metered_ns),
        )
        self.seen = seen
        self._looks += 1
        return slow

    async def detail(self, levels: Levels) -> Detail | None:
        """The panel of one machine, read at most about once a second however many ask; None for an unknown one."""
        member = next((m for m in self.seen.members if m.levels == levels), None)
        if member is None:
            return None
        now = self._clock()
        self._details = {k: v for k, v in self._details.items() if now - v[0] < DETAIL_FRESH_S or not v[1].done()}
        if levels not in self._details:
            self._details[levels] = (now, asyncio.create_task(self._read_detail(member)))
        return await asyncio.shield(self._details[levels][1])

    async def _read_detail(self, member: Member) -> Detail:
        fields = tuple(member.birth.sensors)
        where = dict(zip(LEVELS, member.levels, strict=True))
        start_ns = self.seen.heard_ns(member) - HOUR_NS
        query = Query("telemetry", fields, where, start_ns)
        return detail(self.seen, member, await self._store.read(query) if fields else Table([], {}, {}))

    async def _windows(self, name: str, fields: tuple[str, ...], known: Windows, span_ns: int) -> Windows:
        """The windows of one length whose start is within ``span_ns`` of the newest start."""
        where = {"window": name}
        newest = _newest(known)
        if newest is None:
            newest = _newest(windows(await self._store.read(Query("kpi", ("until_ns",), where, last=True))))
        if newest is None:
            return {}
        found = windows(await self._store.read(Query("kpi", fields, where, newest - span_ns)))
        first = max(newest, _newest(found) or 0) - span_ns
        return {place: {t: w for t, w in by_start.items() if t > first} for place, by_start in found.items()}

    async def _states(self, known: States, slow: bool) -> States:
        if slow:
            known = with_states(known, await self._store.read(Query("state", _STATE, last=True)), KEEP_NS)
        newest = max((states[-1].t_ns for states in known.values()), default=None)
        if newest is None:
            return known
        since_ns = newest - (KEEP_NS if slow else RECENT_NS)
        return with_states(known, await self._store.read(Query("state", _STATE, start_ns=since_ns)), KEEP_NS)

    async def _metered(self, known: Mapping[Levels, int]) -> Mapping[Levels, int]:
        since_ns = max(known.values()) - RECENT_NS if known else None
        table = await self._store.read(Query("meter", ("energy_wh",), start_ns=since_ns, last=True))
        return {**known, **{place: t_ns for place, t_ns, _ in rows(table)}}


def _newest(known: Windows) -> int | None:
    return max((max(by_start) for by_start in known.values() if by_start), default=None)
