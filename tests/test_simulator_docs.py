"""The page about the simulator says what is so."""

from __future__ import annotations

import doctest
from pathlib import Path

import msgspec

from simulator.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "simulator.md"
BEGIN, END = "<!-- settings: written by tests/test_simulator_docs.py -->\n", "<!-- end -->"


def settings_table() -> str:
    """Every setting, its default and what it means; ``python tests/test_simulator_docs.py`` writes it into the page."""
    lines = ["| key | default | meaning |", "|---|---|---|"]
    for field in msgspec.structs.fields(Settings):
        meaning = "; ".join(m.description for m in getattr(field.type, "__metadata__", ()) if m.description)
        assert meaning, f"{field.name} has no description"
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        lines.append(f"| `{field.name}` | `{msgspec.json.encode(default).decode()}` | {meaning} |")
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    head, _, rest = page.partition(BEGIN)
    return head + BEGIN + settings_table() + END + rest.partition(END)[2]


def test_the_settings_are_those_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_table(page), "run: python tests/test_simulator_docs.py"


def test_the_samples_run() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0


def test_every_file_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    room = PAGE.parents[1] / "simulator"
    others = {"__init__.py", "settings.py", "replay.py"}
    files = {f.name for f in room.glob("*.py") if not f.name.startswith("csv_")} - others
    missing = {name for name in files if f"`{name}`" not in page}
    assert not missing


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
