"""The arithmetic of docs/scale.md is right."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"


def test_the_arithmetic_is_right() -> None:
    done = doctest.testfile(str(PAGE), module_relative=False)
    assert (done.failed, done.attempted > 15) == (0, True)
