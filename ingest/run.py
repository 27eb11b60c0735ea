"""The shell of the ingester: it owns the loop, the connections, the disk and the clock.

What it is: the composition of door (``door.py``), carrier (``carrier.py``) and what we say about ourselves, and their
orderly end.
What it is not: the place of any decision about a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from contract import ConfigError, LinkError
from contract.sparkplug import NAMESPACE
from historian.base import Historian
from ingest import sparkplug_heard
from ingest.admission import Admission, SharedGaps
from ingest.alarms import Alarms
from ingest.batch import Limits
from ingest.carrier import Carrier
from ingest.deadletter import DeadLetters
from ingest.door import Door, either
from ingest.doors import Doors, division
from ingest.failpoints import Failpoints
from ingest.formats import Formats
from ingest.gap_watch import CHECK_S, GapWatch
from ingest.gaps import Gaps
from ingest.herald import Herald
from ingest.lag import Lags
from ingest.mapping import Mapping
from ingest.mapping_format import foreign
from ingest.memory import Memory
from ingest.monitor import Monitor
from ingest.mqtt_packets import Message
from ingest.register import Register
from ingest.session import Session
from ingest.settings import Settings
from ingest.sparkplug_door import SparkplugDoor
from ingest.status import Status
from ingest.subscriber import Inbound, Link
from ingest.web import serving
from service import Broker, Heartbeat, together
from service.datafiles_io import read_bytes

DRAIN_S: Final = 6.0
"""How long the end waits for the store; with the rest it stays below 10 s. What is left is the broker's."""
SAY_S: Final = 5.0

_LOG: Final = logging.getLogger("qilu.ingest")


async def ingest(
    settings: Settings,
    broker: Broker,
    store: Historian,
    *,
    stop: asyncio.Event,
    clock_ns: Callable[[], int],
    status: Status | None = None,
    jitter: Callable[[], float] = random.random,
) -> None:
    """Carry messages from the broker into the store until ``stop`` is set.

    Args:
        settings: what to subscribe to, and how to batch.
        broker: where the messages come from; it need not be there yet.
        store: where they go; it stays open.
        stop: set it to end: what is batched is written and acknowledged, within 10 s.
        clock_ns: ns UTC.
        status: kept up to date, for whoever wants to look.
        jitter: draws from [0, 1) that spread the waits.

    Raises:
        ConfigError: the dead letters' directory, the password file or the mapping file cannot be used.
    """
    await _Ingester(settings, broker, store, stop=stop, clock_ns=clock_ns, status=status, jitter=jitter).run()


class _Ingester:
    def __init__(
        self,
        settings: Settings,
        broker: Broker,
        store: Historian,
        *,
        stop: asyncio.Event,
        clock_ns: Callable[[], int],
        status: Status | None,
        jitter: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._store = store
        self._stop = stop
        self._clock_ns = clock_ns
        self._jitter = jitter
        self._now = asyncio.get_running_loop().time
        self._where = broker.url
        self._status = status or Status()
        self._status.window = settings.receive_maximum
        self._drained_by_s: float | None = None
        mapping = _mapping(settings.mapping)
        filters = mapping.filters if mapping else ()
        session = Session.of(settings, broker, filters)
        seats, partitions = division(settings, filters)
        client = settings.client_id if seats is None else f"{settings.client_id}-worker-{seats.worker}"
        memory = Memory(settings.memory if seats is None else "")
        self._failpoints = Failpoints.of(os.environ)
        self._dead = DeadLetters(settings.dead_letters)
        self._admission = _admission(settings, mapping, memory, self._now)
        lags = Lags()
        register = self._admission.register
        self._monitor = Monitor(client, self._status, self._count, clock_ns, lags, Alarms(), register)
        heartbeat = Heartbeat(settings.heartbeat, lambda: clock_ns() / 1e9)
        self._herald = Herald(
            self._monitor,
            store,
            heartbeat,
            memory,
            self._admission,
            dead_letters=settings.dead_letters,
            clock_ns=clock_ns,
        )
        self._carrier = Carrier(
            store,
            Limits(messages=settings.batch_messages, size=settings.batch_bytes, wait_s=settings.batch_wait_ms / 1000),
            open_batch=self._admission.open,
            lags=lags,
            dead_letters=self._dead,
            window=settings.receive_maximum,
            status=self._status,
            clock_ns=clock_ns,
            jitter=jitter,
            tell=self._herald.store_is,
            failpoints=self._failpoints,
        )
        self._watch = self._watch_over(self._admission.gaps)
        self._doors = Doors(session, settings.share, seats, self._door, stop, partitions=partitions)
        self._sparkplug = self._sparkplug_host(session, alone=seats is None) if settings.sparkplug_host else None

    def _sparkplug_host(self, session: Session, *, alone: bool) -> SparkplugDoor:
        settings = self._settings
        if not alone:
            raise ConfigError(
                "ingest.sparkplug_host: a Sparkplug host has one connection, so it cannot be one of several ingesters; "
                "give it an ingester of its own, without ingest.share and ingest.partitions"
            )
        return SparkplugDoor(
            settings,
            session,
            lambda heard: self._carrier.take(heard, 1),  # its own brake holds back, so nothing is turned away
            say=self._say,
            room=lambda: self._carrier.batcher.buffered < settings.receive_maximum,
            status=self._status,
            clock_ns=self._clock_ns,
            failpoints=self._failpoints,
        )

    async def run(self) -> None:
        """Run the loops until the doors are closed, or until one of them fails."""
        async with serving(self._settings.http, self._monitor) as url:
            if url:
                _LOG.info("health, metrics and status at %s", url)
            await self._run()
        if self._status.store_error is None:
            await self._herald.report()  # the last word, so that the stored counts are the final ones

    async def _run(self) -> None:
        loops = [self._listen, self._carrier.run, self._herald.run, self._watch_loop]
        if self._sparkplug is not None:
            loops.append(self._sparkplug.tick)
        tasks = [asyncio.create_task(loop()) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._dead.close()
            self._status.connected = False
            self._herald.keep()

    async def _listen(self) -> None:
        """All sessions, until the end; then what they brought is carried as far as there is time."""
        async with together() as start:
            start(self._doors.run())
            if self._sparkplug is not None:
                start(self._door_of(self._sparkplug).run())
        await self._drain()
        if left := self._carrier.batcher.buffered:
            _LOG.warning("stopping with %d messages unwritten; the broker keeps them and sends them again", left)

    def _door(self, session: Session, stop: asyncio.Event) -> Door:
        return Door(
            lambda: session,
            self._take if self._sparkplug is None else self._take_and_pass,
            stop=stop,
            drain=self._drain_link,
            tell=self._link_is,
            clock_ns=self._clock_ns,
            jitter=self._jitter,
        )

    def _take(self, message: Inbound) -> None:
        self._carrier.take(message, message.qos)

    def _take_and_pass(self, message: Inbound) -> None:
        self._carrier.take(message, message.qos)
        assert self._sparkplug is not None
        self._sparkplug.overhear(message)

    def _door_of(self, sparkplug: SparkplugDoor) -> Door:
        return Door(
            sparkplug.wanted,
            sparkplug.take,
            stop=self._stop,
            drain=self._drain_link,
            tell=sparkplug.tell,
            clock_ns=self._clock_ns,
            jitter=self._jitter,
            hooks=sparkplug,
        )

    async def _drain_link(self, link: Link) -> None:
        """Have what one connection has brought written, as far as there is time: others go on, or all end."""
        await either(self._stop, link.settled.wait(), delay_s=DRAIN_S)
        if self._stop.is_set():
            await self._drain()

    async def _drain(self) -> None:
        """Have what is batched written, as far as there is time."""
        self._carrier.hurry()
        if self._drained_by_s is None:
            self._drained_by_s = self._now() + DRAIN_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._drained_by_s):
                await self._carrier.drained()

    async def _say(self, message: Message) -> None:
        """Publish over any connection that stands; raises LinkError."""
        link = next((door.link for door in self._doors.open if door.link is not None), None)
        if link is None:
            raise LinkError("there is no connection to the broker")
        try:
            async with asyncio.timeout(SAY_S):
                await link.publish(message)
        except TimeoutError:
            raise LinkError(f"the broker has not taken a message within {SAY_S:.0f} s") from None

    def _watch_over(self, gaps: Gaps) -> GapWatch:
        say = self._say if self._settings.resend else None
        return GapWatch(gaps, self._store, say, self._clock_ns, self._settings.gap_grace_s)

    async def _watch_loop(self) -> None:
        """Look for gaps while all messages come to us: what is missing here others of the group may have."""
        while True:
            await asyncio.sleep(CHECK_S)
            if not self._doors.whole:
                self._status.gaps_missing = 0
                continue
            if self._doors.parted:  # what came to others we do not know: begin anew, and ask the store
                self._doors.parted, self._admission.gaps = False, SharedGaps()
                self._watch = self._watch_over(self._admission.gaps)
            if self._status.store_error is None:
                await self._watch.look(self._now())
                self._status.gaps_missing = self._watch.count

    def _link_is(self, error: str | None) -> None:
        if error is not None or self._doors.connected:  # or another session of ours is still away
            self._herald.link_is(error, self._where)

    def _count(self) -> None:
        """Bring the status up to date."""
        self._status.count(self._carrier.batcher.counters)
        tally = self._doors.tally
        self._status.sessions_forgotten, self._status.takeovers, self._status.reconnects = tally
        self._status.dead_letter_bytes = self._dead.kept_bytes
        self._status.dead_letter_limit_bytes = self._dead.limit_bytes


def _mapping(path: str) -> Mapping | None:
    """The mapping file of the settings; raises ConfigError when it is not there or wrong."""
    return Mapping.parse(read_bytes(Path(path)), path) if path else None


def _admission(settings: Settings, mapping: Mapping | None, memory: Memory, now_s: Callable[[], float]) -> Admission:
    """The desk, with what is remembered of the last time."""
    others = [foreign(mapping)] if mapping else []
    if settings.sparkplug_host:
        others.append((lambda topic: topic.startswith(f"{NAMESPACE}/"), sparkplug_heard.understand))
    register = Register(settings.max_series, settings.max_fields)
    gaps = memory.recall(SharedGaps, register, now_s())
    return Admission(Formats(others).understand, register, gaps, now_s, settings.places)
