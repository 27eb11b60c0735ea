"""``python tests/chaos/table.py REPORT…``: the table of faults out of the suite's reports, as Markdown.

What it is: the catalogue (``catalogue.tsv``: identifier, fault, injection, pass criterion) joined with what the runs
measured (JSON lines, see ``conftest.py``). Of a test that ran more often, such as once per parameter, the figures are
put together, the worst outcome and every figure kept.
What it is not: a judge; whether a test passed was said by the test.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HEAD = ("| | fault | injected by | passes when | measured | outcome | seed |", "|---|---|---|---|---|---|---|")
_WORST = ("failed", "skipped", "passed")


def catalogue() -> dict[str, tuple[str, str, str]]:
    """Identifier -> fault, injection, pass criterion, in order."""
    with Path(__file__).with_name("catalogue.tsv").open(encoding="utf-8", newline="") as file:
        return {row[0]: (row[1], row[2], row[3]) for row in csv.reader(file, delimiter="\t")}


def rows(lines: Iterable[Mapping[str, Any]]) -> list[str]:
    """One row of the table for each fault of the catalogue."""
    told: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        told.setdefault(line["id"], []).append(line)
    return [_row(name, said, told.get(name, [])) for name, said in catalogue().items()]


def _row(name: str, said: tuple[str, str, str], runs: list[Mapping[str, Any]]) -> str:
    figures: dict[str, list[str]] = {}
    for run in runs:
        for figure, value in run["figures"].items():
            known = figures.setdefault(figure, [])
            if str(value) not in known:
                known.append(str(value))
    measured = ", ".join(f"{figure} {' / '.join(values)}" for figure, values in figures.items())
    outcome = next((word for word in _WORST if any(run["outcome"] == word for run in runs)), "not run")
    reasons = {run["reason"].removeprefix("Skipped: ") for run in runs if run["reason"]}
    seeds = {str(run["seed"]) for run in runs if run["seed"] is not None}
    cells = (name, *said, measured or "; ".join(sorted(reasons)), outcome, ", ".join(sorted(seeds)))
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def main(files: list[str]) -> int:
    """Print the table; 2 without a report."""
    if not files:
        print("usage: python tests/chaos/table.py REPORT…", file=sys.stderr)
        return 2
    lines = [json.loads(line) for file in files for line in Path(file).read_text(encoding="utf-8").splitlines()]
    print("\n".join((*HEAD, *rows(lines))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
