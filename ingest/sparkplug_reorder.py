"""The reordering window of one edge node: messages in the order of their numbers, whatever order they came in.

What it is: Sparkplug 3.0, 5.9, as a pure value. The number of a message (0 to 255, then 0 again) says where it belongs;
one that comes too early waits, and when what is missing has not come in time, the waiting ends and the number of what
is missing is told. Nothing is ever dropped here.
What it is not: a clock (times come in as arguments), nor the judge of what a gap means (``sparkplug_host.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

CYCLE: Final = 256
HALF: Final = 128

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Held(Generic[Item]):
    """A message that waits."""

    seq: int
    sent_ms: int
    arrived_ms: int
    item: Item


@dataclass(frozen=True, slots=True)
class Release(Generic[Item]):
    """Messages that may go on, in order; ``missing`` numbers were given up, ``reordered`` messages had waited."""

    items: tuple[Item, ...] = ()
    missing: int = 0
    reordered: int = 0
    late: bool = False


class Window(Generic[Item]):
    """One node's messages.

    Args:
        wait_ms: how long a message may wait for those before it.
        limit: how many may wait; with one more the oldest gap is given up.

    Attributes:
        expected: the next number; None while no birth is known, when everything waits.
        start_ms: the sender's time of the birth that began the session.
    """

    def __init__(self, wait_ms: int, limit: int) -> None:
        self.expected: int | None = None
        self.start_ms = 0
        self._begun_ms: int | None = None
        self._newest_ms = 0
        self._wait_ms = wait_ms
        self._limit = min(limit, HALF - 1)
        self._held: dict[int, Held[Item]] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def due_ms(self) -> int | None:
        """When the waiting ends; None: nothing waits."""
        first = min((held.arrived_ms for held in self._held.values()), default=None)
        return None if first is None else first + self._wait_ms

    def take(self, seq: int, sent_ms: int, now_ms: int, item: Item) -> Release[Item]:
        """A message came.

        Args:
            seq: its number, 0 to 255.
            sent_ms: the sender's time of it.
            now_ms: the host's time.
            item: the message.
        """
        if self.expected is not None:
            if seq == self.expected and not self._of_the_last_session(sent_ms, now_ms):
                self._advance(seq, sent_ms)
                released = self._drain()
                return Release((item, *released), reordered=len(released))
            # 128 numbers back or 128 on? Of a late one the sender's time says so; a gap may be that long.
            behind = (seq - self.expected) % CYCLE >= HALF and sent_ms <= self._newest_ms
            if behind or seq in self._held or self._of_the_last_session(sent_ms, now_ms):
                return Release((item,), late=True)
        elif seq in self._held:
            return Release((item,), late=True)
        self._held[seq] = Held(seq, sent_ms, now_ms, item)
        return self._give_up() if len(self._held) > self._limit else Release()

    def restart(self, seq: int, sent_ms: int, now_ms: int) -> tuple[Release[Item], Release[Item]]:
        """A birth of the node came, with this number.

        Returns:
            What goes on before the birth, and what goes on after it: messages that had overtaken it.
        """
        newer = {held.seq: held for held in self._held.values() if held.sent_ms >= sent_ms}
        self._held = {held.seq: held for held in self._held.values() if held.sent_ms < sent_ms}
        before = self.flush()
        self._held = newer
        self.start_ms, self._begun_ms, self._newest_ms = sent_ms, now_ms, sent_ms
        self.expected = (seq + 1) % CYCLE
        after = self._drain()
        return before, Release(after, reordered=len(after))

    def due(self, now_ms: int) -> Release[Item]:
        """End the waiting of those whose time is up; the others go on waiting."""
        done: list[Item] = []
        missing = reordered = 0
        while (due_ms := self.due_ms) is not None and not due_ms - self._wait_ms <= now_ms < due_ms:
            release = self._give_up()
            done += release.items
            missing += release.missing
            reordered += release.reordered
        return Release(tuple(done), missing, reordered)

    def flush(self) -> Release[Item]:
        """End all waiting."""
        newest_ms = max((held.arrived_ms for held in self._held.values()), default=0)
        return self.due(newest_ms + self._wait_ms)

    def forget(self) -> None:
        """The node's next number is not known any more (its death, or the loss of our own connection)."""
        self.expected = None

    def _give_up(self) -> Release[Item]:
        """Skip to the nearest message that waits, and let go what follows it without a gap."""
        if (
            self.expected is None
        ):  # nothing is known: begin with the first of what waits, which may stand before the wrap
            first = min(self._held)
            self.expected = min(self._held, key=lambda seq: (seq - first + HALF) % CYCLE)
        expected = self.expected
        nearest = min(self._held, key=lambda seq: (seq - expected) % CYCLE)
        self.expected = nearest
        released = self._drain()
        return Release(released, (nearest - expected) % CYCLE, len(released))

    def _drain(self) -> tuple[Item, ...]:
        released: list[Item] = []
        while self.expected is not None and self.expected in self._held:
            held = self._held.pop(self.expected)
            self._advance(held.seq, held.sent_ms)
            released.append(held.item)
        return tuple(released)

    def _advance(self, seq: int, sent_ms: int) -> None:
        self.expected = (seq + 1) % CYCLE
        self._newest_ms = max(self._newest_ms, sent_ms)

    def _of_the_last_session(self, sent_ms: int, now_ms: int) -> bool:
        """Sent before the birth, come after it. A sender's clock may go back; so only shortly after the birth."""
        return sent_ms < self.start_ms and self._begun_ms is not None and now_ms <= self._begun_ms + self._wait_ms
