"""A TCP proxy with faults that are seeded: the cable between two programs, as bad as it is told to be.

What it is: one listener of 127.0.0.1 that forwards to a target, in whose hands delay, jitter, bandwidth, slicing,
lost segments, silence, resets in mid-packet and slow closing lie; what it does may change while it runs.
What it is not: a network. A lost segment shows itself here as TCP shows it to a program: as a pause of one
retransmission, for the stream itself stays whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_READ = 65_536


@dataclass(frozen=True, slots=True)
class Faults:
    """What happens to what passes.

    Attributes:
        delay_s, jitter_s: each piece waits ``delay_s`` plus or minus up to ``jitter_s``; pieces keep their order.
        bytes_per_s: the bandwidth of each direction; 0: no limit.
        pieces: pieces are cut to a drawn length between these two; (0, 0): as they come.
        loss: the share of pieces that have to be sent again, and so come ``resend_s`` later.
        close_s: how long the end of one side is kept from the other.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = 0.0
    pieces: tuple[int, int] = (0, 0)
    loss: float = 0.0
    resend_s: float = 0.3
    close_s: float = 0.0


CLEAN = Faults()


@dataclass(eq=False)
class _Cable:
    """One connection: both its ends, and what is left until it is torn."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    torn_after: int | None = None
    said: bytearray = field(default_factory=bytearray)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def tear(self) -> None:
        """Reset both ends at once."""
        for writer in (self.near, self.far):
            _reset(writer)


class FaultProxy:
    """Forwards to ``host:port``; ``faults`` may be replaced at any time.

    Attributes:
        faults: what happens to what passes.
        port: where it listens.
        connections: how many came.
        said: with ``keep``, what each connection sent towards the target.
    """

    def __init__(self, port: int, seed: int = 0, faults: Faults = CLEAN, *, keep: bool = False) -> None:
        self.faults = faults
        self.said: list[bytearray] = []
        self._keep = keep
        self.port = 0
        self.connections = 0
        self._target = port
        self._draw = random.Random(seed)
        self._open = asyncio.Event()
        self._open.set()
        self._refuse = False
        self._next_tear: int | None = None
        self._cables: set[_Cable] = set()

    @property
    def mqtt(self) -> str:
        """The URL of a broker behind it."""
        return f"mqtt://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def laid(self) -> AsyncIterator[FaultProxy]:
        """Listen until the end of the block."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_READ)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.reset()
            self._open.set()

    def partition(self) -> None:
        """Silence: from now on nothing is forwarded either way and nothing is closed; new connections hang."""
        self._open.clear()

    def heal(self) -> None:
        """The end of silence: what was sent meanwhile arrives now, as TCP would send it again."""
        self._refuse = False
        self._open.set()

    def refuse(self) -> None:
        """Reset every connection, and each new one at once, until ``heal``."""
        self._refuse = True
        self.reset()

    def reset(self) -> None:
        """Tear every connection with RST."""
        for cable in list(self._cables):
            cable.tear()

    def tear_after(self, count: int) -> None:
        """Tear each connection that comes next after ``count`` bytes towards the target: in mid-packet, mostly."""
        self._next_tear = count

    def whole(self) -> None:
        """Tear no more."""
        self._next_tear = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await self._open.wait()
        if self._refuse:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target, limit=_READ)
        except OSError:
            _reset(writer)
            return
        cable = _Cable(writer, far_writer, self._next_tear)
        if self._keep:
            self.said.append(cable.said)
        self._cables.add(cable)
        try:
            cable.tasks = [
                asyncio.ensure_future(self._pump(cable, reader, far_writer, outward=True)),
                asyncio.ensure_future(self._pump(cable, far_reader, writer, outward=False)),
            ]
            await asyncio.gather(*cable.tasks)
        finally:
            for task in cable.tasks:
                task.cancel()
            self._cables.discard(cable)
            cable.tear()

    async def _pump(
        self, cable: _Cable, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, outward: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_READ):
                for piece in self._cut(data):
                    await self._wait(len(piece))
                    await self._open.wait()
                    if outward and cable.torn_after is not None:
                        if cable.torn_after < len(piece):
                            writer.write(piece[: cable.torn_after])
                            await writer.drain()
                            cable.tear()
                            return
                        cable.torn_after -= len(piece)
                    if outward and self._keep:
                        cable.said += piece
                    writer.write(piece)
                    await writer.drain()
        await self._open.wait()
        await asyncio.sleep(self.faults.close_s)
        with contextlib.suppress(OSError, RuntimeError):
            if writer.can_write_eof():
                writer.write_eof()

    def _cut(self, data: bytes) -> list[bytes]:
        least, most = self.faults.pieces
        if not most:
            return [data]
        pieces, first = [], 0
        while first < len(data):
            end = first + self._draw.randint(least, most)
            pieces.append(data[first:end])
            first = end
        return pieces

    async def _wait(self, count: int) -> None:
        faults = self.faults
        wait_s = 0.0
        if faults.delay_s or faults.jitter_s:
            wait_s += max(0.0, faults.delay_s + self._draw.uniform(-1, 1) * faults.jitter_s)
        if faults.bytes_per_s:
            wait_s += count / faults.bytes_per_s
        if faults.loss and self._draw.random() < faults.loss:
            wait_s += faults.resend_s
        if wait_s:
            await asyncio.sleep(wait_s)


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN: the linger time is 0 (POSIX, SO_LINGER)."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
