"""The page of KPIs is the one that the tables give."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from analytics.cost import LINES
from analytics.docs import page
from analytics.elements import Elements
from analytics.kpi import KPIS

PAGE = Path(__file__).parents[1] / "docs" / "kpis.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m analytics.docs > docs/kpis.md"


def test_the_page_leaves_nothing_out() -> None:
    rows = {line.split("|")[1].strip(" `") for line in page().splitlines() if line.startswith("|")}
    names = {line.split("|")[2].strip(" `") for line in page().splitlines() if line.startswith("|")}
    assert {field.name for field in fields(Elements)} <= rows
    assert set(LINES) <= rows
    assert set(KPIS) <= names
