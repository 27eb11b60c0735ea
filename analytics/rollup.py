"""From machines to lines to sites.

What it is: the sum of elements and money over the address tree, and the few figures that belong to a line as a whole:
what came out of its last step, and the OEE of the line as one machine.
What it is not: an average of anything. Elements and money add; ratios are taken from the sums.

The OEE of a line in series (``line_oee``) is another KPI than the OEE of its machines taken together (``oee``): good
units out of the last step × planned run time per unit of the constraint ÷ PBT of the line. The constraint is the step
with the longest planned run time per unit, its parallel machines taken together; PBT of the line is the mean over them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Final

from analytics.activity import EnergyUse
from analytics.cost import Costs, add_costs
from analytics.elements import Elements, total
from contract import Production

Path = tuple[str, ...]
"""The first levels of an address: five for a machine, four for a line, two for a site."""

LEVELS: Final[Mapping[str, int]] = {"machine": 5, "line": 4, "area": 3, "site": 2, "enterprise": 1}
"""Level -> how many names of an address lead to it."""


def level_of(path: Path) -> str:
    """The name of the level that a path leads to."""
    return _LEVEL_AT[len(path)]


_LEVEL_AT: Final = {depth: name for name, depth in LEVELS.items()}


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine in one window: the atom of every roll-up; ``energy``, where asked for, is its money by use."""

    path: Path
    elements: Elements
    costs: Costs | None = None
    production: Production | None = None
    energy: EnergyUse | None = None

    def __add__(self, later: Machine) -> Machine:
        """The same machine over two windows; what it performs is what it performed last."""
        return Machine(
            self.path,
            self.elements + later.elements,
            add_costs((self.costs, later.costs)),
            later.production or self.production,
            self.energy + later.energy if self.energy is not None and later.energy is not None else None,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a machine, a line, or a place with several lines, in one window.

    Attributes:
        path: the address levels down to it.
        elements: the sum over its machines.
        costs: the sum over its machines; None where no price is known, or where two currencies meet.
        good: good units: of the machine itself, or out of the last step of each line.
        sellable: the same with the reworked ones.
        line_oee: OEE as one machine in series; lines only.
    """

    path: Path
    elements: Elements
    costs: Costs | None
    good: int
    sellable: int
    line_oee: float | None = None

    @property
    def unit_cost(self) -> float | None:
        """All the money of the window per sellable unit."""
        return None if self.costs is None else self.costs.unit_cost(self.sellable)


def roll_up(machines: Iterable[Machine]) -> list[Figures]:
    """The figures of every machine, then of every line, then of every site, each in the order of the paths."""
    atoms = sorted(machines, key=lambda machine: machine.path)
    return [figures for level in ("machine", "line", "site") for figures in roll_to(level, atoms)]


def roll_to(level: str, machines: Iterable[Machine]) -> list[Figures]:
    """The figures of every place of one of the ``LEVELS``, in the order of the paths."""
    atoms = sorted(machines, key=lambda machine: machine.path)
    if level == "machine":
        return [_machine(atom) for atom in atoms]
    lines = [_line(path, members) for path, members in _grouped(atoms, LEVELS["line"])]
    if level == "line":
        return lines
    places: defaultdict[Path, list[Figures]] = defaultdict(list)
    for line in lines:
        places[line.path[: LEVELS[level]]].append(line)
    return [_several(path, members) for path, members in sorted(places.items())]


def rty(steps: Iterable[tuple[int, int]]) -> float | None:
    """Rolled throughput yield: the product of ``good first time / total`` over the steps in series."""
    yields = [Fraction(good, made) if made else None for good, made in steps]
    known = [part for part in yields if part is not None]
    return float(prod(known, start=Fraction(1))) if known and len(known) == len(yields) else None


def line_oee(members: Sequence[Machine]) -> float | None:
    """OEE of machines that form one line; None without an operation, or without planned time at the constraint."""
    steps: defaultdict[tuple[int, str], list[tuple[Production, Elements]]] = defaultdict(list)
    for machine in members:
        if machine.production is not None:
            steps[machine.production.position, machine.production.step].append((machine.production, machine.elements))
    if not steps:
        return None
    constraint = max(steps.values(), key=lambda step: _pace_ns(p for p, _ in step))
    pbt = Fraction(sum(elements.pbt_ns for _, elements in constraint), len(constraint))
    return float(_good(members) * _pace_ns(p for p, _ in constraint) / pbt) if pbt else None


def _pace_ns(parallel: Iterable[Production]) -> Fraction:
    """The planned time between two units out of a step: one unit over the summed rates of its machines."""
    return 1 / sum((Fraction(1, production.ideal_cycle_ns) for production in parallel), Fraction(0))


def _last_step(members: Sequence[Machine]) -> list[Machine]:
    position = max((m.production.position for m in members if m.production), default=None)
    return [m for m in members if m.production is not None and m.production.position == position]


def _good(members: Sequence[Machine]) -> int:
    return sum(machine.elements.gq for machine in _last_step(members))


def _machine(atom: Machine) -> Figures:
    made = atom.elements
    return Figures(atom.path, made, atom.costs, made.gq, made.gq + made.rq)


def _line(path: Path, members: Sequence[Machine]) -> Figures:
    good = _good(members)
    reworked = sum(machine.elements.rq for machine in _last_step(members))
    elements = total(machine.elements for machine in members)
    costs = add_costs(machine.costs for machine in members)
    return Figures(path, elements, costs, good, good + reworked, line_oee(members))


def _several(path: Path, lines: Sequence[Figures]) -> Figures:
    return Figures(
        path,
        total(line.elements for line in lines),
        add_costs(line.costs for line in lines),
        sum(line.good for line in lines),
        sum(line.sellable for line in lines),
    )


def _grouped(atoms: Sequence[Machine], depth: int) -> list[tuple[Path, list[Machine]]]:
    groups: defaultdict[Path, list[Machine]] = defaultdict(list)
    for atom in atoms:
        groups[atom.path[:depth]].append(atom)
    return sorted(groups.items())
