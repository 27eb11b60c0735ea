"""All sessions of one ingester: its own, or its seats of a group.

What it is: opens a door for each session that is ours and closes it when it is somebody else's.
What it is not: a connection (``door.py``), nor the division of the seats (``seats.py``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from contract import ConfigError
from ingest.door import Door, either
from ingest.seats import OwnSeats, Seats
from ingest.session import Session
from ingest.settings import Settings
from service import Start, together

LOOK_S: Final = 0.5
"""How often the seats are looked at; a dead ingester's messages wait about so long."""
HANDOVER_S: Final = 2.0
"""How long a seat that is given up waits for its writes. What is not acknowledged by then goes to the next holder, who
writes it again, which changes nothing: a store that is away must keep nobody from a seat."""
_LOG: Final = logging.getLogger("qilu.ingest")

_Open = tuple[asyncio.Event, asyncio.Task[None]]
MakeDoor = Callable[[Session, asyncio.Event], Door]


class Tally(NamedTuple):
    """How often the broker had forgotten a session, another client took one, and a connection was made again."""

    forgotten: int = 0
    taken_over: int = 0
    reconnects: int = 0

    def __add__(self, other: object) -> Tally:
        if not isinstance(other, Tally):
            return NotImplemented
        return Tally(*(one + more for one, more in zip(self, other, strict=True)))


def _counted(door: Door) -> Tally:
    return Tally(door.forgotten, door.taken_over, max(0, door.connections - 1))


class Doors:
    """The doors of the contract's topics.

    Args:
        session: the session, or the pattern of those of a group.
        share: name of the shared subscription; empty: none.
        seats: how the sessions of the group are divided; None without a group.
        make: makes a door for a session, which ends with the event.
        stop: set it to end.
        partitions: instead of ``share``: the topic filters of each seat.

    Attributes:
        open: the doors that there are now.
        parted: whether others have had a part of the messages; whoever has taken note of it may reset it.
    """

    def __init__(
        self,
        session: Session,
        share: str,
        seats: Seats | OwnSeats | None,
        make: MakeDoor,
        stop: asyncio.Event,
        *,
        partitions: Sequence[Sequence[str]] = (),
    ) -> None:
        self._session = session
        self._share = share
        self._partitions = partitions
        self._gone = Tally()
        self._seats = seats
        self._make = make
        self._stop = stop
        self.open: list[Door] = []
        self.parted = False

    @property
    def connected(self) -> bool:
        """Whether every session that is ours has a connection now."""
        return bool(self.open) and all(door.link is not None for door in self.open)

    @property
    def whole(self) -> bool:
        """Whether no part of the messages goes to another ingester."""
        return self._seats is None or len(self._seats.held) == self._seats.count

    @property
    def tally(self) -> Tally:
        """What all doors have counted, those that are closed by now included: it never goes back."""
        return sum((_counted(door) for door in self.open), self._gone)

    async def run(self) -> None:
        """Until the end, or until a door fails."""
        if self._seats is None:
            await self._keep(self._session, self._stop)
            return
        try:
            async with together() as start:
                await self._divide(start, self._seats)
        finally:
            self._seats.close()

    async def _divide(self, start: Start, seats: Seats | OwnSeats) -> None:
        ends: dict[int, _Open] = {}
        while not self._stop.is_set():
            if (given := seats.surplus()) is not None:
                await _close([ends.pop(given)], HANDOVER_S)
                seats.release(given)
                _LOG.info("seat %d is given up", given)
            elif (taken := seats.claim()) is not None:
                end = asyncio.Event()
                ends[taken] = (end, start(self._keep(self._seat(taken, seats.count), end)))
                _LOG.info("seat %d is taken", taken)
                continue
            self.parted = self.parted or not self.whole
            await either(self._stop, delay_s=LOOK_S)
        await _close(list(ends.values()), None)

    def _seat(self, seat: int, of: int) -> Session:
        """The session of a seat. Its window is a part of the whole one, for one ingester may have to hold all seats."""
        session = self._session
        if self._partitions:
            topics = [(topic, 1) for topic in self._partitions[seat]]
        else:
            topics = [(f"$share/{self._share}/{topic}", qos) for topic, qos in session.topics]
        window = max(1, session.receive_maximum // of)
        return replace(session, client_id=f"{session.client_id}-{seat}", topics=topics, receive_maximum=window)

    async def _keep(self, session: Session, end: asyncio.Event) -> None:
        door = self._make(session, end)
        self.open.append(door)
        try:
            await door.run()
        finally:
            self.open.remove(door)
            self._gone += _counted(door)


def division(settings: Settings, foreign: Sequence[str]) -> tuple[Seats | OwnSeats | None, list[list[str]]]:
    """How the sessions of a group are divided, None without a group, and the topic filters of each.

    ``foreign`` are the filters of a mapping; the first partition has them beside its own. Raises ConfigError.
    """
    parts = [part.split() for part in settings.partitions]
    if not parts and not settings.share:
        return None, []
    if parts and (settings.share or not all(parts)):
        raise ConfigError("ingest.partitions: each needs a topic filter, and ingest.share must be empty")
    if parts:
        parts[0] += foreign
    count = len(parts) or settings.seats
    if settings.own_seats:
        return OwnSeats(settings.own_seats, count), parts
    return Seats(settings.seats_directory, count, fixed=bool(parts)), parts


async def _close(doors: Sequence[_Open], within_s: float | None) -> None:
    """Have them close, and see to it that they do in time."""
    for end, _ in doors:
        end.set()
    tasks = [task for _, task in doors]
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=within_s)
    for task in late:
        task.cancel()  # it still says goodbye to the broker
    await asyncio.gather(*late, return_exceptions=True)
