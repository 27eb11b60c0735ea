"""The range of event time that ``--from`` and ``--to`` ask for.

What it is: what both flags say, or what the store holds where they say nothing.
What it is not: a cut into windows.
"""

from __future__ import annotations

import argparse
import time
from typing import Final

from analytics.compute import newest
from analytics.tables import FIELDS
from console.shown import when_ns
from contract import ConfigError
from historian import Historian

_EVERY_NS: Final = tuple(seconds * 10**9 for seconds in (86_400, 3600, 60, 1))


async def asked_range(store: Historian, options: argparse.Namespace) -> tuple[int, int]:
    """Begin and end; raises ConfigError where there is nothing."""
    now_ns = time.time_ns()
    start_ns = None if options.start is None else when_ns("--from", options.start, now_ns)
    end_ns = None if options.end is None else when_ns("--to", options.end, now_ns)
    if start_ns is not None and end_ns is not None and end_ns <= start_ns:
        raise ConfigError("--to is not after --from")
    heard = await newest(store)
    last_ns = max((t for times in heard.values() for t in times.values()), default=None)
    if last_ns is None:
        raise ConfigError("the store has no events; run qilu demo first, or name another --store")
    end_ns = last_ns + 1 if end_ns is None else end_ns  # windows are half open, and the last event counts
    if start_ns is None:
        start_ns = await _first(store, end_ns)
    if end_ns <= start_ns:
        raise ConfigError("nothing was said in that range; see --from and --to")
    return start_ns, end_ns


async def _first(store: Historian, end_ns: int) -> int:
    """The second in which something was said first: counted by day, hour, minute, second, for stores do not sort."""
    start_ns, length_ns = 0, end_ns
    for every_ns in _EVERY_NS:
        windows: set[int] = set()
        for name in FIELDS:
            windows.update(await store.count(name, every_ns, start_ns, start_ns + length_ns))
        start_ns, length_ns = min(windows, default=start_ns), every_ns
    return start_ns
