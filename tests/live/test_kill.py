"""The ingester against a real Mosquitto and a real InfluxDB: SIGKILL under load, poison, and a store that is away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from ingest_kill import KINDS, Ingester, compare, scene
from ingest_plant import Points, plant, publish, stored_points
from servers import Influxd, Mosquitto

from contract import LEVELS, Address, Telemetry, encode
from historian import open_store
from historian.base import Frame
from ingest import read_letters

PRESS_0 = Address("acme", "plant-1", "production", "line-1", "press-0")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20_261_122])
def test_ten_kills_lose_nothing(mosquitto: Mosquitto, influx_url: str, tmp_path: Path, seed: int) -> None:
    ledger = asyncio.run(scene(mosquitto.url, influx_url, iter(plant(seed, 30_000)), 10, seed, tmp_path))
    asyncio.run(compare(ledger, influx_url))


@pytest.mark.slow
def test_poison_and_a_store_that_is_away_lose_and_block_nothing(
    mosquitto: Mosquitto, influxd: Influxd, influx_url: str, tmp_path: Path
) -> None:
    """25 messages that do not parse, 25 of another type than the store's, and then InfluxDB stops under load."""
    unparsable = [(PRESS_0.topic("telemetry"), b"{%d" % n) for n in range(25)]
    conflicts = [
        (PRESS_0.topic("telemetry"), encode(Telemetry(boot="00000bad", seq=n, t=[n], values={"poison": [0.5]})))
        for n in range(25)
    ]
    said = plant(12, 2000)
    messages = [(one.topic, one.payload) for one in said]

    async def story() -> Points:
        first = Frame("telemetry", dict(zip(LEVELS, PRESS_0.levels, strict=True)), [1], {"poison": [1]})
        async with open_store(influx_url) as store:
            await store.write([first])
        ingester = Ingester(mosquitto.url, influx_url, tmp_path)
        await ingester.start()
        try:
            await publish(mosquitto.url, unparsable + conflicts + messages[:1000])
            influxd.stop()
            await publish(mosquitto.url, messages[1000:])
            await asyncio.sleep(1.0)
            influxd.start()
            status = await ingester.settle()
            assert (status["dead_lettered"], status["received"]) == (50, 2050)
            assert ingester.end()[0] == 0
        finally:
            ingester.kill()
        async with open_store(influx_url) as store:
            return await stored_points(store, KINDS)

    stored = asyncio.run(story())
    letters = list(read_letters(tmp_path / "dead"))
    assert sorted(one.body for one in letters) == sorted(payload for _, payload in unparsable + conflicts)
    assert {one.reason for one in letters} == {"not-json", "store-refused"}
    expected: Points = {}
    for one in said:
        expected |= one.points
    assert {point: fields for point, fields in stored.items() if ("machine", "press-0") not in point[1]} == expected
