"""The cache of compiled code: it notices every change, and never stands in the way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulator import compiled

ROOT = Path(__file__).parents[1]
PROGRAM = """
from simulator.compiled import compiled
@compiled
def twice(x):
    return 2 * x
print(twice(21), sum(twice.stats.cache_hits.values()))
"""


def run(tmp_path: Path, cache: Path) -> tuple[str, str]:
    (tmp_path / "program.py").write_text(PROGRAM)
    places = {"QILU_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"], env=os.environ | places, capture_output=True, text=True, check=True
    )
    return done.stdout.strip(), done.stderr


def test_the_second_start_finds_the_code(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run(tmp_path, cache) == ("42 0", "")
    assert run(tmp_path, cache) == ("42 1", "")
    (folder,) = (cache / "compiled").iterdir()
    assert folder.name == compiled.digest(compiled.sources())
    assert folder.stat().st_mode & 0o077 == 0


def test_a_torn_cache_is_made_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    run(tmp_path, cache)
    for file in cache.rglob("*.nb*"):
        file.write_bytes(b"torn")
    out, said = run(tmp_path, cache)
    assert out == "42 0"
    assert "cannot be read" in said
    assert run(tmp_path, cache) == ("42 1", "")


def test_without_a_place_for_it_functions_are_compiled_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    out, said = run(tmp_path, tmp_path / "file")
    assert out == "42 0"
    assert "starting takes longer" in said


def test_what_cannot_be_kept_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = []

    def refuse(*_: object) -> None:
        refused.append(1)
        raise PermissionError("read-only")

    def half(x: float) -> float:
        return x / 2

    made = compiled.compiled(half)
    monkeypatch.setattr(made._cache._kept, "_save_overload", refuse)  # type: ignore[attr-defined]
    assert made(5.0) == 2.5
    assert refused


def test_what_compiled_code_can_depend_on_is_in_the_digest() -> None:
    names = set(compiled.sources())
    assert {"signal_core.py", "kernel/happen.py", "kernel/layout.py", "happenings.py", "compiled.py"} <= names
    users = {p.relative_to(ROOT / "simulator").as_posix() for p in (ROOT / "simulator").rglob("*.py")
             if re.search(r"^@(compiled|lean|inlined)\b", p.read_text(), re.MULTILINE)}  # fmt: skip
    assert users <= names


def test_sources_follow_imports_and_digests_follow_sources(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "fast.py").write_text("from simulator import (\n    figures,\n)\n@compiled\ndef f(): ...\n")
    (tmp_path / "figures.py").write_text("from simulator.deep.more import X\n")
    (tmp_path / "deep" / "more.py").write_text("X = 1\n")
    (tmp_path / "stranger.py").write_text("import simulator.fast\n")
    found = compiled.sources(tmp_path)
    assert list(found) == ["deep/more.py", "fast.py", "figures.py"]
    before = compiled.digest(found)
    assert compiled.digest(compiled.sources(tmp_path)) == before
    (tmp_path / "deep" / "more.py").write_text("X = 2\n")
    assert compiled.digest(compiled.sources(tmp_path)) != before


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QILU_CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert compiled.cache_root() == tmp_path / "own"
    monkeypatch.delenv("QILU_CACHE_DIR")
    assert compiled.cache_root() == tmp_path / "xdg" / "qilu"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compiled.cache_root() == tmp_path / ".cache" / "qilu"


def test_nothing_else_knows_numba() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for room in ("simulator", "contract", "service", "analytics", "historian", "ingest", "console", "bench")
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"^\s*(import|from)\s+numba\b", path.read_text(), re.MULTILINE)
    }
    assert found == {"simulator/compiled.py"}
