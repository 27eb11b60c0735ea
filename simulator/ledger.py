"""The ledger: what was handed to the broker, what it acknowledged, and what really happened. JSON, one line each.

What it is: the simulator's testimony for ``qilu verify``. A message stands here before it is sent the first time, so
that whatever arrives is known; each write reaches the operating system before the sending, so that a killed simulator
leaves a readable file.
What it is not: read by anything downstream, nor synced to the disk: it outlives the process, not the machine.

Lines: a header; ``["p", path, kind, boot, seq, rows]`` before the first attempt; ``["a", path, boot, seq]`` after the
acknowledgement; ``["truth", path, t_ns, {…}]`` at the start, at each full hour of plant time and at the end;
``["flows", path, t_ns, {…}]`` at the same times: orders, shipments and stocks of a site; ``["events", {…}]``: what the
kernel told, by column; ``["fault", {…}]`` when one is planned; ``["dropped", fault, path, kind, boot, seq, rows]``: a
message that a fault has swallowed; ``["command", path, {…}]``: a command and its reply; ``["end", t_ns]`` last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final

import msgspec
import numpy as np

from contract import ConfigError
from simulator.happenings import Doing, Happenings
from simulator.outgoing import Outgoing
from simulator.wire_faults import Dropped

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

    def begin(self, *, seed: int, sector: str, start_ns: int, machines: Iterable[str] = ()) -> None:
        """The header; ``machines`` are the addresses that ``events`` count by number."""
        head = {"ledger": VERSION, "seed": seed, "sector": sector, "start_ns": start_ns, "boot": self._boot}
        self._write([head | {"machines": list(machines), "doings": [doing.name.lower() for doing in Doing]}])

    def promise(self, items: Iterable[Outgoing]) -> None:
        """These are about to be sent for the first time; one that is sent twice in a row is promised once."""
        lines = {(i.address.path, i.seq): ["p", i.address.path, i.kind, self._boot, i.seq, i.rows] for i in items}
        self._write(lines.values())
        self.flush()

    def acked(self, item: Outgoing) -> None:
        """The broker has taken it; written at the next ``flush``."""
        self._write([["a", item.address.path, self._boot, item.seq]])

    def truth(self, t_ns: int, lines: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """What has really happened up to a time."""
        self._write(["truth", path, t_ns, body] for path, body in lines)

    def flows(self, t_ns: int, lines: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Orders, shipments and stocks up to a time."""
        self._write(["flows", path, t_ns, body] for path, body in lines)

    def events(self, happened: Iterable[Happenings]) -> None:
        """What the kernel told; columns in the order of time, ``t_ns`` as steps from row to row."""
        if self._file is not None:
            self._write(["events", columns] for part in happened if (columns := _columns(part)))

    def faults(self, lines: Iterable[dict[str, Any]]) -> None:
        """Faults that are planned."""
        self._write(["fault", line] for line in lines)

    def dropped(self, messages: Iterable[Dropped]) -> None:
        """Messages that a fault has swallowed before they were promised."""
        self._write(["dropped", d.fault, d.path, d.kind, self._boot, d.seq, d.rows] for d in messages)

    def command(self, path: str, t_ns: int, body: dict[str, Any]) -> None:
        """A command that came, and what was answered."""
        self._write([["command", path, t_ns, body]])

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


_TOLD: Final = {
    "entered": ("machine", "doing", "order", "detail", "mode"),
    "finished": ("machine", "order", "variant", "good", "scrap", "rework", "actual_ns"),
    "ordered": ("order", "what", "quantity"),
    "shipped": ("material", "number", "what", "quantity_u", "defective_u"),
}


def _columns(happened: Happenings) -> dict[str, dict[str, list[int]]]:
    """Columns of what happened, without what is empty."""
    tables: dict[str, dict[str, list[int]]] = {}
    for name, rows in zip(Happenings._fields, happened, strict=True):
        if len(rows):
            times = rows["t_ns"].copy()
            times[1:] = np.diff(rows["t_ns"])
            tables[name] = {"t_ns": times.tolist(), **{column: rows[column].tolist() for column in _TOLD[name]}}
    return tables


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
