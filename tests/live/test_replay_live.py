"""The steel plant's year through a real Mosquitto into a real InfluxDB, and through the whole command into InfluxDB."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from replay_line import STEEL_MAP, STEEL_ROWS, STEEL_WH, eventually, ingesting, steel_cost, steel_csv
from servers import Mosquitto

from console.replay import ReplayOptions, replay
from console.replay_figures import Stored, stored
from historian import open_store
from service import Broker

BOOT = "5ee1" * 4


def _is_the_year(found: Stored) -> None:
    assert (found.meter_rows, found.samples) == (STEEL_ROWS + 1, STEEL_ROWS)
    names = {f"energy_wh_{label.lower()}": wh for label, wh in STEEL_WH.items()}
    assert {name: found.totals[name] for name in names} == names
    assert found.totals["energy_wh"] == 959_636_710
    expected = steel_cost()
    for label in STEEL_WH:
        cost = found.cost(f"energy_wh_{label.lower()}")
        assert cost is not None
        assert Decimal(cost.numerator) / cost.denominator == expected[label]


@pytest.mark.slow
def test_steel_through_mosquitto_into_influxdb(mosquitto: Mosquitto, influx_url: str, tmp_path: Path) -> None:
    async def scene() -> None:
        broker = Broker(url=mosquitto.url)
        async with open_store(influx_url) as store, ingesting(broker, store, tmp_path) as status:
            options = ReplayOptions(file=steel_csv(), map_file=STEEL_MAP, broker=broker)
            report = await replay(options, boot=BOOT)
            await eventually(lambda: status.written + status.dead_lettered >= report.published.messages)
            found = await stored(store, report.map_, BOOT, report.published)
        assert status.dead_lettered == 0
        assert found.messages == report.published.messages
        assert found.totals == report.read.totals
        _is_the_year(found)

    asyncio.run(asyncio.wait_for(scene(), 180))


@pytest.mark.slow
def test_the_whole_command_into_influxdb(influx_url: str, tmp_path: Path) -> None:
    options = ReplayOptions(file=steel_csv(), map_file=STEEL_MAP, store=influx_url, data_dir=tmp_path)
    report = asyncio.run(asyncio.wait_for(replay(options, boot=BOOT), 180))
    assert report.ok
    assert report.lost == 0
    assert report.stored is not None
    _is_the_year(report.stored)
