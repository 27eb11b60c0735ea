"""What the Sparkplug host says: its STATE, rebirth requests and commands.

What it is: pure functions from values to what is to be published, and the reader of STATE messages.
What it is not: the decision when to say it (``sparkplug_host.py``).
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from contract import Address, Command, ContractError
from contract.sparkplug import REBIRTH, Publish, device_of, metrics_of, topic
from contract.sparkplug_names import BOOT
from contract.sparkplug_payload import DataType, Metric, Payload, encode_payload

MAX_STATE_BYTES: Final = 1024


class State(msgspec.Struct, frozen=True):
    """The payload of a STATE message (Sparkplug 3.0, ``payloads-state-*``); the time is ms since 1970-01-01 UTC."""

    online: bool
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


_STATE: Final = msgspec.json.Decoder(State)


def say_state(topic: str, *, online: bool, at_ms: int) -> Publish:
    """A host's STATE: QoS 1, retained."""
    return Publish(topic, msgspec.json.encode(State(online, at_ms)), qos=1, retain=True)


def read_state(payload: bytes) -> State:
    """A host's STATE; raises ContractError (``too-large``, ``invalid``)."""
    if len(payload) > MAX_STATE_BYTES:
        raise ContractError("too-large", f"a STATE of {len(payload)} bytes, at most {MAX_STATE_BYTES} are allowed")
    try:
        return _STATE.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError("invalid", f"a STATE: {error}"[:300]) from None


def ask_rebirth(group: str, node: str, now_ms: int) -> Publish:
    """The request to an edge node to be born again (``data-commands-ncmd-rebirth-*``).

    Raises:
        ContractError: no topic can hold these names.
    """
    metric = Metric(REBIRTH, DataType.Boolean, True, timestamp_ms=now_ms)
    return Publish(topic(group, "NCMD", node), encode_payload(Payload(now_ms, None, (metric,))))


def say_command(address: Address, gateway: str | None, command: Command, now_ms: int) -> Publish:
    """A command of the contract to a device of ours, or as an NCMD to the node itself when that is its ``gateway``.

    Raises:
        ContractError: it is too large.
    """
    device: str | None = device_of(address)
    if device == gateway:
        device = None
    metrics = metrics_of(command)
    if all(metric.name != BOOT for metric in metrics):  # a command has no birth that could have said it
        metrics = (Metric(BOOT, None, command.boot, metrics[0].timestamp_ms), *metrics)
    where = topic(address.enterprise, "NCMD" if device is None else "DCMD", address.site, device)
    return Publish(where, encode_payload(Payload(now_ms, None, metrics)))
