"""The way out as a Sparkplug B edge node: the same use as ``publisher.py``, another promise.

What it is: the shell around ``EdgeNode``: CONNECT with the NDEATH as its will, the subscriptions, births, data,
rebirths when a host asks for them, and at a clean end NDEATH before DISCONNECT. A lost link is mended with jittered
back-off, also while there is nothing to say; what was not handed over goes after the births of the new session.
What it is not: lossless. Sparkplug demands QoS 0 and clean sessions (Sparkplug 3.0, chapters 2 and 4), so that
"acknowledged" here means no more than "handed to the socket": what a broken link or a broker loses is lost, and readers
see by ``seq`` and by ``Qilu/seq`` exactly what.

    async with SparkplugPublisher(broker, "gateway-1", gateway=gateway, numbers=BirthNumbers(path)) as publisher:
        await publisher.publish([gateway_birth, *device_births, telemetry])
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import takewhile
from typing import Final

from contract import Address, ContractError, LinkError, encode
from contract.sparkplug import Publish
from service import Broker
from simulator.outgoing import Outgoing
from simulator.sparkplug_client import EdgeClient, HostWait, Mqtt, MqttError, client_of, end
from simulator.sparkplug_edge import EdgeNode
from simulator.sparkplug_numbers import BirthNumbers
from simulator.sparkplug_primary import PrimaryHost

FIRST_BACK_OFF_S: Final = 0.2
LAST_BACK_OFF_S: Final = 10.0

_LOG: Final = logging.getLogger("qilu.publisher")


class SparkplugPublisher:
    """An asynchronous context manager that publishes for one gateway.

    Args:
        broker: where to connect, with the user's name and password.
        client_id: the MQTT client identifier; two clients of one name throw each other out.
        gateway: whose edge node it is.
        numbers: where ``bdSeq`` is remembered.
        on_acked: called once for each message, in order, when it was handed to the socket.
        on_message: called with topic and payload of each command, as on the JSON wire; None: commands are ignored.
        keep_trying: wait for a broker that is not there yet, for ever; otherwise the first connection must succeed.
        mqtt: the version of MQTT.
        primary: the host without which nothing is published; None: it does not matter who listens.
        clock_ns: the time that payloads state.
        sleep, jitter: how to wait, and a number in [0, 1) that spreads the reconnecting of many.

    Leaving the context after an error drops the connection without a farewell, so that the broker publishes the NDEATH.

    Attributes:
        sent: Sparkplug messages handed to the connection, births included.
        acked: messages of the contract handed to the connection.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        *,
        gateway: Address,
        numbers: BirthNumbers,
        on_acked: Callable[[Outgoing], None] | None = None,
        on_message: Callable[[str, bytes], None] | None = None,
        keep_trying: bool = False,
        mqtt: Mqtt = "5",
        primary: PrimaryHost | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.sent = 0
        self.acked = 0
        self._broker = broker
        self._client_id = client_id
        self._node = EdgeNode(gateway)
        self._numbers = numbers
        self._on_acked = on_acked
        self._on_message = on_message
        self._keep_trying = keep_trying
        self._mqtt: Mqtt = mqtt
        self._host = HostWait(primary)
        self._clock_ns = clock_ns
        self._sleep = sleep
        self._jitter = jitter
        self._failures = 0
        self._client: EdgeClient | None = None
        self._listener: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._line = asyncio.Lock()
        """Held while births or one message go out: nothing comes between the births of a sequence."""

    @property
    def connected(self) -> bool:
        """Whether the link is up as far as is known."""
        return self._client is not None and not self._client.gone.done()

    async def __aenter__(self) -> SparkplugPublisher:
        """Connect and subscribe; the births go out with the first ``publish``.

        Raises:
            LinkError: no broker there, or it refuses us, and ``keep_trying`` is off.
            ConfigError: the broker's URL, the password file or the file of the numbers is wrong.
        """
        await self._connect(give_up=not self._keep_trying)
        self._keeper = asyncio.ensure_future(self._keep_up())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *error: object) -> None:
        keeper, self._keeper = self._keeper, None
        await end(keeper)
        client, self._client = self._client, None
        await self._stop_listening()
        if client is None:
            return
        if kind is not None or client.gone.done():
            await client.vanish()
            return
        await client.leave(self._mqtt, self._node.farewell(self._now_ms()))

    async def listening(self, within_s: float) -> bool:
        """Wait until commands are subscribed to; False when that takes longer."""
        try:
            await asyncio.wait_for(self._subscribed.wait(), within_s)
        except TimeoutError:
            return False
        return True

    async def publish(self, items: Sequence[Outgoing]) -> None:
        """Send the items in order and return when each was handed to the socket.

        A lost link is mended here, for as long as it takes; cancel the call to give up.

        Raises:
            ContractError: data of an address without a birth; the gateway's birth comes with the first items.
        """
        async with self._one_at_a_time:
            waiting = deque(items)
            while waiting:
                try:
                    if self._client is None:
                        await self._connect(give_up=False)
                    await self._host.online(self._client)
                    await self._send(waiting)
                except MqttError as error:
                    _LOG.warning("%s: %s; %d messages to send", self._place, error, len(waiting))
                    await self._hang_up()

    async def _keep_up(self) -> None:
        """Mend the link while nobody publishes: a node that has nothing to say is not offline."""
        while True:
            client = self._client
            if client is not None:
                await asyncio.wait({client.gone})
            async with self._one_at_a_time:
                if self._client is not client:  # a call of publish has mended it
                    continue
                try:
                    await self._hang_up()
                    await self._connect(give_up=False)
                    await self._host.online(self._client)
                    async with self._line:
                        if self._node.ready:
                            await self._births()
                except MqttError as error:
                    _LOG.warning("%s: %s", self._place, error)

    @property
    def _place(self) -> str:
        return f"MQTT broker {self._broker.host}:{self._broker.port}"

    def _now_ms(self) -> int:
        return self._clock_ns() // 1_000_000

    async def _send(self, waiting: deque[Outgoing]) -> None:
        """Send what waits, from its head; raises MqttError when the link is lost."""
        while waiting:
            births = list(takewhile(lambda item: item.kind == "birth", waiting))
            async with self._line:
                if births:
                    for item in births:
                        self._node.learn(item)
                    await self._births()
                else:
                    await self._hand_over(self._node.say(waiting[0], self._now_ms()))
                    self._node.commit()
            for _ in range(len(births) or 1):
                item = waiting.popleft()
                self.acked += 1
                if self._on_acked is not None:
                    self._on_acked(item)
            self._failures = 0
            await asyncio.sleep(0)  # a socket that takes everything at once would keep commands from being heard

    async def _births(self) -> None:
        if self._node.births_due:
            await self._hand_over(self._node.births(self._now_ms()))

    async def _hand_over(self, said: Sequence[Publish]) -> None:
        for one in said:
            client = self._client
            if client is None or client.gone.done():
                raise MqttError("connection lost")
            self.sent += 1
            await client.publish(one.topic, one.payload, qos=one.qos, retain=one.retain)

    async def _connect(self, *, give_up: bool) -> None:
        while True:
            number = self._numbers.next(self._node.name)
            will = self._node.connect(number, self._now_ms())
            self._host.begin()
            client = client_of(self._broker, self._client_id, will, self._mqtt)
            client.opened = partial(self._numbers.use, self._node.name, number)
            try:
                await client.__aenter__()
                await self._subscribe(client)
            except MqttError as error:
                await client.vanish()
                if give_up:
                    raise LinkError(
                        f"no {self._place} ({error}); start one, or set broker.url to where it listens"
                    ) from None
                _LOG.warning("%s: %s; trying again", self._place, error)
                await self._back_off()
            else:
                self._client = client
                self._listener = asyncio.ensure_future(self._hear(client))
                return

    async def _end_session(self, client: EdgeClient) -> None:
        """The primary host is gone, so are we, and begin anew (``…-termination-host-offline``)."""
        _LOG.warning("%s: the primary host is offline: the session ends", self._place)
        async with self._line:
            await client.leave(self._mqtt, self._node.farewell(self._now_ms()))

    async def _subscribe(self, client: EdgeClient) -> None:
        filters = [*self._node.filters, *self._host.filters]
        codes = await client.subscribe(filters)
        for (topic, _), code in zip(filters, codes, strict=False):
            if getattr(code, "is_failure", False):
                _LOG.warning("%s: %s refused: %s; check the rights of the user", self._place, topic, code)
        self._subscribed.set()

    async def _hear(self, client: EdgeClient) -> None:
        """Obey what comes from hosts, until the link is gone."""
        try:
            async for message in client.messages:
                topic, payload = str(message.topic), message.payload
                if isinstance(payload, bytes) and self._host.is_state(topic):
                    if self._host.hear(payload):
                        await self._end_session(client)
                elif message.retain:  # nobody's wish of now: commands are never retained (6.4.23, 6.4.24)
                    _LOG.warning("%s: a retained command is ignored: %s", self._place, topic[:200])
                elif isinstance(payload, bytes):
                    await self._obey(topic, payload)
        except MqttError as error:  # the link: whoever publishes mends it, and we listen anew
            _LOG.info("%s: not listening any more (%s)", self._place, error)

    async def _obey(self, topic: str, payload: bytes) -> None:
        try:
            heard = self._node.hear(topic, payload, self._now_ms())
            if heard.command is not None and heard.address is not None and self._on_message is not None:
                self._on_message(heard.address.topic("command"), encode(heard.command))
        except ContractError as error:
            _LOG.warning("%s: a command was not understood: %s", self._place, error)
            return
        if heard.rebirth:
            _LOG.info("%s: a rebirth was asked for", self._place)
            async with self._line:
                if self._node.online:
                    await self._births()

    async def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        self._subscribed.clear()
        await end(listener)

    async def _hang_up(self) -> None:
        client, self._client = self._client, None
        await self._stop_listening()
        if client is not None:
            await client.vanish()
            await self._back_off()

    async def _back_off(self) -> None:
        """Wait, twice as long after each failure since the last message that left."""
        longest_s = min(FIRST_BACK_OFF_S * 2.0**self._failures, LAST_BACK_OFF_S)
        self._failures += 1
        await self._sleep(longest_s * (0.5 + 0.5 * self._jitter()))
