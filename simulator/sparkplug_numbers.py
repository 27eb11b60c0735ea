"""The birth numbers (``bdSeq``) of edge nodes, remembered over restarts.

What it is: the small file in which a start leaves word of the last number that it has used, before it uses it.
What it is not: the counting of sessions; the publisher asks when it connects.
"""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock
from typing import Annotated, Final

import msgspec

from contract import ConfigError
from simulator.sparkplug_edge import BD_SEQS

_NUMBERS: Final = msgspec.json.Decoder(dict[str, Annotated[int, msgspec.Meta(ge=0, lt=BD_SEQS)]])
_LOG: Final = logging.getLogger("qilu.publisher")


class BirthNumbers:
    """The file that remembers the last ``bdSeq`` of each edge node over restarts; an empty path remembers nothing.

    A file that is missing begins at 0, as the standard says; one that is damaged as well, with a warning: a host then
    takes the death of the session before for an old one, or the other way round, once in 256 times.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None
        self._last: dict[str, int] = {}
        self._lock = Lock()  # several gateways of one process connect from threads of their own
        if self._path is None:
            return
        try:
            self._last = _NUMBERS.decode(self._path.read_bytes())
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            _LOG.warning("%s cannot be read (%s): bdSeq begins at 0", self._path, str(error)[:200])

    def next(self, node: str) -> int:
        """The number of the next CONNECT."""
        return (self._last[node] + 1) % BD_SEQS if node in self._last else 0

    def use(self, node: str, number: int) -> None:
        """Leave word before CONNECT goes out; raises ConfigError when that is impossible."""
        with self._lock:
            self._last[node] = number
            if self._path is None:
                return
            draft = self._path.with_name(self._path.name + ".new")
            try:
                draft.write_bytes(msgspec.json.encode(self._last))
                draft.replace(self._path)
            except OSError as error:
                raise ConfigError(f"configuration: simulator.sparkplug_memory {self._path}: {error.strerror}") from None
