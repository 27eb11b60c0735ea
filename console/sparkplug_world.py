"""What a listener knows of the Sparkplug nodes and hosts at a moment of a trace.

What it is: the state that the checks look into, and the moment that each of them judges.
What it is not: judgement (``sparkplug_checks_*.py``), nor the fold that moves this state (``sparkplug_fold.py``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import msgspec

from console.sparkplug_mqtt import AnyPacket, Connect, Publish, Told
from console.sparkplug_wire import RawMetric, RawPayload, read_payload
from contract import ContractError

NAMESPACE: Final = "spBv1.0"
NODE_TYPES: Final = frozenset({"NBIRTH", "NDATA", "NDEATH", "NCMD"})
DEVICE_TYPES: Final = frozenset({"DBIRTH", "DDATA", "DDEATH", "DCMD"})
COUNTED: Final = frozenset({"NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"})
"""The messages that carry a sequence number."""
REBIRTH: Final = "Node Control/Rebirth"
Node = tuple[str, str]


class Event(msgspec.Struct, frozen=True):
    """One packet as the tap saw it: ``side`` is who sent it, ``client`` or ``broker`` (of a ``Told``: ``told``)."""

    at_ms: int
    link: int
    side: str
    packet: AnyPacket


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic cut into what its levels should be; a level that is not there is empty, ``device`` None."""

    levels: tuple[str, ...]
    group: str = ""
    type: str = ""
    node: str = ""
    device: str | None = None

    @classmethod
    def of(cls, text: str) -> Topic:
        """Cut it; never fails, for a wrong topic is to be judged."""
        levels = tuple(text.split("/"))
        if "STATE" in levels[:2]:
            return cls(levels, type="STATE", node="/".join(levels[levels.index("STATE") + 1 :]))
        padded = (*levels, "", "", "", "")
        return cls(levels, padded[1], padded[2], padded[3], "/".join(levels[4:]) if len(levels) > 4 else None)

    @property
    def key(self) -> Node:
        """Group and edge node."""
        return self.group, self.node


@dataclass(slots=True)
class Subject:
    """What a node or a device has declared in its birth, and what it has said since."""

    datatypes: dict[str, int | None] = field(default_factory=dict)
    last: dict[str, tuple[str, int | float | str | bytes] | None] = field(default_factory=dict)


@dataclass(slots=True)
class Rebirth:
    """A rebirth request that has reached the edge node."""

    at_ms: int
    devices: frozenset[str]


@dataclass(slots=True)
class Link:
    """One MQTT connection, seen from outside."""

    number: int
    connect: Connect | None = None
    connected_ms: int = 0
    accepted: bool = False
    subscribed: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    asked: dict[int, tuple[str, ...]] = field(default_factory=dict)
    publishes: int = 0
    last_publish: Publish | None = None
    is_last: bool = False
    """Whether that publication is the newest packet of the client."""
    disconnected: bool = False
    closed: bool = False
    roles: set[str] = field(default_factory=set)
    # of an edge node
    node: Node | None = None
    will_bd_seq: int | None = None
    born: bool = False
    seq: int | None = None
    subjects: dict[str | None, Subject] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    awaited: set[str] = field(default_factory=set)
    """Devices whose birth is still to come in a birth sequence after a rebirth request."""
    data: bool = False
    """Whether data have been sent since the last NBIRTH."""
    rebirth: Rebirth | None = None
    said_death: bool = False
    # of a host
    host: str | None = None
    online: bool = False
    said_offline_ms: int | None = None
    doubted_ms: int | None = None
    """When a message that calls this host offline came to it, while it is online."""

    @property
    def client_id(self) -> str:
        """The MQTT client identifier; empty before CONNECT."""
        return self.connect.client_id if self.connect else ""

    @property
    def version(self) -> int:
        """5, or 4 for MQTT 3.1.1."""
        return self.connect.version if self.connect else 0

    def subscribed_to(self, topic: str) -> int | None:
        """The QoS asked for this topic, by any filter that the broker did not refuse; None: not subscribed."""
        found = [
            qos for filter_, qos in self.subscribed.items() if filter_ not in self.refused and fits(filter_, topic)
        ]
        return max(found, default=None)


@dataclass(slots=True)
class World:
    """Everything that outlives a connection."""

    window_ms: int
    instruments: frozenset[str]
    bd_seqs: dict[Node, int] = field(default_factory=dict)
    holders: dict[Node, int] = field(default_factory=dict)
    """Node -> the open connection over which it was born."""
    holders_ever: dict[Node, int] = field(default_factory=dict)
    burials: dict[tuple[Node, str | None], list[int]] = field(default_factory=dict)
    """When each device was said to be dead."""
    hosts: dict[str, int] = field(default_factory=dict)
    links: dict[int, Link] = field(default_factory=dict)
    subjects: dict[tuple[Node, str | None], Subject] = field(default_factory=dict)
    device_nodes: dict[str, set[Node]] = field(default_factory=dict)
    folded: dict[str, str] = field(default_factory=dict)
    """Group, node and device identifiers in lower case -> as first seen."""


NOWHERE: Final = Topic(())
NOTHING: Final = Publish("", b"")


@dataclass(frozen=True, slots=True)
class Moment:
    """What is judged: something that a client did, with the world as it was just before."""

    kind: str
    role: str
    at_ms: int
    link: Link
    world: World
    topic: Topic = NOWHERE
    publish: Publish = NOTHING
    payload: RawPayload | None = None
    error: str = ""
    told: tuple[Told, ...] = ()
    since_ms: int = 0
    until_ms: int | None = None
    names: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[RawMetric, ...]:
        """The payload's metrics; none where it cannot be read."""
        return self.payload.metrics if self.payload else ()

    @property
    def subject(self) -> Subject | None:
        """What the sender's birth declared, if it has been born."""
        return self.link.subjects.get(self.topic.device)

    def near(self, stamp_ms: int | None) -> bool:
        """Whether a time stamp is now, as far as clocks and networks allow."""
        return stamp_ms is not None and abs(stamp_ms - self.at_ms) <= self.world.window_ms


@lru_cache(maxsize=512)
def read(payload: bytes) -> tuple[RawPayload | None, str]:
    """The payload, or why it is none; what a client has just sent soon comes again from the broker."""
    try:
        return read_payload(payload), ""
    except ContractError as error:
        return None, error.detail


def bd_seq_of(payload: RawPayload | None) -> int | None:
    """The number of the metric ``bdSeq``; None where there is none, or none that is a 64-bit integer."""
    metric = payload.get("bdSeq") if payload else None
    return metric.value if metric and metric.field == "long" and isinstance(metric.value, int) else None


def fits(filter_: str, topic: str) -> bool:
    """Whether an MQTT topic filter takes in a topic (MQTT 5, clause 4.7).

    >>> fits("spBv1.0/#", "spBv1.0/a/NBIRTH/b"), fits("spBv1.0/+/NCMD/b", "spBv1.0/a/NBIRTH/b")
    (True, False)
    """
    wanted, levels = filter_.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(a in ("+", b) for a, b in zip(wanted, levels, strict=True))


def state_of(payload: bytes) -> dict[str, Any]:
    """The JSON object of a STATE message; empty where it is none.

    >>> state_of(b'{"online": true, "timestamp": 5}')["online"], state_of(b"ONLINE")
    (True, {})
    """
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
