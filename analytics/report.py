"""What a report says: each place and window with its figures, where the time went and what the money was spent on.

What it is: values out of ``compute``'s results, and their names and units as one flat row. Pure.
What it is not: a layout. Tables, CSV and pages are made of it elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analytics.activity import ACTIVITIES, Activities, activities
from analytics.compute import Results, merged
from analytics.cost import LINES, WH_PER_KWH, Costs, add_costs, to_float
from analytics.elements import Elements, total
from analytics.kpi import kpis, ratio
from analytics.points import ELEMENTS
from analytics.rollup import LEVELS, Figures, Machine, Path, level_of, roll_to
from analytics.waterfall import Waterfall, waterfall

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in one window.

    Attributes:
        path: the levels of its address.
        start_ns, end_ns: the window, half open.
        figures: elements and money, summed over its machines.
        spent: the money by activity; None where no price is known or two currencies meet.
    """

    path: Path
    start_ns: int
    end_ns: int
    figures: Figures
    spent: Activities | None

    @property
    def fall(self) -> Waterfall:
        """Where the time went."""
        return waterfall(self.figures.elements)

    def ratios(self, profile: str) -> dict[str, float | None]:
        """All KPIs. Energy per unit of more than a machine is per unit that left the last step, as in stored figures.

        Else a unit would count once at every step; how many left it in all, scrap included, is not known.
        """
        found = kpis(self.figures.elements, profile)
        if level_of(self.path) != "machine":
            found["energy_kwh_per_good"] = ratio(self.figures.elements.energy_wh, WH_PER_KWH * self.figures.good)
            found["energy_kwh_per_produced"] = None
        return found


def entries(results: Results, level: str, *, whole: bool = False) -> list[Entry]:
    """Every place of a level, window by window.

    Args:
        results: of ``compute``.
        level: one of ``LEVELS``.
        whole: one window over the whole range instead.

    Raises:
        ValueError: there is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"{level!r} is none of {', '.join(LEVELS)}")
    bounds = (results.bounds[0], results.bounds[-1]) if whole else results.bounds
    windows = [merged(results.windows)] if whole else results.windows
    return [
        entry
        for start, end, machines in zip(bounds, bounds[1:], windows, strict=False)
        for entry in _of_window(machines, level, start, end)
    ]


def _of_window(machines: Sequence[Machine], level: str, start: int, end: int) -> list[Entry]:
    members: dict[Path, list[Machine]] = {}
    machines = [_without_idle_time(machine) for machine in machines]
    for machine in machines:
        members.setdefault(machine.path[: LEVELS[level]], []).append(machine)
    found = roll_to(level, machines)
    return [Entry(one.path, start, end, one, _spent(one.costs, members[one.path])) for one in found]


def _without_idle_time(machine: Machine) -> Machine:
    """What makes nothing and has no states, as a meter, has no time that could be lost."""
    made = machine.elements
    if machine.production is not None or made.pot_ns or made.off_ns:
        return machine
    return replace(machine, elements=replace(made, unknown_ns=0))


def _spent(costs: Costs | None, members: Sequence[Machine]) -> Activities | None:
    """The money by activity, machine by machine: what one waits for, another does not pay."""
    if costs is None:
        return None
    spent = Activities()
    for machine in members:
        if machine.costs is not None:
            spent = spent + activities(machine.elements, machine.costs, machine.energy)
    assert spent.total == costs.total, "the activities are not the money spent"
    return spent


def flat(entry: Entry, profile: str = "iso22400") -> dict[str, Cell]:
    """Everything about an entry as one row: name -> value; money in the currency named, times in ns."""
    figures, elements = entry.figures, entry.figures.elements
    row: dict[str, Cell] = dict(zip([*LEVELS][::-1], entry.path, strict=False))
    row |= {"start_ns": entry.start_ns, "end_ns": entry.end_ns}
    row |= entry.ratios(profile)
    row |= {"line_oee": figures.line_oee, "good": figures.good, "sellable": figures.sellable}
    row |= {name: of(elements) for name, of in ELEMENTS.items()}
    row |= {f"lost_{loss.name}_ns": loss.time_ns for loss in entry.fall.losses}
    row |= {f"energy_{code or 'all'}_wh": wh for code, wh in elements.energy}
    if figures.costs is not None:
        row["currency"] = figures.costs.currency
        row |= {f"cost_{name}": to_float(getattr(figures.costs, name)) for name in LINES}
        row |= {"cost_total": to_float(figures.costs.total), "unit_cost": figures.unit_cost}
    if entry.spent is not None:
        row |= {f"spent_{name}": to_float(getattr(entry.spent, name)) for name in ACTIVITIES}
    return row


def together(found: Sequence[Entry]) -> tuple[Elements, Costs | None, Activities | None]:
    """Time, money and activities of several entries as one.

    There is no money where two currencies meet, nor where a place that worked has no prices: a part is no total.
    """
    elements = total(entry.figures.elements for entry in found)
    worked = [entry for entry in found if not entry.figures.elements.silent]
    costs = add_costs(entry.figures.costs for entry in worked)
    if costs is None or any(entry.figures.costs is None for entry in worked):
        return elements, None, None
    spent = Activities()
    for entry in worked:
        if entry.spent is not None:
            spent = spent + entry.spent
    return elements, costs, spent
