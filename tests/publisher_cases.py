"""Messages to publish, a subscriber who collects them, and a cable to cut.

What it is: shared by the tests of the publisher, with and without an edge buffer.
What it is not: a test.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import aiomqtt

from contract import Address, Death
from service import Broker
from simulator.outgoing import Outgoing

HERE = Address("acme", "plant-1", "production", "line-1", "gateway")
TIMEOUT_S = 30.0


def deaths(count: int, boot: str) -> list[Outgoing]:
    return [Outgoing.of(HERE, Death(boot=boot, seq=n, t=n, reason="test")) for n in range(1, count + 1)]


@contextlib.asynccontextmanager
async def listening(broker: Broker, topic: str) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def heard(client: aiomqtt.Client, last: bytes) -> list[bytes]:
    got: list[bytes] = []
    async for message in client.messages:
        got.append(bytes(message.payload))
        if got[-1] == last:
            return got
    raise AssertionError("unreachable")


class Cutter:
    """A proxy that cuts the line after so many bytes, each time, for a given number of times."""

    def __init__(self, broker: Broker, after_bytes: int, times: int) -> None:
        self.broker, self.after_bytes, self.left = broker, after_bytes, times
        self.port = 0

    async def __aenter__(self) -> Broker:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return Broker(url=f"mqtt://127.0.0.1:{self.server.sockets[0].getsockname()[1]}")

    async def __aexit__(self, *error: object) -> None:
        self.server.close()

    async def _serve(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_connection(self.broker.host, self.broker.port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, limit: int | None) -> None:
            passed = 0
            while data := await source.read(1000):
                passed += len(data)
                if limit is not None and passed > limit:
                    self.left -= 1
                    break
                sink.write(data)
                await sink.drain()
            out.close()
            back.close()

        limit = self.after_bytes if self.left > 0 else None
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(pump(here, out, limit), pump(there, back, None))


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, TIMEOUT_S))
