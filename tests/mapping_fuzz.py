"""Entries for fuzzing the mapping: any bytes as a file, and any topic and payload through a right file.

What they raise is a bug: a file may only be refused by ConfigError and a message by ContractError, each in bounded time
and with a bounded sentence; what is made of a message survives the wire.
"""

from __future__ import annotations

from pathlib import Path

from contract import ConfigError, ContractError, decode, encode
from ingest.mapping import Mapping

EXAMPLES = sorted((Path(__file__).parents[1] / "examples" / "mappings").glob("*.yaml"))
MAPPINGS = [Mapping.parse(path.read_bytes(), path.name) for path in EXAMPLES]
RECEIVED = 1_795_348_800_000_000_000
MAX_SENTENCE = 1000


def fuzz_mapping_file(data: bytes) -> None:
    """Bytes as a mapping file, and where they are one, a message through it."""
    try:
        mapping = Mapping.parse(data, "f.yaml")
    except ConfigError as error:
        assert str(error).startswith("f.yaml") and len(str(error)) < MAX_SENTENCE
        return
    for text in mapping.filters[:5]:
        _through(mapping, text.replace("+", "m"), b'{"a":1}', RECEIVED)


def fuzz_mapping_message(data: bytes) -> None:
    """Bytes as a topic, up to the first line end, and a payload, through each example."""
    topic, _, payload = data.partition(b"\n")
    for mapping in MAPPINGS:
        name = topic.decode("utf-8", "surrogateescape")
        _through(mapping, name, payload, RECEIVED)
        for text in mapping.filters[:3]:  # a topic that is taken, so that the payload is looked at
            _through(mapping, text.replace("+", name[:64]), payload, RECEIVED)


def _through(mapping: Mapping, topic: str, payload: bytes, received_ns: int) -> None:
    try:
        messages = mapping.read(topic, payload, received_ns)
    except ContractError as error:
        assert len(str(error)) < MAX_SENTENCE
        return
    assert messages
    for address, kind, message in messages:
        assert address.path.count("/") == 4
        assert decode(kind, encode(message)) == message
