"""Fuzz targets: payloads of the contract, compressed payloads, topics, and the whole way from bytes to lines."""

from __future__ import annotations

import gzip
import math

import pytest
from hunting import hunt
from ingest_plant import plant
from parsing import parse_lines

from contract import KINDS, MAX_BYTES, Address, ContractError, Telemetry, decode, encode
from historian.line_columns import encode_columns
from historian.line_protocol import encode as lines
from ingest import frames

SAID = plant(5, 60)
SEEDS = sorted({one.kind: one for one in SAID}.values(), key=lambda one: one.kind)
HERE = Address("acme", "plant-1", "production", "line-1", "press-1")
WORDS = (b'"v":1', b'"boot":', b'"seq":', b'"t":', b'"rows":', b'"values":', b"1e999", b"true", b"{}", b"[]", b",,")


def test_fuzz_json() -> None:
    """Any bytes under any kind: a message that survives another trip over the wire, or a ContractError."""

    def target(data: bytes) -> None:
        kind = list(KINDS)[data[0] % len(KINDS)] if data else "telemetry"
        message = decode(kind, data[1:])
        assert type(message) is KINDS[kind]
        if isinstance(message, Telemetry):
            assert all(v is None or math.isfinite(v) for column in message.values.values() for v in column)
        assert decode(kind, encode(message)) == message

    seeds = [bytes([list(KINDS).index(one.kind)]) + one.payload for one in SEEDS]
    found = hunt("json", target, seeds, ContractError, words=WORDS)
    assert found.runs > 1000
    assert 0 < found.refused < found.runs


def test_fuzz_bytes_to_lines() -> None:
    """What the contract lets in can be said to the store, in lines that a second parser reads back."""

    def target(data: bytes) -> None:
        message = decode("telemetry", data)
        for frame in frames(HERE, "telemetry", message, data, 0):
            try:
                text = lines([frame])
            except ValueError:
                return  # a time that no store holds: a dead letter, as promised
            points = parse_lines(text)
            assert [point.time_ns for point in points] == list(message.times)
            assert all(point.fields["_seq"] == message.seq for point in points)

    hunt("lines", target, [one.payload for one in SEEDS if one.kind == "telemetry"], ContractError, words=WORDS)


def test_fuzz_columns() -> None:
    """Long telemetry: the same message or the same refusal, whether its columns stay text or not."""
    values = {name: [round(0.37 * row, 3) for row in range(120)] for name in ("a", "speed", "temperature_c")}
    times = [1_760_000_000_000_000_000 + row * 250_000_000 for row in range(120)]
    seed = encode(Telemetry(boot="00ff00ff", seq=3, t=times, values=values))
    kept = 0

    def target(data: bytes) -> None:
        nonlocal kept
        try:
            wanted = decode("telemetry", data)
        except ContractError as refusal:
            with pytest.raises(ContractError) as found:
                decode("telemetry", data, as_text=True)
            assert (found.value.reason, found.value.detail) == (refusal.reason, refusal.detail)
            raise
        message = decode("telemetry", data, as_text=True)
        assert message == wanted
        made = frames(HERE, "telemetry", message, data, 0)
        quick = encode_columns(made)
        kept += bool(quick)
        assert all(parse_lines(quick[index]) == parse_lines(lines([made[index]])) for index in quick)

    words = (*WORDS, b"-", b".", b"e1", b"],[", b" ", b"0" * 20, b"null,")
    found = hunt("columns", target, [seed], ContractError, words=words)
    assert 0 < found.refused < found.runs
    assert kept > 10


def test_fuzz_topic() -> None:
    """Any text: an address that gives the same topic again, or a ContractError; never wider than the prefix."""

    def target(data: bytes) -> None:
        topic = data.decode("utf-8", errors="backslashreplace")
        address, kind = Address.of_topic(topic)
        assert address.topic(kind) == topic
        assert Address.parse(address.path) == address
        assert not set("+#\n\r\0") & set(address.path)

    seeds = [one.topic.encode() for one in SEEDS] + ["qilu/v1/é/<b>/中/l-1/m 1/state".encode()]
    hunt("topic", target, seeds, ContractError, words=(b"/", b"//", b"+", b"#", b"$share/", b"qilu/v1/", b"../", b" "))


def test_fuzz_compression() -> None:
    """Any bytes under any content type: at most the limit comes out, or a ContractError."""
    from contract import compression  # noqa: PLC0415

    types = list(compression.CONTENT_TYPES)

    def target(data: bytes) -> None:
        content_type = types[data[0] % len(types)] if data else "x"
        plain = compression.decompress(data[1:], content_type, MAX_BYTES)
        assert len(plain) <= MAX_BYTES

    text = SEEDS[0].payload
    seeds = [bytes([n]) + compression.compress(text, type_) for n, type_ in enumerate(types)]
    bomb = gzip.compress(b" " * 10_000_000)
    seeds += [bytes([n]) + bomb for n in range(len(types))]
    hunt("compression", target, seeds, ContractError)
