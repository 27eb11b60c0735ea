"""The judge judged: each kind of wrong in a store, and in the counters, is seen."""

from __future__ import annotations

import time
from itertools import islice
from typing import Any

import pytest
from ingest_plant import Points
from load import Ledger, stream
from scene import Verdict, compare, proven, unequal
from table import catalogue, rows
from worker import Beat, Watch, lawful

POINT = ("telemetry", (("machine", "m"),), 1)


@pytest.fixture
def ledger() -> Ledger:
    said = list(islice(stream(3), 600))
    return Ledger({one.name: one for one in said}, {one.name for one in said[:550]})


def judge(ledger: Ledger, stored: Points, more_rows: int = 0, broken: bool = False) -> Verdict:
    status: dict[str, Any] = {"received": 5, "written": 4, "duplicate": 0, "dead_lettered": 0, "buffered": 1}
    watch = Watch([Beat(time.monotonic(), status, 60.0)], [status] if broken else [])
    return compare(ledger, stored, len(stored) + more_rows, watch)


def test_all_is_well(ledger: Ledger) -> None:
    proven(judge(ledger, ledger.points(ledger.acked)))
    proven(judge(ledger, ledger.points(ledger.attempted)))  # stored and not acknowledged is no fault


def test_a_lost_message_is_seen(ledger: Ledger) -> None:
    kept = sorted(ledger.acked)[1:]
    verdict = judge(ledger, ledger.points(kept))
    assert verdict.lost == 1
    with pytest.raises(AssertionError):
        proven(verdict)


def test_a_lost_row_of_a_message_is_seen(ledger: Ledger) -> None:
    points = ledger.points(ledger.acked)
    many = next(name for name in sorted(ledger.acked) if len(ledger.attempted[name].points) > 1)
    del points[next(iter(ledger.attempted[many].points))]
    verdict = judge(ledger, points)
    assert (verdict.lost, verdict.wrong_points) == (0, 1)


def test_a_message_that_nobody_sent_is_seen(ledger: Ledger) -> None:
    other = next(stream(4, boot="deadbeef"))
    assert judge(ledger, ledger.points(ledger.acked) | other.points).unexpected == 1


@pytest.mark.parametrize(("said", "stored"), [(-0.0, 0.0), (20.0, 20), (0.1, 0.1 + 2**-55), (1, True), ("a", "a ")])
def test_a_value_that_is_not_the_same_is_seen(ledger: Ledger, said: object, stored: object) -> None:
    points = ledger.points(ledger.acked)
    expected = {**points, POINT: {"_boot": "b", "_seq": 1, "x": said}}
    assert _unequal(expected, {**points, POINT: {"_boot": "b", "_seq": 1, "x": stored}}) == 1
    assert _unequal(expected, expected) == 0


def _unequal(expected: Points, stored: Points) -> int:
    return len(unequal(expected, stored))


def test_a_row_twice_and_a_broken_law_are_seen(ledger: Ledger) -> None:
    points = ledger.points(ledger.acked)
    assert judge(ledger, points, more_rows=2).duplicate_rows == 2
    assert judge(ledger, points, broken=True).unlawful == 1
    right = {"received": 9, "written": 4, "duplicate": 1, "dead_lettered": 2, "buffered": 2}
    assert lawful(right)
    assert lawful(right | {"dead_lettered": {"invalid": 1, "not-json": 1}})
    assert not lawful(right | {"received": 10})


def test_the_table_has_a_line_for_every_identifier() -> None:
    known = catalogue()
    wanted = [*(f"A{n:02}" for n in (*range(1, 7), *range(8, 27), *range(31, 36))), *(f"B{n:02}" for n in range(1, 13))]
    assert set(wanted) <= set(known)
    line = {"id": "A05", "outcome": "passed", "seed": 7, "figures": {"lost": 0}, "seconds": 3.0, "reason": ""}
    table = rows([line, line | {"figures": {"lost": 0, "x|y": 2}}])
    assert len(table) == len(known)
    assert any("lost 0, x\\|y 2" in row and row.startswith("| A05 ") for row in table)
    assert any("not run" in row for row in table)
