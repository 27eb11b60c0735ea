from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import page_plant
import pytest
from page_plant import LINE, NOW

from console.page_data import Pipeline
from console.settings import Page
from console.web import serve
from contract import ConfigError, RetryLater
from historian import Historian, ModelHistorian, Query, Table
from service import load

PRESS = page_plant.Spec("press", ("press-1",), 16, 3, 210, 95)
PATH = "/".join((*LINE.values(), "press-1"))
PAGE = Path(__file__).resolve().parents[1] / "console" / "page"
Client = aiohttp.ClientSession


class Failing(ModelHistorian):
    """A store that does not answer while ``broken`` holds an error."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: Exception | None = None

    async def read(self, query: Query) -> Table:
        if self.broken is not None:
            raise self.broken
        return await super().read(query)


@contextlib.asynccontextmanager
async def served(store: Historian | None = None, **settings: Any) -> AsyncIterator[tuple[str, Client, asyncio.Event]]:
    if store is None:
        store = ModelHistorian()
        await store.write(page_plant.whole((PRESS,)))
    stop, url = asyncio.Event(), asyncio.get_running_loop().create_future()
    ticks = iter(range(1_000_000_000))

    def pipeline() -> Pipeline:
        return Pipeline(plant_now_ns=NOW, speed=1.0, sent=next(ticks), written=0, dead_lettered=0, connected=True)

    page = Page(**({"port": 0, "refresh_s": 0.02} | settings))
    server = asyncio.create_task(serve(page, store, pipeline, stop=stop, on_ready=url.set_result))
    try:
        async with Client(timeout=aiohttp.ClientTimeout(total=20)) as client:
            yield await asyncio.wait_for(url, 10), client, stop
    finally:
        stop.set()
        await asyncio.wait_for(server, 15)


def run(
    body: Callable[[str, Client, asyncio.Event], Awaitable[None]], store: Historian | None = None, **kw: Any
) -> None:
    async def main() -> None:
        async with served(store, **kw) as (url, client, stop):
            await asyncio.wait_for(body(url, client, stop), 30)

    asyncio.run(main())


async def messages(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """The events of a stream."""
    name = ""
    async for line in response.content:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            name = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield name, json.loads(text.removeprefix("data: "))


async def board_with(client: Client, url: str, wanted: Callable[[Any], bool]) -> Any:
    async with client.get(url + "events") as response:
        async for name, data in messages(response):
            if name == "board" and wanted(data):
                return data
    raise AssertionError("the stream ended")


def test_every_answer_keeps_the_page_to_this_server() -> None:
    async def body(url: str, client: Client, _: asyncio.Event) -> None:
        for path in ("", "main.js", "style.css", "api/snapshot", "healthz", "nothing-here", "events"):
            async with client.get(url + path) as response:
                policy = response.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'self';"), path
                assert "unsafe" not in policy
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert "Access-Control-Allow-Origin" not in response.headers

    run(body)


def test_the_page_names_nothing_outside_and_nothing_inline() -> None:
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", html) == []
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert (
            re.findall(r"https?://|//\w+\.\w+/|@import|innerHTML|insertAdjacent|document\.write|eval\(", text) == []
        ), path


def test_what_the_page_asks_for_is_there() -> None:
    wanted = set(re.findall(r'(?:src|href)="([^"]+)"', (PAGE / "index.html").read_text(encoding="utf-8")))
    for path in PAGE.glob("*.js"):
        wanted |= set(re.findall(r'from "\./([^"]+)"', path.read_text(encoding="utf-8")))
    assert "spark.js" in wanted

    async def body(url: str, client: Client, _: asyncio.Event) -> None:
        for name in sorted(wanted):
            async with client.get(url + name) as response:
                assert response.status == 200, name
                etag = response.headers["ETag"]
            async with client.get(url + name, headers={"If-None-Match": etag}) as again:
                assert again.status == 304, name

    run(body)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8080", 200),
        ("LOCALHOST:9999", 200),
        ("[::1]:8080", 200),
        ("plant.example", 200),
        ("evil.example", 421),
        ("evil.example:8080", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
def test_only_its_own_names_are_answered_to(host: str, status: int) -> None:
    async def body(url: str, client: Client, _: asyncio.Event) -> None:
        for path in ("", "api/snapshot", "events"):
            async with client.get(url + path, headers={"Host": host}) as response:
                assert response.status == status

    run(body, names=["plant.example"])


def test_a_stream_begins_with_everything_and_goes_on_with_boards() -> None:
    async def body(url: str, client: Client, stop: asyncio.Event) -> None:
        names, sent = [], []
        async with client.get(url + "events") as response:
            assert response.content_type == "text/event-stream"
            async for name, data in messages(response):
                names.append(name)
                if name == "board":
                    sent.append(data["flow"]["sent"])
                if len(sent) == 5:
                    stop.set()
        assert names[:3] == ["lines", "history", "board"]
        assert names.count("lines") == names.count("history") == 1  # what has not changed is not sent again
        assert names[-1] == "end"
        assert sent == sorted(set(sent))  # each newer than the one before

    run(body)


def test_the_snapshot_is_the_same_for_scripts() -> None:
    async def body(url: str, client: Client, _: asyncio.Event) -> None:
        await board_with(client, url, lambda board: bool(board["steps"]))
        async with client.get(url + "api/snapshot") as response:
            found = await response.json()
        assert found["board"]["steps"][0]["tiles"][0]["name"] == "press-1"
        assert len(found["history"]["line"]["oee"]) == 24
        assert found["lines"] == [{"place": list(LINE.values()), "machines": 1, "stopped": 0}]
        for line in ("/".join(LINE.values()), "no/such/line/there", "x", "/" * 99):  # an old link shows the default
            async with client.get(url + "api/snapshot", params={"line": line}) as response:
                assert (await response.json())["board"]["place"] == list(LINE.values())

    run(body)


def test_the_panel_of_a_machine() -> None:
    async def body(url: str, client: Client, _: asyncio.Event) -> None:
        await board_with(client, url, lambda board: bool(board["steps"]))
        for path, status in ((PATH, 200), (PATH + "2", 404), ("press-1", 400), ("", 400)):
            async with client.get(url + "api/machine", params={"path": path}) as response:
                assert response.status == status, await response.text()

    run(body)


@pytest.mark.parametrize("error", [RetryLater("the store is away"), OSError("disk on fire"), KeyError("a bug")])
def test_a_store_that_fails_shows_on_the_page_and_kills_nothing(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    store = Failing()

    async def body(url: str, client: Client, _: asyncio.Event) -> None:
        await store.write(page_plant.whole((PRESS,)))
        await board_with(client, url, lambda board: bool(board["steps"]))
        store.broken = error
        worse = await board_with(client, url, lambda board: board["problem"] is not None)
        assert str(error) in worse["problem"]
        assert worse["steps"]  # what was known is still shown
        async with client.get(url + "healthz") as response:
            assert response.status == 503
        async with client.get(url + "api/machine", params={"path": PATH}) as response:
            assert response.status in (500, 503)
        async with client.get(url + "events") as response:  # many looks later
            seen = 0
            async for name, _data in messages(response):
                seen += name == "board"
                if seen == 8:
                    break
        store.broken = None
        await board_with(client, url, lambda board: board["problem"] is None)
        async with client.get(url + "healthz") as response:
            assert response.status == 200

    with caplog.at_level(logging.WARNING, logger="qilu.page"):
        run(body, store)
    assert sum("cannot read the store" in record.getMessage() for record in caplog.records) == 1


def test_a_browser_that_takes_nothing_is_cut_off_and_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def body(url: str, client: Client, _: asyncio.Event) -> None:
        port = int(url.rstrip("/").rpartition(":")[2])
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(deaf, ("127.0.0.1", port))
        await loop.sock_sendall(deaf, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with client.get(url + "events") as response:
            boards = 0
            async for name, _data in messages(response):
                boards += name == "board"
                if any("was cut off" in record.getMessage() for record in caplog.records):
                    break
        assert boards > 10
        heard = b""
        while part := await loop.sock_recv(deaf, 1 << 20):  # to the end of what was on its way, if it has an end
            heard = heard[-100:] + part
        assert b"event: end" not in heard
        deaf.close()

    store = ModelHistorian()
    spec = page_plant.Spec("test", page_plant.parallel("x" * 60, 400), 220, 0.3, 0, 1.2)
    asyncio.run(store.write(page_plant.births((spec,))))
    with caplog.at_level(logging.INFO, logger="qilu.page"):
        run(body, store, refresh_s=0.005, slow_client_s=0.3)


def test_there_is_an_end_to_how_many_may_watch() -> None:
    async def body(url: str, client: Client, _: asyncio.Event) -> None:
        async with client.get(url + "events") as one, client.get(url + "events") as two:
            assert (one.status, two.status) == (200, 503)

    run(body, clients=1)


def test_a_taken_port_is_told_with_the_next_step() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(ConfigError, match=f"port {port} is taken; use --port"):
                await serve(Page(port=port), ModelHistorian(), Pipeline, stop=asyncio.Event())

    asyncio.run(main())


def test_a_host_that_is_not_here_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match=r"cannot serve the page on 192\.0\.2\.1"):
            await serve(Page(host="192.0.2.1", port=0), ModelHistorian(), Pipeline, stop=asyncio.Event())

    asyncio.run(main())


def test_settings_are_checked_and_have_safe_defaults() -> None:
    assert (Page().host, Page().port) == ("127.0.0.1", 8080)
    assert load("page", Page, {}, {"QILU_PAGE_PORT": "9090"}).port == 9090
    for wrong in ({"port": 65536}, {"refresh_s": 0}, {"prot": 1}):
        with pytest.raises(ConfigError, match="page"):
            load("page", Page, {"page": wrong}, {})
