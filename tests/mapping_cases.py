"""What the tests of the mapping share: a file of one rule, what it makes of a message, and why it refuses one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract import ContractError, decode, encode
from ingest.mapping import Mapping

ROOT = Path(__file__).parents[1]
NOON = 1_795_348_800_000_000_000  # 2026-11-22 12:00 UTC
HEAD = "id: t\ndevices:\n- address: acme/p/a/l/{machine}\n  model: m\n  topics:\n"


def mapping(rule: str, head: str = HEAD) -> Mapping:
    return Mapping.parse((head + rule).encode(), "f.yaml")


def said(found: Mapping, topic: str, payload: str | bytes, received_ns: int = NOON) -> dict[str, Any]:
    """The messages by kind; each is one that the wire takes, and all are of one address and boot."""
    messages = found.read(topic, payload.encode() if isinstance(payload, str) else payload, received_ns)
    for _, kind, message in messages:
        assert decode(kind, encode(message)) == message
    assert len({(address, message.boot) for address, _, message in messages}) == 1
    return {kind: message for _, kind, message in messages}


def refused(found: Mapping, topic: str, payload: str | bytes, received_ns: int = NOON) -> str:
    with pytest.raises(ContractError) as caught:
        found.read(topic, payload.encode() if isinstance(payload, str) else payload, received_ns)
    assert len(str(caught.value)) < 700
    return str(caught.value)


def example(name: str) -> Mapping:
    path = ROOT / "examples" / "mappings" / f"{name}.yaml"
    return Mapping.parse(path.read_bytes(), path.name)
