"""The JSON wire format: the messages of the contract to bytes and back.

What it is: the only file that knows how a message looks on the wire (a second format will be its own file).
What it is not: lenient. Unknown fields, wrong types, NaN, infinities, integers beyond 2**53 - 1 where a count is
meant, more than ``MAX_BYTES`` or a version of another time are refused with the reason, and nothing is guessed.

>>> from contract.messages import Death
>>> encode(Death(boot="00ff00ff", seq=7, t=None, reason="connection lost"))
b'{"v":1,"boot":"00ff00ff","seq":7,"t":null,"reason":"connection lost"}'
>>> decode("death", b'{"v":1,"boot":"00ff00ff","seq":7,"t":1e999,"reason":"?"}')
Traceback (most recent call last):
contract.errors.ContractError: invalid: Number out of range - at `$.t`
"""

from __future__ import annotations

from typing import Final

import msgspec

from contract.decimals import plain
from contract.errors import ContractError
from contract.messages import KINDS, VERSION, Message, Telemetry
from contract.parts import Name, Time

MAX_BYTES: Final = 262_144
"""The largest payload; half of what the embedded broker takes."""

_ENCODER: Final = msgspec.json.Encoder()
_DECODERS: Final = {kind: msgspec.json.Decoder(type_, strict=True) for kind, type_ in KINDS.items()}
_KIND_OF: Final = {type_: kind for kind, type_ in KINDS.items()}
_LONG: Final = 64
"""Bytes a name from which it pays to leave the columns of telemetry text."""
_BEGIN: Final = b'{"v":'


class _Columns(Message, frozen=True, kw_only=True):
    """Telemetry whose columns nobody has looked into yet; that they are JSON has been checked."""

    t: list[Time]
    values: dict[Name, msgspec.Raw]


_COLUMNS_DECODER: Final = msgspec.json.Decoder(_Columns, strict=True)


class _Version(msgspec.Struct):
    v: object = None


_VERSION_DECODER: Final = msgspec.json.Decoder(_Version)


def encode(message: Message) -> bytes:
    """The payload of a message; raises ContractError for what ``decode`` would refuse.

    The payload is read back here, on the sender's side: a publisher learns of its mistake where it can be mended.
    """
    kind = _KIND_OF.get(type(message))
    if kind is None:
        raise ContractError("unknown-kind", f"{type(message).__name__} is not one of the messages of the contract")
    try:
        _check(message)
        if isinstance(message, Telemetry):  # encoding would turn NaN into null
            message.check_finite()
        payload = _ENCODER.encode(message)
    except (TypeError, AttributeError, OverflowError, ValueError) as error:
        # A message that is made in Python has had no types checked.
        raise ContractError("invalid", f"this {kind} cannot be said: {error}"[:300]) from None
    if decode(kind, payload) != message:
        raise ContractError(
            "invalid", f"this {kind} does not survive the wire: NaN, infinity or a value of another type"
        )
    return payload


def decode(kind: str, payload: bytes, *, as_text: bool = False) -> Message:
    """The message of a payload that came on a topic of ``kind``.

    Args:
        kind: the last level of the topic.
        payload: the bytes.
        as_text: the columns of long telemetry may be ``Decimals``, for who only carries them on.

    Raises:
        ContractError: with reason ``unknown-kind``, ``too-large``, ``not-json``, ``wrong-version``,
            ``invalid`` (a field is missing, unknown, of the wrong type or out of its range) or ``inconsistent``.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise ContractError("unknown-kind", f"{kind[:80]!r} is not one of {', '.join(KINDS)}")
    if len(payload) > MAX_BYTES:
        raise ContractError("too-large", f"{len(payload)} bytes, at most {MAX_BYTES} are allowed")
    if as_text and kind == "telemetry" and (found := _columns(payload)) is not None:
        _check(found)
        return found
    try:
        message: Message = decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise _refusal(payload, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ContractError("not-json", str(error)[:300]) from None
    _check(message)
    return message


def _columns(payload: bytes) -> Telemetry | None:
    """Telemetry with columns of text; None where the ordinary way has to read it, or to say what is wrong."""
    keys = payload.count(b":")
    if len(payload) < _LONG * keys or not payload.startswith(_BEGIN):
        return None
    try:
        found = _COLUMNS_DECODER.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(found.values) + len(found.__struct_fields__) != keys:
        return None  # a name stands there twice, and nobody would look at the first of them
    values = plain(found.values)
    if values is None:
        return None
    return Telemetry(v=found.v, boot=found.boot, seq=found.seq, t=found.t, values=values)


def _check(message: Message) -> None:
    try:
        message.check()
    except ValueError as error:
        raise ContractError("inconsistent", str(error)[:300]) from None


def _refusal(payload: bytes, detail: str) -> ContractError:
    """Tell a message of another version from a wrong one: its fields may differ for good reason."""
    try:
        version = _VERSION_DECODER.decode(payload).v
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        version = VERSION
    if isinstance(version, int) and version != VERSION:
        return ContractError("wrong-version", f"version {str(version)[:20]}, this side speaks {VERSION}")
    return ContractError("invalid", detail[:300])
