"""One look into the historian and one board a second, for however many browsers.

What it is: the loop between ``Watch`` and the streams; it keeps the newest board and history of every line that is
watched, and the list of lines, as ready bytes: they are made once, however many browsers watch the same line.
What it is not: HTTP. A store that fails shows as ``problem`` on the board and is logged once, and the page goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import msgspec

from console.page_data import Detail, Pipeline
from console.roster import main_line
from console.seen import Levels
from console.settings import Page
from console.snapshot import board, history, lines
from console.watch import Watch
from contract import QiluError
from historian.base import Historian

_LOG = logging.getLogger("qilu.page")
_JSON: Final = msgspec.json.Encoder()
_LOOK_TIMEOUT_S: Final = 10.0
_LAST_LOOK_S: Final = 3.0
_END: Final = b"event: end\ndata: {}\n\n"
RETRY_MS: Final = 1000


class Feed:
    """The newest board and history, and the news that there is a newer one."""

    def __init__(
        self, settings: Page, store: Historian, pipeline: Callable[[], Pipeline], clock: Callable[[], float]
    ) -> None:
        """Nothing is read before ``run``."""
        self.problem: str | None = None
        self.watchers = 0
        self._settings = settings
        self._pipeline = pipeline
        self._watch = Watch(store, settings.history_h, clock)
        self._boards: dict[Levels, bytes] = {}
        self._histories: dict[Levels, bytes] = {}
        self._lines = _JSON.encode(lines(self._watch.seen))
        self._newer = asyncio.Event()
        self._closed = False

    async def run(self, stop: asyncio.Event) -> None:
        """Look and publish every ``refresh_s`` until ``stop`` is set; once more at the end, for the last figures."""
        look = asyncio.create_task(self._look())
        try:
            while not stop.is_set():
                await asyncio.wait((look,), timeout=self._settings.refresh_s)
                self._publish()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._settings.refresh_s)
                if look.done():  # a store that is slow is not asked twice at once
                    look = asyncio.create_task(self._look())
            await asyncio.wait((look,), timeout=_LAST_LOOK_S)
            if look.done():  # that one began before the end; the last figures and deaths take another
                look = asyncio.create_task(self._look(whole=True))
                await asyncio.wait((look,), timeout=_LAST_LOOK_S)
            self._publish()
        finally:
            look.cancel()

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._newer.set()

    async def messages(self, wanted: Levels | None = None) -> AsyncIterator[bytes]:
        """The stream of one browser: always the newest board, whatever was missed since the last one.

        Args:
            wanted: the line that it watches; see ``main_line``. What has not changed is not sent again, but the board.
        """
        yield f"retry: {RETRY_MS}\n\n".encode()
        sent: dict[str, bytes] = {}
        while True:
            newer = self._newer
            for name, data in (("lines", self._lines), ("history", self._history(wanted))):
                if sent.get(name) != data:
                    sent[name] = data
                    yield _event(name, data)
            yield _event("board", self._board(wanted))
            if self._closed:
                yield _END
                return
            await newer.wait()

    @contextlib.contextmanager
    def watcher(self) -> Iterator[None]:
        """Count one browser while it watches."""
        self.watchers += 1
        try:
            yield
        finally:
            self.watchers -= 1

    def snapshot(self, wanted: Levels | None = None) -> bytes:
        """The newest board and history of a line, and the list of lines, as one JSON object."""
        parts = (b'{"board":', self._board(wanted), b',"history":', self._history(wanted), b',"lines":', self._lines)
        return b"".join((*parts, b"}"))

    async def detail(self, levels: Levels) -> Detail | None:
        """The panel of one machine; raises QiluError when the store does not answer."""
        return await asyncio.wait_for(self._watch.detail(levels), _LOOK_TIMEOUT_S)

    async def _look(self, *, whole: bool = False) -> None:
        try:
            async with asyncio.timeout(_LOOK_TIMEOUT_S):
                again = await self._watch.look(whole=whole)
        except TimeoutError:
            self._failed(f"the store did not answer within {_LOOK_TIMEOUT_S:g} s")
        except QiluError as error:
            self._failed(str(error))
        except Exception as error:  # whatever it is, the page must go on and say so
            self._failed(f"{type(error).__name__}: {error}", bug=True)
        else:
            if self.problem is not None:
                _LOG.info("the page reads the store again")
            self.problem = None
            if again:
                self._histories.clear()

    def _failed(self, problem: str, *, bug: bool = False) -> None:
        if self.problem is None:  # once per trouble, not once a second
            _LOG.warning("the page cannot read the store: %r", problem, exc_info=bug)
        self.problem = problem

    def _place(self, wanted: Levels | None) -> Levels:
        """The line that is shown for ``wanted``: whatever is asked for, no more is kept than there are lines."""
        line = main_line(self._watch.seen.members, wanted)
        return line.place if line else ()

    def _board(self, wanted: Levels | None) -> bytes:
        place = self._place(wanted)
        if place not in self._boards:
            self._boards[place] = _JSON.encode(board(self._watch.seen, self._pipeline(), self.problem, place))
        return self._boards[place]

    def _history(self, wanted: Levels | None) -> bytes:
        place = self._place(wanted)
        if place not in self._histories:
            self._histories[place] = _JSON.encode(history(self._watch.seen, self._settings.history_h, place))
        return self._histories[place]

    def _publish(self) -> None:
        self._boards.clear()
        self._lines = _JSON.encode(lines(self._watch.seen))
        self._newer.set()
        self._newer = asyncio.Event()


def _event(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
