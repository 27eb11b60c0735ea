"""Which sessions of a group are this process's: seats that several ingesters divide among themselves.

What it is: a group of sessions divides the messages, by topics of their own or by a shared subscription (MQTT 5.0,
4.8.2). One that nobody opens keeps its messages to itself, so when an ingester dies for good they would be stranded.
Here the sessions are seats with fixed names, more or as many as there are ingesters, and each ingester holds the locks
of its seats in a directory that all of them share. The system lets go of a dead process's locks at once: another one
takes the seat, and with it the session and all that waits in it.
What it is not: for hosts that share no directory. There each replica is told its seats (``ingest.own_seats``).
The standard: ``flock(2)``; on one machine, or a file system that carries such locks (NFS 4).
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from contract import ConfigError

try:
    import fcntl
except ImportError:  # pragma: no cover  # Windows
    fcntl = None  # type: ignore[assignment]

WORKERS: Final = 256
SEATS: Final = 1024
_SEAT: Final = re.compile(r"seat-(0|[1-9][0-9]{0,3})\Z", re.ASCII)
_LOG: Final = logging.getLogger("qilu.ingest")


class Seats:
    """The seats of one ingester.

    Args:
        directory: shared by all ingesters of the group.
        count: how many seats there are, the same for all.
        fixed: there never are more, for each has topics of its own.

    Unless they are fixed, a seat that was ever opened stays one of them as long as its file is there, also when
    ``count`` is less now: the broker still gives its session a part, and somebody must take it.

    Attributes:
        held: the seats that are ours.
        count: how many seats there are now.
        worker: our number among the ingesters, the lowest that was free.

    Raises:
        ConfigError: the directory cannot be used, or there are too many ingesters.
    """

    def __init__(self, directory: str | Path, count: int, *, fixed: bool = False) -> None:
        self.held: set[int] = set()
        self._count = count
        self._fixed = fixed
        self._directory = Path(directory)
        self._locks: dict[str, int] = {}
        if fcntl is None:  # pragma: no cover
            raise ConfigError("ingest.share: this system has no locks of that kind; set ingest.own_seats instead")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            (self._directory / f"seat-{count - 1}").touch(mode=0o600)  # so that all know how many there are
            found = next((number for number in range(WORKERS) if self._lock(f"worker-{number}")), None)
        except OSError as error:
            raise ConfigError(
                f"ingest.seats_directory: cannot use {self._directory}: {error.strerror or error}; "
                "name a directory that all ingesters of the group can write"
            ) from None
        if found is None:
            raise ConfigError(f"ingest.seats_directory: {self._directory} has {WORKERS} ingesters already")
        self.worker = found
        if (seats := self.count) > count:
            _LOG.warning("%s knows of %d seats, not %d: all of them are kept open", directory, seats, count)

    @property
    def count(self) -> int:  # noqa: D102  # with the attributes
        count = self._count
        if self._fixed:
            return count
        with contextlib.suppress(OSError):
            for path in self._directory.iterdir():
                if (found := _SEAT.match(path.name)) and int(found[1]) < SEATS:
                    count = max(count, int(found[1]) + 1)
        return count

    def surplus(self) -> int | None:
        """A seat that should be given to somebody else; None when we hold no more than our part."""
        return max(self.held) if len(self.held) > self._part() else None

    def claim(self) -> int | None:
        """Take one more seat if one is free and we hold less than our part; None when there is nothing to take.

        The one to take first is that of our rank, so that ingesters that start together do not meet.
        """
        count = self.count
        if len(self.held) >= self._part():
            return None
        for step in range(count):
            seat = (self.worker + step) % count
            if seat not in self.held and self._lock(f"seat-{seat}"):
                self.held.add(seat)
                return seat
        return None

    def release(self, seat: int) -> None:
        """Give a seat up; its session must be closed by then."""
        self.held.discard(seat)
        self._unlock(f"seat-{seat}")

    def close(self) -> None:
        """Give everything up."""
        self.held.clear()
        for name in list(self._locks):
            self._unlock(name)

    def _part(self) -> int:
        """How many seats are ours by right: those of our rank among the ingesters that live."""
        others = [number for number in range(WORKERS) if number != self.worker and self._is_alive(number)]
        workers, rank = len(others) + 1, sum(number < self.worker for number in others)
        count = self.count
        return count // workers + (rank < count % workers)

    def _is_alive(self, number: int) -> bool:
        path = self._directory / f"worker-{number}"
        if not path.exists():
            return False
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDWR)
            try:  # a shared lock, so that those who ask do not take each other for the worker
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
            finally:
                os.close(handle)
        return False

    def _lock(self, name: str) -> bool:
        handle = os.open(self._directory / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._locks[name] = handle
        return True

    def _unlock(self, name: str) -> None:
        handle = self._locks.pop(name, None)
        if handle is not None:
            os.close(handle)


class OwnSeats:
    """Seats that are given by the configuration: no locks, and nobody to divide with."""

    def __init__(self, seats: Sequence[int], count: int) -> None:
        if wrong := [seat for seat in seats if not 0 <= seat < count]:
            raise ConfigError(f"ingest.own_seats: there is no seat {wrong[0]}; there are {count}, from 0")
        self.held: set[int] = set()
        self.count = count
        self.worker = min(seats)
        self._free = sorted(set(seats))

    def surplus(self) -> int | None:
        """Never: they are ours."""
        return None

    def claim(self) -> int | None:
        """The next one."""
        if not self._free:
            return None
        self.held.add(seat := self._free.pop(0))
        return seat

    def release(self, seat: int) -> None:
        """Nobody waits for it."""
        self.held.discard(seat)

    def close(self) -> None:
        """Nothing to give up."""
        self.held.clear()
