"""The dead letters: messages that cannot be stored, kept with the reason, so that nothing vanishes uncounted.

What it is: append-only files of JSON lines in one directory, flushed to the disk before the message is acknowledged.
What it is not: without end. A file is closed at ``file_bytes``, ``files`` of them are kept, and the letters of the
oldest one go, counted in ``dropped``. Topic, reason and payload come from strangers and are data: the payload is
base64, the rest is escaped as JSON, and nothing in a letter names a file.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import msgspec

from contract import MAX_BYTES, VERSION, ConfigError

FILE_BYTES: Final = 16 * 1024 * 1024
FILES: Final = 8
PAYLOAD_BYTES: Final = 2 * MAX_BYTES
"""How much of a payload is kept: twice what the contract allows. ``size`` tells the true length."""

_PATTERN: Final = "dead-*.jsonl"


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One message that could not be stored.

    ``time_ns`` is when it came, ``reason`` the short word of the error, ``detail`` the sentence, ``version`` the
    contract's version on this side, ``size`` the payload's length before it was cut.
    """

    time_ns: int
    topic: str
    reason: str
    detail: str
    version: int = VERSION
    size: int
    payload: Annotated[str, msgspec.Meta(description="base64")]

    @property
    def body(self) -> bytes:
        """The payload's bytes."""
        return base64.b64decode(self.payload)


def letter(*, time_ns: int, topic: str, reason: str, detail: str, payload: bytes) -> Letter:
    """Seal a payload into a letter."""
    return Letter(
        time_ns=time_ns,
        topic=topic,
        reason=reason,
        detail=detail,
        size=len(payload),
        payload=base64.b64encode(payload[:PAYLOAD_BYTES]).decode("ascii"),
    )


@dataclass(frozen=True, slots=True)
class DeadLetterLimits:
    """How much is kept: at most ``files`` files of about ``file_bytes`` each."""

    file_bytes: int = FILE_BYTES
    files: int = FILES


class DeadLetters:
    """The directory of dead letters, open for writing. One process writes at a time."""

    def __init__(self, directory: str | Path, limits: DeadLetterLimits | None = None) -> None:
        """Open the directory and go on in its newest file.

        Raises:
            ConfigError: the directory cannot be made or written.
        """
        self._directory = Path(directory)
        self._limits = limits or DeadLetterLimits()
        self.dropped = 0
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            files = _files(self._directory)
            self._number = _number(files[-1]) if files else 1
            self._file = self._open()
        except OSError as error:
            raise ConfigError(
                f"dead letters: cannot write in {self._directory}: {error.strerror or error}; "
                "set ingest.dead_letters to a directory that can be written"
            ) from None

    def append(self, letters: Iterable[Letter]) -> None:
        """Add letters and return when the disk has them; raises OSError when it does not take them."""
        if self._file.closed:  # an earlier append failed half-way
            self._file = self._open()
        try:
            for one in letters:
                if self._file.tell() >= self._limits.file_bytes:
                    self._rotate()
                self._file.write(msgspec.json.encode(one) + b"\n")
            _to_disk(self._file)
        except OSError:
            with contextlib.suppress(OSError):  # closing flushes once more; the first error is the one to tell
                self._file.close()
            raise

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._file.close()

    def _open(self) -> BinaryIO:
        path = self._directory / f"dead-{self._number:08d}.jsonl"
        file = path.open("ab")
        if file.tell() and not path.read_bytes().endswith(b"\n"):
            file.write(b"\n")  # a crash tore the last line; it must not take the next one with it
        _sync_directory(self._directory)
        return file

    def _rotate(self) -> None:
        _to_disk(self._file)
        self._file.close()
        self._number += 1
        self._file = self._open()
        for old in _files(self._directory)[: -self._limits.files]:
            self.dropped += old.read_bytes().count(b"\n")
            old.unlink()


def read_letters(directory: str | Path) -> Iterator[Letter]:
    """Every letter that is kept, oldest first; a line torn by a crash is passed over."""
    for path in _files(Path(directory)):
        for line in path.read_bytes().splitlines():
            try:
                yield msgspec.json.decode(line, type=Letter)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob(_PATTERN), key=_number)


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("dead-")
    return int(digits) if digits.isdecimal() else 0


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
