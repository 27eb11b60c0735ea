"""The page of KPIs is the one that the tables give."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from analytics.activity import ACTIVITIES
from analytics.cost import LINES, MACHINE_LINES
from analytics.docs import PAGES, cost_page, page
from analytics.elements import Elements
from analytics.kpi import KPIS

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    stored = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert stored == PAGES[name](), f"run: python -m analytics.docs {name} > docs/{name}.md"


def test_the_page_leaves_nothing_out() -> None:
    rows = {line.split("|")[1].strip(" `") for line in page().splitlines() if line.startswith("|")}
    names = {line.split("|")[2].strip(" `") for line in page().splitlines() if line.startswith("|")}
    assert {field.name for field in fields(Elements)} <= rows
    assert set(MACHINE_LINES) <= rows
    assert set(KPIS) <= names


def test_the_page_of_cost_leaves_nothing_out() -> None:
    rows = {line.split("|")[1].strip(" `") for line in cost_page().splitlines() if line.startswith("|")}
    assert set(LINES) | set(ACTIVITIES) <= rows
    assert "How it is divided." in cost_page()
