"""The examples of ``docs/quality.md`` give what the page says, and the page names what there is."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import analytics.quality

PAGE = Path(__file__).parents[1] / "docs/quality.md"


def test_the_examples_of_the_page_are_right() -> None:
    results = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert results.attempted > 10
    assert results.failed == 0


def test_every_chart_of_the_page_is_public() -> None:
    named = re.findall(r"`(\w+(?:_chart|_baseline|_center|_design))`", PAGE.read_text(encoding="utf-8"))
    assert len(set(named)) == 13
    assert set(named) <= set(analytics.quality.__all__)
