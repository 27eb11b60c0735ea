"""``qilu verify``: a run of the demo is true, and each way of spoiling its store or its ledger is found."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest

from console.cli import main
from console.demo import DemoOptions, demo
from console.runs import Run, newest_run
from console.simulate import SimulateOptions
from console.verify import Report, verify
from historian import Frame, Query, open_store

HOUR_NS = 3600 * 10**9


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    data_dir = tmp_path_factory.mktemp("demo")
    factory = SimulateOptions(speed=60.0, duration_s=1.0, history_s=2 * 3600.0)
    options = DemoOptions(factory, port=0, browser=False, data_dir=data_dir)
    asyncio.run(demo(options, asyncio.Event()))
    return newest_run(data_dir)


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A copy of the finished run, to spoil."""
    copy = tmp_path / "run-copy"
    shutil.copytree(finished.folder, copy)
    return Run(copy)


def check(run: Run) -> Report:
    return asyncio.run(verify(run.ledger, run.store_url))


def spoil(run: Run, sql: str) -> None:
    """Change the store behind everybody's back."""
    code = f"import duckdb; c = duckdb.connect({str(run.folder / 'historian.duckdb')!r}); c.execute({sql!r}); c.close()"
    subprocess.run([sys.executable, "-c", code], check=True)


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


@pytest.mark.parametrize(
    ("stranger", "seq", "unexpected"), [(True, 7, 1), (True, 0, 1), (False, 10_000, 1), (False, 0, 0)]
)
def test_a_point_that_nobody_sent_is_found_but_a_will_is_no_stranger(
    run: Run, stranger: bool, seq: int, unexpected: int
) -> None:
    """The broker's will has the number 0 of its boot; the simulator cannot promise what the broker says."""

    async def add() -> None:
        async with open_store(run.store_url) as store:
            births = await store.read(Query("birth"))
            tags = {level: values[0] for level, values in births.tags.items()}
            boot = "0123456789abcdef" if stranger else births.fields["_boot"][0]
            fields = {"reason": ["?"], "_boot": [boot], "_seq": [seq]}
            await store.write([Frame("death", tags, [births.time_ns[0] + 5], fields)])

    asyncio.run(add())
    report = check(run)
    assert report.messages.unexpected == unexpected
    assert report.ok == (unexpected == 0)


def test_a_wrong_figure_is_found(run: Run) -> None:
    spoil(run, "UPDATE kpi SET unit_cost = unit_cost * 1.00001 WHERE unit_cost IS NOT NULL")
    report = check(run)
    assert report.messages.lost == 0
    assert 0.9e-5 < report.figures.worst < 1.1e-5
    assert not report.ok
    assert "NOT verified" in report.as_text()


FIVE_MINUTES = f"""
    (SELECT min(time) FROM kpi WHERE time % {HOUR_NS} <> 0 AND time > (SELECT min(time) FROM state))
"""
"""The first whole window of the shorter length, of which the ledger says nothing."""


@pytest.mark.parametrize("figure", ["pq", "pdot_ns", "pri_pq_ns", "pri_gq_ns", "unknown_ns", "sellable"])
def test_a_wrong_element_of_a_short_window_is_found(run: Run, figure: str) -> None:
    spoil(run, f"UPDATE kpi SET {figure} = {figure} + 1000 WHERE time = {FIVE_MINUTES}")
    report = check(run)
    assert report.figures.examples[0].startswith(f"{figure} of qingdao-appliances/plant-1")
    assert not report.ok


def test_a_wrong_element_of_an_hour_is_found(run: Run) -> None:
    spoil(run, f"UPDATE kpi SET pri_gq_ns = pri_gq_ns + 1000000 WHERE time % {HOUR_NS} = 0")
    assert not check(run).ok


def test_a_missing_figure_is_found(run: Run) -> None:
    spoil(run, f"DELETE FROM kpi WHERE line_oee IS NOT NULL AND time = {FIVE_MINUTES}")
    report = check(run)
    assert report.figures.worst == inf
    assert "found None" in report.figures.examples[0]
    assert not report.ok


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
    bad.write_text('{"ledger":1,"seed":1,"sector":"x","start_ns":1,"boot":"00"}\n{"what":1}\n')
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
