"""The door: connected again after every loss, but never before all that came is settled; and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
from ingest_broker import Guest, ScriptedBroker
from ingest_plant import until

from ingest import door as door_module
from ingest.door import Door, Hooks
from ingest.session import Session
from ingest.subscriber import Inbound, Link


class Noted(Hooks):
    """Notes what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def opened(self, link: Link) -> None:
        self.told.append("opened")

    async def ending(self, link: Link) -> None:
        assert not link.lost.is_set(), "there is still something to say it with"
        self.told.append("ending")

    def ended(self) -> None:
        self.told.append("ended")


@dataclass
class Hall:
    """A door, and what came through it."""

    sessions: list[Session]
    got: list[Inbound] = field(default_factory=list)
    errors: list[str | None] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    hooks: Noted = field(default_factory=Noted)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    def wanted(self) -> Session:
        self.asked += 1
        return self.sessions[min(self.asked, len(self.sessions)) - 1]

    async def drain(self, _link: Link) -> None:
        await self.drained.wait()
        for message in self.got:
            message.acknowledge()

    def door(self) -> Door:
        return Door(
            self.wanted,
            self.got.append,
            stop=self.stop,
            drain=self.drain,
            tell=self.errors.append,
            clock_ns=time.time_ns,
            jitter=lambda: 0.0,
            hooks=self.hooks,
        )


@contextlib.asynccontextmanager
async def running(hall: Hall) -> AsyncIterator[Door]:
    door = hall.door()
    task = asyncio.create_task(door.run())
    try:
        yield door
        hall.stop.set()
        hall.drained.set()
        await asyncio.wait_for(task, 5)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def guest(broker: ScriptedBroker, number: int) -> Guest:
    """The so manieth connection, when it is subscribed."""
    await until(lambda: len(broker.guests) >= number and broker.guests[number - 1].topics)
    return broker.guests[number - 1]


def test_the_next_connection_waits_until_all_that_the_old_one_brought_is_settled() -> None:
    async def scene() -> None:
        async with ScriptedBroker().open() as broker:
            hall = Hall([broker.session()])
            async with running(hall) as door:
                first = await guest(broker, 1)
                for number in (1, 2):
                    first.give("x/y", b"1", number)
                await until(lambda: len(hall.got) == 2)
                first.cut()
                hall.got[0].acknowledge()
                await asyncio.sleep(0.5)  # the first back-off is 0.125 s
                assert len(broker.guests) == 1, "one message of the old connection is not durable yet"
                assert door.link is None
                hall.got[1].acknowledge()
                second = await guest(broker, 2)
                await until(lambda: door.link is not None)
                assert second.acknowledged == first.acknowledged == [], "an old message has no way to a new connection"
                hall.got.clear()

    asyncio.run(scene())


def test_a_link_that_is_lost_is_told_and_mended_and_the_hooks_hear_of_it() -> None:
    async def scene() -> None:
        async with ScriptedBroker().open() as broker:
            broker.present = True
            hall = Hall([broker.session("one"), broker.session("two", "y/#")])
            async with running(hall) as door:
                (await guest(broker, 1)).cut()
                second = await guest(broker, 2)
                assert (second.client_id, second.topics) == ("two", ["y/#"]), "it is asked anew each time"
                await until(lambda: door.link is not None)
                assert (door.connections, door.forgotten, door.taken_over) == (2, 0, 0)
                assert hall.errors[0] is None
                assert "is another client connected as 'one'?" in str(hall.errors[1]), "it lived less than 10 s"
                assert hall.errors[2:] == [None]
            assert second.goodbye
            assert hall.hooks.told == ["opened", "ended", "opened", "ending", "ended"]

    asyncio.run(scene())


@pytest.mark.parametrize("clean", [False, True])
def test_a_session_that_the_broker_has_forgotten_is_counted(clean: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with ScriptedBroker().open() as broker:
            hall = Hall([broker.session(clean=clean)])
            async with running(hall) as door:
                (await guest(broker, 1)).cut()
                await guest(broker, 2)
                await until(lambda: door.connections == 2)
                assert door.forgotten == (0 if clean else 1), "a clean session is never known, and the first was new"

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())
    assert ("forgotten our session" in caplog.text) is not clean


def test_who_has_been_thrown_out_leaves_the_session_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "TAKEN_OVER_S", 1.2)  # for 30

    async def scene() -> None:
        async with ScriptedBroker().open() as broker:
            hall = Hall([broker.session()])
            async with running(hall) as door:
                (await guest(broker, 1)).throw_out()
                await until(lambda: door.taken_over == 1)
                began_s = time.monotonic()
                assert "session taken over" in str(hall.errors[-1])
                assert "is another client connected as 'door'?" in str(hall.errors[-1])
                await guest(broker, 2)
                assert time.monotonic() - began_s >= 0.6, "jitter 0 is half of it"

    asyncio.run(scene())


def test_at_the_end_everything_is_acknowledged_before_the_goodbye_and_nothing_more_comes_in() -> None:
    async def scene() -> None:
        async with ScriptedBroker().open() as broker:
            hall = Hall([broker.session()])
            async with running(hall):
                only = await guest(broker, 1)
                for number in (7, 8, 9):
                    only.give("x/y", b"1", number)
                await until(lambda: len(hall.got) == 3)
                hall.stop.set()
                await asyncio.sleep(0.1)
                only.give("x/y", b"late", 10)
                await asyncio.sleep(0.1)
                assert (only.goodbye, only.acknowledged) == (False, []), "it waits for the store"
            await until(lambda: only.gone)
            assert only.goodbye
            assert only.acknowledged == [7, 8, 9]
            assert len(hall.got) == 3, "the late one stays the broker's"

    asyncio.run(scene())


def test_the_end_waits_for_no_broker_that_does_not_answer() -> None:
    async def scene() -> None:
        async with ScriptedBroker().open() as broker:
            broker.silent = True
            hall = Hall([broker.session()])
            async with running(hall):
                await until(lambda: broker.guests)
                began_s = time.monotonic()
            assert time.monotonic() - began_s < 1
            assert hall.errors == []
            assert hall.hooks.told == []

    asyncio.run(scene())


def test_a_broker_that_is_not_there_is_tried_less_and_less_often_until_it_is() -> None:
    async def scene() -> None:
        with socket.create_server(("127.0.0.1", 0)) as reserved:
            port = reserved.getsockname()[1]
        broker = ScriptedBroker()
        hall = Hall([replace(broker.session(), port=port)])
        async with running(hall) as door:
            await asyncio.sleep(1.2)  # tries at 0, 0.125, 0.375 and 0.875 s
            assert 3 <= len(hall.errors) <= 5
            assert all("connection refused" in str(error) for error in hall.errors)
            async with broker.open(port):
                await until(lambda: door.link is not None, 6)
                assert hall.errors[-1] is None
                hall.stop.set()
                hall.drained.set()
                await until(lambda: broker.guests[-1].goodbye)

    asyncio.run(scene())
