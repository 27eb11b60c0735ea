"""The primary host of an edge node: whether it is online, by its STATE.

What it is: pure. Sparkplug 3.0, 5.4 and 5.5: a node that has a primary host is born only while that host is online, and
dies when it goes; what is older than what is known already is an old will, and changes nothing.
What it is not: the connection (``sparkplug_publisher.py``), which asks and obeys.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from contract import ConfigError, ContractError
from contract.sparkplug import STATE, SparkplugTopic

STATE_QOS: Final = 1
MAX_STATE_BYTES: Final = 1024


class _State(msgspec.Struct, frozen=True):
    online: bool
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


_DECODER: Final = msgspec.json.Decoder(_State)


class PrimaryHost:
    """One host application, as a node sees it.

    Args:
        host_id: its identifier.

    Raises:
        ConfigError: no topic can hold the identifier.

    Attributes:
        topic: where it tells its STATE.
        online: whether it is online as far as this connection knows.
    """

    def __init__(self, host_id: str) -> None:
        try:
            self.topic = SparkplugTopic("", STATE, host_id).text
        except ContractError as error:
            raise ConfigError(f"configuration: simulator.sparkplug_primary_host: {error.detail}") from None
        self.online = False
        self._newest_ms = -1

    def connecting(self) -> None:
        """A new connection knows nothing until the broker has told the STATE that it keeps."""
        self.online = False

    def hear(self, payload: bytes) -> bool:
        """Its STATE came; returns whether it has gone offline, so that the node's session must end.

        Raises:
            ContractError: it is none.
        """
        if len(payload) > MAX_STATE_BYTES:
            raise ContractError("too-large", f"a STATE of {len(payload)} bytes")
        try:
            said = _DECODER.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ContractError("invalid", f"a STATE: {error}"[:300]) from None
        if said.timestamp < self._newest_ms:
            return False
        self._newest_ms = said.timestamp
        was, self.online = self.online, said.online
        return was and not said.online
