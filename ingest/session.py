"""What the ingester asks of a broker.

What it is: one value, made of the settings, and the packet that says it.
What it is not: the connection; that is ``subscriber.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ingest import mqtt_packets
from ingest.mqtt311 import WIRES
from ingest.mqtt_packets import Message
from ingest.settings import Settings
from service import Broker


@dataclass(frozen=True, slots=True)
class Session:
    """Whose messages we want, and how the broker keeps them for us.

    Attributes:
        topics: topic filters, each with the quality of service that is wanted.
        clean: start anew at each connection and leave nothing behind; otherwise the broker keeps the session for
            ``session_expiry_s`` after the connection.
        will: what the broker says when we vanish.
        mqtt: the version of MQTT.
    """

    host: str
    port: int
    client_id: str
    topics: Sequence[tuple[str, int]]
    receive_maximum: int
    session_expiry_s: int
    username: str = ""
    password: str | None = None
    clean: bool = False
    will: Message | None = None
    mqtt: Literal["5", "3.1.1"] = "5"

    @classmethod
    def of(cls, settings: Settings, broker: Broker, foreign: Sequence[str] = ()) -> Session:
        """The session that the settings describe; raises ConfigError when the password's file cannot be read.

        ``foreign`` are the filters of a mapping, beside the settings' own.
        """
        return cls(
            host=broker.host,
            port=broker.port,
            client_id=settings.client_id,
            topics=[(topic, 1) for topic in dict.fromkeys([*settings.topics, *foreign])],
            receive_maximum=settings.receive_maximum,
            session_expiry_s=settings.session_expiry_s,
            username=broker.username,
            password=broker.password(),
        )

    def named(self, client_id: str, topics: Sequence[tuple[str, int]], *, will: Message | None, clean: bool) -> Session:
        """The same broker and user under another name."""
        return replace(self, client_id=client_id, topics=topics, will=will, clean=clean)

    def hello(self, keepalive_s: int) -> bytes:
        """The packet that opens it."""
        return mqtt_packets.connect(
            self.client_id,
            clean_start=self.clean,
            keepalive_s=keepalive_s,
            session_expiry_s=0 if self.clean else self.session_expiry_s,
            receive_maximum=self.receive_maximum,
            username=self.username,
            password=self.password,
            will=self.will,
            version=WIRES[self.mqtt].version,
        )
