"""The ingester's figures for Prometheus.

What it is: ``Status``, lags and alarms as metric families by Prometheus' naming rules (base units, ``_total`` for what
only counts up), in the text format 0.0.4, which every version of Prometheus reads. Each exposition is made of one state
of the counters, so that the law ``received = written + duplicate + sum of dead_lettered + buffered`` holds in it.
What it is not: a registry of living metrics; nothing is counted here. Labels are bounded: lines by ``ingest/lag.py``,
reasons and kinds by ``ingest/status.py``, alarms and measurements by their lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from contract import VERSION
from ingest.alarms import NAMES, Alarm
from ingest.lag import Stream
from ingest.status import SECONDS, Histogram, Status

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
PREFIX: Final = "qilu_ingest_"


class _Once(Collector):
    """Families that are made already, for the library's encoder."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def exposition(families: Iterable[Metric]) -> bytes:
    """The families in the text format."""
    return generate_latest(_Once(families))


def families(client: str, status: Status, streams: Sequence[Stream], active: Sequence[Alarm]) -> Iterator[Metric]:
    """Everything that the ingester counts and measures.

    Args:
        client: the name of the ingester's session.
        status: brought up to date just now.
        streams: the lag of each line.
        active: the alarms that stand.
    """
    about = {"client": client, "contract": str(VERSION)}
    yield InfoMetricFamily(PREFIX.rstrip("_"), "Which ingester this is.", value=about)
    yield from _messages(status)
    yield from _store(status)
    yield from _broker(status)
    yield from _streams(streams)
    yield from _register(status)
    yield from _room(status)
    standing = {alarm.name for alarm in active}
    yield _gauges("alarm_active", "1 while the alarm stands.", "alarm", {name: name in standing for name in NAMES})


def _messages(status: Status) -> Iterator[Metric]:
    law = "received = written + duplicate + dead_lettered (all reasons) + buffered."
    yield _counter("received_messages", f"Messages taken in; {law}", status.received)
    yield _counter("written_messages", "Messages that the store has.", status.written)
    yield _counter("duplicate_messages", "Messages that came again and were written again.", status.duplicate)
    yield _counters(
        "dead_lettered_messages", "Messages that cannot be stored, by the reason.", "reason", status.dead_letters
    )
    yield _gauge("buffered_messages", "Messages that are neither stored nor dead letters yet.", status.buffered)
    yield _counter("overflow_messages", "QoS 0 messages turned away; they are not in received.", status.overflow)
    yield _counter("carried_bytes", "Payload of the messages that were carried, duplicates included.", status.bytes)
    yield _counter("carried_rows", "Points of the messages that were carried, duplicates included.", status.rows)
    yield _gauge("missing_messages", "Messages that later ones have named and that have not come.", status.gaps_missing)


def _store(status: Status) -> Iterator[Metric]:
    yield _counter("batches", "Batches that are durable.", status.batches)
    yield _histogram("write_duration_seconds", "From a write's first attempt until the store had it.", status.write_s)
    yield _histogram(
        "durable_duration_seconds",
        "From the receipt of a batch's first message until it was durable.",
        status.durable_s,
    )
    yield _counters("retries", "Attempts to write that were put off, by the answer.", "kind", status.retries)
    yield _gauge("store_up", "0 while the store does not take batches.", status.store_error is None)


def _broker(status: Status) -> Iterator[Metric]:
    yield _gauge("broker_connected", "1 while the subscription stands.", status.connected)
    yield _counter("reconnects", "Connections to the broker made after the first.", status.reconnects)
    yield _counter("forgotten_sessions", "How often the broker no longer knew our session.", status.sessions_forgotten)
    yield _counter("takeovers", "How often another client took over our session.", status.takeovers)
    if status.last_message_ns is not None:
        yield _gauge(
            "last_message_timestamp_seconds",
            "When the newest message that was carried came; time() minus this is how long ago that was.",
            status.last_message_ns / 1e9,
        )
    if status.sparkplug is not None:
        yield _gauges("sparkplug", "What the Sparkplug host counts.", "what", asdict(status.sparkplug))


def _streams(streams: Sequence[Stream]) -> Iterator[Metric]:
    yield _gauges(
        "event_lag_seconds",
        "From the newest row's event to its receipt, by line; negative: the event's clock is ahead.",
        "stream",
        {stream.name: stream.event_lag_s for stream in streams},
    )
    yield _gauges(
        "store_lag_seconds",
        "From the newest row's receipt until it was durable, by line.",
        "stream",
        {stream.name: stream.store_lag_s for stream in streams},
    )
    yield _gauges(
        "stream_last_message_timestamp_seconds",
        "When the newest row of the line came.",
        "stream",
        {stream.name: stream.received_ns / 1e9 for stream in streams},
    )


def _register(status: Status) -> Iterator[Metric]:
    yield _gauge("series", "Pairs of address and kind that are known.", status.series)
    yield _gauge("series_limit", "How many there may be.", status.series_limit)
    yield _gauges("fields", "Field names that are known, by measurement.", "measurement", status.fields)
    yield _counter(
        "refused_cardinality_messages", "Messages refused: a series or field too many.", status.cardinality_refused
    )
    yield _counter(
        "refused_time_messages", "Messages refused: another one of their series has their time.", status.time_refused
    )


def _room(status: Status) -> Iterator[Metric]:
    yield _gauge("dead_letter_bytes", "Dead letters on the disk.", status.dead_letter_bytes)
    yield _gauge("dead_letter_limit_bytes", "How much of them is kept.", status.dead_letter_limit_bytes)
    yield _counter("dropped_dead_letters", "Old letters that went to make room.", status.dead_letters_dropped)
    yield _gauges("disk_used_ratio", "Used share of the file system, 0 to 1.", "disk", status.disks)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _histogram(name: str, text: str, seen: Histogram) -> Metric:
    bounds = [*map(repr, SECONDS), "+Inf"]
    return HistogramMetricFamily(
        PREFIX + name, text, buckets=list(zip(bounds, seen.upto, strict=True)), sum_value=seen.total_s
    )
