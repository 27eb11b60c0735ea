"""From messages to batches: collect, check, count, settle.

What it is: the ingester's core as values and plain functions. It keeps what comes in in order of receipt, says when a
batch is due, reads it, and after the write says which messages are dead letters. Its counters obey a conservation law,
exact at every moment: ``received = written + duplicate + dead_lettered + buffered``.
What it is not: a loop. Time comes in as an argument; the broker, the store and the disk are in ``carrier.py``. What a
payload means is in ``formats.py``, and who may come in twice or not at all in ``admission.py``.

A message is read when its batch is taken, not when it comes: what waits is a few bytes, and reading may go on in
another thread while the loop listens.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from contract import Address, ContractError, Message
from historian.base import Frame
from ingest.frames import Points, part
from ingest.lag import Line

INTERNAL: Final = "internal-error"
REFUSED: Final = "store-refused"


class Delivery(Protocol):
    """One message as the broker handed it over, with the way to acknowledge it."""

    @property
    def topic(self) -> str:
        """The topic, with bytes that are no text escaped."""

    @property
    def payload(self) -> bytes:
        """The payload."""

    @property
    def content_type(self) -> str:
        """What the publisher says about the payload (MQTT 5.0, 3.3.2.3.9); empty when it says nothing."""

    @property
    def received_ns(self) -> int:
        """When it came, ns UTC."""

    def acknowledge(self) -> None:
        """Tell the broker that this message is durable; nothing happens when its connection is gone."""


class Said(NamedTuple):
    """One message of the contract, understood.

    ``payload`` is its JSON. ``counted`` says that ``seq`` counts its publisher's messages without a gap, and
    ``last_seq`` that this number has been given to a message before this one came; None: nothing is said about it.
    """

    address: Address
    kind: str
    message: Message
    payload: bytes
    counted: bool = True
    last_seq: int | None = None


Understand = Callable[[Delivery], Sequence[Said]]
"""What a delivery says; raises ContractError."""
Admit = Callable[[Said], bool]
"""Whether it has come before (it may); raises ContractError for what may not come in."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a batch is due.

    A batch is due at ``messages`` or ``size`` bytes; when its first message has waited ``wait_s``; or when it holds
    ``quiet_messages`` and nothing has come for ``quiet_s``: then the broker has sent all that its window allows, and
    waiting longer would only wait for our own acknowledgements.
    """

    messages: int
    size: int
    wait_s: float
    quiet_s: float = 0.005
    quiet_messages: int = 20


@dataclass(frozen=True, slots=True)
class Counters:
    """What became of the messages since the start; ``reasons`` says why the dead letters are dead."""

    received: int = 0
    written: int = 0
    duplicate: int = 0
    dead_lettered: int = 0
    buffered: int = 0
    rows: int = 0
    size: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


class Entry(NamedTuple):
    """One message of a batch, or the reason why it has no points."""

    delivery: Delivery
    duplicate: bool = False
    refusal: ContractError | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages in order of receipt, and their points.

    Attributes:
        entries: the messages.
        frames: the points; a frame may hold those of several messages.
        owners: for each frame the indices of its messages, in order.
        counts: for each frame how many rows each of them has.
    """

    entries: Sequence[Entry]
    frames: Sequence[Frame]
    owners: Sequence[Sequence[int]]
    counts: Sequence[Sequence[int]]

    @property
    def rows(self) -> int:
        """How many points it holds."""
        return sum(map(len, self.frames))

    def newest(self) -> Iterator[tuple[Line, int, int]]:
        """Of each series, births left out, the line, the event time of its last row, and when that was received."""
        for frame, owners in zip(self.frames, self.owners, strict=True):
            if frame.measurement != "birth":  # which may be of any age
                enterprise, site, area, line, *_ = frame.tags.values()
                yield (enterprise, site, area, line), frame.time_ns[-1], self.entries[owners[-1]].delivery.received_ns

    def apart(self, frames: Iterable[int]) -> Batch:
        """The same messages, and the points of the given frames alone, each message's for itself.

        A store refuses a frame; this is how the one message in it is found that is to blame.
        """
        points: list[Frame] = []
        owners: list[Sequence[int]] = []
        counts: list[Sequence[int]] = []
        for index in frames:
            first = 0
            for owner, count in zip(self.owners[index], self.counts[index], strict=True):
                points.append(part(self.frames[index], first, count))
                owners.append((owner,))
                counts.append((count,))
                first += count
        return Batch(self.entries, points, owners, counts)

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
            for owner in self.owners[frame]:
                dead.setdefault(owner, (REFUSED, detail))
        return dead


def read(deliveries: Sequence[Delivery], understand: Understand, admit: Admit) -> Batch:
    """Turn deliveries into points, each one or a reason; never raises."""
    entries: list[Entry] = []
    points = Points()
    for index, delivery in enumerate(deliveries):
        duplicate = False
        try:
            for said in understand(delivery):
                duplicate |= admit(said)
                came_ns = delivery.received_ns
                points.add(said.address, said.kind, said.message, said.payload, received_ns=came_ns, owner=index)
            entries.append(Entry(delivery, duplicate))
        except ContractError as refusal:
            entries.append(Entry(delivery, refusal=refusal))
        except Exception as error:  # a bug of ours must not come back with every redelivery for good
            entries.append(Entry(delivery, refusal=ContractError(INTERNAL, repr(error)[:300])))
    frames, owners, counts = [], [], []
    for frame, whose, rows in points.frames():
        frames.append(frame)
        owners.append(whose)
        counts.append(rows)
    return Batch(entries, frames, owners, counts)


class Batcher:
    """Collects messages into batches, in order, and counts them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[Delivery] = deque()
        self._size = 0
        self._first_s = 0.0
        self._newest_s = 0.0
        self._received = self._written = self._duplicate = self._buffered = self._rows = self._bytes = 0
        self._reasons: Counter[str] = Counter()

    @property
    def counters(self) -> Counters:
        """What became of the messages so far."""
        return Counters(
            received=self._received,
            written=self._written,
            duplicate=self._duplicate,
            dead_lettered=self._reasons.total(),
            buffered=self._buffered,
            rows=self._rows,
            size=self._bytes,
            reasons=dict(self._reasons),
        )

    @property
    def full(self) -> bool:
        """Whether what waits fills a batch."""
        return len(self._waiting) >= self._limits.messages or self._size >= self._limits.size

    @property
    def buffered(self) -> int:
        """How many messages are neither stored nor dead letters yet."""
        return self._buffered

    def add(self, delivery: Delivery, now_s: float) -> bool:
        """Take a message in.

        Returns:
            Whether a batch may be due earlier than before, so that who sleeps on ``due_in_s`` should ask again.
        """
        waiting = self._waiting
        if not waiting:
            self._first_s = now_s
        self._newest_s = now_s
        waiting.append(delivery)
        self._size += len(delivery.payload)
        self._received += 1
        self._buffered += 1
        return len(waiting) in (1, self._limits.quiet_messages) or self.full

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

    def take(self) -> list[Delivery]:
        """The messages that wait, as far as one batch holds them (at least one), in order of receipt."""
        taken: list[Delivery] = []
        size = 0
        while self._waiting and len(taken) < self._limits.messages and size < self._limits.size:
            taken.append(self._waiting.popleft())
            size += len(taken[-1].payload)
        self._size -= size
        self._bytes += size
        return taken

    def settle(self, batch: Batch, dead: Mapping[int, tuple[str, str]]) -> None:
        """Count a batch that is durable; ``dead`` holds the entries that became dead letters, with their reasons."""
        for index, entry in enumerate(batch.entries):
            if index in dead:
                self._reasons[dead[index][0]] += 1
            elif entry.duplicate:
                self._duplicate += 1
            else:
                self._written += 1
        self._buffered -= len(batch.entries)
        for owners, counts in zip(batch.owners, batch.counts, strict=True):
            self._rows += sum(count for owner, count in zip(owners, counts, strict=True) if owner not in dead)
