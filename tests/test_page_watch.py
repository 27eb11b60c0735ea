from __future__ import annotations

import asyncio
from collections.abc import Sequence

import page_plant
from page_plant import LINE, MIN, NOW, H, S

from console.page_data import Pipeline
from console.snapshot import board, history
from console.watch import SLOW_EVERY, Watch
from historian import Frame, ModelHistorian, Query, Table, open_store

PRESS = page_plant.Spec("press", ("press-1",), 16, 3, 210, 95)
LEVELS = (*LINE.values(), "press-1")
DOWN = {"state": "Aborted", "reason": "breakdown", "cause": "die wear"}
NOBODY = ("a", "b", "c", "d", "e")


class Counting(ModelHistorian):
    """A store that says what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Query] = []

    async def read(self, query: Query) -> Table:
        self.asked.append(query)
        await asyncio.sleep(0)
        return await super().read(query)


async def watching(*frames: Frame) -> tuple[Counting, Watch]:
    store = Counting()
    await store.write(frames)
    return store, Watch(store, 24, lambda: 0.0)


def looked(frames: Sequence[Frame], *later: Sequence[Frame]) -> Watch:
    async def look() -> Watch:
        store, watch = await watching(*frames)
        await watch.look()
        for batch in later:
            await store.write(batch)
            await watch.look()
        return watch

    return asyncio.run(look())


def test_duckdb_and_the_model_give_the_same_page() -> None:
    async def pages(url: str) -> tuple[object, object]:
        store = open_store(url) if url else ModelHistorian()
        async with store:
            await store.write(page_plant.whole())
            watch = Watch(store, 24, lambda: 0.0)
            for _ in range(2):
                await watch.look()
            return board(watch.seen, Pipeline(plant_now_ns=NOW)), history(watch.seen, 24)

    assert asyncio.run(pages("duckdb::memory:")) == asyncio.run(pages(""))


def test_a_store_that_fills_up_is_followed() -> None:
    frames = [*page_plant.births((PRESS,)), page_plant.state_frame("press-1", [(NOW, page_plant.CALM)])]
    watch = looked([], frames, page_plant.kpis((PRESS,)), [page_plant.state_frame("press-1", [(NOW + S, DOWN)])])
    now = board(watch.seen, Pipeline(plant_now_ns=NOW + MIN))
    assert now.events[0].cause == "die wear"
    assert now.headline.line.oee is not None
    assert history(watch.seen, 24).line.oee.count(None) == 1


def test_a_short_stop_between_two_looks_is_not_missed() -> None:
    frames = [*page_plant.births((PRESS,)), page_plant.state_frame("press-1", [(NOW, page_plant.CALM)])]
    stop = page_plant.state_frame("press-1", [(NOW + S, DOWN), (NOW + 40 * S, page_plant.CALM)])
    watch = looked(frames, [stop])
    assert [e.cause for e in board(watch.seen, Pipeline(plant_now_ns=NOW + MIN)).events] == ["die wear"]


def test_a_window_that_is_written_again_is_read_again() -> None:
    window = {"apt_ns": 1, "pri_pq_ns": 1, "pri_gq_ns": 1, "gq": 1, "rq": 0, "sellable": 1, "cost_total": 5.0}
    start = NOW // (5 * MIN) * (5 * MIN)
    first = page_plant.kpi_frame("line", LINE, "5m", start, NOW, window)
    again = page_plant.kpi_frame("line", LINE, "5m", start, NOW, window | {"cost_total": 9.0})
    watch = looked([*page_plant.births((PRESS,)), first], [again])
    assert board(watch.seen, Pipeline(plant_now_ns=NOW)).headline.line.unit_cost == 9.0


def test_what_came_hours_late_is_found_by_the_next_slow_look() -> None:
    frames = [*page_plant.births((PRESS,)), page_plant.state_frame("press-1", [(NOW - 2 * H, page_plant.CALM)])]
    frames += [page_plant.state_frame("press-1", [(NOW, page_plant.CALM)]), *page_plant.kpis((PRESS,))]
    late = page_plant.state_frame("press-1", [(NOW - H, DOWN)])
    calm = [()] * 3  # the first looks are slow ones: the page catches up with what is there
    assert board(looked(frames, *calm, [late]).seen, Pipeline(plant_now_ns=NOW)).events == []
    mended = looked(frames, *calm, [late], *([()] * SLOW_EVERY))
    assert [e.cause for e in board(mended.seen, Pipeline(plant_now_ns=NOW)).events] == ["die wear"]


def test_a_usual_look_reads_the_newest_alone() -> None:
    async def asked() -> list[Query]:
        store, watch = await watching(*page_plant.whole())
        while await watch.look():
            store.asked.clear()
        return store.asked

    usual = asyncio.run(asked())
    assert sorted(query.measurement for query in usual) == ["kpi", "meter", "state"]
    assert all(query.start_ns is not None and query.start_ns >= NOW - 2 * H for query in usual)


def test_a_panel_is_read_once_however_many_ask() -> None:
    async def panels() -> tuple[Counting, int]:
        store, watch = await watching(*page_plant.whole((PRESS,)))
        await watch.look()
        store.asked.clear()
        details = await asyncio.gather(*(watch.detail(LEVELS) for _ in range(20)))
        assert await watch.detail(NOBODY) is None
        return store, len([d for d in details if d is not None])

    store, answered = asyncio.run(panels())
    assert answered == 20
    assert [query.measurement for query in store.asked] == ["telemetry"]


def test_a_panel_shows_every_sensor_beside_its_band_and_the_hour_by_element() -> None:
    async def panel() -> object:
        _, watch = await watching(*page_plant.whole((PRESS,)))
        await watch.look()
        return await watch.detail(LEVELS)

    found = asyncio.run(panel())
    force, vibration, temperature = found.readings  # type: ignore[attr-defined]
    assert (force.name, force.unit, force.low, force.high) == ("press_force", "kN", 2600, 2900)
    assert len(force.track) == 60
    assert 2600 < force.value < 2900
    assert vibration.value > vibration.high  # it rises through the hour
    assert None in temperature.track  # it said nothing for eight minutes
    assert sum(found.split_ms.values()) > 50 * 60_000  # type: ignore[attr-defined]
