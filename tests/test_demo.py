"""The whole line in one process, from the embedded broker to the page, and its verification."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from console.cli import main
from console.demo import DemoOptions, demo
from console.demo_report import DemoReport
from console.runs import KEPT, Run, new_run, newest_run
from console.verify import Report, verify
from contract import ConfigError
from historian import Frame, Query, open_store

HOUR_NS = 3600 * 10**9


def options(data_dir: Path, **changes: object) -> DemoOptions:
    return DemoOptions(
        **{"speed": 60.0, "duration_s": 2.0, "port": 0, "browser": False, "history_h": 2.0, "data_dir": data_dir}  # type: ignore[arg-type]
        | changes
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, DemoReport]:
    data_dir = tmp_path_factory.mktemp("demo")
    result = asyncio.run(demo(options(data_dir), asyncio.Event()))
    return newest_run(data_dir), result


@pytest.fixture
def run(finished: tuple[Run, DemoReport], tmp_path: Path) -> Run:
    """A copy of the finished run, to spoil."""
    copy = tmp_path / "run-copy"
    shutil.copytree(finished[0].folder, copy)
    return Run(copy)


def check(run: Run) -> Report:
    return asyncio.run(verify(run.ledger, run.store_url))


def spoil(run: Run, sql: str) -> None:
    """Change the store behind everybody's back."""
    code = f"import duckdb; c = duckdb.connect({str(run.folder / 'historian.duckdb')!r}); c.execute({sql!r}); c.close()"
    subprocess.run([sys.executable, "-c", code], check=True)


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


def test_every_figure_is_true(run: Run) -> None:
    report = check(run)
    assert report.ok, report.as_text()
    assert report.figures.compared > 1000
    assert report.figures.stored_points >= 23, "at least one whole hour of 22 machines, a line and a site"
    assert report.figures.worst <= 1e-9
    json.dumps(report.as_json())


def test_a_lost_message_is_found_by_name(run: Run) -> None:
    machine = '(SELECT min("series#") FROM state)'
    first = f'(SELECT min(_seq) FROM state WHERE "series#" = {machine})'
    spoil(run, f'DELETE FROM state WHERE "series#" = {machine} AND _seq = {first}')
    report = check(run)
    assert report.messages.lost == 1
    assert "lost: qingdao-appliances/plant-1/production/line-1/" in report.messages.examples[0]
    assert not report.ok


def test_a_point_that_nobody_sent_is_found(run: Run) -> None:
    async def add() -> None:
        async with open_store(run.store_url) as store:
            births = await store.read(Query("birth"))
            tags = {level: values[0] for level, values in births.tags.items()}
            fields = {"reason": ["?"], "_boot": ["0123456789abcdef"], "_seq": [7]}
            await store.write([Frame("death", tags, [births.time_ns[0] + 5], fields)])

    asyncio.run(add())
    assert check(run).messages.unexpected == 1


def test_a_wrong_figure_is_found(run: Run) -> None:
    spoil(run, "UPDATE kpi SET unit_cost = unit_cost * 1.00001 WHERE unit_cost IS NOT NULL")
    report = check(run)
    assert report.messages.lost == 0
    assert 0.9e-5 < report.figures.worst < 1.1e-5
    assert not report.ok
    assert "NOT verified" in report.as_text()


def test_a_wrong_event_is_found(run: Run) -> None:
    spoil(run, "UPDATE cycle SET good = 0, scrap = 1 WHERE time = (SELECT min(time) FROM cycle)")
    assert not check(run).ok


def test_a_ledger_without_an_end_is_not_verified(run: Run) -> None:
    lines = run.ledger.read_bytes().splitlines(keepends=True)
    run.ledger.write_bytes(b"".join(lines[:-1]) + b'["p","torn')
    report = check(run)
    assert not report.ok
    assert "has not ended" in report.as_text()


def test_the_command_says_what_is_wrong_with_a_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "ledger.jsonl"
    bad.write_text('{"ledger":1,"seed":1,"sector":"x","start_ns":1,"boot":"00"}\n["what"]\n')
    assert main(["verify", "--ledger", str(bad), "--store", "duckdb::memory:"]) == 2
    assert main(["verify", "--ledger", str(tmp_path / "none"), "--store", "duckdb::memory:"]) == 2
    assert main(["verify", "--ledger", str(bad)]) == 2
    assert main(["verify", "--data-dir", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert f"{bad}:2" in lines[0]
    assert "cannot read the ledger" in lines[1]
    assert "name both" in lines[2]
    assert "run qilu demo first" in lines[3]


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
        (["--seed", "x"], "invalid int"),
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
    runs = [new_run(tmp_path, f"2026-{number}") for number in range(KEPT + 2)]
    assert [run.folder.exists() for run in runs] == [False, False] + [True] * KEPT
    assert newest_run(tmp_path) == runs[-1]
    assert (tmp_path / "run-mine").exists()
    with pytest.raises(ConfigError, match="run qilu demo first"):
        newest_run(tmp_path / "none")


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
