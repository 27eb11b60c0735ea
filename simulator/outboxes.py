"""The edge buffers of a park: one file for each gateway, opened, asked and closed together.

What it is: where the files are, and what becomes of one whose gateway is no longer there.
What it is not: a buffer (``outbox.py``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from simulator.outbox import Outbox, Ranges
from simulator.outgoing import Outgoing

_LOG = logging.getLogger("qilu.outbox")


class Outboxes:
    """A context manager. With an empty path there are none.

    Args:
        path: the first gateway's file; the others have ``-2``, ``-3`` … behind the name.
        gateways: how many there are.
        limit: bytes of messages kept, all files together.

    Attributes:
        mine: one for each gateway, or none.

    Raises:
        ConfigError: on entering; as ``Outbox`` does.
    """

    def __init__(self, path: str, gateways: int, limit: int) -> None:
        self.mine: list[Outbox] = []
        self._path = path
        self._gateways = gateways if path else 0
        self._limit = limit // gateways
        self._others: list[Outbox] = []
        self._stack = ExitStack()

    def __enter__(self) -> Outboxes:
        with ExitStack() as stack:
            self.mine = [self._open(stack, number) for number in range(1, self._gateways + 1)]
            self._others = []
            number = self._gateways + 1
            while self.mine and self._file(number).exists():  # of a larger park that ran before
                self._others.append(self._open(stack, number))
                number += 1
            for other in self._others:
                self._take_over(other)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stack.close()

    def count(self, path: str, boot: str, ranges: Ranges) -> int:
        """How many of the messages of these names are here; raises LinkError."""
        return sum(one.count(path, boot, ranges) for one in (*self.mine, *self._others))

    def find(self, path: str, boot: str, ranges: Ranges) -> Iterator[list[Outgoing]]:
        """The messages of these names, in chunks; raises LinkError."""
        for one in (*self.mine, *self._others):
            yield from one.find(path, boot, ranges)

    def _file(self, number: int) -> Path:
        return Path(self._path if number == 1 else f"{self._path}-{number}")

    def _open(self, stack: ExitStack, number: int) -> Outbox:
        outbox = Outbox(self._file(number), self._limit)
        stack.callback(outbox.close)
        return outbox

    def _take_over(self, other: Outbox) -> None:
        """What waits with a gateway that is no longer there, the first one sends."""
        while other.waiting:
            left = other.pending()
            if self.mine[0].put(left.items) < len(left.items):
                _LOG.warning("%d messages of a gateway that is gone wait: the edge buffer is full", other.waiting)
                return
            other.acked(left.last)
            other.flush()
