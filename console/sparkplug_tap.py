"""A TCP proxy between MQTT clients and their broker that writes down every packet, and changes none.

What it is: a shell around the parser: bytes go on at once, and are read afterwards. Each packet is told with the time
and the number of its connection; of user name and password nothing is kept. Without TLS: put it where the traffic is
plain.
What it is not: a broker, nor a fault injector.

    async with Tap("127.0.0.1", 1883, events.append) as tap:
        ...  # clients connect to 127.0.0.1, tap.port
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from console.sparkplug_mqtt import AnyPacket, Closed, Conversation, Garbled
from console.sparkplug_world import Event
from contract import ContractError, LinkError

_CHUNK: Final = 65536
_LAST_WORDS_S: Final = 0.5


class Tap:
    """The proxy; an asynchronous context manager.

    Args:
        host, port: the broker.
        record: called with each event, in the loop.
        listen_host, listen_port: where clients connect; port 0 is any free one.
        clock_ms: the time, ms since 1970-01-01 UTC.
    """

    def __init__(
        self,
        host: str,
        port: int,
        record: Callable[[Event], object],
        *,
        listen_host: str = "127.0.0.1",
        listen_port: int = 0,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._upstream = (host, port)
        self._listen = (listen_host, listen_port)
        self._record = record
        self._clock_ms = clock_ms
        self._links = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where clients connect."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Tap:
        """Listen; raises LinkError where that is not possible."""
        try:
            self._server = await asyncio.start_server(self._serve, *self._listen)
        except OSError as error:
            raise LinkError(f"cannot listen on {self._listen[0]}:{self._listen[1]}: {error.strerror}") from None
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._links += 1
        link = _Link(self._links, self._record, self._clock_ms)
        try:
            try:
                upstream = await asyncio.open_connection(*self._upstream)
            except OSError:  # what the client would have said counts all the same: an attempt has a number
                with contextlib.suppress(TimeoutError, OSError):
                    link.hear("client", await asyncio.wait_for(reader.read(_CHUNK), _LAST_WORDS_S))
                link.close("broker", reset=True)
                return
            try:
                await self._carry(link, (reader, writer), upstream)
            finally:
                upstream[1].close()
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _carry(
        self,
        link: _Link,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        broker: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """Both directions, until either side ends; the other is told in the same way."""
        ways = {
            asyncio.create_task(_pump(link, "client", client[0], broker[1])): broker[1],
            asyncio.create_task(_pump(link, "broker", broker[0], client[1])): client[1],
        }
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in done:
                if way.result():  # a reset goes on as a reset: for the broker it is what publishes the will
                    ways[way].transport.abort()
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


async def _pump(link: _Link, side: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Carry bytes from one side to its end; True when it did not end in peace."""
    reset = False
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            link.hear(side, data)
            await writer.drain()
    except OSError:
        reset = True
    link.close(side, reset=reset)
    return reset


class _Link:
    """The record of one connection."""

    def __init__(self, number: int, record: Callable[[Event], object], clock_ms: Callable[[], int]) -> None:
        self._number = number
        self._record = record
        self._clock_ms = clock_ms
        self._conversation: Conversation | None = Conversation()
        self._closed = False

    def hear(self, side: str, data: bytes) -> None:
        if self._conversation is None:
            return
        try:
            for packet in self._conversation.feed(side, data):
                self._tell(side, packet)
        except ContractError as error:
            self._conversation = None
            self._tell(side, Garbled(error.detail))

    def close(self, side: str, *, reset: bool) -> None:
        if not self._closed:
            self._closed = True
            self._tell(side, Closed(reset))

    def _tell(self, side: str, packet: AnyPacket) -> None:
        self._record(Event(self._clock_ms(), self._number, side, packet))
