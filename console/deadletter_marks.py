"""Which dead letters were replayed: one small file beside each file of letters.

What it is: ``dead-00000003.replayed`` names the lines of ``dead-00000003.jsonl`` that went out again. It is replaced as
a whole, so a crash leaves the old one or the new one. The ingester never writes it; it takes it away with the letters.
What it is not: a promise that the letter was stored then; what is refused again is a new letter.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from contract import ConfigError
from ingest.deadletter import Place, first_line, marks_path
from ingest.ranges import Ranges, parse, ranges_of, text, union

_LOCK: Final = "replay.lock"


class _Marks(msgspec.Struct, frozen=True):
    """``head`` is a digest of the first line of the letters, for the number of a file may be used again."""

    head: str
    lines: str


def replayed(directory: Path, file: int) -> Ranges:
    """The lines of a file that were replayed; none where the marks are not there, damaged, or of other letters."""
    try:
        found = msgspec.json.decode(marks_path(directory, file).read_bytes(), type=_Marks)
        return parse(found.lines) if found.head == _head(directory, file) else ()
    except (OSError, ValueError):  # a letter too many is better than one too few
        return ()


def mark(directory: Path, places: Iterable[Place]) -> None:
    """Note that these letters were replayed; under ``marking``. Raises OSError."""
    lines: dict[int, list[int]] = {}
    for place in places:
        lines.setdefault(place.file, []).append(place.line)
    for file, fresh in lines.items():
        head = _head(directory, file)
        if head == _digest(b""):
            continue  # the ingester has dropped the letters meanwhile
        known = union([*replayed(directory, file), *ranges_of(fresh)])
        path = marks_path(directory, file)
        new = path.with_name(path.name + ".new")
        with new.open("wb") as out:
            out.write(msgspec.json.encode(_Marks(head, text(known))))
            out.flush()
            os.fsync(out.fileno())
        new.replace(path)


@contextlib.contextmanager
def marking(directory: Path) -> Iterator[None]:
    """Be the only one who replays from here while the body runs.

    Raises:
        ConfigError: somebody else does, or the directory cannot be written.
    """
    try:
        lock = (directory / _LOCK).open("wb")
    except OSError as error:
        raise ConfigError(
            f"cannot write in {directory}: {error.strerror}; replay as the user that the ingester runs as"
        ) from None
    with lock:
        if not _taken(lock):
            raise ConfigError(f"another replay from {directory} is under way; wait for its end")
        yield


def _head(directory: Path, file: int) -> str:
    return _digest(first_line(directory, file))


def _digest(line: bytes) -> str:
    return hashlib.blake2b(line, digest_size=8).hexdigest()


def _taken(lock: BinaryIO) -> bool:
    if sys.platform == "win32":
        return True
    import fcntl  # noqa: PLC0415  # not on every platform

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
