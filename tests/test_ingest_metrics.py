from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from contract import Address, ContractError, Telemetry
from ingest.alarms import NAMES, Alarms
from ingest.batch import Counters
from ingest.lag import Lags
from ingest.metrics import PREFIX
from ingest.monitor import Monitor
from ingest.register import Register
from ingest.status import SECONDS, Status

S = 1_000_000_000
NOW = 1_760_000_000 * S
CANARY = "influx://secret-host:8086/bucket?token=CANARY"
Labels = tuple[tuple[str, str], ...]
COUNT = st.integers(0, 2**50)


def monitor(counters: Counters | None = None) -> Monitor:
    status = Status()
    return Monitor(
        client="one",
        status=status,
        refresh=lambda: status.count(counters or Counters()),
        clock_ns=lambda: NOW,
        lags=Lags(),
        alarms=Alarms(),
        register=Register(max_series=2),
    )


def samples(text: bytes) -> dict[str, dict[Labels, float]]:
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name.removeprefix(PREFIX), {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


@given(COUNT, COUNT, st.dictionaries(st.text(max_size=12), st.integers(1, 2**40), max_size=100), st.integers(0, 99_999))
def test_law_received_is_the_sum_of_its_parts_in_every_exposition(
    written: int, duplicate: int, reasons: Mapping[str, int], buffered: int
) -> None:
    dead = sum(reasons.values())
    received = written + duplicate + dead + buffered
    found = samples(
        monitor(
            Counters(received, written, duplicate, dead_lettered=dead, buffered=buffered, reasons=reasons)
        ).metrics()
    )
    parts = [
        *found["written_messages_total"].values(),
        *found["duplicate_messages_total"].values(),
        *found.get("dead_lettered_messages_total", {}).values(),
        *found["buffered_messages"].values(),
    ]
    assert all(part == int(part) for part in parts)
    assert found["received_messages_total"] == {(): received}
    assert sum(map(int, parts)) == received


def test_names_and_units_go_by_prometheus_rules() -> None:
    watched = monitor()
    watched.status.retried("429")
    watched.status.disks["dead letters"] = 0.5
    text = watched.metrics().decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    helped = re.findall(r"^# HELP (\S+) .+\.$", text, re.MULTILINE)
    assert set(types) == set(helped)
    for name, kind in types.items():
        assert re.fullmatch(rf"{PREFIX}[a-z_]+", name), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|millis|minutes|kb|percent)\b", name), name
        assert kind in {"counter", "gauge", "histogram"}


def test_text_of_the_plant_and_of_dead_letters_is_escaped() -> None:
    line = 'a"b\\n<script>{} \u00e9'
    watched = monitor(Counters(received=1, dead_lettered=1, reasons={'x"}\n1': 1}))
    watched.lags.settle([(("acme", "p", "a", line), NOW - 2 * S, NOW - S)], NOW)
    found = samples(watched.metrics())
    assert found["event_lag_seconds"] == {(("stream", f"acme/p/a/{line}"),): 1.0}
    assert found["store_lag_seconds"] == {(("stream", f"acme/p/a/{line}"),): 1.0}
    assert found["dead_lettered_messages_total"] == {(("reason", 'x"}\n1'),): 1}


def test_a_histogram_is_cumulative_and_complete() -> None:
    watched = monitor()
    for seconds in (0.004, 0.2, 0.2, 400.0):
        watched.status.wrote(seconds, NOW, NOW - int(seconds * S))
    found = samples(watched.metrics())
    for name in ("write_duration_seconds", "durable_duration_seconds"):
        buckets = {dict(labels)["le"]: value for labels, value in found[f"{name}_bucket"].items()}
        assert len(buckets) == len(SECONDS) + 1
        assert (buckets["0.005"], buckets["0.1"], buckets["0.25"], buckets["60.0"], buckets["+Inf"]) == (1, 1, 3, 3, 4)
        assert found[f"{name}_count"] == {(): 4}
        assert found[f"{name}_sum"][()] == pytest.approx(400.404)
    assert found["batches_total"] == {(): 4}


def test_the_register_and_the_alarms_are_shown_as_they_are() -> None:
    watched = monitor()
    for number in range(5):
        message = Telemetry(boot="00c0ffee", seq=1, t=[1], values={"force": [1.0], "temp": [2.0]})
        try:
            watched.register.admit(Address("a", "b", "c", "d", f"m-{number}"), "telemetry", message)
        except ContractError as error:
            assert error.reason == "cardinality"
    watched.beat(0.0)
    found = samples(watched.metrics())
    assert (found["series"][()], found["series_limit"][()]) == (2, 2)
    assert found["fields"] == {(("measurement", "telemetry"),): 2}
    assert found["refused_cardinality_messages_total"] == {(): 3}
    assert {dict(labels)["alarm"]: value for labels, value in found["alarm_active"].items()} == {
        name: float(name == "cardinality") for name in NAMES
    }


def test_labels_are_bounded_whatever_comes() -> None:
    watched = monitor(Counters(dead_lettered=10_000, reasons={f"reason-{n}": 1 for n in range(10_000)}))
    for number in range(1000):
        watched.status.retried(f"kind-{number}")
        watched.lags.settle([(("a", "b", "c", f"line-{number}"), NOW, NOW)], NOW)
    assert len(watched.metrics()) < 100_000
    assert len(watched.report()) < 100_000


def test_health_is_ok_degraded_or_failing() -> None:
    watched = monitor()
    watched.beat(0.0)
    assert watched.health() == (True, b'{"status":"ok","problems":[]}')
    watched.status.gaps_missing = 3
    watched.beat(1.0)
    well, body = watched.health()
    assert (well, json.loads(body)["status"]) == (True, "degraded")
    assert json.loads(body)["problems"][0] | {"next_step": ""} == {
        "name": "messages-missing",
        "failing": False,
        "since": "2025-10-09T08:53:20Z",
        "next_step": "",
    }
    watched.status.store(CANARY, 1.0, denied=True)
    watched.beat(2.0)
    well, body = watched.health()
    assert (well, json.loads(body)["status"]) == (False, "failing")
    assert [problem["name"] for problem in json.loads(body)["problems"]] == ["store-denied", "messages-missing"]


def test_no_answer_repeats_what_an_error_says() -> None:
    watched = monitor()
    watched.status.store(CANARY, 0.0, denied=True)
    watched.status.link(CANARY, 0.0)
    watched.status.takeovers = 1
    for now_s in (0.0, 11.0, 80.0):
        watched.beat(now_s)
    assert {alarm.name for alarm in watched.alarms.active} >= {"store-denied", "link-away"}
    for answer in (watched.health()[1], watched.metrics(), watched.report()):
        assert b"CANARY" not in answer
        assert b"secret-host" not in answer


def test_the_report_is_json_with_the_law_and_the_lines() -> None:
    watched = monitor(Counters(10, 5, 2, dead_lettered=1, buffered=2, rows=70, size=900, reasons={"not-json": 1}))
    watched.lags.settle([(("acme", "p", "a", "line-1"), NOW - 2 * S, NOW - S)], NOW)
    report = json.loads(watched.report())
    law = [report[name] for name in ("received", "written", "duplicate", "dead_lettered", "buffered")]
    assert law == [10, 5, 2, 1, 2]
    assert (report["rows"], report["bytes"], report["dead_by_reason"]) == (70, 900, {"not-json": 1})
    assert report["streams"] == [
        {"stream": "acme/p/a/line-1", "event_lag_s": 1.0, "store_lag_s": 1.0, "last_message": "2025-10-09T08:53:19Z"}
    ]


def test_the_page_names_every_metric_and_every_alarm_and_no_other() -> None:
    page = (Path(__file__).parents[1] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    watched = monitor()
    watched.status.last_message_ns = NOW
    types = re.findall(rf"^# TYPE {PREFIX}(\S+) ", watched.metrics().decode(), re.MULTILINE)
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    first = [set(re.findall(r"`([a-z_-]+)[`{]", cells[1])) for cells in rows]
    metrics = {name for row, names in zip(rows, first, strict=True) if len(row) == 5 for name in names}
    alarms = {name for row, names in zip(rows, first, strict=True) if len(row) == 6 for name in names}
    assert metrics == set(types)
    assert alarms == set(NAMES)
