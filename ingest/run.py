"""The shell of the ingester: it owns the loop, the connections, the disk and the clock.

What it is: the composition of door (``door.py``), carrier (``carrier.py``) and what we say about ourselves, and their
orderly end.
What it is not: the place of any decision about a message.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import random
from collections.abc import Callable
from typing import Final

from contract import WriteError
from historian.base import Historian
from ingest.admission import Admission
from ingest.batch import Limits
from ingest.carrier import Carrier
from ingest.deadletter import DeadLetters
from ingest.door import Door
from ingest.failpoints import Failpoints
from ingest.formats import Formats
from ingest.session import Session
from ingest.settings import Settings
from ingest.status import Status
from ingest.subscriber import Inbound
from service import Broker, Heartbeat

BEAT_S: Final = 1.0
REPORT_EVERY_BEATS: Final = 5
TELL_EVERY_BEATS: Final = 60
"""How often the log may speak of dead letters: a device that is ill is ill at every message."""
DRAIN_S: Final = 6.0
"""How long the end waits for the store; with the rest it stays below 10 s. What is left is the broker's."""
LAST_REPORT_S: Final = 1.0

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
        ConfigError: the dead letters' directory or the password file cannot be used.
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
        self._status = status or Status()
        self._status.window = settings.receive_maximum
        self._now = asyncio.get_running_loop().time
        self._dead = DeadLetters(settings.dead_letters)
        self._heartbeat = Heartbeat(settings.heartbeat, lambda: clock_ns() / 1e9)
        self._drained_by_s: float | None = None
        self._carrier = Carrier(
            store,
            Limits(messages=settings.batch_messages, size=settings.batch_bytes, wait_s=settings.batch_wait_ms / 1000),
            understand=Formats().understand,
            admit=Admission().admit,
            dead_letters=self._dead,
            window=settings.receive_maximum,
            status=self._status,
            clock_ns=clock_ns,
            jitter=jitter,
            tell=self._store_is,
            failpoints=Failpoints.of(os.environ),
        )
        self._where = broker.url
        self._door = Door(
            Session.of(settings, broker),
            self._take,
            stop=stop,
            drain=self._drain,
            tell=self._link_is,
            clock_ns=clock_ns,
            jitter=jitter,
        )

    async def run(self) -> None:
        """Run the loops until the doors are closed, or until one of them fails."""
        tasks = [asyncio.create_task(loop()) for loop in (self._doors, self._carrier.run, self._beat_loop)]
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
        if self._status.store_error is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_REPORT_S):
                    await self._report()  # the last word, so that the stored counts are the final ones

    async def _doors(self) -> None:
        await self._door.run()
        await self._drain()
        if left := self._carrier.batcher.buffered:
            _LOG.warning("stopping with %d messages unwritten; the broker keeps them and sends them again", left)

    async def _drain(self) -> None:
        """Have what is batched written, as far as there is time."""
        self._carrier.hurry()
        if self._drained_by_s is None:
            self._drained_by_s = self._now() + DRAIN_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._drained_by_s):
                await self._carrier.drained()

    def _take(self, message: Inbound) -> None:
        self._carrier.take(message, message.qos)

    # What we say ------------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        """Store our own counters. A status that cannot be stored is worth no second attempt."""
        self._status.count(self._carrier.batcher.counters)
        try:
            await self._store.write([self._status.frame(self._settings.client_id, self._clock_ns())])
        except WriteError as error:
            _LOG.debug("own status not stored: %s", error)

    async def _beat_loop(self) -> None:
        beats = told = tell_again = 0
        while True:
            self._status.count(self._carrier.batcher.counters)
            self._beat()
            if self._status.dead_lettered > told and beats >= tell_again:
                tell_again = beats + TELL_EVERY_BEATS
                fresh, told = self._status.dead_lettered - told, self._status.dead_lettered
                _LOG.warning("%d messages became dead letters, see %s", fresh, self._settings.dead_letters)
            beats += 1
            if beats % REPORT_EVERY_BEATS == 0 and self._status.store_error is None:
                await self._report()
            await asyncio.sleep(BEAT_S)

    def _beat(self) -> None:
        status = self._status
        self._heartbeat.beat({"problem": status.problem(self._now()), **dataclasses.asdict(status)})

    def _link_is(self, error: str | None) -> None:
        self._status.connected = error is None
        self._status.sessions_forgotten, self._status.takeovers = self._door.forgotten, self._door.taken_over
        self._status.reconnects = max(0, self._door.connections - 1)
        if self._status.link(error, self._now()):
            if error is None:
                _LOG.info("connected to %s as %r", self._where, self._settings.client_id)
            else:
                _LOG.warning("%s; trying again until it works", error)

    def _store_is(self, error: str | None) -> None:
        self._status.count(self._carrier.batcher.counters)
        if self._status.store(error, self._now()):
            if error is None:
                _LOG.info("the store takes batches again")
            else:
                _LOG.warning("%s; trying again until it works", error)
