"""What can be set about the ingester.

What it is: the ``[ingest]`` section of the configuration, with its defaults.
What it is not: where the broker and the store are; those are ``[broker]`` and ``[store]`` (``service/settings.py``).
"""

from __future__ import annotations

from typing import Annotated, Literal

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
    mapping: Annotated[str, Meta(description="mapping file of foreign devices (docs/mapping.md); empty: none")] = ""
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
    memory: Annotated[
        str, Meta(description="file that remembers streams and series over a restart (not for a share); empty: none")
    ] = ""
    resend: Annotated[bool, Meta(description="ask gateways for messages that are missing (docs/gaps.md)")] = True
    gap_grace_s: Annotated[
        float, Meta(ge=0.1, le=86_400, description="how late a message may be before it counts as missing")
    ] = 10.0
    share: Annotated[
        str,
        Meta(
            pattern=r"\A[A-Za-z0-9_.-]{0,64}\Z",
            description="group of a shared subscription, for several ingesters (docs/scale.md); empty: one ingester",
        ),
    ] = ""
    partitions: Annotated[
        list[str],
        Meta(max_length=1024, description="instead of topics and share: the filters of each seat, apart by spaces"),
    ] = field(default_factory=list)
    seats: Annotated[int, Meta(ge=1, le=1024, description="sessions of the share, the same for all its ingesters")] = 6
    seats_directory: Annotated[str, Meta(description="directory of the seats' locks, shared by all ingesters")] = (
        "data/seats"
    )
    own_seats: Annotated[
        list[int], Meta(description="seats of this ingester, where there is no shared directory; empty: by locks")
    ] = field(default_factory=list)
    places: Annotated[
        list[str],
        Meta(description="who may come in: enterprise, enterprise/site … each with all below it; empty: everybody"),
    ] = field(default_factory=list)
    max_series: Annotated[
        int, Meta(ge=1, le=10_000_000, description="pairs of address and kind that may come into being")
    ] = 100_000
    max_fields: Annotated[
        int, Meta(ge=1, le=100_000, description="names of sensors, or of counters, that may come into being")
    ] = 2_000
    sparkplug_host: Annotated[
        str, Meta(max_length=64, description="Sparkplug host identifier (docs/sparkplug.md); empty: no Sparkplug")
    ] = ""
    sparkplug_groups: Annotated[list[str], Meta(description="Sparkplug groups to listen to; empty: all of them")] = (
        field(default_factory=list)
    )
    sparkplug_mqtt: Annotated[
        Literal["5", "3.1.1"],
        Meta(description="version of MQTT of the Sparkplug connection; of our own topics it is 5"),
    ] = "5"
    sparkplug_reorder_s: Annotated[
        float,
        Meta(ge=0.0, le=3600, description="Sparkplug's reorder timeout: how long a message waits for an earlier one"),
    ] = 2.0
    http: Annotated[
        str, Meta(description="HOST:PORT for /health, /metrics and /status (docs/monitoring.md); empty: none")
    ] = ""
    heartbeat: Annotated[str, Meta(description="file rewritten while all is well; empty: none")] = ""
