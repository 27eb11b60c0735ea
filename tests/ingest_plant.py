"""What the ingester's tests share: a plant of known messages, a store in memory with faults, and a cable to cut.

What it is: seeded messages with the points that must be stored of them, for any broker and any store.
What it is not: a simulator; the values mean nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import aiomqtt

from contract import (
    LEVELS,
    Address,
    Birth,
    Cycle,
    CycleRow,
    Message,
    Meter,
    MeterRow,
    Mode,
    PackMLState,
    PartialWrite,
    Reason,
    State,
    StateRow,
    Telemetry,
    WriteError,
    encode,
)
from historian.base import Frame, Historian, Query, Table, Value
from ingest import frames

SECOND_NS = 1_000_000_000
START_NS = 1_760_000_000 * SECOND_NS
Name = tuple[str, str, str, int]
Point = tuple[str, tuple[tuple[str, str], ...], int]
Points = dict[Point, dict[str, Value]]


@dataclass(frozen=True)
class Said:
    """One message of the plant, ready to publish."""

    address: Address
    kind: str
    message: Message
    payload: bytes

    @property
    def topic(self) -> str:
        return self.address.topic(self.kind)

    @property
    def name(self) -> Name:
        return (self.address.path, self.kind, self.message.boot, self.message.seq)

    @property
    def points(self) -> Points:
        return points_of(frames(self.address, self.kind, self.message, self.payload, 0))


def plant(seed: int, count: int, machines: int = 6, boot: str = "00c0ffee") -> list[Said]:
    """``count`` messages of several kinds, telemetry mostly; no two rows of a machine fall on the same time."""
    draw = random.Random(seed)
    addresses = [Address("acme", "plant-1", "production", "line-1", f"press-{n}") for n in range(1, machines + 1)]
    seqs = dict.fromkeys(addresses, 0)
    clocks = dict.fromkeys(addresses, START_NS)
    said = []
    for _ in range(count):
        address = draw.choice(addresses)
        seqs[address] += 1
        rows = draw.randint(1, 4)
        times = [clocks[address] + (n + 1) * SECOND_NS for n in range(rows)]
        clocks[address] = times[-1]
        kind = draw.choice(["telemetry", "telemetry", "telemetry", "state", "cycle", "meter"])
        if seqs[address] == 1:
            kind = "birth"
        message = _message(draw, kind, boot, seqs[address], times)
        said.append(Said(address, kind, message, encode(message)))
    return said


def _message(draw: random.Random, kind: str, boot: str, seq: int, times: list[int]) -> Message:
    if kind == "birth":
        return Birth(boot=boot, seq=seq, t=times[0], role="machine", model="press", version="1")
    if kind == "telemetry":
        values = {name: [draw.uniform(-1e3, 1e3) for _ in times] for name in ("force_kn", "oil_temp_c")}
        return Telemetry(boot=boot, seq=seq, t=times, values=values)
    if kind == "state":
        states = [
            StateRow(t=t, state=PackMLState.EXECUTE, reason=Reason.RUNNING, mode=Mode.PRODUCTION, order=f"o-{seq}")
            for t in times
        ]
        return State(boot=boot, seq=seq, rows=states)
    if kind == "cycle":
        cycles = [
            CycleRow(
                t=t,
                order=f"o-{seq}",
                product="drum",
                variant="white",
                good=draw.randint(0, 9),
                scrap=0,
                rework=0,
                ideal_ns=SECOND_NS,
                actual_ns=draw.randint(1, 9) * SECOND_NS,
            )
            for t in times
        ]
        return Cycle(boot=boot, seq=seq, rows=cycles)
    readings = [MeterRow(t=t, counters={"energy_wh": draw.randint(0, 2**53 - 1)}) for t in times]
    return Meter(boot=boot, seq=seq, rows=readings)


def points_of(batch: Iterable[Frame]) -> Points:
    """The points of frames, by measurement, tags and time; a later one adds to and replaces an earlier one's fields."""
    points: Points = {}
    for frame in batch:
        tags = tuple(sorted((name, value) for name, value in frame.tags.items() if value))
        for row, t in enumerate(frame.time_ns):
            fields = {name: column[row] for name, column in frame.fields.items()}
            point = points.setdefault((frame.measurement, tags, t), {})
            point.update({name: value for name, value in fields.items() if value is not None})
    return points


async def stored_points(store: Historian, kinds: Iterable[str]) -> Points:
    """Everything that a store holds of these measurements, in the form of ``points_of``."""
    points: Points = {}
    for kind in kinds:
        table = await store.read(Query(kind))
        for row, t in enumerate(table.time_ns):
            tags = tuple(sorted((name, column[row]) for name, column in table.tags.items() if column[row]))
            fields = {name: column[row] for name, column in table.fields.items()}
            points[kind, tags, t] = {name: value for name, value in fields.items() if value is not None}
    return points


def names_of(points: Points) -> set[Name]:
    """The names of the messages that the points came from."""
    names = set()
    for (kind, tags, _), fields in points.items():
        levels = dict(tags)
        path = "/".join(levels[level] for level in LEVELS)
        names.add((path, kind, str(fields["_boot"]), int(fields["_seq"])))
    return names


async def publish(url: str, messages: Sequence[tuple[str, bytes]], acked: Callable[[int], None] | None = None) -> None:
    """Publish at QoS 1, twenty at a time, and report the index of each message that the broker acknowledged."""
    host, port = url.removeprefix("mqtt://").split(":")
    async with aiomqtt.Client(host, int(port), protocol=aiomqtt.ProtocolVersion.V5, identifier="test-plant") as client:
        client.pending_calls_threshold = 1000

        async def one(index: int) -> None:
            topic, payload = messages[index]
            await client.publish(topic, payload, qos=1, timeout=30)
            if acked is not None:
                acked(index)

        for first in range(0, len(messages), 20):
            await asyncio.gather(*(one(index) for index in range(first, min(first + 20, len(messages)))))


class MemoryStore:
    """A historian in memory. ``faults`` are raised by the next writes, one each; ``gate`` closed makes a write wait."""

    def __init__(self) -> None:
        self.batches: list[list[Frame]] = []
        self.faults: list[WriteError | None] = []
        self.failing: WriteError | None = None
        self.attempts = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.written = asyncio.Event()
        self.under_way = asyncio.Event()
        self._types: dict[tuple[str, str], type] = {}

    @property
    def points(self) -> Points:
        """All points, without the ingester's own."""
        return points_of(
            frame for batch in self.batches for frame in batch if frame.measurement not in ("ingest", "alarm")
        )

    @property
    def own(self) -> list[Frame]:
        """The ingester's own points."""
        return [frame for batch in self.batches for frame in batch if frame.measurement == "ingest"]

    async def write(self, batch: Sequence[Frame]) -> None:
        self.attempts += 1
        self.under_way.set()
        await self.gate.wait()
        fault = self.failing or (self.faults.pop(0) if self.faults else None)
        if fault is not None:
            raise fault
        rejected = [(index, reason) for index, frame in enumerate(batch) if (reason := self._conflict(frame))]
        refused = {index for index, _ in rejected}
        self.batches.append([frame for index, frame in enumerate(batch) if index not in refused])
        self.written.set()
        if rejected:
            raise PartialWrite("partial write: field type conflict", rejected)

    def _conflict(self, frame: Frame) -> str:
        for name, column in frame.fields.items():
            kind = type(next(value for value in column if value is not None))
            if self._types.setdefault((frame.measurement, name), kind) is not kind:
                return f"field {name} is not {kind.__name__}"
        return ""

    async def read(self, query: Query) -> Table:
        raise NotImplementedError

    async def count(self, measurement: str, every_ns: int, start_ns: int, end_ns: int) -> dict[int, int]:
        raise NotImplementedError

    async def close(self) -> None:
        return None

    async def __aenter__(self) -> Historian:
        return self

    async def __aexit__(self, *error: object) -> None:
        return None


class Cable:
    """A TCP proxy that can be cut: the ingester's broker as far as it knows."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("mqtt://").split(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self.url = ""
        self.plugged = True
        self.connections = 0
        self.sent = b""  # what the ingester said on the newest connection

    @contextlib.asynccontextmanager
    async def laid(self) -> AsyncIterator[Cable]:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"mqtt://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self.cut()
            self._server.close()

    def cut(self) -> None:
        """Break every connection at once; new ones are refused until ``plugged`` is set again."""
        self.plugged = False
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.plugged:
            writer.transport.abort()
            return
        self.connections += 1
        self.sent = b""
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer, keep=True), self._pump(far_reader, writer, keep=False))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if keep:
                    self.sent += data
                writer.write(data)
                await writer.drain()
        writer.close()


async def until(condition: Callable[[], Any], timeout_s: float = 20.0) -> None:
    """Wait until a condition holds that no event tells of."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
