"""What the simulator can make: sectors, machine models and tariffs, by name.

What it is: names to values, out of the folders beside this file and out of one of the user's own with the same
subfolders (``models/``, ``sectors/``, ``tariffs/``, ``scenarios/``). A name is an id and the file's name, so no name
leads out of its folder; a file of the user's that has the name of a built-in one is refused, never preferred.
What it is not: the meaning of the files (``machine_model.py``, ``sector_model.py``), nor the plant (``plant.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

from contract import ConfigError, Tariff
from service.datafile import lines, nearest, parse
from service.datafiles_io import read_bytes
from simulator.machine_model import MachineModel
from simulator.sector_model import Sector

KINDS: Final = {"models": "machine model", "sectors": "sector", "tariffs": "tariff", "scenarios": "scenario"}
"""The subfolders, and what one file in each is called."""
_BUILT_IN: Final = Path(__file__).parent
_ID: Final = re.compile(r"[a-z][a-z0-9_-]{0,60}")
T = TypeVar("T")


class Catalogue:
    """The built-in data files and those in the folder ``extra``; raises ConfigError when there is no such folder."""

    def __init__(self, extra: Path | None = None) -> None:
        try:
            there = extra is None or extra.is_dir()
        except OSError:  # a name that is too long, a folder above it that may not be entered
            there = False
        if not there:
            raise ConfigError(f"no catalogue folder {str(extra)!r}: it holds models/ and sectors/ of your own")
        self.extra = extra

    def names(self, kind: str) -> list[str]:
        """All names of a kind (one of ``KINDS``), sorted; raises ConfigError for a file that can have no name."""
        return sorted(self._files(kind))

    def path(self, kind: str, name: str) -> Path:
        """The file of ``name``; raises ConfigError with the nearest name when there is none."""
        files = self._files(kind)
        if name not in files:
            raise ConfigError(f"no {KINDS[kind]} {name[:80]!r}{nearest(name, files)}")
        return files[name]

    def built_in(self, kind: str, name: str) -> bool:
        """Whether ``name`` is the simulator's own."""
        return name in _own(kind)

    def load(self, kind: str, name: str, type_: type[T]) -> T:
        """The value of a data file; raises ConfigError with the file, the line and the key that are wrong."""
        path = self.path(kind, name)
        source = _source(path)
        text = read_bytes(path)
        value = parse(text, type_, source)
        own = getattr(value, "id", name)
        if own != name:
            line = lines(text, source).get("id", 1)
            raise ConfigError(f"{source}:{line}: id: expected {name!r}, as the file is called, found {own!r}")
        return value

    def model(self, name: str) -> MachineModel:
        """A machine model; raises ConfigError."""
        return self.load("models", name, MachineModel)

    def sector(self, name: str) -> Sector:
        """A sector; raises ConfigError. Whether its models are there, ``sector_problems`` says."""
        return self.load("sectors", name, Sector)

    def tariff(self, name: str) -> Tariff:
        """An electricity tariff; raises ConfigError."""
        tariff = self.load("tariffs", name, Tariff)
        try:
            tariff.check()
        except ValueError as error:
            raise ConfigError(f"{_source(self.path('tariffs', name))}: {error}") from None
        return tariff

    def _files(self, kind: str) -> dict[str, Path]:
        files = _own(kind)
        if self.extra is None:
            return files
        for path in sorted((self.extra / kind).glob("*.y*ml")):
            if path.name.startswith("."):  # what an editor leaves behind
                continue
            if path.suffix != ".yaml" or not is_id(path.stem):
                raise ConfigError(f"{str(path)!r}: call it NAME.yaml; a NAME is a-z, 0-9, _ and -, first a letter")
            if path.stem in files:
                raise ConfigError(f"{path}: {path.stem} is a built-in {KINDS[kind]}; give yours another name")
            files[path.stem] = path
        return files


def is_id(name: str) -> bool:
    """Whether ``name`` can be the name of a data file."""
    return _ID.fullmatch(name) is not None


def models(extra: Path | None = None) -> list[str]:
    """The names of all machine models."""
    return Catalogue(extra).names("models")


def sectors(extra: Path | None = None) -> list[str]:
    """The names of all sectors."""
    return Catalogue(extra).names("sectors")


def tariffs(extra: Path | None = None) -> list[str]:
    """The names of all tariffs."""
    return Catalogue(extra).names("tariffs")


def load_model(name: str, extra: Path | None = None) -> MachineModel:
    """A machine model by its name; raises ConfigError."""
    return Catalogue(extra).model(name)


def load_sector(name: str, extra: Path | None = None) -> Sector:
    """A sector by its name; raises ConfigError with the nearest name, or with what is wrong in its file."""
    return Catalogue(extra).sector(name)


def load_tariff(name: str, extra: Path | None = None) -> Tariff:
    """An electricity tariff by its name; raises ConfigError."""
    return Catalogue(extra).tariff(name)


def check_sector(sector: Sector, extra: Path | None = None) -> None:
    """Raise ConfigError with all that ``sector_problems`` finds."""
    if problems := list(sector_problems(sector, Catalogue(extra))):
        raise ConfigError(f"sector {sector.id}: {'; '.join(problems)}")


def sector_problems(sector: Sector, catalogue: Catalogue) -> Iterator[str]:
    """What in a sector does not go with the catalogue or with itself, each as ``KEY: WHY``.

    A batch machine waits for a full load, so the buffer before it must be able to hold one, and a load is made of
    whole lots.
    """
    known = catalogue.names("models")
    steps = [step.id for step in sector.steps]
    if sector.checks is not None and sector.checks.bottleneck not in steps:
        yield f"checks.bottleneck: no step {sector.checks.bottleneck!r}{nearest(sector.checks.bottleneck, steps)}"
    if sector.tariff not in (tariff_names := catalogue.names("tariffs")):
        yield f"tariff: no tariff {sector.tariff!r}{nearest(sector.tariff, tariff_names)}"
    for i, step in enumerate(sector.steps):
        key = f"steps[{i}]"
        if step.model not in known:
            yield f"{key}.model: step {step.id}: no machine model {step.model!r}{nearest(step.model, known)}"
        if step.mode != "batch":
            if step.one_family:
                yield f"{key}.one_family: step {step.id}: only a batch step has loads; its mode is {step.mode}"
            continue
        load = step.units_per_cycle
        if load % sector.lot_units:
            lot = sector.lot_units
            yield f"{key}.units_per_cycle: step {step.id}: expected whole lots of {lot} units, found {load:g}"
        before = sector.steps[i - 1] if i else None
        if before is not None and before.buffer_after < load:
            yield (
                f"steps[{i - 1}].buffer_after: step {before.id}: expected room for a load of {step.id} "
                f"({load:g} units), found {before.buffer_after}"
            )


def _own(kind: str) -> dict[str, Path]:
    return {path.stem: path for path in sorted((_BUILT_IN / kind).glob("*.yaml"))}


def _source(path: Path) -> str:
    """The file's name in errors; for a built-in one the part that is the same everywhere."""
    return f"simulator/{path.parent.name}/{path.name}" if path.is_relative_to(_BUILT_IN) else str(path)
