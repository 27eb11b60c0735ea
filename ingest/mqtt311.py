"""The packets of MQTT 3.1.1 that an ingester gets, where they differ from MQTT 5: no properties, fewer words.

What it is: pure; the same functions as in ``mqtt.py`` for a broker that speaks the older version, and ``WIRES``, by
which a connection chooses. Return codes come out as the reason codes of MQTT 5 that mean the same.
What it is not: for our own topics, whose promise needs a session that expires and a receive maximum.
The standard: OASIS MQTT Version 3.1.1 (2014); the numbers in the comments are its sections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from contract import LinkError
from ingest import mqtt, mqtt_packets
from ingest.mqtt import CONNACK, Connected, Other, Published

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


class Wire(NamedTuple):
    """How a connection reads a version of MQTT, and the version's number for what it sends."""

    reader: Callable[[], mqtt.Reader]
    connack: Callable[[Other], Connected]
    suback: Callable[[Other], tuple[int, ...]]
    version: int


WIRES: Final = {
    "5": Wire(mqtt.Reader, mqtt.connack, mqtt.suback, mqtt_packets.V5),
    "3.1.1": Wire(Reader, connack, suback, mqtt_packets.V311),
}
