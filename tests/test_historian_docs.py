"""The page about the historian says what is so."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest


def test_the_samples_run() -> None:
    pytest.importorskip("duckdb")
    page = Path(__file__).parents[1] / "docs" / "historian.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 10
    assert result.failed == 0
