"""A dead letter: one message that could not be stored, with the reason, and its name.

What it is: values, and how a payload is sealed into one.
What it is not: where they are kept (``deadletter.py``).
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Final, NamedTuple

import msgspec

from contract import MAX_BYTES, VERSION

PAYLOAD_BYTES: Final = 2 * MAX_BYTES
"""How much of a payload is kept: twice what the contract allows. ``size`` tells the true length."""
DETAIL_CHARS: Final = 1000


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One message that could not be stored.

    ``time_ns`` is when it came, ``reason`` the short word of the error, ``detail`` the sentence, ``version`` the
    contract's version on this side, ``size`` the payload's length before it was cut, ``content_type`` the property of
    the message (OASIS MQTT 5.0, 3.3.2.3.9), empty where it had none.
    """

    time_ns: int
    topic: str
    reason: str
    detail: str
    version: int = VERSION
    size: int
    content_type: str = ""
    payload: Annotated[str, msgspec.Meta(description="base64")]

    @property
    def body(self) -> bytes:
        """The payload's bytes, as far as they were kept; none where the letter is damaged."""
        try:
            return base64.b64decode(self.payload, validate=True)
        except (binascii.Error, ValueError):
            return b""

    @property
    def whole(self) -> bool:
        """Whether the payload was kept to its end."""
        return len(self.body) == self.size


class Place(NamedTuple):
    """The name of a letter: the number of its file, and of its line from 1.

    >>> str(Place(3, 17)), Place.parse("3:17")
    ('3:17', Place(file=3, line=17))
    """

    file: int
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read ``FILE:LINE``; raises ValueError."""
        parts = text.split(":")
        if len(text) > 40 or len(parts) != 2 or not all(part.isascii() and part.isdecimal() for part in parts):
            raise ValueError(f"{text[:40]!r} names no letter; one is named like 3:17")
        return cls(int(parts[0]), int(parts[1]))


def letter(
    *,
    time_ns: int,
    topic: str,
    reason: str,
    detail: str,
    payload: bytes,
    content_type: str = "",
    size: int | None = None,
) -> Letter:
    """Seal a payload into a letter; ``size`` is its true length where it was cut before."""
    return Letter(
        time_ns=time_ns,
        topic=topic,
        reason=reason,
        detail=detail[:DETAIL_CHARS],
        size=len(payload) if size is None else size,
        content_type=content_type,
        payload=base64.b64encode(payload[:PAYLOAD_BYTES]).decode("ascii"),
    )
