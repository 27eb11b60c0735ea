"""KPIs from the ledger alone.

What it is: the truth's figures in a few plain lines, with their own table of what each reason means, so that a
mistake in the analytics cannot hide by being made twice. Definitions: ISO 22400-2, as in ``docs/kpis.md``.
What it is not: shared with the analytics in any way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from console.ledger_file import Truth

Figures = dict[str, float | None]

_PLANNED: Final = {"planned_stop", "planned_maintenance"}
_OFF: Final = {"no_shift"}
_WAITING: Final = {"starved", "blocked", "no_order", "utility"}
_DELAY: Final = {"breakdown", "minor_stop"}


@dataclass(slots=True)
class Stretch:
    """What one machine, or many together, really did between two moments."""

    reason_ns: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    money: dict[str, Fraction] = field(default_factory=dict)

    def add(self, before: Truth, after: Truth) -> None:
        """Add what one machine did between two lines of its ledger."""
        for state, total in after.state_ns.items():
            reason = state.rpartition("/")[2]
            self.reason_ns[reason] = self.reason_ns.get(reason, 0) + total - before.state_ns.get(state, 0)
        for name, count in after.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count - before.counts.get(name, 0)
        for line, amount in after.money.items():
            self.money[line] = self.money.get(line, Fraction(0)) + amount - before.money.get(line, Fraction(0))


@dataclass(frozen=True, slots=True)
class Operation:
    """Where a machine stands in the routing, and its ideal time per unit."""

    position: int
    ideal_cycle_ns: int


def line_figures(members: list[tuple[Stretch, Operation | None]]) -> Figures:
    """The figures of machines in series: their sum, the output of the last step, and the OEE at the constraint."""
    made = [(stretch, operation) for stretch, operation in members if operation is not None]
    last = max((operation.position for _, operation in made), default=None)
    out = [stretch.counts for stretch, operation in made if operation.position == last]
    good = sum(counts.get("good", 0) for counts in out)
    result = figures(summed(stretch for stretch, _ in members), good, good + sum(c.get("rework", 0) for c in out))
    steps: dict[int, list[tuple[Stretch, Operation]]] = {}
    for stretch, operation in made:
        steps.setdefault(operation.position, []).append((stretch, operation))
    if steps:
        pace, machines = max(
            ((1 / sum(1 / o.ideal_cycle_ns for _, o in step), step) for step in steps.values()), key=lambda p: p[0]
        )
        busy = [sum(ns for reason, ns in s.reason_ns.items() if reason not in _PLANNED | _OFF) for s, _ in machines]
        result["line_oee"] = _ratio(good * pace * len(busy), sum(busy))
    return result


def summed(stretches: Iterable[Stretch]) -> Stretch:
    """Many machines as one."""
    total = Stretch()
    for stretch in stretches:
        for ints, more in ((total.reason_ns, stretch.reason_ns), (total.counts, stretch.counts)):
            for name, number in more.items():
                ints[name] = ints.get(name, 0) + number
        for line, amount in stretch.money.items():
            total.money[line] = total.money.get(line, Fraction(0)) + amount
    return total


def figures(stretch: Stretch, good_out: int, sellable: int) -> Figures:
    """Every figure of a stretch; ``sellable`` units share the cost, ``good_out`` the energy."""
    times = stretch.reason_ns
    off = _total(times, _OFF)
    pot = sum(times.values()) - off
    planned, waiting, delay = (_total(times, reasons) for reasons in (_PLANNED, _WAITING, _DELAY))
    setup, running = times.get("setup", 0), times.get("running", 0)
    busy = pot - planned
    count = stretch.counts
    good, scrap, rework = (count.get(name, 0) for name in ("good", "scrap", "rework"))
    made = good + scrap + rework
    ideal, ideal_good = count.get("ideal_total_ns", 0), count.get("ideal_good_ns", 0)
    cost = sum(stretch.money.values(), Fraction(0))
    return {
        "pot_ns": pot,
        "pdot_ns": planned,
        "off_ns": off,
        "pbt_ns": busy,
        "apt_ns": running,
        "adot_ns": waiting,
        "adet_ns": delay,
        "aust_ns": setup,
        "pq": made,
        "gq": good,
        "sq": scrap,
        "rq": rework,
        "pri_pq_ns": ideal,
        "pri_gq_ns": ideal_good,
        "failures": count.get("failures", 0),
        "energy_wh": count.get("energy_wh", 0),
        "availability": _ratio(running, busy),
        "effectiveness": _ratio(ideal, running),
        "quality_ratio": _ratio(ideal_good, ideal),
        "oee": _ratio(ideal_good, busy),
        "nee": _ratio((running + setup) * ideal_good, busy * running),
        "technical_efficiency": _ratio(running, running + delay),
        "setup_ratio": _ratio(setup, running + setup),
        "scrap_ratio": _ratio(scrap, made),
        "rework_ratio": _ratio(rework, made),
        "energy_kwh_per_good": _ratio(count.get("energy_wh", 0) / 1000, good_out),
        **{f"cost_{line}": float(amount) for line, amount in stretch.money.items()},
        "cost_total": float(cost),
        "sellable": sellable,
        "unit_cost": _ratio(cost, sellable),
    }


def _total(times: dict[str, int], reasons: Iterable[str]) -> int:
    return sum(times.get(reason, 0) for reason in reasons)


def _ratio(above: float | Fraction, below: float) -> float | None:
    return float(above / below) if below else None
