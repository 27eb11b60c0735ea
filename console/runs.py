"""Where the demo keeps its runs: one folder each, the newest few and those that still run kept.

What it is: paths and their checks; errors say what to do.
What it is not: a store; a run's folder holds the historian's file, the ledger and the dead letters.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

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


@contextlib.contextmanager
def new_run(data_dir: Path, stamp: str) -> Iterator[Run]:
    """Make the folder of a new run, which nobody drops while the body runs.

    A run that is refused (ConfigError) before ``keep`` leaves no folder: the newest run is one that can be verified.

    Args:
        data_dir: the folder of all runs; made when it is not there.
        stamp: sortable text for the name, unique per run (a UTC time).

    Raises:
        ConfigError: the folder cannot be written.
    """
    folder = data_dir / f"{_PREFIX}{stamp}"
    try:
        folder.mkdir(parents=True)
        mark = (folder / _MARK).open("wb")
    except OSError as error:
        raise ConfigError(
            f"cannot write to {data_dir}: {error.strerror}; choose a folder that you may write with --data-dir"
        ) from None
    with mark:
        _take(mark)
        try:
            yield Run(folder)
        except ConfigError:
            if not (folder / _MARK).stat().st_size:
                shutil.rmtree(folder, ignore_errors=True)
            raise


def keep(run: Run) -> None:
    """From now on this run stays, whatever ends it; the oldest beyond ``KEPT`` make room, but none that still runs."""
    with contextlib.suppress(OSError):  # a full disk is told by those who need the room
        (run.folder / _MARK).write_text("kept\n")
    for old in _runs(run.folder.parent)[:-KEPT]:
        with contextlib.suppress(OSError), (old.folder / _MARK).open("rb") as mark:
            if _take(mark):
                shutil.rmtree(old.folder, ignore_errors=True)


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


def _take(mark: BinaryIO) -> bool:
    """Whether no other process holds this run; it is held until the file is closed, and by a kill as well."""
    if sys.platform == "win32":
        return True  # there an open file cannot be deleted
    import fcntl  # noqa: PLC0415  # not on every platform

    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
