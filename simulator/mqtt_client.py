"""The one file around aiomqtt: a connection to an MQTT 5 broker that says what aiomqtt keeps to itself.

What it is: refusals of single messages, the loss of the link as something to wait for, and an end without farewell.
What it is not: a loop that reconnects or repeats; that is ``publisher.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from functools import cache
from typing import Any, Final

import aiomqtt
from aiomqtt import MqttError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from service import Broker

__all__ = ["TIMEOUT_S", "Client", "MqttError", "client_of"]

TIMEOUT_S: Final = 10.0
KEEPALIVE_S: Final = 30
_AT_ONCE: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Nagle's algorithm would hold a short message back until the broker's system acknowledges the last: up to 40 ms."""


class Client(aiomqtt.Client):
    """aiomqtt's client, with the three things that it keeps to itself: refusals, the loss of the link, and dying."""

    refusal: str | None = None

    async def send(self, topic: str, payload: bytes, *, retain: bool, content_type: str) -> None:
        """Publish at QoS 1 and wait for the acknowledgement; raises MqttError, also for a refusal."""
        await self.publish(topic, payload, qos=1, retain=retain, properties=_properties(content_type))
        if self.refusal is not None:
            raise MqttError(f"{topic} refused: {self.refusal}; check the rights of the user")

    @property
    def gone(self) -> asyncio.Future[None]:
        """Done when the connection has ended."""
        return self._disconnected

    async def leave(self, *, in_peace: bool) -> None:
        """Disconnect; not in peace means without the farewell that would withdraw the will."""
        line = self._client.socket()
        if not in_peace and isinstance(line, socket.socket) and not self.gone.done():
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            await asyncio.wait({self.gone}, timeout=TIMEOUT_S)
        with contextlib.suppress(MqttError):  # the link may be dead already: that is why we leave
            await self.__aexit__(None, None, None)
        if self.gone.done():
            self.gone.exception()  # seen: asyncio need not warn of it

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: Any, properties: Any) -> None:
        # MQTT 5 says "not authorized" in the acknowledgement; aiomqtt would take it for a success.
        if getattr(reason_code, "is_failure", False):
            self.refusal = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)


def client_of(broker: Broker, client_id: str, will: tuple[str, bytes] | None, window: int, topics: int) -> Client:
    """A client that is not connected yet.

    Args:
        broker: where to connect, with the user's name and password; raises ConfigError for a wrong one.
        client_id: the MQTT client identifier.
        will: topic and payload.
        window: how many messages may be in flight.
        topics: how many topics are to be listened to.
    """
    client = Client(
        broker.host,
        broker.port,
        username=broker.username or None,
        password=broker.password(),
        identifier=client_id,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=True,
        will=None if will is None else aiomqtt.Will(will[0], will[1], qos=1),
        timeout=TIMEOUT_S,
        keepalive=KEEPALIVE_S,
        max_inflight_messages=window,
        socket_options=_AT_ONCE,
    )
    # aiomqtt's warning is for those who do not bound theirs.
    client.pending_calls_threshold = window + topics
    return client


@cache
def _properties(content_type: str) -> Properties | None:
    if not content_type:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = content_type
    return properties
