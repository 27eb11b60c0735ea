"""The load of the fault-injection suite and its ledger: what was attempted, and what the broker acknowledged.

What it is: an endless, seeded stream of messages, a publisher that sends it at a given rate and sends again what was
not acknowledged when its connection broke, and the ledger of both, in memory or, as ``python load.py PORT SEED BOOT
EPOCH RATE FILE``, in a process of its own that may be killed and writes the ledger to a file.
What it is not: an edge buffer: what a broker acknowledged and then lost is not sent again here.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ingest_plant import SECOND_NS, START_NS, Name, Points, Said
from packets import Refusal, Speaker, publish

from contract import (
    Address,
    Birth,
    Cycle,
    CycleRow,
    Message,
    Meter,
    MeterRow,
    Mode,
    PackMLState,
    Reason,
    Sensor,
    State,
    StateRow,
    Telemetry,
    encode,
)

KINDS = ("birth", "telemetry", "state", "cycle", "meter")
MACHINES = 6
RATE = 500.0
_TICK_S = 0.02
_EDGES = (-0.0, 5e-324, 1.7976931348623157e308, 0.1, -1e-300, 20.0)
"""Values that an inexact way through would change."""


def addresses(machines: int = MACHINES, line: str = "line-1") -> list[Address]:
    """The machines of the load."""
    return [Address("acme", "plant-1", "production", line, f"press-{n}") for n in range(1, machines + 1)]


def stream(
    seed: int, boot: str = "00c0ffee", epoch: int = 0, machines: int = MACHINES, line: str = "line-1"
) -> Iterator[Said]:
    """Messages without end; ``epoch`` counts days that lie between two streams of the same machines."""
    draw = random.Random(f"{seed} {boot}")
    who = addresses(machines, line)
    seqs = dict.fromkeys(who, 0)
    clocks = dict.fromkeys(who, START_NS + epoch * 86_400 * SECOND_NS)
    while True:
        address = draw.choice(who)
        seqs[address] += 1
        times = [clocks[address] + (n + 1) * SECOND_NS for n in range(draw.randint(1, 4))]
        clocks[address] = times[-1]
        message = _message(draw, boot, seqs[address], times)
        kind = type(message).__name__.lower()
        yield Said(address, kind, message, encode(message))


def _message(draw: random.Random, boot: str, seq: int, times: list[int]) -> Message:
    kind = draw.choices(["telemetry", "meter", "state", "cycle"], [6, 2, 1, 1])[0]
    if seq == 1:
        sensors = {name: Sensor(unit="1") for name in ("force_kn", "oil_temp_c")}
        return Birth(boot=boot, seq=1, t=times[0], role="machine", model="press", version="1", sensors=sensors,
                     counters={"energy_wh": "Wh"})  # fmt: skip
    if kind == "telemetry":
        values = {name: [_value(draw) for _ in times] for name in ("force_kn", "oil_temp_c")}
        return Telemetry(boot=boot, seq=seq, t=times, values=values)
    if kind == "meter":
        rows = [MeterRow(t=t, counters={"energy_wh": draw.randint(0, 2**53 - 1)}) for t in times]
        return Meter(boot=boot, seq=seq, rows=rows)
    if kind == "state":
        states = [StateRow(t=t, state=PackMLState.EXECUTE, reason=Reason.RUNNING, mode=Mode.PRODUCTION) for t in times]
        return State(boot=boot, seq=seq, rows=states)
    done = {"order": f"o-{seq}", "product": "drum", "variant": 'wh"i\\te ,=', "scrap": 0, "rework": 0}
    cycles = [
        CycleRow(t=t, good=draw.randint(0, 9), ideal_ns=SECOND_NS, actual_ns=draw.randint(1, 9) * SECOND_NS, **done)
        for t in times
    ]
    return Cycle(boot=boot, seq=seq, rows=cycles)


def _value(draw: random.Random) -> float:
    return draw.choice(_EDGES) if draw.random() < 0.05 else draw.uniform(-1e3, 1e3)


@dataclass
class Ledger:
    """What was tried, what the broker acknowledged, and how many of those it gave to nobody."""

    attempted: dict[Name, Said] = field(default_factory=dict)
    acked: set[Name] = field(default_factory=set)
    unmatched: int = 0

    def points(self, names: Iterable[Name]) -> Points:
        """The points that these messages must have left."""
        points: Points = {}
        for name in names:
            points |= self.attempted[name].points
        return points

    def add(self, other: Ledger) -> None:
        """Take over another ledger."""
        self.attempted |= other.attempted
        self.acked |= other.acked


class Load:
    """Publishes a stream at a rate. A connection that breaks is made again, and what it left unacknowledged sent again.

    ``copies`` sends each message so many times at once, every second copy with DUP set; ``window`` bounds what may be
    unacknowledged.
    """

    def __init__(
        self,
        port: int,
        said: Iterable[Said],
        ledger: Ledger,
        *,
        rate: float = RATE,
        window: int = 2000,
        copies: int = 1,
        client_id: str = "load",
    ) -> None:
        self.connections = 0
        self._port = port
        self._said = iter(said)
        self._ledger = ledger
        self._rate = rate
        self._window = window
        self._copies = copies
        self._client_id = client_id
        self._next = 0
        self._pending: dict[int, Said] = {}
        self._speaker: Speaker | None = None

    @property
    def unacknowledged(self) -> int:
        """How many were sent and not acknowledged yet."""
        return len(self._pending)

    async def run(self, stop: asyncio.Event, count: int | None = None) -> None:
        """Until ``stop`` is set, or ``count`` messages are sent; and then until all are acknowledged (20 s at most)."""
        left = count if count is not None else 1 << 62
        began, sent = time.monotonic(), 0
        while left and not stop.is_set():
            due = min(left, int((time.monotonic() - began) * self._rate) - sent, self._window - len(self._pending))
            if due <= 0:
                await asyncio.sleep(_TICK_S / 2)
                continue
            fresh = list(islice(self._said, due))
            if not fresh:
                break
            sent += due
            left -= due
            await self._send(fresh, stop)
        until = time.monotonic() + 20.0
        while self._pending and time.monotonic() < until:
            await self._send([], asyncio.Event())
            await asyncio.sleep(_TICK_S)
        await self.close()

    async def close(self) -> None:
        """Let go of the connection."""
        if self._speaker is not None:
            await self._speaker.close()
            self._speaker = None

    def cut(self) -> None:
        """Let the connection break, as a crash would."""
        if self._speaker is not None:
            self._speaker.abort()

    async def _send(self, fresh: list[Said], stop: asyncio.Event) -> None:
        numbered = []
        for one in fresh:
            self._ledger.attempted[one.name] = one
            numbered += [(self._number(one), one, copy % 2 == 1) for copy in range(self._copies)]
        while not stop.is_set():
            try:
                speaker = await self._connected()
                await speaker.send(
                    b"".join(publish(one.topic.encode(), one.payload, number, dup=dup) for number, one, dup in numbered)
                )
            except Refusal:
                numbered = []  # they are pending, and sent again with the rest
                await asyncio.sleep(0.1)
            else:
                return

    def _number(self, one: Said) -> int:
        while True:
            self._next = self._next % 65_535 + 1
            if self._next not in self._pending:
                self._pending[self._next] = one
                return self._next

    async def _connected(self) -> Speaker:
        if self._speaker is not None and not self._speaker.lost.is_set():
            return self._speaker
        speaker = Speaker(self._port, self._client_id, self._acked)
        await speaker.open()
        self._speaker = speaker
        self.connections += 1
        again = b"".join(publish(one.topic.encode(), one.payload, n) for n, one in self._pending.items())
        if again and self.connections > 1:
            await speaker.send(again)
        return speaker

    def _acked(self, number: int, code: int) -> None:
        one = self._pending.pop(number, None)
        if one is not None and code < 0x80:
            self._ledger.acked.add(one.name)
            self._ledger.unmatched += code == 0x10


class FileLedger(Ledger):
    """A ledger that survives the death of its process: one line per fact, in the kernel's hands at once."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.attempted = _Told(self._file)
        self.acked = _ToldSet(self._file)


class _Told(dict[Name, Said]):
    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file

    def __setitem__(self, name: Name, one: Said) -> None:
        os.write(self._file, b"attempted\n")  # in the order of the stream: the count is enough


class _ToldSet(set[Name]):
    def __init__(self, file: int) -> None:
        super().__init__()
        self._file = file

    def add(self, name: Name) -> None:
        os.write(self._file, f"{name[0]}|{name[1]}|{name[2]}|{name[3]}\n".encode())


def read_ledger(path: Path, said: Iterator[Said]) -> Ledger:
    """The ledger that a process left, and the messages out of the same stream."""
    lines = path.read_text().splitlines() if path.exists() else []
    ledger = Ledger()
    for one in islice(said, lines.count("attempted")):
        ledger.attempted[one.name] = one
    for line in lines:
        if line != "attempted" and line.count("|") == 3:
            path_, kind, boot, seq = line.split("|")
            ledger.acked.add((path_, kind, boot, int(seq)))
    return ledger


def main(port: int, seed: int, boot: str, epoch: int, rate: float, file: Path) -> None:
    """Publish until killed."""
    load = Load(port, stream(seed, boot, epoch), FileLedger(file), rate=rate, client_id=f"load-{boot}")
    asyncio.run(load.run(asyncio.Event()))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]), Path(sys.argv[6]))
