"""The wheel has all that the installed programs read: models, sectors, tariffs, scenarios, templates, the page."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("contract", "service", "simulator", "ingest", "historian", "analytics", "console")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names inside a wheel of the working tree, built as `make install` builds: with what is locked, and no network."""
    pytest.importorskip("setuptools", minversion="77", reason="not the locked environment: setuptools is too old")
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for room in ROOMS:
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    words = "-m pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir out ."
    subprocess.run([sys.executable, *words.split()], cwd=source, check=True, timeout=120)
    (file,) = (source / "out").glob("qilu-*.whl")
    return set(zipfile.ZipFile(file).namelist())


def test_every_file_of_the_rooms_is_in_the_wheel(wheel: set[str]) -> None:
    here = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert here - wheel == set()
    for part in ("simulator/models/", "simulator/sectors/", "simulator/scenarios/", "simulator/tariffs/",
                 "console/templates/", "console/page/"):  # fmt: skip
        assert any(name.startswith(part) and not name.endswith(".py") for name in wheel), part


def test_nothing_else_is_in_the_wheel(wheel: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {*ROOMS, "qilu"}
