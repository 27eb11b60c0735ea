"""Figures as points of the historian: the measurement ``kpi``.

What it is: the names, tags and types under which the figures are stored, and nothing else.
What it is not: a computation beyond the quotient that ends each ratio. An undefined ratio is left out of its point.

A point's time is the start of its window. Writing a window again replaces its figures; a ratio that has become
undefined cannot be taken back, which happens only when late data turn a window's time into planned down time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from analytics.basis import Basis
from analytics.cost import MACHINE_LINES, to_float
from analytics.elements import Elements
from analytics.kpi import KPIS, ratio
from analytics.rollup import Figures, Path, level_of
from contract import LEVELS
from historian.base import Frame, Value

MEASUREMENT: Final = "kpi"
_MAX_STORED: Final = 2**63 - 1
RATIOS: Final = (
    "availability",
    "effectiveness",
    "quality_ratio",
    "oee",
    "nee",
    "technical_efficiency",
    "setup_ratio",
    "scrap_ratio",
    "rework_ratio",
)
"""The KPIs that are stored under their own names."""

ELEMENTS: Final[Mapping[str, Callable[[Elements], int]]] = {
    "pot_ns": lambda e: e.pot_ns,
    "pdot_ns": lambda e: e.pdot_ns,
    "pbt_ns": lambda e: e.pbt_ns,
    "adot_ns": lambda e: e.adot_ns,
    "adet_ns": lambda e: e.adet_ns,
    "aust_ns": lambda e: e.aust_ns,
    "apt_ns": lambda e: e.apt_ns,
    "off_ns": lambda e: e.off_ns,
    "unknown_ns": lambda e: e.unknown_ns,
    "pq": lambda e: e.pq,
    "gq": lambda e: e.gq,
    "sq": lambda e: e.sq,
    "rq": lambda e: e.rq,
    "pri_pq_ns": lambda e: e.pri_pq_ns,
    "pri_gq_ns": lambda e: e.pri_gq_ns,
    "energy_wh": lambda e: e.energy_wh,
    "failures": lambda e: e.failures,
}
"""The elements that are stored, so that any longer time can be summed from the points."""


class Shown(NamedTuple):
    """The figures of one window."""

    start_ns: int
    until_ns: int
    figures: Sequence[Figures]


def window_name(window_s: int) -> str:
    """How a window's length is written in the tag ``window``.

    >>> window_name(300), window_name(3600), window_name(90)
    ('5m', '1h', '90s')
    """
    for unit_s, unit in ((3600, "h"), (60, "m")):
        if window_s % unit_s == 0:
            return f"{window_s // unit_s}{unit}"
    return f"{window_s}s"


def kpi_frames(windows: Sequence[Shown], window: str) -> list[Frame]:
    """One frame for each machine, line and site, with one row per window."""
    rows: dict[Path, list[tuple[int, dict[str, Value | None]]]] = {}
    for shown in windows:
        for figures in shown.figures:
            fields = {**point_fields(figures), "until_ns": shown.until_ns}
            rows.setdefault(figures.path, []).append((shown.start_ns, fields))
    return [_frame(path, window, sorted(points, key=lambda point: point[0])) for path, points in rows.items()]


def point_fields(figures: Figures) -> dict[str, Value | None]:
    """The fields of one point but for ``until_ns``; None is left out of the point."""
    elements, level = figures.elements, level_of(figures.path)
    basis = Basis(elements)
    fields: dict[str, Value | None] = {name: KPIS[name].of(basis) for name in RATIOS}
    # Of a line only what leaves its last step counts: else a unit would count once at every step it passes.
    fields["energy_kwh_per_good"] = ratio(elements.energy_wh, 1000 * figures.good)
    fields |= {name: _stored_int(of(elements)) for name, of in ELEMENTS.items()}
    if level != "machine":
        fields["sellable"] = _stored_int(figures.sellable)
    if level == "line":
        fields["line_oee"] = figures.line_oee
    if figures.costs is not None:
        fields |= {f"cost_{name}": to_float(getattr(figures.costs, name)) for name in (*MACHINE_LINES, "total")}
        fields["unit_cost"] = figures.unit_cost
    return fields


def _stored_int(value: int) -> int | None:
    """A device may claim what no store can hold; such a figure is left out, the others of the plant stand."""
    return value if abs(value) <= _MAX_STORED else None


def _frame(path: Path, window: str, points: Sequence[tuple[int, Mapping[str, Value | None]]]) -> Frame:
    tags = {"level": level_of(path), "window": window, **dict(zip(LEVELS, path, strict=False))}
    names = dict.fromkeys(name for _, fields in points for name in fields)
    columns = {name: [fields.get(name) for _, fields in points] for name in names}
    known = {name: column for name, column in columns.items() if any(value is not None for value in column)}
    return Frame(MEASUREMENT, tags, [start for start, _ in points], known)
