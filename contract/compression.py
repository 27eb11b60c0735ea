"""Smaller payloads: what the MQTT 5 content type of a message says about its bytes.

What it is: the known content types (OASIS MQTT 5.0, 3.3.2.3.9), and the way from a payload to its packed form and back:
gzip (RFC 1952) and Zstandard (RFC 8878). Pure.
What it is not: lenient. One payload is one gzip member or one Zstandard frame, whole, with nothing behind it; it is
unpacked only as far as the limit allows, whatever its header promises.

>>> packed = compress(b"[" + b"20.5," * 999 + b"0]", GZIP)
>>> len(packed) < 100, decompress(packed, GZIP, 5000)[:6]
(True, b'[20.5,')
>>> decompress(packed, GZIP, 4096)
Traceback (most recent call last):
contract.errors.ContractError: too-large: unpacks to more than 4096 bytes
"""

from __future__ import annotations

import zlib
from typing import Final

import zstandard

from contract.errors import ContractError

JSON: Final = "application/json"
GZIP: Final = "application/json+gzip"
ZSTD: Final = "application/json+zstd"
CONTENT_TYPES: Final = (JSON, GZIP, ZSTD)
"""What a message of the JSON wire may be; one without a content type is plain ``application/json``."""

_GZIP_LEVEL: Final = 1  # telemetry gains little from more, and the edge pays in time
_ZSTD_LEVEL: Final = 3
_GZIP_WINDOW: Final = 31  # zlib: with a gzip header and its check sum, nothing else
_ZSTD_WINDOW: Final = 8 * 1024 * 1024
"""The largest window that a Zstandard frame may ask for: what every decoder should give (RFC 8878, 3.1.1.1.2)."""


def compress(payload: bytes, content_type: str) -> bytes:
    """The payload in the form that a content type names; the same input gives the same bytes.

    Raises:
        ContractError: ``unknown-encoding``.
    """
    kind = _known(content_type)
    if kind == GZIP:
        return zlib.compress(payload, _GZIP_LEVEL, _GZIP_WINDOW)
    if kind == ZSTD:
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compress(payload)
    return payload


def decompress(payload: bytes, content_type: str, limit: int) -> bytes:
    """The plain payload of at most ``limit`` bytes.

    Args:
        payload: as it came.
        content_type: the property of the message; empty where it has none.
        limit: bytes. No more than one byte beyond it is ever unpacked.

    Raises:
        ContractError: ``unknown-encoding``; ``bad-encoding``: damaged, cut short, or something behind its end;
            ``too-large``.
    """
    kind = _known(content_type)
    if kind == GZIP:
        plain = _gunzip(payload, limit)
    elif kind == ZSTD:
        plain = _unzstd(payload, limit)
    else:
        plain = payload
    if len(plain) > limit:
        raise _too_large(limit)
    return plain


def _known(content_type: str) -> str:
    """The content type without parameters; raises ContractError."""
    if content_type in CONTENT_TYPES:  # as it nearly always is
        return content_type
    kind = content_type.partition(";")[0].strip().lower()
    if kind and kind not in CONTENT_TYPES:
        raise ContractError("unknown-encoding", f"content type {content_type[:80]!r} is not {', '.join(CONTENT_TYPES)}")
    return kind or JSON


def _gunzip(payload: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = unpacker.decompress(payload, limit + 1)
        if len(plain) <= limit and not unpacker.eof:
            plain += unpacker.decompress(unpacker.unconsumed_tail, 1)  # the end, where the limit was met exactly
    except zlib.error as error:
        raise _bad("gzip", str(error)) from None
    if len(plain) > limit:
        return plain
    if not unpacker.eof:
        raise _bad("gzip", "cut short")
    if unpacker.unused_data:
        raise _bad("gzip", f"{len(unpacker.unused_data)} bytes behind its end")
    return plain


def _unzstd(payload: bytes, limit: int) -> bytes:
    unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        size = zstandard.get_frame_parameters(payload).content_size
        told = size not in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR)
        if told and size > limit:  # memory would be taken at its word
            raise _too_large(limit)
        if not told:
            with unpacker.stream_reader(payload, read_across_frames=False) as reader:
                if len(reader.read(limit + 1)) > limit:
                    raise _too_large(limit)
        one = unpacker.decompressobj()
        plain = one.decompress(payload)
    except zstandard.ZstdError as error:
        raise _bad("zstd", str(error)) from None
    except MemoryError:
        raise _bad("zstd", "asks for too much memory") from None
    if not one.eof:
        raise _bad("zstd", "cut short")
    if one.unused_data:
        raise _bad("zstd", f"{len(one.unused_data)} bytes behind its end")
    return plain


def _bad(name: str, detail: str) -> ContractError:
    return ContractError("bad-encoding", f"{name}: {detail}"[:300])


def _too_large(limit: int) -> ContractError:
    return ContractError("too-large", f"unpacks to more than {limit} bytes")
