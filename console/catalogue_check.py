"""``qilu models check`` and ``qilu sectors check``: whether a data file is right.

What it is: parse, then the check of its kind, for a sector with a run of its line; each problem with the file and,
where the problem names a key of it, the line.
What it is not: the checks themselves; the simulator has them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Final

import msgspec

from console.progress import Told, parts, untold
from console.terminal import Bar
from contract import ConfigError
from service.datafile import lines, parse
from service.datafiles_io import read_bytes
from simulator.catalogue import KINDS, Catalogue, is_id, sector_problems
from simulator.check_figures import figures
from simulator.checks import check_model
from simulator.checks_sector import check_sector_runs
from simulator.machine_model import MachineModel
from simulator.precompile import ready
from simulator.sector_model import Sector
from simulator.sector_run import capacity_per_day

TYPES: Final[dict[str, type[Any]]] = {"models": MachineModel, "sectors": Sector}
RUN_DAYS: Final = 7
RUN_UNITS: Final = 100
MOST_DAYS: Final = 30
"""A line that is checked runs for a week; a slow one until it could have made so many units, at most for a month."""


def model_problems(model: MachineModel, _: Catalogue, progress: Told) -> list[str]:
    """What the laws find; the machine works only where the figures alone are right."""
    if not any(figures(model)):
        ready(sys.stderr)
    problems = check_model(model)
    progress(1.0)
    return problems


def line_problems(sector: Sector, catalogue: Catalogue, progress: Told) -> list[str]:
    """Why the line cannot run; where it can, what a run of it finds."""
    if problems := list(sector_problems(sector, catalogue)):
        return problems
    try:
        models = {step.model: catalogue.model(step.model) for step in sector.steps}
        tariff = catalogue.tariff(sector.tariff)
    except ConfigError as error:
        return [f"steps: {error}"]
    ready(sys.stderr)
    days = min(MOST_DAYS, max(RUN_DAYS, ceil(RUN_UNITS / capacity_per_day(sector))))
    return check_sector_runs(sector, models, tariff, days=days, progress=progress)


CHECKS: Final[dict[str, Callable[[Any, Catalogue, Told], list[str]]]] = {
    "models": model_problems,
    "sectors": line_problems,
}
"""What is wrong with a value, each as ``KEY: WHY`` or as a plain sentence."""


def run_check(kind: str, files: Sequence[Path], catalogue: Catalogue, *, as_json: bool) -> int:
    """The command; returns the exit code."""
    for file in files:
        if not _there(file):
            raise ConfigError(f"no file {str(file)!r}")
    with contextlib.closing(Bar("check")) as bar:
        told = parts(bar.show, len(files))
        found = {file: file_problems(kind, file, catalogue, each) for file, each in zip(files, told, strict=True)}
    if as_json:
        body = [{"file": str(file), "ok": not problems, "problems": problems} for file, problems in found.items()]
        print(msgspec.json.format(msgspec.json.encode(body)).decode())
    else:
        for file, problems in found.items():
            print("\n".join(problems) if problems else f"{file}: ok")
    return 1 if any(found.values()) else 0


def file_problems(kind: str, file: Path, catalogue: Catalogue, progress: Told = untold) -> list[str]:
    """All that is wrong with the file, as ``FILE:LINE: KEY: WHY``; an unreadable one has one problem."""
    try:
        text = read_bytes(file)
        value = parse(text, TYPES[kind], str(file))
    except ConfigError as error:
        return [str(error)]
    at = lines(text, str(file))
    problems = [*_name_problems(kind, value.id, file, catalogue), *CHECKS[kind](value, catalogue, progress)]
    return [_placed(file, problem, at) for problem in problems]


def _name_problems(kind: str, name: str, file: Path, catalogue: Catalogue) -> Iterable[str]:
    if file.name != f"{name}.yaml":
        wanted = f"{file.stem!r}, as the file is called" if is_id(file.stem) else f"the file to be called {name}.yaml"
        yield f"id: expected {wanted}, found {name!r} in {file.name!r}"
    elif catalogue.built_in(kind, name) and not catalogue.path(kind, name).samefile(file):
        yield f"id: {name} is a built-in {KINDS[kind]}; give yours another id and file name"


def _there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # a name that is too long, a folder that may not be entered
        return False


def _placed(file: Path, problem: str, at: dict[str, int]) -> str:
    line = at.get(problem.partition(": ")[0])
    return f"{file}:{line}: {problem}" if line else f"{file}: {problem}"
