"""Commands that came over our own topics, for those who are connected over Sparkplug.

What it is: pure: a command of the contract becomes what is to be published as DCMD or NCMD, ``rebirth`` a rebirth
request, and the replies that come back are known again, so that who asked hears them where it asked.
What it is not: able to command the nodes of others beyond a rebirth: what they obey is not in the contract.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from contract import Address, Command, CommandRow, ContractError, Reply, ReplyRow, decode, encode
from contract.sparkplug import FOREIGN, Publish, address_of, device_of
from ingest.mqtt_packets import Message
from ingest.sparkplug_heard import Said
from ingest.sparkplug_host import Host
from ingest.sparkplug_nodes import Node

REBIRTH: Final = "rebirth"
RESEND: Final = "resend"
"""Of the JSON wire: a Sparkplug node has no edge buffer; what it can do for us is a rebirth."""
K = TypeVar("K")
KEPT: Final = 1000
"""Commands that are remembered, the newest."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What follows from a command: what to tell the node, and answers that are ours to give."""

    publish: tuple[Publish, ...] = ()
    replies: tuple[Message, ...] = ()


class Commands:
    """Passes commands and replies on.

    Args:
        host: knows who is connected.
        boot: names this start of ours, for the replies that we give ourselves.
    """

    def __init__(self, host: Host, boot: str) -> None:
        self._host = host
        self._boot = boot
        self._seq: dict[Address, int] = {}
        self._replied_ns = 0
        self._names: OrderedDict[tuple[Address, str, int], None] = OrderedDict()
        self._open: OrderedDict[tuple[Address, str], None] = OrderedDict()

    def take(self, topic: str, payload: bytes, now_ns: int) -> Passed:
        """A message on a topic of the contract: nothing follows unless it is a command to one of ours, said once."""
        try:
            address, kind = Address.of_topic(topic)
            command = decode(kind, payload)
            node = self._host.roster.find(address.enterprise, address.site)
            if node is None or not isinstance(command, Command) or not _knows(node, address):
                return Passed()
            if not _note(self._names, (address, command.boot, command.seq)):
                return Passed()
            return self._pass(node, address, command, now_ns)
        except ContractError:  # it goes to the dead letters on its other way
            return Passed()

    def heard(self, said: Said) -> tuple[Message, ...]:
        """What a node has said: a reply to one of these commands goes to the topic where the asker listens."""
        message = said.message
        if not isinstance(message, Reply) or all((said.address, row.command) not in self._open for row in message.rows):
            return ()
        return (Message(said.address.topic("reply"), encode(message), 1),)

    def _pass(self, node: Node, address: Address, command: Command, now_ns: int) -> Passed:
        publish: list[Publish] = []
        replies: list[Message] = []
        rows = [row for row in command.rows if row.action not in (REBIRTH, RESEND)]
        if rows and node.gateway is not None:
            for row in rows:
                _note(self._open, (address, row.command))
            one = msgspec.structs.replace(command, rows=rows)
            publish.append(self._host.command(address, one, now_ns // 1_000_000))
        else:
            replies += [self._reply(address, row, now_ns, "refused", "a Sparkplug node of others") for row in rows]
        for row in command.rows:
            if row.action == REBIRTH:
                publish.append(self._host.rebirth(node.group, node.node, now_ns // 1_000_000))
                replies.append(self._reply(address, row, now_ns, "accepted", None))
        return Passed(tuple(publish), tuple(replies))

    def _reply(self, address: Address, row: CommandRow, now_ns: int, status: str, reason: str | None) -> Message:
        self._seq[address] = seq = self._seq.get(address, 0) + 1
        self._replied_ns = max(now_ns, self._replied_ns + 1)  # two of one time would be one in the store
        said = ReplyRow(t=self._replied_ns, command=row.command, status=status, reason=reason)
        return Message(address.topic("reply"), encode(Reply(boot=self._boot, seq=seq, rows=[said])), 1)


def _knows(node: Node, address: Address) -> bool:
    """Whether an address is the node itself or one of its devices."""
    if node.gateway is not None:
        device = device_of(address)
        return device == node.gateway or device in node.devices
    if address.area != FOREIGN:
        return False
    return address == address_of(node.group, node.node, None) or address.machine in node.devices


def _note(kept: OrderedDict[K, None], key: K) -> bool:
    """Remember it; returns whether it is new."""
    if key in kept:
        return False
    kept[key] = None
    if len(kept) > KEPT:
        kept.popitem(last=False)
    return True
