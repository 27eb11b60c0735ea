"""The page of health says what the code does."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import pytest
from health_plant import table

import analytics.health
from analytics.health import Alarms, Context, Pca, Robust, Trend, Watch, remaining
from analytics.health.learned import Forest
from analytics.health.remaining import LEAST

PAGE = Path(__file__).parents[1] / "docs" / "health.md"
TEXT = PAGE.read_text(encoding="utf-8")


def default(of: object, name: str) -> object:
    return inspect.signature(of).parameters[name].default  # type: ignore[arg-type]


def test_the_example_of_the_page_runs() -> None:
    found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 5 and found.failed == 0


def test_names_of_the_page_exist() -> None:
    named = set(re.findall(r"`([A-Z]\w+)`", TEXT))
    assert {"Pca", "Robust", "Watch", "Context", "Buckets", "Alarms", "Trend", "Tally"} <= named
    assert all(name == "Forest" or hasattr(analytics.health, name) for name in named)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("first {} s after a start", default(Context, "settle_ns") // 10**9),  # type: ignore[operator]
        ("first order, {} min", default(Context, "warm_ns") // (60 * 10**9)),  # type: ignore[operator]
        ("the first {} rows", default(Pca, "train")),
        ("{} modes", default(Watch, "most_modes")),
        ("{} of 10 rows", default(Alarms, "needed")),
        ("5 of {} rows", default(Alarms, "among")),
        ("{} rows with at most one beyond", default(Watch, "quiet")),
        ("{} points", default(Trend, "most")),
        ("Jackson-Mudholkar at {},", default(Pca, "alpha")),
        ("{} times the largest", default(Robust, "margin")),
        ("{} quantile of the training window |", 1 - default(Forest, "alpha")),  # type: ignore[operator]
        ("one-sided, {})", default(remaining, "alpha")),
        ("fewer than {} points", LEAST),
    ],
)
def test_defaults_of_the_page_are_those_of_the_code(said: str, value: object) -> None:
    assert said.format(value) in TEXT
    assert default(Watch, "clear") == default(Alarms, "clear") == 1
    assert default(Watch, "needed") == default(Alarms, "needed")
    assert default(Watch, "among") == default(Alarms, "among")
    assert default(Alarms, "quiet") == default(Watch, "quiet")
    assert default(Pca, "refit") == default(Robust, "refit") == default(Forest, "refit") == 0


def test_the_scores_of_the_page_are_found_again() -> None:
    """For one sector; the others take longer. A platform's last bits may turn one alarm."""
    said = [line for line in TEXT.splitlines() if line.startswith("| biomedicine |")]
    found = table("biomedicine")
    assert [line.split("|")[2] for line in said] == [line.split("|")[2] for line in found]
    tolerances = (2, 0, 0.2, 0.2, 0.2, 0.3, 8, 8, 80)
    for before, now in zip(said, found, strict=True):
        for a, b, tolerance in zip(before.split("|")[3:-1], now.split("|")[3:-1], tolerances, strict=True):
            assert float(b) == pytest.approx(float(a), abs=tolerance)
