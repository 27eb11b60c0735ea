"""A report as one page that needs nothing else: no script, no network, fit for a screen and for paper.

What it is: the tables of the report and pictures of them as SVG. All text of strangers is escaped.
What it is not: a live view; that is the page of the demo.
"""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Final

from analytics.activity import ACTIVITIES
from analytics.cost import HOUR_NS, LINES
from analytics.report import Entry, together
from analytics.waterfall import Waterfall, waterfall
from console.report_svg import Bar, bars, fall_picture, scatter
from console.report_text import HEADS, figures_of, place_of

if TYPE_CHECKING:
    from fractions import Fraction
    from zoneinfo import ZoneInfo

    from console.report import Report

_STYLE: Final = """
:root { color-scheme: light; }
body { font: 14px/1.45 system-ui, sans-serif; color: #1b2430; background: #fff; }
body { margin: 2rem auto; max-width: 66rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .2rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
p { margin: .2rem 0; color: #4a5563; }
dl { display: flex; flex-wrap: wrap; gap: 1.2rem 2.4rem; margin: 1.2rem 0; }
dt { color: #4a5563; }
dd { margin: 0; font-size: 1.6rem; font-weight: 600; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .25rem .5rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #dde2e8; }
th { font-weight: 600; color: #4a5563; }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; display: block; }
figure { margin: 0; break-inside: avoid; overflow-x: auto; }
@media print {
  body { margin: 0; max-width: none; font-size: 11px; }
  h2 { break-after: avoid; }
  tr { break-inside: avoid; }
}
"""


def as_html(report: Report) -> str:
    """The page."""
    zone = report.wanted.zone
    if not report.whole:
        return _page("Nothing is known of that range", "")
    first, last = report.whole[0].start_ns, report.whole[0].end_ns
    elements, costs, spent = together(report.whole)
    fall = waterfall(elements)
    title = f"{_when(first, zone)} to {_when(last, zone)}, {zone}"
    parts = [_numbers(report, fall, costs.currency if costs else "")]
    parts.append(_section("Where the time went", fall_picture(_steps(fall), _hours)))
    losses = sorted((loss for loss in fall.losses if loss.time_ns > 0), key=lambda loss: -loss.time_ns)
    pareto = [Bar(_words(loss.name), loss.time_ns, loss.big) for loss in losses]
    parts.append(_section("The losses, largest first; darker: of the six big losses", bars(pareto, _hours)))
    if costs is not None and spent is not None:
        nature = [Bar(_words(name), float(getattr(costs, name)), True) for name in LINES if getattr(costs, name)]
        activity = [Bar(_words(name), float(getattr(spent, name)), True) for name in ACTIVITIES if getattr(spent, name)]
        parts.append(_section(f"What was spent, by nature ({costs.currency})", bars(nature, _money)))
        parts.append(_section("The same money, by activity", bars(activity, _money)))
    over_time = _over_time(report, zone)
    if over_time:
        parts.append(_section("OEE, window by window", over_time))
    energy = [(e.figures.good, e.figures.elements.energy_wh / 1000) for e in report.entries if e.figures.good]
    if len(energy) > 2:
        parts.append(
            _section("Energy against output, a dot for each line of the table", scatter(energy, "good", "kWh"))
        )
    parts.append(_section("Figures", _table(report, zone)))
    return _page(title, "".join(parts))


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Qilu report, {escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>Production report</h1><p>{escape(title)}</p>{body}</body></html>\n"
    )


def _section(head: str, body: str) -> str:
    return f"<h2>{escape(head)}</h2><figure>{body}</figure>"


def _numbers(report: Report, fall: Waterfall, currency: str) -> str:
    """The few figures that somebody looks for first: those of the best-known place, or of all together."""
    planned, productive = fall.levels["planned_production_time"], fall.levels["fully_productive_time"]
    good = sum(entry.figures.good for entry in report.whole)
    kwh = sum(entry.figures.elements.energy_wh for entry in report.whole) / 1000
    told = [("OEE", _percent(productive / planned if planned else None)), ("good units", f"{good:,}")]
    told.append(("energy", f"{kwh:,.0f} kWh"))
    _, costs, _ = together(report.whole)
    if costs is not None:
        told.append(("money spent", f"{_money(costs.total)} {currency}"))
        sellable = sum(entry.figures.sellable for entry in report.whole)
        if sellable and report.wanted.level != "machine":  # of machines, a unit would count once at each
            told.append(("a sellable unit", f"{float(costs.total / sellable):,.2f} {currency}"))
    if report.wanted.level == "machine":
        told = [one for one in told if one[0] != "good units"]
    return "<dl>" + "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in told) + "</dl>"


def _steps(fall: Waterfall) -> list[tuple[str, int, int]]:
    """Each bar of the waterfall: its name, where it ends at the left and how long it is; a level begins at nought."""
    steps: list[tuple[str, int, int]] = []
    left = fall.levels["all_time"]
    for level, time_ns in fall.levels.items():
        for loss in (one for one in fall.losses if one.level == level and one.time_ns):
            left -= loss.time_ns
            steps.append((_words(loss.name), left, loss.time_ns))
        steps.append((_words(level), 0, time_ns))
    return steps


def _over_time(report: Report, zone: ZoneInfo) -> str:
    """A bar for each window, of all places together."""
    if not report.wanted.times:
        return ""
    windows: dict[int, list[Entry]] = {}
    for entry in report.entries:
        windows.setdefault(entry.start_ns, []).append(entry)
    told = []
    for start_ns, found in windows.items():
        elements, _, _ = together(found)
        oee = elements.pri_gq_ns / elements.pbt_ns if elements.pbt_ns else 0.0
        told.append(Bar(_when(start_ns, zone)[5:], oee, True))
    return bars(told, _percent) if len(told) > 1 else ""


def _table(report: Report, zone: ZoneInfo) -> str:
    rows: list[tuple[str, ...]] = [HEADS]
    for entry in report.entries:
        window = f"{_when(entry.start_ns, zone)[5:]}  " if report.wanted.times else ""
        rows.append((window + place_of(entry), *figures_of(entry, report.wanted.profile)))
    head = "".join(f"<th scope=col>{escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _when(time_ns: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(time_ns // 10**9, zone):%Y-%m-%d %H:%M}"


def _hours(time_ns: float) -> str:
    return f"{time_ns / HOUR_NS:,.1f} h"


def _money(amount: float | Fraction) -> str:
    return f"{float(amount):,.0f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
