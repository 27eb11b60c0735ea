"""The device of ``qilu replay``: a file, a map, and a voice.

What it is: the file read twice, once to find what is wrong with it before anything is published, once to publish, at
the pace of the file's own time or as fast as the broker takes it. Either pass holds a few batches of rows, however long
the file.
What it is not: the rows' meaning (``simulator/csv_rows.py``), nor the messages' (``simulator/replay.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import count, takewhile
from pathlib import Path
from typing import Final, TextIO

import msgspec

from contract import LEVELS, ConfigError, ContractError, Economics, LinkError, Message, Meter, Telemetry, encode
from service import Broker
from simulator.catalogue import load_tariff
from simulator.csv_map import CsvMap
from simulator.csv_map_toml import parse_map
from simulator.csv_rows import Row, Tally, read_rows
from simulator.outgoing import Outgoing
from simulator.publisher import Publisher
from simulator.replay import Counters, batch_of, birth, messages, readings, will

CHUNK: Final = 20
"""Messages handed to the publisher at a time."""
MAX_LINE_CHARS: Final = 1 << 20
"""A longer line is no row of a CSV, and would be held in memory as a whole."""
LAST_WORDS_S: Final = 10.0
"""How long the broker has to take what is under way once we are told to stop."""


@dataclass(slots=True)
class Read:
    """What the file says: the rows, and what each counter counts in them."""

    tally: Tally = field(default_factory=Tally)
    totals: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Published:
    """What the broker has acknowledged, and what each counter counted in it."""

    broker: str = ""
    topics: str = ""
    messages: int = 0
    meter_rows: int = 0
    samples: int = 0
    first_ns: int = 0
    last_ns: int = 0
    totals: dict[str, int] = field(default_factory=dict)


class Device:
    """One replay of one file.

    Attributes:
        map_: what the columns mean.
        boot: names this run.
        read: filled by ``check``.
        published: counted up by ``publish``.
    """

    def __init__(
        self,
        file: Path,
        map_: CsvMap,
        economics: Economics | None,
        *,
        boot: str,
        speed: float | None,
        stop: asyncio.Event,
    ) -> None:
        self.map_ = map_
        self.boot = boot
        self.read = Read()
        self.published = Published(topics=map_.address.topic("+"))
        self._file = file
        self._economics = economics
        self._speed = speed
        self._stop = stop

    @property
    def where(self) -> dict[str, str]:
        """The tags under which the historian keeps the device."""
        return dict(zip(LEVELS, self.map_.address.levels, strict=True))

    def check(self) -> None:
        """Read the whole file; raises ConfigError for what is wrong in it, or for no rows at all."""
        if self._file.is_fifo():
            raise ConfigError(f"{self._file} is a pipe, and the file is read twice; write it to a file first")
        try:
            encode(birth(self.map_, 0, boot=self.boot, economics=self._economics))
        except ContractError as error:
            raise ConfigError(f"the map's birth is refused: {error.detail}; make it two devices") from None
        counters = Counters(self.map_, str(self._file))
        with contextlib.closing(self._rows(self.read.tally)) as rows:
            for _ in readings(rows, self.map_, counters):
                pass
        if self._stop.is_set():
            raise ConfigError(f"{self._file}: stopped while it was being checked; nothing was published")
        if not self.read.tally.rows:
            raise ConfigError(f"{self._file}: no rows below the header that could be taken")
        self.read.totals = counters.increase

    async def publish(self, broker: Broker, room: Callable[[], Awaitable[None]] | None = None) -> None:
        """Publish the device's life from birth to death, each message acknowledged.

        Args:
            broker: where to.
            room: awaited before more is published, for a reader that must not fall behind.

        Raises:
            ConfigError: the file has changed since ``check``; the broker says the device's will.
            LinkError: no broker there, or it did not take the last words after ``stop``.
        """
        self.published.broker = broker.url
        publishing = asyncio.create_task(self._publish(broker, room), name="replay")
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({publishing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({publishing}, timeout=LAST_WORDS_S)
            if not publishing.done():
                raise LinkError(f"stopped, and the broker at {broker.url} did not take the last words")
            publishing.result()
        finally:
            for task in (publishing, stopping):
                task.cancel()
            await asyncio.gather(publishing, stopping, return_exceptions=True)

    async def _publish(self, broker: Broker, room: Callable[[], Awaitable[None]] | None) -> None:
        last = Outgoing.of(self.map_.address, will(self.boot))
        size = CHUNK if self._speed is None else 1
        async with Publisher(broker, f"replay-{self.boot}", will=(last.topic, last.payload)) as publisher:
            chunk: list[Message] = []
            async for message in self._paced():
                chunk.append(message)
                if len(chunk) >= size:
                    await self._send(publisher, chunk)
                    chunk = []
                    if room is not None:
                        await room()
            await self._send(publisher, chunk)

    async def _send(self, publisher: Publisher, chunk: list[Message]) -> None:
        address = self.map_.address
        await publisher.publish([Outgoing.of(address, message, retain=message.seq == 1) for message in chunk])
        for message in chunk:
            self.published.messages += 1
            if isinstance(message, Meter):
                self.published.meter_rows += len(message.rows)
            elif isinstance(message, Telemetry):
                self.published.samples += len(message.t)
            if message.seq == 1:
                self.published.first_ns = message.times[0]
            self.published.last_ns = message.times[-1]

    async def _paced(self) -> AsyncIterator[Message]:
        """Each message when its time has come; without a speed that is at once."""
        began_s, first_ns = time.monotonic(), None
        with contextlib.closing(self._rows(Tally())) as rows:
            for message in self._messages(rows):
                now_ns = message.times[-1]
                first_ns = now_ns if first_ns is None else first_ns
                if self._speed is not None and not self._stop.is_set():
                    due_s = began_s + (now_ns - first_ns) / 1e9 / self._speed
                    await self._wait(due_s - time.monotonic())
                yield message

    async def _wait(self, delay_s: float) -> None:
        if delay_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay_s)

    def _messages(self, rows: Iterator[Row]) -> Iterator[Message]:
        counters = Counters(self.map_, str(self._file))
        self.published.totals = counters.increase
        return messages(
            readings(rows, self.map_, counters),
            self.map_,
            boot=self.boot,
            economics=self._economics,
            batch=batch_of(self.map_) if self._speed is None else 1,
            last_words=lambda: "stopped" if self._stop.is_set() else "end of the file",
        )

    def _rows(self, tally: Tally) -> Generator[Row, None, None]:
        """The rows of the file, until the end or until ``stop``; the file is open as long as the iterator."""
        try:
            lines = self._file.open(encoding=self.map_.csv.encoding, newline="")
        except OSError as error:
            raise ConfigError(f"cannot read {self._file}: {error.strerror or error}") from None
        with lines:
            rows = read_rows(_bounded(lines, self._file), self.map_, str(self._file), tally)
            yield from takewhile(lambda _: not self._stop.is_set(), rows)


def _bounded(lines: TextIO, file: Path) -> Iterator[str]:
    for number in count(1):
        line = lines.readline(MAX_LINE_CHARS)
        if not line:
            return
        if len(line) == MAX_LINE_CHARS and line[-1] not in "\r\n":
            raise ConfigError(f"{file}:{number}: a line of more than {MAX_LINE_CHARS} characters; is this a CSV?")
        yield line


def open_device(file: Path, map_file: Path, *, boot: str, speed: float | None, stop: asyncio.Event) -> Device:
    """The device of a file and a map; raises ConfigError when the map is wrong."""
    try:
        text = map_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {map_file}: {getattr(error, 'strerror', None) or error}") from None
    map_ = parse_map(text, str(map_file))
    return Device(file, map_, _economics(map_), boot=boot, speed=speed, stop=stop)


def _economics(map_: CsvMap) -> Economics | None:
    if map_.tariff is None:
        return None
    tariff = load_tariff(map_.tariff.name)
    if map_.tariff.timezone is not None:
        tariff = msgspec.structs.replace(tariff, timezone=map_.tariff.timezone)
    return Economics(currency=map_.tariff.currency, tariff=tariff)
