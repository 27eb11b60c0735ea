"""How far behind each stream is: from the event to its receipt, and from the receipt until it is durable.

What it is: two figures for each line (``enterprise/site/area/line``), brought up to date by batch. It is bounded: the
lines beyond the cap share one place, ``other``.
What it is not: a histogram, and not per machine: a machine that lags shows in its line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

OTHER: Final = "other"
"""The label of all that has none of its own."""
STREAMS: Final = 200
"""How many lines are told apart; each is a label value, which costs whoever stores the metrics."""
FORGET_NS: Final = 3_600_000_000_000
"""A line that has been silent for an hour gives its place to another."""
RECENT_NS: Final = 300_000_000_000

Line = tuple[str, str, str, str]
"""Enterprise, site, area, line."""


class Stream:
    """One line. Times are ns UTC; all are 0 before the first message.

    Attributes:
        name: ``enterprise/site/area/line``, or ``other``.
        event_ns: event time of the newest row in the newest batch.
        received_ns: when that row came.
        durable_ns: when it was durable.
    """

    __slots__ = ("batch", "durable_ns", "event_ns", "name", "received_ns")

    def __init__(self, name: str) -> None:
        self.name = name
        self.event_ns = self.received_ns = self.durable_ns = self.batch = 0

    @property
    def event_lag_s(self) -> float:
        """Seconds from the event to its receipt; negative when the event's clock is ahead of ours."""
        return (self.received_ns - self.event_ns) / 1e9

    @property
    def store_lag_s(self) -> float:
        """Seconds from the receipt until it was durable."""
        return (self.durable_ns - self.received_ns) / 1e9


class Lags:
    """The lag of every line, bounded in number."""

    def __init__(self, streams: int = STREAMS) -> None:
        self._limit = streams
        self._streams: dict[Line, Stream] = {}
        self._other = Stream(OTHER)
        self._batch = 0

    def settle(self, newest: Iterable[tuple[Line, int, int]], durable_ns: int) -> None:
        """Note what a batch made durable.

        Args:
            newest: line, event time of a newest row, time of its receipt (ns UTC); one for each series of the batch is
                enough.
            durable_ns: now, ns UTC.
        """
        self._batch = number = self._batch + 1
        for line, event_ns, received_ns in newest:
            stream = self._streams.get(line) or self._place(line)
            if stream.batch != number or event_ns > stream.event_ns:
                stream.batch, stream.event_ns, stream.received_ns = number, event_ns, received_ns
                stream.durable_ns = durable_ns

    def streams(self, now_ns: int) -> list[Stream]:
        """The lines by name, then ``other`` where there is one; what has been silent for an hour is gone."""
        since_ns = now_ns - FORGET_NS
        gone = [key for key, stream in self._streams.items() if stream.durable_ns < since_ns]
        for key in gone:
            del self._streams[key]
        shown = sorted(self._streams.values(), key=lambda stream: stream.name)
        return [*shown, self._other] if self._other.batch and self._other.durable_ns >= since_ns else shown

    def ahead(self, now_ns: int) -> tuple[float, str]:
        """How far the newest event time lies ahead of its receipt, in seconds, and in which line.

        ``(0.0, "")`` when it does nowhere. What has been silent for five minutes does not count: nobody knows its clock
        any more.
        """
        recent = [s for s in (*self._streams.values(), self._other) if s.durable_ns >= now_ns - RECENT_NS]
        worst = max(recent, key=lambda stream: -stream.event_lag_s, default=None)
        if worst is None or worst.event_lag_s >= 0:
            return 0.0, ""
        return -worst.event_lag_s, worst.name

    def _place(self, line: Line) -> Stream:
        if len(self._streams) >= self._limit:
            return self._other
        stream = self._streams[line] = Stream("/".join(line))
        return stream
