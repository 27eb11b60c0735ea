"""The ingester's HTTP: ``/health``, ``/metrics`` and ``/status``, for who watches over it.

What it is: three answers to GET and HEAD on the loop of the ingester, over asyncio's streams. One request, one answer,
and the connection ends (RFC 9112, 9.6), so that of HTTP/1.1 little more than the request line matters; a web framework
would bring 15 MB and parsers for bodies, headers and what comes next, to be guarded in turn. Whatever a client does, it
holds up nobody: a connection lives ``LIFE_S`` at most, there are at most ``CONNECTIONS``, and an answer is made anew at
most every ``FRESH_S``.
What it is not: a page, or a way to change anything. It asks for no name and no password, so it says nothing that needs
one; bind it to the loopback address or to a network of your own. No answer depends on a header, but one that only a
loopback address gets asks for a Host that no stranger's DNS can point there (against DNS rebinding).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from prometheus_client import ProcessCollector

from contract import ConfigError
from ingest.metrics import CONTENT_TYPE
from ingest.monitor import Monitor

LIFE_S: Final = 10.0
"""How long a connection may live."""
CONNECTIONS: Final = 32
FRESH_S: Final = 0.2
"""How long an answer serves all who ask."""
HEAD_BYTES: Final = 8192
"""The longest request, header and all."""
_LEFT_READS: Final = 8

_JSON: Final = "application/json"
_TEXT: Final = "text/plain; charset=utf-8"
_HEADERS: Final = (
    "Cache-Control: no-store\r\n"
    "Connection: close\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n"
)
_LOG: Final = logging.getLogger("qilu.ingest")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen; port 0 takes any that is free.

    >>> Endpoint.parse("127.0.0.1:9464"), Endpoint.parse("[::1]:0")
    (Endpoint(host='127.0.0.1', port=9464), Endpoint(host='::1', port=0))
    """

    host: str
    port: int

    def answers_to(self, host: bytes) -> bool:
        """Whether a request with this Host header is meant for us (RFC 9112, 3.2); an absent one is empty.

        Names matter on the loopback address alone: there, who asks by a name of the public DNS is a page in a browser
        that has been led here.
        """
        if not host or not _is_loopback(self.host):
            return True
        try:
            name = urlsplit(f"//{host.decode('ascii')}").hostname or ""
        except ValueError:
            return False
        return name in {"localhost", self.host.lower()} or _is_address(name)

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read ``HOST:PORT`` (``[::1]:9464`` for IPv6); raises ConfigError that names the setting."""
        with contextlib.suppress(ValueError):
            parts = urlsplit(f"//{text}")
            if parts.hostname and parts.port is not None and parts.netloc == text and parts.username is None:
                return cls(parts.hostname, parts.port)
        raise ConfigError(f"configuration: ingest.http {text[:100]!r} is not of the form HOST:PORT, as 127.0.0.1:9464")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


@contextlib.asynccontextmanager
async def serving(http: str, monitor: Monitor) -> AsyncIterator[str | None]:
    """Answer while the body runs; gives the URL, or None when ``http`` is empty and nothing listens.

    Args:
        http: ``HOST:PORT``, or empty.
        monitor: what to tell.

    Raises:
        ConfigError: ``http`` is no address, not of this machine, or its port is taken.
    """
    if not http:
        yield None
        return
    endpoint = Endpoint.parse(http)
    desk = _Desk(endpoint, monitor)
    try:
        server = await asyncio.start_server(desk.serve, endpoint.host, endpoint.port, limit=HEAD_BYTES)
    except (OSError, OverflowError, ValueError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "the port is taken" if taken else getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"configuration: ingest.http: cannot listen on {http}: {why}; choose another address, or leave it empty"
        ) from None
    try:
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        desk.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT
    more: str = ""

    def encode(self, *, head: bool) -> bytes:
        """The bytes on the wire; ``head``: without the body (RFC 9110, 9.3.2)."""
        lines = (
            f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\nContent-Type: {self.content_type}\r\n"
            f"Content-Length: {len(self.body)}\r\n{_HEADERS}{self.more}\r\n"
        )
        return lines.encode("ascii") + (b"" if head else self.body)


def _short(status: HTTPStatus, more: str = "") -> _Answer:
    return _Answer(status, f"{status.phrase}\n".encode(), more=more)


class _Kept:
    """An answer that is kept for a moment, so that many questions cost no more than a few."""

    def __init__(self, make: Callable[[], _Answer]) -> None:
        self._make = make
        self._answer: _Answer | None = None
        self._until_s = 0.0

    def fresh(self, now_s: float) -> _Answer:
        if self._answer is None or now_s >= self._until_s:
            self._answer, self._until_s = self._make(), now_s + FRESH_S
        return self._answer


class _Desk:
    """Takes one question from each client and answers it."""

    def __init__(self, endpoint: Endpoint, monitor: Monitor) -> None:
        self._endpoint = endpoint
        self._monitor = monitor
        self._process = ProcessCollector(registry=None)  # processor time, memory, open files, by the usual names
        self._answers = {
            b"/health": _Kept(self._health),
            b"/metrics": _Kept(self._metrics),
            b"/status": _Kept(lambda: _Answer(HTTPStatus.OK, monitor.report(), _JSON)),
        }
        self._clients: set[asyncio.StreamWriter] = set()

    def close(self) -> None:
        """Let go of whoever is still there."""
        for client in self._clients:
            client.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its beginning to its end."""
        if len(self._clients) >= CONNECTIONS:
            writer.transport.abort()
            return
        self._clients.add(writer)
        try:
            async with asyncio.timeout(LIFE_S):
                writer.write(await self._answered(reader))
                writer.write_eof()
                await writer.drain()
                for _ in range(_LEFT_READS):  # closing on what is unread would reset, and lose the answer
                    if not await reader.read(HEAD_BYTES):
                        break
        except (TimeoutError, OSError):
            pass  # too slow, or gone: either way it gets nothing more
        finally:
            self._clients.discard(writer)
            writer.transport.abort()

    async def _answered(self, reader: asyncio.StreamReader) -> bytes:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _short(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE).encode(head=False)
        except asyncio.IncompleteReadError:
            return b""  # it has said goodbye
        first, *headers = request.split(b"\r\n")
        words = first.split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _short(HTTPStatus.BAD_REQUEST).encode(head=False)
        hosts = [
            value.strip() for name, _, value in (line.partition(b":") for line in headers) if name.lower() == b"host"
        ]
        if len(hosts) > 1 or not self._endpoint.answers_to(b"".join(hosts)):
            return _short(HTTPStatus.MISDIRECTED_REQUEST).encode(head=False)
        return self._of(words[0], words[1]).encode(head=words[0] == b"HEAD")

    def _of(self, method: bytes, target: bytes) -> _Answer:
        kept = self._answers.get(target.split(b"?", 1)[0])
        if kept is None:
            return _short(HTTPStatus.NOT_FOUND)
        if method not in {b"GET", b"HEAD"}:
            return _short(HTTPStatus.METHOD_NOT_ALLOWED, "Allow: GET, HEAD\r\n")
        try:
            return kept.fresh(asyncio.get_running_loop().time())
        except Exception:
            _LOG.exception("cannot answer %s; please report this", target[:100])
            return _short(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _health(self) -> _Answer:
        well, body = self._monitor.health()
        return _Answer(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, body, _JSON)

    def _metrics(self) -> _Answer:
        return _Answer(HTTPStatus.OK, self._monitor.metrics(self._process.collect()), CONTENT_TYPE)
