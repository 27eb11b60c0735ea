"""The page about reliability says what is so."""

from __future__ import annotations

import doctest
from pathlib import Path

import analytics.reliability as reliability

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"


def test_the_samples_run() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.attempted > 20
    assert result.failed == 0


def test_the_table_of_mean_times() -> None:
    seen = reliability.Exposure(operating_ns=365, failures=3)
    completed = [reliability.Run(0, ns, ns, True, "", True) for ns in (120, 95, 80)]
    figures = (
        reliability.mtbf_ns(seen),
        reliability.mtbf_ns(seen, "plus_one"),
        reliability.mean_completed_ns(completed),
    )
    page = PAGE.read_text(encoding="utf-8")
    assert all(f"| {figure:.2f} |" in page for figure in figures)
