"""Fuzz targets: the mapping file, and foreign messages read by the mappings of the examples."""

from __future__ import annotations

import contextlib
import io
import runpy
from pathlib import Path

import pytest
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


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_fuzz_mapping_file(path: Path) -> None:
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
    found = hunt("mapping_file", target, [path.read_bytes()], ConfigError, words=words)
    assert found.refused > 0


@pytest.fixture(scope="module")
def heard() -> dict[str, list[tuple[str, bytes]]]:
    """What the example of one's own devices hears, by mapping."""
    with contextlib.redirect_stdout(io.StringIO()):
        found: dict[str, list[tuple[str, bytes]]] = runpy.run_path(str(EXAMPLES[0].parents[1] / "own_devices.py"))[
            "HEARD"
        ]
    return found


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_fuzz_mapped_messages(path: Path, heard: dict[str, list[tuple[str, bytes]]]) -> None:
    """Any bytes on any topic: messages of the contract, as valid as any, or a ContractError."""
    mapping = Mapping.parse(path.read_bytes(), path.name)

    def target(data: bytes) -> None:
        head, _, payload = data.partition(b"\n")
        for address, kind, message in mapping.read(head.decode("utf-8", "backslashreplace"), payload, NOW_NS):
            assert type(message) is KINDS[kind]
            assert decode(kind, encode(message)) == message
            assert len(address.levels) == 5

    seeds = [topic.encode() + b"\n" + payload for topic, payload in heard[path.stem]]
    found = hunt(f"mapped_{path.stem}", target, seeds, ContractError, words=WORDS)
    assert 0 < found.refused < found.runs
