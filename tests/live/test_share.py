"""Several ingesters that share the work, with a real Mosquitto and a real InfluxDB: who comes, goes and dies.

Seats are sessions of the broker, and each of them keeps its part of the messages. So what is proven is that every seat
is somebody's again within seconds, and that the store has all that the broker has acknowledged to the publisher.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from pathlib import Path

import aiomqtt
import pytest
from ingest_kill import Ingester, Ledger, compare
from ingest_plant import Said, plant, publish
from servers import Influxd, Mosquitto

from ingest.gap_watch import CHECK_S

SEATS = 6
SECONDS = 15.0
CHUNK = 40
PARTS = [f"qilu/v1/+/+/+/+/+/{kind}" for kind in ("telemetry", "state", "cycle", "meter", "birth", "death")]
SHARE = {"share": "crew", "seats": str(SEATS)}
PARTITIONS = {"partitions": json.dumps(PARTS)}
_MOVE = re.compile(r"seat (\d+) is (taken|given up)")


class Sharer(Ingester):
    """An ingester of the group, with files of its own."""

    def __init__(self, broker: str, store: str, folder: Path, name: str, **settings: str) -> None:
        (folder / name).mkdir()
        super().__init__(broker, store, folder / name)
        self._environ |= {
            "QILU_INGEST_SEATS_DIRECTORY": str(folder / "seats"),
            "QILU_INGEST_DEAD_LETTERS": str(folder / "dead"),
        } | {f"QILU_INGEST_{key.upper()}": value for key, value in settings.items()}
        self._path = folder / name / "log"

    @property
    def seats(self) -> set[int]:
        """The seats that it holds, by its log."""
        held: set[int] = set()
        for seat, what in _MOVE.findall(self._path.read_text() if self._path.exists() else ""):
            (held.add if what == "taken" else held.discard)(int(seat))
        return held


async def divided(*sharers: Sharer, within_s: float = SECONDS) -> float:
    """Wait until these hold all seats, none twice and evenly; returns how long that took."""
    began = time.monotonic()
    while True:
        held = [one.seats for one in sharers]
        sizes = [len(seats) for seats in held]
        if sorted(seat for seats in held for seat in seats) == list(range(SEATS)) and max(sizes) - min(sizes) <= 1:
            return time.monotonic() - began
        assert time.monotonic() - began < within_s, f"after {within_s} s the seats are {held}"
        await asyncio.sleep(0.02)


def keeps_the_law(status: dict[str, object]) -> bool:
    received, *parts = (
        int(str(status[name])) for name in ("received", "written", "duplicate", "dead_lettered", "buffered")
    )
    return received == sum(parts) and received > 0


Story = Callable[[], Awaitable[list[Sharer]]]


async def _load(url: str, said: Iterator[Said], ledger: Ledger, told: asyncio.Event) -> None:
    """About 500 messages a second; what a broker that goes away has not acknowledged is not promised."""
    while not told.is_set():
        chunk = list(islice(said, CHUNK))
        ledger.attempted += chunk
        with contextlib.suppress(aiomqtt.MqttError):
            await publish(
                url, [(one.topic, one.payload) for one in chunk], acked=lambda i, c=chunk: ledger.acked.add(c[i].name)
            )
        await asyncio.sleep(0.05)


async def under_load(mosquitto: Mosquitto, store: str, story: Story, sharers: list[Sharer], first: int = 1) -> None:
    """Tell the story while about 500 messages a second come; then everything must be stored, by whoever is left."""
    ledger, told = Ledger(), asyncio.Event()
    for one in sharers[:first]:  # each seat must have been opened once, or the broker keeps nothing for it
        await one.start()
    load = asyncio.create_task(_load(mosquitto.url, iter(plant(4, 60_000)), ledger, told))
    try:
        left = await story()
        await asyncio.sleep(0.5)
        told.set()
        await load
        for one in left:
            assert keeps_the_law(await one.settle()), one.log()
        for one in left:
            code, took_s = one.end()
            assert code == 0, one.log()
            assert took_s < 10
    finally:
        load.cancel()
        for one in sharers:
            if one._process is not None:
                one.kill()
    await compare(ledger, store)


@pytest.mark.slow
@pytest.mark.parametrize("division", [PARTITIONS, SHARE], ids=["partitions", "share"])
def test_who_comes_goes_and_dies_takes_nothing_along(
    mosquitto: Mosquitto, influx_url: str, tmp_path: Path, division: dict[str, str]
) -> None:
    a, b, c, d = (Sharer(mosquitto.url, influx_url, tmp_path, name, **division) for name in "abcd")

    async def story() -> list[Sharer]:
        await divided(a)  # alone, it holds all
        await asyncio.gather(b.start(), c.start())
        joined_s = await divided(a, b, c)
        await asyncio.sleep(0.5)
        b.kill()  # for good, in the middle of the load
        taken_s = await divided(a, c)
        await d.start()
        await divided(a, c, d)
        code, ended_s = c.end()  # an orderly end
        assert (code, ended_s < 10) == (0, True), c.log()
        left_s = await divided(a, d)
        print(f"seats: joined {joined_s:.1f} s, after SIGKILL {taken_s:.1f} s, after SIGTERM {ended_s + left_s:.1f} s")
        assert taken_s < 5
        return [a, d]

    asyncio.run(under_load(mosquitto, influx_url, story, [a, b, c, d]))


@pytest.mark.slow
def test_a_store_that_is_away_and_a_broker_that_restarts_take_nothing_either(
    mosquitto: Mosquitto, influxd: Influxd, influx_url: str, tmp_path: Path
) -> None:
    """By partitions; in a share Mosquitto forgets who subscribed, and drops what comes before they are back."""
    a, b = (Sharer(mosquitto.url, influx_url, tmp_path, name, **PARTITIONS) for name in "ab")

    async def story() -> list[Sharer]:
        await divided(a)
        influxd.stop()
        try:
            await asyncio.sleep(1.0)
            await b.start()
            await divided(a, b)  # who gives a seat up with writes under way leaves them to the next one
            code, took_s = a.end()
            assert (code, took_s < 10) == (0, True), a.log()
            await divided(b)
        finally:
            influxd.start()
        for _ in range(3):
            mosquitto.stop()
            mosquitto.start()
            await asyncio.sleep(0.5)
        return [b]

    asyncio.run(under_load(mosquitto, influx_url, story, [a, b]))


@pytest.mark.slow
def test_seats_that_are_given_wait_for_their_own(mosquitto: Mosquitto, influx_url: str, tmp_path: Path) -> None:
    """Without a shared directory nobody else takes them: what is in them comes when their ingester is back."""
    a = Sharer(mosquitto.url, influx_url, tmp_path, "a", own_seats="[0, 2, 4]", **PARTITIONS)
    b = Sharer(mosquitto.url, influx_url, tmp_path, "b", own_seats="[1, 3, 5]", **PARTITIONS)

    async def story() -> list[Sharer]:
        await divided(a, b)
        await asyncio.sleep(0.5)
        b.kill()
        await asyncio.sleep(1.5)
        assert len(a.seats) == SEATS // 2
        await b.start()
        return [a, b]

    asyncio.run(under_load(mosquitto, influx_url, story, [a, b], first=2))
    assert not (tmp_path / "seats").exists()


@pytest.mark.slow
def test_who_holds_all_seats_tells_what_is_missing(mosquitto: Mosquitto, influx_url: str, tmp_path: Path) -> None:
    """Exactly; two say nothing, for what one has not the other may have; and who is alone again asks the store."""
    a, b = (Sharer(mosquitto.url, influx_url, tmp_path, name, gap_grace_s="0.1", **PARTITIONS) for name in "ab")
    said = plant(9, 400)
    last = {one.address: one for one in said}.values()
    lost = [one for one in said[50:350:30] if one not in last]

    async def story() -> None:
        await a.start()
        await divided(a)
        await publish(mosquitto.url, [(one.topic, one.payload) for one in said if one not in lost])
        await a._until(lambda status: status["gaps_missing"] == len(lost))
        await b.start()
        await divided(a, b)
        await a._until(lambda status: status["gaps_missing"] == 0)
        b.kill()
        await divided(a)
        await asyncio.sleep(CHECK_S + 1)
        await publish(mosquitto.url, [(one.topic, one.payload) for one in last])  # again, so that each stream speaks
        await a._until(lambda status: status["gaps_missing"] == len(lost))

    try:
        asyncio.run(story())
    finally:
        for one in (a, b):
            if one._process is not None:
                one.kill()
