"""What a run of the demo says at its end: sent, stored, lost, OEE and unit cost.

What it is: counted from the ledger and the store, message by message, not from the programs' own counters.
What it is not: the full verification, which ``qilu verify`` makes.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analytics.compute import compute
from analytics.points import point_fields
from console.ledger_file import read_ledger
from console.runs import DATA_DIR, Run
from console.verify import MessageCheck, check_messages
from contract import QiluError
from historian import Historian

_LINE = 4


@dataclass(frozen=True, slots=True)
class LineFigures:
    """The line over the whole run, history included."""

    path: str
    hours: float
    line_oee: float | None
    fleet_oee: float | None
    unit_cost: float | None
    currency: str | None
    sellable: int


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The end of a run."""

    seed: int
    sector: str
    folder: str
    ledger: str
    store: str
    messages: MessageCheck
    lines: list[LineFigures]

    def as_json(self) -> dict[str, Any]:
        """The report as one object."""
        counts = self.messages
        main = self.lines[0] if self.lines else None
        return {
            "seed": self.seed,
            "sector": self.sector,
            "sent": counts.published,
            "acknowledged": counts.acknowledged,
            "stored": counts.stored,
            "lost": counts.lost,
            "duplicated": counts.duplicated,
            "unexpected": counts.unexpected,
            "oee": main and main.line_oee,
            "fleet_oee": main and main.fleet_oee,
            "unit_cost": main and main.unit_cost,
            "currency": main and main.currency,
            "sellable": main and main.sellable,
            "hours": main and main.hours,
            "ledger": self.ledger,
            "store": self.store,
        }

    def as_text(self) -> str:
        """The report for people."""
        counts = self.messages
        lines = [
            f"messages  sent: {counts.published}   stored: {counts.stored}   lost: {counts.lost}",
            *counts.examples,
        ]
        for line in self.lines:
            lines += [
                f"{line.path}, {line.hours:.2f} h of plant time, {line.sellable} sellable units",
                f"  OEE        {_percent(line.line_oee)} of the line at its constraint; "
                f"{_percent(line.fleet_oee)} of its machines together",
                f"  unit cost  {_money(line.unit_cost, line.currency)}",
            ]
        lines.append(f"kept in {self.folder}; check every figure against the truth with: qilu verify{self._where()}")
        return "\n".join(lines)

    def _where(self) -> str:
        """The flags by which ``qilu verify`` finds this run."""
        run = Run(Path(self.folder))
        if Path(self.ledger) != run.ledger:
            return f" --ledger {shlex.quote(self.ledger)} --store {shlex.quote(self.store)}"
        data_dir = run.folder.parent
        return "" if data_dir == DATA_DIR else f" --data-dir {shlex.quote(str(data_dir))}"


async def report(run: Run, ledger_path: Path, store: Historian) -> DemoReport:
    """Count and sum up a run that has ended."""
    ledger = read_ledger(ledger_path)
    if ledger.end_ns is None:
        raise QiluError(f"the simulator did not end its ledger {ledger_path}; see the messages above")
    messages = await check_messages(ledger, store)
    results = await compute(store, [ledger.start_ns, ledger.end_ns + 1], until_ns=ledger.end_ns)
    hours = (ledger.end_ns - ledger.start_ns) / 3.6e12
    lines = [
        LineFigures(
            path="/".join(figures.path),
            hours=hours,
            line_oee=figures.line_oee,
            fleet_oee=_float(point_fields(figures)["oee"]),
            unit_cost=figures.unit_cost,
            currency=figures.costs.currency if figures.costs else None,
            sellable=figures.sellable,
        )
        for figures in results.whole()
        if len(figures.path) == _LINE and figures.line_oee is not None
    ]
    return DemoReport(ledger.seed, ledger.sector, str(run.folder), str(ledger_path), run.store_url, messages, lines)


def _float(value: object) -> float | None:
    return value if isinstance(value, float) else None


def _percent(ratio: float | None) -> str:
    return "undefined" if ratio is None else f"{100 * ratio:.1f} %"


def _money(amount: float | None, currency: str | None) -> str:
    return "undefined" if amount is None else f"{amount:,.2f} {currency}"
