"""Where the demo keeps its runs: one folder each, the newest few kept.

What it is: paths and their checks; errors say what to do.
What it is not: a store; a run's folder holds the historian's file, the ledger and the dead letters.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contract import ConfigError

DATA_DIR: Final = Path("data")
"""Where runs are kept unless told otherwise."""

KEPT: Final = 3
_PREFIX: Final = "run-"
_MARK: Final = ".qilu-run"


@dataclass(frozen=True, slots=True)
class Run:
    """The files of one run."""

    folder: Path

    @property
    def store_url(self) -> str:
        """URL of the run's historian."""
        return f"duckdb:{self.folder / 'historian.duckdb'}"

    @property
    def ledger(self) -> Path:
        """The simulator's truth."""
        return self.folder / "ledger.jsonl"

    @property
    def dead_letters(self) -> Path:
        """Folder of what the ingester could not take."""
        return self.folder / "dead-letters"


def new_run(data_dir: Path, stamp: str) -> Run:
    """Make the folder of a new run and drop the oldest beyond ``KEPT``.

    Args:
        data_dir: the folder of all runs; made when it is not there.
        stamp: sortable text for the name, unique per run (a UTC time).

    Raises:
        ConfigError: the folder cannot be written.
    """
    folder = data_dir / f"{_PREFIX}{stamp}"
    try:
        folder.mkdir(parents=True)
        (folder / _MARK).touch()
    except OSError as error:
        raise ConfigError(
            f"cannot write to {data_dir}: {error.strerror}; choose a folder that you may write with --data-dir"
        ) from None
    for old in _runs(data_dir)[:-KEPT]:
        shutil.rmtree(old.folder, ignore_errors=True)
    return Run(folder)


def newest_run(data_dir: Path) -> Run:
    """The newest run; raises ConfigError when there is none."""
    runs = _runs(data_dir)
    if not runs:
        raise ConfigError(f"no run in {data_dir}: run qilu demo first, or name --ledger and --store")
    return runs[-1]


def _runs(data_dir: Path) -> list[Run]:
    """Only folders that this file has made: nothing else in the data folder is ever touched."""
    if not data_dir.is_dir() or not os.access(data_dir, os.R_OK):
        return []
    return [Run(path) for path in sorted(data_dir.glob(f"{_PREFIX}*")) if (path / _MARK).is_file()]
