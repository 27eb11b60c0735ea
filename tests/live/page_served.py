"""The page served over a plant that stands still, for a browser to look at.

What it is: the real server on a loop and a thread of its own, over a historian in memory that can be told to fail.
What it is not: the demo; nothing is simulated, and only its clock and its message counter move.
"""

from __future__ import annotations

import asyncio
import threading

import page_plant
from page_plant import MIN, NOW

from console.page_data import Pipeline
from console.settings import Page
from console.web import serve
from contract import RetryLater
from historian import Frame, ModelHistorian, Query, Table

WAIT_S = 20


class Store(ModelHistorian):
    """A store that can fail."""

    broken = False

    async def read(self, query: Query) -> Table:
        if self.broken:
            raise RetryLater("the store is away")
        return await super().read(query)


class Server:
    """The page on a loop and a thread of its own; ``call`` runs a coroutine there."""

    def __init__(self, specs: tuple[page_plant.Spec, ...]) -> None:
        self.store = Store()
        self.url = ""
        self.now_ns = NOW
        self._specs = specs
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._thread.start()
        if not self._up.wait(WAIT_S):
            raise TimeoutError("the page did not come up")

    def write(self, *frames: Frame) -> None:
        asyncio.run_coroutine_threadsafe(self.store.write(frames), self._loop).result(WAIT_S)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WAIT_S)

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self.store.write(page_plant.whole(self._specs))
        await serve(Page(port=0, refresh_s=0.1), self.store, self._pipeline, stop=self._stop, on_ready=self._ready)

    def _ready(self, url: str) -> None:
        self.url = url
        self._up.set()

    def _pipeline(self) -> Pipeline:
        self.now_ns += MIN // 10
        return Pipeline(
            plant_now_ns=self.now_ns, speed=60.0, phase="live", sent=self.now_ns // MIN, written=5, connected=True
        )
