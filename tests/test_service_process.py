"""Heartbeats tell a health check the truth."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from service import Heartbeat, ended, heartbeat_problem, run_until_signalled


def test_a_fresh_heartbeat_is_healthy_and_an_old_one_is_not(tmp_path: Path) -> None:
    path = str(tmp_path / "beat")
    assert "no heartbeat" in (heartbeat_problem(path, now=0.0) or "")
    Heartbeat(path, clock=lambda: 100.0).beat({"written": 5})
    assert heartbeat_problem(path, now=129.0) is None
    assert "31 s old" in (heartbeat_problem(path, now=131.0) or "")


def test_a_problem_is_passed_on(tmp_path: Path) -> None:
    path = str(tmp_path / "beat")
    Heartbeat(path, clock=lambda: 1.0).beat({"problem": "the store does not answer"})
    assert heartbeat_problem(path, now=2.0) == "the store does not answer"


def test_a_torn_heartbeat_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "beat"
    for text in ("", "{", "[]", '{"time": "x"}'):
        path.write_text(text)
        assert "no heartbeat" in (heartbeat_problem(str(path), now=0.0) or "")


def test_a_heartbeat_that_cannot_be_written_is_told_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "later"
    path = str(folder / "beat")
    heartbeat = Heartbeat(path, clock=lambda: 1.0)
    for _ in range(3):
        heartbeat.beat({})
    assert [record.getMessage() for record in caplog.records] == [
        f"cannot write the heartbeat {path}: No such file or directory; trying again"
    ]
    assert "no heartbeat" in (heartbeat_problem(path, now=1.0) or "")
    folder.mkdir()
    heartbeat.beat({})
    assert heartbeat_problem(path, now=1.0) is None


def test_no_path_no_file() -> None:
    Heartbeat("", clock=lambda: 0.0).beat({})
    assert "no heartbeat" in (heartbeat_problem("", now=0.0) or "")


def test_a_signal_sets_the_stop_event() -> None:
    async def main(stop: asyncio.Event) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stop.wait(), 5)
        return 7

    assert run_until_signalled(main) == 7


def test_a_task_that_swallows_a_cancellation_ends_all_the_same() -> None:
    swallowed: list[str] = []

    async def stubborn() -> None:
        while len(swallowed) < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed.append("once more")
        await asyncio.sleep(60)

    async def broken() -> None:
        raise ValueError("its own")

    async def main() -> None:
        tasks = [asyncio.create_task(one()) for one in (stubborn, broken)]
        await asyncio.sleep(0)
        await asyncio.wait_for(ended(*tasks), 10)
        assert tasks[0].cancelled()
        assert isinstance(tasks[1].exception(), ValueError)
        await ended(*tasks)

    asyncio.run(main())
    assert len(swallowed) == 3
