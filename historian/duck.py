"""The embedded historian: a DuckDB file.

What it is: the only file that imports duckdb. One table per measurement, ``("series#", time, field, …)``, with columns
added as fields appear, and a catalogue of the series with their tags. Writes go one after another through one thread;
reads run beside them in threads of their own, each seeing the last committed state (DuckDB's MVCC).
What it is not: a server; one process at a time has the file.

There is no primary key: the single writer appends what is newer than its series and merges the rest (MERGE INTO, a
hash join pruned by the batch's span of time). So a point stays single, twice as fast as by DuckDB's index.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import duckdb
import msgspec
import numpy as np

from contract import ConfigError, PartialWrite, RetryLater
from historian import duck_sql
from historian.base import Frame, Query, Table, Tags, Value
from historian.columns import block, table
from historian.duck_sql import Ids, Measurement
from historian.newest import Newest

MEMORY: Final = ":memory:"
_READERS: Final = 2


class DuckHistorian:
    """A historian in a file, or in memory (``:memory:``); all that name the same file in a process share it."""

    def __init__(self, path: str) -> None:
        self._engine: _Engine | None = _ENGINES.open(path)

    async def write(self, batch: Sequence[Frame]) -> None:
        """Store the batch and commit it to disk; raises PartialWrite or RetryLater."""
        engine = self._opened()
        await asyncio.get_running_loop().run_in_executor(engine.writer, engine.write, list(batch))

    async def read(self, query: Query) -> Table:
        """The points that the query asks for."""
        engine = self._opened()
        return await asyncio.get_running_loop().run_in_executor(engine.readers, engine.read, query)

    async def count(self, measurement: str, every_ns: int, start_ns: int, end_ns: int) -> dict[int, int]:
        """Points per window."""
        engine = self._opened()
        window = (measurement, every_ns, start_ns, end_ns)
        return await asyncio.get_running_loop().run_in_executor(engine.readers, engine.count, *window)

    async def close(self) -> None:
        """Let go of the file, after the writes that are under way."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.to_thread(_ENGINES.release, engine)

    async def __aenter__(self) -> DuckHistorian:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def _opened(self) -> _Engine:
        if self._engine is None:
            raise RuntimeError("this historian is closed")
        return self._engine


class _Engine:
    """One open database: its connections, its threads and what is known of it. Its methods block."""

    def __init__(self, key: str) -> None:
        self.key, self.users = key, 0
        self._open()
        self._seats = threading.BoundedSemaphore(_READERS)
        self.writer = ThreadPoolExecutor(1, thread_name_prefix="duckdb-write")
        self.readers = ThreadPoolExecutor(_READERS, thread_name_prefix="duckdb-read")

    def _open(self) -> None:
        self._connection = _connect(self.key)
        self._known = _load(self._connection, self.key)
        self._next_id = 1 + max((id_ for known in self._known.values() for id_ in known.series.values()), default=0)
        self._reading, self._cursors = threading.local(), list[duckdb.DuckDBPyConnection]()
        self._failed = False
        self._newest = Newest(lambda name: dict(self._connection.execute(duck_sql.newest(name)).fetchall()))

    def _reopen(self) -> None:
        """After a disk that was full DuckDB refuses all work until its file is opened anew."""
        with contextlib.ExitStack() as stack:
            for _ in range(_READERS):
                stack.enter_context(self._seats)  # until no reader is at work
            for connection in (*self._cursors, self._connection):
                connection.close()
            try:
                self._open()
            except (ConfigError, duckdb.Error) as error:
                raise RetryLater(_first_line(error)) from error

    def write(self, batch: list[Frame]) -> None:
        """Check, merge and commit; runs in the writer's thread alone."""
        if self._failed:
            self._reopen()
        known = dict(self._known)
        rejected: list[tuple[int, str]] = []
        accepted: dict[str, list[Frame]] = {}
        for index, frame in enumerate(batch):
            try:
                frame.check_storable()
                learned = known.get(frame.measurement, duck_sql.NOTHING).learn(frame)
            except ValueError as error:
                rejected.append((index, str(error)))
                continue
            if any(frame.kinds.values()) and len(frame):
                known[frame.measurement] = learned
                accepted.setdefault(frame.measurement, []).append(frame)
        if accepted:
            self._transact(accepted, known)
        if rejected:
            raise PartialWrite(f"{len(rejected)} of {len(batch)} frames refused: {rejected[0][1]}", rejected)

    def _transact(self, accepted: dict[str, list[Frame]], known: dict[str, Measurement]) -> None:
        """All of it, on disk, or nothing; only then is it known to readers."""
        next_id = self._next_id
        try:
            self._connection.begin()
            for measurement, frames in accepted.items():
                for statement in duck_sql.grow(measurement, self._known.get(measurement), known[measurement]):
                    self._connection.execute(statement)
                ids, next_id = self._number(measurement, frames, known[measurement].series, next_id)
                known[measurement] = Measurement(known[measurement].kinds, ids)
                self._merge(measurement, [(ids[frame.series], frame) for frame in frames])
            self._connection.commit()
        except duckdb.Error as error:
            with contextlib.suppress(duckdb.Error):  # the first error is the one to tell
                self._connection.rollback()
            self._failed = isinstance(error, duckdb.FatalException) and self.key != MEMORY
            raise RetryLater(f"DuckDB {self.key}: {_first_line(error)}") from error
        self._known, self._next_id = known, next_id

    def _number(self, measurement: str, frames: list[Frame], ids: Ids, next_id: int) -> tuple[Ids, int]:
        """Give every new series its number."""
        new: dict[Tags, int] = {}
        for frame in frames:
            if frame.series not in ids and frame.series not in new:
                new[frame.series] = next_id + len(new)
        if not new:
            return ids, next_id
        tags = np.array([msgspec.json.encode(dict(series)).decode() for series in new], dtype=object)
        with _registered(self._connection, "fresh", {"id": np.array(list(new.values()), np.int32), "tags": tags}):
            self._connection.execute("INSERT INTO catalogue.series SELECT id, ?, tags FROM fresh", [measurement])
        return {**ids, **new}, next_id + len(new)

    def _merge(self, measurement: str, frames: list[tuple[int, Frame]]) -> None:
        if not len(points := block(frames)):
            return
        span = int(points.time_ns.min()), int(points.time_ns.max())
        new = self._newest.are_beyond(measurement, points)
        sql = duck_sql.append(measurement, points.fields) if new else duck_sql.merge(measurement, points.fields, *span)
        with _registered(self._connection, "batch", points.scannable(duck_sql.SERIES, "time")):
            self._connection.execute(sql)

    def read(self, query: Query) -> Table:
        """Run in a reader's thread."""
        known = self._known.get(query.measurement, duck_sql.NOTHING)
        chosen = [series for series in known.series if query.selects(series)]
        fields = [field for field in (query.fields or sorted(known.kinds)) if field in known.kinds]
        if not chosen or not fields:
            return Table([], {}, {field: [] for field in query.fields})
        tags = sorted({tag for series in chosen for tag, _ in series})
        places = sorted((tuple(dict(series).get(tag, "") for tag in tags), known.series[series]) for series in chosen)
        ids = np.array([id_ for _, id_ in places], np.int32)
        sql = duck_sql.select(query, fields, every_field=not query.fields)
        columns = {"id": ids, "place": np.arange(len(ids), dtype=np.int32)}
        with self._reader() as cursor, _registered(cursor, "chosen", columns):
            found = cursor.execute(sql).fetchnumpy()
        return table(query, found, tags, [values for values, _ in places])

    def count(self, measurement: str, every_ns: int, start_ns: int, end_ns: int) -> dict[int, int]:
        """Run in a reader's thread."""
        if measurement not in self._known:
            return {}
        with self._reader() as cursor:
            found = cursor.execute(duck_sql.count(measurement, every_ns, start_ns, end_ns)).fetchall()
        return {window * every_ns: number for window, number in found}

    def close(self) -> None:
        """End the threads after their work, then the database."""
        self.readers.shutdown()
        self.writer.shutdown()
        self._connection.close()

    @contextlib.contextmanager
    def _reader(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """This thread's own connection to the database; DuckDB's errors become RetryLater."""
        with self._seats:
            try:
                if not hasattr(self._reading, "cursor"):
                    self._reading.cursor = self._connection.cursor()
                    self._cursors.append(self._reading.cursor)
                yield self._reading.cursor
            except duckdb.Error as error:
                raise RetryLater(f"DuckDB {self.key}: {_first_line(error)}") from error


class _Engines:
    """The databases that this process has open: a file is opened once, however many rooms name it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, _Engine] = {}

    def open(self, path: str) -> _Engine:
        """The engine of a file, opened when nobody has it yet; raises ConfigError."""
        if path == MEMORY:
            return _Engine(MEMORY)
        if not path:
            raise ConfigError("store.url names no file; write duckdb:PATH")
        key = str(Path(path).resolve())
        with self._lock:
            engine = self._open.get(key) or _Engine(key)
            engine.users += 1
            self._open[key] = engine
        return engine

    def release(self, engine: _Engine) -> None:
        """One user less; the last one closes the file."""
        with self._lock:
            engine.users -= 1
            if engine.users <= 0:
                self._open.pop(engine.key, None)
                engine.close()


_ENGINES: Final = _Engines()


def _connect(key: str) -> duckdb.DuckDBPyConnection:
    """Open or make the file; every way in which that fails has its own next step."""
    try:
        if key != MEMORY:
            Path(key).parent.mkdir(parents=True, exist_ok=True)
        return duckdb.connect(key)
    except OSError as error:
        raise ConfigError(f"store.url duckdb:{key}: cannot make its folder: {error.strerror}; name another") from None
    except duckdb.Error as error:
        text = str(error)
        if "Could not set lock" in text:
            step = "another process has it open; stop that process, or name another file"
        elif "not a valid DuckDB" in text or "not a DuckDB" in text:
            step = "it is no DuckDB database; move it away, or name another file"
        else:
            step = f"{_first_line(error)}; name a file in a folder that can be written"
        raise ConfigError(f"store.url duckdb:{key}: {step}") from None


def _load(connection: duckdb.DuckDBPyConnection, key: str) -> dict[str, Measurement]:
    """What the file knows; an empty one is made a historian, one of somebody else is refused."""
    rows = connection.execute(duck_sql.COLUMNS).fetchall()
    ours = any(row[:2] == ("catalogue", "format") for row in rows)
    if rows and not ours:
        connection.close()
        raise ConfigError(f"store.url duckdb:{key}: it holds tables that are not a historian's; name another file")
    if not ours:
        connection.execute("; ".join(("BEGIN", *duck_sql.CATALOGUE, "COMMIT")))
    (version,) = connection.execute("SELECT version FROM catalogue.format").fetchone() or (None,)
    if version != duck_sql.FORMAT:
        connection.close()
        raise ConfigError(f"store.url duckdb:{key}: format {version} is not {duck_sql.FORMAT}; name another file")
    kinds: dict[str, dict[str, type[Value]]] = {}
    # Other tables may stand in the file, for people ask it things.
    measurements = {table for _, table, column, _ in rows if column == duck_sql.SERIES}
    for _, measurement, column, type_ in rows:
        if measurement in measurements and column not in (duck_sql.SERIES, "time"):
            kinds.setdefault(measurement, {})[column] = duck_sql.KIND[type_]
    series: dict[str, dict[Tags, int]] = {}
    for id_, measurement, tags in connection.execute("SELECT id, measurement, tags FROM catalogue.series").fetchall():
        series.setdefault(measurement, {})[tuple(sorted(msgspec.json.decode(tags).items()))] = id_
    return {measurement: Measurement(fields, series.get(measurement, {})) for measurement, fields in kinds.items()}


@contextlib.contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, Any]) -> Iterator[None]:
    """Let a statement scan numpy columns as the table ``name``."""
    connection.register(name, columns)
    try:
        yield
    finally:
        connection.unregister(name)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
