"""``qilu demo``: a whole factory in one process, through the same pipeline that Docker runs.

What it is: the composition of broker, simulator, ingester, historian, analytics and page, and their orderly end.
What it is not: a shortcut. Every figure on the page has gone over MQTT, through the ingester and into the historian.

The end is in the order of the flow: the simulator publishes its last message and has it acknowledged, the ingester
stores it, the analytics fold it, and only then is anything counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import time
import webbrowser
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from analytics import Status as AnalyticsStatus
from analytics import analyse
from analytics.settings import Settings as AnalyticsSettings
from console import web
from console.demo_report import DemoReport, report
from console.embedded_broker import EmbeddedBroker
from console.page_data import Pipeline
from console.runs import DATA_DIR, Run, keep, new_run
from console.settings import Page
from console.simulate import SimulateOptions, settings_of
from console.terminal import has_screen, status_line
from historian import Historian, open_store
from ingest.run import ingest
from ingest.settings import Settings as IngestSettings
from ingest.status import Status as IngestStatus
from service import Broker, configure_logging, run_until_signalled, together
from simulator.precompile import ready
from simulator.run import Progress, simulate
from simulator.settings import Settings as SimulatorSettings
from simulator.setup import setup

PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.02
DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The flags of the command; the ``duration_s`` of the factory is wall time here."""

    factory: SimulateOptions
    port: int = 8080
    browser: bool = True
    data_dir: Path = DATA_DIR


def run_demo(options: DemoOptions) -> int:
    """The command; returns the exit code."""
    configure_logging("WARNING")
    setup(_settings_of(options.factory))  # what is wrong is told before anything is compiled
    ready(sys.stderr)

    async def main(stop: asyncio.Event) -> int:
        result = await demo(options, stop)
        print(msgspec.json.encode(result.as_json()).decode() if options.factory.as_json else result.as_text())
        return 0 if result.messages.lost == 0 else 1

    return run_until_signalled(main)


async def demo(options: DemoOptions, stop: asyncio.Event) -> DemoReport:
    """Run until ``stop`` is set or the time is up; returns what was sent, stored and lost, the OEE and the cost.

    Raises:
        ConfigError: a taken port, a folder that cannot be written, an unknown sector.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    with new_run(options.data_dir, stamp) as run, EmbeddedBroker() as embedded:
        simulator = _settings_of(replace(options.factory, ledger=options.factory.ledger or run.ledger))
        async with open_store(run.store_url) as store:
            await _Demo(options, run, simulator, Broker(url=embedded.url), store).run(stop)
            return await report(run, Path(simulator.ledger), store)


def _settings_of(factory: SimulateOptions) -> SimulatorSettings:
    """The settings of the factory: the flags that are given, then the scenario's, then the demo's own.

    The demo's plant has a day of history, and runs around the clock: there is something to see at any hour.
    """
    if not factory.scenario:
        history_s = DAY_S if factory.history_s is None else factory.history_s
        factory = replace(factory, history_s=history_s, shifts=factory.shifts or "continuous")
    return settings_of(replace(factory, wall_s=factory.duration_s))


class _Demo:
    """The parts while they run."""

    def __init__(
        self, options: DemoOptions, run: Run, simulator: SimulatorSettings, broker: Broker, store: Historian
    ) -> None:
        self._options = options
        self._run = run
        self._simulator = simulator
        self._broker = broker
        self._store = store
        self._progress = Progress()
        self._ingested = IngestStatus()
        self._analysed = AnalyticsStatus()
        self._page_up = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Everything up, the simulator to its end, everything down in the order of the flow."""
        ends = {part: asyncio.Event() for part in ("ingest", "analytics", "page")}
        async with together() as start:
            page = start(self._serve(ends["page"]))
            await self._page_up.wait()  # a taken port is told before anything else begins
            ingester = start(self._ingest(ends["ingest"]))
            analyst = start(self._analyse(ends["analytics"]))
            # Before the first subscription a broker keeps nothing: what is published then is gone.
            await _until(self._listening)
            async with status_line(self._pipeline):
                await self._simulate(stop)
                await _until(self._ended)
            ends["ingest"].set()
            await ingester
            ends["analytics"].set()
            await analyst
            ends["page"].set()
            await page

    async def _simulate(self, stop: asyncio.Event) -> None:
        await simulate(
            self._simulator,
            self._broker,
            stop=stop,
            clock_ns=time.time_ns,
            sleep=asyncio.sleep,
            boot=secrets.token_hex(8),
            progress=self._progress,
        )

    def _ingest(self, stop: asyncio.Event) -> Coroutine[Any, Any, None]:
        host = "qilu-demo" if self._simulator.wire == "sparkplug" else ""
        settings = IngestSettings(dead_letters=str(self._run.dead_letters), sparkplug_host=host)
        return ingest(settings, self._broker, self._store, stop=stop, clock_ns=time.time_ns, status=self._ingested)

    async def _analyse(self, stop: asyncio.Event) -> None:
        """From when the history is stored: one pass over a day is faster than a pass at each of its hours."""
        await _until(lambda: stop.is_set() or (self._progress.phase != "history" and self._drained()))
        keep(self._run)
        await analyse(AnalyticsSettings(), self._store, stop=stop, status=self._analysed)

    def _serve(self, stop: asyncio.Event) -> Coroutine[Any, Any, None]:
        return web.serve(
            Page(port=self._options.port), self._store, self._pipeline, stop=stop, on_ready=self._page_is_up
        )

    def _page_is_up(self, url: str) -> None:
        print(f"qilu: the factory is at {url}   (Ctrl-C ends it)", file=sys.stderr, flush=True)
        if self._options.browser and has_screen(sys.platform, os.environ):
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, url)  # it may take its time
        self._page_up.set()

    def _pipeline(self) -> Pipeline:
        progress, ingested = self._progress, self._ingested
        return Pipeline(
            plant_now_ns=progress.plant_now_ns,
            speed=None if isinstance(self._simulator.speed, str) else self._simulator.speed,
            phase=progress.phase,
            sent=progress.messages,
            acked=progress.acked,
            received=ingested.received,
            written=ingested.written,
            dead_lettered=ingested.dead_lettered,
            lag_ms=ingested.last_write_lag_ms,
            connected=ingested.connected,
        )

    def _listening(self) -> bool:
        """Whether all subscriptions stand: of a Sparkplug host as well, for its messages are not kept for it."""
        ingested = self._ingested
        return ingested.connected and (ingested.sparkplug_online or self._simulator.wire == "json")

    def _ended(self) -> bool:
        """Whether nothing more will come: over Sparkplug, a node's farewell is its last word."""
        host = self._ingested.sparkplug
        return self._drained() and (host is None or not (host.nodes_online or host.held))

    def _drained(self) -> bool:
        """Whether the ingester has settled as many messages as the broker has acknowledged.

        It may settle more, for the broker may deliver one twice.
        """
        settled = self._ingested.written + self._ingested.duplicate + self._ingested.dead_lettered
        return settled >= self._progress.acked and not self._ingested.buffered


async def _until(reached: Callable[[], bool]) -> None:
    """Wait for it, but not for ever: what is missing at the end is counted by the report."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while not reached():  # noqa: ASYNC110  # the programs show their state; nobody announces it
                await asyncio.sleep(_POLL_S)
