"""What the pages say is there, is there; and nothing in the repository points to where it was made."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from console.cli import parser

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def _tracked() -> list[Path]:
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [path for name in names.stdout.splitlines() if (path := ROOT / name).is_file()]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_pages_name_are_there(page: Path) -> None:
    rooms = "contract|service|simulator|ingest|historian|analytics|console|deploy|tests|bench|examples"
    named = re.findall(rf"`((?:{rooms})/[\w./-]+\.\w+)`", page.read_text())
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_commands_of_the_readme_exist() -> None:
    help_text = parser().format_help()
    readme = (ROOT / "README.md").read_text()
    for command in re.findall(r"qilu (\w+)", readme):
        assert command in help_text or command == "COMMAND"
    targets = set(re.findall(r"^(\w[\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make (\w+)", readme, re.MULTILINE)) <= targets


def test_nothing_names_a_registry_or_the_machine_it_was_made_on() -> None:
    words = [
        "pypi." + "org",
        "files.python" + "hosted",
        "registry." + "npmjs",
        "proxy.gol" + "ang",
        "/wo" + "rk/",
        "/opt/whe" + "els",
    ]
    found = [
        (path.relative_to(ROOT), word)
        for path in _tracked()
        if path.suffix not in {".png", ".svg"}
        for word in words
        if word in path.read_text(errors="replace")
    ]
    assert not found


def test_the_changelog_has_an_unreleased_part() -> None:
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text()
