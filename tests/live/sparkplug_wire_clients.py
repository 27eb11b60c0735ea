"""The clients of the Sparkplug scenario: a shell for the host, and an instrument that plays a foreign edge node.

What it is: paho around ``ingest.sparkplug_host.Host``, with both versions of MQTT and both ways to go; it notes what
the host says of itself as ``Told`` events. The instrument sends what a good client never would.
What it is not: the ingester's own shell, nor judged by the checker (the instrument).
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from console.sparkplug_hearing import SETTING
from console.sparkplug_mqtt import Told
from console.sparkplug_world import Event
from contract.sparkplug import Publish
from contract.sparkplug_payload import DataType, Metric, Payload, encode_payload
from ingest.sparkplug_heard import Heard, Step
from ingest.sparkplug_host import Host

TICK_S = 0.02
HOST_ID = "qilu-test"
INSTRUMENT = "instrument"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class HostShell:
    """A host application on a connection of its own; a context manager that leaves as ``leave`` says."""

    def __init__(
        self,
        port: int,
        record: Callable[[Event], object],
        *,
        mqtt: str = "5",
        reorder_s: float,
        disconnect: bool = True,
    ) -> None:
        self.host = Host(HOST_ID, reorder_s=reorder_s)
        self.heard: list[Heard] = []
        self.online = threading.Event()
        self._record = record
        self._port = port
        self._disconnect = disconnect
        self._lock = threading.RLock()
        self._ended = threading.Event()
        version = paho.MQTTv5 if mqtt == "5" else paho.MQTTv311
        clean = {} if mqtt == "5" else {"clean_session": True}
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, "host", protocol=version, **clean)
        self._mqtt = mqtt
        self._client.on_connect = lambda *_: self._client.subscribe(list(self.host.subscriptions))
        self._client.on_subscribe = lambda *_: self._obey(self.host.connected)
        self._client.on_message = self._on_message
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._tell(Told(HOST_ID, "setting", name=SETTING, value=reorder_s))

    def __enter__(self) -> HostShell:
        will = self.host.connecting(now_ms())
        assert will is not None
        self._client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        if self._mqtt == "5":
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 0
            self._client.connect("127.0.0.1", self._port, clean_start=True, properties=properties)
        else:
            self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self._ticker.start()
        assert self.online.wait(10), "the host did not get online"
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            said = [self._send(one) for one in self.host.disconnecting(now_ms()).publish]
        for one in said:
            one.wait_for_publish(10)
        self._ended.set()
        self._ticker.join(10)
        if self._disconnect:
            self._client.disconnect()
            self._client.loop_stop()
            return
        line = self._client.socket()
        assert isinstance(line, socket.socket)
        line.shutdown(socket.SHUT_RDWR)
        self._client._thread_terminate = True  # else paho would connect again
        self._client.loop_stop()

    def say(self, publish: Publish) -> None:
        """A command, or a rebirth request, at the user's wish."""
        with self._lock:
            self._send(publish)

    def _send(self, one: Publish) -> paho.MQTTMessageInfo:
        return self._client.publish(one.topic, one.payload, qos=one.qos, retain=one.retain)

    def _obey(self, ask: Callable[[int], Step]) -> None:
        with self._lock:
            step = ask(now_ms())
            for one in step.publish:
                self._send(one)
            self.heard += step.heard
        for mark in step.marks:
            self._tell(Told(HOST_ID, mark.what, mark.group, mark.node, mark.device, mark.at_ms))
        self.online.set()

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        received_ns = time.time_ns()
        self._obey(lambda _: self.host.take(message.topic, message.payload, received_ns, retained=message.retain))

    def _tick(self) -> None:
        while not self._ended.wait(TICK_S):
            self._obey(self.host.tick)

    def _tell(self, told: Told) -> None:
        self._record(Event(now_ms(), 0, "told", told))


class Instrument:
    """Says what it is told to, true or false."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, INSTRUMENT)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def slander(self) -> None:
        """Call the host offline."""
        said = json.dumps({"online": False, "timestamp": now_ms()})
        self._client.publish(f"spBv1.0/STATE/{HOST_ID}", said, qos=1, retain=True).wait_for_publish(10)

    def node(self, type_: str, seq: int) -> None:
        """A message of a foreign edge node with this sequence number."""
        at_ms = now_ms()
        level = Metric("level", DataType.Double, float(seq), at_ms)
        first = (
            Metric("bdSeq", DataType.Int64, 0, at_ms),
            Metric("Node Control/Rebirth", DataType.Boolean, False, at_ms),
        )
        metrics = (*first, level) if type_ == "NBIRTH" else (Metric("level", None, float(seq), at_ms),)
        topic = f"spBv1.0/elsewhere/{type_}/odd"
        self._client.publish(topic, encode_payload(Payload(at_ms, seq, metrics))).wait_for_publish(10)
