"""A plant of several lines: which are there, which one is shown, and that their streams are kept apart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import page_plant
import pytest
from page_plant import CALM, LINE, MIN, NOW, H

from console.feed import Feed
from console.page_data import Pipeline
from console.roster import main_line
from console.seen import Levels
from console.settings import Page
from console.snapshot import LineEntry, board, history, lines
from console.watch import Watch
from contract import Birth
from historian import Frame, ModelHistorian

PRESS = page_plant.Spec("press", page_plant.parallel("press", 2), 16, 3, 210, 95)
KILN = page_plant.Spec("kiln", ("kiln-1",), 7, 1, 6, 300)
HERE = tuple(LINE.values())
THERE = ("boshan-ceramics", *HERE[1:])
NOWHERE = ("nowhere", *HERE[1:])
DOWN = {"state": "Aborted", "reason": "breakdown", "cause": "roller broken"}


def there(frames: list[Frame]) -> list[Frame]:
    """The same, of another enterprise."""
    return [
        Frame(frame.measurement, {**frame.tags, "enterprise": THERE[0]}, frame.time_ns, frame.fields)
        for frame in frames
    ]


def plant() -> list[Frame]:
    down = page_plant.state_frame("kiln-1", [(NOW - H, CALM), (NOW - MIN, DOWN)])
    return [
        *page_plant.whole((PRESS,)),
        *there([*page_plant.births((KILN,)), *page_plant.kpis((KILN,), seed=2), down]),
    ]


def watch(frames: list[Frame]) -> Watch:
    async def look() -> Watch:
        store = ModelHistorian()
        await store.write(frames)
        found = Watch(store, 24, lambda: 0.0)
        await found.look()
        return found

    return asyncio.run(look())


def test_the_lines_are_those_with_machines_by_name_with_what_is_stopped_now() -> None:
    market = Birth(boot="000000aa", seq=1, t=NOW, role="market", model="m", version="1")
    shop = page_plant.birth_frame(LINE | {"line": "web", "machine": "consumers"}, market)
    calm = page_plant.state_frame("press-1", [(NOW, CALM)]), page_plant.state_frame("press-2", [(NOW, CALM)])
    assert lines(watch([*plant(), *calm, shop]).seen) == [
        LineEntry(place=list(THERE), machines=1, stopped=1),
        LineEntry(place=list(HERE), machines=2, stopped=0),
    ]
    assert lines(watch([]).seen) == []


def test_a_machine_that_is_gone_is_not_stopped() -> None:
    death = Frame(
        "death", LINE | {"machine": "kiln-1"}, [NOW], {"_boot": [page_plant.BOOT], "_seq": [9], "reason": ["end"]}
    )
    assert [entry.stopped for entry in lines(watch([*plant(), *there([death])]).seen)] == [0, 0]


@pytest.mark.parametrize(
    ("wanted", "shown"), [(None, HERE), (HERE, HERE), (THERE, THERE), (NOWHERE, HERE), ((), HERE), (THERE[:2], HERE)]
)
def test_the_wanted_line_is_shown_and_the_largest_where_there_is_none_such(
    wanted: Levels | None, shown: Levels
) -> None:
    seen = watch(plant()).seen
    line = main_line(seen.members, wanted)
    assert line is not None
    assert line.place == shown
    assert board(seen, Pipeline(plant_now_ns=NOW), wanted=wanted).place == list(shown)


def test_each_line_has_its_own_figures_machines_stops_and_past() -> None:
    seen = watch(plant()).seen
    here, other = (board(seen, Pipeline(plant_now_ns=NOW), wanted=place) for place in (HERE, THERE))
    assert [tile.path for step in other.steps for tile in step.tiles] == ["/".join((*THERE, "kiln-1"))]
    assert {event.name for event in other.events} == {"kiln-1"}
    assert not {event.name for event in here.events} & {"kiln-1"}
    assert here.headline.line.unit_cost != other.headline.line.unit_cost
    assert here.headline.site.energy_kwh != other.headline.site.energy_kwh
    past = history(seen, 24, THERE)
    assert list(past.machines) == ["/".join((*THERE, "kiln-1"))]
    assert past.line.oee != history(seen, 24, HERE).line.oee


def parsed(message: bytes) -> tuple[str, Any]:
    name, _, data = message.decode().removeprefix("event: ").partition("\ndata: ")
    return name, json.loads(data)


async def until_board(stream: AsyncIterator[bytes]) -> dict[str, Any]:
    """What a stream says up to its next board, by the name of the event."""
    found: dict[str, Any] = {}
    async for message in stream:
        if message.startswith(b"event: "):
            name, data = parsed(message)
            found[name] = data
            if name == "board":
                break
    return found


def test_two_browsers_watch_two_lines_and_are_told_what_changed() -> None:
    async def body() -> None:
        store = ModelHistorian()
        await store.write(plant())
        feed = Feed(Page(refresh_s=0.02), store, lambda: Pipeline(plant_now_ns=NOW, phase="live"), lambda: 0.0)
        stop = asyncio.Event()
        running = asyncio.create_task(feed.run(stop))
        streams = [feed.messages(wanted) for wanted in (HERE, THERE, NOWHERE)]
        for stream, place in zip(streams, (HERE, THERE, HERE), strict=True):
            while (said := await until_board(stream))["board"]["place"] != list(place):
                assert said["board"]["steps"] == []  # before the first look
        assert json.loads(feed.snapshot(THERE))["board"]["place"] == list(THERE)
        assert [entry["stopped"] for entry in json.loads(feed.snapshot())["lines"]] == [1, 0]
        over = page_plant.state_frame("kiln-1", [(NOW, CALM)])
        await store.write(there([over]))
        while not (changed := await until_board(streams[0])).get("lines"):
            pass
        assert [entry["stopped"] for entry in changed["lines"]] == [0, 0]
        stop.set()
        await running
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(asyncio.wait_for(body(), 20))
