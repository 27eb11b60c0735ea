"""The shell of the analytics: take the figures of what is new, again and again, until told to stop.

What it is: the loop, its pacing, its heartbeat, and what is done when the historian fails.
What it is not: what is done in one pass; that is ``analytics/keeper.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Final

from analytics.keeper import Keeper, Status
from analytics.settings import Settings
from contract import QiluError
from historian import Historian
from service import Heartbeat

__all__ = ["Status", "analyse"]

_LOG: Final = logging.getLogger("qilu.analytics")
_SECOND_NS: Final = 10**9
_FINAL_PASSES: Final = 5


async def analyse(
    settings: Settings,
    store: Historian,
    *,
    stop: asyncio.Event,
    status: Status | None = None,
    clock_ns: Callable[[], int] = time.time_ns,
    pause: Callable[[float], Awaitable[None]] | None = None,
) -> Status:
    """Keep the figures up to date until ``stop`` is set, then once more, so that they hold everything stored.

    Args:
        settings: period, windows, look-back.
        store: the historian; it stays open.
        stop: set to end after a last full pass.
        status: kept up to date while it runs; also returned.
        clock_ns: for the pacing and the heartbeat; no figure depends on it.
        pause: waits for so many seconds; None: until then or until ``stop``.
    """
    status = status if status is not None else Status()
    wait = pause if pause is not None else _pause_until(stop)
    keeper = Keeper(settings, store, status, offload=asyncio.to_thread)
    heartbeat = Heartbeat(settings.heartbeat, lambda: clock_ns() / _SECOND_NS)
    scanned_ns: int | None = None
    while not stop.is_set():
        began_ns = clock_ns()
        scan = scanned_ns is None or began_ns - scanned_ns >= settings.late_scan_s * _SECOND_NS
        found_late = await _attempt(keeper, status, scan=scan)
        if scan and not found_late:  # while late data come in, as during a back-fill, every pass looks for them
            scanned_ns = began_ns
        status.last_run_ns = clock_ns()
        heartbeat.beat({"problem": status.last_error, **asdict(status)})
        # At most half of the time is spent on figures: a long pass gives the others room.
        await wait(max(settings.period_s, (status.last_run_ns - began_ns) / _SECOND_NS))
    for _ in range(_FINAL_PASSES):
        written = status.windows_written
        await _attempt(keeper, status, scan=True)
        if status.last_error is not None or status.windows_written == written:
            break
    status.last_run_ns = clock_ns()
    return status


async def _attempt(keeper: Keeper, status: Status, *, scan: bool) -> bool:
    """One pass; a historian that fails is named in the status, and the next pass tries again."""
    try:
        late = await keeper.update(scan=scan)
    except QiluError as error:
        if status.last_error is None:
            _LOG.warning("no figures: %s", error)
        status.last_error = f"{type(error).__name__}: {error}"
        return False
    status.last_error = None
    return late


def _pause_until(stop: asyncio.Event) -> Callable[[float], Awaitable[None]]:
    async def pause(seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()

    return pause
