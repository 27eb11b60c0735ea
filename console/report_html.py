"""A report as one page that needs nothing else: no script, no network, fit for a screen and for paper.

What it is: the tables of the report and pictures of them as SVG. All text of strangers is escaped.
What it is not: a live view; that is the page of the demo.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from html import escape
from typing import TYPE_CHECKING, Final

from analytics.cost import Costs
from analytics.elements import Elements
from analytics.kpi import ratio
from analytics.report import Entry, together
from analytics.waterfall import Waterfall, waterfall
from console.report_rows import HEADS, by_activity, by_nature, hours, moment, money, percent, rows, steps, window, words
from console.report_svg import Bar, bars, fall_picture, scatter

if TYPE_CHECKING:
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
    if not report.whole:
        return _page("Nothing is known of that range", "")
    zone, first = report.wanted.zone, report.whole[0]
    elements, costs, spent = together(report.whole)
    fall = waterfall(elements)
    parts = [
        _numbers(report, elements, costs),
        _section("Where the time went", fall_picture(steps(fall), hours)),
        _section("The losses, largest first; darker: of the six big losses", _pareto(fall)),
    ]
    if costs is not None and spent is not None:
        parts.append(_section(f"What was spent, by nature ({costs.currency})", _amounts(by_nature(costs))))
        parts.append(_section("The same money, by activity", _amounts(by_activity(spent))))
    if report.wanted.times:
        parts.append(_section("OEE, window by window", _over_time(report)))
    energy = [(e.figures.good, e.figures.elements.energy_wh / 1000) for e in report.entries if e.figures.good]
    if len(energy) > 2:
        dots = scatter(energy, "good units", "kWh")
        parts.append(_section("Energy against output, a dot for each row of the table", dots))
    parts.append(_section("Figures", _table(report)))
    return _page(f"{moment(first.start_ns, zone)} to {moment(first.end_ns, zone)}, {zone}", "".join(parts))


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Qilu report, {escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>Production report</h1><p>{escape(title)}</p>{body}</body></html>\n"
    )


def _section(head: str, body: str) -> str:
    return f"<h2>{escape(head)}</h2><figure>{body}</figure>"


def _numbers(report: Report, elements: Elements, costs: Costs | None) -> str:
    """The few figures that somebody looks for first; units only where one is not counted at each machine anew."""
    told = {"OEE": percent(ratio(elements.pri_gq_ns, elements.pbt_ns))}
    units = report.wanted.level != "machine"
    if units:
        told["good units"] = f"{sum(entry.figures.good for entry in report.whole):,}"
    told["energy"] = f"{elements.energy_wh / 1000:,.0f} kWh"
    if costs is not None:
        told["money spent"] = f"{money(costs.total)} {costs.currency}"
        sellable = sum(entry.figures.sellable for entry in report.whole)
        if units and sellable:
            told["a sellable unit"] = f"{costs.unit_cost(sellable):,.2f} {costs.currency}"
    return "<dl>" + "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in told.items()) + "</dl>"


def _pareto(fall: Waterfall) -> str:
    losses = sorted((loss for loss in fall.losses if loss.time_ns > 0), key=lambda loss: -loss.time_ns)
    return bars([Bar(words(loss.name), loss.time_ns, dark=loss.big) for loss in losses], hours)


def _amounts(found: Iterable[tuple[str, Fraction]]) -> str:
    return bars([Bar(name, float(amount)) for name, amount in found], money)


def _over_time(report: Report) -> str:
    """A bar for each window, of all places together."""
    windows: dict[int, list[Entry]] = {}
    for entry in report.entries:
        windows.setdefault(entry.start_ns, []).append(entry)
    told = []
    for start_ns, found in windows.items():
        elements, _, _ = together(found)
        told.append(Bar(window(start_ns, report.wanted.zone), ratio(elements.pri_gq_ns, elements.pbt_ns)))
    return bars(told, percent)


def _table(report: Report) -> str:
    head = "".join(f"<th scope=col>{escape(cell)}</th>" for cell in HEADS)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows(report))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
