"""What can be set about the ingester.

What it is: the ``[ingest]`` section of the configuration, with its defaults.
What it is not: where the broker and the store are; those are ``[broker]`` and ``[store]`` (``service/settings.py``).
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from contract import topic_filter


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ingester: what it subscribes to and how it batches."""

    client_id: Annotated[
        str, Meta(min_length=1, max_length=64, description="names the session that the broker keeps; one per ingester")
    ] = "qilu-ingest"
    topics: Annotated[list[str], Meta(min_length=1, description="MQTT topic filters")] = field(
        default_factory=lambda: [topic_filter()]
    )
    batch_messages: Annotated[int, Meta(ge=1, le=100_000, description="a batch is written at this many messages")] = (
        5000
    )
    batch_bytes: Annotated[int, Meta(ge=1, description="a batch is written at this many bytes of payload")] = 1_048_576
    batch_wait_ms: Annotated[
        int, Meta(ge=0, le=60_000, description="a batch is written once its first message has waited this long")
    ] = 200
    receive_maximum: Annotated[
        int, Meta(ge=1, le=65_535, description="messages that the broker may send ahead of our acknowledgements")
    ] = 20_000
    session_expiry_s: Annotated[
        int, Meta(ge=0, le=4_294_967_295, description="how long the broker keeps messages for us while we are away")
    ] = 604_800
    dead_letters: Annotated[str, Meta(min_length=1, description="directory for messages that cannot be stored")] = (
        "data/dead-letters"
    )
    heartbeat: Annotated[str, Meta(description="file rewritten while all is well; empty: none")] = ""
