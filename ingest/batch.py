"""From messages to batches: check, count, collect, settle.

What it is: the ingester's core as values and plain functions. It decodes what comes in, keeps it in order of receipt,
says when a batch is due, and after the write says which messages are dead letters. Its counters obey a conservation
law, exact at every moment: ``received = written + duplicate + dead_lettered + buffered``.
What it is not: a loop. Time comes in as an argument; the broker, the store and the disk are in ``run.py``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

from contract import Address, ContractError, decode
from historian.base import Frame
from ingest.frames import frames

_of_topic = lru_cache(maxsize=4096)(Address.of_topic)  # a topic comes with every message; checking it is dear

SEEN_LIMIT: Final = 65_536
"""How many message names are remembered; a message that comes again after more than that is counted as written."""

Name = tuple[Address, str, str, int]


class Delivery(Protocol):
    """One message as the broker handed it over, with the way to acknowledge it."""

    @property
    def topic(self) -> str:
        """The topic, with bytes that are no text escaped."""

    @property
    def payload(self) -> bytes:
        """The payload."""

    @property
    def received_ns(self) -> int:
        """When it came, ns UTC."""

    def acknowledge(self) -> None:
        """Tell the broker that this message is durable; nothing happens when its connection is gone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is due.

    A batch is due at ``rows`` rows or ``size`` bytes; when its first message has waited ``wait_s``; or when it holds
    ``quiet_messages`` and nothing has come for ``quiet_s``: then the broker has sent all that its window allows, and
    waiting longer would only wait for our own acknowledgements.
    """

    rows: int
    size: int
    wait_s: float
    quiet_s: float = 0.005
    quiet_messages: int = 20


@dataclass(frozen=True, slots=True)
class Counters:
    """What became of the messages since the start."""

    received: int = 0
    written: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    buffered: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One message on its way: its points, or the reason why it has none."""

    delivery: Delivery
    frames: tuple[Frame, ...]
    rows: int
    duplicate: bool = False
    refusal: ContractError | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages in order of receipt. ``owners[i]`` is the index of the entry that frame ``i`` belongs to."""

    entries: tuple[Entry, ...]
    frames: tuple[Frame, ...]
    owners: tuple[int, ...]

    def dead(self, rejected: Mapping[int, str]) -> dict[int, tuple[str, str]]:
        """The dead letters of this batch: index of the entry -> ``(reason, detail)``.

        Args:
            rejected: index of each frame that the store refused -> its reason.
        """
        dead: dict[int, tuple[str, str]] = {
            index: (entry.refusal.reason, entry.refusal.detail)
            for index, entry in enumerate(self.entries)
            if entry.refusal is not None
        }
        for frame, detail in sorted(rejected.items()):
            dead.setdefault(self.owners[frame], ("store-refused", detail))
        return dead


class Batcher:
    """Collects messages into batches, in order, and counts them."""

    def __init__(self, limits: Limits, seen_limit: int = SEEN_LIMIT) -> None:
        self._limits = limits
        self._seen_limit = seen_limit
        self._seen: OrderedDict[Name, None] = OrderedDict()
        self._waiting: list[Entry] = []
        self._rows = 0
        self._size = 0
        self._first_s = 0.0
        self._newest_s = 0.0
        self._received = self._written = self._duplicate = self._dead_lettered = self._buffered = 0

    @property
    def counters(self) -> Counters:
        """What became of the messages so far."""
        return Counters(
            received=self._received,
            written=self._written,
            duplicate=self._duplicate,
            dead_lettered=self._dead_lettered,
            buffered=self._buffered,
        )

    @property
    def full(self) -> bool:
        """Whether what waits fills a batch."""
        return self._rows >= self._limits.rows or self._size >= self._limits.size

    @property
    def buffered(self) -> int:
        """How many messages are neither stored nor dead letters yet."""
        return self._buffered

    def add(self, delivery: Delivery, now_s: float) -> bool:
        """Take a message in: decode it, turn it into points, remember its name.

        Returns:
            Whether a batch may be due earlier than before, so that who sleeps on ``due_in_s`` should ask again.
        """
        entry = self._entry(delivery)
        if not self._waiting:
            self._first_s = now_s
        self._newest_s = now_s
        self._waiting.append(entry)
        self._rows += entry.rows
        self._size += len(delivery.payload)
        self._received += 1
        self._buffered += 1
        return len(self._waiting) in (1, self._limits.quiet_messages) or self.full

    def due_in_s(self, now_s: float) -> float | None:
        """Seconds until a batch is due, 0 when it is due now, None when nothing waits."""
        if not self._waiting:
            return None
        limits = self._limits
        if self.full:
            return 0.0
        due_s = self._first_s + limits.wait_s
        if len(self._waiting) >= limits.quiet_messages:
            due_s = min(due_s, self._newest_s + limits.quiet_s)
        return max(0.0, due_s - now_s)

    def take(self) -> Batch:
        """The messages that wait, as far as one batch holds them (at least one), in order of receipt."""
        count = rows = size = 0
        for entry in self._waiting:
            if count and (rows >= self._limits.rows or size >= self._limits.size):
                break
            count, rows, size = count + 1, rows + entry.rows, size + len(entry.delivery.payload)
        entries = tuple(self._waiting[:count])
        del self._waiting[:count]
        self._rows -= rows
        self._size -= size
        owners = tuple(index for index, entry in enumerate(entries) for _ in entry.frames)
        return Batch(entries, tuple(frame for entry in entries for frame in entry.frames), owners)

    def settle(self, batch: Batch, dead: Container[int]) -> None:
        """Count a batch that is durable; ``dead`` holds the indices of the entries that became dead letters."""
        for index, entry in enumerate(batch.entries):
            if index in dead:
                self._dead_lettered += 1
            elif entry.duplicate:
                self._duplicate += 1
            else:
                self._written += 1
        self._buffered -= len(batch.entries)

    def _entry(self, delivery: Delivery) -> Entry:
        try:
            address, kind = _of_topic(delivery.topic)
            message = decode(kind, delivery.payload)
            points = tuple(frames(address, kind, message, delivery.payload, delivery.received_ns))
        except ContractError as refusal:
            return Entry(delivery, (), 1, refusal=refusal)
        except Exception as error:  # a bug of ours must not come back with every redelivery for good
            return Entry(delivery, (), 1, refusal=ContractError("internal-error", repr(error)[:300]))
        duplicate = self._was_seen((address, kind, message.boot, message.seq))
        return Entry(delivery, points, sum(len(frame.time_ns) for frame in points), duplicate)

    def _was_seen(self, name: Name) -> bool:
        if name in self._seen:
            self._seen.move_to_end(name)
            return True
        self._seen[name] = None
        if len(self._seen) > self._seen_limit:
            self._seen.popitem(last=False)
        return False
