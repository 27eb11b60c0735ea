"""Compiling beforehand: once, said in one line, and afterwards no plant compiles anything."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from simulator import compiled, precompile

PLANTS = """
from numba.core import event
from simulator import precompile
from simulator.catalogue import Catalogue
from simulator.factory import Factory
from simulator.settings import Settings
from simulator.setup import setup

class Listener(event.Listener):
    def on_start(self, what): late.append(what.data["dispatcher"].py_func.__qualname__)
    def on_end(self, what): pass

late, start_ns, hour_ns = [], 1_767_576_600 * 10**9, 3600 * 10**9
precompile.precompile()
event.register("numba:compile", Listener())
plants = [Settings(sector=name) for name in Catalogue().names("sectors")]
plants += [Settings(scenario=name) for name in Catalogue().names("scenarios")]
for settings in plants:
    what = setup(settings)
    plan = what.plan(start_ns, start_ns)
    factory = Factory(what.park, "0" * 16, start_ns, plan=plan, horizon_ns=start_ns + 1000 * hour_ns)
    factory.skip(start_ns + 12 * hour_ns)
    factory.advance(start_ns + 12 * hour_ns + hour_ns // 4, 10**9)
    factory.truth()
print(len(plants), late)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setattr(compiled, "_FOLDER", str(tmp_path))
    return tmp_path


@pytest.fixture
def used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each time that a factory would have been run; it leaves the code of two functions."""
    times: list[int] = []

    def use() -> None:
        times.append(1)
        for name in ("one", "two"):
            (folder / f"{name}.nbi").touch()

    monkeypatch.setattr(precompile, "_use_everything", use)
    return times


def test_a_cache_is_cold_until_somebody_has_compiled_everything(folder: Path) -> None:
    assert compiled.cold()
    assert not compiled.warmed()  # nothing is kept
    (folder / "one.nbi").touch()
    assert compiled.cold()
    assert compiled.warmed()
    assert not compiled.cold()
    assert compiled.kept() == 1


def test_code_for_another_processor_does_not_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "one.nbi").touch()
    assert compiled.warmed()
    assert not compiled.cold()
    context = compiled.cpu_target.target_context
    monkeypatch.setattr(type(context.codegen()), "magic_tuple", lambda _: ("another",))
    assert compiled.cold()


def test_the_command_compiles_once_and_says_so(used: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert precompile.main([]) == 0
    assert capsys.readouterr().out == "compiled 2 functions in 0 s\n"
    assert precompile.main([]) == 0
    assert capsys.readouterr().out == "already compiled: 2 functions\n"
    assert precompile.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"functions": 2, "compiled": 0, "seconds": 0.0, "kept": True}
    assert len(used) == 1


def test_what_cannot_be_kept_is_said(
    used: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiled, "_FOLDER", None)
    assert precompile.main([]) == 1
    assert "not kept" in capsys.readouterr().out
    assert used


def test_whoever_runs_a_plant_first_is_told_once(used: list[int]) -> None:
    out = io.StringIO()
    precompile.ready(out)
    assert out.getvalue() == "qilu: compiling the simulator once (about a minute)…\n"
    precompile.ready(out)
    assert out.getvalue().count("\n") == 1
    assert len(used) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown_by(terminal: Terminal, words: str) -> None:
    until = time.monotonic() + 10
    while words not in terminal.getvalue() and time.monotonic() < until:
        time.sleep(0.01)


def test_at_a_terminal_a_bar_grows_and_is_wiped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()

    def use() -> None:
        shown_by(terminal, "[..............................]   0 %, 0 s")
        (folder / "one.nbi").touch()
        shown_by(terminal, "[###############...............]  50 %")

    monkeypatch.setattr(precompile, "_EVERY_S", 0.01)
    monkeypatch.setattr(compiled, "to_keep", lambda: 2)
    monkeypatch.setattr(precompile, "_use_everything", use)
    precompile.ready(terminal)
    assert "  0 %, 0 s" in terminal.getvalue()
    assert " 50 %, " in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_ctrl_c_while_compiling_leaves_a_clean_line_and_no_thread(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal, before = Terminal(), threading.active_count()

    def use() -> None:
        shown_by(terminal, " 0 %")
        raise KeyboardInterrupt

    monkeypatch.setattr(precompile, "_EVERY_S", 0.01)
    monkeypatch.setattr(precompile, "_use_everything", use)
    with pytest.raises(KeyboardInterrupt):
        precompile.ready(terminal)
    assert " 0 %" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert threading.active_count() == before
    assert compiled.cold()


@pytest.mark.slow
def test_all_functions_are_kept_when_everything_was_compiled() -> None:
    """The bar ends at 100 %."""
    precompile.precompile()
    assert compiled.kept() == compiled.to_keep() > 100


@pytest.mark.slow
def test_afterwards_no_sector_and_no_scenario_compiles_anything() -> None:
    done = subprocess.run([sys.executable, "-c", PLANTS], capture_output=True, text=True, check=True)
    count, _, late = done.stdout.strip().partition(" ")
    assert int(count) >= 16
    assert late == "[]"
