from __future__ import annotations

import dataclasses

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingest.batch import Counters
from ingest.lag import OTHER
from ingest.status import PATIENCE_S, REASONS, SECONDS, STUCK_S, Histogram, Status


@given(st.dictionaries(st.text(max_size=8), st.integers(1, 10**9), max_size=200), st.integers(0, 5))
def test_law_the_reasons_of_dead_letters_add_up_and_are_bounded(reasons: dict[str, int], unnamed: int) -> None:
    status = Status()
    total = sum(reasons.values()) + unnamed
    status.count(Counters(received=total, dead_lettered=total, reasons=reasons))
    assert sum(status.dead_letters.values()) == status.dead_lettered == total
    assert len(status.dead_letters) <= REASONS
    assert all(count >= 0 for count in status.dead_letters.values())


def test_each_reason_is_told_by_its_name_while_there_is_room() -> None:
    status = Status()
    status.count(Counters(dead_lettered=5, reasons={"not-json": 3, OTHER: 2}))
    assert status.dead_letters == {"not-json": 3, OTHER: 2}


@given(st.lists(st.floats(-1, 200), max_size=50))
def test_law_a_histogram_counts_each_once_and_in_its_bucket(seen: list[float]) -> None:
    histogram = Histogram()
    for seconds in seen:
        histogram.see(seconds)
    assert histogram.upto == [*(sum(s <= bound for s in seen) for bound in SECONDS), len(seen)]
    assert histogram.total_s == sum(max(0.0, seconds) for seconds in seen)


def test_an_outage_is_a_problem_when_it_lasts_and_the_first_moment_counts() -> None:
    status = Status()
    assert status.store("no answer", 100.0) is True
    assert status.store("no answer", 110.0) is False
    assert status.store("busy", 112.0) is True
    assert status.problem(100.0 + PATIENCE_S) is None
    assert status.problem(101.0 + PATIENCE_S) == "busy"
    status.store(None, 120.0)
    assert status.problem(500.0) is None
    status.link("refused", 600.0)
    status.store("busy", 600.0)
    assert (status.problem(700.0), status.last_error) == ("refused", "refused")


def test_a_write_that_does_not_end_is_a_problem() -> None:
    status = Status(writing_since_s=10.0)
    assert status.problem(10.0 + STUCK_S) is None
    assert "write" in (status.problem(11.0 + STUCK_S) or "")


def test_denied_lasts_until_the_store_works_again() -> None:
    status = Status()
    status.store("401", 1.0, denied=True)
    status.store("401 again", 2.0)
    assert status.store_denied
    status.store(None, 3.0)
    status.store("no answer", 4.0)
    assert not status.store_denied


def test_a_batch_that_is_durable_is_counted_and_timed() -> None:
    status = Status()
    status.wrote(0.02, 5_000_000_000, 4_000_000_000)
    assert (status.batches, status.last_write_lag_ms) == (1, 1000.0)
    assert (status.write_s.total_s, status.durable_s.total_s) == (0.02, 1.0)


def test_kinds_of_retries_are_bounded_and_add_up() -> None:
    status = Status()
    for number in range(500):
        status.retried(f"kind-{number}")
    status.retried("kind-0")
    assert len(status.retries) == REASONS + 1
    assert (status.retries["kind-0"], sum(status.retries.values())) == (2, 501)


def test_the_heartbeat_can_carry_all_of_it() -> None:
    body = msgspec.json.decode(msgspec.json.encode(dataclasses.asdict(Status(received=3, fields={"telemetry": 8}))))
    assert (body["received"], body["fields"], body["write_s"]["total_s"]) == (3, {"telemetry": 8}, 0.0)


def test_the_stored_point_holds_the_law() -> None:
    status = Status()
    status.count(Counters(received=10, written=5, duplicate=2, dead_lettered=1, buffered=2))
    frame = status.frame("one", 7)
    values = {name: column[0] for name, column in frame.fields.items()}
    assert values == {"received": 10, "written": 5, "duplicate": 2, "dead_lettered": 1, "buffered": 2}
    assert (frame.measurement, dict(frame.tags), list(frame.time_ns)) == ("ingest", {"client": "one"}, [7])
