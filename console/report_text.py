"""A report as a table for a terminal, as CSV, and as a document for programs.

What it is: layout. A CSV cell that a spreadsheet would take for a formula is marked as text.
What it is not: a computation beyond a share of a sum.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from analytics.report import Cell, Entry, flat, together
from analytics.waterfall import waterfall
from console.report_rows import HEADS, by_activity, by_nature, hours, local, moment, money, percent, rows, steps

if TYPE_CHECKING:
    from console.report import Report

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


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
    lines = [_with_times(entry, report) for entry in report.entries]
    names = dict.fromkeys(name for line in lines for name in line)
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in line.items()} for line in lines)
    return out.getvalue()


def _with_times(entry: Entry, report: Report) -> dict[str, Cell]:
    zone = report.wanted.zone
    begin, end = (local(time_ns, zone).isoformat() for time_ns in (entry.start_ns, entry.end_ns))
    return {"start": begin, "end": end, **flat(entry, report.wanted.profile)}


def _cell(value: Cell) -> Cell:
    """A cell as it is, or, where a spreadsheet would compute it, with the sign that makes it text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def as_table(report: Report) -> str:
    """For people: a line for each entry, then where the time went and what the money was spent on."""
    zone = report.wanted.zone
    if not report.whole:
        return "nothing is known of that range\n"
    first = report.whole[0]
    elements, costs, spent = together(report.whole)
    currency = f", money in {costs.currency}" if costs is not None else ""
    fall = waterfall(elements)
    time = [(step.name if step.level else f"- {step.name}", step.time_ns) for step in steps(fall)]
    parts = [
        f"{moment(first.start_ns, zone)} to {moment(first.end_ns, zone)} {zone}{currency}\n"
        + _columns((HEADS, *rows(report))),
        "where the time went\n" + _shares(time, fall.levels["all_time"], hours),
    ]
    if costs is not None and spent is not None:
        for head, amounts in (
            ("what was spent, by nature", by_nature(costs)),
            ("the same, by activity", by_activity(spent)),
        ):
            parts.append(f"{head}\n" + _shares([*amounts, ("total", costs.total)], costs.total, money))
    return "\n".join(parts)


def _shares(parts: Iterable[tuple[str, Any]], whole: Any, text: Callable[[Any], str]) -> str:
    """Each part with its share of the whole."""
    return _columns([(name, text(part), percent(float(part / whole) if whole else None)) for name, part in parts])


def _columns(lines: Sequence[Sequence[str]]) -> str:
    """Cells in columns, the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    told = []
    for first, *others in lines:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        told.append("  ".join((first.ljust(widths[0]), *cells)).rstrip() + "\n")
    return "".join(told)
