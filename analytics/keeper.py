"""What is written, and what must be written again.

What it is: one pass of the analytics: find from when on figures may have changed, take them by ``compute``, write the
windows that differ. It remembers the figures of the look-back and from how many points each window was taken.
What it is not: a computation of its own: a restart, a late message and ``qilu verify`` all give the same figures.

A pass begins at the previous word of each machine that has spoken since: before that nothing can have changed in order.
What comes out of order is found by counting: the historian's points per window against those that the window's figures
were taken from.

A pass takes at most a look-back of new time. When more has come, as after a long stop of the analytics, the next passes
go on from there: no time is left out, and none needs more memory than another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from analytics.compute import Offload, Results, at_once, compute, newest, window_bounds
from analytics.points import MEASUREMENT, window_name
from analytics.rollup import Path
from analytics.settings import Settings
from analytics.tables import FIELDS
from analytics.windows import Stored, Taken, window_frames
from historian import Frame, Historian, Query

_SECOND_NS: Final = 10**9
_DAY_NS: Final = 86_400 * _SECOND_NS


@dataclass(slots=True)
class Status:
    """What the analytics have done; read by the page and the health check.

    Attributes:
        last_run_ns: when the last pass ended, by the clock handed in.
        until_ns: the newest event time that the figures know.
        windows_written: windows of the shortest length written, each time counted.
        late_recomputed: windows that had been written and were taken again because late data were found.
        last_error: what the last pass failed of; None when it went well.
    """

    last_run_ns: int = 0
    until_ns: int | None = None
    windows_written: int = 0
    late_recomputed: int = 0
    last_error: str | None = None


_Counted = dict[str, dict[int, int]]
"""Measurement -> start of a window -> points."""


class Keeper:
    """Keeps the stored figures equal to what the stored events say."""

    def __init__(self, settings: Settings, store: Historian, status: Status, *, offload: Offload = at_once) -> None:
        self._store = store
        self._offload = offload
        self._status = status
        self._windows_ns = [seconds * _SECOND_NS for seconds in settings.windows_s]
        self._base_ns = self._windows_ns[0]
        self._lookback_ns = int(settings.lookback_h * 3600 * _SECOND_NS)
        self._heard: dict[str, dict[Path, int]] = {name: {} for name in FIELDS}
        self._until_ns: int | None = None
        self._written: dict[int, Taken] = {}
        self._stored: set[Stored] = set()  # length and start of the window, and who has a point there
        self._points: dict[str, dict[int, int]] = {name: {} for name in FIELDS}

    async def update(self, *, scan: bool) -> bool:
        """One pass: take and write the figures that may have changed.

        Args:
            scan: also look for late data in all older windows of the look-back.

        Returns:
            Whether late data were found.
        """
        since_ns = None if self._until_ns is None else self._until_ns - self._lookback_ns
        heard = await newest(self._store, since_ns=since_ns)
        newest_ns = max((t for times in heard.values() for t in times.values()), default=None)
        if newest_ns is None:
            return False
        until_ns = await self._end_of_pass(newest_ns)
        if not scan and until_ns == self._until_ns and self._knows(heard):
            return False
        oldest_ns = self._oldest(until_ns)
        start_ns, anew = self._changed_since(heard, until_ns)
        start_ns = max(start_ns, oldest_ns)
        counted = await self._count(oldest_ns, start_ns) if scan or anew else {}
        late = {name: self._late(name, counts) for name, counts in counted.items()}
        late_starts = sorted({start for starts in late.values() for start in starts})
        everything = anew or late.get("birth") or late.get("death")
        news_ns = oldest_ns if everything else min([start_ns, *late_starts])
        news_ns -= news_ns % self._base_ns
        results = await self._compute_news(news_ns, oldest_ns, until_ns)
        changed = self._differences(results)
        frames, stored = await self._offload(partial(self._frames, changed))
        if frames:
            await self._store.write(frames)
        self._status.late_recomputed += sum(start in self._written for start in late_starts)
        self._remember(heard, until_ns, changed)
        self._stored = {point for point in self._stored | stored if point[1] >= oldest_ns}
        self._remember_points(results, counted, news_ns, oldest_ns)
        return bool(late_starts)

    async def _end_of_pass(self, newest_ns: int) -> int:
        """The newest event, or where a look-back ends that begins with the first event not yet taken."""
        taken_ns = await self._stored_until() if self._until_ns is None else self._until_ns
        if newest_ns - taken_ns <= self._lookback_ns:
            return newest_ns
        days: set[int] = set()
        for name in FIELDS:
            days.update(await self._store.count(name, _DAY_NS, taken_ns - taken_ns % _DAY_NS, newest_ns + 1))
        return min(newest_ns, max(taken_ns, min(days, default=newest_ns)) + self._lookback_ns)

    async def _stored_until(self) -> int:
        """How far the figures go that an earlier start has stored; 0 when there are none."""
        window = window_name(self._base_ns // _SECOND_NS)
        table = await self._store.read(Query(MEASUREMENT, ("until_ns",), {"window": window}, last=True))
        return max((t for t in table.fields["until_ns"] if isinstance(t, int)), default=0)

    def _knows(self, heard: Mapping[str, Mapping[Path, int]]) -> bool:
        """Whether there is no newer word of any machine."""
        return all(times.items() <= self._heard[name].items() for name, times in heard.items())

    def _oldest(self, until_ns: int) -> int:
        """The start of the look-back, a bound of the longest window, so that no window is ever summed in part."""
        longest_ns = max(self._windows_ns)
        return max(0, until_ns - self._lookback_ns) // longest_ns * longest_ns

    def _changed_since(self, heard: Mapping[str, Mapping[Path, int]], until_ns: int) -> tuple[int, bool]:
        """From when on figures may have changed, and whether all must be taken anew.

        That is so when an address speaks for the first time, or is born: a birth says what has held before it, too.
        """
        start_ns = until_ns if self._until_ns is None else min(self._until_ns, until_ns)
        anew = False
        for name, newest_of in heard.items():
            for path, t in newest_of.items():
                before = self._heard[name].get(path)
                if t == before:
                    continue
                known = [times[path] for times in self._heard.values() if path in times]
                anew = anew or not known or name == "birth"
                # Silence that ends was perhaps none: back to the last word, and to the last reading.
                start_ns = min(
                    [start_ns, *([max(known)] if known else []), *([before] if before and name == "meter" else [])]
                )
        return start_ns, anew

    async def _count(self, oldest_ns: int, end_ns: int) -> _Counted:
        """The points that the historian holds of each window before that of ``end_ns``; windows without any as zero."""
        starts = range(oldest_ns, end_ns - end_ns % self._base_ns, self._base_ns)
        counted: _Counted = {}
        for name in FIELDS if starts else ():
            stored = await self._store.count(name, self._base_ns, starts.start, starts[-1] + self._base_ns)
            counted[name] = {start: stored.get(start, 0) for start in starts}
        return counted

    def _late(self, name: str, counts: Mapping[int, int]) -> list[int]:
        """The windows of which the historian holds other points than their figures were taken from."""
        return [start for start, number in counts.items() if number != self._points[name].get(start, 0)]

    async def _compute(self, start_ns: int, until_ns: int, *, news_ns: int | None = None) -> Results:
        bounds = window_bounds(start_ns, until_ns + 1, self._base_ns)
        return await compute(self._store, bounds, news_ns=news_ns, offload=self._offload)

    async def _compute_news(self, news_ns: int, oldest_ns: int, until_ns: int) -> Results:
        """From the window of the first news on, and from as far before as they reach: mostly one window."""
        start_ns = max(oldest_ns, news_ns - self._base_ns)
        results = await self._compute(start_ns, until_ns, news_ns=news_ns)
        reach_ns = max(oldest_ns, results.reach_ns)
        return results if reach_ns >= start_ns else await self._compute(reach_ns, until_ns)

    def _differences(self, results: Results) -> dict[int, Taken]:
        changed: dict[int, Taken] = {}
        for start, end, machines in zip(results.bounds, results.bounds[1:], results.windows, strict=False):
            now = Taken(min(end, results.until_ns), machines)
            if self._written.get(start) != now:
                changed[start] = now
        return changed

    def _frames(self, changed: Mapping[int, Taken]) -> tuple[list[Frame], set[Stored]]:
        """The points of the changed windows and of every longer window that holds one of them, and which they are."""
        every = {**self._written, **changed}
        return window_frames(every, changed, self._windows_ns, self._stored)

    def _remember(self, heard: Mapping[str, Mapping[Path, int]], until_ns: int, changed: Mapping[int, Taken]) -> None:
        """What is written now; what is older than the look-back is forgotten."""
        oldest_ns = self._oldest(until_ns)
        for name, times in heard.items():
            self._heard[name].update(times)
        self._until_ns = self._status.until_ns = until_ns
        self._written = {t: window for t, window in {**self._written, **changed}.items() if t >= oldest_ns}
        self._status.windows_written += len(changed)

    def _remember_points(self, results: Results, counted: _Counted, news_ns: int, oldest_ns: int) -> None:
        """From how many points the windows from ``news_ns`` on were taken.

        Not those before: what is new in them was not reckoned with, and will be found by counting. Where points were
        counted before they were read, that number stands: were it as read, a point that the historian counts and does
        not show would be late for ever.
        """
        for name, read in results.points.items():
            before = {t: n for t, n in self._points[name].items() if oldest_ns <= t < news_ns}
            self._points[name] = before | {t: n for t, n in read.items() if t >= news_ns} | counted.get(name, {})
