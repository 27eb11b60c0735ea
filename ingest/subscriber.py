"""One MQTT connection that acknowledges a message when it is durable, and not before.

What it is: one connection, with a persistent session or a clean one (OASIS MQTT 5.0, 4.1 and 4.4), made by ``door.py``;
each message comes out as an ``Inbound`` whose ``acknowledge`` releases its PUBACK, in whatever order the caller calls,
so the caller keeps the order of receipt (4.6).
What it is not: a loop that reconnects. The door decides when, and only after everything that an old connection
brought is settled. A message knows the connection that brought it: an acknowledgement of an old one has no way to a
new one, where its packet identifier already means another message.

The window is kept here too, by not reading, in messages and in bytes: Mosquitto 2.0 sends several messages for each one
acknowledged, 30 times the receive maximum after a long absence. rumqttd ignores the receive maximum altogether.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from contract import LinkError
from ingest import mqtt, mqtt_packets
from ingest.mqtt import Other, Published
from ingest.mqtt311 import WIRES
from ingest.session import Session

DISCONNECT_TIMEOUT_S: Final = 1.0
KEEPALIVE_S: Final = 15
WINDOW_BYTES: Final = 16 * 1024 * 1024
"""Payload that may wait unacknowledged before we read no more; decoded it takes up to eight times as much memory."""
WINDOWS: Final = 5
"""Receive maxima that may wait before we read no more: more than one, so that a backlog fills whole batches."""
_PACKET_IDS: Final = 65_535


class Inbound:
    """One message as it came.

    Attributes:
        topic, payload, content_type: as in the packet; bytes of a topic that are no text are escaped.
        size: the payload's true length; the payload of a message beyond all bounds is cut.
        qos, retained: as in the packet.
        received_ns: when it came, ns UTC.
    """

    __slots__ = ("_link", "_packet_id", "content_type", "payload", "qos", "received_ns", "retained", "size", "topic")

    def __init__(self, link: Link, packet: Published, received_ns: int) -> None:
        self.topic, self.payload, self.qos, self.retained, self._packet_id, self.content_type, self.size = packet
        self.received_ns = received_ns
        self._link = link

    def acknowledge(self) -> None:
        """Release the PUBACK; nothing happens when the connection that brought the message is gone."""
        if self._packet_id:
            self._link.acknowledge(self._packet_id, len(self.payload))
            self._packet_id = 0


Take = Callable[[Inbound], None]


class Link(asyncio.Protocol):
    """One connection, from ``connect`` until ``lost`` is set or ``close`` is called.

    Attributes:
        lost: set when nothing more will come; ``reason`` says why.
        settled: set when we take no more in, and everything that came at QoS 1 is acknowledged on our side.
        session_present: whether the broker still knew our session.
        taken_over: whether the broker has given our session to another client.
    """

    def __init__(self, session: Session, take: Take, clock_ns: Callable[[], int]) -> None:
        self._loop = asyncio.get_running_loop()
        self.lost = asyncio.Event()
        self.settled = asyncio.Event()
        self.reason = "the connection to the broker is lost"
        self.session_present = self.taken_over = False
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self._session = session
        self._take = take
        self._clock_ns = clock_ns
        self._wire = WIRES[session.mqtt]
        self._reader = self._wire.reader()
        self._transport: asyncio.Transport | None = None
        self._listening = True
        self._pending = self._pending_bytes = 0
        self._paused = False
        self._due: list[int] = []
        self._published: dict[int, asyncio.Future[int]] = {}
        self._packet_id = 0
        self._heard_s = self._said_s = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    # What the caller does -----------------------------------------------------------------------------------------

    def acknowledge(self, packet_id: int, size: int) -> None:
        """Owe the PUBACK of one message; those of one turn of the loop leave together."""
        self._pending -= 1
        self._pending_bytes -= size
        self._note()
        if self.lost.is_set():
            return
        if not self._due:
            self._loop.call_soon(self._send_due)
        self._due.append(packet_id)
        if self._paused and not self._beyond_window:
            self._read(more=True)

    async def publish(self, message: mqtt_packets.Message) -> None:
        """Say something; at QoS 1 returns when the broker has taken it. Raises LinkError."""
        if self.lost.is_set():
            raise LinkError(self.reason)
        if not message.qos:
            self._send(mqtt_packets.publish(message, 0, self._wire.version))
            return
        packet_id = self._next_id()
        answer = self._published[packet_id] = self._loop.create_future()
        self._send(mqtt_packets.publish(message, packet_id, self._wire.version))
        try:
            code = await answer
        finally:
            self._published.pop(packet_id, None)
        if code >= 0x80:
            raise LinkError(f"the broker refuses a message to {message.topic[:200]!r}: {mqtt.reason(code)}")

    def brake(self, *, on: bool) -> None:
        """Read no more for now: messages of QoS 0 fill no window of the broker's, so this is all that holds them."""
        if on is not self._paused:
            self._read(more=not on)

    def stop_listening(self) -> None:
        """Take no more messages in; what comes now stays unacknowledged, and with that the broker's."""
        self._listening = False
        self._note()

    async def close(self) -> None:
        """Send the acknowledgements that are due and end the connection; the broker keeps a persistent session."""
        self.stop_listening()
        if not self.lost.is_set():
            self._send_due()
            self._read(more=True)  # or the broker's end of the connection would not be seen
            # Closing a socket that still has messages to read resets it, and then the broker may never read our last
            # acknowledgements. So the broker closes, as it must after DISCONNECT (3.14.4).
            self._send(mqtt_packets.GOODBYE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DISCONNECT_TIMEOUT_S):
                    await self.lost.wait()
        self.abandon()

    def abandon(self) -> None:
        """Drop the connection without a word: the broker sends the will."""
        self._end(self.reason)
        if self._transport is not None:
            self._transport.abort()

    # What the connection does -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._heard_s = self._loop.time()
        self._send(self._session.hello(KEEPALIVE_S))
        self._timer = self._loop.call_later(KEEPALIVE_S / 2, self._look)

    def data_received(self, data: bytes) -> None:
        """Packets come in: all messages of one read are received at one time."""
        self._heard_s = self._loop.time()
        try:
            packets = self._reader.feed(data)
            now_ns = self._clock_ns()
            for packet in packets:
                if type(packet) is Published:
                    self._message(packet, now_ns)
                else:
                    assert isinstance(packet, Other)
                    self._packet(packet)
        except (LinkError, IndexError, ValueError) as error:
            self._fail(error if isinstance(error, LinkError) else LinkError("the broker sent a malformed packet"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        why = self.reason
        if not self.ready.done():
            why = f"the broker closed the connection before it was ready; does it speak MQTT {self._session.mqtt}?"
        self._fail(LinkError(f"{why}: {exc}" if exc else why))

    def _message(self, packet: Published, now_ns: int) -> None:
        if not self._listening:
            return
        if packet.qos:
            self._pending += 1
            self._pending_bytes += len(packet.payload)
            if not self._paused and self._beyond_window:
                self._read(more=False)
        self._take(Inbound(self, packet, now_ns))

    def _packet(self, packet: Other) -> None:
        if not self.ready.done() and packet.type not in (mqtt.SUBACK, mqtt.DISCONNECT, mqtt.PUBACK, mqtt.PINGRESP):
            self._welcome(packet)
        elif packet.type == mqtt.SUBACK:
            self._granted(mqtt.refused(self._wire.suback(packet), self._session.topics))
        elif packet.type == mqtt.PUBACK:
            packet_id, code = mqtt.puback(packet)
            if (answer := self._published.get(packet_id)) is not None and not answer.done():
                answer.set_result(code)
        elif packet.type == mqtt.DISCONNECT:
            code = mqtt.disconnect_code(packet)
            self.taken_over = code == mqtt.TAKEN_OVER
            self._fail(LinkError(f"the broker ended the connection: {mqtt.reason(code)}"))

    def _welcome(self, packet: Other) -> None:
        """CONNACK: subscribe, every time, for a broker may have forgotten the session."""
        answer = self._wire.connack(packet)
        if answer.code:
            raise LinkError(f"the broker refuses us: {mqtt.reason(answer.code)}")
        self.session_present = answer.session_present
        self._send(mqtt_packets.subscribe(self._next_id(), self._session.topics, self._wire.version))
        if answer.session_present:
            # The subscription stands since the last time. The embedded broker holds the SUBACK back while its window
            # is full of messages that we have not acknowledged, and those may wait for the store.
            self.ready.set_result(None)

    def _granted(self, problem: str) -> None:
        if problem:
            self._fail(LinkError(f"the broker does not grant the subscriptions: {problem}"))
        elif not self.ready.done():
            self.ready.set_result(None)

    def _look(self) -> None:
        """Keep the connection alive (3.1.2.10), and notice when nobody answers."""
        now_s = self._loop.time()
        if self._paused:
            self._heard_s = now_s  # it means nothing that nothing comes in; our own pings still go out
        if now_s - self._heard_s > 1.5 * KEEPALIVE_S:
            self._fail(LinkError(f"the broker has said nothing for {now_s - self._heard_s:.0f} s"))
            return
        if max(now_s - self._heard_s, now_s - self._said_s) >= KEEPALIVE_S / 2:
            self._send(mqtt_packets.PINGREQ)
        self._timer = self._loop.call_later(KEEPALIVE_S / 4, self._look)

    # The rest -----------------------------------------------------------------------------------------------------

    @property
    def _beyond_window(self) -> bool:
        window = WINDOWS * self._session.receive_maximum
        return self._listening and (self._pending > window or self._pending_bytes > WINDOW_BYTES)

    def _note(self) -> None:
        if not self._listening and self._pending <= 0:
            self.settled.set()

    def _read(self, *, more: bool) -> None:
        self._paused = not more
        self._heard_s = self._loop.time()
        if self._transport is not None and not self._transport.is_closing():
            (self._transport.resume_reading if more else self._transport.pause_reading)()

    def _send_due(self) -> None:
        due, self._due = self._due, []
        if due:
            self._send(mqtt_packets.pubacks(due))

    def _send(self, packet: bytes) -> None:
        if self._transport is not None and not self.lost.is_set() and not self._transport.is_closing():
            self._said_s = self._loop.time()
            self._transport.write(packet)

    def _next_id(self) -> int:
        self._packet_id = self._packet_id % _PACKET_IDS + 1
        return self._packet_id

    def _fail(self, error: LinkError) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)
        self._end(str(error))
        if self._transport is not None:
            self._transport.abort()

    def _end(self, why: str) -> None:
        """From here on no acknowledgement leaves; whoever waits for an answer is let go."""
        if self.lost.is_set():
            return
        self.reason = why
        self._listening = False
        self.lost.set()
        self._note()
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
        for answer in self._published.values():
            if not answer.done():
                answer.set_exception(LinkError(why))
