"""The way out: messages to an MQTT 5 broker at QoS 1, each one acknowledged before ``publish`` returns.

What it is: the only file that imports aiomqtt. A lost link is mended with jittered back-off, and what the broker has
not acknowledged is sent again, the same bytes: nothing is lost, and what arrives twice has the same name.
What it is not: a queue. It holds what one call of ``publish`` was given and no more; the caller is the buffer.

    async with Publisher(broker, "qilu-simulator", will=will, on_acked=ledger.acked) as publisher:
        await publisher.publish([Outgoing.of(address, birth, retain=True), Outgoing.of(address, telemetry)])
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import aiomqtt

from contract import LinkError
from service import Broker
from simulator.outgoing import Outgoing

__all__ = ["Outgoing", "Publisher"]

WINDOW: Final = 20
"""Messages in flight. paho scans the whole window at each message: wider gains nothing (``bench/simulator.py``)."""
TIMEOUT_S: Final = 10.0
FIRST_BACK_OFF_S: Final = 0.2
LAST_BACK_OFF_S: Final = 10.0

_AT_ONCE: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Nagle's algorithm would hold a short message back until the broker's system acknowledges the last: up to 40 ms."""

_LOG: Final = logging.getLogger("qilu.publisher")


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
        sleep, jitter: how to wait, and a number in [0, 1) that spreads the reconnecting of many.

    Leaving the context after an error drops the connection without a farewell, so that the broker publishes the will;
    leaving it in peace does not.

    Attributes:
        sent: messages handed to the connection, repetitions included.
        acked: messages acknowledged.
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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.sent = 0
        self.acked = 0
        self._broker = broker
        self._client_id = client_id
        self._will = None if will is None else aiomqtt.Will(will[0], will[1], qos=1)
        self._on_acked = on_acked
        self._listen = tuple(listen)
        self._on_message = on_message
        self._listener: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()
        self._keep_trying = keep_trying
        self._window = window
        self._sleep = sleep
        self._jitter = jitter
        self._failures = 0
        self._client: _Client | None = None
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
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *error: object) -> None:
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

        A lost link is mended here, for as long as it takes; cancel the call to give up.
        """
        async with self._one_at_a_time:
            unacked = dict(enumerate(items))
            while unacked:
                try:
                    if self._client is None:
                        await self._connect(give_up=False)
                    await self._send(unacked)
                except aiomqtt.MqttError as error:
                    _LOG.warning("%s: %s; %d messages to send again", self._place, error, len(unacked))
                    await self._hang_up()

    @property
    def _place(self) -> str:
        return f"MQTT broker {self._broker.host}:{self._broker.port}"

    async def _send(self, unacked: dict[int, Outgoing]) -> None:
        """One pass over what is not acknowledged; removes what was. Raises MqttError when the link is lost."""
        client = self._client
        if client is None:
            raise aiomqtt.MqttError("not connected")
        todo = iter(list(unacked.items()))

        async def worker() -> None:
            for index, item in todo:
                self.sent += 1
                await client.publish(item.topic, item.payload, qos=1, retain=item.retain)
                if client.refusal is not None:
                    raise aiomqtt.MqttError(f"{item.topic} refused: {client.refusal}; check the rights of the user")
                del unacked[index]
                self.acked += 1
                self._failures = 0
                if self._on_acked is not None:
                    self._on_acked(item)

        workers = [asyncio.ensure_future(worker()) for _ in range(min(self._window, len(unacked)))]
        all_done = asyncio.gather(*workers)
        # aiomqtt lets a pending publish wait for its time-out when the link breaks: watch the link as well.
        ends: set[asyncio.Future[Any]] = {all_done, client.gone}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not all_done.done():
                raise aiomqtt.MqttError(f"connection lost ({client.gone.exception() or 'closed by the broker'})")
            all_done.result()
        finally:
            for task in workers:
                task.cancel()
            await asyncio.gather(*workers, all_done, return_exceptions=True)

    async def _connect(self, *, give_up: bool) -> None:
        while True:
            client = _Client(
                self._broker.host,
                self._broker.port,
                username=self._broker.username or None,
                password=self._broker.password(),
                identifier=self._client_id,
                protocol=aiomqtt.ProtocolVersion.V5,
                clean_start=True,
                will=self._will,
                timeout=TIMEOUT_S,
                keepalive=30,
                max_inflight_messages=self._window,
                socket_options=_AT_ONCE,
            )
            # aiomqtt's warning is for those who do not bound theirs.
            client.pending_calls_threshold = self._window + len(self._listen)
            try:
                await client.__aenter__()
            except aiomqtt.MqttError as error:
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

    async def _hear(self, client: _Client) -> None:
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
        except aiomqtt.MqttError as error:  # the link: whoever publishes mends it, and we listen anew
            _LOG.info("%s: not listening any more (%s)", self._place, error)

    async def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        self._subscribed.clear()
        while listener is not None and not listener.done():
            listener.cancel()  # again: a wait that ends as it is cancelled swallows the cancellation (Python 3.11)
            await asyncio.wait({listener}, timeout=0.1)

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


class _Client(aiomqtt.Client):
    """aiomqtt's client, with the three things that it keeps to itself: refusals, the loss of the link, and dying."""

    refusal: str | None = None

    @property
    def gone(self) -> asyncio.Future[None]:
        """Done when the connection has ended."""
        return self._disconnected

    async def leave(self, *, in_peace: bool) -> None:
        """Disconnect; not in peace means without the farewell that would withdraw the will."""
        line = self._client.socket()
        if not in_peace and isinstance(line, socket.socket) and not self.gone.done():
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            await asyncio.wait({self.gone}, timeout=TIMEOUT_S)
        with contextlib.suppress(aiomqtt.MqttError):  # the link may be dead already: that is why we leave
            await self.__aexit__(None, None, None)
        if self.gone.done():
            self.gone.exception()  # seen: asyncio need not warn of it

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        # MQTT 5 says "not authorized" in the acknowledgement; aiomqtt would take it for a success.
        if getattr(reason_code, "is_failure", False):
            self.refusal = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)
