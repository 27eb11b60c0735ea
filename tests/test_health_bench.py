"""The benchmark of the detectors runs as its help says, at a small size; no time is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_detectors() -> None:
    done = subprocess.run(
        [sys.executable, "bench/detectors.py", "--hours", "1", "--rounds", "1", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    assert figures["bench"] == "detectors"
    assert [one["detector"] for one in figures["samples_per_s"]] == ["pca", "robust", "forest"]
    slowest = min(one[way] for one in figures["samples_per_s"] for way in ("watch", "odd"))
    assert figures["ratio"] == round(slowest / 50_000, 2) > 0
    for one in figures["samples_per_s"]:
        assert all(one[name] > 0 for name in ("watch", "odd", "rows", "single", "train_ms"))
        assert one["state_kb"] < 1000
    assert figures["forest_sklearn"] > 0
