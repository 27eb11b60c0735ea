"""MQTT 5 by the byte: the publisher of the fault-injection suite, and packets that no library would send.

What it is: CONNECT, PUBLISH at QoS 1 and PUBACK of OASIS MQTT 5.0 (3.1, 3.3, 3.4), as one small client whose every bit
is in the test's hand: DUP, a packet identifier twice, a topic that is no text.
What it is not: a client for anything else; it neither subscribes nor keeps alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, DISCONNECT = 0x10, 0x20, 0x30, 0x40, 0x82, 0xE0
NO_SUBSCRIBER = 0x10
"""PUBACK's reason when nobody wants the message (MQTT 5.0, 3.4.2.1): taken, and given to nobody."""


def length(count: int) -> bytes:
    """A variable byte integer (MQTT 5.0, 1.5.5).

    >>> length(0), length(127), length(128)
    (b'\\x00', b'\\x7f', b'\\x80\\x01')
    """
    encoded = b""
    while True:
        count, digit = divmod(count, 128)
        encoded += bytes([digit | (0x80 if count else 0)])
        if not count:
            return encoded


def text(value: bytes) -> bytes:
    """Two bytes of length, then the bytes (MQTT 5.0, 1.5.4), whether or not they are UTF-8."""
    return struct.pack("!H", len(value)) + value


def packet(first: int, body: bytes) -> bytes:
    """A control packet from its first byte and what follows the length."""
    return bytes([first]) + length(len(body)) + body


def connect(client_id: str, *, clean: bool = True, level: int = 5, keepalive_s: int = 60) -> bytes:
    """CONNECT."""
    flags = 2 if clean else 0
    head = text(b"MQTT") + bytes([level, flags]) + struct.pack("!H", keepalive_s)
    return packet(CONNECT, head + (b"\x00" if level == 5 else b"") + text(client_id.encode()))


def publish(
    topic: bytes, payload: bytes, number: int, *, dup: bool = False, retain: bool = False, content_type: str = ""
) -> bytes:
    """PUBLISH at QoS 1."""
    properties = b"\x03" + text(content_type.encode()) if content_type else b""
    head = text(topic) + struct.pack("!H", number) + length(len(properties)) + properties
    return packet(PUBLISH | (8 if dup else 0) | 2 | (1 if retain else 0), head + payload)


class Refusal(Exception):
    """The broker closed the connection, or said no."""


class Speaker:
    """One connection that publishes. ``on_ack`` hears of each PUBACK: packet identifier and reason code."""

    def __init__(self, port: int, client_id: str, on_ack: Callable[[int, int], None]) -> None:
        self.lost = asyncio.Event()
        self._port = port
        self._client_id = client_id
        self._on_ack = on_ack
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None

    async def open(self, timeout_s: float = 5.0) -> None:
        """Connect with a clean session; raises Refusal."""
        try:
            async with asyncio.timeout(timeout_s):
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
                self._writer.write(connect(self._client_id))
                first, body = await read_packet(self._reader)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self.abort()
            raise Refusal(f"no connection: {error!r}") from None
        if first != CONNACK or body[1]:
            self.abort()
            raise Refusal(f"CONNACK {body!r}")
        self._listener = asyncio.create_task(self._listen(self._reader))

    async def send(self, data: bytes) -> None:
        """Send bytes; raises Refusal when the connection is gone."""
        if self._writer is None or self.lost.is_set():
            raise Refusal("the connection is gone")
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            self.lost.set()
            raise Refusal(str(error)) from None

    async def close(self) -> None:
        """DISCONNECT and close."""
        with contextlib.suppress(Refusal):
            await self.send(packet(DISCONNECT, b""))
        self.abort()

    def abort(self) -> None:
        """Go without a word."""
        self.lost.set()
        if self._listener is not None:
            self._listener.cancel()
        if self._writer is not None:
            self._writer.transport.abort()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                first, body = await read_packet(reader)
                if first == PUBACK:
                    self._on_ack(struct.unpack_from("!H", body)[0], body[2] if len(body) > 2 else 0)
                elif first == DISCONNECT:
                    return
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            self.lost.set()


async def read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next control packet: its first byte, and what follows the length."""
    first = (await reader.readexactly(1))[0]
    count = shift = 0
    while True:
        digit = (await reader.readexactly(1))[0]
        count |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return first, await reader.readexactly(count)
