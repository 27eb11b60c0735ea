"""The dead letters: messages that cannot be stored, kept with the reason, so that nothing vanishes uncounted.

What it is: append-only files of JSON lines in one directory, flushed to the disk before the message is acknowledged. A
letter's name is its file and its line, ``3:17``; it never changes.
What it is not: without end. A file is closed at ``file_bytes``; ``files`` of them are kept, and ``total_bytes`` in all;
the letters of the oldest one go, counted in ``dropped``. Topic, reason and payload come from strangers and are data:
the payload is base64, the rest is escaped as JSON, and nothing in a letter names a file.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from contract import ConfigError
from ingest.letter import Letter, Place, letter

__all__ = ["DeadLetterLimits", "DeadLetters", "Letter", "Place", "letter", "placed_letters", "read_letters"]

FILE_BYTES: Final = 16 * 1024 * 1024
FILES: Final = 8

_PATTERN: Final = "dead-*.jsonl"
_NAME: Final = re.compile(r"dead-([0-9]{8,})\.jsonl")
_MARKS: Final = ".replayed"


@dataclass(frozen=True, slots=True)
class DeadLetterLimits:
    """How much is kept: at most ``files`` files of ``file_bytes`` each (a longer letter stands alone in its file).

    ``total_bytes`` holds for all of them together, whatever was there at the start.
    """

    file_bytes: int = FILE_BYTES
    files: int = FILES
    total_bytes: int = FILES * FILE_BYTES


class DeadLetters:
    """The directory of dead letters, open for writing.

    Several processes may write into one directory: each has a file to itself, and none drops the file of another.
    """

    def __init__(self, directory: str | Path, limits: DeadLetterLimits | None = None) -> None:
        """Open the directory and go on in its newest file that nobody else writes in.

        Raises:
            ConfigError: the directory cannot be made or written.
        """
        self._directory = Path(directory)
        self._limits = limits or DeadLetterLimits()
        self.dropped = self._bytes = 0
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._path, self._file = self._open()
        except OSError as error:
            raise ConfigError(
                f"dead letters: cannot write in {self._directory}: {error.strerror or error}; "
                "set ingest.dead_letters to a directory that can be written"
            ) from None

    @property
    def kept_bytes(self) -> int:
        """How many bytes of letters there were at the last look, those of other processes included."""
        return self._bytes

    @property
    def limit_bytes(self) -> int:
        """How many there may be."""
        return self._limits.total_bytes

    def append(self, letters: Iterable[Letter]) -> None:
        """Add letters and return when the disk has them; raises OSError when it does not take them."""
        if self._file.closed:  # an earlier append failed half-way
            self._path, self._file = self._open()
        try:
            self._bytes = self._trimmed()
            for one in letters:
                line = msgspec.json.encode(one) + b"\n"
                if self._file.tell() > 0 and self._file.tell() + len(line) > self._limits.file_bytes:
                    self._rotate()
                self._make_room(len(line))
                self._file.write(line)
                self._bytes += len(line)
            _to_disk(self._file)
        except OSError:
            with contextlib.suppress(OSError):  # closing flushes once more; the first error is the one to tell
                self._file.close()
            raise

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._file.close()

    def _open(self, *, new: bool = False) -> tuple[Path, BinaryIO]:
        """The newest file that nobody else writes in, if it has room and none other is wanted; else a new one."""
        files = _files(self._directory)
        taken = next((both for path in reversed([] if new else files) if (both := _taken(path))), None)
        if taken is not None and taken[1].tell() >= self._limits.file_bytes:
            taken[1].close()
            taken = None
        number = _number(files[-1]) if files else 0
        while taken is None:
            number += 1
            taken = _taken(_path(self._directory, number))  # None: another process was faster
        path, file = taken
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")  # a crash tore the last line; it must not take the next one with it
        _sync_directory(self._directory)
        return path, file

    def _rotate(self) -> None:
        _to_disk(self._file)
        self._file.close()
        self._path, self._file = self._open(new=True)
        self._bytes = self._trimmed()

    def _trimmed(self) -> int:
        """Drop the oldest files beyond the number that is kept; returns how many bytes there are then."""
        for old in _files(self._directory)[: -self._limits.files]:
            self._drop(old)
        return sum(map(_size, _files(self._directory)))

    def _make_room(self, size: int) -> None:
        """Let the oldest files go until so many bytes more fit, but none that another process writes in."""
        for path in _files(self._directory) if self._bytes + size > self._limits.total_bytes else ():
            if self._bytes + size <= self._limits.total_bytes:
                return
            if path == self._path:
                self._rotate()
            self._drop(path)

    def _drop(self, old: Path) -> None:
        with contextlib.suppress(FileNotFoundError), old.open("rb") as lines:
            if old == self._path or not _locked(lines):
                return
            self.dropped += sum(1 for _ in lines)
            self._bytes -= lines.tell()
            marks_path(self._directory, _number(old)).unlink(missing_ok=True)
            old.unlink()


def read_letters(directory: str | Path) -> Iterator[Letter]:
    """Every letter that is kept, oldest first; a line torn by a crash is passed over."""
    return (one for _, one in placed_letters(directory))


def placed_letters(directory: str | Path, file: int | None = None) -> Iterator[tuple[Place, Letter]]:
    """Every letter that is kept, or those of one file, with its name, oldest first; torn lines have none.

    Safe while somebody writes: a file that goes is left out, a line that is not whole yet as well.
    """
    for path in _files(Path(directory)):
        if file not in (None, _number(path)):
            continue
        with contextlib.suppress(FileNotFoundError), path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    break
                with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                    yield Place(_number(path), number), msgspec.json.decode(line, type=Letter)


def marks_path(directory: Path, file: int) -> Path:
    """Where it is noted which letters of a file were replayed; it goes with the file."""
    return _path(directory, file).with_suffix(_MARKS)


def first_line(directory: Path, file: int) -> bytes:
    """The first line of a file, by which it is known from another one of the same number; empty when it is gone."""
    try:
        with _path(directory, file).open("rb") as lines:
            return lines.readline()
    except OSError:
        return b""


def _path(directory: Path, number: int) -> Path:
    return directory / f"dead-{number:08d}.jsonl"


def _files(directory: Path) -> list[Path]:
    """Ours, by number; nothing else in the directory is ever read, counted or removed."""
    return sorted((path for path in directory.glob(_PATTERN) if _number(path)), key=_number)


def _number(path: Path) -> int:
    """The number of one of our files, 0 for any other."""
    match = _NAME.fullmatch(path.name)
    number = int(match[1]) if match else 0
    return number if path == _path(path.parent, number) else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process has dropped it
        return 0


def _taken(path: Path) -> tuple[Path, BinaryIO] | None:
    """The file at its end, for us alone until it is closed; None when another process has it, or has dropped it."""
    file = path.open("ab+")
    with contextlib.suppress(FileNotFoundError):
        if _locked(file) and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            return path, file
    file.close()
    return None


def _locked(file: BinaryIO) -> bool:
    """Take the file for us alone; a kill lets it go as well."""
    if sys.platform == "win32":
        return True  # there an open file cannot be deleted, and one process writes
    import fcntl  # noqa: PLC0415  # not on every platform

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_directory(directory: Path) -> None:
    """Make a new file's name durable too; a file that only fsync knows is lost with its directory entry."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
