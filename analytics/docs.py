"""The pages ``docs/kpis.md`` and ``docs/cost.md``, written from the tables that compute what they describe.

What it is: text out of ``KPIS``, ``BY_REASON`` and the fields of elements, costs, activities and points, between text
that is kept here. ``python -m analytics.docs kpis`` prints one; a test checks that the pages in ``docs/`` are these.
What it is not: a second definition: what the page says of a formula stands beside the formula.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Final

from analytics import activity
from analytics.activity import Activities
from analytics.basis import Basis
from analytics.cost import MACHINE_LINES, Costs
from analytics.elements import BY_REASON, Elements
from analytics.kpi import KPIS
from analytics.points import ELEMENTS, RATIOS

_HEAD: Final = """\
<!-- Written by `python -m analytics.docs kpis`; change the tables and docstrings in analytics/, not this file. -->
# Figures: elements, KPIs, cost

Elements add, ratios do not. Events fold into integer elements per machine and window; elements and money are summed
over time and over the address tree; every ratio is taken last, from sums. An undefined ratio is absent, never 0 or 1.

## From states to elements

The reason of a state decides which ISO 22400 time element its time is booked to.
"""

_AFTER_STATES: Final = """\
POT = PBT + PDOT, PBT = AUBT + ADOT, AUBT = AUPT + ADET, AUPT = APT + AUST: every nanosecond that is known is in exactly
one of the five, or outside the shifts (`off_ns`, outside POT: nobody is meant to work, and nobody is paid). Time of
which nothing is known is `unknown_ns` and outside POT too: before a machine's first word, after its clean death or its
last word, and between two boots of its publisher. A boot that begins ends every earlier one.

A state holds until the next one and is carried over the edge of a window. A lot counts in the window `[a, b)` that
holds its end, and may be of several units: quantities are sums of units. A counter is interpolated between readings in
integers; a fall is a reset to zero. So windows of any bounds add up to the whole, and order, duplication and chunks of
the stream change nothing.

A failure is one breakdown begun: waiting for the technician (Aborted) and the repair (Clearing) are one failure, and
both are time to restore. A planned stop, or the end of a shift, interrupts a breakdown and does not end it: where
the same breakdown (by its cause) goes on behind the stop, no new failure has begun. The time in between is planned
down time or outside the shifts, and no time to restore.

Only machines and meters have figures. A gateway, a market and a supplier have none.

## Elements
"""

_AFTER_ELEMENTS: Final = """\
Orders, people and material have elements of their own, which add as well (`analytics/basis.py`).
"""

_AFTER_BASIS: Final = """\
## KPIs

Timing: R in real time, D on demand, P periodically.
"""

_AFTER_KPIS: Final = """\
Quality is weighted by planned run time, which for one product is GQ/PQ, so that OEE ≡ Σ PRI·GQ / Σ PBT holds for any
mix and whatever an unplanned stop is called. The profile `vorne` books minor stops as slow running instead of as delay:
availability falls less and effectiveness more, OEE stays.

Numbers of KPIs are those of two public renderings of ISO 22400-2; the clauses themselves were not open to us.

For a line, `line_oee` is its OEE as one machine in series: good units out of the last step × planned run time per unit
of the constraint ÷ PBT of the constraint. The constraint is the step with the longest planned run time per unit, its
parallel machines taken together. `energy_kwh_per_good` of a line or a site divides by the good units out of the last
step, for else a unit would count once at every step.

## Cost lines

What a machine's elements cost under the prices of its birth; all lines of the ledger, and the same money by activity,
are described in [cost](cost.md).
"""

_AFTER_COSTS: Final = """\
`unit_cost` is the total per sellable unit: good or reworked units, of a line and a site those out of the last step.

## Stored points

Measurement `kpi`, time = start of the window (`5m` or `1h`, aligned since 1970 UTC), tags `level` (`machine`, `line`,
`site`), `window`, and the address levels down to that level. A window of which nothing is known has no point.
"""


_COST_HEAD: Final = """\
<!-- Written by `python -m analytics.docs cost`; change the tables and docstrings in analytics/, not this file. -->
# Cost: one ledger, two views

Money is exact: a price means the decimal that was written, sums are fractions, rounding comes last. Prices are those of
the birth that was in force; where they change within a window, each part is paid at its price. A line's money is the
sum of its machines', a site's that of its lines, the auxiliary meter's energy included; two currencies have no sum.

## By nature

What the money was paid for. The lines exclude each other and add up to the total to the last bit.
"""

_COST_LINES: Final = """\
The first five are taken from the elements and prices of each machine and stored with its figures (`cost_…`). The others
need what one machine does not know, a month's peak, a stock, an order; the ledger has room for them
(`analytics.cost.Costs`), the stored figures have them not yet.

`unit_cost` is the total per sellable unit: good or reworked units, of a line and a site those out of the last step.

## By activity

What the same money was spent on. Changeovers, down time and poor quality are never added to the lines above: they are
these lines, divided once more. That the parts are the whole is asserted whenever they are taken.
"""

_COST_ACTIVITIES: Final = """\
What might have been earned in the time that was lost is no cost and stands in neither view; it is only money at the
constraint, and only where more could have been sold (`analytics.trade.lost_units`).

Both views are in `qilu report` ([reports](report.md)).
"""


def cost_page() -> str:
    """The whole page of cost."""
    parts = [
        _COST_HEAD,
        _table(("line", "what it is"), (row for row in _attributes(Costs) if row[0] != "`currency`")),
        _COST_LINES,
        _table(("activity", "what the money was spent on"), _attributes(Activities)),
        _paragraph(activity.__doc__ or "", "How it is divided.") + "\n",
        _COST_ACTIVITIES,
    ]
    return "\n".join(parts)


def _paragraph(text: str, begin: str) -> str:
    """The paragraph of a docstring that begins so."""
    found = next(part for part in text.split("\n\n") if part.startswith(begin))
    return found.replace("``", "`")


def page() -> str:
    """The whole page."""
    points: Sequence[tuple[str, str]] = (
        ("ratios (float)", _codes((*RATIOS, "energy_kwh_per_good"))),
        ("elements (int)", _codes(ELEMENTS)),
        ("money (float)", _codes([*(f"cost_{name}" for name in (*MACHINE_LINES, "total")), "unit_cost"])),
        ("line and site (int)", _codes(["sellable"])),
        ("line (float)", _codes(["line_oee"])),
        ("all (int)", "`until_ns`: event time up to which the window is known"),
    )
    parts = [
        _HEAD,
        _table(("reason", "element"), ((f"`{reason}`", f"`{name}`") for reason, name in BY_REASON.items())),
        _AFTER_STATES,
        _table(("element", "meaning"), _attributes(Elements)),
        _AFTER_ELEMENTS,
        _table(("element", "meaning"), (row for row in _attributes(Basis) if row[0] != "`machine`")),
        _AFTER_BASIS,
        _table(
            ("KPI", "name", "no.", "formula", "unit", "better", "timing", "from"),
            (
                (k.symbol, f"`{k.name}`", str(k.id or ""), k.formula, k.unit, k.better, k.timing, k.source)
                for k in KPIS.values()
            ),
        ),
        _AFTER_KPIS,
        _table(("line", "what it is"), (row for row in _attributes(Costs) if row[0].strip("`") in MACHINE_LINES)),
        _AFTER_COSTS,
        _table(("fields", "names"), points),
    ]
    return "\n".join(parts)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _attributes(type_: type) -> list[tuple[str, str]]:
    """Name and meaning of each attribute, out of the docstring."""
    text = (type_.__doc__ or "").partition("Attributes:\n")[2]
    found = re.findall(r"^ {8}(\w+): (.*(?:\n {9,}.*)*)", text, re.MULTILINE)
    return [(f"`{name}`", " ".join(meaning.replace("``", "`").split())) for name, meaning in found]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in body)


PAGES: Final = {"kpis": page, "cost": cost_page}
"""Name of the page in ``docs/`` -> what writes it."""

if __name__ == "__main__":
    sys.stdout.write(PAGES[sys.argv[1] if len(sys.argv) > 1 else "kpis"]())
