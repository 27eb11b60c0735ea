"""MQTT 3.1.1 as bytes, where it differs from MQTT 5: no properties, and fewer words in the answers.

What it is: pure; the same functions as in ``mqtt.py`` for a broker that speaks the older version, and ``WIRES``, by
which a connection chooses. Return codes come out as the reason codes of MQTT 5 that mean the same.
What it is not: for our own topics, whose promise needs a session that expires and a receive maximum.
The standard: OASIS MQTT Version 3.1.1 (2014); the numbers in the comments are its sections.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from contract import LinkError
from ingest import mqtt
from ingest.mqtt import CONNACK, Connected, Message, Other, Published

_REASONS: Final = {1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}  # 3.2.2.3: return code -> reason code of MQTT 5


class Reader(mqtt.Reader):
    """Bytes in, packets out; one for each connection."""

    def _published(self, data: bytes, head: int, begin: int, stop: int, length: int) -> Published:
        """A PUBLISH (3.3): behind the topic and the packet identifier there is nothing but the payload."""
        qos, packet_id = head >> 1 & 3, 0
        at = begin + 2 + int.from_bytes(data[begin : begin + 2], "big")
        topic = data[begin + 2 : at].decode("utf-8", "backslashreplace")
        if qos:
            packet_id, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        if at > stop:
            raise LinkError("the broker sent a PUBLISH that ends too early")
        return Published(topic, data[at:stop], qos, bool(head & 1), packet_id, "", begin + length - at)


def connack(packet: Other) -> Connected:
    """Read a CONNACK (3.2); raises LinkError."""
    if packet.type != CONNACK or len(packet.body) != 2:
        raise LinkError("the broker does not answer with a CONNACK of MQTT 3.1.1")
    code = packet.body[1]
    return Connected(_REASONS.get(code, 0x80) if code else 0, bool(packet.body[0] & 1))


def suback(packet: Other) -> tuple[int, ...]:
    """The return code of each topic filter of a SUBACK (3.9)."""
    return tuple(packet.body[2:])


def connect_packet(
    client_id: str,
    *,
    clean_start: bool,
    keepalive_s: int,
    session_expiry_s: int,
    receive_maximum: int,
    username: str = "",
    password: str | None = None,
    will: Message | None = None,
) -> bytes:
    """CONNECT (3.1). A session here is clean, or it never expires, and there is no receive maximum to tell."""
    del session_expiry_s, receive_maximum
    flags = clean_start << 1 | bool(username) << 7 | (password is not None) << 6
    body = [mqtt.text(client_id)]
    if will is not None:
        flags |= 1 << 2 | will.qos << 3 | will.retain << 5
        body += [mqtt.text(will.topic), mqtt.sized_bytes(will.payload)]
    if username:
        body.append(mqtt.text(username))
    if password is not None:
        body.append(mqtt.text(password))
    return mqtt.packet(0x10, mqtt.text("MQTT") + struct.pack("!BBH", 4, flags, keepalive_s) + b"".join(body))


def subscribe_packet(packet_id: int, wanted: Iterable[tuple[str, int]]) -> bytes:
    """SUBSCRIBE (3.8): topic filters, each with the QoS that is wanted."""
    filters = b"".join(mqtt.text(topic) + bytes((qos,)) for topic, qos in wanted)
    return mqtt.packet(0x82, struct.pack("!H", packet_id) + filters)


def publish_packet(message: Message, packet_id: int = 0) -> bytes:
    """PUBLISH (3.3), at QoS 0 or 1; ``packet_id`` is for QoS 1."""
    middle = struct.pack("!H", packet_id) if message.qos else b""
    head = 0x30 | message.qos << 1 | message.retain
    return mqtt.packet(head, mqtt.text(message.topic) + middle + message.payload)


class Wire(NamedTuple):
    """What a connection needs of a version of MQTT; the other packets are the same in both."""

    reader: Callable[[], mqtt.Reader]
    connect: Callable[..., bytes]
    connack: Callable[[Other], Connected]
    subscribe: Callable[[int, Iterable[tuple[str, int]]], bytes]
    suback: Callable[[Other], tuple[int, ...]]
    publish: Callable[[Message, int], bytes]


WIRES: Final = {
    "5": Wire(mqtt.Reader, mqtt.connect_packet, mqtt.connack, mqtt.subscribe_packet, mqtt.suback, mqtt.publish_packet),
    "3.1.1": Wire(Reader, connect_packet, connack, subscribe_packet, suback, publish_packet),
}
