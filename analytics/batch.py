"""Figures of a range taken anew: what ``qilu analyze --from --to`` does.

What it is: every window that touches the range, computed from the stored events and written over what is there. The
points are those that the loop writes, to the bit, and doing it twice changes nothing.
What it is not: the loop. It remembers nothing, and looks no further than the range.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from analytics.compute import Offload, at_once, compute, newest
from analytics.points import MEASUREMENT, window_name
from analytics.rollup import LEVELS
from analytics.settings import Settings
from analytics.windows import Stored, Taken, window_frames
from historian.base import Historian, Query

_SECOND_NS: Final = 10**9
_STRETCH_NS: Final = 24 * 3600 * _SECOND_NS
"""How much is read at a time: memory grows with it and not with the range."""


async def recompute(
    store: Historian,
    settings: Settings,
    start_ns: int,
    end_ns: int,
    *,
    offload: Offload = at_once,
    progress: Callable[[float], object] = lambda _: None,
) -> int:
    """Take and write the figures of every window that touches ``[start_ns, end_ns)``.

    Args:
        store: the historian, which holds the events and gets the figures.
        settings: the lengths of the windows.
        start_ns: where the range begins.
        end_ns: where it ends, later than it begins; nothing is written beyond the newest event.
        offload: does the long parts.
        progress: told the share that is done.

    Returns:
        How many windows of the shortest length were written.

    Raises:
        ValueError: the range is empty.
        RetryLater: the historian does not answer.
    """
    if end_ns <= start_ns:
        raise ValueError(f"the range ends at {end_ns} and begins at {start_ns}")
    windows_ns = [seconds * _SECOND_NS for seconds in settings.windows_s]
    base_ns, longest_ns = windows_ns[0], max(windows_ns)
    heard = await newest(store)
    newest_ns = max((t for times in heard.values() for t in times.values()), default=-1)
    first = start_ns - start_ns % longest_ns
    last = min(-(-end_ns // longest_ns) * longest_ns, newest_ns - newest_ns % base_ns + base_ns)
    stretch_ns = -(-_STRETCH_NS // longest_ns) * longest_ns
    written = 0
    for since in range(first, last, stretch_ns):
        to = min(last, since + stretch_ns)
        results = await compute(store, range(since, to + 1, base_ns), offload=offload)
        taken = {
            start: Taken(min(end, results.until_ns), machines)
            for start, end, machines in zip(results.bounds, results.bounds[1:], results.windows, strict=False)
        }
        stored = await _stored(store, windows_ns, since, to)
        frames, _ = await offload(partial(window_frames, taken, taken, windows_ns, stored))
        if frames:
            await store.write(frames)
        written += len(taken)
        progress((to - first) / (last - first))
    return written


async def _stored(store: Historian, windows_ns: list[int], start_ns: int, end_ns: int) -> set[Stored]:
    """Who has a point in the range already."""
    found: set[Stored] = set()
    for window_ns in windows_ns:
        where = {"window": window_name(window_ns // _SECOND_NS)}
        table = await store.read(Query(MEASUREMENT, ("until_ns",), where, start_ns, end_ns))
        tags = [table.tags[level] for level in [*LEVELS][::-1]]
        for time_ns, *path in zip(table.time_ns, *tags, strict=True):
            found.add((window_ns, time_ns, tuple(name for name in path if name)))
    return found
