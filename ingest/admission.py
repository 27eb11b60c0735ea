"""Who has come before: the memory of message names.

What it is: pure and bounded. ``(address, kind, boot, seq)`` names a message for good; a name that comes again is a
duplicate, which is written all the same and changes nothing.
What it is not: a filter.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from ingest.batch import Said

SEEN_LIMIT: Final = 65_536
"""How many message names are remembered; a message that comes again after more than that is counted as written."""


class Admission:
    """Remembers the newest names."""

    def __init__(self, seen_limit: int = SEEN_LIMIT) -> None:
        self._seen_limit = seen_limit
        self._seen: OrderedDict[tuple[object, ...], None] = OrderedDict()

    def admit(self, said: Said, received_ns: int) -> bool:
        """Whether this message has come before."""
        del received_ns
        message = said.message
        name = (said.address, said.kind, message.boot, message.seq)
        if name in self._seen:
            self._seen.move_to_end(name)
            return True
        self._seen[name] = None
        if len(self._seen) > self._seen_limit:
            self._seen.popitem(last=False)
        return False
