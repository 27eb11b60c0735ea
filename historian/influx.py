"""The historian in InfluxDB.

What it is: the only file that imports influxdb-client and aiohttp's client. Writes go through influxdb-client's
asynchronous client to ``/api/v2/write``, with our own line protocol; reads are InfluxQL over ``/query`` (see
``influxql.py`` and ``influx_answer.py``). InfluxDB 1.8, 2.x and 3 answer both.
What it is not: a buffer. Nothing is retried here: the error says whether to, and the caller still has the batch.

Which answer becomes which error: 204 is stored; 400 and 422 about the type of a field name the frames to blame
(``influx_conflict.py``); any other names a bad line but not its frame, so the batch is halved until the frames stand
alone (writing a point again is harmless); 413 is halved too; every other refusal that time or an
operator can mend (no answer, 401, 403, 404, 408, 429, 5xx) is RetryLater; the rest is Refused.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import msgspec
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.rest import ApiException

from contract import PartialWrite, Refused, RetryLater
from historian import influxql
from historian.base import Frame, Query, Table
from historian.influx_answer import Answer, Rows
from historian.influx_conflict import Conflict, Conflicts, blamed, conflict_of
from historian.line_columns import encode_columns
from historian.line_protocol import encode_frame
from historian.target import InfluxTarget

TIMEOUT_S: Final = 30.0
CHUNK_ROWS: Final = 5000
_GZIP_LEVEL: Final = 1  # three times smaller in a fifth of the time of the library's level 9
_BAD_LINES: Final = frozenset({400, 422})
_TOO_LARGE: Final = 413
_LATER: Final = frozenset({401, 403, 404, 408, 429})
_KINDS: Final = {401: "denied", 403: "denied", 429: "busy", 503: "busy"}
_HINTS: Final = {
    401: "it wants another token; see store.token_file",
    403: "the token may not do this; see store.token_file",
    404: "there is no such bucket; create it, or see store.url",
}


class InfluxHistorian:
    """A historian in one bucket of an InfluxDB server. Its connections are made at the first use, in that loop."""

    def __init__(self, target: InfluxTarget, token: str | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._target = target
        self._token = token
        self._timeout_s = timeout_s
        self._client: Any = None
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self._conflicts = Conflicts()

    async def write(self, batch: Sequence[Frame]) -> None:
        """Store the batch; raises RetryLater, PartialWrite or Refused."""
        rejected: list[tuple[int, str]] = []
        known = self._conflicts.known(asyncio.get_running_loop().time())
        pieces, body = await asyncio.to_thread(self._prepared, batch, rejected, known)
        for index, reason in await self._store(pieces, body) if pieces else ():
            if all(index != known for known, _ in rejected):  # of a frame that was cut, both parts may be bad
                rejected.append((index, reason))
        if rejected:
            rejected.sort()
            raise PartialWrite(f"{len(rejected)} of {len(batch)} frames refused: {rejected[0][1]}", rejected)

    async def read(self, query: Query) -> Table:
        """The points that the query asks for; raises RetryLater."""
        rows = Rows(query)
        if all(query.wanted(tag) for tag in query.where):
            statements = f"{influxql.field_types(query.measurement)}; {influxql.select(query)}"
            async for answer in self._query(statements):
                rows.add(answer)
        return rows.table()

    async def count(self, measurement: str, every_ns: int, start_ns: int, end_ns: int) -> dict[int, int]:
        """Points per window, by the field that the most of them have; raises RetryLater."""
        counts: Counter[int] = Counter()
        async for answer in self._query(influxql.count(measurement, every_ns, start_ns, end_ns)):
            for series in answer.series():
                counts.update({time: max(filter(None, values), default=0) for time, *values in series.values})
        return {window: counts[window] for window in sorted(counts) if counts[window]}

    async def close(self) -> None:
        """Close the connections."""
        self._closed = True
        client, session, self._client, self._session = self._client, self._session, None, None
        if client is not None:
            await client.close()
        if session is not None:
            await session.close()

    async def __aenter__(self) -> InfluxHistorian:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def _prepared(
        self, batch: Sequence[Frame], rejected: list[tuple[int, str]], known: Sequence[Conflict]
    ) -> tuple[list[_Piece], bytes]:
        """The batch as pieces and as the body of a request; in a thread of its own, for it may take a while."""
        pieces = _encoded(batch, rejected, known)
        return pieces, self._body(pieces)

    def _body(self, pieces: Sequence[_Piece]) -> bytes:
        body = b"".join([piece.lines for piece in pieces])
        return gzip.compress(body, _GZIP_LEVEL) if self._target.gzip else body

    async def _store(self, pieces: list[_Piece], body: bytes | None = None) -> list[tuple[int, str]]:
        """Write the pieces; returns the frames that are refused, with the reasons."""
        if body is None:
            body = await asyncio.to_thread(self._body, pieces)
        try:
            await self._post(body)
        except ApiException as error:
            reason = _reason(error)
            conflict = conflict_of(reason) if error.status in _BAD_LINES else None
            if conflict is not None:
                return await self._without(conflict, pieces)
            if error.status not in _BAD_LINES and error.status != _TOO_LARGE:
                raise self._failure(error.status, reason, error.headers) from error
            halves = _halves(pieces, cut_frames=error.status == _TOO_LARGE)
            if halves is None:
                return [(pieces[0].index, reason)]
            return await self._store(halves[0]) + await self._store(halves[1])
        return []

    async def _without(self, conflict: Conflict, pieces: list[_Piece]) -> list[tuple[int, str]]:
        """What to do with a batch in which a field has the wrong type: those points are refused, the others stored."""
        self._conflicts.learn(conflict, asyncio.get_running_loop().time())
        bad = [piece for piece in pieces if conflict.blames(piece.frame)]
        good = [piece for piece in pieces if not conflict.blames(piece.frame)]
        if not bad:  # then we have not understood it
            raise RetryLater(f"InfluxDB at {self._target.base} refuses a batch: {conflict.reason}")
        rejected = [(piece.index, conflict.reason) for piece in bad]
        if good and sum(len(piece.frame) for piece in bad) != conflict.dropped:  # there may be more than it named
            rejected += await self._store(good)
        return rejected

    async def _post(self, body: bytes) -> None:
        if self._client is None:
            self._check_open()
            milliseconds = round(self._timeout_s * 1000)
            client: Any = InfluxDBClientAsync(
                self._target.base, self._token or "", self._target.org, timeout=milliseconds
            )
            if self._target.gzip:  # the library would compress by itself, but at level 9 and inside the event loop
                client.api_client.set_default_header("Content-Encoding", "gzip")
            self._client = client
        try:
            stored = await self._client.write_api().write(self._target.bucket, record=body, write_precision="ns")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._silence(error) from error
        if not stored:
            raise RetryLater(f"{self._target.base} answers a write with neither 204 nor an error; is it InfluxDB?")

    async def _query(self, statements: str) -> AsyncIterator[Answer]:
        """The parts of the answer, as they come; one JSON document per line."""
        database, _, policy = self._target.bucket.partition("/")
        form = {"db": database, "rp": policy, "q": statements, "epoch": "ns", "chunked": "true"}
        form = {name: value for name, value in form.items() if value} | {"chunk_size": str(CHUNK_ROWS)}
        try:
            async with self._reader().post(f"{self._target.base}/query", data=form) as response:
                if response.status != 200:
                    reason = _shortened(await response.read())
                    raise self._failure(response.status, reason, response.headers, retry=True)
                rest = b""
                async for piece in response.content.iter_any():
                    *lines, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
                    for line in filter(None, lines):
                        yield self._decoded(line)
                if rest:
                    yield self._decoded(rest)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise self._silence(error) from error

    def _decoded(self, line: bytes) -> Answer:
        try:
            answer = Answer.decode(line)
        except msgspec.DecodeError as error:
            raise RetryLater(f"{self._target.base} answers a query with something else: {error}") from error
        if answer.problem:
            raise RetryLater(f"InfluxDB at {self._target.base} refuses a query: {answer.problem[:500]}")
        return answer

    def _reader(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._check_open()
            headers = {"Authorization": f"Token {self._token}"} if self._token else {}
            timeout = aiohttp.ClientTimeout(total=None, connect=self._timeout_s, sock_read=self._timeout_s)
            self._session = aiohttp.ClientSession(headers=headers, timeout=timeout)
        return self._session

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("this historian is closed")

    def _silence(self, error: Exception) -> RetryLater:
        said = str(error) or type(error).__name__
        return RetryLater(f"InfluxDB at {self._target.base} does not answer: {said}", kind="silent")

    def _failure(self, status: int | None, reason: str, headers: Any, retry: bool = False) -> RetryLater | Refused:
        hint = _HINTS.get(status or 0, reason)
        detail = f"InfluxDB at {self._target.base}, bucket {self._target.bucket!r}, answers {status}: {hint}"
        if retry or status in _LATER or status is None or not 400 <= status < 500:
            return RetryLater(detail, _after_s(headers), _KINDS.get(status or 0, "failed"))
        return Refused(detail)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A frame of the batch, or a part of one, with its lines."""

    index: int
    frame: Frame
    lines: bytes


def _encoded(batch: Sequence[Frame], rejected: list[tuple[int, str]], known: Sequence[Conflict]) -> list[_Piece]:
    """The frames that can be said in line protocol and are not known to be refused; the others go to ``rejected``."""
    pieces: list[_Piece] = []
    quick = encode_columns(batch)
    for index, frame in enumerate(batch):
        if known and (reason := blamed(known, frame)) is not None:
            rejected.append((index, reason))
            continue
        try:
            lines = quick.get(index) or encode_frame(frame)
        except ValueError as error:
            rejected.append((index, str(error)))
        else:
            if lines:
                pieces.append(_Piece(index, frame, lines))
    return pieces


def _halves(pieces: list[_Piece], cut_frames: bool) -> tuple[list[_Piece], list[_Piece]] | None:
    """Two halves of a batch, or of its only frame; None when there is nothing to halve."""
    if len(pieces) > 1:
        middle = len(pieces) // 2
        return pieces[:middle], pieces[middle:]
    index, frame = pieces[0].index, pieces[0].frame
    if not cut_frames or len(frame) < 2:
        return None
    middle = len(frame) // 2
    return _encoded_part(index, frame, slice(0, middle)), _encoded_part(index, frame, slice(middle, len(frame)))


def _encoded_part(index: int, frame: Frame, rows: slice) -> list[_Piece]:
    fields = {name: column[rows] for name, column in frame.fields.items()}
    part = Frame(frame.measurement, frame.tags, frame.time_ns[rows], fields)
    return [_Piece(index, part, encode_frame(part))]


def _reason(error: ApiException) -> str:
    body = error.body if isinstance(error.body, bytes) else str(error.body or error.reason or "").encode()
    return _shortened(body)


def _shortened(body: bytes) -> str:
    """What the server says is wrong: 1.8 calls it ``error``, 2.x ``message``."""
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        said = {}
    reason = said.get("message") or said.get("error") or body.decode(errors="replace").strip() or "no reason given"
    return " ".join(str(reason)[:500].split())  # one line: it goes into logs and dead letters


def _after_s(headers: Any) -> float | None:
    """``Retry-After`` in seconds; None when it is absent or a date (which would need the server's clock)."""
    text = str(headers.get("Retry-After", "")) if headers is not None else ""
    return float(text) if text.isascii() and text.isdigit() else None
