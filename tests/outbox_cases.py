"""Messages for tests of the edge buffer: any number of them, from a few addresses, of known sizes.

What it is: shared by the tests of the buffer, of its damage and of the publisher.
What it is not: a test.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from contract import Address
from simulator.outbox import Outbox
from simulator.outgoing import Outgoing

BOOT = "00ff00ff"
ADDRESSES = [Address("acme", "plant-1", "production", "line-1", f"press-{n}") for n in range(3)]
EVERYTHING = [(1, 2**53 - 1)]


class Speakers:
    """Each address counts its own ``seq``; the payload of a message is unlike every other's."""

    def __init__(self, boot: str = BOOT) -> None:
        self.boot = boot
        self._seqs = dict.fromkeys(ADDRESSES, 0)
        self._said = 0

    def say(self, sizes: Iterable[int]) -> list[Outgoing]:
        items = []
        for size in sizes:
            address = ADDRESSES[self._said % len(ADDRESSES)]
            self._said += 1
            self._seqs[address] += 1
            body = b"%06d" % self._said * (size // 6 + 1)
            kind = "birth" if self._seqs[address] == 1 else "telemetry"
            items.append(
                Outgoing(
                    address, kind, body[:size], kind == "birth", self._seqs[address], 1, self.boot, "x" * (size % 3)
                )
            )
        return items


def sent(item: Outgoing) -> tuple[object, ...]:
    """What of a message goes over the wire, and its name."""
    return (item.topic, item.payload, item.retain, item.content_type, item.boot, item.seq)


def kept(outbox: Outbox, boots: Sequence[str] = (BOOT,)) -> set[tuple[object, ...]]:
    """Everything that can be found in a buffer."""
    return {
        sent(item)
        for boot in boots
        for address in ADDRESSES
        for chunk in outbox.find(address.path, boot, EVERYTHING)
        for item in chunk
    }


def waiting(outbox: Outbox) -> list[tuple[object, ...]]:
    """Everything that is not acknowledged, in order; it is acknowledged by this."""
    items = []
    while outbox.waiting:
        batch = outbox.pending()
        items += [sent(item) for item in batch.items]
        outbox.acked(batch.last)
    return items


def snapshot(path: Path, to: Path) -> Path:
    """The files as a process that is killed now leaves them."""
    for suffix in ("", "-wal"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            shutil.copyfile(file, to.with_name(to.name + suffix))
    return to
