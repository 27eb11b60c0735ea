"""``list`` and ``show`` of ``qilu models`` and ``qilu sectors``: data files as pages for people, or as JSON.

What it is: tables of what the files say, with units. ``list`` shows the good files even when one is wrong.
What it is not: the one place of the columns of a sector or a model (``catalogue_sector_page.py``,
``catalogue_model_page.py``).
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from console.catalogue_check import TYPES
from console.catalogue_model_page import model_page
from console.catalogue_sector_page import bottleneck, ideal_per_h, sector_page
from console.catalogue_table import number, table
from contract import ConfigError
from simulator.catalogue import Catalogue
from simulator.machine_model import MachineModel
from simulator.sector_model import Sector


def run_list(kind: str, catalogue: Catalogue, *, as_json: bool) -> int:
    """The command; returns the exit code: 1 when a file is wrong."""
    rows: list[dict[str, Any]] = []
    wrong: list[str] = []
    for name in catalogue.names(kind):
        try:
            value = catalogue.load(kind, name, TYPES[kind])
        except ConfigError as error:
            wrong.append(str(error))
            continue
        row = _sector_row(value) if isinstance(value, Sector) else _model_row(value)
        rows.append(row | {"source": _source(kind, name, catalogue)})
    if as_json:
        print(_json(rows))
    elif rows:
        print("\n".join(table(list(rows[0]), [[_cell(cell) for cell in row.values()] for row in rows])))
    for problem in wrong:
        print(f"qilu: {problem}", file=sys.stderr)
    return 1 if wrong else 0


def run_show(kind: str, name: str, catalogue: Catalogue, *, as_json: bool) -> int:
    """The command; returns the exit code: 1 when the file is wrong."""
    path = catalogue.path(kind, name)
    try:
        value = catalogue.load(kind, name, TYPES[kind])
    except ConfigError as error:
        print(f"qilu: {error}", file=sys.stderr)
        return 1
    if as_json:
        body = {"source": _source(kind, name, catalogue), "file": str(path), kind[:-1]: msgspec.to_builtins(value)}
        print(_json(body))
        return 0
    page = sector_page(value) if isinstance(value, Sector) else model_page(value)
    print("\n".join([*page, "", f"file: {path} ({_source(kind, name, catalogue)})"]))
    return 0


def _model_row(model: MachineModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "sensors": len(model.sensors),
        "failure_modes": len({sensor.failure.mode for sensor in model.sensors}),
    }


def _sector_row(sector: Sector) -> dict[str, Any]:
    return {
        "id": sector.id,
        "name": sector.name,
        "product": sector.product.name,
        "steps": len(sector.steps),
        "machines": sum(step.machines for step in sector.steps),
        "units_per_h": ideal_per_h(bottleneck(sector)),
    }


def _source(kind: str, name: str, catalogue: Catalogue) -> str:
    return "built-in" if catalogue.built_in(kind, name) else "yours"


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, int | float) else str(value)


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode()
