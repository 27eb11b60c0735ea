"""The MQTT packets that an ingester sends, as bytes.

What it is: pure; for version 5 and, without its properties, for 3.1.1. Only what a subscriber needs, which is not QoS
2, and the few messages that it publishes itself.
What it is not: the packets that it gets (``mqtt.py``).
The standard: OASIS MQTT Version 5.0 (2019); the numbers are its sections.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

PINGREQ: Final = b"\xc0\x00"
GOODBYE: Final = b"\xe0\x00"  # DISCONNECT: the will is not sent, the session is kept (3.14)
V5: Final = 5
V311: Final = 4
"""The protocol level of MQTT 3.1.1 (its section 3.1.2.2)."""

_ONLY_WHEN_NEW: Final = 0x10  # retain handling 1 (3.8.3.1): a resumed session has had the retained messages
_SESSION_EXPIRY: Final = 0x11
_RECEIVE_MAXIMUM: Final = 0x21
_LENGTH: Final = struct.Struct("!H")


class Message(NamedTuple):
    """What we publish ourselves."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


def connect(
    client_id: str,
    *,
    clean_start: bool,
    keepalive_s: int,
    session_expiry_s: int,
    receive_maximum: int,
    username: str = "",
    password: str | None = None,
    will: Message | None = None,
    version: int = V5,
) -> bytes:
    """CONNECT (3.1). The broker is not asked for a maximum packet size: what is longer it would drop in silence.

    In 3.1.1 a session is clean, or it never expires, and there is no receive maximum to tell.
    """
    flags = clean_start << 1 | bool(username) << 7 | (password is not None) << 6
    body = [_text(client_id)]
    if will is not None:
        flags |= 1 << 2 | will.qos << 3 | will.retain << 5
        body += [_no_properties(version), _text(will.topic), _bytes(will.payload)]
    if username:
        body.append(_text(username))
    if password is not None:
        body.append(_text(password))
    head = _text("MQTT") + struct.pack("!BBH", version, flags, keepalive_s)
    if version == V5:
        head += _sized(struct.pack("!BIBH", _SESSION_EXPIRY, session_expiry_s, _RECEIVE_MAXIMUM, receive_maximum))
    return _packet(0x10, head + b"".join(body))


def subscribe(packet_id: int, wanted: Iterable[tuple[str, int]], version: int = V5) -> bytes:
    """SUBSCRIBE (3.8): topic filters, each with the QoS that is wanted."""
    options = _ONLY_WHEN_NEW if version == V5 else 0
    filters = b"".join(_text(topic) + bytes((qos | options,)) for topic, qos in wanted)
    return _packet(0x82, _LENGTH.pack(packet_id) + _no_properties(version) + filters)


def publish(message: Message, packet_id: int = 0, version: int = V5) -> bytes:
    """PUBLISH (3.3), at QoS 0 or 1; ``packet_id`` is for QoS 1."""
    middle = _LENGTH.pack(packet_id) if message.qos else b""
    head = 0x30 | message.qos << 1 | message.retain
    return _packet(head, _text(message.topic) + middle + _no_properties(version) + message.payload)


def pubacks(packet_ids: Sequence[int]) -> bytes:
    """PUBACKs (3.4): without reason code and properties, which means success."""
    return struct.pack("!" + "HH" * len(packet_ids), *[part for one in packet_ids for part in (0x4002, one)])


def _no_properties(version: int) -> bytes:
    return b"\x00" if version == V5 else b""


def _packet(head: int, body: bytes) -> bytes:
    return bytes((head,)) + _sized(body)


def _sized(body: bytes) -> bytes:
    """With its length before it, as a variable byte integer (1.5.5)."""
    length, head = len(body), bytearray()
    while True:
        length, low = length >> 7, length & 127
        head.append(low | (128 if length else 0))
        if not length:
            return bytes(head) + body


def _bytes(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _text(value: str) -> bytes:
    return _bytes(value.encode())
