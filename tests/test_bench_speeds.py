"""The benchmarks of the simulator run as their help says, at the smallest size.

What it is: each as a process of its own; what it prints must be sound. No time is judged.
What it is not: a measurement.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "live"))

from servers import find_program  # noqa: E402


def bench(name: str, *flags: str) -> dict[str, Any]:
    """The object that a benchmark prints."""
    done = subprocess.run(
        [sys.executable, f"bench/{name}.py", *flags, "--json"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures: dict[str, Any] = json.loads(done.stdout)
    assert figures["bench"] == name
    return figures


def test_backfill() -> None:
    figures = bench("backfill", "--days", "0.5", "--sector", "biomedicine")
    assert figures["rows"] > 6 * 720  # a sample and a reading of six machines each minute
    assert figures["messages"] < figures["rows"] / 50  # history is said in long messages
    assert figures["ratio"] == pytest.approx(figures["seconds"] / (15 / 14), rel=0.02)


def test_simulator() -> None:
    figures = bench("simulator", "--days", "1", "--rounds", "1", "--sector", "biomedicine")
    (run,) = figures["headless"]
    assert run["machines"] == 6
    assert run["lots"] > 0
    assert run["ledger_mb"] > 0
    assert run["limit_s"] == pytest.approx(5 / 30, abs=0.001)
    assert min(figures["publisher_messages_per_s"].values()) > 0


@pytest.mark.skipif(find_program("mosquitto") is None, reason="mosquitto is neither on the PATH nor in .servers/bin")
def test_live() -> None:
    figures = bench("live", "--machines", "20", "--seconds", "4", "--warm-up", "1")
    assert figures["machines"] >= figures["machines_each_second"] >= 20
    assert figures["machines_heard"] >= 20
    assert figures["unacknowledged"] == 0
    assert 0 < figures["lag_p50_s"] <= figures["lag_max_s"]


ROWS = {"live": 1, "minute": 60, "history": 500}


@pytest.mark.slow
@pytest.mark.skipif(
    find_program("mosquitto") is None or find_program("influxd") is None,
    reason="mosquitto or influxd is neither on the PATH nor in .servers/bin",
)
def test_ingest() -> None:
    figures = bench("ingest", "--scale", "0.01", "--outage", "2")
    assert {(one["shape"], one["store"]) for one in figures["paths"]} == {
        (shape, store) for shape in ROWS for store in ("influx", "duckdb")
    }
    for one in figures["paths"]:
        rows = ROWS[one["shape"]]
        assert one["values_per_s"] == pytest.approx(one["messages_per_s"] * rows * 8, rel=0.02)
        assert one["rss_mb"] > 0
        if one["store"] == "influx":
            assert one["ratio_to_database"] in one["ratios"] == sorted(one["ratios"])
    live = figures["paths"][0]
    assert figures["limits"]["live_20000_messages_per_s"] == pytest.approx(live["messages_per_s"] / 20_000, abs=0.001)
    away = figures["outage"]
    assert away["stored"] == away["sent"] > 0
    assert 0 < figures["latency"]["p50_s"] <= figures["latency"]["p99_s"]
