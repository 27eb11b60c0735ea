"""MQTT 3.1.1 and 5 packets out of the two byte streams of one connection, for a listener in the middle.

What it is: a sans-IO parser (OASIS MQTT 3.1.1 and 5.0, chapters 2 and 3) for what a Sparkplug check needs to see:
CONNECT with its will, CONNACK, PUBLISH, SUBSCRIBE, SUBACK, DISCONNECT; every other packet by its name.
What it is not: a client or a broker. It answers nothing and keeps no session.
"""

from __future__ import annotations

from typing import Final

import msgspec

from contract import ContractError

MAX_PACKET: Final = 16 * 1024 * 1024
"""Bytes of one packet; MQTT itself allows 256 MiB."""
_MAX_ALIASES: Final = 1000

_NAMES: Final = (
    *("reserved", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp"),
    *("subscribe", "suback", "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"),
)


class Packet(msgspec.Struct, frozen=True, tag=str.lower):
    """What passed over the connection; its name in a trace file is the class's, in lower case."""


class Will(msgspec.Struct, frozen=True):
    """The message that the broker is to publish when the connection dies."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Connect(Packet, frozen=True):
    """CONNECT. ``version`` 4 is MQTT 3.1.1; ``expiry_s`` is MQTT 5's session expiry, None where it is not said (0)."""

    client_id: str
    version: int
    clean: bool
    expiry_s: int | None = None
    will: Will | None = None


class Connack(Packet, frozen=True):
    """CONNACK; ``code`` 0 is success."""

    code: int


class Publish(Packet, frozen=True):
    """PUBLISH. A topic that is no UTF-8 holds U+FFFD where it is broken."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Subscribe(Packet, frozen=True):
    """SUBSCRIBE: ``(topic filter, QoS)`` of each."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


class Suback(Packet, frozen=True):
    """SUBACK: from 128 on a code is a refusal."""

    packet_id: int
    codes: tuple[int, ...]


class Disconnect(Packet, frozen=True):
    """DISCONNECT; ``reason`` 4 is MQTT 5's "disconnect with will message"."""

    reason: int = 0


class Other(Packet, frozen=True):
    """A packet that no check looks into."""

    name: str


class Closed(Packet, frozen=True):
    """The end of the connection, first seen from this side; ``reset`` when it did not end in peace."""

    reset: bool = False


class Garbled(Packet, frozen=True):
    """From here on the connection cannot be read."""

    detail: str


class Told(Packet, frozen=True):
    """What an application says of itself, for what no wire can show.

    ``what``: ``offline`` and ``stale`` (of a node, or of a device, as of ``at_ms``), ``setting`` (``name``, ``value``),
    ``device-lost`` (an edge node's own word that a device does not answer).
    """

    who: str
    what: str
    group: str = ""
    node: str = ""
    device: str | None = None
    at_ms: int = 0
    name: str = ""
    value: float = 0.0


AnyPacket = Connect | Connack | Publish | Subscribe | Suback | Disconnect | Other | Closed | Garbled | Told


class Conversation:
    """Both directions of one connection; the version that CONNECT names holds for the answers, too."""

    def __init__(self) -> None:
        self._version = 4
        self._waiting = {"client": bytearray(), "broker": bytearray()}
        self._aliases: dict[str, dict[int, str]] = {"client": {}, "broker": {}}

    def feed(self, side: str, data: bytes) -> list[AnyPacket]:
        """What is complete now of the bytes from this side (``client`` or ``broker``).

        Raises:
            ContractError: ``bad-mqtt``: these are no MQTT packets; the rest of the stream cannot be read.
        """
        waiting = self._waiting[side]
        waiting += data
        found: list[AnyPacket] = []
        while (size := _whole(waiting)) is not None:
            start, end = size
            if len(waiting) < end:
                break
            try:
                found.append(self._packet(side, waiting[0], bytes(waiting[start:end])))
            except (IndexError, ValueError) as error:
                raise ContractError("bad-mqtt", f"{_NAMES[waiting[0] >> 4]} from the {side}: {error}") from None
            del waiting[:end]
        return found

    def _packet(self, side: str, head: int, body: bytes) -> AnyPacket:
        name = _NAMES[head >> 4]
        read = _Reader(body)
        five = self._version == 5
        if name == "connect":
            return self._connect(read)
        if name == "connack":
            read.byte()
            return Connack(read.byte())
        if name == "publish":
            return self._publish(side, head, read)
        if name in ("subscribe", "suback"):
            packet_id = read.number(2)
            read.properties(five)
            return Suback(packet_id, tuple(read.rest())) if name == "suback" else Subscribe(packet_id, _filters(read))
        if name == "disconnect":
            return Disconnect(read.byte() if read.left else 0)
        return Other(name)

    def _connect(self, read: _Reader) -> Connect:
        read.text()
        version, flags = read.byte(), read.byte()
        read.number(2)
        self._version = version
        properties = read.properties(version == 5)
        client_id = read.text()
        will = None
        if flags & 4:
            read.properties(version == 5)
            topic = read.text()
            will = Will(topic, read.block(), flags >> 3 & 3, bool(flags & 32))
        return Connect(client_id, version, bool(flags & 2), properties.get(0x11), will)

    def _publish(self, side: str, head: int, read: _Reader) -> Publish:
        topic = read.text()
        qos = head >> 1 & 3
        if qos:
            read.number(2)
        alias = read.properties(self._version == 5).get(0x23)
        aliases = self._aliases[side]
        if alias is not None and topic and len(aliases) < _MAX_ALIASES:
            aliases[alias] = topic
        elif alias is not None and not topic:
            topic = aliases.get(alias, "")
        return Publish(topic, read.rest(), qos, bool(head & 1))


class _Reader:
    """The body of one packet, from the front; raises ValueError past its end."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._body) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise ValueError("it ends too early")
        self._at += count
        return self._body[self._at - count : self._at]

    def rest(self) -> bytes:
        return self.take(self.left)

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def block(self) -> bytes:
        return self.take(self.number(2))

    def text(self) -> str:
        return self.block().decode("utf-8", "replace")

    def properties(self, five: bool) -> dict[int, int]:
        """The numeric properties of MQTT 5 (clause 2.2.2) by identifier; nothing in MQTT 3.1.1, which has none."""
        if not five or not self.left:
            return {}
        inner = _Reader(self.take(self.varint()))
        found: dict[int, int] = {}
        while inner.left:
            key = inner.varint()
            if key in _SIZES:
                found[key] = inner.number(_SIZES[key])
            elif key == 0x0B:
                inner.varint()
            elif key in _BLOCKS:
                inner.block()
                if key == 0x26:  # a user property has a value behind its name
                    inner.block()
            else:
                raise ValueError(f"property {key} is none")
        return found

    def varint(self) -> int:
        value = 0
        for shift in range(0, 28, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise ValueError("a length of more than four bytes")


_SIZES: Final = {
    **dict.fromkeys((0x01, 0x17, 0x19, 0x24, 0x25, 0x28, 0x29, 0x2A), 1),
    **dict.fromkeys((0x13, 0x21, 0x22, 0x23), 2),
    **dict.fromkeys((0x02, 0x11, 0x18, 0x27), 4),
}
_BLOCKS: Final = frozenset({0x03, 0x08, 0x09, 0x12, 0x15, 0x16, 0x1A, 0x1C, 0x1F, 0x26})


def _filters(read: _Reader) -> tuple[tuple[str, int], ...]:
    filters = []
    while read.left:
        topic = read.text()
        filters.append((topic, read.byte() & 3))
    return tuple(filters)


def _whole(waiting: bytearray) -> tuple[int, int] | None:
    """Where the first packet's body begins and ends; None when not even its length is there."""
    length = 0
    for index in range(1, 5):
        if len(waiting) <= index:
            return None
        length |= (waiting[index] & 127) << 7 * (index - 1)
        if waiting[index] < 128:
            if length > MAX_PACKET:
                raise ContractError("bad-mqtt", f"a packet of {length} bytes, at most {MAX_PACKET} are read")
            return index + 1, index + 1 + length
    raise ContractError("bad-mqtt", "a length of more than four bytes")
