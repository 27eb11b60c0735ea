"""``qilu analyze``: a range and the loop write the same points."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from analytics_plant import HOUR, T0, frames, plant
from analytics_stream import Points, kpi_points

from console.cli import main
from historian import Frame, open_store

EVENTS = [frame for path, events in plant(2.0).items() for frame in frames(path, events)]


def filled(tmp_path: Path, events: Iterable[Frame] = EVENTS) -> str:
    url = f"duckdb:{tmp_path / 'historian.duckdb'}"

    async def fill() -> None:
        async with open_store(url) as store:
            await store.write(list(events))

    asyncio.run(fill())
    return url


def points(url: str) -> Points:
    async def read() -> Points:
        async with open_store(url) as store:
            return await kpi_points(store)

    return asyncio.run(read())


def live(url: str) -> tuple[int, str]:
    """The loop in a process of its own, ended by SIGINT as soon as it has written."""
    command = [sys.executable, "-m", "console", "analyze", "--live", "--json", "--store", url]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
    wal, before = Path(url.removeprefix("duckdb:")), Path(url.removeprefix("duckdb:")).stat().st_mtime_ns
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        changed = [path.stat().st_mtime_ns for path in wal.parent.glob(f"{wal.name}*")]
        if max(changed) > before:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


def test_a_range_and_the_loop_write_the_same(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    batch, loop = filled(one), filled(two)
    assert main(["analyze", "--store", batch]) == 0
    assert "2026-03-01 00:00:00Z to 2026-03-01 02:00:00Z: " in capsys.readouterr().out
    code, out = live(loop)
    assert code == 0
    told = json.loads(out)
    assert told["until_ns"] == T0 + 2 * HOUR
    assert told["last_error"] is None
    wanted = points(batch)
    assert points(loop) == wanted
    assert {key[1] for key in wanted} == {"5m", "1h"}


def test_a_range_touches_its_windows_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    url = filled(tmp_path)
    words = ["--from", "2026-03-01T01:10Z", "--to", "2026-03-01T01:20Z", "--json"]
    assert main(["analyze", "--store", url, *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["windows"] == 12  # of the whole hour, which the longest window wants
    assert {key[5] for key in points(url) if key[1] == "1h"} == {str(T0 + HOUR)}


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--live", "--from", "2h"], "--live knows no --from and no --to"),
        (["--from", "2030-01-01T00:00Z"], "nothing was said in that range"),
        (["--from", "yesterday"], "--from"),
    ],
)
def test_errors_name_the_flag(capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], error: str) -> None:
    assert main(["analyze", "--store", filled(tmp_path), *words]) == 2
    assert error in capsys.readouterr().err


def test_a_store_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["analyze", "--store", f"duckdb:{tmp_path / 'none.duckdb'}"]) == 2
    assert "no such store" in capsys.readouterr().err
