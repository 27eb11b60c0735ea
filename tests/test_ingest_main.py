"""``python -m ingest``: configuration, health and exit codes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from ingest.__main__ import PROGRAM


def main(argv: list[str]) -> int:
    return PROGRAM.main(argv, os.environ, time.time)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("QILU_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("service.program.configure_logging", lambda: None)  # it would take pytest's handlers away


@pytest.mark.parametrize(
    ("document", "line"),
    [
        ("[ingest]\nbatch_byte = 1", "unknown key ingest.batch_byte; did you mean ingest.batch_bytes?"),
        ("[ingest]\nbatch_bytes = 0", "[ingest]: Expected `int` >= 1 - at `$.batch_bytes`"),
        ("[ingset]\n", "unknown section [ingset]; did you mean ingest?"),
        ("[store]\nurl = 'sqlite:x'", "store.url 'sqlite:x' is neither"),
        ("[broker]\nurl = 'amqp://x'\n[store]\nurl = 'duckdb::memory:'", "broker.url 'amqp://x' is not of the form"),
        ("[store]\nurl = 'duckdb::memory:'\n[ingest]\ndead_letters = 'q.toml'", "set ingest.dead_letters to"),
    ],
)
def test_a_configuration_that_cannot_work_is_one_line_and_exit_2(
    document: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "q.toml").write_text(document)
    assert main(["--config", "q.toml"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.startswith("ingest: ")
    assert line in err


def test_a_variable_of_no_section_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QILU_INGST_HEARTBEAT", "x")
    assert main([]) == 2
    assert "unknown variable QILU_INGST_HEARTBEAT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("beat", "code", "line"),
    [
        ({"time": 0.0, "problem": None}, 0, ""),
        ({"time": -60.0, "problem": None}, 1, "old"),
        ({"time": 0.0, "problem": "the store is down"}, 1, "the store is down"),
        (None, 1, "no heartbeat in"),
    ],
)
def test_health(
    beat: dict[str, object] | None,
    code: int,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if beat is not None:
        (tmp_path / "beat").write_text(json.dumps(beat | {"time": time.time() + float(str(beat["time"]))}))
    monkeypatch.setenv("QILU_INGEST_HEARTBEAT", str(tmp_path / "beat"))
    assert main(["--health"]) == code
    assert line in capsys.readouterr().err


def test_health_without_a_heartbeat_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--health"]) == 2
    assert "ingest.heartbeat" in capsys.readouterr().err
