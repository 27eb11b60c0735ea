"""The ingester with a broker or a store that says nothing: it goes on, and tells that it lives."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from ingest_broker import ScriptedBroker
from ingest_plant import MemoryStore, plant, until

from contract import Address, Birth, encode
from historian import open_store
from ingest import Settings, Status, ingest
from ingest import run as run_module
from service import Broker


def test_a_broker_that_does_not_take_our_request_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "CHECK_S", 0.1)
    monkeypatch.setattr(run_module, "SAY_S", 0.2)

    async def scene() -> None:
        async with ScriptedBroker().open() as broker, open_store("duckdb::memory:") as store:
            broker.deaf = True
            stop, status = asyncio.Event(), Status()
            settings = Settings(dead_letters=str(tmp_path / "dead"), gap_grace_s=0.1)
            url = Broker(url=f"mqtt://127.0.0.1:{broker.port}")
            task = asyncio.create_task(
                ingest(settings, url, store, stop=stop, clock_ns=time.time_ns, status=status, jitter=lambda: 0.0)
            )
            await until(lambda: broker.guests and broker.guests[0].topics)
            gateway = Address("acme", "plant-1", "production", "line-1", "gateway")
            birth = Birth(boot="0b1e55ed", seq=1, t=1, role="gateway", model="m", version="1")
            lost = [one for one in plant(1, 40) if one.message.seq != 3]
            said = [(gateway.topic("birth"), encode(birth)), *((one.topic, one.payload) for one in lost)]
            for number, (topic, payload) in enumerate(said, 1):
                broker.guests[0].give(topic, payload, number)
            await until(lambda: status.gaps_missing > 0 and len(broker.guests[0].said) > 1)
            assert not task.done(), "it goes on, and asks again"
            stop.set()
            await asyncio.wait_for(task, 10)
            assert broker.guests[0].acknowledged == list(range(1, len(said) + 1))

    asyncio.run(scene())


def test_a_store_that_says_nothing_does_not_stop_the_heartbeat(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ScriptedBroker().open() as broker:
            store, stop, status = MemoryStore(), asyncio.Event(), Status()
            store.gate.clear()
            beat = tmp_path / "beat"
            settings = Settings(dead_letters=str(tmp_path / "dead"), heartbeat=str(beat))
            url = Broker(url=f"mqtt://127.0.0.1:{broker.port}")
            task = asyncio.create_task(ingest(settings, url, store, stop=stop, clock_ns=time.time_ns, status=status))
            await until(lambda: store.attempts == 1, 10)  # our own counters, which it does not answer
            before = json.loads(beat.read_bytes())["time"]
            await until(lambda: json.loads(beat.read_bytes())["time"] > before + 1.5, 6)
            store.gate.set()
            stop.set()
            await asyncio.wait_for(task, 10)

    asyncio.run(scene())
