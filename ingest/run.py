"""The shell of the ingester: it owns the loop, the connection, the disk and the clock.

What it is: broker -> check -> batch -> store -> acknowledge, in that order and never another. One write is under way
while the next batch collects; the broker's window, not our memory, holds the rest.
What it is not: the place of any decision about a message (``batch.py``), a write (``writing.py``) or MQTT
(``subscriber.py``).

A new connection is made only when everything that the old one brought is settled. So memory holds one window at
most, however often the link breaks while the store is down, and no acknowledgement is left over from the past.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from contract import LinkError, WriteError
from historian.base import Historian
from ingest.batch import Batch, Batcher, Limits
from ingest.deadletter import DeadLetters, letter
from ingest.session import Session
from ingest.settings import Settings
from ingest.status import Status
from ingest.subscriber import Inbound, Link, connect
from ingest.writing import Writer, backoff_s
from service import Broker, Heartbeat

BEAT_S: Final = 1.0
REPORT_EVERY_BEATS: Final = 5
TELL_EVERY_BEATS: Final = 60
"""How often the log may speak of dead letters: a device that is ill is ill at every message."""
DRAIN_S: Final = 6.0
"""How long the end waits for the store; with the rest it stays below 10 s. What is left is the broker's."""
LAST_REPORT_S: Final = 1.0
STABLE_S: Final = 10.0
"""A connection that lived shorter counts as a failed attempt: two clients of one name throw each other out for ever."""

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
        self._broker = broker
        self._store = store
        self._stop = stop
        self._clock_ns = clock_ns
        self._status = status or Status()
        self._jitter = jitter
        self._now = asyncio.get_running_loop().time
        self._batcher = Batcher(
            Limits(rows=settings.batch_rows, size=settings.batch_bytes, wait_s=settings.batch_wait_ms / 1000)
        )
        self._writer = Writer(store, asyncio.sleep, jitter, lambda error: self._store_is(str(error)))
        self._dead = DeadLetters(settings.dead_letters)
        self._heartbeat = Heartbeat(settings.heartbeat, lambda: clock_ns() / 1e9)
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._report_due = False
        self._drained_by_s: float | None = None

    async def run(self) -> None:
        """Run the three loops until the link loop ends, or until one of them fails."""
        tasks = [asyncio.create_task(loop()) for loop in (self._link_loop, self._write_loop, self._beat_loop)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._dead.close()
        if self._status.store_error is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_REPORT_S):
                    await self._report()  # the last word, so that the stored counts are the final ones

    # The link ---------------------------------------------------------------------------------------------------

    async def _link_loop(self) -> None:
        attempt = 0
        known = False
        while True:
            await self._either(self._empty.wait())
            if self._stop.is_set():
                break
            connecting = asyncio.ensure_future(
                connect(Session.of(self._settings, self._broker), self._take, self._clock_ns)
            )
            try:
                await self._either(connecting)
                link = await connecting
            except LinkError as error:
                attempt += 1
                self._link_is(str(error))
            except asyncio.CancelledError:
                if self._stop.is_set():
                    break
                raise
            else:
                if known and not link.session_present:
                    _LOG.warning("the broker has forgotten our session: what was published meanwhile may be lost")
                known = True
                attempt = 1 if await self._listen(link) else attempt + 1
            await self._either(delay_s=backoff_s(attempt, self._jitter()))
        await self._drain()
        if left := self._batcher.buffered:
            _LOG.warning("stopping with %d messages unwritten; the broker keeps them and sends them again", left)

    async def _listen(self, link: Link) -> bool:
        """Be connected until the link is lost, or what is batched at the end acknowledged; was it a stable link?"""
        stable_at_s = self._now() + STABLE_S
        self._link_is(None)
        self._status.connected = True
        try:
            await self._either(link.lost.wait())
            if self._stop.is_set():
                link.stop_listening()
                await self._drain()
            else:
                name = self._settings.client_id
                hint = "" if self._now() > stable_at_s else f"; is another client connected as {name!r}?"
                self._link_is(link.reason + hint)
        finally:
            self._status.connected = False
            await link.close()
        return self._now() > stable_at_s

    async def _drain(self) -> None:
        """Have what is batched written, as far as there is time."""
        self._wake.set()
        if self._drained_by_s is None:
            self._drained_by_s = self._now() + DRAIN_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._drained_by_s):
                await self._empty.wait()

    def _take(self, message: Inbound) -> None:
        if message.qos == 0 and self._batcher.buffered >= self._settings.receive_maximum:
            # The broker's window does not hold QoS 0 back. It promises nothing either, so it may not fill our memory.
            self._status.overflow += 1
            return
        self._empty.clear()
        if self._batcher.add(message, self._now()):
            self._wake.set()

    # The store --------------------------------------------------------------------------------------------------

    async def _write_loop(self) -> None:
        while True:
            self._wake.clear()
            if self._report_due:
                self._report_due = False
                await self._report()
            due_s = self._batcher.due_in_s(self._now())
            if due_s is not None and (due_s == 0 or self._stop.is_set()):
                await self._carry(self._batcher.take())
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(due_s):
                    await self._wake.wait()

    async def _carry(self, batch: Batch) -> None:
        """Write one batch, bury what cannot be written, and only then acknowledge, in order of receipt."""
        self._status.writing_since_s = self._now()
        rejected = await self._writer.write(batch.frames) if batch.frames else {}
        dead = batch.dead(rejected)
        if dead:
            await self._bury(batch, dead)
        self._batcher.settle(batch, dead)
        for entry in batch.entries:
            entry.delivery.acknowledge()
        self._status.writing_since_s = None
        self._status.last_write_lag_ms = (self._clock_ns() - batch.entries[0].delivery.received_ns) / 1e6
        self._store_is(None)
        if self._batcher.buffered == 0:
            self._empty.set()

    async def _bury(self, batch: Batch, dead: Mapping[int, tuple[str, str]]) -> None:
        letters = []
        for index, (reason, detail) in dead.items():
            mail = batch.entries[index].delivery
            letters.append(
                letter(time_ns=mail.received_ns, topic=mail.topic, reason=reason, detail=detail, payload=mail.payload)
            )
        attempt = 0
        while True:
            try:
                await asyncio.to_thread(self._dead.append, letters)
            except OSError as error:
                attempt += 1
                self._store_is(f"dead letters in {self._settings.dead_letters}: {error}")
                await asyncio.sleep(backoff_s(attempt, self._jitter()))
            else:
                self._status.dead_letters_dropped = self._dead.dropped
                return

    async def _report(self) -> None:
        """Store our own counters. A status that cannot be stored is worth no second attempt."""
        self._status.count(self._batcher.counters)
        try:
            await self._store.write([self._status.frame(self._settings.client_id, self._clock_ns())])
        except WriteError as error:
            _LOG.debug("own status not stored: %s", error)

    # What we say ------------------------------------------------------------------------------------------------

    async def _beat_loop(self) -> None:
        beats = told = tell_again = 0
        while True:
            self._status.count(self._batcher.counters)
            self._beat()
            if self._status.dead_lettered > told and beats >= tell_again:
                tell_again = beats + TELL_EVERY_BEATS
                fresh, told = self._status.dead_lettered - told, self._status.dead_lettered
                _LOG.warning("%d messages became dead letters, see %s", fresh, self._settings.dead_letters)
            beats += 1
            if beats % REPORT_EVERY_BEATS == 0:
                self._report_due = True
                self._wake.set()
            await asyncio.sleep(BEAT_S)

    def _beat(self) -> None:
        status = self._status
        self._heartbeat.beat({"problem": status.problem(self._now()), **dataclasses.asdict(status)})

    def _link_is(self, error: str | None) -> None:
        if self._status.link(error, self._now()):
            if error is None:
                _LOG.info("connected to %s as %r", self._broker.url, self._settings.client_id)
            else:
                _LOG.warning("%s; trying again until it works", error)

    def _store_is(self, error: str | None) -> None:
        self._status.count(self._batcher.counters)
        if self._status.store(error, self._now()):
            if error is None:
                _LOG.info("the store takes batches again")
            else:
                _LOG.warning("%s; trying again until it works", error)

    async def _either(self, *others: Awaitable[object], delay_s: float | None = None) -> None:
        """Wait for one of these or the delay, but no longer than until the end; what has not come is cancelled."""
        waits = [asyncio.ensure_future(one) for one in (self._stop.wait(), *others)]
        try:
            await asyncio.wait(waits, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
