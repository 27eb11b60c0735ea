"""Everything that the ingester says about itself, in one place: judged, and ready to be asked.

What it is: status, lags, alarms and register together, brought up to date before each answer: health and status as
JSON, metrics for Prometheus.
What it is not: a server (``web.py``) or a clock. The answers tell counts, states and the names of the plant's lines;
never an error's own words, which may quote a server, a URL or a path: those are for the log and the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from prometheus_client.metrics_core import Metric

from contract import VERSION
from ingest.alarms import Alarm, Alarms, Verdict
from ingest.lag import Lags, Stream
from ingest.metrics import exposition, families
from ingest.register import Register
from ingest.status import Status

_JSON: Final = msgspec.json.Encoder()
_COUNTS: Final = (
    *("received", "written", "duplicate", "dead_lettered", "buffered"),
    *("overflow", "rows", "bytes", "batches"),
)


@dataclass(frozen=True, slots=True)
class Monitor:
    """What there is to know of one ingester.

    Attributes:
        client: the name of its session.
        status: kept up to date by whoever carries the messages.
        refresh: brings ``status`` up to date; called before each answer, so that its counters are of one moment.
        clock_ns: ns UTC.
        lags, alarms, register: kept up to date by whoever carries the messages; ``alarms`` by ``beat`` alone.
    """

    client: str
    status: Status
    refresh: Callable[[], None]
    clock_ns: Callable[[], int]
    lags: Lags
    alarms: Alarms
    register: Register

    def beat(self, now_s: float) -> Verdict:
        """Judge the alarms; to be called about once a second, with the loop's clock."""
        self._update()
        return self.alarms.judge(self.status, now_s, self.clock_ns())

    def health(self) -> tuple[bool, bytes]:
        """Whether messages get through, and as JSON the problems with their next steps."""
        active = self.alarms.active
        failing = any(alarm.failing for alarm in active)
        state = "failing" if failing else "degraded" if active else "ok"
        return not failing, _JSON.encode({"status": state, "problems": [_problem(alarm) for alarm in active]})

    def metrics(self, more: Iterable[Metric] = ()) -> bytes:
        """The metrics in Prometheus' text format; ``more`` families go at the end."""
        self._update()
        streams = self.lags.streams(self.clock_ns())
        return exposition([*families(self.client, self.status, streams, self.alarms.active), *more])

    def report(self) -> bytes:
        """The status as JSON."""
        self._update()
        status = self.status
        body: dict[str, Any] = {
            "client": self.client,
            "contract": VERSION,
            "connected": status.connected,
            "store_up": status.store_error is None,
            **{name: getattr(status, name) for name in _COUNTS},
            "dead_by_reason": status.dead_letters,
            "dead_letter_bytes": status.dead_letter_bytes,
            "dead_letters_dropped": status.dead_letters_dropped,
            "missing": status.gaps_missing,
            "reconnects": status.reconnects,
            "retries": status.retries,
            "last_write_lag_ms": status.last_write_lag_ms,
            "last_message": _moment(status.last_message_ns),
            "register": {
                "series": status.series,
                "series_limit": status.series_limit,
                "fields": status.fields,
                "refused": status.cardinality_refused,
                "times_taken": status.time_refused,
            },
            "streams": [_stream(one) for one in self.lags.streams(self.clock_ns())],
            "alarms": [_problem(alarm) for alarm in self.alarms.active],
        }
        return _JSON.encode(body)

    def _update(self) -> None:
        self.refresh()
        status, register = self.status, self.register
        status.series, status.series_limit, status.fields = register.series, register.max_series, register.fields
        status.cardinality_refused, status.time_refused = register.refused, register.times_taken
        status.ahead_s, status.ahead_stream = self.lags.ahead(self.clock_ns())


def _problem(alarm: Alarm) -> dict[str, str | bool | None]:
    return {"name": alarm.name, "failing": alarm.failing, "since": _moment(alarm.since_ns), "next_step": alarm.step}


def _stream(stream: Stream) -> dict[str, str | float | None]:
    return {
        "stream": stream.name,
        "event_lag_s": stream.event_lag_s,
        "store_lag_s": stream.store_lag_s,
        "last_message": _moment(stream.received_ns),
    }


def _moment(time_ns: int | None) -> str | None:
    """A time as RFC 3339 says it, to the second; None where there is none."""
    if time_ns is None:
        return None
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
