"""A26 and A27: three times, out of order and late, and every figure is the one of the run in order."""

from __future__ import annotations

import asyncio
import random

import verify_plant
from scene import Stage

from analytics.keeper import Keeper, Status
from analytics.settings import Settings
from contract import encode
from historian import Query, Table, open_store

FIGURES = "kpi"
NEAR = 1e-9


async def figures(stage: Stage, url: str, said: list[tuple[bytes, bytes]]) -> Table:
    """What the analytics computes of these messages, once the ingester has stored them."""
    async with stage.scene(store_url=url) as scene:
        codes = await scene.say_raw(said)
        assert not any(code >= 0x80 or code < 0 for code in codes)
        await scene.worker.until(lambda status: status["received"] >= len(said) and status["buffered"] == 0)
        status = scene.worker.status()
        assert status is not None
        assert status["dead_lettered"] in (0, {})
        await scene.worker.end()
    async with open_store(url) as store:
        keeper = Keeper(Settings(), store, Status())
        while await keeper.update(scan=True):
            pass
        return await store.read(Query(FIGURES))


def test_a26_figures_of_what_came_three_times_and_out_of_order(stage: Stage) -> None:
    machines = [verify_plant.machine(f"m-{n}", 10 + n) for n in (1, 2)]
    said = [
        (address.topic(kind).encode(), encode(message)) for address, kind, message in verify_plant.messages(machines)
    ]
    thrice = said * 3
    random.Random(stage.seed).shuffle(thrice)
    other = stage.influxd.new_bucket()

    async def story() -> tuple[Table, Table]:
        once = await figures(stage, stage.store_url, said)
        return once, await figures(stage, stage.influxd.url(other), thrice)

    once, again = asyncio.run(story())
    stage.influxd.drop_bucket(other)
    assert len(once) > 10
    assert (once.time_ns, once.tags) == (again.time_ns, again.tags)
    assert once.fields.keys() == again.fields.keys()
    worst = 0.0
    for name, column in once.fields.items():
        for one, two in zip(column, again.fields[name], strict=True):
            if isinstance(one, float) and isinstance(two, float):
                worst = max(worst, abs(one - two) / max(1.0, abs(one)))
            else:
                assert one == two, name
    stage.report(figures=len(once) * len(once.fields), largest_difference=worst)
    assert worst <= NEAR
