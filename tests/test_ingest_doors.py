"""All sessions of an ingester: seats are taken, given up when somebody joins, and taken over when somebody dies."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ingest_broker import ScriptedBroker
from ingest_plant import until

from ingest import doors as doors_module
from ingest.door import Door
from ingest.doors import Doors, together
from ingest.seats import OwnSeats, Seats
from ingest.session import Session

SEATS = 6


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors_module, "LOOK_S", 0.02)


class Crew:
    """Ingesters of one group, as far as their doors go, at one broker."""

    def __init__(self, broker: ScriptedBroker, folder: Path) -> None:
        self.broker = broker
        self.folder = folder
        self.tasks: list[asyncio.Task[None]] = []
        self.stops: list[asyncio.Event] = []

    def door(self, session: Session, end: asyncio.Event) -> Door:
        return Door(
            lambda: session,
            lambda message: message.acknowledge(),
            stop=end,
            drain=lambda _link: asyncio.sleep(0),
            tell=lambda _error: None,
            clock_ns=time.time_ns,
            jitter=lambda: 0.0,
        )

    def join(self, seats: Seats | OwnSeats | None = None, share: str = "crew") -> Doors:
        stop = asyncio.Event()
        chosen = seats or (Seats(self.folder, SEATS) if share else None)
        doors = Doors(self.broker.session("ingest", "a/#", "b/#"), share, chosen, self.door, stop)
        self.stops.append(stop)
        self.tasks.append(asyncio.create_task(doors.run()))
        return doors

    @property
    def names(self) -> list[str]:
        """Who is connected."""
        return sorted(guest.client_id for guest in self.broker.here if guest.client_id)


@contextlib.asynccontextmanager
async def crew(folder: Path) -> AsyncIterator[Crew]:
    async with ScriptedBroker().open() as broker:
        made = Crew(broker, folder)
        try:
            yield made
        finally:
            for task in made.tasks:
                task.cancel()
            await asyncio.gather(*made.tasks, return_exceptions=True)


ALL = [f"ingest-{seat}" for seat in range(SEATS)]


def test_without_a_group_there_is_one_session_under_its_own_name(tmp_path: Path) -> None:
    async def scene() -> None:
        async with crew(tmp_path) as made:
            doors = made.join(share="")
            await until(lambda: made.broker.guests and made.broker.guests[0].topics)
            assert (made.names, made.broker.guests[0].topics) == (["ingest"], ["a/#", "b/#"])
            assert len(doors.open) == 1
            made.stops[0].set()
            await asyncio.wait_for(made.tasks[0], 5)
            assert doors.open == []

    asyncio.run(scene())
    assert list(tmp_path.iterdir()) == []


def test_one_alone_holds_all_seats_and_asks_for_the_topics_of_the_group(tmp_path: Path) -> None:
    async def scene() -> None:
        async with crew(tmp_path) as made:
            doors = made.join()
            await until(lambda: len(made.names) == SEATS and all(guest.topics for guest in made.broker.guests))
            assert made.names == ALL
            assert {tuple(guest.topics) for guest in made.broker.guests} == {("$share/crew/a/#", "$share/crew/b/#")}
            assert len(doors.open) == SEATS
            made.stops[0].set()
            await asyncio.wait_for(made.tasks[0], 5)
            assert all(guest.goodbye for guest in made.broker.guests)
            left = Seats(tmp_path, SEATS)
            assert [left.claim() for _ in range(SEATS)] == list(range(SEATS)), "all locks are free"
            left.close()

    asyncio.run(scene())


def test_who_joins_gets_a_part_and_no_session_is_ever_open_twice(tmp_path: Path) -> None:
    async def scene() -> None:
        async with crew(tmp_path) as made:
            first = made.join()
            await until(lambda: len(made.names) == SEATS)
            second = made.join()
            while (len(first.open), len(second.open)) != (3, 3) or len(made.names) < SEATS:
                assert len(set(made.names)) == len(made.names), "two connections of one name throw each other out"
                await asyncio.sleep(0.002)
            assert made.names == ALL
            made.stops[0].set()
            await until(lambda: len(second.open) == SEATS and made.names == ALL)
            given_up = [guest for guest in made.broker.guests if guest.gone]
            assert len(given_up) == SEATS
            assert all(guest.goodbye for guest in given_up), "each was closed in order"

    asyncio.run(asyncio.wait_for(scene(), 30))


def test_the_seats_of_one_that_dies_are_taken_over(tmp_path: Path) -> None:
    async def scene() -> None:
        async with crew(tmp_path) as made:
            first, second = made.join(), made.join()
            await until(lambda: (len(first.open), len(second.open)) == (3, 3))
            made.tasks[0].cancel()
            await until(lambda: len(second.open) == SEATS and made.names == ALL)

    asyncio.run(asyncio.wait_for(scene(), 30))


def test_seats_that_are_given_are_opened_and_kept(tmp_path: Path) -> None:
    async def scene() -> None:
        async with crew(tmp_path) as made:
            made.join(OwnSeats([4, 1], SEATS))
            await until(lambda: made.names == ["ingest-1", "ingest-4"])
            await asyncio.sleep(0.1)
            assert made.names == ["ingest-1", "ingest-4"]

    asyncio.run(scene())


def test_a_door_that_fails_ends_the_others_with_its_error(tmp_path: Path) -> None:
    async def scene() -> None:
        async with crew(tmp_path) as made:
            doors = made.join()
            await until(lambda: len(made.names) == SEATS)

            def bug() -> Session:
                raise ZeroDivisionError("a bug")

            doors.open[2]._wanted = bug
            doors.open[2].link.abandon()  # type: ignore[union-attr]
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(made.tasks[0], 5)
            await until(lambda: made.names == [])
            left = Seats(tmp_path, SEATS)
            assert left.claim() == 0, "the locks are free"
            left.close()

    asyncio.run(scene())


def test_together_the_first_error_is_the_one_that_is_raised() -> None:
    ended: list[str] = []

    async def patient() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("patient")

    async def broken() -> None:
        raise LookupError("first")

    async def scene() -> None:
        with pytest.raises(LookupError, match="first"):
            async with together() as start:
                start(patient())
                start(broken())
        assert ended == ["patient"]

    asyncio.run(asyncio.wait_for(scene(), 5))
