"""Formats: the contract's messages, packed or not, and others by their topic."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import zstandard
from ingest_plant import plant

from contract import MAX_BYTES, ContractError
from contract.compression import GZIP, JSON, ZSTD
from ingest.batch import Delivery, Said
from ingest.formats import Formats, native


@dataclass
class Parcel:
    topic: str
    payload: bytes
    content_type: str = ""
    received_ns: int = 0

    def acknowledge(self) -> None:
        return None


PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    JSON: bytes,
    GZIP: gzip.compress,
    ZSTD: zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("content_type", PACK)
def test_a_packed_message_says_what_the_plain_one_says(content_type: str) -> None:
    for one in plant(1, 60):
        (said,) = native(Parcel(one.topic, PACK[content_type](one.payload), content_type))
        assert said == Said(one.address, one.kind, one.message, one.payload)
        assert said.counted


@pytest.mark.parametrize(
    ("payload", "content_type", "reason"),
    [
        (gzip.compress(bytes(50_000_000)), GZIP, "too-large"),
        (zstandard.ZstdCompressor().compress(bytes(50_000_000)), ZSTD, "too-large"),
        (b" " * (MAX_BYTES + 1), "", "too-large"),
        (b"{}", GZIP, "bad-encoding"),
        (gzip.compress(b"{}", mtime=0) + b"x", GZIP, "bad-encoding"),
        (gzip.compress(b"{", mtime=0), GZIP, "not-json"),
        (gzip.compress(plant(1, 1)[0].payload), "", "not-json"),
        (plant(1, 1)[0].payload, "application/xml", "unknown-encoding"),
    ],
)
def test_what_is_not_what_it_says_is_refused_by_its_reason(payload: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(ContractError) as caught:
        native(Parcel(plant(1, 1)[0].topic, payload, content_type))
    assert caught.value.reason == reason
    assert len(caught.value.detail) < 500


@pytest.mark.parametrize("content_type", [GZIP, ZSTD])
def test_a_bomb_is_put_out_before_it_fills_the_memory(content_type: str) -> None:
    bomb = Parcel(plant(1, 1)[0].topic, PACK[content_type](bytes(50_000_000)), content_type)
    tracemalloc.start()
    try:
        with pytest.raises(ContractError):
            native(bomb)
        assert tracemalloc.get_traced_memory()[1] < 8 * MAX_BYTES
    finally:
        tracemalloc.stop()


def test_the_topic_chooses_and_our_own_never_goes_to_others() -> None:
    asked: list[str] = []

    def knows(prefix: str) -> bool:
        asked.append(prefix)
        return prefix.startswith("tele/")

    def foreign(delivery: Delivery) -> list[Said]:
        return [Said(plant(1, 1)[0].address, "telemetry", plant(1, 1)[0].message, delivery.payload, counted=False)]

    formats = Formats([(lambda _topic: False, native), (knows, foreign)])
    ours = plant(1, 1)[0]
    assert formats.understand(Parcel(ours.topic, ours.payload)) == native(Parcel(ours.topic, ours.payload))
    assert asked == []
    (said,) = formats.understand(Parcel("tele/plug/SENSOR", b"42"))
    assert (said.payload, said.counted, asked) == (b"42", False, ["tele/plug/SENSOR"])


@pytest.mark.parametrize("topic", ["", "tele/plug", "qilu/v1", "qilu/v1/a", "qilu/v2/a/b/c/d/e/state", "QILU/v1/x"])
def test_what_nobody_knows_is_a_bad_topic(topic: str) -> None:
    with pytest.raises(ContractError) as caught:
        Formats().understand(Parcel(topic, b"{}"))
    assert caught.value.reason in {"bad-topic", "wrong-version"}
