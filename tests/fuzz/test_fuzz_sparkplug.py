"""Fuzz targets: Sparkplug payloads, topics, and the host that both go through."""

from __future__ import annotations

from hunting import hunt
from ingest_plant import plant

from contract import ContractError
from contract.sparkplug import parse_topic
from contract.sparkplug_metrics import metrics_of
from contract.sparkplug_payload import DataType, Metric, Payload, decode_payload, encode_payload
from ingest.sparkplug_host import Host

T_MS = 1_760_000_000_000
EVERY = (None, -1, 2, -3, 2**40, 5, 6, 7, 2**63, 1.5, 2.5, True, "text", T_MS, "Text", "uuid")
SEEDS = [
    encode_payload(Payload(T_MS, 0, tuple(Metric(f"m{n}", n, value, T_MS, alias=n) for n, value in enumerate(EVERY)))),
    encode_payload(Payload(T_MS, None, (Metric("bdSeq", DataType.Int64, 3, T_MS),))),
    *(
        encode_payload(Payload(T_MS, 1, metrics_of(one.message, now_ms=T_MS)))
        for one in plant(5, 12)
        if one.kind != "birth"
    ),
]
TYPES = ("NBIRTH", "NDATA", "NDEATH", "NCMD", "DBIRTH/d", "DDATA/d", "DDEATH/d", "DCMD/d", "STATE")


def test_fuzz_sparkplug_payload() -> None:
    """Any bytes: a payload that can be said again and comes back the same, or a ContractError."""

    def target(data: bytes) -> None:
        payload = decode_payload(data)
        again = encode_payload(payload)
        assert encode_payload(decode_payload(again)) == again

    found = hunt("sparkplug_payload", target, SEEDS, ContractError)
    assert 0 < found.refused < found.runs


def test_fuzz_sparkplug_topic() -> None:
    """Any text: a topic that reads as itself, or a ContractError (B11: nothing extra is swallowed)."""

    def target(data: bytes) -> None:
        text = data.decode("utf-8", errors="backslashreplace")
        assert parse_topic(text).text == text

    seeds = [b"spBv1.0/g/NBIRTH/n", b"spBv1.0/g/DDATA/n/d", b"spBv1.0/STATE/h"]
    hunt("sparkplug_topic", target, seeds, ContractError, words=(b"/", b"STATE", b"NDATA", b"spBv1.0/", b"+", b"#"))


def test_fuzz_sparkplug_host() -> None:
    """Any bytes in any order of messages: nothing is raised, everything is heard once, by way of said or refused."""
    host = Host("qilu")
    host.connecting(T_MS)
    host.connected(T_MS)
    came = heard = 0
    now_ms = T_MS

    def target(data: bytes) -> None:
        nonlocal came, heard, now_ms
        now_ms += 7
        type_, _, device = TYPES[data[0] % len(TYPES) if data else 0].partition("/")
        topic = "spBv1.0/STATE/qilu" if type_ == "STATE" else f"spBv1.0/g/{type_}/n{'/' if device else ''}{device}"
        step = host.take(topic, data[1:], now_ms * 1_000_000)
        came += 1
        heard += len(step.heard) + len(host.tick(now_ms).heard)

    hunt("sparkplug_host", target, [bytes([n]) + seed for n in range(len(TYPES)) for seed in SEEDS[:6]], ())
    heard += len(host.disconnected(now_ms).heard)
    assert heard == came
