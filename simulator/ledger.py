"""The ledger: what was handed to the broker, what it acknowledged, and what really happened. JSON, one line each.

What it is: the simulator's testimony for ``qilu verify``. A message stands here before it is sent the first time, so
that whatever arrives is known; each write reaches the operating system before the sending, so that a killed simulator
leaves a readable file.
What it is not: read by anything downstream, nor synced to the disk: it outlives the process, not the machine.

Lines: a header; ``["p", path, kind, boot, seq, rows]`` before the first attempt; ``["a", path, boot, seq]`` after the
acknowledgement; ``["truth", path, t_ns, {…}]`` at the start, at each full hour of plant time and at the end;
``["end", t_ns]`` last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import msgspec

from contract import ConfigError
from simulator.outgoing import Outgoing

VERSION: Final = 1
_BUFFER_BYTES: Final = 1 << 20


class Ledger:
    """Writes a ledger; a context manager. With an empty path it writes nothing, and costs nothing."""

    def __init__(self, path: str, *, boot: str) -> None:
        """Open the file anew.

        Raises:
            ConfigError: the file cannot be written.
        """
        self._boot = boot
        self._path = path
        self._encoder = msgspec.json.Encoder()
        self._file = _open(path) if path else None

    def begin(self, *, seed: int, sector: str, start_ns: int) -> None:
        """The header."""
        self._write([{"ledger": VERSION, "seed": seed, "sector": sector, "start_ns": start_ns, "boot": self._boot}])

    def promise(self, items: Iterable[Outgoing]) -> None:
        """These are about to be sent for the first time."""
        self._write(["p", i.address.path, i.kind, self._boot, i.seq, i.rows] for i in items)
        self.flush()

    def acked(self, item: Outgoing) -> None:
        """The broker has taken it; written at the next ``flush``."""
        self._write([["a", item.address.path, self._boot, item.seq]])

    def truth(self, t_ns: int, lines: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """What has really happened up to a time."""
        self._write(["truth", path, t_ns, body] for path, body in lines)

    def end(self, t_ns: int) -> None:
        """Nothing comes after this."""
        self._write([["end", t_ns]])
        self.flush()

    def flush(self) -> None:
        """Hand what is written to the operating system; raises ConfigError when it takes no more."""
        if self._file is not None:
            with _refusals(self._path):
                self._file.flush()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._file is not None:
            with _refusals(self._path):
                self._file.close()

    def _write(self, lines: Iterable[object]) -> None:
        if self._file is not None:
            with _refusals(self._path):
                self._file.write(self._encoder.encode_lines(list(lines)))


def _open(path: str) -> IO[bytes]:
    with _refusals(path):
        return Path(path).open("wb", buffering=_BUFFER_BYTES)


@contextmanager
def _refusals(path: str) -> Iterator[None]:
    """A ledger that cannot be written ends the run: nothing may be sent that it does not know."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot write the ledger {path}: {error.strerror or error}") from None
