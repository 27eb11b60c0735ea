"""What a running demo shows in a terminal: one line that is rewritten twice a second.

What it is: for people at a terminal; a file or a pipe gets nothing of it.
What it is not: the page.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Final, TextIO

from console.page_data import Pipeline

EVERY_S: Final = 0.5
_WIDTH: Final = 80
_CELLS: Final = 30
PATIENCE_S: Final = 2.0
"""What is done sooner needs no bar."""
SURE: Final = 0.05
"""From so much on the time that is left is told: before, it says how slow the start was."""
_CLEAR: Final = "\r\x1b[K"


@contextlib.asynccontextmanager
async def status_line(pipeline: Callable[[], Pipeline], out: TextIO = sys.stderr) -> AsyncIterator[None]:
    """Show the line while the body runs, and wipe it afterwards."""
    if not out.isatty():
        yield
        return

    async def show() -> None:
        while True:
            width = os.get_terminal_size(out.fileno()).columns or _WIDTH  # 0: a terminal that does not know
            out.write(_CLEAR + line(pipeline())[: width - 1])  # a line that wraps cannot be rewritten
            out.flush()
            await asyncio.sleep(EVERY_S)

    task = asyncio.create_task(show())
    try:
        yield
    finally:
        task.cancel()
        out.write(_CLEAR)
        out.flush()


class Bar:
    """A progress bar for what takes longer than two seconds; only at a terminal."""

    def __init__(self, what: str, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._out = sys.stderr if out is None else out  # looked up now: whoever imports this may replace it later
        self._clock = clock
        self._begin = self._last = clock()
        self._shown = False

    def show(self, fraction: float, text: str = "") -> None:
        """So much is done, 0 to 1."""
        now = self._clock()
        if not self._out.isatty() or now - self._begin < PATIENCE_S or now - self._last < EVERY_S / 2:
            return
        self._last = now
        done = min(_CELLS, int(fraction * _CELLS))
        left = ""
        if SURE <= fraction < 1:
            left = f", {(now - self._begin) * (1 / fraction - 1):.0f} s left"
        bar = "#" * done + "." * (_CELLS - done)
        width = os.get_terminal_size(self._out.fileno()).columns or _WIDTH
        told = f"{self._what} [{bar}] {100 * fraction:3.0f} %{left}{', ' if text else ''}{text}"
        self._out.write(_CLEAR + told[: width - 1])
        self._out.flush()
        self._shown = True

    def close(self) -> None:
        """Wipe the bar."""
        if self._shown:
            self._out.write(_CLEAR)
            self._out.flush()


def line(now: Pipeline) -> str:
    """The line.

    >>> line({"phase": "live", "plant_now_ns": 10**18, "acked": 1200, "written": 1198, "lag_ms": 12.3})
    'live, plant time 2001-09-09 01:46:40 UTC: 1,200 sent, 1,198 stored, lag 12 ms'
    >>> line({"phase": "history", "plant_now_ns": 0})
    'history: 0 sent, 0 stored'
    """
    now_ns = now.get("plant_now_ns", 0)
    clock = f", plant time {datetime.fromtimestamp(now_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC" if now_ns else ""
    lag_ms = now.get("lag_ms")
    lag = "" if lag_ms is None else f", lag {lag_ms:.0f} ms"
    counts = f"{now.get('acked', 0):,} sent, {now.get('written', 0):,} stored{lag}"
    return f"{now.get('phase', '')}{clock}: {counts}"


def has_screen(platform: str, environ: Mapping[str, str]) -> bool:
    """Whether opening a browser would show a window, rather than take over the terminal with a text browser.

    >>> has_screen("linux", {}), has_screen("linux", {"DISPLAY": ":0"}), has_screen("darwin", {})
    (False, True, True)
    """
    return platform in ("darwin", "win32") or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
