"""What the ingester says about itself: to the page, to the health check and, as points, to the historian.

What it is: one mutable value that ``run.py`` keeps up to date and anybody may read. ``metrics.py`` shows it to
Prometheus, ``alarms.py`` judges it.
What it is not: a log, nor the truth about the plant.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from historian.base import Frame, Value
from ingest.batch import Counters
from ingest.lag import OTHER
from ingest.sparkplug_heard import Counters as SparkplugCounters

MEASUREMENT: Final = "ingest"
PATIENCE_S: Final = 15.0
"""How long a link or the store may be away before the health check says so."""
STUCK_S: Final = 60.0
"""How long one write may take before the health check says so."""
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of a histogram of seconds: from a write into a warm store to one that had to wait out an outage."""
REASONS: Final = 64
"""How many reasons of dead letters, or kinds of retries, are told apart; the rest is ``OTHER``."""


@dataclass(slots=True)
class Histogram:
    """How often something took how long.

    Attributes:
        counts: per bucket, those of ``SECONDS`` and one for what took longer.
        total_s: the sum of all that was seen.

    >>> seen = Histogram()
    >>> seen.see(0.005), seen.see(0.2), seen.see(99.0)
    (None, None, None)
    >>> seen.upto[0], seen.upto[5], seen.upto[-1], seen.total_s
    (1, 2, 3, 99.205)
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    total_s: float = 0.0

    def see(self, seconds: float) -> None:
        """Count one; a clock that was set back counts as no time at all."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total_s += max(0.0, seconds)

    @property
    def upto(self) -> list[int]:
        """How many took at most each bound of ``SECONDS``; the last is how many there are."""
        return list(accumulate(self.counts))


@dataclass(slots=True)
class Status:
    """The state of the ingester now; counts are since its start and obey the law of ``ingest/batch.py``.

    Attributes:
        connected: whether the subscription stands.
        received, written, duplicate, dead_lettered, buffered: messages.
        overflow: QoS 0 messages turned away because too much was waiting; they are not in ``received``.
        dead_letters_dropped: old letters that went when the dead-letter store was full.
        last_write_lag_ms: from the receipt of the newest batch's first message until it was durable.
        link_error, store_error: what is wrong now; None when nothing is.
        writing_since_s: when the write under way began, by the loop's clock; None when none is.
        dead_by_reason: ``dead_lettered`` by the short word of the reason.
        rows, bytes: points and payload of the messages that were carried, duplicates included.
        batches: how many writes are durable.
        write_s: how long each write took, from its first attempt until the store had it.
        durable_s: from the receipt of each batch's first message until it was durable.
        retries: attempts to write that were put off, by the kind of the answer.
        reconnects: connections made after the first.
        last_message_ns: when the newest message came, ns UTC.
        window: how many messages may be buffered in good times; 0: not known, so nothing is said about it.
        sessions_forgotten: how often the broker no longer knew our session.
        takeovers: how often a connection ended because another client took our name.
        gaps_missing: messages that were named by others after them and have not come.
        series, fields: what the register knows; ``series_limit`` its cap.
        cardinality_refused, time_refused: messages that the register refused; they are dead letters.
        dead_letter_bytes, dead_letter_limit_bytes: what is kept, and how much may be; a limit of 0 is none.
        disks: the used share, 0 to 1, of the file systems that matter, by what each is for.
        ahead_s, ahead_stream: how far the newest event time lies ahead of its receipt, and whose it is.
        store_denied: whether ``store_error`` is about who we are (401, 403), which waiting does not mend.
        sparkplug: what the Sparkplug host counts; None: there is none.
        sparkplug_online: whether its connection stands, and it has said that it is online.
        sparkplug_error: what is wrong with its connection; None when nothing is.
    """

    connected: bool = False
    received: int = 0
    written: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    buffered: int = 0
    overflow: int = 0
    dead_letters_dropped: int = 0
    last_write_lag_ms: float | None = None
    link_error: str | None = None
    store_error: str | None = None
    link_error_since_s: float | None = None
    store_error_since_s: float | None = None
    writing_since_s: float | None = None
    dead_by_reason: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    bytes: int = 0
    batches: int = 0
    write_s: Histogram = field(default_factory=Histogram)
    durable_s: Histogram = field(default_factory=Histogram)
    retries: dict[str, int] = field(default_factory=dict)
    reconnects: int = 0
    last_message_ns: int | None = None
    window: int = 0
    sessions_forgotten: int = 0
    takeovers: int = 0
    gaps_missing: int = 0
    series: int = 0
    series_limit: int = 0
    fields: dict[str, int] = field(default_factory=dict)
    cardinality_refused: int = 0
    time_refused: int = 0
    dead_letter_bytes: int = 0
    dead_letter_limit_bytes: int = 0
    disks: dict[str, float] = field(default_factory=dict)
    ahead_s: float = 0.0
    ahead_stream: str = ""
    store_denied: bool = False
    sparkplug: SparkplugCounters | None = None
    sparkplug_online: bool = False
    sparkplug_error: str | None = None
    sparkplug_error_since_s: float | None = None

    @property
    def last_error(self) -> str | None:
        """What is wrong now, the link first; None when nothing is."""
        return self.link_error or self.sparkplug_error or self.store_error

    def count(self, counters: Counters) -> None:
        """Take over the counters of the batcher."""
        self.received = counters.received
        self.written = counters.written
        self.duplicate = counters.duplicate
        self.dead_lettered = counters.dead_lettered
        self.buffered = counters.buffered
        self.rows = counters.rows
        self.bytes = counters.size
        self.dead_by_reason = dict(counters.reasons)

    @property
    def dead_letters(self) -> dict[str, int]:
        """``dead_lettered`` by reason, with an exact sum: ``other`` holds what would be one reason too many."""
        shown = dict(sorted(self.dead_by_reason.items(), key=lambda item: -item[1])[: REASONS - 1])
        rest = self.dead_lettered - sum(shown.values())
        return shown | {OTHER: rest + shown.get(OTHER, 0)} if rest else shown

    def wrote(self, seconds: float, durable_ns: int, first_received_ns: int) -> None:
        """Note a batch that is durable.

        Args:
            seconds: how long the write took, retries included.
            durable_ns: now, ns UTC.
            first_received_ns: when the batch's first message came, ns UTC.
        """
        self.batches += 1
        self.write_s.see(seconds)
        self.durable_s.see((durable_ns - first_received_ns) / 1e9)
        self.last_write_lag_ms = (durable_ns - first_received_ns) / 1e6

    def retried(self, kind: str) -> None:
        """Note an attempt that was put off; ``kind`` is a short word such as ``429`` or ``no-answer``."""
        key = kind if kind in self.retries or len(self.retries) < REASONS else OTHER
        self.retries[key] = self.retries.get(key, 0) + 1

    def link(self, error: str | None, now_s: float) -> bool:
        """Note that the link works (None) or why it does not; returns whether that is news."""
        news = error != self.link_error
        self.link_error = error
        self.link_error_since_s = None if error is None else self.link_error_since_s or now_s
        return news

    def sparkplug_link(self, error: str | None, now_s: float) -> bool:
        """The same of the Sparkplug host's connection."""
        news = error != self.sparkplug_error
        self.sparkplug_error = error
        self.sparkplug_error_since_s = None if error is None else self.sparkplug_error_since_s or now_s
        return news

    def store(self, error: str | None, now_s: float, *, denied: bool = False) -> bool:
        """Note that the store and the dead letters work (None) or why they do not; returns whether that is news.

        ``denied``: the store does not accept who we are (401, 403).
        """
        news = error != self.store_error
        self.store_denied = error is not None and (denied or self.store_denied)
        self.store_error = error
        self.store_error_since_s = None if error is None else self.store_error_since_s or now_s
        return news

    def problem(self, now_s: float) -> str | None:
        """What the health check should complain about: what has been wrong for longer than a hiccup."""
        for error, since_s in (
            (self.link_error, self.link_error_since_s),
            (self.sparkplug_error, self.sparkplug_error_since_s),
            (self.store_error, self.store_error_since_s),
        ):
            if error is not None and since_s is not None and now_s - since_s > PATIENCE_S:
                return error
        if self.writing_since_s is not None and now_s - self.writing_since_s > STUCK_S:
            return f"a write has been under way for {now_s - self.writing_since_s:.0f} s"
        return None

    def frame(self, client: str, time_ns: int) -> Frame:
        """The status as one point of the measurement ``ingest``."""
        fields: dict[str, list[Value | None]] = {
            "received": [self.received],
            "written": [self.written],
            "duplicate": [self.duplicate],
            "dead_lettered": [self.dead_lettered],
            "buffered": [self.buffered],
        }
        if self.last_write_lag_ms is not None:
            fields["lag_ms"] = [self.last_write_lag_ms]
        return Frame(measurement=MEASUREMENT, tags={"client": client}, time_ns=[time_ns], fields=fields)
