"""The way from what has come in to what is durable: read, write, bury, acknowledge.

What it is: check -> batch -> store -> acknowledge, in that order and never another. While one batch is written the next
is read, and may be sent as well; the acknowledgements still leave in the order of receipt, each after its write.
What it is not: the place of any decision about a message (``batch.py``) or a write (``writing.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from contract import RetryLater
from historian.base import Historian
from ingest.batch import Batch, Batcher, Delivery, Limits
from ingest.deadletter import DeadLetters, letter
from ingest.failpoints import Failpoints
from ingest.lag import Lags
from ingest.status import Status
from ingest.writing import Writer, backoff_s
from service import together

WRITES: Final = 3
"""Batches under way to the store: two are stored while the next is said to it."""


class Carrier:
    """Carries what ``take`` is given.

    Args:
        store: where to.
        limits: when a batch is due.
        open_batch: reads the messages of a batch, in another thread.
        lags: told of each batch.
        dead_letters: where what cannot be stored goes.
        window: how many QoS 0 messages may wait; the broker does not hold them back.
        status: kept up to date.
        clock_ns, jitter: ns UTC; draws from [0, 1).
        tell: called with what is wrong with the store, None when it works.
        failpoints: places to die at, for the tests.
    """

    def __init__(
        self,
        store: Historian,
        limits: Limits,
        *,
        open_batch: Callable[[Sequence[Delivery]], Batch],
        lags: Lags,
        dead_letters: DeadLetters,
        window: int,
        status: Status,
        clock_ns: Callable[[], int],
        jitter: Callable[[], float],
        tell: Callable[[str | None], None],
        failpoints: Failpoints,
    ) -> None:
        self.batcher = Batcher(limits)
        self.stopping = False
        self._open = open_batch
        self._lags = lags
        self._dead_letters = dead_letters
        self._window = window
        self._status = status
        self._clock_ns = clock_ns
        self._jitter = jitter
        self._tell = tell
        self._fail = failpoints
        self._writer = Writer(store, asyncio.sleep, jitter, self._put_off, self._nap)
        self._now = asyncio.get_running_loop().time
        self._wake = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._slots = asyncio.Semaphore(WRITES)
        self._writing: list[float] = []
        self._store_is_back = asyncio.Event()

    def take(self, message: Delivery, qos: int) -> None:
        """Take a message in; called in order of receipt."""
        if qos == 0 and self.batcher.buffered >= self._window:
            # The broker's window does not hold QoS 0 back. It promises nothing either, so it may not fill our memory.
            self._status.overflow += 1
            return
        self._fail.at("after-receive")
        self._empty.clear()
        if self.batcher.add(message, self._now()):
            self._wake.set()

    async def drained(self) -> None:
        """Until everything that came in is durable and acknowledged."""
        self._wake.set()
        await self._empty.wait()

    def hurry(self) -> None:
        """From now on no batch waits for more messages."""
        self.stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Carry batches until cancelled; an error that is no ``WriteError`` is a bug, and ends it."""
        before: asyncio.Task[None] | None = None
        async with together() as start:
            while True:
                await self._due()
                await self._slots.acquire()
                deliveries = self.batcher.take()
                batch = await asyncio.to_thread(self._open, deliveries)
                before = start(self._carry(batch, before))

    async def _due(self) -> None:
        while True:
            self._wake.clear()
            due_s = self.batcher.due_in_s(self._now())
            if due_s is not None and (due_s == 0 or self.stopping):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(due_s):
                    await self._wake.wait()

    async def _carry(self, batch: Batch, before: asyncio.Task[None] | None) -> None:
        """Write one batch, bury what cannot be written, and only then acknowledge, after the batch before."""
        began_s = self._now()
        self._writing.append(began_s)
        self._status.writing_since_s = self._writing[0]
        self._fail.at("before-write")
        dead = await self._write(batch)
        self._fail.at("after-write")
        if before is not None:
            await before
        if dead:
            await self._bury(batch, dead)
        self._fail.at("before-ack")
        self.batcher.settle(batch, dead)
        for entry in batch.entries:
            entry.delivery.acknowledge()
        self._writing.pop(0)
        self._slots.release()
        self._written(batch, began_s)
        if self.batcher.buffered == 0:
            self._empty.set()

    async def _write(self, batch: Batch) -> Mapping[int, tuple[str, str]]:
        """Store what the store takes; the dead letters of the batch."""
        rejected = await self._writer.write(batch.frames) if batch.frames else {}
        self._store_is_back.set()  # whoever waits to try again need wait no longer
        several = [index for index in rejected if len(batch.owners[index]) > 1]
        if several:
            alone = batch.apart(several)
            found = await self._writer.write(alone.frames)
            rejected = {index: why for index, why in rejected.items() if index not in several}
            return alone.dead(found) | batch.dead(rejected)
        return batch.dead(rejected)

    def _written(self, batch: Batch, began_s: float) -> None:
        """What there is to say of a batch that is durable."""
        status = self._status
        status.writing_since_s = self._writing[0] if self._writing else None
        now_ns = self._clock_ns()
        status.wrote(self._now() - began_s, now_ns, batch.entries[0].delivery.received_ns)
        status.last_message_ns = batch.entries[-1].delivery.received_ns
        self._lags.settle(batch.newest(), now_ns)
        self._tell(None)

    async def _nap(self, seconds: float) -> None:
        self._store_is_back.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._store_is_back.wait()

    def _put_off(self, error: RetryLater) -> None:
        self._status.retried(error.kind)
        self._status.store_denied = error.kind == "denied"
        self._tell(str(error))

    async def _bury(self, batch: Batch, dead: Mapping[int, tuple[str, str]]) -> None:
        letters = []
        for index, (reason, detail) in dead.items():
            mail = batch.entries[index].delivery
            letters.append(
                letter(
                    time_ns=mail.received_ns,
                    topic=mail.topic,
                    reason=reason,
                    detail=detail,
                    payload=mail.payload,
                    content_type=mail.content_type,
                    size=getattr(mail, "size", len(mail.payload)),
                )
            )
        attempt = 0
        while True:
            try:
                await asyncio.to_thread(self._dead_letters.append, letters)
            except OSError as error:
                attempt += 1
                self._tell(f"dead letters: {error}")
                await asyncio.sleep(backoff_s(attempt, self._jitter()))
            else:
                self._status.dead_letters_dropped = self._dead_letters.dropped
                return
