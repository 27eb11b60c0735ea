"""The page's server: a few files, two JSON answers, and one stream of events per browser.

What it is: aiohttp on the loop of the demo. Updates go out as server-sent events (WHATWG HTML, section 9.2): first a
``lines``, a ``history`` and a ``board``, then a ``board`` about once a second, the others when they changed, and an
``end``. ``?line=`` names the line to watch.
What it is not: reachable by other sites' pages or open to other hosts: it listens on the loopback address, answers to
its own names only (against DNS rebinding), and its Content-Security-Policy lets the page load from here alone.

A browser that does not take its updates holds up nobody: each has the newest board and no queue, so that a slow
one skips boards, and one that takes nothing for ``slow_client_s`` is cut off.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from console.feed import Feed
from console.page_data import Pipeline
from console.seen import Levels
from console.settings import Page
from contract import Address, ConfigError, ContractError, QiluError
from historian.base import Historian

_LOG = logging.getLogger("qilu.page")
_FILES: Final = Path(__file__).parent / "page"
_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_JSON: Final = msgspec.json.Encoder()
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'; require-trusted-types-for 'script'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_STREAM: Final = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store"}
_NO_STORE: Final = {"Cache-Control": "no-store"}


async def serve(
    settings: Page,
    store: Historian,
    pipeline: Callable[[], Pipeline],
    *,
    stop: asyncio.Event,
    on_ready: Callable[[str], None] = lambda url: None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Serve the page until ``stop`` is set, then tell every browser that it has ended.

    Args:
        settings: the section ``[page]``.
        store: the historian to look into; it stays open.
        pipeline: what the demo knows of itself at this moment; called about once a second.
        stop: ends the server.
        on_ready: is called with the page's URL once it answers.
        clock: monotonic seconds.

    Raises:
        ConfigError: the port is taken, or the host is none of this machine.
    """
    feed = Feed(settings, store, pipeline, clock)
    runner = web.AppRunner(application(settings, feed), access_log=None, shutdown_timeout=settings.slow_client_s)
    await runner.setup()
    try:
        on_ready(await _listen(runner, settings))
        await feed.run(stop)
    finally:
        feed.close()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Page) -> str:
    site = web.TCPSite(runner, settings.host, settings.port)
    try:
        await site.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"port {settings.port} is taken; use --port") from None
        where = f"{settings.host}:{settings.port}"
        raise ConfigError(f"cannot serve the page on {where}: {error.strerror or error}; use --port") from None
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{runner.addresses[0][1]}/"


def application(settings: Page, feed: Feed) -> web.Application:
    """The routes and the rules that hold for all of them."""
    app = web.Application(middlewares=[_rules(settings)])
    app.on_response_prepare.append(_add_headers)
    for path in sorted(_FILES.iterdir()):
        if path.suffix in _TYPES:
            route = "/" if path.name == "index.html" else f"/{path.name}"
            app.router.add_get(route, _file(path.read_bytes(), _TYPES[path.suffix]))

    async def snapshot(request: web.Request) -> web.Response:
        return web.Response(body=feed.snapshot(_line(request)), content_type="application/json", headers=_NO_STORE)

    async def health(_: web.Request) -> web.Response:
        body = _JSON.encode({"ok": feed.problem is None, "problem": feed.problem})
        status = 200 if feed.problem is None else 503
        return web.Response(body=body, status=status, content_type="application/json", headers=_NO_STORE)

    async def machine(request: web.Request) -> web.Response:
        return await _machine(feed, request.query.get("path", ""))

    async def events(request: web.Request) -> web.StreamResponse:
        return await _events(settings, feed, request)

    app.router.add_get("/api/snapshot", snapshot)
    app.router.add_get("/api/machine", machine)
    app.router.add_get("/healthz", health)
    app.router.add_get("/events", events, allow_head=False)
    return app


def _rules(settings: Page) -> Middleware:
    allowed = {"localhost", "127.0.0.1", "::1", settings.host.lower(), *(name.lower() for name in settings.names)}

    @web.middleware
    async def rules(request: web.Request, handler: Handler) -> web.StreamResponse:
        if host_name(request.headers.get("Host", "")) not in allowed:
            raise web.HTTPMisdirectedRequest(text="this page does not answer to that host name; see page.names\n")
        return await handler(request)

    return rules


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without the port.

    >>> host_name("LocalHost:8080"), host_name("[::1]:8080"), host_name("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _file(body: bytes, content_type: str) -> Handler:
    etag = hashlib.sha256(body).hexdigest()[:16]

    async def answer(request: web.Request) -> web.Response:
        response = web.Response(body=body, content_type=content_type, charset="utf-8")
        response.etag = etag
        response.headers["Cache-Control"] = "no-cache"  # ask again, and be told "unchanged"
        if request.if_none_match and any(tag.value == etag for tag in request.if_none_match):
            response = web.Response(status=304, headers={"ETag": f'"{etag}"', "Cache-Control": "no-cache"})
        return response

    return answer


async def _machine(feed: Feed, path: str) -> web.Response:
    try:
        found = await feed.detail(Address.parse(path).levels)
    except ContractError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
    except (QiluError, TimeoutError) as error:
        raise web.HTTPServiceUnavailable(text=f"the store does not answer: {error}\n") from None
    if found is None:
        raise web.HTTPNotFound(text="no machine of that path has been born\n")
    return web.Response(body=_JSON.encode(found), content_type="application/json", headers=_NO_STORE)


def _line(request: web.Request) -> Levels | None:
    """The line that a browser asks for; one that is not there is answered by the default, as a link may be old."""
    path = request.query.get("line", "")
    return tuple(path.split("/")) if path else None


async def _events(settings: Page, feed: Feed, request: web.Request) -> web.StreamResponse:
    if feed.watchers >= settings.clients:
        raise web.HTTPServiceUnavailable(text=f"{settings.clients} browsers are watching already; see page.clients\n")
    response = web.StreamResponse(headers=_STREAM)
    with feed.watcher():
        await response.prepare(request)
        try:
            async for message in feed.messages(_line(request)):
                await asyncio.wait_for(response.write(message), settings.slow_client_s)
        except TimeoutError:
            _LOG.info("a browser took no update for %g s and was cut off", settings.slow_client_s)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # it went away: that is how a browser says goodbye
    return response
