"""The fold of a trace: events in, moments out, the world moved on.

What it is: pure; ``take`` each event in the order of time, then ``end``. What happens between a client and the broker
is turned into moments, each judged against the world as it was before it.
What it is not: judgement, which is handed in, and not the tap.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from console import sparkplug_moves as moves
from console.sparkplug_hearing import PATIENCE_MS, Hearing
from console.sparkplug_mqtt import (
    AnyPacket,
    Closed,
    Connack,
    Connect,
    Disconnect,
    Garbled,
    Publish,
    Suback,
    Subscribe,
    Told,
)
from console.sparkplug_world import (
    COUNTED,
    REBIRTH,
    Event,
    Link,
    Moment,
    Rebirth,
    Topic,
    World,
    bd_seq_of,
    read,
    state_of,
)

RACE_MS: Final = 500
"""Data that pass within this after a rebirth request may have been under way before the node could know of it."""
_EDGE_TYPES: Final = COUNTED | {"NDEATH"}
_HOST_TYPES: Final = frozenset({"NCMD", "DCMD", "STATE"})
_SPARKPLUG: Final = re.compile(r"(?i)sp[a-z]v\d")


class Fold:
    """The state of a listener.

    Args:
        judge: called with each moment.
        instruments: client identifiers of test drivers: what they send counts as a stimulus, but is not judged.
        window_ms: how far a time stamp may be from the tap's clock.
        reorder_s: the reorder timeout of hosts that do not tell theirs.

    Attributes:
        garbled: connections that could not be read to their end.
    """

    def __init__(
        self,
        judge: Callable[[Moment], object],
        instruments: frozenset[str],
        window_ms: int,
        reorder_s: float | None = None,
    ) -> None:
        self.world = World(window_ms, instruments)
        self.garbled: set[int] = set()
        self._judge = judge
        self._hearing = Hearing(reorder_s)
        self._last_ms = 0

    def take(self, event: Event) -> None:
        """One event; they come in the order of time."""
        self._last_ms = max(self._last_ms, event.at_ms)
        packet = event.packet
        if isinstance(packet, Told):
            self._hear_told(event.at_ms, packet)
            return
        link = self.world.links.setdefault(event.link, Link(event.link))
        if isinstance(packet, Garbled):
            self.garbled.add(link.number)
        elif isinstance(packet, Closed):
            self._closed(event.at_ms, link, packet)
        elif event.side == "client":
            self._sent(event.at_ms, link, packet)
        elif isinstance(packet, Connack):
            link.accepted = packet.code == 0
        elif isinstance(packet, Suback):
            asked = link.asked.get(packet.packet_id, ())
            link.refused.update(name for name, code in zip(asked, packet.codes, strict=False) if code >= 128)
        elif isinstance(packet, Publish):
            self._delivered(event.at_ms, link, packet)

    def _sent(self, at_ms: int, link: Link, packet: AnyPacket) -> None:
        """The client has sent a packet."""
        if isinstance(packet, Connect):
            self._connect(at_ms, link, packet)
        elif isinstance(packet, Subscribe):
            link.asked[packet.packet_id] = tuple(name for name, _ in packet.filters)
            link.subscribed.update(packet.filters)
        elif isinstance(packet, Publish):
            self._published(at_ms, link, packet)
        elif isinstance(packet, Disconnect):
            for role in sorted(link.roles):
                self._judge(Moment("disconnect", role, at_ms, link, self.world, names=(str(packet.reason),)))
            link.disconnected = True
        if isinstance(packet, Publish | Subscribe | Connect):
            link.is_last = isinstance(packet, Publish)

    def end(self) -> None:
        """The trace is over: judge what had to happen by now."""
        for link in self.world.links.values():
            self._unfinished(self._last_ms, link, at_end=not link.closed)
        self._lost()
        for moment in self._hearing.moments(self._last_ms, self.world):
            self._judge(moment)

    # -- connections

    def _connect(self, at_ms: int, link: Link, packet: Connect) -> None:
        link.connect, link.connected_ms = packet, at_ms
        if packet.will is None:
            return
        topic = Topic.of(packet.will.topic)
        if "NDEATH" in topic.levels:
            link.node = topic.key
            payload, _ = read(packet.will.payload)
            link.will_bd_seq = bd_seq_of(payload)
            self._enter(at_ms, link, "edge")
            if link.will_bd_seq is not None:
                self.world.bd_seqs[topic.key] = link.will_bd_seq
        elif "STATE" in topic.levels[:2]:
            link.host = topic.node or topic.levels[-1]
            self._enter(at_ms, link, "host")

    def _enter(self, at_ms: int, link: Link, role: str) -> bool:
        """From now on the client is known in this role; False when it is nobody to be judged."""
        if link.client_id in self.world.instruments:
            return False
        if role not in link.roles:
            link.roles.add(role)
            will = link.connect.will if link.connect else None
            payload, error = read(will.payload) if will and role == "edge" else (None, "")
            topic = Topic.of(will.topic) if will else Topic(())
            publish = Publish(will.topic, will.payload, will.qos, will.retain) if will else Publish("", b"")
            at = link.connected_ms or at_ms
            self._judge(Moment("connect", role, at, link, self.world, topic, publish, payload, error))
        return True

    def _closed(self, at_ms: int, link: Link, packet: Closed) -> None:
        if link.closed:
            return
        for role in sorted(link.roles):
            names = ("reset",) if packet.reset else ()
            self._judge(Moment("closed", role, at_ms, link, self.world, names=names))
        self._unfinished(at_ms, link, at_end=False)
        link.closed = True
        self._hearing.gone(at_ms, link)
        if link.node is not None and self.world.holders.get(link.node) == link.number:
            del self.world.holders[link.node]
        if link.host is not None and self.world.hosts.get(link.host) == link.number:
            del self.world.hosts[link.host]

    def _unfinished(self, at_ms: int, link: Link, *, at_end: bool) -> None:
        """What this connection still owes when it, or the trace, ends."""
        if link.doubted_ms is not None and at_ms - link.doubted_ms > PATIENCE_MS:
            self._judge(Moment("doubted", "host", at_ms, link, self.world, since_ms=link.doubted_ms))
        if link.rebirth is not None and at_ms - link.rebirth.at_ms > PATIENCE_MS:
            self._judge(Moment("rebirth-missed", "edge", at_ms, link, self.world, since_ms=link.rebirth.at_ms))
        if link.awaited and at_end:
            self._sequence(at_ms, link)
        if "host" in link.roles and not link.publishes and at_ms - link.connected_ms > PATIENCE_MS:
            self._judge(Moment("silent", "host", at_ms, link, self.world, since_ms=link.connected_ms))
        link.doubted_ms = link.rebirth = None

    # -- publications

    def _published(self, at_ms: int, link: Link, publish: Publish) -> None:
        topic = Topic.of(publish.topic)
        type_ = topic.type if topic.type in _EDGE_TYPES | _HOST_TYPES else ""
        if (type_ and _SPARKPLUG.match(topic.levels[0])) or "STATE" in topic.levels[:2]:
            role = "host" if type_ in _HOST_TYPES or not type_ else "edge"
            if not self._enter(at_ms, link, role):
                moves.remember(self.world, topic, publish)
                return
        elif link.roles and _SPARKPLUG.match(topic.levels[0]):
            role = "edge" if "edge" in link.roles else "host"
        else:
            link.publishes += 1  # not Sparkplug, and yet no birth, should it be the first
            return
        if role == "edge":
            self._from_edge(at_ms, link, topic, publish, type_ or "other")
        elif type_ in ("NCMD", "DCMD"):
            self._command(at_ms, link, topic, publish)
        else:
            self._state(at_ms, link, topic, publish)
        link.publishes += 1
        link.last_publish = publish

    def _from_edge(self, at_ms: int, link: Link, topic: Topic, publish: Publish, kind: str) -> None:
        payload, error = read(publish.payload)
        moment = Moment(kind, "edge", at_ms, link, self.world, topic, publish, payload, error)
        self._judge(moment)
        if link.rebirth is not None and (kind == "NBIRTH" or at_ms - link.rebirth.at_ms > RACE_MS):
            since = link.rebirth.at_ms
            name = "rebirth-kept" if kind == "NBIRTH" else "rebirth-ignored"
            if kind in ("NBIRTH", "NDATA", "DDATA"):
                self._judge(Moment(name, "edge", at_ms, link, self.world, topic, publish, payload, since_ms=since))
        if link.awaited and kind in ("NDATA", "DDATA"):
            self._sequence(at_ms, link)
        if moves.edge_said(moment):
            self._sequence(at_ms, link)

    def _sequence(self, at_ms: int, link: Link) -> None:
        """The birth sequence after a rebirth request is over; ``names`` are the devices that it left out."""
        missing = tuple(sorted(link.awaited))
        self._judge(Moment("birth-sequence", "edge", at_ms, link, self.world, names=missing))
        link.awaited = set()

    # -- hosts

    def _command(self, at_ms: int, link: Link, topic: Topic, publish: Publish) -> None:
        payload, error = read(publish.payload)
        moment = Moment(topic.type, "host", at_ms, link, self.world, topic, publish, payload, error)
        self._judge(moment)
        if payload is not None and (rebirth := payload.get(REBIRTH)) is not None and rebirth.value:
            self._hearing.rebirth_asked(at_ms, link, topic.key)

    def _state(self, at_ms: int, link: Link, topic: Topic, publish: Publish) -> None:
        online = state_of(publish.payload).get("online")
        is_birth = online if isinstance(online, bool) else not link.online
        kind = "online" if is_birth else "offline"
        link.host = host = link.host or topic.node
        self._judge(Moment(kind, "host", at_ms, link, self.world, topic, publish, since_ms=link.doubted_ms or 0))
        if is_birth:
            if link.doubted_ms is not None:
                since = link.doubted_ms
                self._judge(Moment("doubted", "host", at_ms, link, self.world, since_ms=since, until_ms=at_ms))
            self.world.hosts[host] = link.number
            link.doubted_ms = None
        else:
            link.said_offline_ms = at_ms
        link.online = is_birth

    def _delivered(self, at_ms: int, link: Link, publish: Publish) -> None:
        """The broker hands a message to a client."""
        topic = Topic.of(publish.topic)
        if "host" in link.roles:
            if topic.type == "STATE" and topic.node == link.host and link.online:
                if state_of(publish.payload).get("online") is False and link.doubted_ms is None:
                    link.doubted_ms = at_ms
            else:
                self._hearing.delivered(at_ms, link, publish)
        if "edge" in link.roles and topic.type == "NCMD" and topic.key == link.node:
            payload, _ = read(publish.payload)
            rebirth = payload.get(REBIRTH) if payload else None
            if rebirth and rebirth.field == "boolean" and rebirth.value and link.born and link.rebirth is None:
                link.rebirth = Rebirth(at_ms, frozenset(link.alive | link.awaited))

    def _hear_told(self, at_ms: int, told: Told) -> None:
        self._hearing.told.append((at_ms, told))

    def _lost(self) -> None:
        """Devices that an edge node says it has lost, and their deaths."""
        for at_ms, told in self._hearing.told:
            link = self.world.links.get(self.world.holders_ever.get((told.group, told.node), -1))
            if told.what != "device-lost" or link is None:
                continue
            key = ((told.group, told.node), told.device)
            times = [t for t in self.world.burials.get(key, ()) if -PATIENCE_MS <= t - at_ms <= 2 * PATIENCE_MS]
            topic = Topic.of("/".join(("spBv1.0", told.group, "DDEATH", told.node, told.device or "")))
            self._judge(Moment("lost", "edge", at_ms, link, self.world, topic, until_ms=min(times, default=None)))
