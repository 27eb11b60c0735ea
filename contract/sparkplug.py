"""Sparkplug B names: topics, identifiers, and which of our addresses stands behind them.

What it is: the topic namespace of Sparkplug 3.0 (chapter 4) and the mapping between an ``Address`` and a group, an edge
node and a device. The group is the enterprise, the edge node the site (a site has one gateway), the device
``area:line:machine``; the gateway itself is the node.
What it is not: payloads (``sparkplug_payload.py``), nor what metrics mean (``sparkplug_names.py``,
``sparkplug_metrics.py``, ``sparkplug_births.py``, all of which can be had from here too).

>>> here = Address("acme", "plant-1", "production", "line-1", "stamp-1")
>>> topic("acme", "DDATA", "plant-1", device_of(here))
'spBv1.0/acme/DDATA/plant-1/production:line-1:stamp-1'
>>> parse_topic("spBv1.0/acme/DDATA/plant-1/production:line-1:stamp-1").device
'production:line-1:stamp-1'
>>> address_of("acme", "plant-1", device_of(here), gateway="production:line-1:gateway") == here
True
>>> address_of("other vendor", "node 7", None).path
'other vendor/node 7/sparkplug/node/node'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from contract.address import Address
from contract.errors import ContractError
from contract.sparkplug_births import birth_metrics, declared, node_metrics
from contract.sparkplug_metrics import (
    Head,
    birth_of,
    command_of,
    head_of,
    message_of,
    metrics_of,
)
from contract.sparkplug_names import BD_SEQ, BIRTH, BOOT, GATEWAY, KIND, MESSAGE, REBIRTH, SEQ

__all__ = [
    "BD_SEQ",
    "BIRTH",
    "BOOT",
    "DEVICE_TYPES",
    "GATEWAY",
    "KIND",
    "MESSAGE",
    "NAMESPACE",
    "NODE_TYPES",
    "REBIRTH",
    "SEQ",
    "STATE",
    "Head",
    "Publish",
    "SparkplugTopic",
    "address_of",
    "birth_metrics",
    "birth_of",
    "command_of",
    "declared",
    "device_of",
    "head_of",
    "message_of",
    "metrics_of",
    "node_metrics",
    "parse_topic",
    "topic",
]

NAMESPACE: Final = "spBv1.0"
"""The first level of every topic (Sparkplug 3.0, 4.1.1)."""
STATE: Final = "STATE"
NODE_TYPES: Final = frozenset({"NBIRTH", "NDATA", "NDEATH", "NCMD"})
DEVICE_TYPES: Final = frozenset({"DBIRTH", "DDATA", "DDEATH", "DCMD"})
MAX_TOPIC_CHARS: Final = 1024
"""Longer topics are nobody's: an address of ours has at most 320 characters, of which a third may be escaped."""

FOREIGN: Final = "sparkplug"
"""The area of addresses that belong to edge nodes of others."""


class Publish(NamedTuple):
    """What is to be published; Sparkplug says QoS 0 and not retained for all but NDEATH and STATE."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class SparkplugTopic:
    """A topic of the namespace, checked.

    ``device`` is None where the type is one of a node. Of a STATE topic, ``node`` is the host's identifier and
    ``group`` is empty.

    Raises:
        ContractError: ``bad-topic``: an unknown type, a device too many or too few, or an identifier that is empty or
            holds ``+``, ``/`` or ``#`` (Sparkplug 3.0, 4.1.2 to 4.1.5).
    """

    group: str
    type: str
    node: str
    device: str | None = None

    def __post_init__(self) -> None:
        names = {"group": self.group, "edge node": self.node, "device": self.device}
        if self.type == STATE:
            if self.group or self.device is not None:
                raise _bad(f"a {STATE} topic has a host identifier and nothing else")
            names = {"host": self.node}
        elif self.type not in NODE_TYPES | DEVICE_TYPES:
            raise _bad(f"{self.type[:80]!r} is no message type")
        elif (self.device is not None) != (self.type in DEVICE_TYPES):
            raise _bad(f"{self.type} {'needs a' if self.type in DEVICE_TYPES else 'has no'} device")
        for what, name in names.items():
            if name is not None and (not name or any(sign in name for sign in "+/#\0")):
                raise _bad(f"the {what} identifier {name[:80]!r} is empty or holds +, / or #")

    @property
    def text(self) -> str:
        """The topic as it stands on the wire."""
        if self.type == STATE:
            return f"{NAMESPACE}/{STATE}/{self.node}"
        levels = [NAMESPACE, self.group, self.type, self.node]
        return "/".join(levels if self.device is None else [*levels, self.device])


def topic(group: str, type_: str, node: str, device: str | None = None) -> str:
    """A topic; raises ContractError (``bad-topic``) for one that cannot be."""
    return SparkplugTopic(group, type_, node, device).text


def parse_topic(topic: str) -> SparkplugTopic:
    """Read a topic; raises ContractError (``bad-topic``) for everything that is not exactly one of the namespace."""
    if len(topic) > MAX_TOPIC_CHARS:
        raise _bad(f"{len(topic)} characters, at most {MAX_TOPIC_CHARS} are allowed")
    levels = topic.split("/")
    if levels[0] != NAMESPACE:
        raise _bad(f"{topic[:200]!r} does not begin with {NAMESPACE}/")
    if len(levels) == 3 and levels[1] == STATE:
        return SparkplugTopic("", STATE, levels[2])
    if len(levels) not in (4, 5):
        raise _bad(f"{topic[:200]!r} has {len(levels)} levels")
    if levels[2] == STATE:
        raise _bad(f"{topic[:200]!r} is no {STATE} topic")
    return SparkplugTopic(*levels[1:])


def device_of(address: Address) -> str:
    """The device identifier of an address: ``area:line:machine``, with ``%`` and ``:`` inside a name escaped."""
    return ":".join(_escaped(level) for level in address.levels[2:])


def address_of(group: str, node: str, device: str | None, *, gateway: str | None = None) -> Address:
    """The address behind a node or a device.

    Args:
        group: becomes the enterprise.
        node: becomes the site.
        device: the device identifier; None: the node itself.
        gateway: what an edge node of ours says of itself in its NBIRTH (metric ``Qilu/gateway``); None: the node of
            somebody else, whose devices become machines of the area ``sparkplug``, line ``device``.

    Raises:
        ContractError: ``bad-address``, when no address can hold these names, or a device of our own node is not of
            the form that ``device_of`` writes.
    """
    if gateway is None:
        line, machine = ("node", "node") if device is None else ("device", device)
        return Address(group, node, FOREIGN, line, machine)
    name = gateway if device is None else device
    parts = [part.replace("%3A", ":").replace("%25", "%") for part in name.split(":")]
    if len(parts) != 3 or ":".join(map(_escaped, parts)) != name:
        raise ContractError("bad-address", f"the device {name[:200]!r} is not of the form area:line:machine")
    return Address(group, node, *parts)


def _escaped(level: str) -> str:
    return level.replace("%", "%25").replace(":", "%3A")


def _bad(why: str) -> ContractError:
    return ContractError("bad-topic", f"not a Sparkplug topic: {why}")
