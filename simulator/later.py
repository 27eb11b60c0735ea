"""What will be said later: rows that wait for their time, and the messages that they become.

What it is: a queue in the order of the times; who came first goes first among equals. No two rows of one kind and one
address share a time: the later one moves by 1 ns. Where time is cut changes no row: one that would move beyond the cut
waits for the next stretch.
What it is not: aware of what a row means (``commerce.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

import msgspec

from contract import Address, DeliveryRow, Message, OrderRow, ReturnRow, ShipmentRow
from simulator.outgoing import Outgoing

BATCH_ROWS: Final = 500

Row = OrderRow | DeliveryRow | ReturnRow | ShipmentRow


@dataclass(slots=True)
class Stream:
    """The rows of one kind at one address.

    Attributes:
        address: who speaks.
        message: the kind: the class of its messages.
        batch_rows: at most so many rows go into a message.
        last_ns: the last time that is taken.
        rows: what is due and not yet said.
    """

    address: Address
    message: Callable[..., Message]
    batch_rows: int = BATCH_ROWS
    last_ns: int = -1
    rows: list[Row] = field(default_factory=list)


# When, its number in the order of coming, where, what, and the detail: a plain tuple is what a heap compares fastest.
_Waiting = tuple[int, int, Stream, Row, int]


class Later:
    """The queue of some streams."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self._streams = tuple(streams)
        self._new: list[_Waiting] = []
        self._queue: list[_Waiting] = []  # a heap: what was to wait longer than the stretch in which it came
        self._queued = 0

    def wait(self, stream: Stream, row: Row, detail: int = 0) -> None:
        """Let a row wait for its own time, which must not lie before what was taken; ``detail`` comes back with it."""
        self._queued += 1
        self._new.append((row.t, self._queued, stream, row, detail))

    def take(self, until_ns: int) -> Iterator[tuple[Row, int]]:
        """Everything due before ``until_ns`` as it will be said, with its detail; ``messages`` says it."""
        due = []
        for waiting in self._new:
            if waiting[0] < until_ns:
                due.append(waiting)
            else:
                heappush(self._queue, waiting)
        while self._queue and self._queue[0][0] < until_ns:
            due.append(heappop(self._queue))
        due.sort()
        self._new = []
        for waiting in due:
            planned_ns, _, stream, row, detail = waiting
            t_ns = max(planned_ns, stream.last_ns + 1)
            if t_ns >= until_ns:
                heappush(self._queue, waiting)
                continue
            stream.last_ns = t_ns
            row = row if planned_ns == t_ns else msgspec.structs.replace(row, t=t_ns)
            stream.rows.append(row)
            yield row, detail

    def drop(self) -> None:
        """Forget what is due and not yet said."""
        for stream in self._streams:
            stream.rows.clear()

    def messages(self, boot: str, next_seq: Callable[[Address], int]) -> list[Outgoing]:
        """Say what was taken, in the order of the first times of the messages."""
        batches: list[tuple[Stream, list[Row]]] = []
        for stream in self._streams:
            rows, stream.rows = stream.rows, []
            batches += [(stream, rows[at : at + stream.batch_rows]) for at in range(0, len(rows), stream.batch_rows)]
        batches.sort(key=lambda batch: batch[1][0].t)
        return [Outgoing.of(s.address, s.message(boot=boot, seq=next_seq(s.address), rows=rows)) for s, rows in batches]
