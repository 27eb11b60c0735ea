"""Packed payloads: they come back equal; bombs, cut and lengthened ones are refused, and cost no memory."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from contract import ContractError
from contract.compression import CONTENT_TYPES, GZIP, JSON, ZSTD, compress, decompress

PACKED = (GZIP, ZSTD)
PLAIN = b'{"t":[1763712000000000000,1763712001000000000],"values":{"force_kn":[20.5,21.25]}}' * 40
LIMIT = 262_144


def streamed(payload: bytes) -> bytes:
    """A Zstandard frame that does not tell its size, as one that is packed piece by piece."""
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    return packer.compress(payload) + packer.flush()


def reason(payload: bytes, content_type: str, limit: int = LIMIT) -> str:
    with pytest.raises(ContractError) as refused:
        decompress(payload, content_type, limit)
    assert len(str(refused.value)) < 500
    return refused.value.reason


@given(st.binary(max_size=3000), st.sampled_from(CONTENT_TYPES))
@example(b"", GZIP)
@example(b"", ZSTD)
def test_what_is_packed_comes_back_within_any_limit_that_holds_it(payload: bytes, content_type: str) -> None:
    packed = compress(payload, content_type)
    assert packed == compress(payload, content_type), "the same input, the same bytes"
    assert decompress(packed, content_type, len(payload)) == payload
    assert decompress(packed, content_type, len(payload) + 1) == payload
    if payload:
        assert reason(packed, content_type, len(payload) - 1) == "too-large"


@pytest.mark.parametrize("content_type", PACKED)
def test_telemetry_gets_smaller(content_type: str) -> None:
    assert len(compress(PLAIN, content_type)) < len(PLAIN) / 5


def test_one_without_a_content_type_is_plain() -> None:
    assert decompress(PLAIN, "", LIMIT) == PLAIN
    assert decompress(PLAIN, "Application/JSON; charset=utf-8", LIMIT) == PLAIN
    assert reason(PLAIN, "", len(PLAIN) - 1) == "too-large"


@pytest.mark.parametrize("content_type", ["text/plain", "application/json+br", "application/json+gzi", ";", "x" * 9000])
def test_what_nobody_agreed_on_is_refused(content_type: str) -> None:
    if content_type == ";":
        assert decompress(PLAIN, content_type, LIMIT) == PLAIN, "parameters alone name no encoding"
        return
    assert reason(PLAIN, content_type) == "unknown-encoding"
    with pytest.raises(ContractError, match="unknown-encoding"):
        compress(PLAIN, content_type)


@pytest.mark.parametrize("content_type", PACKED)
def test_one_that_is_cut_anywhere_is_refused(content_type: str) -> None:
    packed = compress(PLAIN, content_type)
    assert {reason(packed[:end], content_type) for end in range(len(packed))} == {"bad-encoding"}


def test_a_frame_without_its_size_is_as_good() -> None:
    packed = streamed(PLAIN)
    assert decompress(packed, ZSTD, len(PLAIN)) == PLAIN
    assert reason(packed, ZSTD, len(PLAIN) - 1) == "too-large"
    assert {reason(packed[:end], ZSTD) for end in range(len(packed))} == {"bad-encoding"}
    assert reason(packed + b"\n", ZSTD) == "bad-encoding"


@pytest.mark.parametrize("content_type", PACKED)
@pytest.mark.parametrize("more", [b"\0", b"trailing garbage", None], ids=["nul", "garbage", "a second one"])
def test_nothing_may_stand_behind_the_end(content_type: str, more: bytes | None) -> None:
    packed = compress(PLAIN, content_type)
    assert reason(packed + (packed if more is None else more), content_type) == "bad-encoding"


def test_many_empty_members_cost_no_time() -> None:
    """Each member's rest would be copied: with thousands of them that would be seconds for one message."""
    assert reason(gzip.compress(b"") * 20_000, GZIP) == "bad-encoding"


@given(st.binary(max_size=300), st.sampled_from(PACKED))
def test_noise_is_refused(noise: bytes, content_type: str) -> None:
    try:
        decompress(noise, content_type, LIMIT)
    except ContractError as refused:
        assert refused.reason in {"bad-encoding", "too-large"}


@given(st.sampled_from([GZIP, ZSTD, "streamed"]), st.data())
def test_a_flipped_bit_is_refused_or_changes_nothing(form: str, data: st.DataObject) -> None:
    packed = bytearray(streamed(PLAIN) if form == "streamed" else compress(PLAIN, form))
    bit = data.draw(st.integers(0, 8 * len(packed) - 1))
    packed[bit // 8] ^= 1 << bit % 8
    content_type = GZIP if form == GZIP else ZSTD
    try:
        plain = decompress(bytes(packed), content_type, LIMIT)
    except ContractError as refused:
        assert refused.reason in {"bad-encoding", "too-large"}
    else:
        # The headers hold bits of no meaning; without a check sum (a frame of others) one may change the content.
        assert plain == PLAIN or form == "streamed"


def bombs() -> dict[str, tuple[str, bytes]]:
    zeros = bytes(100 * 1024 * 1024)
    window = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=27, compression_level=1)
    ).compressobj()
    return {
        "gzip": (GZIP, zlib.compress(zeros, 9, 31)),
        "zstd that tells its size": (ZSTD, compress(zeros, ZSTD)),
        "zstd that does not": (ZSTD, streamed(zeros)),
        "zstd with a window of 128 MiB": (ZSTD, window.compress(zeros) + window.flush()),
    }


MEASURE = """
import sys
from pathlib import Path
from contract import ContractError
from contract.compression import decompress

def peak_kb():  # of this program alone; getrusage's would be the parent's
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)

content_type, packed = sys.argv[1], sys.stdin.buffer.read()
before = peak_kb()
for _ in range(20):
    try:
        decompress(packed, content_type, 262_144)
    except ContractError as refused:
        reason = refused.reason
print(reason, peak_kb() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from Linux")
@pytest.mark.parametrize(("name", "bomb"), bombs().items(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_bomb_does_not_go_off(name: str, bomb: tuple[str, bytes]) -> None:
    content_type, packed = bomb
    out = subprocess.run([sys.executable, "-c", MEASURE, content_type], input=packed, capture_output=True, check=True)
    told, grown_kb = out.stdout.split()
    assert told.decode() == ("bad-encoding" if "window" in name else "too-large")
    assert int(grown_kb) < 12 * 1024, f"{name}: {int(grown_kb)} kB more, of 100 MB"


@pytest.mark.parametrize("told", [True, False])
def test_a_window_may_have_eight_mebibytes(told: bool) -> None:
    def frame(window_log: int) -> bytes:
        plan = zstandard.ZstdCompressionParameters(window_log=window_log, compression_level=1)
        packer = zstandard.ZstdCompressor(compression_params=plan).compressobj(size=len(PLAIN) if told else -1)
        return packer.compress(PLAIN) + packer.flush()

    assert decompress(frame(23), ZSTD, LIMIT) == PLAIN
    if told:  # then the window is no larger than the content
        assert decompress(frame(24), ZSTD, LIMIT) == PLAIN
    else:
        assert reason(frame(24), ZSTD) == "bad-encoding"


def test_json_is_the_only_kind_that_is_left_as_it_is() -> None:
    assert [kind for kind in CONTENT_TYPES if compress(PLAIN, kind) == PLAIN] == [JSON]
