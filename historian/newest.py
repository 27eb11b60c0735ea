"""The newest time of each series, so that the DuckDB back end knows what is certainly new.

What it is: plain bookkeeping of the single writer. Points beyond the newest of their series can be appended; only the
others need a look at what is stored.
What it is not: shared between threads, and not durable: it is asked of the database anew after each opening. A time
that is too new, of points whose write has failed, does no harm: what is not known to be new is merged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from historian.columns import Block


class Newest:
    """Newest times by measurement and series.

    Args:
        ask: the newest time of each series of a measurement that is not known yet.
    """

    def __init__(self, ask: Callable[[str], Mapping[int, int]]) -> None:
        self._ask = ask
        self._times: dict[str, dict[int, int]] = {}

    def are_beyond(self, measurement: str, points: Block) -> bool:
        """Whether all points are newer than everything stored of their series; from then on they count as stored."""
        known = self._times.get(measurement)
        if known is None:
            known = self._times[measurement] = dict(self._ask(measurement))
        edges = np.flatnonzero(np.diff(points.series))  # points stand by series and time
        firsts, lasts = np.append(0, edges + 1), np.append(edges, len(points) - 1)
        series = points.series[firsts].tolist()
        beyond = all(
            first_ns > known[number]
            for number, first_ns in zip(series, points.time_ns[firsts].tolist(), strict=True)
            if number in known
        )
        for number, last_ns in zip(series, points.time_ns[lasts].tolist(), strict=True):
            known[number] = max(last_ns, known.get(number, last_ns))
        return beyond
