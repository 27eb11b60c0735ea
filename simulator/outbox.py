"""The edge buffer: every message is on disk before it is sent, until it is acknowledged and as long as room allows.

What it is: one SQLite file used as a queue. ``put`` at the end, ``acked`` up to a number, the oldest acknowledged go
first when the bound is reached; what is not acknowledged is never dropped. A message can be found again by its name
``(path, boot, seq)`` long after its acknowledgement: a broker's word is not a disk's.
What it is not: a connection. Who sends, waits and repeats is ``publisher.py``.

A file serves one process at a time. ``kill -9`` at any moment loses nothing that ``put`` has returned from; a cut of
the power can lose the last calls, never the file. A file that is damaged all the same is moved aside, and an empty one
begins.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from contract import Address, ContractError, LinkError
from simulator.outbox_file import ERRORS, Damaged, is_damage, move_aside, open_file
from simulator.outgoing import Outgoing

LIMIT_BYTES: Final = 2**28
ROW_BYTES: Final = 96
"""What a message takes beside its payload: row, index, and what is left empty of a page."""
CHUNK: Final = 100
CHUNK_BYTES: Final = 4 * 2**20
"""Messages, and bytes of them, that are read at a time: memory stays flat whatever waits."""
_SLACK: Final = 64
"""Room is made for more than is needed, by this part of the bound, so that not each ``put`` has to."""
_STREAMS: Final = 10_000
_LOG: Final = logging.getLogger("qilu.outbox")
_READ: Final = """
SELECT m.id, s.path, s.boot, m.seq, m.kind, m.retain, m.content_type, m.crc, m.payload
FROM message m JOIN stream s ON s.id = m.stream
"""
T = TypeVar("T")
Ranges = Sequence[tuple[int, int]]
"""First and last ``seq`` of each range; they do not overlap."""


class Batch(NamedTuple):
    """Messages in order, and the number of the last of them."""

    last: int
    items: list[Outgoing]


class Outbox:
    """The buffer in one file.

    Args:
        path: the file; it is made where there is none, its folder is not.
        limit: bytes of messages kept. One message is always taken, however large.

    Raises:
        ConfigError: another process has the file, it cannot be opened, or it is another program's database.
    """

    def __init__(self, path: str | Path, limit: int = LIMIT_BYTES) -> None:
        self._path = Path(path)
        self._limit = limit
        self._streams: dict[tuple[str, str], int] = {}
        self._last = self._total = self._acked = self._acked_total = self._written = 0
        self._first, self._gone_total = 1, 0
        try:
            self._db = open_file(self._path)
        except ERRORS as error:
            move_aside(self._path, error)
            self._db = open_file(self._path)
        self._guarded(self._look)

    @property
    def last(self) -> int:
        """The number of the newest message; numbers count up by one."""
        return self._last

    @property
    def waiting(self) -> int:
        """Messages that are not acknowledged."""
        return self._last - self._acked

    @property
    def kept_bytes(self) -> int:
        """Size of all messages that are kept."""
        return self._total - self._gone_total

    def put(self, items: Sequence[Outgoing]) -> int:
        """Keep messages, in one transaction; they get the numbers after ``last``.

        Returns:
            How many of them, from the first, there was room for. Fewer than all: send and acknowledge, then go on.

        Raises:
            LinkError: the disk is full or does not write; nothing of it was kept.
        """
        return self._guarded(self._put, items)

    def acked(self, number: int) -> None:
        """All messages up to a number are acknowledged; it is written down by the next ``put`` or ``flush``."""
        number = min(number, self._last)
        if number > self._acked:
            with contextlib.suppress(LinkError):  # a disk that does not read: it stays open, and is sent again
                self._guarded(self._note, number)

    def flush(self) -> None:
        """Write down what is acknowledged; where that fails it is sent again some day, and nothing else happens."""
        if self._written != self._acked:
            with contextlib.suppress(LinkError):
                self._guarded(self._mark)

    def pending(self) -> Batch:
        """The oldest messages that are not acknowledged, as many as one reads at a time; raises LinkError.

        What the disk has damaged is left out, and told in the log.
        """
        return self._guarded(self._pending)

    def count(self, path: str, boot: str, ranges: Ranges) -> int:
        """How many of the messages of these names are here; raises LinkError."""
        return self._guarded(self._count, path, boot, ranges)

    def find(self, path: str, boot: str, ranges: Ranges) -> Iterator[list[Outgoing]]:
        """The messages of these names in order of ``seq``, each once, as they were put; in chunks. Raises LinkError.

        A birth goes without its retain flag once a later boot has spoken: the broker is to keep the newest.
        """
        for first, last in ranges:
            at = first
            while at <= last and (chunk := self._guarded(self._find, path, boot, at, last)):
                yield [item for item in chunk.values() if item is not None]
                at = max(at, *chunk) + 1

    def close(self) -> None:
        """Write down what is acknowledged, and let the file go."""
        self.flush()
        self._db.close()

    def _put(self, items: Sequence[Outgoing]) -> int:
        number, total, room = self._last, self._total, self._limit - (self._total - self._acked_total)
        rows: list[tuple[Any, ...]] = []
        with self._transaction():
            for item in items:
                size = len(item.payload) + ROW_BYTES
                if size > room and (rows or self.waiting):
                    break
                number, total, room = number + 1, total + size, room - size
                path = item.address.path
                stream = self._streams.get((path, item.boot)) or self._stream(path, item.boot)
                told = (item.seq, item.kind, item.retain, item.content_type, _crc(item, path), item.payload)
                rows.append((number, total, stream, *told))
            gone = self._make_room(total)
            self._db.executemany("INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("UPDATE mark SET acked = ?", (self._acked,))
        self._last, self._total, self._written = number, total, self._acked
        self._first, self._gone_total = gone
        return len(rows)

    def _make_room(self, total: int) -> tuple[int, int]:
        """Let the oldest acknowledged go; the number of the first that is left, and the size of all before it."""
        excess = total - self._gone_total - self._limit
        if excess <= 0 or self._acked < self._first:
            return self._first, self._gone_total
        wanted = self._gone_total + excess + self._limit // _SLACK
        low, high = self._first, self._acked
        while low < high:  # totals rise with the numbers
            middle = (low + high) // 2
            low, high = (low, middle) if self._total_at(middle) >= wanted else (middle + 1, high)
        gone_total = self._total_at(low)
        self._db.execute("DELETE FROM message WHERE id <= ?", (low,))
        return low + 1, gone_total

    def _note(self, number: int) -> None:
        self._acked_total = self._total_at(number)
        self._acked = number

    def _mark(self) -> None:
        self._db.execute("UPDATE mark SET acked = ?", (self._acked,))
        self._written = self._acked

    def _total_at(self, number: int) -> int:
        if number < self._first:
            return self._gone_total
        row = self._db.execute("SELECT total FROM message WHERE id = ?", (number,)).fetchone()
        return _whole(row and row[0])

    def _stream(self, path: str, boot: str) -> int:
        if len(self._streams) > _STREAMS:
            self._streams.clear()
        self._db.execute("INSERT OR IGNORE INTO stream (path, boot) VALUES (?, ?)", (path, boot))
        row = self._db.execute("SELECT id FROM stream WHERE path = ? AND boot = ?", (path, boot)).fetchone()
        self._streams[path, boot] = _whole(row and row[0])
        return self._streams[path, boot]

    def _pending(self) -> Batch:
        rows = self._db.execute(
            f"{_READ} WHERE m.id > ? AND (m.total <= ? OR m.id = ?) ORDER BY m.id LIMIT ?",
            (self._acked, self._acked_total + CHUNK_BYTES, self._acked + 1, CHUNK),
        ).fetchall()
        if not rows and not self.waiting:
            return Batch(self._last, [])
        if not rows or _whole(rows[-1][0]) <= self._acked:
            raise Damaged("messages are missing")
        return Batch(_whole(rows[-1][0]), [item for row in rows if (item := self._item(row)) is not None])

    def _count(self, path: str, boot: str, ranges: Ranges) -> int:
        query = """SELECT count(DISTINCT m.seq) FROM message m JOIN stream s ON s.id = m.stream
                   WHERE s.path = ? AND s.boot = ? AND m.seq BETWEEN ? AND ?"""
        return sum(_whole(self._db.execute(query, (path, boot, *one)).fetchone()[0]) for one in ranges)

    def _find(self, path: str, boot: str, first: int, last: int) -> dict[int, Outgoing | None]:
        """Messages by their ``seq``; None: damaged."""
        newer = """EXISTS (SELECT 1 FROM stream s JOIN stream t ON s.path = t.path AND t.id > s.id
                   WHERE s.path = ? AND s.boot = ?)"""
        (outdated,) = self._db.execute(f"SELECT {newer}", (path, boot)).fetchone()
        rows = self._db.execute(
            f"{_READ} WHERE s.path = ? AND s.boot = ? AND m.seq BETWEEN ? AND ? ORDER BY m.seq, m.id LIMIT ?",
            (path, boot, first, last, CHUNK),
        ).fetchall()
        return {_whole(row[3]): self._item(row, retained=not outdated) for row in rows}

    def _item(self, row: tuple[Any, ...], *, retained: bool = True) -> Outgoing | None:
        """A row as a message, or None when it is not what was put."""
        number, path, boot, seq, kind, retain, content_type, crc, payload = row
        try:
            item = Outgoing(Address.parse(path), kind, payload, bool(retain), seq, 0, boot, content_type)
            if crc != _crc(item, path):
                raise ValueError("the check sum is wrong")
        except (ContractError, ValueError, TypeError, AttributeError) as error:
            _LOG.error("the edge buffer %s: message %s is damaged and left out: %.100s", self._path, number, error)
            return None
        return item if retained else replace(item, retain=False)

    def _look(self) -> None:
        """What the file holds."""
        self._db.execute("DELETE FROM stream WHERE NOT EXISTS (SELECT 1 FROM message WHERE stream = stream.id)")
        mark = self._db.execute("SELECT acked FROM mark").fetchone()
        acked = _whole(mark and mark[0])
        first, last = self._db.execute("SELECT min(id), max(id) FROM message").fetchone()
        if first is None:
            self._last = self._acked = self._written = max(acked, self._last)
            self._first, self._total, self._acked_total, self._gone_total = self._last + 1, 0, 0, 0
            return
        read = "SELECT total, length(payload) FROM message WHERE id = ?"
        total, size = map(_whole, self._db.execute(read, (_whole(first),)).fetchone() or (None, None))
        self._first, self._gone_total = first, total - size - ROW_BYTES
        self._last, self._total = _whole(last), self._total_at(last)
        self._acked = self._written = acked if first - 1 <= acked <= last else first - 1  # in doubt all is sent again
        self._acked_total = self._total_at(self._acked)
        if not self._gone_total <= self._acked_total <= self._total:
            raise Damaged("the sizes do not add up")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._streams.clear()  # they may be new, and go with the transaction
            if self._db.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
            raise

    def _guarded(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do it; on a file that is damaged, do it once more on a new one. Raises LinkError for the disk."""
        try:
            return work(*arguments)
        except ERRORS as error:
            if not is_damage(error):
                raise LinkError(f"the edge buffer {self._path}: {error}") from None
            self._db.close()
            self._streams.clear()
            move_aside(self._path, error)
            self._db = open_file(self._path)
            self._look()
            return work(*arguments)


def _crc(item: Outgoing, path: str) -> int:
    head = f"{path}\n{item.boot}\n{item.seq}\n{item.kind}\n{item.retain}\n{item.content_type}"
    return zlib.crc32(item.payload, zlib.crc32(head.encode()))


def _whole(value: Any) -> int:
    """A number that must be one; raises Damaged."""
    if not isinstance(value, int):
        raise Damaged(f"{str(value)[:40]!r} is no number")
    return value
