"""What the Sparkplug host hands out: messages heard, marks, and what is to be published.

What it is: the values between the host (``sparkplug_host.py``) and the shell that owns the connection.
What it is not: behaviour.

Every MQTT message that the shell hands in comes out as exactly one ``Heard``, at once or later, so that the law of the
ingester's counters holds: what the host still keeps is ``Counters.held``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from contract import Address, ContractError, Message
from contract.sparkplug import Publish
from ingest import batch
from ingest.batch import Delivery


class Said(NamedTuple):
    """One message of the contract.

    ``payload`` is a birth's JSON and otherwise empty. ``last_seq`` of a birth is the number of the last message before
    it, where the sender says so: after a gap, what is missing ends there.
    """

    address: Address
    kind: str
    message: Message
    payload: bytes = b""
    last_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one MQTT message: messages of the contract (none for a control message), or a refusal.

    ``ticket`` is what the shell gave with it. It is a ``Delivery`` for the batches, and understood already.
    """

    topic: str
    payload: bytes
    received_ns: int
    said: tuple[Said, ...] = ()
    refusal: ContractError | None = None
    ticket: object = None

    @property
    def content_type(self) -> str:
        """Nothing: Sparkplug has payloads of one kind."""
        return ""

    def acknowledge(self) -> None:
        """Nothing: the session is clean, and what is not acknowledged never comes again."""


def understand(delivery: Delivery) -> Sequence[batch.Said]:
    """What a delivery says that the host has heard; raises ContractError for one that it has refused."""
    if not isinstance(delivery, Heard):
        raise ContractError("bad-topic", f"{delivery.topic[:200]!r} has not passed the Sparkplug host")
    if delivery.refusal is not None:
        raise delivery.refusal
    return [
        batch.Said(said.address, said.kind, said.message, said.payload, last_seq=said.last_seq)
        for said in delivery.said
    ]


@dataclass(frozen=True, slots=True)
class Mark:
    """An edge node (``device`` None) or a device changed: ``online``, or ``offline`` and all its metrics ``stale``.

    ``stale`` alone: the host lost its own connection and knows nothing. ``at_ms`` is the time that Sparkplug 3.0, 5.5
    and 5.7 demand: the host's for a node's death, the payload's for a device's.
    """

    group: str
    node: str
    device: str | None
    what: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from one event: publish first, then deal with what was heard, in order."""

    heard: tuple[Heard, ...] = ()
    publish: tuple[Publish, ...] = ()
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """What the host keeps at most.

    ``held`` messages wait per node for one that is missing, ``held_bytes`` for all nodes together; beyond, the waiting
    ends early and nothing is lost. Nodes, devices and the metrics of foreign births beyond these numbers are refused
    (``cardinality``).
    """

    nodes: int = 10_000
    devices_per_node: int = 1_000
    devices: int = 50_000
    metrics_per_node: int = 10_000
    metrics: int = 100_000
    held: int = 100
    held_bytes: int = 32 * 1024 * 1024
    rebirths_per_s: int = 100


@dataclass(slots=True)
class Counters:
    """What happened since the start; ``nodes_online``, ``devices_online``, ``stale`` and ``held`` are of this moment.

    Attributes:
        nodes_online, devices_online: alive as far as is known.
        stale: nodes and devices whose values are not current.
        held: messages that wait for one before them.
        rebirths: rebirth requests sent.
        gaps: numbers that were missing when the waiting ended.
        reordered: messages that came too early and were put in their place.
        late: messages that came after the waiting for them had ended; their data are kept.
        old_deaths: deaths of a session that is over already, or that was never seen.
        refused: messages for the dead letters.
        ignored: messages for others (commands, states of other hosts).
        left_out: metrics of foreign nodes that no telemetry can hold: text, bytes, tables, transient ones.
        unknown: metrics of foreign nodes that no birth declared.
        bad_values: numbers that are none (NaN, infinity), times out of range.
    """

    nodes_online: int = 0
    devices_online: int = 0
    stale: int = 0
    held: int = 0
    rebirths: int = 0
    gaps: int = 0
    reordered: int = 0
    late: int = 0
    old_deaths: int = 0
    refused: int = 0
    ignored: int = 0
    left_out: int = 0
    unknown: int = 0
    bad_values: int = 0
