"""The progress bar: at a terminal, for what takes longer than two seconds, and for what is cut short."""

from __future__ import annotations

import io
import os
import signal
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from console import catalogue_check, verify
from console.cli import main
from console.progress import parts
from console.terminal import Bar
from simulator.catalogue import Catalogue

SECTORS = Path(catalogue_check.__file__).parents[1] / "simulator/sectors"
MODELS = SECTORS.parent / "models"


def shown(fractions: list[float], step_s: float = 1.0) -> str:
    """What a terminal of 100 columns gets of a bar that is told a fraction at each step."""
    ours, theirs = os.openpty()
    clock = iter([number * step_s for number in range(len(fractions) + 1)])
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        termios.tcsetwinsize(terminal.fileno(), (24, 100))
        bar = Bar("work", terminal, clock=lambda: next(clock))
        for fraction in fractions:
            bar.show(fraction)
        bar.close()
        terminal.write("end")
        terminal.flush()
        text = ""
        while not text.endswith("end"):
            text += os.read(ours, 4096).decode()
    os.close(ours)
    return text


def test_a_bar_appears_after_two_seconds_and_is_wiped() -> None:
    wipe = "\r\x1b[K"
    expected = f"{wipe}work [###############...............]  50 %, 2 s left{wipe}end"
    assert shown([0.01, 0.5]) == expected, "one second: nothing; two seconds: half of it"


def test_the_first_hundredth_promises_nothing() -> None:
    assert "left" not in shown([0.0, 0.0, 0.01])


def test_what_is_quick_shows_nothing() -> None:
    assert shown([0.3, 0.6, 1.0], step_s=0.5) == "end"


def test_a_pipe_gets_no_bar() -> None:
    out = io.StringIO()
    bar = Bar("work", out, clock=iter([0.0, 9.0]).__next__)
    bar.show(0.5)
    bar.close()
    assert out.getvalue() == ""


def test_parts_make_up_the_whole() -> None:
    told: list[float] = []
    for part in parts(told.append, 4):
        part(0.5)
        part(1.0)
    assert told == [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0]


@pytest.mark.parametrize(("kind", "file"), [("models", MODELS / "amr.yaml"), ("sectors", SECTORS / "mould.yaml")])
def test_a_check_tells_how_far_it_is(kind: str, file: Path) -> None:
    told: list[float] = []
    assert catalogue_check.file_problems(kind, file, Catalogue(), told.append) == []
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) >= (catalogue_check.RUN_DAYS if kind == "sectors" else 1)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("models", ("id: amr", "id: [")),
        ("models", ("mtbf_h:", "mtbf_hours:")),
        ("models", ("idle:", "idle: -")),
        ("sectors", ("tariff:", "tariff: no-")),
    ],
)
def test_what_is_wrong_on_paper_is_told_before_anything_is_compiled(
    kind: str, change: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_check, "ready", lambda _: pytest.fail("the compiler was called"))
    text = (MODELS / "amr.yaml" if kind == "models" else SECTORS / "mould.yaml").read_text()
    file = tmp_path / ("amr.yaml" if kind == "models" else "mould.yaml")
    assert change[0] in text
    file.write_text(text.replace(*change))
    assert main([kind, "check", str(file)]) == 1


@pytest.mark.parametrize("command", ["demo", "simulate"])
def test_a_wrong_sector_is_told_before_anything_is_compiled(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(f"console.{command}.ready", lambda _: pytest.fail("the compiler was called"))
    assert main([command, "--sector", "ceramic"]) == 2
    assert "did you mean ceramics?" in capsys.readouterr().err


def test_an_interrupted_verify_does_not_wait_for_the_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C cancels the task; work that never awaits goes on to its end unless it is told."""

    async def long_work(*_: object, progress: Callable[[float], object]) -> None:
        progress(0.1)
        signal.raise_signal(signal.SIGINT)
        progress(0.2)
        pytest.fail("it went on")

    monkeypatch.setattr(verify, "verify", long_work)
    assert main(["verify", "--ledger", "x", "--store", "duckdb:x"]) == 130
    assert capsys.readouterr().err == "qilu: interrupted\n"
