"""More QoS 0 messages than may wait: the host reads no more until the store is back, and turns nothing away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import aiomqtt
from servers import Mosquitto

from contract.sparkplug_payload import DataType, Metric, Payload, encode_payload
from historian import Frame, ModelHistorian, Query
from ingest.run import ingest
from ingest.settings import Settings
from ingest.status import Status
from service import Broker

COUNT = 20_000
WINDOW = 500


class Gate(ModelHistorian):
    """A store that takes its time until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()

    async def write(self, batch: Sequence[Frame]) -> None:
        await self.open.wait()
        await super().write(batch)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # the status tells nobody that it has changed
            await asyncio.sleep(0.02)


def test_a_flood_waits_at_the_broker(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async def story() -> None:
        store, status, stop = Gate(), Status(), asyncio.Event()
        settings = Settings(dead_letters=str(tmp_path), sparkplug_host="qilu", receive_maximum=WINDOW)
        broker = Broker(url=mosquitto.url)
        running = asyncio.create_task(ingest(settings, broker, store, stop=stop, clock_ns=time.time_ns, status=status))
        await until(lambda: status.sparkplug_online)
        now_ms = time.time_ns() // 10**6
        head = (Metric("bdSeq", DataType.Int64, 0, now_ms), Metric("level", DataType.Double, 0.0, now_ms))
        async with aiomqtt.Client("127.0.0.1", mosquitto.port) as node:
            await node.publish("spBv1.0/g/NBIRTH/n", encode_payload(Payload(now_ms, 0, head)))
            for n in range(1, COUNT + 1):
                level = Metric("level", None, float(n), now_ms + n)
                await node.publish("spBv1.0/g/NDATA/n", encode_payload(Payload(now_ms + n, n % 256, (level,))))
            await asyncio.sleep(0.5)
        host = status.sparkplug
        assert host is not None
        await asyncio.sleep(1.0)
        assert WINDOW <= status.buffered < COUNT / 2, "the rest waits at the broker"
        store.open.set()
        await until(lambda: status.written >= COUNT)
        assert (status.overflow, host.gaps, host.rebirths) == (0, 0, 0)
        table = await store.read(Query("telemetry", ("level",)))
        assert sorted(table.fields["level"]) == [float(n) for n in range(COUNT + 1)]
        stop.set()
        await running

    asyncio.run(story())
