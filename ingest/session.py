"""What the ingester asks of a broker.

What it is: one value, made of the settings, without a word of any MQTT library.
What it is not: the connection; that is ``subscriber.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.settings import Settings
from service import Broker


@dataclass(frozen=True, slots=True)
class Session:
    """Whose messages we want, and how the broker keeps them for us."""

    host: str
    port: int
    client_id: str
    topics: Sequence[str]
    receive_maximum: int
    session_expiry_s: int
    username: str = ""
    password: str | None = None

    @classmethod
    def of(cls, settings: Settings, broker: Broker) -> Session:
        """The session that the settings describe; raises ConfigError when the password's file cannot be read."""
        return cls(
            host=broker.host,
            port=broker.port,
            client_id=settings.client_id,
            topics=settings.topics,
            receive_maximum=settings.receive_maximum,
            session_expiry_s=settings.session_expiry_s,
            username=broker.username,
            password=broker.password(),
        )
