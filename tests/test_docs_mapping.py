"""The page on mapping files: its commands are followed in an empty folder, and its tables have every key and reason."""

from __future__ import annotations

import re
from pathlib import Path

import test_docs_extend as extend
from msgspec.structs import fields

from ingest import mapping_file

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "mapping.md"
folder = extend.folder
_GROUPS = [
    group
    for group in vars(mapping_file).values()
    if isinstance(group, type) and issubclass(group, mapping_file.Group) and group is not mapping_file.Group
]


def test_the_pages_commands_work_as_written(folder: Path) -> None:
    assert extend._follow(PAGE, folder, simulate=False) == 7


def test_every_block_is_one_that_is_run() -> None:
    text = PAGE.read_text()
    assert text.count("```") == 2 * len(extend.BLOCK.findall(text))


def test_every_key_has_its_place_on_the_page() -> None:
    text = PAGE.read_text()
    missing = [
        field.encode_name for group in _GROUPS for field in fields(group) if f"`{field.encode_name}`" not in text
    ]
    assert len(_GROUPS) >= 10
    assert not missing


def test_every_reason_is_on_the_page_and_no_other() -> None:
    code = "".join(path.read_text() for path in sorted((ROOT / "ingest").glob("mapping*.py")))
    reasons = set(re.findall(r'ContractError\(\s*"([a-z-]+)"', code)) | {"bad-address"}
    table = PAGE.read_text().partition("## What is refused")[2].partition("NaN and")[0]
    said = {
        word for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for word in re.findall(r"`([a-z-]+)`", cell)
    }
    assert said == reasons
