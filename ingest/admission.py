"""Who comes in: the memory of what has come, and the order in which a batch is judged.

What it is: every message of a batch is understood, then noted by name (``gaps.py``) and by time (``register.py``),
which say whether it has come before, and refuse what would make too many series or claim a moment that is taken. A
name that comes again is a duplicate, which is written all the same and changes nothing.
What it is not: a filter of duplicates. What is not certain to have come before counts as new.

Batches are read in a thread of their own, one after another, while the loop looks at the same memory: hence the lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from contract import Address, ContractError
from ingest.batch import Batch, Delivery, Said, Understand, read
from ingest.gaps import GapLimits, Gaps, Missing, Totals
from ingest.ranges import Ranges
from ingest.register import Register

NAMES: Final = 65_536
"""How many names of messages are remembered whose numbers do not count, as those of mapped devices."""


class SharedGaps(Gaps):
    """``Gaps`` for two threads; the common case, the next message of a known stream, needs no lock."""

    def __init__(self, limits: GapLimits | None = None) -> None:
        super().__init__(limits)
        self._lock = threading.RLock()

    def _came(self, *arguments: Any) -> bool:
        with self._lock:
            return super()._came(*arguments)

    def upto(self, address: Address, boot: str, seq: int, now_s: float) -> None:
        """As in ``Gaps``."""
        with self._lock:
            super().upto(address, boot, seq, now_s)

    def missing(self, now_s: float, grace_s: float) -> list[Missing]:
        """As in ``Gaps``."""
        with self._lock:
            return super().missing(now_s, grace_s)

    def unsure(self, now_s: float, grace_s: float) -> list[Missing]:
        """As in ``Gaps``."""
        with self._lock:
            return super().unsure(now_s, grace_s)

    def unconfirmed(self, now_s: float, grace_s: float) -> list[Missing]:
        """As in ``Gaps``."""
        with self._lock:
            return super().unconfirmed(now_s, grace_s)

    def settle(self, address: Address, boot: str, asked: Ranges, absent: Ranges) -> None:
        """As in ``Gaps``."""
        with self._lock:
            super().settle(address, boot, asked, absent)

    @property
    def totals(self) -> Totals:
        """As in ``Gaps``."""
        with self._lock:
            return super().totals

    def state(self) -> list[list[Any]]:
        """As in ``Gaps``."""
        with self._lock:
            return super().state()


class Admission:
    """The desk at which batches are read.

    Args:
        understand: what a delivery says.
        register: the series, fields and newest times.
        gaps: the numbers that have come of each stream.
        now_s: a clock that does not go back.
        places: paths of those who may come in, with all below them; none: everybody.
    """

    def __init__(
        self,
        understand: Understand,
        register: Register,
        gaps: Gaps,
        now_s: Callable[[], float],
        places: Collection[str] = (),
    ) -> None:
        self.register = register
        self.gaps = gaps
        self._understand = understand
        self._now_s = now_s
        self._places = frozenset(places)
        self._named: OrderedDict[tuple[object, ...], None] = OrderedDict()
        self._batch_s = 0.0

    def open(self, deliveries: Sequence[Delivery]) -> Batch:
        """Read a batch; in one thread at a time."""
        self._batch_s = self._now_s()
        return read(deliveries, self._understand, self._admit)

    def _admit(self, said: Said) -> bool:
        """Whether it has come before; raises ContractError."""
        address, kind, message, _, counted, last_seq = said
        if self._places and not self._knows(address):
            raise ContractError("unknown-place", f"{address.path} is in none of ingest.places")
        if counted:
            again = self.gaps.came(address, message.boot, message.seq, self._batch_s)
        else:
            again = self._was_named((address, kind, message.boot, message.seq))
        if last_seq is not None:
            self.gaps.upto(address, message.boot, last_seq, self._batch_s)
        return self.register.admit(address, kind, message) or again

    def _was_named(self, name: tuple[object, ...]) -> bool:
        """Whether a message whose numbers do not count came before, as far as its name is remembered."""
        if name in self._named:
            self._named.move_to_end(name)
            return True
        self._named[name] = None
        if len(self._named) > NAMES:
            self._named.popitem(last=False)
        return False

    def _knows(self, address: Address) -> bool:
        levels = address.levels
        return any("/".join(levels[:count]) in self._places for count in range(1, len(levels) + 1))
