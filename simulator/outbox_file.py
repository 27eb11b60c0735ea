"""The file of the edge buffer: how it is opened, what stands in it, and what is done with one that is damaged.

What it is: the SQLite side of ``outbox.py``: settings, schema, the sorting of errors.
What it is not: the queue.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Final

from contract import ConfigError

_APPLICATION: Final = 1363758165  # 0x51494C55, "QILU"
_VERSION: Final = 1
_ASIDE: Final = 9
"""Damaged files that are kept; one more takes the place of the last."""
_LOG: Final = logging.getLogger("qilu.outbox")

# WAL appends a transaction and does not touch the file itself: a killed process leaves whole transactions or none, for
# each frame has its check sum. NORMAL syncs when the WAL is copied into the file, not at each commit: a commit is then
# a write to the system's memory, which outlives the process. FULL would outlive the power too, for a sync (a
# millisecond and more) at each call; but what the last calls sent is at the broker, which is another machine.
_SETTINGS: Final = """
PRAGMA page_size = 16384;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA journal_size_limit = 8388608;
PRAGMA cache_size = -4096;
"""
_SCHEMA: Final = """
BEGIN;
CREATE TABLE stream (id INTEGER PRIMARY KEY, path TEXT NOT NULL, boot TEXT NOT NULL, UNIQUE (path, boot));
CREATE TABLE message (
    id INTEGER PRIMARY KEY, total INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
    retain INTEGER NOT NULL, content_type TEXT NOT NULL, crc INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX by_name ON message (stream, seq);
CREATE TABLE mark (id INTEGER PRIMARY KEY, acked INTEGER NOT NULL);
INSERT INTO mark VALUES (1, 0);
PRAGMA application_id = 1363758165;
PRAGMA user_version = 1;
COMMIT;
"""
_CONTENT: Final = frozenset(
    {
        sqlite3.SQLITE_ERROR,  # a table that is not there
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_TOOBIG,
    }
)
"""SQLite's errors that say that the content is not what was written; the others speak of the disk or of rights."""


class Damaged(Exception):
    """The content is not what was written."""


ERRORS: Final = (sqlite3.Error, Damaged, UnicodeDecodeError)
"""What working with the file may raise; the last when SQLite's own message quotes a name that is no text any more."""


def is_damage(error: Exception) -> bool:
    """Whether an error is one of the file's content."""
    return not isinstance(error, sqlite3.Error) or _code(error) in _CONTENT


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def open_file(path: Path) -> sqlite3.Connection:
    """The file, made where there is none.

    Raises:
        ConfigError: it cannot be opened, another process has it, or it is another program's database.
        sqlite3.Error, UnicodeDecodeError: it is damaged.
    """
    db = None
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=0)
        # A damaged text is found by its check sum, and must not end in an error of the decoder before that.
        db.text_factory = lambda raw: raw.decode(errors="replace")
        db.execute("PRAGMA locking_mode = EXCLUSIVE")  # from the first look on, which changes nothing
        application, version = (
            db.execute(f"PRAGMA {word}").fetchone()[0] for word in ("application_id", "user_version")
        )
        empty = not application and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not empty and (application, version) != (_APPLICATION, _VERSION):
            raise ConfigError(f"{path} is no edge buffer of this version; name another file in simulator.outbox")
        db.executescript(_SETTINGS)
        if empty:
            db.executescript(_SCHEMA)
    except ERRORS as error:
        if db is not None:
            db.close()
        if is_damage(error):
            raise
        used = "; another process has it" if _code(error) == sqlite3.SQLITE_BUSY else ""
        raise ConfigError(f"cannot open the edge buffer {path}: {error}{used}") from None
    except ConfigError:
        assert db is not None
        db.close()
        raise
    return db


def move_aside(path: Path, why: Exception) -> None:
    """Give a damaged file, and what belongs to it, another name; raises ConfigError when that is impossible."""
    names = [path.with_name(f"{path.name}.damaged-{number}") for number in range(1, _ASIDE + 1)]
    aside = next((name for name in names if not name.exists()), names[-1])
    try:
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise ConfigError(f"the edge buffer {path} is damaged ({why}) and cannot be moved: {error.strerror}") from None
    _LOG.error("the edge buffer %s is damaged (%s): moved to %s; an empty one begins", path, why, aside.name)
