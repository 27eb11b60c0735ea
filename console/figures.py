"""Sums of KPI windows, and the figures that follow from them.

What it is: points of the measurement ``kpi`` as the analytics' own values, so that the page adds elements and takes
ratios by the same code that wrote them. Elements and money add over windows, ratios come last, ``None`` is "undefined".
What it is not: a second analytics; the windows are folded from events in ``analytics/``, and the KPIs defined there.

>>> shift = add([{"apt_ns": 300, "adot_ns": 100, "pri_pq_ns": 270, "pri_gq_ns": 240, "cost_total": 50.0, "sellable": 4},
...              {"adet_ns": 100, "cost_total": 10.0, "sellable": 0}])
>>> found = figures(shift, whole_line=True)
>>> found.availability, found.oee, found.unit_cost
(0.6, 0.48, 15.0)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from analytics.elements import NO_TARIFF, Elements, total
from analytics.kpi import kpis
from analytics.rollup import Machine, line_oee
from console.roster import Line

PARTS: Final = {
    "material": "cost_material",
    "energy": "cost_energy",
    "labour": "cost_labour",
    "depreciation": "cost_depreciation",
    "scrap_recovery": "cost_scrap_recovery",
}
"""The mutually exclusive parts of the cost, in the order in which the page draws them."""

_STORED: Final = (
    "pdot_ns", "adot_ns", "adet_ns", "aust_ns", "apt_ns", "off_ns", "unknown_ns", "gq", "sq", "rq", "pri_pq_ns",
    "pri_gq_ns", "failures",
)  # fmt: skip
ADDITIVE: Final = (*_STORED, "energy_wh", "sellable", *PARTS.values(), "cost_total")
"""The fields that are read: everything that adds. POT, PBT and PQ are sums of these by definition."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What adds, over some windows. A money field that no window has is absent, and ``sellable`` None."""

    elements: Elements = field(default_factory=Elements)
    money: Mapping[str, float] = field(default_factory=dict)
    sellable: int | None = None


def add(windows: Iterable[Mapping[str, object]]) -> Sums:
    """The sum of the windows."""
    elements: list[Elements] = []
    money: dict[str, float] = {}
    sellable: int | None = None
    for window in windows:
        counts = {name: value for name in _STORED if isinstance(value := window.get(name), int)}
        wh = window.get("energy_wh")
        elements.append(Elements(**counts, energy=((NO_TARIFF, wh),) if isinstance(wh, int) else ()))
        for name in (*PARTS.values(), "cost_total"):
            if isinstance(amount := window.get(name), (int, float)):
                money[name] = money.get(name, 0.0) + amount
        if isinstance(units := window.get("sellable"), int):
            sellable = (sellable or 0) + units
    return Sums(total(elements), money, sellable)


class Figures(Struct, frozen=True, kw_only=True):
    """What one machine, line or site did over a time, as the page shows it. Ratios are fractions of 1."""

    oee: float | None
    availability: float | None
    effectiveness: float | None
    quality: float | None
    unit_cost: float | None
    parts: dict[str, float]
    energy_kwh: float | None
    units: int | None
    line_oee: float | None = None


def figures(sums: Sums, *, whole_line: bool, serial_oee: float | None = None) -> Figures:
    """The figures of the sums.

    ``whole_line`` counts the units that left the last step fit to sell; a single machine counts what it
    finished good or reworked. ``parts`` is the cost per such unit by its nature; the parts add up to ``unit_cost``.
    """
    made = sums.elements
    known = not made.silent
    units = sums.sellable if whole_line else made.gq + made.rq if known else None
    per_unit = {name: amount / units for name, amount in sums.money.items()} if units else {}
    ratios = kpis(made)
    return Figures(
        oee=ratios["oee"],
        availability=ratios["availability"],
        effectiveness=ratios["effectiveness"],
        quality=ratios["quality_ratio"],
        unit_cost=per_unit.get("cost_total"),
        parts={part: per_unit[name] for part, name in PARTS.items() if name in per_unit},
        energy_kwh=made.energy_wh / 1000 if known else None,
        units=units,
        line_oee=serial_oee,
    )


def serial_oee(line: Line | None, sums: Mapping[tuple[str, ...], Sums]) -> float | None:
    """The OEE of the line as one machine in series, at its constraint; ``sums`` by the levels of each machine."""
    if line is None:
        return None
    return line_oee(
        [
            Machine(m.levels, sums[m.levels].elements, production=m.birth.production)
            for m in line.members
            if m.levels in sums
        ]
    )
