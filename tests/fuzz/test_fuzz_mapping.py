"""Fuzz targets: the mapping file, and foreign messages read by the mappings of the examples."""

from __future__ import annotations

import contextlib
import io
import runpy
from pathlib import Path

from hunting import hunt

from contract import KINDS, ConfigError, ContractError, decode, encode
from ingest.mapping import Mapping

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "mappings").glob("*.yaml"))
NOW_NS = 1_795_305_600_000_000_000
WORDS = (
    b'"Time":',
    b'"2026-02-30T25:61:00"',
    b"1e999",
    b"[[[[",
    b"{{",
    b"ON",
    b"0x10",
    b"1_000",
    b"\xd9\xa1",
    b"Infinity",
)


def test_fuzz_mapping_file() -> None:
    """Any bytes as a mapping file: a mapping, or a ConfigError that names the file."""

    def target(data: bytes) -> None:
        try:
            mapping = Mapping.parse(data, "fuzz.yaml")
        except ConfigError as error:
            assert "fuzz.yaml" in str(error)
            assert len(str(error)) < 2000
            raise
        assert mapping.filters

    words = (b"\n- ", b": ", b"{", b"}", b"&a ", b"*a", b"!!python/object:os.system ", b"<<: ", b"---\n", b"\t", b"017")
    found = hunt("mapping_file", target, [path.read_bytes() for path in EXAMPLES], ConfigError, words=words)
    assert 0 < found.refused < found.runs


def heard() -> dict[str, list[tuple[str, bytes]]]:
    """What the example of one's own devices hears, by mapping."""
    with contextlib.redirect_stdout(io.StringIO()):
        found: dict[str, list[tuple[str, bytes]]] = runpy.run_path(str(EXAMPLES[0].parents[1] / "own_devices.py"))[
            "HEARD"
        ]
    return found


def test_fuzz_mapped_messages() -> None:
    """Any bytes on any topic under each mapping: messages of the contract, as valid as any, or a ContractError."""
    mappings = [Mapping.parse(path.read_bytes(), path.name) for path in EXAMPLES]

    def target(data: bytes) -> None:
        head, _, payload = data[1:].partition(b"\n")
        mapping = mappings[data[0] % len(mappings) if data else 0]
        for address, kind, message in mapping.read(head.decode("utf-8", "backslashreplace"), payload, NOW_NS):
            assert type(message) is KINDS[kind]
            assert decode(kind, encode(message)) == message
            assert len(address.levels) == 5

    said = heard()
    seeds = [
        bytes([number]) + topic.encode() + b"\n" + payload
        for number, path in enumerate(EXAMPLES)
        for topic, payload in said[path.stem]
    ]
    found = hunt("mapped", target, seeds, ContractError, words=WORDS)
    assert 0 < found.refused < found.runs
