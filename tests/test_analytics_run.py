"""The loop: its pacing, its end, and what it does when the historian fails; the settings and the command."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from analytics_plant import MIN, T0, plant
from analytics_stream import ROWS, Points, agree, kpi_points, rows_of

from analytics.__main__ import PROGRAM
from analytics.keeper import Keeper
from analytics.run import Status, analyse
from analytics.settings import Settings
from contract import ConfigError, RetryLater
from historian import Frame, ModelHistorian, Query, open_store
from service import load


def run_program(argv: list[str]) -> int:
    return PROGRAM.main(argv, os.environ, time.time)


def wanted() -> Points:
    """The figures that one pass over all events gives."""

    async def go() -> Points:
        store = ModelHistorian()
        await store.write(ROWS)
        await Keeper(Settings(), store, Status()).update(scan=True)
        return await kpi_points(store)

    return asyncio.run(go())


WANTED = wanted()


class Clock:
    """Nanoseconds that pass only while somebody waits."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.waits: list[float] = []

    def __call__(self) -> int:
        return self.now_ns


def test_the_loop_runs_until_told_to_stop_and_then_once_more(tmp_path: Path) -> None:
    heartbeat = tmp_path / "beat.json"

    async def go() -> tuple[Points, Status, Clock]:
        store, stop, clock = ModelHistorian(), asyncio.Event(), Clock()

        async def pause(seconds: float) -> None:
            clock.waits.append(seconds)
            clock.now_ns += int(seconds * 10**9)
            if len(clock.waits) == 3:
                await store.write(ROWS)
                stop.set()  # what came since is still to be counted

        config = Settings(heartbeat=str(heartbeat), period_s=2.0)
        status = await asyncio.wait_for(analyse(config, store, stop=stop, clock_ns=clock, pause=pause), 30)
        return await kpi_points(store), status, clock

    points, status, clock = asyncio.run(go())
    agree(points, WANTED)
    assert clock.waits == [2.0, 2.0, 2.0]
    assert status.until_ns == T0 + 150 * MIN
    assert (status.last_run_ns, status.last_error) == (6 * 10**9, None)
    assert json.loads(heartbeat.read_text())["problem"] is None


def test_a_historian_that_fails_is_named_and_tried_again() -> None:
    class Weak(ModelHistorian):
        failures = 3

        async def write(self, batch: Sequence[Frame]) -> None:
            if any(frame.measurement == "kpi" for frame in batch) and self.failures:
                self.failures -= 1
                raise RetryLater("busy")
            await super().write(batch)

    async def go() -> None:
        store, stop, status = Weak(), asyncio.Event(), Status()
        errors: list[str | None] = []
        await store.write(ROWS)

        async def pause(seconds: float) -> None:
            errors.append(status.last_error)
            if status.last_error is None:
                stop.set()

        await asyncio.wait_for(analyse(Settings(), store, stop=stop, status=status, pause=pause, clock_ns=Clock()), 30)
        assert errors == ["RetryLater: busy"] * 3 + [None]
        agree(await kpi_points(store), WANTED)

    asyncio.run(go())


def test_without_a_pause_of_its_own_it_wakes_up_when_told_to_stop() -> None:
    async def go() -> None:
        stop = asyncio.Event()
        task = asyncio.create_task(analyse(Settings(period_s=3600.0), ModelHistorian(), stop=stop))
        await asyncio.sleep(0)
        stop.set()
        await asyncio.wait_for(task, 10)

    asyncio.run(go())


def test_the_whole_on_duckdb_beside_a_writer() -> None:
    rows = rows_of(plant(hours=0.5))

    async def go() -> None:
        async with open_store("duckdb::memory:") as store:
            stop = asyncio.Event()
            task = asyncio.create_task(analyse(Settings(period_s=0.01, late_scan_s=0.01), store, stop=stop))
            for start in range(0, len(rows), 200):
                await store.write(rows[start : start + 200])
            stop.set()
            status = await asyncio.wait_for(task, 60)
            assert status.last_error is None
            table = await store.read(Query("kpi", ("pri_gq_ns", "gq"), {"level": "machine", "window": "1h"}))
            made = dict(zip(table.tags["machine"], table.fields["gq"], strict=True))
            lots = {frame.tags["machine"]: 0 for frame in rows}
            for frame in rows:
                if frame.measurement == "cycle":
                    lots[frame.tags["machine"]] += int(frame.fields["good"][0] or 0)
            assert made == lots

    asyncio.run(go())


# Settings and command


def test_windows_that_do_not_fit_into_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="420 is no multiple of 300"):
        load("analytics", Settings, {"analytics": {"windows_s": [300, 420]}}, {})
    with pytest.raises(ConfigError, match=r"unknown key analytics\.perod_s; did you mean analytics\.period_s"):
        load("analytics", Settings, {"analytics": {"perod_s": 1.0}}, {})
    assert load("analytics", Settings, {"analytics": {"windows_s": [60, 3600]}}, {}).windows_s == [60, 3600]


def test_the_command_says_in_one_line_what_is_wrong(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("QILU_CONFIG", raising=False)
    monkeypatch.setenv("QILU_STORE_URL", "ftp://nowhere")
    assert run_program([]) == 2
    assert capsys.readouterr().err.startswith("analytics: store.url 'ftp://nowhere'")
    monkeypatch.setenv("QILU_STORE_URL", "duckdb::memory:")
    assert run_program(["--config", str(tmp_path / "none.toml")]) == 2
    assert run_program(["--health"]) == 2
    capsys.readouterr()
    monkeypatch.setenv("QILU_ANALYTICS_HEARTBEAT", str(tmp_path / "beat.json"))
    assert run_program(["--health"]) == 1
    assert "no heartbeat" in capsys.readouterr().err
