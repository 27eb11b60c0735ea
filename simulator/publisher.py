"""The way out: messages to an MQTT 5 broker at QoS 1, each one acknowledged before ``publish`` returns.

What it is: delivery. A lost link is mended with jittered back-off, also while there is nothing to say, and what the
broker has not acknowledged is sent again, the same bytes: nothing is lost, and what arrives twice has the same name.
With an edge buffer (``outbox.py``) that holds over the end of the process too.
What it is not: a queue in memory. It holds what one call of ``publish`` was given and no more.

    async with Publisher(broker, "qilu-simulator", will=will, on_acked=ledger.acked) as publisher:
        await publisher.publish([Outgoing.of(address, birth, retain=True), Outgoing.of(address, telemetry)])
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from contract import LinkError, QiluError
from service import Broker, ended
from simulator.mqtt_client import Client, MqttError, client_of
from simulator.outbox import Outbox
from simulator.outgoing import Outgoing

__all__ = ["Outgoing", "Publisher"]

WINDOW: Final = 20
"""Messages in flight. paho scans the whole window at each message: wider gains nothing (``bench/simulator.py``)."""
FIRST_BACK_OFF_S: Final = 0.2
LAST_BACK_OFF_S: Final = 10.0

_LOG: Final = logging.getLogger("qilu.publisher")
T = TypeVar("T")


class Publisher:
    """An asynchronous context manager that publishes.

    Args:
        broker: where to connect, with the user's name and password.
        client_id: the MQTT client identifier; two clients of one name throw each other out.
        will: topic and payload that the broker publishes when this client vanishes without a word.
        on_acked: called once for each message, in order of acknowledgement, when the broker has taken it.
        listen: topics to subscribe to, anew on each connection.
        on_message: called with topic and payload of each message that comes to them.
        keep_trying: wait for a broker that is not there yet, for ever; otherwise the first connection must succeed.
        window: how many messages may be under way at once.
        outbox: the edge buffer: what is said goes there first, and what an earlier start has left there goes out first.
        packing: the content type of payloads that are worth it; empty: none is packed.
        sleep, jitter: how to wait, and a number in [0, 1) that spreads the reconnecting of many.

    Leaving the context after an error drops the connection without a farewell, so that the broker publishes the will;
    leaving it in peace does not.

    Attributes:
        sent: messages handed to the connection, repetitions included.
        acked: messages acknowledged, of those that this publisher was given.
        again: messages acknowledged that are not new: what an earlier start has left, and what was asked for again.
        connected: whether the link is up as far as is known.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        *,
        will: tuple[str, bytes] | None = None,
        on_acked: Callable[[Outgoing], None] | None = None,
        listen: Sequence[str] = (),
        on_message: Callable[[str, bytes], None] | None = None,
        keep_trying: bool = False,
        window: int = WINDOW,
        outbox: Outbox | None = None,
        packing: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.sent = 0
        self.acked = 0
        self.again = 0
        self._broker = broker
        self._client_id = client_id
        self._will = will
        self._on_acked = on_acked
        self._listen = tuple(listen)
        self._on_message = on_message
        self._listener: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()
        self._keep_trying = keep_trying
        self._window = window
        self._outbox = outbox
        self._packing = packing
        self._sleep = sleep
        self._jitter = jitter
        self._failures = 0
        self._client: Client | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """Whether the link is up as far as is known."""
        return self._client is not None and not self._client.gone.done()

    async def __aenter__(self) -> Publisher:
        """Connect.

        Raises:
            LinkError: no broker there, or it refuses us, and ``keep_trying`` is off.
            ConfigError: the broker's URL or the password file is wrong.
        """
        await self._connect(give_up=not self._keep_trying)
        self._keeper = asyncio.ensure_future(self._keep_up())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *error: object) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            await ended(keeper)
        client, self._client = self._client, None
        await self._stop_listening()
        if client is not None:
            await client.leave(in_peace=kind is None)

    async def listening(self, within_s: float) -> bool:
        """Wait until the topics listened to are subscribed; False when that takes longer."""
        try:
            await asyncio.wait_for(self._subscribed.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def publish(self, items: Sequence[Outgoing]) -> None:
        """Send the items in order and return when the broker has acknowledged every one.

        A lost link is mended here, for as long as it takes; cancel the call to give up. With an edge buffer the items
        are in it before the first is sent; while it has no room, the call waits.
        """
        async with self._one_at_a_time:
            if self._outbox is not None:
                await self._send_left(self._outbox)
            while items:
                packed = [item.packed(self._packing) for item in items]
                kept = len(packed) if self._outbox is None else await self._patiently(self._outbox.put, packed)
                await self._deliver(packed[:kept], items)
                items = items[kept:]

    async def publish_again(self, items: Sequence[Outgoing]) -> None:
        """Send, and wait for the acknowledgements of, what was sent before; it is neither buffered nor told."""
        async with self._one_at_a_time:
            await self._deliver(items, None)

    async def _send_left(self, outbox: Outbox) -> None:
        """What an earlier start, or a call that was given up, has left in the buffer."""
        if outbox.waiting:
            _LOG.warning(
                "%s: %d messages wait in the edge buffer since before: they go first", self._place, outbox.waiting
            )
        while outbox.waiting:
            left = await self._patiently(outbox.pending)
            await self._deliver(left.items, None)
            outbox.acked(left.last)
            outbox.flush()

    async def _deliver(self, items: Sequence[Outgoing], told: Sequence[Outgoing] | None) -> None:
        """Send until all is acknowledged; ``told`` are the items as they were given, None: they are not new."""
        unacked = dict(enumerate(items))
        try:
            while unacked:
                try:
                    if self._client is None:
                        await self._connect(give_up=False)
                    await self._send(unacked, told)
                except MqttError as error:
                    _LOG.warning("%s: %s; %d messages to send again", self._place, error, len(unacked))
                    await self._hang_up()
        finally:
            if told is not None and self._outbox is not None:
                self._outbox.acked(self._outbox.last - len(items) + next(iter(unacked), len(items)))
                self._outbox.flush()

    async def _patiently(self, work: Callable[..., T], *arguments: object) -> T:
        """Do something with the buffer's disk, again and again until the disk does it."""
        while True:
            try:
                return work(*arguments)
            except LinkError as error:
                _LOG.error("%s; waiting", error)
                await self._back_off()

    @property
    def _place(self) -> str:
        return f"MQTT broker {self._broker.host}:{self._broker.port}"

    async def _send(self, unacked: dict[int, Outgoing], told: Sequence[Outgoing] | None) -> None:
        """One pass over what is not acknowledged; removes what was. Raises MqttError when the link is lost."""
        client = self._client
        if client is None:
            raise MqttError("not connected")
        todo = iter(list(unacked.items()))

        async def worker() -> None:
            for index, item in todo:
                self.sent += 1
                await client.send(item.topic, item.payload, retain=item.retain, content_type=item.content_type)
                del unacked[index]
                self._failures = 0
                if told is None:
                    self.again += 1
                    continue
                self.acked += 1
                if self._on_acked is not None:
                    self._on_acked(told[index])

        workers = [asyncio.ensure_future(worker()) for _ in range(min(self._window, len(unacked)))]
        all_done = asyncio.gather(*workers)
        # aiomqtt lets a pending publish wait for its time-out when the link breaks: watch the link as well.
        ends: set[asyncio.Future[Any]] = {all_done, client.gone}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not all_done.done():
                raise MqttError(f"connection lost ({client.gone.exception() or 'closed by the broker'})")
            all_done.result()
        finally:
            await ended(*workers)
            await asyncio.gather(all_done, return_exceptions=True)

    async def _connect(self, *, give_up: bool) -> None:
        while True:
            client = client_of(self._broker, self._client_id, self._will, self._window, len(self._listen))
            try:
                await client.__aenter__()
            except MqttError as error:
                if give_up:
                    raise LinkError(
                        f"no {self._place} ({error}); start one, or set broker.url to where it listens"
                    ) from None
                _LOG.warning("%s: %s; trying again", self._place, error)
                await self._back_off()
            else:
                self._client = client
                if self._listen:
                    self._listener = asyncio.ensure_future(self._hear(client))
                return

    async def _hear(self, client: Client) -> None:
        """Hand on what comes to the topics listened to, until the link is gone."""
        try:
            codes = {topic: (await client.subscribe(topic, qos=1))[0] for topic in self._listen}
            for topic, code in codes.items():
                if getattr(code, "is_failure", False):
                    _LOG.warning("%s: %s refused: %s; check the rights of the user", self._place, topic, code)
            self._subscribed.set()
            async for message in client.messages:
                if self._on_message is not None and isinstance(message.payload, bytes):
                    self._on_message(str(message.topic), message.payload)
        except MqttError as error:  # the link: whoever publishes mends it, and we listen anew
            _LOG.info("%s: not listening any more (%s)", self._place, error)

    async def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        self._subscribed.clear()
        if listener is not None:
            await ended(listener)

    async def _keep_up(self) -> None:
        """Mend the link also while nothing is said: commands come in over it, and the will stands with it."""
        while True:
            client = self._client
            if client is not None:
                await asyncio.wait({client.gone})
            async with self._one_at_a_time:
                if self._client is client:
                    try:
                        await self._hang_up()
                        await self._connect(give_up=False)
                    except QiluError as error:  # whoever publishes will meet it
                        _LOG.error("%s: the link is not mended: %s", self._place, error)
                        return

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        await self._stop_listening()
        if client is not None:
            await client.leave(in_peace=True)
            await self._back_off()

    async def _back_off(self) -> None:
        """Wait, twice as long after each failure since the last acknowledgement."""
        longest_s = min(FIRST_BACK_OFF_S * 2.0**self._failures, LAST_BACK_OFF_S)
        self._failures += 1
        await self._sleep(longest_s * (0.5 + 0.5 * self._jitter()))
