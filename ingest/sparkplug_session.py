"""What a Sparkplug message means: births, data and deaths as messages of the contract.

What it is: pure. Messages come here in the order of their numbers. Those of our own edge nodes carry the contract's
message whole and come back exactly as they were sent; those of others become births and telemetry of machines
(``sparkplug_foreign.py``).
What it is not: the judge of order and gaps (``sparkplug_reorder.py``), nor a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from contract import Address, ContractError, Death, Message, encode
from contract.sparkplug import BD_SEQ, Head, address_of, birth_of, head_of, message_of
from contract.sparkplug_names import BIRTH, GATEWAY
from contract.sparkplug_payload import Metric
from ingest.sparkplug_foreign import (
    MAX_MS,
    birth_message,
    boot_of,
    learn,
    telemetry_messages,
    values_of,
)
from ingest.sparkplug_heard import Counters, Mark, Said
from ingest.sparkplug_nodes import Frame, Node, Roster, Thing

_address_of = lru_cache(maxsize=4096)(address_of)
LOST: Final = "connection lost"
GONE: Final = "device offline"
NO_BIRTH: Final = "no-birth"
"""Why data of a foreign thing, or of one of ours that names no boot, go to the dead letters."""


class Session:
    """Applies messages to what is known.

    Args:
        roster: the nodes.
        counters: kept up to date.
        mark: told of each node and device that changes.
        doubt: called with a node whose births do not say enough, and the time.
    """

    def __init__(
        self, roster: Roster, counters: Counters, mark: Callable[[Mark], None], doubt: Callable[[Node, int], None]
    ) -> None:
        self._roster = roster
        self._counters = counters
        self._mark = mark
        self._doubt = doubt

    def apply(self, node: Node, frame: Frame) -> tuple[Said, ...]:
        """The messages of the contract that a message holds; raises ContractError for the dead letters."""
        match frame.where.type:
            case "NBIRTH":
                return self._node_birth(node, frame)
            case "DBIRTH":
                return self._device_birth(node, frame)
            case "DDEATH":
                return self._device_death(node, frame)
            case _:
                return self._data(node, frame)

    @staticmethod
    def is_death_of(node: Node, frame: Frame) -> bool:
        """Whether an NDEATH ends the session that is known."""
        bd_seq = bd_seq_of(frame.said.metrics)
        return bd_seq is not None and node.itself.online and node.bd_seq in (None, bd_seq)

    def node_death(self, node: Node | None, frame: Frame) -> tuple[Said, ...]:
        """An NDEATH: it counts only when its ``bdSeq`` is that of the last birth (Sparkplug 3.0, 5.5)."""
        if bd_seq_of(frame.said.metrics) is None:
            raise ContractError("invalid", "an NDEATH without bdSeq")
        if node is None or not self.is_death_of(node, frame):
            self._counters.old_deaths += 1
            return ()
        said = []
        for device, thing in node.things():
            silent = thing.farewell or not thing.online or (node.gateway is not None and device is not None)
            self.offline(node, device, thing, frame.received_ms)
            if thing.boot is not None and not silent:
                death = Death(boot=thing.boot, seq=0, t=None, reason=LOST)
                said.append(Said(self._address(node, device, ours=thing.known is None), "death", death))
        return tuple(said)

    def command(self, node: Node | None, frame: Frame) -> tuple[Said, ...]:
        """A command that some host sent; of ours, it is stored like any other message."""
        head = head_of(frame.said.metrics)
        if head.kind != "command" or head.boot is None or head.seq is None:
            self._counters.ignored += 1
            return ()
        where = frame.where
        gateway = "" if where.device is not None else node.gateway if node is not None else None
        if gateway is None:
            raise ContractError(NO_BIRTH, "a command to a node that is not known")
        message = message_of("command", head.boot, head.seq, frame.said.metrics)
        return (Said(address_of(where.group, where.node, where.device, gateway=gateway), "command", message),)

    def offline(self, node: Node, device: str | None, thing: Thing, at_ms: int) -> None:
        """Note that a node or device is gone, and its metrics are stale, since ``at_ms``."""
        if thing.online:
            thing.online = False
            self._count(device, -1)
        self._mark(Mark(node.group, node.node, device, "offline", at_ms))
        self.stale(node, device, thing, at_ms)

    def stale(self, node: Node, device: str | None, thing: Thing, at_ms: int) -> None:
        """Note that a thing's metrics are not current any more."""
        if not thing.stale:
            thing.stale = True
            self._counters.stale += 1
        self._mark(Mark(node.group, node.node, device, "stale", at_ms))

    def _online(self, node: Node, device: str | None, thing: Thing, at_ms: int) -> None:
        thing.farewell = False
        if thing.stale:
            thing.stale = False
            self._counters.stale -= 1
        if not thing.online:
            thing.online = True
            self._count(device, 1)
        self._mark(Mark(node.group, node.node, device, "online", at_ms))

    def _count(self, device: str | None, change: int) -> None:
        if device is None:
            self._counters.nodes_online += change
        else:
            self._counters.devices_online += change

    def _node_birth(self, node: Node, frame: Frame) -> tuple[Said, ...]:
        metrics = frame.said.metrics
        bd_seq = bd_seq_of(metrics)
        if bd_seq != node.bd_seq:  # another MQTT session: nothing of the last one is left
            for device, thing in node.devices.items():
                self.offline(node, device, thing, frame.received_ms)
            self._roster.clear(node)
        for _, thing in node.things():  # each is born again, with the same or other metrics
            self._roster.declare(node, thing, None)
            thing.boot = None
        node.bd_seq = bd_seq
        gateway = next((metric.value for metric in metrics if metric.name == GATEWAY), None)
        node.gateway = gateway if isinstance(gateway, str) else None
        ours = node.gateway is not None
        address = self._address(node, None, ours=ours)
        return (self._our_birth if ours else self._foreign_birth)(node, address, node.itself, frame)

    def _device_birth(self, node: Node, frame: Frame) -> tuple[Said, ...]:
        device = frame.where.device
        ours = any(metric.name == BIRTH for metric in frame.said.metrics)
        if not ours and node.itself.boot is None:
            raise ContractError(NO_BIRTH, "a device of a node that is not born")
        address = self._address(node, device, ours=ours)
        thing = self._roster.device(node, device or "")
        return (self._our_birth if ours else self._foreign_birth)(node, address, thing, frame)

    def _our_birth(self, node: Node, address: Address, thing: Thing, frame: Frame) -> tuple[Said, ...]:
        birth, payload = birth_of(frame.said.metrics)
        last_seq = head_of(frame.said.metrics).seq
        if thing.boot != birth.boot:
            thing.seq = 0
        thing.boot, thing.seq = birth.boot, max(thing.seq, birth.seq, last_seq or 0)
        self._online(node, frame.where.device, thing, frame.sent_ms)
        return (Said(address, "birth", birth, payload, last_seq),)

    def _foreign_birth(self, node: Node, address: Address, thing: Thing, frame: Frame) -> tuple[Said, ...]:
        device = frame.where.device
        self._roster.room_for(node, thing, len(frame.said.metrics))
        known = learn(frame.said.metrics)
        self._roster.declare(node, thing, known)
        if device is None:
            thing.boot = boot_of(node.group, node.node, node.bd_seq, frame.sent_ms)
        else:
            thing.boot = node.itself.boot
        thing.seq = 0
        assert thing.boot is not None
        t_ns = min(frame.sent_ms, MAX_MS) * 1_000_000
        birth = birth_message(known, boot=thing.boot, seq=thing.next_seq(), t_ns=t_ns, model=device or node.node)
        payload = encode(birth)
        self._online(node, device, thing, frame.sent_ms)
        return (Said(address, "birth", birth, payload), *self._values(node, address, thing, frame))

    def _data(self, node: Node, frame: Frame) -> tuple[Said, ...]:
        device = frame.where.device
        head = head_of(frame.said.metrics)
        if head.kind is not None and head.seq is not None:
            address = self._address(node, device, ours=True)
            thing = node.itself if device is None else self._roster.device(node, device)
            return (self._our_message(address, thing, frame, head),)
        thing = node.itself if device is None else node.devices.get(device, Thing())
        if thing.known is None:
            raise ContractError(NO_BIRTH, f"data of {'a node' if device is None else 'a device'} that is not born")
        return self._values(node, self._address(node, device, ours=False), thing, frame)

    @staticmethod
    def _our_message(address: Address, thing: Thing, frame: Frame, head: Head) -> Said:
        boot = head.boot or thing.boot
        if boot is None or head.kind is None or head.seq is None:
            raise ContractError(NO_BIRTH, "a message without boot, of a thing that is not born")
        message = message_of(head.kind, boot, head.seq, frame.said.metrics)
        thing.seq = max(thing.seq, head.seq)
        thing.farewell = head.kind == "death"
        return Said(address, head.kind, message)

    def _values(self, node: Node, address: Address, thing: Thing, frame: Frame) -> tuple[Said, ...]:
        if thing.known is None or thing.boot is None:
            return ()
        table, all_known = values_of(frame.said, thing.known, frame.received_ms, self._counters)
        if not all_known:
            self._doubt(node, frame.received_ms)
        messages: Sequence[Message] = telemetry_messages(table, boot=thing.boot, first_seq=thing.seq + 1)
        thing.seq += len(messages)
        return tuple(Said(address, "telemetry", message) for message in messages)

    def _device_death(self, node: Node, frame: Frame) -> tuple[Said, ...]:
        device = frame.where.device
        thing = node.devices.get(device or "")
        head = head_of(frame.said.metrics)
        said: tuple[Said, ...] = ()
        if head.kind == "death" and head.seq is not None:
            address = self._address(node, device, ours=True)
            thing = thing or self._roster.device(node, device or "")
            said = (self._our_message(address, thing, frame, head),)
        elif thing is None or thing.boot is None:
            self._counters.old_deaths += 1
        elif not thing.farewell:
            t_ns = min(frame.sent_ms, MAX_MS) * 1_000_000
            death = Death(boot=thing.boot, seq=thing.next_seq(), t=t_ns, reason=GONE)
            said = (Said(self._address(node, device, ours=thing.known is None), "death", death),)
        if thing is not None:
            self.offline(node, device, thing, frame.sent_ms)
            thing.farewell = True
        return said

    @staticmethod
    def _address(node: Node, device: str | None, *, ours: bool) -> Address:
        if not ours:
            return _address_of(node.group, node.node, device)
        if device is None and node.gateway is None:
            raise ContractError(NO_BIRTH, "a message of a node of ours whose birth is not known")
        return _address_of(node.group, node.node, device, gateway=node.gateway or "")


def bd_seq_of(metrics: Sequence[Metric]) -> int | None:
    """The number of the sender's MQTT session."""
    value = next((metric.value for metric in metrics if metric.name == BD_SEQ), None)
    return value if type(value) is int else None
