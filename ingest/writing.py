"""Write one batch until it is stored or refused.

What it is: what to do with each of the historian's three answers. ``RetryLater``: the same frames again, after a wait
that doubles, jitters and never undercuts what the store asked for. ``PartialWrite``: the named frames are refused.
``Refused``: halve, to find the frames that the store will never take; one bad frame among n costs about 2·log2(n)
more writes.
What it is not: a clock or a source of randomness; both are handed in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from contract import PartialWrite, Refused, RetryLater
from historian.base import Frame, Historian

FIRST_WAIT_S: Final = 0.25
LONGEST_WAIT_S: Final = 8.0
"""So that the first message is stored within ten seconds of the end of an outage, however long that was."""


def backoff_s(attempt: int, jitter: float, asked_s: float | None = None, most_s: float = LONGEST_WAIT_S) -> float:
    """How long to wait before the next attempt.

    Args:
        attempt: how many have failed so far, from 1.
        jitter: a draw from [0, 1); it spreads the wait over its upper half, so that many clients do not come at once.
        asked_s: the least that the other side asked for.
        most_s: the longest wait.

    >>> backoff_s(1, 0.0), backoff_s(3, 0.5), backoff_s(99, 0.0), backoff_s(1, 0.0, asked_s=3.0)
    (0.125, 0.75, 4.0, 3.0)
    """
    longest = min(most_s, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 30))
    return max(longest * (0.5 + 0.5 * jitter), asked_s or 0.0)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes frames into a store, with patience.

    ``sleep`` waits that many seconds, ``jitter`` draws from [0, 1), ``on_retry`` hears of every answer that means
    "later". ``nap``, where it is given, is waited in instead where the store did not ask for a time: whoever knows that
    the store is back may end it early.
    """

    store: Historian
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    on_retry: Callable[[RetryLater], None]
    nap: Callable[[float], Awaitable[None]] | None = None

    async def write(self, frames: Sequence[Frame]) -> dict[int, str]:
        """Store every frame that the store takes; returns index -> reason for each one that it refuses."""
        rejected: dict[int, str] = {}
        ranges = [(0, len(frames))]
        while ranges:
            first, end = ranges.pop()
            if first == end:
                continue
            try:
                await self._patiently(frames[first:end])
            except PartialWrite as error:
                rejected |= {first + index: reason for index, reason in error.rejected}
            except Refused as error:
                if end - first == 1:
                    rejected[first] = str(error)
                else:
                    middle = (first + end) // 2
                    ranges += [(middle, end), (first, middle)]
        return rejected

    async def _patiently(self, frames: Sequence[Frame]) -> None:
        attempt = 0
        while True:
            try:
                await self.store.write(frames)
            except RetryLater as error:
                attempt += 1
                self.on_retry(error)
                rest = self.sleep if self.nap is None or error.after_s is not None else self.nap
                await rest(backoff_s(attempt, self.jitter(), error.after_s))
            else:
                return
