"""An HTTP server before the real InfluxDB that answers writes by a script, and else passes them on.

What it is: the way to the answers that a healthy server does not give: 429 and 503 with Retry-After, 401, 403, 400 of a
whole batch, 422 of a part, 413 above a size, five seconds of silence, a connection that breaks after the write was
applied. Each write is logged with its time, its lines and the answer.
What it is not: a store; what it lets pass is stored by the real one.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web


@dataclass(frozen=True, slots=True)
class Write:
    """One request to write as it came: seconds (monotonic), its lines, its size on the wire, the answer's status."""

    at_s: float
    lines: tuple[bytes, ...]
    size: int
    status: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer instead.

    Attributes:
        status: 0 means: break the connection.
        reason: what the body says is wrong.
        headers: such as Retry-After.
        store: these lines are stored first; None: nothing is.
        delay_s: the answer waits so long.
    """

    status: int
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    store: tuple[bytes, ...] | None = None
    delay_s: float = 0.0


Script = Callable[[tuple[bytes, ...], int], Reply | None]
"""Lines and the size of the body in; a reply, or None to pass the request on."""


def healthy(_lines: tuple[bytes, ...], _size: int) -> None:
    """The script that lets everything pass."""


class ScriptedStore:
    """Stands before ``store_url`` (``influx://…``); ``script`` may be replaced at any time, ``writes`` is the log.

    A write that comes while ``gate`` is clear waits for it, applied by nobody yet; ``waiting`` is set when one does.
    """

    def __init__(self, store_url: str, script: Script = healthy) -> None:
        parts = urlsplit(store_url)
        self.script = script
        self.writes: list[Write] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()
        self.url = ""
        self._base = f"http://{parts.hostname}:{parts.port}"
        self._rest = f"{parts.path}?{parts.query}"
        self._session: aiohttp.ClientSession | None = None

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator[ScriptedStore]:
        """Listen until the end of the block."""
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"influx://127.0.0.1:{runner.addresses[0][1]}{self._rest}"
        self._session = aiohttp.ClientSession(auto_decompress=False)
        try:
            yield self
        finally:
            self.gate.set()
            await self._session.close()
            await runner.cleanup()

    @property
    def told(self) -> list[Write]:
        """The writes of messages, without those of the ingester's own status."""
        return [write for write in self.writes if any(not _own(line) for line in write.lines)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.path not in ("/api/v2/write", "/write"):
            return await self._pass_on(request, body)
        text = gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body
        lines = tuple(line for line in text.split(b"\n") if line)
        if not self.gate.is_set() and any(not _own(line) for line in lines):
            self.waiting.set()
            await self.gate.wait()
        began = time.monotonic()
        reply = self.script(lines, len(body))
        if reply is None:
            answer = await self._pass_on(request, body)
            self.writes.append(Write(began, lines, len(body), answer.status))
            return answer
        self.writes.append(Write(began, lines, len(body), reply.status))
        if reply.store is not None:
            plain = b"\n".join(reply.store)
            stored = await self._pass_on(request, plain, plain=True)
            assert stored.status in (200, 204), stored.body
        await asyncio.sleep(reply.delay_s)
        if reply.status == 0:
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPInternalServerError
        content = json.dumps({"code": "scripted", "error": reply.reason, "message": reply.reason})
        return web.Response(status=reply.status, text=None if reply.status == 204 else content, headers=reply.headers)

    async def _pass_on(self, request: web.Request, body: bytes, plain: bool = False) -> web.Response:
        assert self._session is not None
        dropped = {"Host", "Content-Length", "Transfer-Encoding"} | ({"Content-Encoding"} if plain else set())
        headers = {name: value for name, value in request.headers.items() if name not in dropped}
        try:
            async with self._session.request(
                request.method, self._base + request.path_qs, data=body, headers=headers
            ) as answer:
                content = await answer.read()
                kept = {n: v for n, v in answer.headers.items() if n in ("Content-Type", "Content-Encoding")}
                return web.Response(status=answer.status, body=content, headers=kept)
        except aiohttp.ClientError:
            return web.Response(status=502, text='{"error": "the store behind does not answer"}')


def _own(line: bytes) -> bool:
    return line.startswith((b"ingest,", b"ingest ", b"alarm,"))
