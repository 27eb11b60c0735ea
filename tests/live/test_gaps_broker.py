"""What a broker with a short queue has dropped in silence is named exactly, on a real Mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ingest_plant import plant, publish, until
from servers import Mosquitto
from test_gaps_command import lost_of

from console.cli import main
from contract import Address, topic_filter
from historian import open_store
from ingest import Settings, Status, ingest
from ingest.ranges import Ranges, parse, without
from service import Broker

LIMIT = 1000


@contextlib.asynccontextmanager
async def ingesting(url: str, store_url: str, folder: Path) -> AsyncIterator[Status]:
    """The ingester with its session, until the body ends."""
    status, stop = Status(), asyncio.Event()
    settings = Settings(client_id="ingest-gaps", topics=[topic_filter("acme")], dead_letters=str(folder / "dead"))
    async with open_store(store_url) as store:
        task = asyncio.create_task(
            ingest(settings, Broker(url=url), store, stop=stop, clock_ns=time.time_ns, status=status)
        )
        await until(lambda: status.connected or task.done())
        try:
            yield status
        finally:
            stop.set()
            await asyncio.wait_for(task, 30)


@pytest.mark.slow
def test_five_thousand_messages_for_a_queue_of_one_thousand(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mosquitto.stop()
    mosquitto.options["max_queued_messages"] = str(LIMIT)
    mosquitto.start()
    said = plant(8, 5006)
    # The last of each machine comes when the ingester is back: without it nobody could know how far the others went.
    last = {one.address: one for one in said}
    early = [one for one in said if one is not last[one.address]]
    store_url = f"duckdb:{tmp_path / 'store.duckdb'}"

    async def scene() -> int:
        async with ingesting(mosquitto.url, store_url, tmp_path):
            pass  # the broker has the session now
        acked: list[int] = []
        await publish(mosquitto.url, [(one.topic, one.payload) for one in early], acked.append)
        assert len(acked) == len(early), "the broker has acknowledged all of them"
        async with ingesting(mosquitto.url, store_url, tmp_path) as status:
            await publish(mosquitto.url, [(one.topic, one.payload) for one in last.values()])
            await until(lambda: status.written >= LIMIT)
            await asyncio.sleep(1.0)
            return status.written

    written = asyncio.run(scene())
    assert main(["gaps", "--store", store_url, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["missing"] == len(said) - written == len(early) - LIMIT

    found: dict[Address, Ranges] = {Address.parse(one["address"]): parse(one["seqs"]) for one in told["gaps"]}
    assert sum(map(len, found.values())) < 100, "a queue that is full drops the newest, so the gaps are few and long"
    kept = [one for one in said if not _is_in(one.message.seq, found.get(one.address, ()))]
    assert {address: ranges for (address, _), ranges in lost_of(said, kept).items()} == found


def _is_in(number: int, ranges: Ranges) -> bool:
    return not without(((number, number),), ranges)
