from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contract import ConfigError
from ingest import web
from ingest.alarms import Alarms
from ingest.batch import Counters
from ingest.lag import Lags
from ingest.monitor import Monitor
from ingest.register import Register
from ingest.status import Status
from ingest.web import CONNECTIONS, Endpoint, serving


class Watched:
    """A monitor whose counters rise at each look, and its server's address."""

    def __init__(self) -> None:
        self.status = Status()
        self.looks = 0
        self.monitor = Monitor("one", self.status, self._refresh, time.time_ns, Lags(), Alarms(), Register())
        self.url = ""

    def _refresh(self) -> None:
        self.looks += 1
        self.status.count(Counters(received=self.looks * 7, written=self.looks * 5, buffered=self.looks * 2))

    async def raw(self, request: bytes) -> bytes:
        """What comes back for these bytes, until the server ends the connection."""
        reader, writer = await self.open()
        writer.write(request)
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.url.removeprefix("http://").rsplit(":", 1)
        return await asyncio.open_connection(host.strip("[]"), int(port))


@contextlib.asynccontextmanager
async def watched(http: str = "127.0.0.1:0") -> AsyncIterator[Watched]:
    made = Watched()
    async with serving(http, made.monitor) as url:
        assert url is not None
        made.url = url
        yield made


def run(body: Callable[[Watched], Awaitable[None]], http: str = "127.0.0.1:0") -> None:
    async def main() -> None:
        async with watched(http) as made:
            await asyncio.wait_for(body(made), 30)

    asyncio.run(main())


def request(path: str = "/health", method: str = "GET", host: str | None = "127.0.0.1") -> bytes:
    return f"{method} {path} HTTP/1.1\r\n{'' if host is None else f'Host: {host}'}\r\n\r\n".encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_client_of_the_world_reads_all_three() -> None:
    async def body(made: Watched) -> None:
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{made.url}/health") as answer:
                assert (answer.status, (await answer.json())["status"]) == (200, "ok")
            async with client.get(f"{made.url}/status") as answer:
                report = await answer.json()
                assert report["received"] == report["written"] + report["buffered"] > 0
            async with client.get(f"{made.url}/metrics?name[]=x") as answer:
                assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
                families = {family.name for family in text_string_to_metric_families(await answer.text())}
                assert {"qilu_ingest_received_messages", "process_cpu_seconds"} <= families
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "Server" not in answer.headers  # nor anything else that names a version

    run(body)


def test_health_is_503_while_messages_do_not_get_through() -> None:
    async def body(made: Watched) -> None:
        made.status.store("401", 0.0, denied=True)
        made.monitor.beat(0.0)
        answer = await made.raw(request())
        assert status_of(answer) == 503
        problems = json.loads(answer.split(b"\r\n\r\n", 1)[1])["problems"]
        assert [problem["name"] for problem in problems] == ["store-denied"]

    run(body)


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (request("/health", host=None), 200),
        (request("/health").replace(b"1.1", b"1.0"), 200),
        (request("/"), 404),
        (request("/metrics/"), 404),
        (request("/%6detrics"), 404),
        (request("/../../etc/passwd"), 404),
        (request("/status", "POST"), 405),
        (request("/status", "DELETE"), 405),
        (request("/nothing", "POST"), 404),
        (b"\r\n\r\n", 400),
        (b"GET /health\r\n\r\n", 400),
        (b"GET /health FTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 10_000, 431),
        (b"A" * 100_000, 431),
        (request(host="evil.test"), 421),
        (request(host="evil.test:9464"), 421),
        (request(host="127.0.0.1.evil.test"), 421),
        (request(host="[::1"), 421),
        (request(host="localhost:1234"), 200),
        (request(host="LOCALHOST"), 200),
        (request(host="[::1]:9464"), 200),
        (request(host="10.1.2.3"), 200),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n", 421),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_answered_to_what(asked: bytes, status: int) -> None:
    async def body(made: Watched) -> None:
        answer = await made.raw(asked)
        assert status_of(answer) == status
        head, text = answer.split(b"\r\n\r\n", 1)
        assert f"Content-Length: {len(text)}".encode() in head
        assert b"Connection: close" in head
        assert (b"Allow: GET, HEAD" in head) == (status == 405)
        assert b"evil" not in answer
        assert b"passwd" not in answer

    run(body)


def test_head_has_the_length_and_no_body() -> None:
    async def body(made: Watched) -> None:
        head = await made.raw(request("/health", "HEAD"))
        assert head.endswith(b"\r\n\r\n")
        assert b"Content-Length: 29" in head
        assert (await made.raw(request("/health"))).endswith(b'{"status":"ok","problems":[]}')

    run(body)


def test_on_a_network_of_its_own_any_name_will_do() -> None:
    async def body(made: Watched) -> None:
        assert status_of(await made.raw(request(host="ingest.plant.example:9464"))) == 200

    run(body, "0.0.0.0:0")


def test_many_questions_cost_few_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "FRESH_S", 60.0)

    async def body(made: Watched) -> None:
        answers = [await made.raw(request("/status")) for _ in range(50)]
        assert len(set(answers)) == 1
        assert made.looks == 1

    run(body)


def test_a_client_that_dawdles_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LIFE_S", 0.5)

    async def drip(made: Watched) -> None:
        reader, writer = await made.open()
        began_s = time.monotonic()
        end = asyncio.ensure_future(reader.read())
        while not end.done():
            writer.write(b"G")
            await asyncio.wait([end], timeout=0.05)
        assert end.exception() is not None or end.result() == b""
        assert 0.3 < time.monotonic() - began_s < 5
        writer.close()

    async def silent(made: Watched) -> None:
        reader, writer = await made.open()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()

    async def hangs_on(made: Watched) -> None:  # it has its answer and does not go
        reader, writer = await made.open()
        writer.write(request())
        with contextlib.suppress(ConnectionError):
            assert b"200 OK" in await asyncio.wait_for(reader.read(), 5)
        writer.close()

    async def body(made: Watched) -> None:
        await asyncio.gather(drip(made), silent(made), hangs_on(made))
        assert status_of(await made.raw(request())) == 200

    run(body)


def test_idle_connections_are_bounded_and_make_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LIFE_S", 1.0)

    async def body(made: Watched) -> None:
        idle = [await made.open() for _ in range(CONNECTIONS + 20)]
        await asyncio.sleep(0.2)
        open_now = sum(not reader.at_eof() and reader.exception() is None for reader, _ in idle)
        assert open_now == CONNECTIONS
        with pytest.raises((ConnectionError, IndexError)):  # reset, or closed without a word
            status_of(await made.raw(request()))
        await asyncio.sleep(1.2)
        assert status_of(await made.raw(request())) == 200
        for _, writer in idle:
            writer.close()

    run(body)


def test_noise_is_answered_or_cut_and_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    draw = random.Random(4)

    async def body(made: Watched) -> None:
        for _ in range(200):
            noise = draw.randbytes(draw.randint(1, 300)) + b"\r\n\r\n"
            with contextlib.suppress(ConnectionError):
                assert status_of(await made.raw(noise)) in {400, 404, 421}
        assert status_of(await made.raw(request())) == 200

    with caplog.at_level(logging.DEBUG, "qilu"):
        run(body)
    assert [record for record in caplog.records if record.name.startswith("qilu")] == []


def test_the_end_does_not_wait_for_clients() -> None:
    async def main() -> float:
        async with watched() as made:
            _, writer = await made.open()
            writer.write(b"GET")
            await writer.drain()
            began_s = time.monotonic()
        await asyncio.sleep(0.05)
        writer.close()
        return time.monotonic() - began_s

    assert asyncio.run(main()) < 2


def test_a_port_that_is_taken_is_told_with_the_setting() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(ConfigError, match=rf"ingest\.http.*127\.0\.0\.1:{port}.*taken"):
                async with serving(f"127.0.0.1:{port}", Watched().monitor):
                    pass
        with pytest.raises(ConfigError, match=r"ingest\.http"):
            async with serving("192.0.2.1:9464", Watched().monitor):  # an address of no machine (RFC 5737)
                pass
        with pytest.raises(ConfigError, match=r"ingest\.http"):
            async with serving("a..b:1", Watched().monitor):
                pass
        async with serving("", Watched().monitor) as url:
            assert url is None

    asyncio.run(main())


@pytest.mark.parametrize(
    "text",
    ["9464", ":9464", "127.0.0.1", "127.0.0.1:", "a:b", "a:99999", "http://a:1", "u@a:1", "a:1/x", "[::1:1"],
)
def test_what_is_no_address_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"ingest\.http"):
        Endpoint.parse(text)


def test_ipv6_is_an_address_too() -> None:
    async def body(made: Watched) -> None:
        assert made.url.startswith("http://[::1]:")
        assert status_of(await made.raw(request(host="[::1]"))) == 200

    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    run(body, "[::1]:0")
