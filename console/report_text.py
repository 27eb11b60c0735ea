"""A report as a table for a terminal, as CSV, and as a document for programs.

What it is: layout. Names of places are text of strangers and escaped; a CSV cell that a spreadsheet would take for a
formula is marked as text.
What it is not: a computation beyond a share of a sum.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from analytics.activity import ACTIVITIES
from analytics.cost import HOUR_NS, LINES
from analytics.report import Cell, Entry, flat, names, together
from analytics.rollup import LEVELS
from analytics.waterfall import waterfall
from console.shown import shown

if TYPE_CHECKING:
    from fractions import Fraction

    from console.report import Report

_SECOND_NS: Final = 10**9
_NOTHING: Final = "–"
_NAME_CHARS: Final = 60
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
HEADS: Final = ("", "OEE", "A", "E", "QR", "good", "scrap", "rework", "kWh", "kWh/good", "cost", "a unit")


def as_document(report: Report) -> dict[str, Any]:
    """For programs: every entry as a flat object, and the whole range."""
    wanted = report.wanted
    return {
        "store": report.store,
        "timezone": str(wanted.zone),
        "profile": wanted.profile,
        "until_ns": report.until_ns,
        "entries": [flat(entry, wanted.profile) for entry in report.entries],
        "whole": [flat(entry, wanted.profile) for entry in report.whole],
    }


def as_csv(report: Report) -> str:
    """One line for each entry, all figures; local times beside those in ns."""
    rows = [_with_times(flat(entry, report.wanted.profile), report.wanted.zone) for entry in report.entries]
    out = io.StringIO()
    writer = csv.DictWriter(out, names(rows), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _with_times(row: dict[str, Cell], zone: ZoneInfo) -> dict[str, Cell]:
    start, end = row["start_ns"], row["end_ns"]
    assert isinstance(start, int)
    assert isinstance(end, int)
    return {"start": _local(start, zone).isoformat(), "end": _local(end, zone).isoformat(), **row}


def _cell(value: Cell) -> Cell:
    """A cell as it is, or, where a spreadsheet would compute it, with the sign that makes it text."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def as_table(report: Report) -> str:
    """For people: a line for each entry, then where the time went and what the money was spent on."""
    zone = report.wanted.zone
    if not report.whole:
        return "nothing is known of that range\n"
    first, last = report.whole[0].start_ns, report.whole[0].end_ns
    rows: list[Sequence[str]] = []
    for entry in report.entries:
        window = "" if not report.wanted.times else f"{_local(entry.start_ns, zone):%m-%d %H:%M}  "
        rows.append((window + place_of(entry), *figures_of(entry, report.wanted.profile)))
    elements, costs, spent = together(report.whole)
    head = f"{_local(first, zone):%Y-%m-%d %H:%M} to {_local(last, zone):%Y-%m-%d %H:%M} {zone}"
    money = f", money in {costs.currency}" if costs is not None else ""
    parts = [f"{head}{money}", _columns((HEADS, *rows))]
    fall = waterfall(elements)
    whole_ns = fall.levels["all_time"]
    parts.append("where the time went\n" + _columns(_shares(_steps(fall), whole_ns, _hours)))
    if costs is not None and spent is not None:
        by_nature = [(name, getattr(costs, name)) for name in LINES if getattr(costs, name)]
        by_activity = [(name, getattr(spent, name)) for name in ACTIVITIES if getattr(spent, name)]
        parts.append(
            "what was spent, by nature\n" + _columns(_shares([*by_nature, ("total", costs.total)], costs.total, _money))
        )
        parts.append(
            "the same, by activity\n" + _columns(_shares([*by_activity, ("total", spent.total)], spent.total, _money))
        )
    return "\n".join(parts)


def _steps(fall: Any) -> list[tuple[str, int]]:
    """The levels of a waterfall with the losses between them."""
    steps: list[tuple[str, int]] = []
    for level, time_ns in fall.levels.items():
        steps += [(f"- {loss.name}", loss.time_ns) for loss in fall.losses if loss.level == level and loss.time_ns]
        steps.append((level, time_ns))
    return steps


def figures_of(entry: Entry, profile: str) -> tuple[str, ...]:
    """The cells of an entry under ``HEADS``, but for the first."""
    figures, ratios = entry.figures, entry.ratios(profile)
    made = figures.elements
    costs = figures.costs
    return (
        *(_percent(ratios[name]) for name in ("oee", "availability", "effectiveness", "quality_ratio")),
        f"{figures.good:,}",
        f"{made.sq:,}",
        f"{made.rq:,}",
        f"{made.energy_wh / 1000:,.0f}",
        _number(made.energy_wh / 1000 / figures.good if figures.good else None, 2),
        _NOTHING if costs is None else _money(costs.total),
        _number(figures.unit_cost, 2),
    )


def place_of(entry: Entry) -> str:
    """The last levels of the path, as many as tell places apart: the machine with its line."""
    return shown("/".join(entry.path[-2:] if len(entry.path) == LEVELS["machine"] else entry.path), _NAME_CHARS)


def _shares(rows: Iterable[tuple[str, Any]], whole: Any, text: Callable[[Any], str]) -> list[Sequence[str]]:
    return [
        (name.replace("_", " "), text(part), _percent(float(part / whole) if whole else None)) for name, part in rows
    ]


def _columns(rows: Sequence[Sequence[str]]) -> str:
    """Cells in columns, the first to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _percent(value: float | None) -> str:
    return _NOTHING if value is None else f"{100 * value:.1f} %"


def _number(value: float | None, digits: int) -> str:
    return _NOTHING if value is None else f"{value:,.{digits}f}"


def _money(amount: Fraction) -> str:
    return f"{float(amount):,.0f}"


def _hours(time_ns: int) -> str:
    return f"{time_ns / HOUR_NS:,.1f} h"


def _local(time_ns: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(time_ns // _SECOND_NS, zone)
