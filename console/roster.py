"""Who is there: the machines of the line, out of the births and deaths that the historian keeps.

What it is: pure functions from stored points to frozen values; the payload of a birth is read by the contract alone.
What it is not: a live link to the machines; who has died is judged by the points stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract import LEVELS, Address, Birth, ContractError, decode
from historian.base import Table, Value

Row = Mapping[str, Value | None]


def rows(table: Table) -> Iterator[tuple[tuple[str, ...], int, Row]]:
    """The address levels that the tags name (from the top, without the missing ones), the time, and the fields."""
    levels = [table.tags.get(level) for level in LEVELS]
    names = list(table.fields)
    columns = list(table.fields.values())
    for index, time_ns in enumerate(table.time_ns):
        place = tuple(column[index] for column in levels if column and column[index])
        yield place, time_ns, dict(zip(names, (column[index] for column in columns), strict=True))


@dataclass(frozen=True, slots=True)
class Member:
    """One publisher as its newest birth describes it."""

    address: Address
    birth: Birth
    alive: bool

    @property
    def levels(self) -> tuple[str, ...]:
        """The five levels, as the key of everything that is kept by machine."""
        return self.address.levels


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the routing with its parallel machines, in the order of their names."""

    name: str
    position: int
    members: tuple[Member, ...]

    @property
    def pace_ns(self) -> float:
        """Ideal time between two units out of the step: one unit over the rates of its machines taken together."""
        rate = sum(1 / m.birth.production.ideal_cycle_ns for m in self.members if m.birth.production)
        return 1 / rate if rate else 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """The line that the page draws: its place, and its steps from the left to the right."""

    place: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """Every machine of the line."""
        return tuple(member for step in self.steps for member in step.members)

    @property
    def constraint(self) -> Step | None:
        """The step with the largest ideal time per unit: nothing behind it can be faster for long."""
        paced = [step for step in self.steps if step.pace_ns]
        return max(paced, key=lambda step: step.pace_ns) if paced else None


def members(births: Table, deaths: Table) -> list[Member]:
    """The newest birth of every address. A birth that the contract refuses (of another version, say) is left out.

    A machine is dead when a clean death of the same boot is stored, its own or that of its line's gateway. The broker's
    will (``seq`` 0) proves only that a link broke: the same boot may go on after it, and if not, it falls silent.
    """
    died = {(place, fields.get("_boot")) for place, _, fields in rows(deaths) if fields.get("_seq") != 0}
    newest: dict[tuple[str, ...], tuple[int, Row]] = {}
    for place, time_ns, fields in rows(births):
        if len(place) == len(LEVELS) and (place not in newest or newest[place][0] <= time_ns):
            newest[place] = (time_ns, fields)
    found = [(Address(*place), birth) for place, (_, fields) in newest.items() if (birth := _birth(fields)) is not None]
    silent_lines = {a.levels[:4] for a, b in found if b.role == "gateway" and (a.levels, b.boot) in died}
    return [Member(a, b, (a.levels, b.boot) not in died and a.levels[:4] not in silent_lines) for a, b in found]


def _birth(fields: Row) -> Birth | None:
    body = fields.get("body")
    if not isinstance(body, str):
        return None
    try:
        message = decode("birth", body.encode())
    except ContractError:
        return None
    return message if isinstance(message, Birth) else None


def by_line(found: Iterable[Member]) -> dict[tuple[str, ...], list[Member]]:
    """The machines of every line by its place, in the order of the names of the lines."""
    lines: dict[tuple[str, ...], list[Member]] = {}
    for member in found:
        if member.birth.role == "machine":
            lines.setdefault(member.levels[:4], []).append(member)
    return dict(sorted(lines.items()))


def main_line(found: Iterable[Member], wanted: tuple[str, ...] | None = None) -> Line | None:
    """The line at ``wanted``; where that is none, the line with the most machines, the first by name among equals.

    None where there is no machine yet.
    """
    lines = by_line(found)
    if not lines:
        return None
    most = min(lines, key=lambda levels: (-len(lines[levels]), levels))
    place = wanted if wanted in lines else most
    return Line(place, tuple(_steps(lines[place])))


def _steps(machines: Iterable[Member]) -> list[Step]:
    """Machines by step; those that declare no operation of their own come last, as a step without a name."""
    steps: dict[tuple[int, str], list[Member]] = {}
    for member in machines:
        work = member.birth.production
        key = (work.position, work.step) if work else (_LAST, "")
        steps.setdefault(key, []).append(member)
    return [
        Step(name, position, tuple(sorted(steps[position, name], key=lambda m: natural(m.address.machine))))
        for position, name in sorted(steps)
    ]


_LAST = 1_001  # behind every position that the contract allows


def natural(name: str) -> list[Any]:
    """A key that sorts ``test-2`` before ``test-10``.

    >>> sorted(["test-10", "test-2", "pack"], key=natural)
    ['pack', 'test-2', 'test-10']
    """
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", name))]
