"""The MQTT client of an edge node.

What it is: aiomqtt's client with what Sparkplug asks of a connection: a clean session that ends with the link, the
NDEATH as its will, and the two ways to go: with that will, or without a word.
What it is not: the protocol (``sparkplug_edge.py``), nor the mending of links (``sparkplug_publisher.py``).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Literal

import aiomqtt
from aiomqtt import MqttError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contract.sparkplug import Publish
from service import Broker

__all__ = ["EdgeClient", "Mqtt", "MqttError", "client_of"]

Mqtt = Literal["5", "3.1.1"]
TIMEOUT_S: Final = 10.0
KEEP_ALIVE_S: Final = 30
COMMANDS_WAITING: Final = 1000

_AT_ONCE: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Nagle's algorithm would hold a short message back until the broker's system acknowledges the last: up to 40 ms."""
_WITH_WILL: Final = 0x04
"""MQTT 5, 3.14.2.1: "Disconnect with Will Message", which Sparkplug 3.0, 6.4.25 demands."""


class EdgeClient(aiomqtt.Client):
    """aiomqtt's client, with what it keeps to itself: that a line is open, the loss of the link, and how to go."""

    opened: Callable[[], None]
    """Called when the line is open and CONNECT is about to be sent; from another thread."""

    @property
    def gone(self) -> asyncio.Future[None]:
        """Done when the connection has ended."""
        return self._disconnected

    async def leave(self, mqtt: Mqtt) -> None:
        """Send DISCONNECT; in MQTT 5 with the reason that lets the broker publish the will all the same."""
        if mqtt == "5" and not self.gone.done():
            self._client.disconnect(reasoncode=ReasonCode(PacketTypes.DISCONNECT, identifier=_WITH_WILL))
            await asyncio.wait({self.gone}, timeout=TIMEOUT_S)
        await self._close()

    async def vanish(self) -> None:
        """Go without a word, so that the broker publishes the will."""
        line = self._client.socket()
        if isinstance(line, socket.socket):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            if self._connected.done():  # otherwise there is nobody to tell that it has ended
                await asyncio.wait({self.gone}, timeout=TIMEOUT_S)
            await self._close()

    async def _close(self) -> None:
        with suppress(MqttError):
            await self.__aexit__(None, None, None)
        if self.gone.done():
            self.gone.exception()  # seen: asyncio need not warn of it

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        self.opened()
        super()._on_socket_open(client, userdata, sock)


def client_of(broker: Broker, client_id: str, will: Publish, mqtt: Mqtt) -> EdgeClient:
    """A client, not connected yet; raises ConfigError for a wrong URL or password file."""
    clean: dict[str, Any] = {"clean_session": True}
    if mqtt == "5":
        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        clean = {"clean_start": True, "properties": properties}
    return EdgeClient(
        broker.host,
        broker.port,
        username=broker.username or None,
        password=broker.password(),
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion.V5 if mqtt == "5" else aiomqtt.ProtocolVersion.V311,
        will=aiomqtt.Will(will.topic, will.payload, qos=will.qos, retain=will.retain),
        timeout=TIMEOUT_S,
        keepalive=KEEP_ALIVE_S,
        max_queued_incoming_messages=COMMANDS_WAITING,
        socket_options=_AT_ONCE,
        **clean,
    )
