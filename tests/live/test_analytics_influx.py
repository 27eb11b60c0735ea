"""The analytics on a real InfluxDB: the same figures as from the events themselves, kept up to date."""

from __future__ import annotations

import asyncio

from analytics_plant import HOUR, MIN, T0, frames, plant

from analytics.compute import compute, evaluate, window_bounds
from analytics.keeper import Keeper, Status
from analytics.points import point_fields
from analytics.settings import Settings
from historian import Query, open_store


def test_figures_from_influx_are_those_of_the_events(influx_url: str) -> None:
    events = plant()
    bounds = window_bounds(T0, T0 + HOUR + 1, 5 * MIN)
    rows = [frame for path, machine in events.items() for frame in frames(path, machine)]

    async def go() -> None:
        async with open_store(influx_url) as store:
            keeper = Keeper(Settings(), store, Status())
            for part in (rows[::2], rows[1::2]):
                await store.write(part)
                await keeper.update(scan=True)
            assert (await compute(store, bounds)).windows == evaluate(events, bounds).windows
            table = await store.read(Query("kpi", where={"level": "line", "window": "1h", "line": "line-1"}))
            line = next(f for f in evaluate(events, [T0, T0 + HOUR]).whole() if f.path[-1] == "line-1")
            stored = {name: column[0] for name, column in table.fields.items()}
            wanted = {name: value for name, value in point_fields(line).items() if value is not None}
            assert stored == {**wanted, "until_ns": T0 + HOUR}

    asyncio.run(asyncio.wait_for(go(), 60))
