"""What the ingester says about itself, while it runs: heartbeat, alarms, its own points, its memory.

What it is: a loop of one turn a second beside the carrying of messages, and the words about the link and the store that
come in between. Nothing here holds a message up.
What it is not: what there is to say; ``status.py``, ``alarms.py`` and ``monitor.py`` know that.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from contract import WriteError
from historian.base import Frame, Historian
from ingest.admission import Admission
from ingest.memory import Memory
from ingest.monitor import Monitor
from service import Heartbeat

BEAT_S: Final = 1.0
REPORT_EVERY_BEATS: Final = 5
KEEP_EVERY_BEATS: Final = 5
LAST_REPORT_S: Final = 1.0
UNSAID: Final = 100
"""Alarms that may wait for the store; of more the oldest go."""

_LOG: Final = logging.getLogger("qilu.ingest")


class Herald:
    """Speaks for one ingester.

    Args:
        monitor: what there is to know.
        store: where our own points go.
        heartbeat: the file for a health check.
        memory: what should outlive the process, taken from ``admission``.
        dead_letters: the directory whose disk is watched.
        clock_ns: ns UTC.
    """

    def __init__(
        self,
        monitor: Monitor,
        store: Historian,
        heartbeat: Heartbeat,
        memory: Memory,
        admission: Admission,
        *,
        dead_letters: str,
        clock_ns: Callable[[], int],
    ) -> None:
        self._monitor = monitor
        self._status = monitor.status
        self._store = store
        self._heartbeat = heartbeat
        self._memory = memory
        self._admission = admission
        self._directory = Path(dead_letters)
        self._clock_ns = clock_ns
        self._now = asyncio.get_running_loop().time
        self._unsaid: list[Frame] = []

    async def run(self) -> None:
        """Once a second, until cancelled."""
        beats = 0
        while True:
            beats += 1
            verdict = self._monitor.beat(self._now())
            for alarm in verdict.tell:
                _LOG.warning("%s", alarm.sentence)
            self._heartbeat.beat({"problem": self._status.problem(self._now()), **dataclasses.asdict(self._status)})
            now_ns = self._clock_ns()
            changed = (alarm.frame(self._monitor.client, now_ns) for alarm in verdict.changed)
            self._unsaid = [*self._unsaid, *changed][-UNSAID:]
            if self._status.store_error is None and (self._unsaid or beats % REPORT_EVERY_BEATS == 0):
                await self.report()
            if beats % KEEP_EVERY_BEATS == 0:
                await asyncio.to_thread(self._look_around)
            await asyncio.sleep(BEAT_S)

    async def report(self) -> None:
        """Store our own counters, and the alarms that have changed; these wait for a store that is away."""
        self._monitor.refresh()
        unsaid = list(self._unsaid)
        own = self._status.frame(self._monitor.client, self._clock_ns())
        try:
            async with asyncio.timeout(LAST_REPORT_S):  # a store that says nothing must not stop the heartbeat
                await self._store.write([own, *unsaid])
        except (WriteError, TimeoutError) as error:
            _LOG.debug("own status not stored: %r", error)
        else:
            del self._unsaid[: len(unsaid)]

    def keep(self) -> None:
        """Write down what should outlive the process."""
        self._memory.keep(self._admission.gaps, self._admission.register)

    def link_is(self, error: str | None, name: str) -> None:
        """Hear what is wrong with the link, None when it works, and of which broker."""
        self._status.connected = error is None
        if self._status.link(error, self._now()):
            if error is None:
                _LOG.info("connected to %s as %r", name, self._monitor.client)
            else:
                _LOG.warning("%s; trying again until it works", error)

    def store_is(self, error: str | None) -> None:
        """Hear what is wrong with the store, None when it works."""
        self._monitor.refresh()
        if self._status.store(error, self._now()):
            if error is None:
                _LOG.info("the store takes batches again")
            else:
                _LOG.warning("%s; trying again until it works", error)

    def _look_around(self) -> None:
        self.keep()
        with contextlib.suppress(OSError):
            disk = shutil.disk_usage(self._directory)
            self._status.disks = {"dead letters": round(disk.used / disk.total, 3)}
