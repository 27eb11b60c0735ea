"""The MQTT client of an edge node.

What it is: aiomqtt's client with what Sparkplug asks of a connection: a clean session that ends with the link, the
NDEATH as its will, the two ways to go: with that will, or without a word; and the wait for a primary host.
What it is not: the protocol (``sparkplug_edge.py``), nor the mending of links (``sparkplug_publisher.py``).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Literal

import aiomqtt
from aiomqtt import MqttError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from contract import ContractError
from contract.sparkplug import Publish
from service import Broker, ended
from simulator.sparkplug_primary import STATE_QOS, PrimaryHost

__all__ = ["EdgeClient", "HostWait", "Mqtt", "MqttError", "client_of", "end"]

Mqtt = Literal["5", "3.1.1"]
TIMEOUT_S: Final = 10.0
KEEP_ALIVE_S: Final = 30
COMMANDS_WAITING: Final = 1000
_LOG: Final = logging.getLogger("qilu.publisher")

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

    async def leave(self, mqtt: Mqtt, last: Publish | None) -> None:
        """Say the last word and DISCONNECT; in MQTT 5 with the reason that lets the broker publish the will as well."""
        with suppress(MqttError):  # the link is lost: then the will says it
            if last is not None:
                await self.publish(last.topic, last.payload, qos=last.qos)
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

    def _on_disconnect(self, *arguments: Any) -> None:
        """The line has ended; before the broker has answered, aiomqtt would go on waiting for the answer."""
        if not self._connected.done():
            self._connected.set_exception(MqttError("the connection ended before the broker answered"))
        super()._on_disconnect(*arguments)

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


class HostWait:
    """The primary host of an edge node, and the waiting for it; without one there is nothing to wait for."""

    def __init__(self, primary: PrimaryHost | None) -> None:
        self._primary = primary
        self._online = asyncio.Event()

    @property
    def filters(self) -> list[tuple[str, int]]:
        """What to subscribe to, with the QoS."""
        return [] if self._primary is None else [(self._primary.topic, STATE_QOS)]

    def begin(self) -> None:
        """A session begins: who has a primary host waits for its STATE (``…-birth-publish-phid-wait``)."""
        if self._primary is None:
            self._online.set()
        else:
            self._primary.connecting()
            self._online.clear()

    async def online(self, client: EdgeClient | None) -> None:
        """Wait until births may be published; raises MqttError when the link is lost meanwhile."""
        if client is None or self._online.is_set():
            return
        _LOG.info("waiting for the primary host")
        waits: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._online.wait()), client.gone}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits - {client.gone}:
                wait.cancel()
        if not self._online.is_set():
            raise MqttError("connection lost")

    def is_state(self, topic: str) -> bool:
        """Whether the host speaks there."""
        return self._primary is not None and topic == self._primary.topic

    def hear(self, payload: bytes) -> bool:
        """Its STATE; returns whether the session must end. What is none is logged, and changes nothing."""
        assert self._primary is not None
        try:
            gone = self._primary.hear(payload)
        except ContractError as error:
            _LOG.warning("a STATE was not understood: %s", error)
            return False
        (self._online.set if self._primary.online else self._online.clear)()
        return gone


async def end(task: asyncio.Task[None] | None) -> None:
    """Cancel a task and see it off."""
    if task is None:
        return
    await ended(task)
    if not task.cancelled() and task.exception() is not None:
        _LOG.warning("the link's keeper has ended: %s", task.exception())
