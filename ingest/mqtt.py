"""The packets of MQTT 5 that an ingester gets, out of bytes.

What it is: pure. ``Reader`` takes the bytes of a connection as they come and gives whole packets; the functions read
what is in them. Only what a subscriber needs, which is not QoS 2.
What it is not: a connection, nor a session; those are in ``subscriber.py``. What we send is in ``mqtt_packets.py``.
The standard: OASIS MQTT Version 5.0 (2019); the numbers in the comments are its sections.

A library did this before. Per message it made a future, a task and a timer, three times the cost of everything that
we do with the message, and its acknowledgement by hand needed four of its private parts.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from contract import LinkError

CONNACK: Final = 2
PUBACK: Final = 4
SUBACK: Final = 9
PINGRESP: Final = 13
DISCONNECT: Final = 14

LARGEST_PACKET: Final = 1024 * 1024
"""Of a longer packet only so much is kept, so that nobody fills our memory; its payload is cut and says so."""
TOPICS_KNOWN: Final = 65_536

_PUBLISH: Final = 3
_FAILURE: Final = 0x80
_CONTENT_TYPE: Final = 0x03
_LENGTH: Final = struct.Struct("!H")

# 2.2.2.2: how long the value of each property is; -1 a string or bytes, -2 two strings, 0 a variable byte integer.
_PROPERTY_BYTES: Final = (
    dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1)
    | dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2)
    | dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4)
    | dict.fromkeys((0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F), -1)
    | {0x26: -2, 0x0B: 0}
)

REASONS: Final = {
    0x80: "unspecified error",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x83: "implementation specific error",
    0x84: "unsupported protocol version",
    0x85: "client identifier not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8D: "keep alive timeout",
    0x8E: "session taken over",
    0x8F: "topic filter invalid",
    0x93: "receive maximum exceeded",
    0x95: "packet too large",
    0x96: "message rate too high",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x9E: "shared subscriptions not supported",
    0x9F: "connection rate exceeded",
    0xA2: "wildcard subscriptions not supported",
}
TAKEN_OVER: Final = 0x8E


def reason(code: int) -> str:
    """The word for a reason code (2.4)."""
    return f"{REASONS.get(code, 'refused')} (0x{code:02x})"


class Published(NamedTuple):
    """A PUBLISH packet (3.3). ``size`` is the payload's true length, also where it was cut."""

    topic: str
    payload: bytes
    qos: int
    retained: bool
    packet_id: int
    content_type: str
    size: int


class Other(NamedTuple):
    """Any other packet: its type, its flags and its body."""

    type: int
    flags: int
    body: bytes


class Reader:
    """Bytes in, packets out; one for each connection."""

    def __init__(self, largest: int = LARGEST_PACKET) -> None:
        self._largest = largest
        self._rest = b""
        self._skip = 0
        self._topics: dict[bytes, str] = {}

    def feed(self, data: bytes) -> list[Published | Other]:
        """Take bytes in; returns the packets that are whole now. Raises LinkError: this is not MQTT 5."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip, data = self._skip - skipped, data[skipped:]
        if self._rest:
            data = self._rest + data
        packets: list[Published | Other] = []
        at, end = 0, len(data)
        while at + 2 <= end:
            length, begin = data[at + 1], at + 2
            if length > 127:
                if (begin := _varint_end(data, at + 1)) == 0:
                    break
                length = _varint(data, at + 1)
            stop = begin + min(length, self._largest)
            if stop > end:
                break
            if data[at] >> 4 == _PUBLISH:
                packets.append(self._published(data, data[at], begin, stop, length))
            else:
                packets.append(Other(data[at] >> 4, data[at] & 15, data[begin:stop]))
            at = stop
            if length > self._largest:
                skipped = min(length - self._largest, end - at)
                at, self._skip = at + skipped, length - self._largest - skipped
        self._rest = data[at:]
        return packets

    def _published(self, data: bytes, head: int, begin: int, stop: int, length: int) -> Published:
        try:
            at = begin + 2 + (data[begin] << 8) + data[begin + 1]
            raw, qos, packet_id = data[begin + 2 : at], head >> 1 & 3, 0
            if qos:
                packet_id, at = (data[at] << 8) + data[at + 1], at + 2
            content_type = ""
            if data[at]:
                properties, at = _properties(data, at)
                content_type = properties.get(_CONTENT_TYPE, b"").decode("utf-8", "backslashreplace")[:100]
            else:
                at += 1
        except IndexError:
            raise LinkError("the broker sent a PUBLISH that ends too early") from None
        if at > stop:
            raise LinkError("the broker sent a PUBLISH that ends too early")
        topic = self._topics.get(raw)
        if topic is None:
            if len(self._topics) >= TOPICS_KNOWN:
                self._topics.clear()
            # Without UTF-8 it is no topic, and will be refused; but it must be readable in the dead letter.
            topic = self._topics[raw] = raw.decode("utf-8", "backslashreplace")
        return Published(topic, data[at:stop], qos, bool(head & 1), packet_id, content_type, begin + length - at)


class Connected(NamedTuple):
    """What a CONNACK says (3.2): the reason code, and whether the broker still has our session."""

    code: int
    session_present: bool


def connack(packet: Other) -> Connected:
    """Read a CONNACK; raises LinkError. One of MQTT 3.1.1 has two bytes and says that it does not know version 5."""
    if packet.type != CONNACK or len(packet.body) < 2:
        raise LinkError("the broker does not answer with a CONNACK; does it speak MQTT 5?")
    if len(packet.body) == 2:
        raise LinkError("the broker closed the door: it speaks an older MQTT; does it speak MQTT 5?")
    return Connected(packet.body[1], bool(packet.body[0] & 1))


def suback(packet: Other) -> tuple[int, ...]:
    """The reason code of each topic filter of a SUBACK (3.9)."""
    _, at = _properties(packet.body, 2)
    return tuple(packet.body[at:])


def puback(packet: Other) -> tuple[int, int]:
    """The packet identifier and the reason code of a PUBACK (3.4); without one it means success."""
    (packet_id,) = _LENGTH.unpack_from(packet.body)
    return packet_id, packet.body[2] if len(packet.body) > 2 else 0


def disconnect_code(packet: Other) -> int:
    """Why the broker says goodbye (3.14)."""
    return packet.body[0] if packet.body else 0


def refused(granted: Sequence[int], wanted: Sequence[tuple[str, int]]) -> str:
    """What the broker did not grant as it was asked for; empty when it granted everything.

    A lower QoS than the wanted one would be no promise at all, so it counts as a refusal.
    """
    wrong = [
        f"{topic[:80]!r}: {reason(code) if code >= _FAILURE else f'QoS {code}'}"
        for code, (topic, qos) in zip(granted, wanted, strict=False)
        if code != qos
    ]
    if len(granted) != len(wanted):
        wrong.append(f"{len(granted)} answers for {len(wanted)} filters")
    return ", ".join(wrong)


def _properties(data: bytes, at: int) -> tuple[dict[int, bytes], int]:
    """The properties that begin with their length at ``at``, and where they end (2.2.2). Raises LinkError."""
    begin = _varint_end(data, at)
    end = begin + _varint(data, at)
    if begin == 0 or end > len(data):
        raise LinkError("the broker sent properties that end too early")
    found: dict[int, bytes] = {}
    at = begin
    try:
        while at < end:
            name, at = data[at], at + 1
            size = _PROPERTY_BYTES[name]
            if size == 0:
                at = _varint_end(data, at)
                continue
            for _ in range(2 if size == -2 else 1):
                if size < 0:
                    length, at = _LENGTH.unpack_from(data, at)[0], at + 2
                else:
                    length = size
                found[name], at = data[at : at + length], at + length
    except (KeyError, IndexError, struct.error):
        raise LinkError("the broker sent properties that MQTT 5 does not know") from None
    return found, end


def _varint_end(data: bytes, at: int) -> int:
    """Where a variable byte integer ends (1.5.5); 0 when it is not whole yet. Raises LinkError when it has no end."""
    for length in range(1, 5):
        if at + length > len(data):
            return 0
        if data[at + length - 1] < 128:
            return at + length
    raise LinkError("the broker sent a length of more than four bytes; does it speak MQTT?")


def _varint(data: bytes, at: int) -> int:
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 127) << shift
        if data[at] < 128:
            break
        at, shift = at + 1, shift + 7
    return value
