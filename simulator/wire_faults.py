"""Faults of communication: what happens to messages between their making and their sending.

What it is: pure, a queue for each address over plant time. Without a fault everything passes at once, as it is. What is
held back is let go in order; nothing is lost but by ``drop_telemetry``, and what was dropped is told. It stands before
the ledger's promise, which knows what is to be sent and nothing else.
What it is not: a broken link; that is the publisher's business.

The caller runs from one change of the plan to the next (``FaultPlan.next_change``): all messages of one call were said
in a stretch of time in which the same faults lasted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import msgspec

from contract import Birth, Death, Message, Telemetry, decode, encode
from simulator import chance
from simulator.durations import SECOND_NS
from simulator.fault_plan import FaultPlan, Planned
from simulator.outgoing import Outgoing

LIFE: Final = frozenset({"birth", "death"})
"""Kinds that frame all others: they are neither doubled nor swapped."""
_LAST_NS: Final = 2**63 - 1
_ODD_NS: Final = 99_999


class Dropped(NamedTuple):
    """A message that was never sent: by which fault, whose, of which kind, its number, and how many rows it had."""

    fault: str
    path: str
    kind: str
    seq: int
    rows: int


@dataclass(slots=True)
class _Held:
    """A message in its queue; ``rank`` is its place among all that were said."""

    item: Outgoing
    rank: int
    due_ns: int
    copies: int
    swapped: bool


class WireFaults:
    """The communication faults of a plan, and what they hold back."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._queues: dict[str, deque[_Held]] = {}
        self._late: dict[str, _Held] = {}
        self._rank = 0
        self._dropped: list[Dropped] = []

    @property
    def held(self) -> int:
        """How many messages are held back."""
        return sum(map(len, self._queues.values())) + len(self._late)

    def apply(self, items: Sequence[Outgoing], now_ns: int) -> list[Outgoing]:
        """What is to be sent now, out of what was said in a stretch and what was held back before.

        Args:
            items: said since the last call, in order.
            now_ns: the end of the stretch, which is not part of it; it must not fall from call to call.
        """
        faults = [one for one in self._plan.at(now_ns - 1) if one.fault.of.group == "communication"]
        if not faults and not self._queues and not self._late:
            return list(items)
        hit: dict[str, list[Planned]] = {}
        for item in items:
            path = item.address.path
            if path not in hit:
                hit[path] = [one for one in faults if one.hits(path)]
            self._take(item, path, hit[path], now_ns)
        let_go = [ranked for path in self._waiting() for ranked in self._leaving(path, faults, now_ns)]
        return [item for _, item in sorted(let_go, key=lambda ranked: ranked[0])]

    def flush(self) -> list[Outgoing]:
        """Everything that is still held back: at the end of the run nothing is lost."""
        let_go = [ranked for path in self._waiting() for ranked in self._all_of(path)]
        return [item for _, item in sorted(let_go, key=lambda ranked: ranked[0])]

    def take_dropped(self) -> list[Dropped]:
        """What was dropped since this was last asked."""
        dropped, self._dropped = self._dropped, []
        return dropped

    def _waiting(self) -> list[str]:
        return list(dict.fromkeys([*self._queues, *self._late]))

    def _take(self, item: Outgoing, path: str, faults: list[Planned], now_ns: int) -> None:
        """Put a message into its address' queue, which is let go from its head only: nobody overtakes."""
        self._rank += 1
        queue = self._queues.setdefault(path, deque())
        held = _Held(item, self._rank, now_ns, 1, swapped=False)
        skewed_ns = 0
        for one in faults:
            kind = one.fault.kind
            if kind == "clock_skew":
                skewed_ns += _skew_ns(one)
            elif kind == "delay":
                held.due_ns = max(held.due_ns, now_ns + round((one.fault.size or 0.0) * SECOND_NS))
            elif kind == "drop_telemetry":
                if item.kind == "telemetry" and _chosen(one, item):
                    self._dropped.append(Dropped(one.id, path, item.kind, item.seq, item.rows))
                    return
            elif kind in ("duplicate", "reorder") and item.kind not in LIFE and _chosen(one, item):
                held.copies += kind == "duplicate"
                held.swapped |= kind == "reorder"
        if skewed_ns:
            held.item = _shifted(item, skewed_ns)
        queue.append(held)

    def _leaving(self, path: str, faults: list[Planned], now_ns: int) -> Iterator[tuple[float, Outgoing]]:
        """What of an address may go now, with its place among all."""
        lasting = {one.fault.kind for one in faults if one.hits(path)}
        if "outage" in lasting:
            return
        if "reorder" not in lasting:
            yield from self._straggler(path)
        queue = self._queues.get(path, deque())
        while queue and queue[0].due_ns <= now_ns:
            yield from self._passing(path, queue.popleft(), swap="reorder" in lasting)
        if not queue:
            self._queues.pop(path, None)

    def _all_of(self, path: str) -> Iterator[tuple[float, Outgoing]]:
        for held in self._queues.pop(path, deque()):
            yield from self._passing(path, held, swap=False)
        yield from self._straggler(path)

    def _passing(self, path: str, held: _Held, *, swap: bool) -> Iterator[tuple[float, Outgoing]]:
        """A message goes, unless it waits for the next one of its address to go first."""
        before = self._late.pop(path, None)
        if held.item.kind in LIFE and before is not None:
            yield from _said(before, before.rank)
            before = None
        if swap and held.swapped and before is None:
            self._late[path] = held
            return
        yield from _said(held, held.rank)
        if before is not None:
            yield from _said(before, held.rank + 0.5)

    def _straggler(self, path: str) -> Iterator[tuple[float, Outgoing]]:
        """The message that waits for the next one, of which there is none."""
        before = self._late.pop(path, None)
        if before is not None:
            yield from _said(before, before.rank)


def _skew_ns(one: Planned) -> int:
    """A skew is never a whole number of milliseconds: up to 0.1 ms is added.

    When a clock is set, its times step back over times already said. Samples stand on a grid of whole seconds; a skew
    of whole seconds would say the same nanosecond twice, and a historian would keep one of the two points.
    """
    return round((one.fault.size or 0.0) * SECOND_NS) + 1 + chance.bits(one.stream, 0) % _ODD_NS


def _chosen(one: Planned, item: Outgoing) -> bool:
    """Whether a fault that hits a share of the messages hits this one; no other message has a say in it."""
    share = one.fault.size or 0.0
    return share >= 1.0 or chance.uniform(chance.key(one.stream, item.address.path), item.seq) < share


def _said(held: _Held, rank: float) -> Iterator[tuple[float, Outgoing]]:
    for _ in range(held.copies):
        yield rank, held.item


def _shifted(item: Outgoing, by_ns: int) -> Outgoing:
    """The same message with all event times shifted; dates that were agreed (due, promised) stay."""
    message: Message = decode(item.kind, item.payload)
    times = [min(max(0, t + by_ns), _LAST_NS) for t in message.times]
    if len(set(times)) < len(times) or not times:  # at the very edge of time, or a death without one
        return item
    if isinstance(message, Telemetry):
        message = msgspec.structs.replace(message, t=times)
    elif isinstance(message, Birth | Death):
        message = msgspec.structs.replace(message, t=times[0])
    else:
        rows = getattr(message, "rows", [])
        moved = [msgspec.structs.replace(row, t=t) for row, t in zip(rows, times, strict=True)]
        message = msgspec.structs.replace(message, **{"rows": moved})
    return replace(item, payload=encode(message))
