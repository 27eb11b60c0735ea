"""``qilu verify`` over a real InfluxDB: shifts, interrupted failures, lots of several units, a market, a supplier."""

from __future__ import annotations

import asyncio
from pathlib import Path

import verify_plant

from analytics.keeper import Keeper, Status
from analytics.settings import Settings
from console.verify import Report, verify
from historian import Query, open_store


def test_a_plant_that_knows_its_truth_is_verified(influx_url: str, tmp_path: Path) -> None:
    machines = [verify_plant.machine(f"m-{n}", 10 + n) for n in (1, 2)]
    said = verify_plant.messages(machines)
    path = tmp_path / "ledger.jsonl"
    verify_plant.ledger(path, machines, said)

    async def go() -> Report:
        async with open_store(influx_url) as store:
            await store.write(verify_plant.stored(said))
            keeper = Keeper(Settings(), store, Status())
            while await keeper.update(scan=True):
                pass
            orders = await store.read(Query("order"))
            assert orders.fields["quantity"] == [6, 6, 0]
            assert (await store.read(Query("return"))).fields["reason"] == ["noise"]
        return await verify(path, influx_url)

    report = asyncio.run(asyncio.wait_for(go(), 120))
    assert report.ok, report.as_text()
    assert report.messages.stored == len(said)
