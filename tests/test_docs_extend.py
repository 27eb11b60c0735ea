"""The pages for those who extend Qilu: their own commands are followed, in order, in an empty folder.

A ``sh`` block is run as it stands; of a ``console`` block the lines after ``$`` are run, and what they say must be what
the page shows (``…`` stands for the rest). Each command must end with 0, unless the page then asks ``echo $?``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "extend").glob("*.md"))
BLOCK = re.compile(r"^```(sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ASKS = "echo $?"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and a ``qilu`` that is the one under test."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "qilu"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m console "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def _bash(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def _follow(page: Path, folder: Path, *, simulate: bool) -> int:
    """Run the blocks of a page; returns how many."""
    done = 0
    for kind, body in BLOCK.findall(page.read_text()):
        if "qilu simulate" in body and not simulate:
            continue
        done += 1
        if kind == "sh":
            end = _bash(f"set -e\n{body}", folder)
            assert end.returncode == 0, f"{page.name}:\n{body}\n{end.stdout}"
        else:
            _converse(body, folder)
    return done


def _converse(body: str, folder: Path) -> None:
    """One console block: what each command says is what is written below it."""
    parts = [part.partition("\n")[::2] for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]]
    code = 0
    for i, (command, shown) in enumerate(parts):
        asked = i + 1 < len(parts) and parts[i + 1][0] == ASKS
        end = _bash(f"(exit {code})\n{command}", folder)
        code = end.returncode
        assert code == 0 or asked, f"$ {command}\n{end.stdout}"
        if "…\n" in shown:
            assert end.stdout.startswith(shown.partition("…\n")[0]), f"$ {command}\n{end.stdout}"
        else:
            assert end.stdout == shown, f"$ {command}\n{end.stdout}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_commands_work_as_written(page: Path, folder: Path) -> None:
    assert _follow(page, folder, simulate=False) >= 6


def test_the_new_sector_runs(folder: Path) -> None:
    _follow(ROOT / "docs" / "extend" / "sector.md", folder, simulate=True)
    assert (folder / "my-bakery.jsonl").stat().st_size > 0


def test_a_page_that_shows_something_else_is_found_out(folder: Path) -> None:
    _converse("$ false\n$ echo $?\n1\n$ printf 'a\\nb\\n'\na\n…\n", folder)
    for wrong in ("$ echo a\nb\n", "$ false\n", "$ qilu models show none\n", "$ printf 'a\\nb\\n'\nb\n…\n"):
        with pytest.raises(AssertionError):
            _converse(wrong, folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_is_one_that_is_run(page: Path) -> None:
    assert page.read_text().count("```") == 2 * len(BLOCK.findall(page.read_text()))
