"""The arithmetic of docs/scale.md is right, and what it says to set can be set."""

from __future__ import annotations

import doctest
import re
import tomllib
from pathlib import Path

from ingest.settings import Settings

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"


def test_the_arithmetic_is_right() -> None:
    done = doctest.testfile(str(PAGE), module_relative=False)
    assert (done.failed, done.attempted > 15) == (0, True)


def test_the_settings_exist() -> None:
    blocks = re.findall(r"```toml\n(.+?)```", PAGE.read_text(), re.DOTALL)
    assert blocks
    known = set(Settings.__struct_fields__)
    for block in blocks:
        assert set(tomllib.loads(block)["ingest"]) <= known
