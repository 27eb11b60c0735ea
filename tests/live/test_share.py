"""Several ingesters in one shared subscription, with a real Mosquitto and a real InfluxDB: who comes, goes and dies.

Seats are sessions of the broker, and each of them keeps its part of the messages. So what is proven is that every seat
is somebody's again within seconds, and that the store has all that the broker has acknowledged to the publisher.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from ingest_kill import Ingester, Ledger, _load, compare
from ingest_plant import plant
from servers import Influxd, Mosquitto

SEATS = 6
SECONDS = 15.0
_MOVE = re.compile(r"seat (\d+) is (taken|given up)")


class Sharer(Ingester):
    """An ingester of the group, with files of its own."""

    def __init__(self, broker: str, store: str, folder: Path, name: str, **settings: str) -> None:
        (folder / name).mkdir()
        super().__init__(broker, store, folder / name)
        self._environ |= {
            "QILU_INGEST_SHARE": "crew",
            "QILU_INGEST_SEATS": str(SEATS),
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


async def under_load(mosquitto: Mosquitto, store: str, story: Story, sharers: list[Sharer]) -> None:
    """Tell the story while about 500 messages a second come; then everything must be stored, by whoever is left."""
    ledger, told = Ledger(), asyncio.Event()
    await sharers[0].start()
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
def test_who_comes_goes_and_dies_takes_nothing_along(mosquitto: Mosquitto, influx_url: str, tmp_path: Path) -> None:
    a, b, c, d = (Sharer(mosquitto.url, influx_url, tmp_path, name) for name in "abcd")

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
def test_a_store_that_is_away_keeps_nobody_from_a_seat(
    mosquitto: Mosquitto, influxd: Influxd, influx_url: str, tmp_path: Path
) -> None:
    """Who gives a seat up with writes under way leaves them to the next one, and ends in time."""
    a, b = (Sharer(mosquitto.url, influx_url, tmp_path, name) for name in "ab")

    async def story() -> list[Sharer]:
        await divided(a)
        influxd.stop()
        try:
            await asyncio.sleep(1.0)
            await b.start()
            await divided(a, b)
            code, took_s = a.end()
            assert (code, took_s < 10) == (0, True), a.log()
            await divided(b)
        finally:
            influxd.start()
        return [b]

    asyncio.run(under_load(mosquitto, influx_url, story, [a, b]))


@pytest.mark.slow
def test_seats_that_are_given_wait_for_their_own(mosquitto: Mosquitto, influx_url: str, tmp_path: Path) -> None:
    """Without a shared directory nobody else takes them: what is in them comes when their ingester is back."""
    a = Sharer(mosquitto.url, influx_url, tmp_path, "a", own_seats="[0, 2, 4]")
    b = Sharer(mosquitto.url, influx_url, tmp_path, "b", own_seats="[1, 3, 5]")

    async def story() -> list[Sharer]:
        await b.start()
        await divided(a, b)
        await asyncio.sleep(0.5)
        b.kill()
        await asyncio.sleep(1.5)
        assert len(a.seats) == SEATS // 2
        await b.start()
        return [a, b]

    asyncio.run(under_load(mosquitto, influx_url, story, [a, b]))
    assert not (tmp_path / "seats").exists()
