"""A gateway as a Sparkplug B edge node: what it says in which order, and what it makes of what hosts tell it.

What it is: pure, one session after the other. The will of each CONNECT, the births that open the session, ``seq`` and
``bdSeq``, data, deaths, rebirths on request, and commands (Sparkplug 3.0, chapters 4 to 6). Each message of the
contract becomes one Sparkplug message; the current value of every metric is kept for the next birth, and nothing else.
What it is not: a connection (``sparkplug_publisher.py``). Whoever sends calls ``commit`` when a message has left, so
that a birth after a lost link never claims what was not sent.

    will = node.connect(bd_seq, now_ms)   # and CONNECT with it, then subscribe to ``node.filters``
    node.learn(item)                      # each birth
    node.say(item, now_ms)                # everything else: what to publish, births first where they are due
    node.commit()                         # all of that has left
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from contract import Address, Birth, Command, ContractError, Death, Message, decode
from contract.compression import decompress
from contract.sparkplug import (
    BD_SEQ,
    MESSAGE,
    NAMESPACE,
    REBIRTH,
    Publish,
    address_of,
    birth_metrics,
    command_of,
    declared,
    device_of,
    metrics_of,
    node_metrics,
    parse_topic,
    topic,
)
from contract.sparkplug_payload import DataType, Metric, Payload, Value, decode_payload, encode_payload
from contract.wire_json import MAX_BYTES
from simulator.outgoing import Outgoing

BD_SEQS: Final = 256
"""``bdSeq`` and ``seq`` count modulo this (Sparkplug 3.0, 4.2.1 and 6.4.5)."""
COMMANDS_QOS: Final = 1
DEATH_QOS: Final = 1


class Heard(NamedTuple):
    """What a host wants: all births anew, or that a machine obeys a command."""

    rebirth: bool
    address: Address | None = None
    command: Command | None = None


@dataclass(slots=True)
class _Thing:
    """The gateway or a device: its birth as it came, and the last value of each metric with its time in ms."""

    birth: Birth
    payload: bytes
    last_seq: int
    names: dict[str, DataType]
    more: dict[str, DataType] = field(default_factory=dict)
    current: dict[str, tuple[Value, int]] = field(default_factory=dict)
    alive: bool = True


@dataclass(slots=True)
class _Unsent:
    """What ``commit`` will take for said."""

    thing: _Thing
    message: Message
    metrics: Sequence[Metric]


class EdgeNode:
    """One edge node over all its sessions.

    Args:
        gateway: who publishes; its enterprise is the group, its site the node.
    """

    def __init__(self, gateway: Address) -> None:
        self._gateway = gateway
        self._group, self._node = gateway.enterprise, gateway.site
        self._things: dict[Address, _Thing] = {}
        self._bd_seq: int | None = None
        self._seq = 0
        self._online = False
        self._births_due = False
        self._unsent: _Unsent | None = None

    @property
    def name(self) -> str:
        """Group and node: what must be unique in the whole infrastructure (4.1.3)."""
        return f"{self._group}/{self._node}"

    @property
    def filters(self) -> list[tuple[str, int]]:
        """What to subscribe to after each CONNECT, before anything is published (5.4, 5.6), with the QoS."""
        devices = f"{NAMESPACE}/{self._group}/DCMD/{self._node}/+"
        return [(topic(self._group, "NCMD", self._node), COMMANDS_QOS), (devices, COMMANDS_QOS)]

    @property
    def ready(self) -> bool:
        """Whether the gateway's birth is known, which is the node's."""
        return self._gateway in self._things

    @property
    def births_due(self) -> bool:
        """Whether births come before the next data."""
        return self._births_due

    @property
    def online(self) -> bool:
        """Whether the births of this session have been made."""
        return self._online

    def connect(self, bd_seq: int, now_ms: int) -> Publish:
        """A session begins; returns the will of its CONNECT: the NDEATH with the same ``bdSeq`` as the NBIRTH."""
        self._bd_seq = bd_seq % BD_SEQS
        self._online = False
        self._births_due = True
        self._unsent = None
        return self._ndeath(now_ms)

    def farewell(self, now_ms: int) -> Publish | None:
        """The NDEATH that goes before DISCONNECT (5.5); None before the first CONNECT."""
        if self._bd_seq is None:
            return None
        self._online = False
        return self._ndeath(now_ms)

    def learn(self, item: Outgoing) -> None:
        """Take a birth in; it is said with all others by the next ``births``.

        A device that is new or has changed after data were said makes the whole sequence due, for all DBIRTHs come
        before any data (6.4.20).

        Raises:
            ContractError: not a birth, or of another enterprise or site.
        """
        payload = _bytes(item)
        birth = decode(item.kind, payload)
        if not isinstance(birth, Birth):
            raise ContractError("unknown-kind", f"a {item.kind} is no birth")
        self._check_mine(item.address)
        known = self._things.get(item.address)
        if known is None or not known.alive or known.payload != payload:
            self._things[item.address] = _Thing(birth, payload, birth.seq, declared(birth))
            self._births_due = True

    def births(self, now_ms: int) -> list[Publish]:
        """NBIRTH and all DBIRTHs, ``seq`` from 0.

        Raises:
            ContractError: the birth of the gateway, which is that of the node, is not known.
        """
        node = self._things.get(self._gateway)
        if node is None or self._bd_seq is None:
            raise ContractError("no-birth", f"{self._gateway.path} has to connect and to be born first")
        self._seq = 0
        first = (*node_metrics(self._bd_seq, device_of(self._gateway), now_ms), *_birth_of(node, now_ms))
        said = [self._publish("NBIRTH", None, sorted(first, key=_time), now_ms)]
        said += [
            self._publish("DBIRTH", address, _birth_of(thing, now_ms), now_ms)
            for address, thing in self._things.items()
            if thing.alive and address != self._gateway
        ]
        self._online, self._births_due = True, False
        return said

    def say(self, item: Outgoing, now_ms: int) -> list[Publish]:
        """Any message but a birth; births go first where they are due.

        Raises:
            ContractError: of another enterprise or site, or of somebody who is not born.
        """
        self._check_mine(item.address)
        thing = self._things.get(item.address)
        if thing is None or not thing.alive:
            raise ContractError("no-birth", f"{item.address.path} says {item.kind} without a birth")
        message = decode(item.kind, _bytes(item))
        metrics = metrics_of(message, now_ms=now_ms)
        self._declare(thing, metrics)
        said = self.births(now_ms) if self._births_due else []
        if item.address == self._gateway:
            said.append(self._publish("NDATA", None, metrics, now_ms))
        else:
            type_ = "DDEATH" if isinstance(message, Death) else "DDATA"
            said.append(self._publish(type_, item.address, metrics, now_ms))
        self._unsent = _Unsent(thing, message, metrics)
        return said

    def commit(self) -> None:
        """What ``say`` gave last has left: it is what the next birth tells as current."""
        unsent, self._unsent = self._unsent, None
        if unsent is None:
            return
        thing = unsent.thing
        if unsent.message.boot == thing.birth.boot:
            thing.last_seq = max(thing.last_seq, unsent.message.seq)
        for metric in unsent.metrics:
            t_ms = metric.timestamp_ms or 0
            if metric.name is not None and metric.name != MESSAGE:
                known = thing.current.get(metric.name)
                if known is None or known[1] <= t_ms:  # a message that comes late does not tell of now
                    thing.current[metric.name] = (metric.value, t_ms)
        if isinstance(unsent.message, Death) and thing is not self._things.get(self._gateway):
            thing.alive = False

    def hear(self, topic: str, payload: bytes, now_ms: int) -> Heard:
        """An NCMD or DCMD. A rebirth makes births due; before the first birth it is nothing, for births come anyway.

        Raises:
            ContractError: not for this node, no payload, or nothing that we know how to obey.
        """
        where = parse_topic(topic)
        if (where.group, where.node) != (self._group, self._node) or where.type not in ("NCMD", "DCMD"):
            raise ContractError("bad-topic", f"{topic[:200]!r} is no command to {self.name}")
        said = decode_payload(payload)
        rebirth = where.type == "NCMD" and any(m.name == REBIRTH and m.value is True for m in said.metrics)
        if rebirth and self._online:
            self._births_due = True
        others = [metric for metric in said.metrics if where.type == "DCMD" or metric.name != REBIRTH]
        if not others:
            return Heard(rebirth)
        address = address_of(self._group, self._node, where.device, gateway=device_of(self._gateway))
        if address not in self._things:
            raise ContractError("no-birth", f"a command to {address.path}, which was never born")
        sent_ms = now_ms if said.timestamp_ms is None else said.timestamp_ms
        return Heard(rebirth, address, command_of(others, sent_ms))

    def _declare(self, thing: _Thing, metrics: Sequence[Metric]) -> None:
        """A sensor or counter that the birth has not named is declared by a new birth before it is said."""
        for metric in metrics:
            name = metric.name
            if name is not None and name not in thing.names and name not in thing.more:
                thing.more[name] = DataType.Double if name.startswith("telemetry/") else DataType.Int64
                self._births_due = True

    def _publish(self, type_: str, device: Address | None, metrics: Sequence[Metric], now_ms: int) -> Publish:
        name = topic(self._group, type_, self._node, None if device is None else device_of(device))
        payload = encode_payload(Payload(now_ms, self._seq, tuple(metrics)))
        self._seq = (self._seq + 1) % BD_SEQS
        return Publish(name, payload)

    def _ndeath(self, now_ms: int) -> Publish:
        metric = Metric(BD_SEQ, DataType.Int64, self._bd_seq, timestamp_ms=now_ms)
        payload = encode_payload(Payload(now_ms, None, (metric,)))
        return Publish(topic(self._group, "NDEATH", self._node), payload, qos=DEATH_QOS)

    def _check_mine(self, address: Address) -> None:
        if (address.enterprise, address.site) != (self._group, self._node):
            raise ContractError("bad-address", f"{address.path} is no device of {self.name}")


def _birth_of(thing: _Thing, now_ms: int) -> tuple[Metric, ...]:
    return birth_metrics(
        thing.birth,
        thing.birth.boot,
        thing.last_seq,
        thing.payload,
        now_ms=now_ms,
        current=thing.current,
        more=thing.more,
    )


def _bytes(item: Outgoing) -> bytes:
    return decompress(item.payload, item.content_type, MAX_BYTES) if item.content_type else item.payload


def _time(metric: Metric) -> int:
    return metric.timestamp_ms or 0
