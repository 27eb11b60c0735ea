"""The whole line in one process, from the embedded broker to the page, and its verification."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import termios
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from console.cli import main
from console.demo import DemoOptions, demo
from console.demo_report import DemoReport
from console.runs import KEPT, Run, keep, new_run, newest_run
from console.simulate import SimulateOptions
from console.terminal import status_line
from contract import ConfigError

HOUR_NS = 3600 * 10**9


def kept_run(data_dir: Path, stamp: str) -> Run:
    """A run that has ended."""
    with new_run(data_dir, stamp) as run:
        return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, DemoReport]:
    data_dir = tmp_path_factory.mktemp("demo")
    factory = SimulateOptions(speed=60.0, duration_s=2.0, history_s=2 * 3600.0)
    options = DemoOptions(factory, port=0, browser=False, data_dir=data_dir)
    result = asyncio.run(demo(options, asyncio.Event()))
    return newest_run(data_dir), result


def test_the_line_loses_nothing_and_makes_washing_machines(finished: tuple[Run, DemoReport]) -> None:
    result = finished[1].as_json()
    assert result["sent"] == result["acknowledged"] == result["stored"] > 100
    assert (result["lost"], result["duplicated"], result["unexpected"]) == (0, 0, 0)
    assert 0.2 < result["oee"] < 0.95
    assert 0.2 < result["fleet_oee"] < 0.95
    assert result["unit_cost"] > 848.6, "a unit costs at least its material"
    assert result["sellable"] > 0
    assert result["hours"] == pytest.approx(2 + 120 / 3600, abs=0.02)
    assert "lost: 0" in finished[1].as_text()


def test_a_run_that_is_interrupted_ends_cleanly(tmp_path: Path) -> None:
    """Ctrl-C: the last messages are stored, the bill is printed, the exit code is 0."""
    command = [sys.executable, "-m", "console", "demo", "--no-browser", "--json", "--port", "0", "--speed", "60"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            url = process.stderr.readline().split("factory is at ")[1].split()[0]
            with urllib.request.urlopen(url + "healthz", timeout=10) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert json.loads(out)["lost"] == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--sector", "home_aplliances"], "home_appliances"),
        (["--speed", "0"], "no speed"),
        (["--for", "soon"], "no time"),
        (["--port", "99999"], "no port"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--seed", "x"], "no seed"),
        (["--seed", "-1"], "no seed"),
    ],
)
def test_a_wrong_flag_is_one_clear_line(
    flags: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--no-browser", "--data-dir", str(tmp_path / "data"), *flags]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_taken_port_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["demo", "--no-browser", "--data-dir", str(tmp_path), "--port", port]) == 2
    err = capsys.readouterr().err
    assert err == f"qilu: port {port} is taken; use --port\n"
    assert not list(tmp_path.iterdir()), "what was refused leaves no run that verify would take for the newest"


def test_a_start_that_is_refused_costs_no_older_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [kept_run(tmp_path, f"2026-{number}") for number in range(KEPT)]
    unwritable = tmp_path / "none" / "ledger.jsonl"
    assert main(["demo", "--no-browser", "--port", "0", "--data-dir", str(tmp_path), "--ledger", str(unwritable)]) == 2
    assert "cannot write the ledger" in capsys.readouterr().err
    assert [run.folder.exists() for run in runs] == [True] * KEPT
    assert newest_run(tmp_path) == runs[-1]


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(stat.S_IRUSR | stat.S_IXUSR)
    blocked = locked / "data" if os.geteuid() else Path("/proc/qilu")  # root may write anywhere but there
    assert main(["demo", "--no-browser", "--data-dir", str(blocked)]) == 2
    err = capsys.readouterr().err
    assert "--data-dir" in err
    assert len(err.splitlines()) == 1


def test_only_the_newest_runs_are_kept_and_nothing_else_is_touched(tmp_path: Path) -> None:
    (tmp_path / "run-mine").mkdir()
    runs = [kept_run(tmp_path, f"2026-{number}") for number in range(KEPT + 2)]
    keep(runs[-1])
    assert [run.folder.exists() for run in runs] == [False, False] + [True] * KEPT
    assert newest_run(tmp_path) == runs[-1]
    assert (tmp_path / "run-mine").exists()
    with pytest.raises(ConfigError, match="run qilu demo first"):
        newest_run(tmp_path / "none")


@pytest.mark.skipif(sys.platform == "win32", reason="there the system keeps open files")
def test_a_run_that_still_runs_is_not_dropped(tmp_path: Path) -> None:
    with new_run(tmp_path, "2026-0") as running:
        runs = [kept_run(tmp_path, f"2026-1{number}") for number in range(KEPT)]
        keep(runs[-1])
        assert running.folder.exists()
    keep(runs[-1])
    assert not running.folder.exists()


def test_a_run_that_has_begun_stays_when_its_disk_is_full(tmp_path: Path) -> None:
    with pytest.raises(ConfigError), new_run(tmp_path, "2026-0") as run:
        keep(run)
        raise ConfigError("cannot write the ledger")
    assert newest_run(tmp_path) == run


def test_the_end_says_how_to_verify_this_run(finished: tuple[Run, DemoReport], tmp_path: Path) -> None:
    run, result = finished
    assert f"qilu verify --data-dir {run.folder.parent}" in result.as_text()
    elsewhere = replace(result, ledger=str(tmp_path / "my ledger"))
    assert f"qilu verify --ledger '{tmp_path}/my ledger' --store {run.store_url}" in elsewhere.as_text()


def test_ctrl_c_in_any_command_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("console.config.effective", interrupted)
    assert main(["config"]) == 130
    assert capsys.readouterr().err == "qilu: interrupted\n"


def test_the_status_line_never_wraps() -> None:
    """A line that wraps is not overwritten by the next one, and the terminal fills up with them."""
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        termios.tcsetwinsize(terminal.fileno(), (24, 40))

        async def show() -> None:
            async with status_line(lambda: {"phase": "live", "plant_now_ns": 10**18, "acked": 1_200_000}, terminal):
                await asyncio.sleep(0)

        asyncio.run(show())
        expected = b"\r\x1b[Klive, plant time 2001-09-09 01:46:40 UT\r\x1b[K"
        shown = os.read(ours, 4096)
        while len(shown) < len(expected):  # a terminal hands on what it has
            shown += os.read(ours, 4096)
    os.close(ours)
    assert shown == expected


def test_the_configuration_is_printed_and_reads_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QILU_SIMULATOR_SEED", "42")
    assert main(["config"]) == 0
    printed = capsys.readouterr().out
    assert "seed = 42" in printed
    path = tmp_path / "qilu.toml"
    path.write_text(printed)
    monkeypatch.delenv("QILU_SIMULATOR_SEED")
    assert main(["config", "--config", str(path)]) == 0
    assert capsys.readouterr().out == printed
    monkeypatch.setenv("QILU_SIMULATION_SEED", "1")
    assert main(["config"]) == 2
    assert "QILU_SIMULATION_SEED" in capsys.readouterr().err
