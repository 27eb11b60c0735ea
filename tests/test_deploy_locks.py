"""requirements/*.lock: everything pinned and hashed, in accord with pyproject.toml and with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = {"demo": ("embedded",), "image": ("influx",), "dev": ("embedded", "influx", "dev")}
each_lock = pytest.mark.parametrize("lock", EXTRAS)


def entries(lock: str) -> dict[tuple[str, str], tuple[Requirement, frozenset[str]]]:
    """Of a lock: (name, marker) -> the requirement and its hashes."""
    found = {}
    text = (ROOT / f"requirements/{lock}.lock").read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.strip().startswith("#"):
            spec, *hashes = line.split("--hash=")
            requirement = Requirement(spec)
            found[canonicalize_name(requirement.name), str(requirement.marker or "")] = (
                requirement,
                frozenset(h.strip() for h in hashes),
            )
    return found


@each_lock
def test_every_line_is_one_version_with_hashes(lock: str) -> None:
    assert len(entries(lock)) > 15
    for requirement, hashes in entries(lock).values():
        assert [s.operator for s in requirement.specifier] == ["=="], requirement
        assert requirement.url is None
        assert hashes
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes)


@each_lock
def test_no_place_is_named(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.lock").read_text()
    assert not re.search(r"https?:|file:|--(extra-)?index|--find-links", text)


@each_lock
def test_each_dependency_of_the_project_is_locked_within_its_bounds(lock: str) -> None:
    wanted = [Requirement(text) for text in [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"]]]
    for extra in EXTRAS[lock]:
        wanted += [Requirement(text) for text in PROJECT["project"]["optional-dependencies"][extra]]
    for want in wanted:
        locked = [req for (name, _), (req, _) in entries(lock).items() if name == canonicalize_name(want.name)]
        assert locked, f"{want.name} is not in {lock}.lock: make lock"
        for requirement in locked:
            version = next(iter(requirement.specifier)).version
            assert want.specifier.contains(version), f"{lock}.lock has {requirement}, pyproject.toml {want}: make lock"


@pytest.mark.parametrize("lock", ["demo", "image"])
def test_the_locks_agree(lock: str) -> None:
    def files(of: str) -> set[tuple[str, str, frozenset[str]]]:
        return {(name, str(req.specifier), hashes) for (name, _), (req, hashes) in entries(of).items()}

    assert files(lock) <= files("dev")


def test_markers_tell_python_versions_and_systems_apart_and_nothing_else() -> None:
    for _, marker in entries("dev"):
        if marker:
            Marker(marker)  # it parses
            names = set(re.findall(r"[a-z_]+(?= [<>=!])", marker))
            assert names <= {
                "python_full_version",
                "sys_platform",
                "os_name",
                "platform_python_implementation",
                "implementation_name",
            }


def test_the_build_tool_is_locked_as_the_project_asks() -> None:
    lines = (ROOT / "requirements/build.in").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == PROJECT["build-system"]["requires"]


def test_every_dependency_has_its_line_in_the_docs() -> None:
    page = (ROOT / "docs/design/dependencies.md").read_text()
    described = {canonicalize_name(name) for name in re.findall(r"^\| ([\w-]+) \|", page, re.MULTILINE)} - {"package"}
    groups = [*PROJECT["project"]["optional-dependencies"].values(), PROJECT["project"]["dependencies"]]
    named = [text for group in [PROJECT["build-system"]["requires"], *groups] for text in group]
    assert described == {canonicalize_name(Requirement(text).name) for text in named}
