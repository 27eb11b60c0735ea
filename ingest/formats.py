"""What a delivery means, by its topic: the contract's JSON, a mapped foreign device, or Sparkplug B.

What it is: the one place that knows all formats. Each gives messages of the contract, so that everything behind it is
the same for all.
What it is not: any of the formats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from contract import MAX_BYTES, Address, decode
from contract.address import PREFIX
from contract.compression import decompress
from ingest.batch import Delivery, Said

_of_topic = lru_cache(maxsize=65_536)(Address.of_topic)  # a topic comes with every message; checking it is dear
_OURS: Final = PREFIX + "/"


def native(delivery: Delivery) -> Sequence[Said]:
    """A message of the contract as it is; raises ContractError."""
    address, kind = _of_topic(delivery.topic)
    payload = delivery.payload
    if delivery.content_type:
        payload = decompress(payload, delivery.content_type, MAX_BYTES)
    return (Said(address, kind, decode(kind, payload, as_text=True), payload),)


class Formats:
    """Chooses by the topic.

    Args:
        others: of each other format, whether a topic is its own, and what understands it. The first one is asked.
    """

    def __init__(
        self, others: Sequence[tuple[Callable[[str], bool], Callable[[Delivery], Sequence[Said]]]] = ()
    ) -> None:
        self._others = tuple(others)

    def understand(self, delivery: Delivery) -> Sequence[Said]:
        """What a delivery says; raises ContractError."""
        topic = delivery.topic
        if not topic.startswith(_OURS):
            for knows, understand in self._others:
                if knows(topic):
                    return understand(delivery)
        return native(delivery)
