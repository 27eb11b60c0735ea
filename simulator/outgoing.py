"""A message that is ready to go: where from, of which kind, and its bytes.

What it is: the value between what speaks (``speak.py``, ``replay.py``) and what sends (``publisher.py``).
What it is not: a connection; nothing here knows MQTT but the topic's name and the content type.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from contract import KINDS, Address, Message, encode
from contract.compression import GZIP, ZSTD, compress

PACKED_FROM: Final = 1024
"""Bytes; below, packing costs more than the network does."""
PACKINGS: Final = {"none": "", "gzip": GZIP, "zstd": ZSTD}
"""The words of the setting ``compress``, and the content types that they mean."""
_KIND_OF: Final = {type_: kind for kind, type_ in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message ready to go: where from, of which kind, and its bytes.

    ``seq``, ``boot`` and ``rows`` say what is inside, for whoever keeps a ledger, a count or a buffer. They are not
    sent. ``content_type`` says how the payload is packed; empty: not at all.
    """

    address: Address
    kind: str
    payload: bytes
    retain: bool = False
    seq: int = 0
    rows: int = 0
    boot: str = ""
    content_type: str = ""

    @classmethod
    def of(cls, address: Address, message: Message, *, retain: bool = False) -> Outgoing:
        """Encode a message of the contract; raises ContractError for one that no reader would take."""
        rows = len(message.times) or 1
        return cls(address, _KIND_OF[type(message)], encode(message), retain, message.seq, rows, message.boot)

    @property
    def topic(self) -> str:
        """The topic that the message goes to."""
        return self.address.topic(self.kind)

    def packed(self, content_type: str) -> Outgoing:
        """The same message, its payload packed where that makes it smaller; an empty content type packs nothing."""
        if not content_type or self.content_type or len(self.payload) < PACKED_FROM:
            return self
        payload = compress(self.payload, content_type)
        if len(payload) >= len(self.payload):
            return self
        return replace(self, payload=payload, content_type=content_type)
