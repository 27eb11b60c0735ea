"""What the ingester says about itself: to the page, to the health check and, as points, to the historian.

What it is: one mutable value that ``run.py`` keeps up to date and anybody may read.
What it is not: a log, nor the truth about the plant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from historian.base import Frame, Value
from ingest.batch import Counters

MEASUREMENT: Final = "ingest"
PATIENCE_S: Final = 15.0
"""How long a link or the store may be away before the health check says so."""
STUCK_S: Final = 60.0
"""How long one write may take before the health check says so."""


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

    @property
    def last_error(self) -> str | None:
        """What is wrong now, the link first; None when nothing is."""
        return self.link_error or self.store_error

    def count(self, counters: Counters) -> None:
        """Take over the counters of the batcher."""
        self.received = counters.received
        self.written = counters.written
        self.duplicate = counters.duplicate
        self.dead_lettered = counters.dead_lettered
        self.buffered = counters.buffered

    def link(self, error: str | None, now_s: float) -> bool:
        """Note that the link works (None) or why it does not; returns whether that is news."""
        news = error != self.link_error
        self.link_error = error
        self.link_error_since_s = None if error is None else self.link_error_since_s or now_s
        return news

    def store(self, error: str | None, now_s: float) -> bool:
        """Note that the store and the dead letters work (None) or why they do not; returns whether that is news."""
        news = error != self.store_error
        self.store_error = error
        self.store_error_since_s = None if error is None else self.store_error_since_s or now_s
        return news

    def problem(self, now_s: float) -> str | None:
        """What the health check should complain about: what has been wrong for longer than a hiccup."""
        for error, since_s in (
            (self.link_error, self.link_error_since_s),
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
