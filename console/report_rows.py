"""What a report shows, as cells and steps: common to the table and the page.

What it is: numbers and times as people read them, and the rows of the tables and waterfalls.
What it is not: a layout. Names of places are text of strangers, escaped for a terminal here and once more for a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from analytics.activity import ACTIVITIES, Activities
from analytics.cost import HOUR_NS, LINES, Costs
from analytics.report import Entry
from analytics.rollup import LEVELS
from analytics.waterfall import Waterfall
from console.shown import shown

if TYPE_CHECKING:
    from console.report import Report

HEADS: Final = ("", "OEE", "A", "E", "QR", "good", "scrap", "rework", "kWh", "kWh/good", "cost", "a unit")
_NOTHING: Final = "–"
_NAME_CHARS: Final = 60
_SECOND_NS: Final = 10**9
_RATIOS: Final = ("oee", "availability", "effectiveness", "quality_ratio")


class Step(NamedTuple):
    """A level of a waterfall, or a loss above it: from ``begin_ns`` on, ``time_ns`` long (below zero: a gain)."""

    name: str
    begin_ns: int
    time_ns: int
    level: bool


def steps(fall: Waterfall) -> list[Step]:
    """The levels with the losses between them; a level begins at nought, a loss where it leaves off."""
    found: list[Step] = []
    left = fall.levels["all_time"]
    for level, time_ns in fall.levels.items():
        for loss in (one for one in fall.losses if one.level == level and one.time_ns):
            left -= loss.time_ns
            found.append(Step(words(loss.name), left, loss.time_ns, level=False))
        found.append(Step(words(level), 0, time_ns, level=True))
    return found


def by_nature(costs: Costs) -> list[tuple[str, Fraction]]:
    """The lines of the ledger that are not zero."""
    return [(words(name), getattr(costs, name)) for name in LINES if getattr(costs, name)]


def by_activity(spent: Activities) -> list[tuple[str, Fraction]]:
    """The activities that cost something."""
    return [(words(name), getattr(spent, name)) for name in ACTIVITIES if getattr(spent, name)]


def rows(report: Report) -> list[Sequence[str]]:
    """A row of cells under ``HEADS`` for each entry."""
    return [(_label(entry, report), *_cells(entry, report.wanted.profile)) for entry in report.entries]


def _label(entry: Entry, report: Report) -> str:
    """The window, and as many levels of the path as tell places apart: the machine with its line."""
    levels = entry.path[-2:] if len(entry.path) == LEVELS["machine"] else entry.path
    place = shown("/".join(levels), _NAME_CHARS)
    return f"{window(entry.start_ns, report.wanted.zone)}  {place}" if report.wanted.times else place


def _cells(entry: Entry, profile: str) -> tuple[str, ...]:
    figures, ratios = entry.figures, entry.ratios(profile)
    made, costs = figures.elements, figures.costs
    return (
        *(percent(ratios[name]) for name in _RATIOS),
        f"{figures.good:,}",
        f"{made.sq:,}",
        f"{made.rq:,}",
        f"{made.energy_wh / 1000:,.0f}",
        _two_digits(ratios["energy_kwh_per_good"]),
        _NOTHING if costs is None else money(costs.total),
        _two_digits(figures.unit_cost),
    )


def words(name: str) -> str:
    """The name of a figure as words."""
    return name.replace("_", " ")


def percent(share: float | None) -> str:
    """A share, or the sign for undefined."""
    return _NOTHING if share is None else f"{100 * share:.1f} %"


def _two_digits(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:,.2f}"


def money(amount: float | Fraction) -> str:
    """An amount, without the currency."""
    return f"{float(amount):,.0f}"


def hours(time_ns: float) -> str:
    """A length of time."""
    return f"{time_ns / HOUR_NS:,.1f} h"


def local(time_ns: int, zone: ZoneInfo) -> datetime:
    """A moment on the clock of a zone, to the second."""
    return datetime.fromtimestamp(time_ns // _SECOND_NS, zone)


def moment(time_ns: int, zone: ZoneInfo) -> str:
    """A moment, to the minute."""
    return f"{local(time_ns, zone):%Y-%m-%d %H:%M}"


def window(start_ns: int, zone: ZoneInfo) -> str:
    """The begin of a window, without the year."""
    return f"{local(start_ns, zone):%m-%d %H:%M}"
