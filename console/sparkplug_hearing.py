"""What has reached a Sparkplug host application, and what it had to do about it.

What it is: the host's side of the order of messages (specification 3.0, clause 5.9) and of deaths (5.5, 5.7): gaps in
the sequence numbers as they were delivered, how they closed, the rebirth requests that followed; deaths, and what the
host itself told of them. Judged when the trace ends, for only then is it known what did not come.
What it is not: the host (``ingest/sparkplug_host.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from console.sparkplug_mqtt import Publish, Told
from console.sparkplug_world import COUNTED, Link, Moment, Node, Topic, World, bd_seq_of, read

_WRAP: Final = 256
SETTING: Final = "reorder_timeout_s"
"""The name under which a host tells its reorder timeout, in seconds."""
PATIENCE_MS: Final = 5_000
"""What a host has to do "immediately" is done within this."""
SLACK_MS: Final = 1_000
"""How much later than its reorder timeout a host may ask."""


@dataclass(slots=True)
class Gap:
    """Messages that were not there when a later one came."""

    link: Link
    node: Node
    opened_ms: int
    missing: set[int]
    closed_ms: int | None = None
    over_ms: int | None = None
    """When a new NBIRTH, or the end of the connection, made it idle."""


@dataclass(slots=True)
class Grave:
    """The death of a node (``device`` None) with the devices that were alive, or of one device."""

    link: Link
    topic: Topic
    heard_ms: int
    said_ms: int | None
    devices: tuple[str, ...]


@dataclass(slots=True)
class Heard:
    """One node as one host has heard it."""

    bd_seq: int | None
    expected: int
    devices: set[str] = field(default_factory=set)
    gap: Gap | None = None


class Hearing:
    """Follows what the broker delivers to hosts, and what they ask."""

    def __init__(self, reorder_s: float | None = None) -> None:
        self._default = () if reorder_s is None else (Told("", "setting", name=SETTING, value=reorder_s),)
        self.told: list[tuple[int, Told]] = []
        self._heard: dict[tuple[int, Node], Heard] = {}
        self._gaps: list[Gap] = []
        self._graves: list[Grave] = []
        self._asked: list[tuple[int, int, Node]] = []

    def rebirth_asked(self, at_ms: int, link: Link, node: Node) -> None:
        """The host has sent a rebirth request."""
        self._asked.append((at_ms, link.number, node))

    def delivered(self, at_ms: int, link: Link, publish: Publish) -> None:
        """The broker has handed a message of an edge node to the host."""
        topic = Topic.of(publish.topic)
        payload, _ = read(publish.payload)
        if payload is None or publish.retain or topic.type not in COUNTED | {"NDEATH"}:
            return
        key = (link.number, topic.key)
        heard = self._heard.get(key)
        if topic.type == "NBIRTH":
            if heard and heard.gap:
                heard.gap.over_ms = at_ms
            self._heard[key] = Heard(bd_seq_of(payload), ((payload.seq or 0) + 1) % _WRAP)
        elif heard is None:
            return
        elif topic.type == "NDEATH":
            if bd_seq_of(payload) == heard.bd_seq:
                self._graves.append(Grave(link, topic, at_ms, None, tuple(sorted(heard.devices))))
                del self._heard[key]
        else:
            if topic.type == "DBIRTH" and topic.device is not None:
                heard.devices.add(topic.device)
            if topic.type == "DDEATH" and topic.device in heard.devices:
                self._graves.append(Grave(link, topic, at_ms, payload.timestamp, ()))
                heard.devices.discard(topic.device)
            if payload.seq is not None:
                self._count(at_ms, link, topic.key, heard, payload.seq)

    def gone(self, at_ms: int, link: Link) -> None:
        """The host's connection has ended: what has not happened by now cannot happen."""
        for (number, _), heard in list(self._heard.items()):
            if number == link.number and heard.gap and heard.gap.over_ms is None:
                heard.gap.over_ms = at_ms
        self._heard = {key: heard for key, heard in self._heard.items() if key[0] != link.number}

    def _count(self, at_ms: int, link: Link, node: Node, heard: Heard, seq: int) -> None:
        ahead = (seq - heard.expected) % _WRAP
        if heard.gap and seq in heard.gap.missing:
            heard.gap.missing.discard(seq)
            if not heard.gap.missing:
                heard.gap.closed_ms = at_ms
                heard.gap = None
        elif ahead < _WRAP // 2:
            if ahead:
                skipped = {(heard.expected + n) % _WRAP for n in range(ahead)}
                if heard.gap is None:
                    heard.gap = Gap(link, node, at_ms, skipped)
                    self._gaps.append(heard.gap)
                else:
                    heard.gap.missing |= skipped
            heard.expected = (seq + 1) % _WRAP

    def moments(self, at_ms: int, world: World) -> Iterator[Moment]:
        """What is to be judged, now that the trace has ended."""
        for gap in self._gaps:
            yield from self._gap_moment(gap, at_ms, world)
        if any(told.what in ("offline", "stale") for _, told in self.told):
            for grave in self._graves:
                yield from self._grave_moments(grave, world)

    def _gap_moment(self, gap: Gap, at_ms: int, world: World) -> Iterator[Moment]:
        settings = self._settings(gap) or self._default
        timeout_ms = round(settings[-1].value * 1000) if settings else 2 * PATIENCE_MS
        end_ms = gap.opened_ms + timeout_ms + SLACK_MS
        # what is asked after another gap has opened is asked for that one
        others = (one.opened_ms for one in self._gaps if _same(one, gap) and one.opened_ms > gap.opened_ms)
        last_ms = min([end_ms, *others])
        mine = (t for t, link, node in self._asked if (link, node) == (gap.link.number, gap.node))
        first = next((t for t in mine if gap.opened_ms <= t <= last_ms), None)
        over_ms = at_ms if gap.over_ms is None else gap.over_ms
        if gap.closed_ms is None and first is None and over_ms < end_ms:
            return  # nobody can know whether it would have asked
        yield Moment(
            "gap" if gap.closed_ms is None else "gap-closed",
            "host",
            gap.opened_ms if gap.closed_ms is None else gap.closed_ms,
            gap.link,
            world,
            Topic.of("/".join(("spBv1.0", gap.node[0], "NCMD", gap.node[1]))),
            told=settings,
            since_ms=gap.opened_ms,
            until_ms=first,
        )

    def _settings(self, gap: Gap) -> tuple[Told, ...]:
        """What the host had told of its reorder timeout by then."""
        return tuple(
            told
            for t, told in self.told
            if (told.what, told.name, told.who) == ("setting", SETTING, gap.link.host) and t <= gap.opened_ms
        )

    def _grave_moments(self, grave: Grave, world: World) -> Iterator[Moment]:
        for device in (grave.topic.device, *grave.devices):
            wanted = (grave.link.host, grave.topic.group, grave.topic.node, device)
            about = tuple(
                told
                for t, told in self.told
                if (told.who, told.group, told.node, told.device) == wanted
                and -SLACK_MS <= t - grave.heard_ms <= PATIENCE_MS
            )
            kind = "node-death" if grave.topic.device is None else "device-death"
            yield Moment(
                f"{kind}-of-device" if kind == "node-death" and device is not None else kind,
                "host",
                grave.heard_ms,
                grave.link,
                world,
                grave.topic,
                told=about,
                since_ms=grave.heard_ms if grave.said_ms is None else grave.said_ms,
                until_ms=None if grave.said_ms is None else grave.said_ms,
                names=(device or "",),
            )


def _same(one: Gap, other: Gap) -> bool:
    """Whether both are gaps of one node, on one connection."""
    return (one.link.number, one.node) == (other.link.number, other.node)
