"""Foreign devices as one more format of the ingester.

What it is: what ``formats.Formats`` asks for: whether a topic is a mapping's, and what a delivery on it says.
What it is not: the mapping (``mapping.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from contract import encode
from ingest.batch import Delivery, Said
from ingest.mapping import Mapping


def foreign(mapping: Mapping) -> tuple[Callable[[str], bool], Callable[[Delivery], Sequence[Said]]]:
    """Which topics are the mapping's, and what a delivery says; the second raises ContractError.

    Foreign messages do not count up, so no gap can be found in them.
    """

    def understand(delivery: Delivery) -> Sequence[Said]:
        messages = mapping.read(delivery.topic, delivery.payload, delivery.received_ns)
        return tuple(Said(address, kind, said, encode(said), counted=False) for address, kind, said in messages)

    return mapping.knows, understand
