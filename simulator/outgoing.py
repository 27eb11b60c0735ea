"""A message that is ready to go: where from, of which kind, and its bytes.

What it is: the value between what speaks (``speak.py``, ``replay.py``) and what sends (``publisher.py``).
What it is not: a connection; nothing here knows MQTT but the topic's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contract import KINDS, Address, Message, encode

_KIND_OF: Final = {type_: kind for kind, type_ in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message ready to go: where from, of which kind, and its bytes.

    ``seq`` and ``rows`` say what is inside, for whoever keeps a ledger or a count; the publisher does not read them.
    """

    address: Address
    kind: str
    payload: bytes
    retain: bool = False
    seq: int = 0
    rows: int = 0

    @classmethod
    def of(cls, address: Address, message: Message, *, retain: bool = False) -> Outgoing:
        """Encode a message of the contract; raises ContractError for one that no reader would take."""
        rows = len(message.times) or 1
        return cls(address, _KIND_OF[type(message)], encode(message), retain, message.seq, rows)

    @property
    def topic(self) -> str:
        """The topic that the message goes to."""
        return self.address.topic(self.kind)
