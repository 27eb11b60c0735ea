"""A broker by script, for tests of one connection: it says what it is told to, and remembers what it heard.

What it is: a real MQTT 5 server on a socket of its own, without queues and without a session that outlives a test.
What it is not: a broker. What a real one does is shown with Mosquitto and rumqttd.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ingest import mqtt, mqtt_packets
from ingest.mqtt import Published
from ingest.session import Session


@dataclass(eq=False)
class Guest:
    """One connection of a client.

    ``acknowledged`` holds the packet identifiers of its PUBACKs in order, ``goodbye`` whether it sent DISCONNECT.
    """

    writer: asyncio.StreamWriter
    client_id: str = ""
    topics: list[str] = field(default_factory=list)
    said: list[Published] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    goodbye: bool = False
    gone: bool = False

    def give(self, topic: str, payload: bytes, packet_id: int) -> None:
        """Send it a message, at QoS 1."""
        self.writer.write(mqtt_packets.publish(mqtt_packets.Message(topic, payload, 1), packet_id))

    def throw_out(self) -> None:
        """Another client has taken over its session (MQTT 5.0, 3.1.4, reason 0x8E)."""
        self.writer.write(bytes((0xE0, 2, mqtt.TAKEN_OVER, 0)))
        self.writer.close()

    def cut(self) -> None:
        """Break the connection."""
        self.writer.transport.abort()


class ScriptedBroker:
    """The server.

    Attributes:
        guests: every connection, in order.
        present: whether it says that it knows a session.
        silent: it takes connections and answers nothing.
        deaf: it never acknowledges what a client says.
    """

    def __init__(self) -> None:
        self.guests: list[Guest] = []
        self.present = self.silent = self.deaf = False
        self.port = 0

    @contextlib.asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator[ScriptedBroker]:
        """Listen while the body runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for guest in self.guests:
                guest.cut()

    @property
    def here(self) -> list[Guest]:
        """The connections that stand."""
        return [guest for guest in self.guests if not guest.gone]

    def session(self, client_id: str = "door", *topics: str, clean: bool = False) -> Session:
        """A session at this broker."""
        return Session(
            host="127.0.0.1",
            port=self.port,
            client_id=client_id,
            topics=[(topic, 1) for topic in topics or ("x/#",)],
            receive_maximum=100,
            session_expiry_s=60,
            clean=clean,
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guest, packets = Guest(writer), mqtt.Reader()
        self.guests.append(guest)
        with contextlib.suppress(OSError):
            while not guest.goodbye and (data := await reader.read(65_536)):
                for packet in packets.feed(data):
                    if not self.silent:
                        self._answer(guest, packet)
        guest.gone = True
        writer.close()

    def _answer(self, guest: Guest, packet: Published | mqtt.Other) -> None:
        if isinstance(packet, Published):
            guest.said.append(packet)
            if packet.qos and not self.deaf:
                guest.writer.write(mqtt_packets.pubacks([packet.packet_id]))
            return
        body = packet.body
        match packet.type:
            case 1:  # CONNECT: 10 bytes of head, the properties, the client identifier
                at = 11 + body[10]
                guest.client_id = _text(body, at)
                guest.writer.write(bytes((0x20, 3, self.present, 0, 0)))
            case 8:  # SUBSCRIBE
                at = 3
                while at < len(body):
                    guest.topics.append(_text(body, at))
                    at += 3 + len(guest.topics[-1].encode())
                guest.writer.write(bytes((0x90, 3 + len(guest.topics))) + body[:2] + b"\0" + b"\1" * len(guest.topics))
            case 12:  # PINGREQ
                guest.writer.write(b"\xd0\0")
            case 4:  # PUBACK
                guest.acknowledged.append(struct.unpack("!H", body[:2])[0])
            case 14:  # DISCONNECT
                guest.goodbye = True


def _text(body: bytes, at: int) -> str:
    (length,) = struct.unpack_from("!H", body, at)
    return body[at + 2 : at + 2 + length].decode()
