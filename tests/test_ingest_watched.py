"""The ingester as a whole, watched over HTTP: with a real broker, while it works and while its store is away."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import aiohttp
import pytest
from ingest_plant import MemoryStore, plant, publish, until
from prometheus_client.parser import text_string_to_metric_families

from console.embedded_broker import EmbeddedBroker
from contract import ConfigError, RetryLater
from ingest import Settings, Status, ingest
from service import Broker

LAW = "qilu_ingest_"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def law(text: str) -> tuple[float, float]:
    """What was received, and the sum of what became of it."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    parts = ("written_messages_total", "duplicate_messages_total", "dead_lettered_messages_total", "buffered_messages")
    return found[f"{LAW}received_messages_total"], sum(found.get(LAW + part, 0.0) for part in parts)


@pytest.mark.slow
def test_the_law_holds_in_every_scrape_and_health_follows_the_store(tmp_path: Path) -> None:
    async def scene(broker: EmbeddedBroker) -> None:
        store, status, stop, url = MemoryStore(), Status(), asyncio.Event(), f"127.0.0.1:{free_port()}"
        settings = Settings(client_id="watched", dead_letters=str(tmp_path / "dead"), http=url)
        run = ingest(settings, Broker(url=broker.url), store, stop=stop, clock_ns=time.time_ns, status=status)
        task = asyncio.create_task(run)
        await until(lambda: status.connected or task.done())
        messages = [(one.topic, one.payload) for one in plant(3, 3000)]
        messages[::100] = [(topic, b"not json") for topic, _ in messages[::100]]
        async with aiohttp.ClientSession() as client:

            async def get(path: str) -> tuple[int, str]:
                async with client.get(f"http://{url}/{path}") as answer:
                    return answer.status, await answer.text()

            sending = asyncio.create_task(publish(broker.url, messages))
            scrapes = []
            while not sending.done() or status.buffered:
                scrapes.append(law((await get("metrics"))[1]))
                await asyncio.sleep(0.05)
            await sending
            await until(lambda: status.written + status.duplicate + status.dead_lettered >= 3000)
            await asyncio.sleep(0.3)
            scrapes.append(law((await get("metrics"))[1]))
            assert all(received == parts for received, parts in scrapes)
            assert len({received for received, _ in scrapes}) > 3
            assert scrapes[-1][0] >= 3000
            assert (await get("health"))[0] == 200

            store.failing = RetryLater("401: it wants another token", kind="denied")
            await publish(broker.url, messages[-3:])
            began_s = time.monotonic()
            while (await get("health"))[0] != 503:
                assert time.monotonic() - began_s < 10
                await asyncio.sleep(0.1)
            assert "store-denied" in (await get("health"))[1]
            store.failing = None
            await until(lambda: status.buffered == 0)
        stop.set()
        await task
        alarms = [frame for batch in store.batches for frame in batch if frame.measurement == "alarm"]
        assert {frame.tags["name"] for frame in alarms} >= {"dead-letters", "store-denied"}

    with EmbeddedBroker() as broker:
        asyncio.run(asyncio.wait_for(scene(broker), 90))


def test_a_port_that_is_taken_refuses_the_start(tmp_path: Path) -> None:
    async def scene() -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            settings = Settings(dead_letters=str(tmp_path / "dead"), http=f"127.0.0.1:{other.getsockname()[1]}")
            with pytest.raises(ConfigError, match=r"ingest\.http"):
                await ingest(
                    settings, Broker(), MemoryStore(), stop=asyncio.Event(), clock_ns=time.time_ns, status=Status()
                )

    asyncio.run(asyncio.wait_for(scene(), 20))
