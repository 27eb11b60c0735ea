"""Who is known to the Sparkplug host: edge nodes, their devices, and when to ask a node to be born again.

What it is: pure records with their limits; memory stays bounded whatever names the network invents.
What it is not: the meaning of messages (``sparkplug_session.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from contract import ContractError
from contract.sparkplug import SparkplugTopic, address_of
from contract.sparkplug_payload import Payload
from ingest.sparkplug_foreign import Known
from ingest.sparkplug_heard import Counters, Limits
from ingest.sparkplug_reorder import Window

UNANSWERED_MS: Final = 30_000
"""How long a rebirth request may stay without an answer; doubles with each that does."""
ANSWERED_MS: Final = 1_000
"""The least time between a request and the next after its answer."""
LONGEST_MS: Final = 600_000
FORGET_UNBORN_MS: Final = 60_000
FORGET_DEAD_MS: Final = 600_000
SWEEP_MS: Final = 10_000


class Frame(NamedTuple):
    """An MQTT message as it came, and what it says."""

    topic: str
    payload: bytes
    received_ns: int
    ticket: object
    where: SparkplugTopic
    said: Payload

    @property
    def weight(self) -> int:
        """About how many bytes it takes while it waits."""
        return len(self.payload) + 300 * (1 + len(self.said.metrics))

    @property
    def received_ms(self) -> int:
        """When it came."""
        return self.received_ns // 1_000_000

    @property
    def sent_ms(self) -> int:
        """When it was sent, by its own word; without one, when it came."""
        return self.received_ms if self.said.timestamp_ms is None else self.said.timestamp_ms


@dataclass(slots=True)
class Thing:
    """An edge node itself, or one of its devices.

    Attributes:
        boot: the contract's boot of what it says; None: no birth is known.
        known: what a foreign birth declared; None: it is one of ours, or no birth is known.
        seq: the greatest number of its messages so far.
        online, stale: as Sparkplug 3.0, 5.5 and 5.7 have it.
        farewell: its last message was the contract's Death.
    """

    boot: str | None = None
    known: Known | None = None
    seq: int = 0
    online: bool = False
    stale: bool = False
    farewell: bool = False

    def next_seq(self) -> int:
        """The number of the next message that is made here for a foreign thing."""
        self.seq += 1
        return self.seq


@dataclass(slots=True)
class Asking:
    """When to ask a node for its birth: one request until it is answered or a back-off has passed.

    A request because of a gap may follow its predecessor's answer at once. One because the births themselves do not
    say enough (of what the node reports, or at all) would be in vain again and again: it is made ever less often.

    Attributes:
        open: a birth is needed.
        after_ms: not before this time.
    """

    open: bool = False
    after_ms: int = 0
    _last_ms: int = 0
    _unanswered: int = 0
    _vain: bool = False
    _vain_row: int = 0
    _vain_after_ms: int = 0

    def doubt(self, now_ms: int) -> bool:
        """What came does not fit the births; whether that is a reason to ask."""
        if now_ms < self._vain_after_ms and now_ms >= self._last_ms:
            return False
        self.open = self._vain = True
        return True

    def may(self, now_ms: int) -> bool:
        """Whether to ask now."""
        return self.open and (now_ms >= self.after_ms or now_ms < self._last_ms)  # the clock may have been set back

    def asked(self, now_ms: int) -> None:
        """A request was sent."""
        if self._vain:
            self._vain = False
            self._vain_row = 0 if now_ms > self._vain_after_ms + LONGEST_MS else self._vain_row + 1
            self._vain_after_ms = now_ms + _doubled(ANSWERED_MS, self._vain_row)
        self.after_ms = now_ms + _doubled(UNANSWERED_MS, self._unanswered)
        self._unanswered += 1
        self._last_ms = now_ms

    def answered(self) -> None:
        """A birth came."""
        self.open = self._vain = False
        self._unanswered = 0
        self.after_ms = min(self.after_ms, self._last_ms + ANSWERED_MS)


def _doubled(first_ms: int, times: int) -> int:
    return min(LONGEST_MS, first_ms << min(times, 16))


@dataclass(slots=True)
class Node:
    """An edge node.

    Attributes:
        bd_seq: the number of its MQTT session, of its last birth.
        gateway: of a node of ours, its device's name (``area:line:machine``).
        metrics: how many a foreign node and its devices have declared.
        heard_ms: when it last said anything.
    """

    group: str
    node: str
    window: Window[Frame]
    bd_seq: int | None = None
    gateway: str | None = None
    itself: Thing = field(default_factory=Thing)
    devices: dict[str, Thing] = field(default_factory=dict)
    metrics: int = 0
    heard_ms: int = 0
    asking: Asking = field(default_factory=Asking)

    def things(self) -> Iterator[tuple[str | None, Thing]]:
        """The node itself, then its devices."""
        yield None, self.itself
        yield from self.devices.items()


class Roster:
    """All edge nodes, within limits."""

    def __init__(self, limits: Limits, reorder_ms: int, counters: Counters) -> None:
        self._counters = counters
        self._limits = limits
        self._reorder_ms = reorder_ms
        self._nodes: dict[tuple[str, str], Node] = {}
        self._devices = 0
        self._metrics = 0
        self._swept_ms = 0

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def find(self, group: str, node: str) -> Node | None:
        """A node that is known."""
        return self._nodes.get((group, node))

    def node(self, group: str, node: str, now_ms: int) -> Node:
        """A node, new if need be; raises ContractError (``cardinality``, ``bad-address``)."""
        known = self._nodes.get((group, node))
        if known is None:
            if len(self._nodes) >= self._limits.nodes:
                self._sweep(now_ms)
            if len(self._nodes) >= self._limits.nodes:
                raise _too_many(f"the edge node {node[:80]!r}", self._limits.nodes, "nodes")
            address_of(group, node, None)  # names that no address can hold are not worth a place
            known = Node(group, node, Window(self._reorder_ms, self._limits.held))
            self._nodes[group, node] = known
        known.heard_ms = now_ms
        return known

    def device(self, node: Node, name: str) -> Thing:
        """A device of a node, new if need be; raises ContractError (``cardinality``)."""
        known = node.devices.get(name)
        if known is None:
            if len(node.devices) >= self._limits.devices_per_node or self._devices >= self._limits.devices:
                limits = f"{self._limits.devices_per_node} per node, {self._limits.devices}"
                raise _too_many(f"the device {name[:80]!r}", limits, "devices")
            known = node.devices[name] = Thing()
            self._devices += 1
        return known

    def declare(self, node: Node, thing: Thing, known: Known | None) -> None:
        """What a birth declares takes the place of what an earlier one did; None: nothing is known any more."""
        before = len(thing.known.metrics) if thing.known else 0
        after = len(known.metrics) if known else 0
        self._metrics += after - before
        node.metrics += after - before
        thing.known = known

    def room_for(self, node: Node, thing: Thing, count: int) -> None:
        """Raise ContractError (``cardinality``) when a birth declares more than there is room for."""
        before = len(thing.known.metrics) if thing.known else 0
        limits = self._limits
        if node.metrics - before + count > limits.metrics_per_node or self._metrics - before + count > limits.metrics:
            raise _too_many(f"a birth of {count} metrics", f"{limits.metrics_per_node} per node", "metrics")

    def clear(self, node: Node) -> None:
        """Forget the devices of a node."""
        for thing in node.devices.values():
            self.declare(node, thing, None)
            self._counters.stale -= thing.stale
        self._devices -= len(node.devices)
        node.devices.clear()

    def _sweep(self, now_ms: int) -> None:
        """Forget nodes that were never born or are dead, and have been silent for some time."""
        if now_ms < self._swept_ms + SWEEP_MS:
            return
        self._swept_ms = now_ms
        for key, node in list(self._nodes.items()):
            limit_ms = FORGET_UNBORN_MS if node.itself.boot is None else FORGET_DEAD_MS
            if now_ms - node.heard_ms > limit_ms and not node.itself.online and not node.window:
                self.clear(node)
                self.declare(node, node.itself, None)
                self._counters.stale -= node.itself.stale
                del self._nodes[key]


def _too_many(what: str, limit: object, of: str) -> ContractError:
    return ContractError("cardinality", f"{what} is one too many: {limit} {of} are allowed")
