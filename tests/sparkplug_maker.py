"""A trace made by hand that exercises every core assertion of an edge node and a host.

What it is: what a good edge node and a good host do, as steps that a mutation can find and change.
What it is not: the mutations (``sparkplug_mutations.py``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from sparkplug_encode import BOOLEAN, DOUBLE, INT64, STRING, T0, M, P

from console.sparkplug_mqtt import (
    AnyPacket,
    Closed,
    Connack,
    Connect,
    Disconnect,
    Publish,
    Suback,
    Subscribe,
    Told,
    Will,
)
from console.sparkplug_world import Event


@dataclass(frozen=True)
class Step:
    """One event, its payload still open to changes. ``name`` is what a mutation finds it by."""

    name: str
    at: int
    link: int
    side: str
    packet: AnyPacket
    payload: P | dict[str, Any] | None = None

    def event(self) -> Event:
        packet, at = self.packet, T0 + self.at
        if isinstance(packet, Publish | Connect) and self.payload is not None:
            data = self.payload.encode() if isinstance(self.payload, P) else json.dumps(self.payload).encode()
            if isinstance(packet, Publish):
                packet = Publish(packet.topic, data, packet.qos, packet.retain)
            elif packet.will is not None:
                will = Will(packet.will.topic, data, packet.will.qos, packet.will.retain)
                packet = Connect(packet.client_id, packet.version, packet.clean, packet.expiry_s, will)
        return Event(at, self.link, self.side, packet)


class Play:
    """Writes a trace step by step."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.now = 0

    def add(self, name: str, link: int, packet: AnyPacket, payload: Any = None, *, side: str = "client") -> None:
        self.steps.append(Step(name, self.now, link, side, packet, payload))
        self.now += 10

    def wait(self, ms: int) -> None:
        self.now += ms

    @property
    def t(self) -> int:
        return T0 + self.now


class Edge:
    """An edge node that behaves."""

    def __init__(self, play: Play, link: int, version: int, bd_seq: int, node: str = "n1", tag: str = "") -> None:
        self.play, self.link, self.version, self.bd_seq, self.node = play, link, version, bd_seq, node
        self.tag, self.seq, self.level = tag, 0, 1.0
        self.hosts: list[int] = []

    def topic(self, type_: str, device: str | None = None) -> str:
        return "/".join(["spBv1.0", "g", type_, self.node] + ([] if device is None else [device]))

    def death(self) -> P:
        return P((M("bdSeq", self.bd_seq, INT64, t=self.play.t),), t=self.play.t)

    def connect(self) -> None:
        will = Will(self.topic("NDEATH"), b"", 1, False)
        packet = Connect(f"edge-{self.node}", self.version, True, None, will)
        self.play.add(f"connect{self.tag}", self.link, packet, self.death())
        self.play.add(f"connack{self.tag}", self.link, Connack(0), side="broker")
        filters = ((self.topic("NCMD"), 1), (self.topic("DCMD", "+"), 1))
        self.play.add(f"subscribe{self.tag}", self.link, Subscribe(1, filters))
        self.play.add(f"suback{self.tag}", self.link, Suback(1, (1, 1)), side="broker")

    def say(self, type_: str, metrics: tuple[M, ...], device: str | None = None) -> None:
        metrics = tuple(replace(one, t=self.play.t) for one in metrics)
        self.seq = 0 if type_ == "NBIRTH" else (self.seq + 1) % 256
        packet, payload = Publish(self.topic(type_, device), b""), P(metrics, self.seq, self.play.t)
        self.play.add(f"{type_}{self.tag}", self.link, packet, payload)
        for host in self.hosts:
            self.play.add(f"heard {type_}{self.tag}", host, packet, payload, side="broker")

    def births(self, *devices: str) -> None:
        head = (M("bdSeq", self.bd_seq, INT64), M("Node Control/Rebirth", False, BOOLEAN))
        self.say("NBIRTH", (*head, M("level", self.level, DOUBLE), M("note", None, STRING)))
        for device in devices:
            self.say("DBIRTH", (M("heat", self.level, DOUBLE), M("set", 1, INT64)), device)

    def data(self, *devices: str) -> None:
        self.level += 1
        self.say("NDATA", (M("level", self.level, as_type=DOUBLE),))
        for device in devices:
            self.say("DDATA", (M("heat", self.level, as_type=DOUBLE),), device)

    def bury(self, device: str) -> None:
        self.say("DDEATH", (), device)

    def leave(self, reason: int) -> None:
        self.play.add(f"NDEATH{self.tag}", self.link, Publish(self.topic("NDEATH"), b""), self.death())
        for host in self.hosts:
            self.play.add(
                f"heard NDEATH{self.tag}", host, Publish(self.topic("NDEATH"), b""), self.death(), side="broker"
            )
        self.play.add(f"disconnect{self.tag}", self.link, Disconnect(reason))
        self.play.add(f"closed{self.tag}", self.link, Closed())


class HostApp:
    """A host application that behaves."""

    def __init__(self, play: Play, link: int, version: int, tag: str = "") -> None:
        self.play, self.link, self.version, self.tag, self.since = play, link, version, tag, 0

    def enter(self) -> None:
        self.since = self.play.t
        will = Will("spBv1.0/STATE/h1", b"", 1, True)
        state = {"online": False, "timestamp": self.since}
        self.play.add(f"host connect{self.tag}", self.link, Connect("host", self.version, True, None, will), state)
        self.play.add("host connack", self.link, Connack(0), side="broker")
        filters = (("spBv1.0/STATE/h1", 1), ("spBv1.0/#", 0))
        self.play.add(f"host subscribe{self.tag}", self.link, Subscribe(1, filters))
        self.play.add("host suback", self.link, Suback(1, (1, 0)), side="broker")
        self.state(True)

    def state(self, online: bool) -> None:
        said = {"online": online, "timestamp": self.since if online else self.play.t}
        name = f"{'online' if online else 'offline'}{self.tag}"
        self.play.add(name, self.link, Publish("spBv1.0/STATE/h1", b"", 1, True), said)

    def doubt(self) -> None:
        said = {"online": False, "timestamp": self.since}
        packet = Publish("spBv1.0/STATE/h1", b"", 1, False)
        self.play.add("doubt", self.link, packet, said, side="broker")
        self.state(True)

    def command(self, topic: str, *metrics: M, name: str = "") -> None:
        packet, payload = Publish(topic, b""), P(tuple(metrics), None, self.play.t)
        self.play.add(name or topic.split("/")[2], self.link, packet, payload)

    def tell(self, what: str, node: str, device: str | None, at: int) -> None:
        self.play.add(f"told {what}", 0, Told("h1", what, "g", node, device, at), side="told")

    def leave(self, *, disconnect: bool) -> None:
        self.play.wait(3000)
        self.state(False)
        if disconnect:
            self.play.add(f"host disconnect{self.tag}", self.link, Disconnect(0))
        self.play.add(f"host closed{self.tag}", self.link, Closed())


def good() -> list[Step]:
    """Two edge nodes and a host, over MQTT 5 and 3.1.1; every core assertion of both roles is put to the test."""
    play = Play()
    host = HostApp(play, 10, 5)
    play.add("told setting", 0, Told("h1", "setting", name="reorder_timeout_s", value=2.0), side="told")
    host.enter()
    host.doubt()
    edge = _edges(play, host)
    _rebirth(play, host, edge)
    _deaths(play, host, edge)
    _orders(play, host)
    host.leave(disconnect=True)
    old = HostApp(play, 11, 4, " 311")
    old.enter()
    old.leave(disconnect=False)
    return play.steps


def _edges(play: Play, host: HostApp) -> Edge:
    first = Edge(play, 1, 4, 7, tag=" 311")
    first.connect()
    first.births("d1")
    first.data("d1")
    first.leave(0)
    other = Edge(play, 2, 5, 0, "n2", " n2")
    other.connect()
    other.births("d1")
    other.leave(4)
    edge = Edge(play, 3, 5, 8)
    edge.hosts = [host.link]
    edge.connect()
    edge.births("d1", "d2")
    for _ in range(100):
        edge.data("d1", "d2")
    return edge


def _rebirth(play: Play, host: HostApp, edge: Edge) -> None:
    wish = M("Node Control/Rebirth", True, as_type=BOOLEAN, t=play.t)
    host.command(edge.topic("NCMD"), wish, name="NCMD")
    play.add("request", edge.link, Publish(edge.topic("NCMD"), b""), P((wish,), None, play.t), side="broker")
    edge.births("d1", "d2")
    edge.data("d1")
    host.command(edge.topic("DCMD", "d1"), M("set", 5, as_type=INT64, t=play.t), name="DCMD")
    play.wait(6000)


def _deaths(play: Play, host: HostApp, edge: Edge) -> None:
    edge.bury("d2")
    died = play.steps[-1].payload
    assert isinstance(died, P) and died.t is not None
    for what in ("offline", "stale"):
        host.tell(what, edge.node, "d2", died.t)
    edge.say("DBIRTH", (M("heat", 1.0, DOUBLE),), "d2")
    edge.data("d2")
    edge.leave(4)
    for device in (None, "d1", "d2"):
        for what in ("offline", "stale"):
            host.tell(what, edge.node, device, play.t)


def _orders(play: Play, host: HostApp) -> None:
    """An instrument's node, delivered out of order and with a gap."""
    topic = "spBv1.0/g/{}/odd".format

    def heard(type_: str, seq: int, name: str = "heard odd") -> None:
        metrics = (M("bdSeq", 0, INT64),) if type_ == "NBIRTH" else (M("level", float(seq), as_type=DOUBLE),)
        play.add(name, host.link, Publish(topic(type_), b""), P(metrics, seq, play.t), side="broker")

    for seq in (0, 1, 3, 2, 4):
        heard("NBIRTH" if seq == 0 else "NDATA", seq, f"odd {seq}")
    play.wait(5000)
    heard("NDATA", 6, "gap")
    play.wait(2000)
    wish = M("Node Control/Rebirth", True, as_type=BOOLEAN, t=play.t)
    host.command(topic("NCMD"), wish, name="NCMD odd")
    heard("NBIRTH", 0)
    heard("NDATA", 1)
