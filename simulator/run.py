"""The shell of the simulator: clock, pace, broker and ledger around the pure factory.

What it is: ``simulate`` back-fills the history through the same contract, then lets plant time pass at ``speed``, and
ends cleanly: last readings, deaths, everything acknowledged. The factory decides what happens, this file only when
it is said.
What it is not: a model. No figure of the plant stands here.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from contract import ConfigError, ContractError, LinkError
from service import Broker, Heartbeat
from simulator.catalogue import load_sector, load_tariff
from simulator.factory import Factory
from simulator.ledger import Ledger
from simulator.outgoing import Outgoing
from simulator.plant import HOUR_NS, MINUTE_NS, SECOND_NS, Site
from simulator.publisher import Publisher
from simulator.settings import Settings
from simulator.span import Told, span
from simulator.speak import will

TICK_S: Final = 0.25
SLICE_NS: Final = HOUR_NS
"""The back-fill goes in slices of all machines, so that whoever listens sees time move on evenly."""
FAST_SLICE_NS: Final = 10 * MINUTE_NS
GRACE_S: Final = 10.0
"""How long a stop waits for what is not acknowledged."""
CONNECT_GRACE_S: Final = 2.0
"""How long a stop that comes at the very start waits for the broker; then there is at least an orderly empty run."""
_LOG: Final = logging.getLogger("qilu.simulator")
T = TypeVar("T")


@dataclass(slots=True)
class Progress:
    """Where the simulator is; it is kept up to date while ``simulate`` runs, for whoever wants to look."""

    plant_now_ns: int = 0
    speed: float | Literal["max"] = 1.0
    phase: Literal["history", "live", "ended"] = "history"
    history_fraction: float = 0.0
    messages: int = 0
    acked: int = 0
    connected: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run has said, after its clean end; ``rows`` by kind."""

    boot: str
    start_ns: int
    end_ns: int
    messages: int
    acked: int
    rows: dict[str, int] = field(default_factory=dict)


def new_boot() -> str:
    """A name for this start, that no other start has."""
    return secrets.token_hex(8)


def site_of(settings: Settings) -> Site:
    """The site that the settings describe.

    Raises:
        ConfigError: no such sector, a data file is wrong, or a name that may not stand in an address.
    """
    sector = load_sector(settings.sector)
    site = Site(sector, load_tariff(sector.tariff), settings.seed, settings.enterprise, settings.site, settings.line)
    try:
        _ = site.gateway, site.meter, site.machines
    except ContractError as error:
        raise ConfigError(f"configuration: [simulator]: {error.detail}") from None
    return site


async def simulate(
    settings: Settings,
    broker: Broker,
    *,
    stop: asyncio.Event,
    clock_ns: Callable[[], int] = time.time_ns,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    boot: str | None = None,
    progress: Progress | None = None,
    keep_trying: bool = True,
) -> Summary:
    """Run the factory until ``stop`` is set or ``duration_s`` is over.

    Args:
        settings: what to run and how fast.
        broker: where to publish.
        stop: set it to end the run cleanly at the plant time reached.
        clock_ns: wall time; plant time follows it, never the model.
        sleep: how to wait for the next tick and between attempts to connect.
        boot: names this start; drawn when it is None.
        progress: kept up to date.
        keep_trying: wait for a broker that is not there yet; otherwise that is a LinkError.

    Raises:
        ConfigError: the settings cannot be met; nothing was sent.
        LinkError: no broker at the start (with ``keep_trying`` off), or at the stop it took too long to acknowledge.
    """
    boot = boot or new_boot()
    site = site_of(settings)
    told = Told(settings.memory)
    start_ns, live_ns = span(settings, clock_ns(), told.read())
    factory = Factory(site, boot, start_ns)
    heartbeat = Heartbeat(settings.heartbeat, lambda: clock_ns() / SECOND_NS)
    last = will(site, boot)
    async with AsyncExitStack() as stack:
        ledger = stack.enter_context(Ledger(settings.ledger, boot=boot))
        publisher = Publisher(
            broker,
            settings.client_id,
            will=(last.topic, last.payload),
            on_acked=ledger.acked,
            keep_trying=keep_trying,
            sleep=sleep,
        )
        run = _Run(settings, factory, publisher, ledger, told, heartbeat, progress or Progress(), stop, clock_ns)
        ledger.begin(seed=settings.seed, sector=settings.sector, start_ns=start_ns)
        await run.until_stuck(stack.enter_async_context(publisher), grace_s=CONNECT_GRACE_S)
        await run.open()
        await run.history(live_ns)
        if not settings.start and settings.speed == 1:
            await run.catch_up()
        await run.live(sleep)
        await run.close()
    return Summary(boot, start_ns, factory.now_ns, run.messages, publisher.acked, dict(run.rows))


@dataclass(slots=True)
class _Run:
    """One run: everything that ``simulate`` has put together, and what was said so far."""

    settings: Settings
    factory: Factory
    publisher: Publisher
    ledger: Ledger
    told: Told
    heartbeat: Heartbeat
    progress: Progress
    stop: asyncio.Event
    clock_ns: Callable[[], int]
    messages: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    truth_ns: int = -1
    beaten_ns: int = 0

    async def open(self) -> None:
        """The births, and the truth at the start."""
        self.progress.speed = self.settings.speed
        self.testify()
        await self.publish(self.factory.opening())

    async def history(self, until_ns: int) -> None:
        """Back-fill at full speed."""
        start_ns = self.factory.now_ns
        period_ns = self.settings.history_telemetry_s * SECOND_NS
        tenths = 0
        while self.factory.now_ns < until_ns and not self.stop.is_set():
            await self.advance(min(until_ns, _next_multiple(self.factory.now_ns, SLICE_NS)), period_ns)
            fraction = (self.factory.now_ns - start_ns) / (until_ns - start_ns)
            self.progress.history_fraction = fraction
            if int(10 * fraction) > tenths:
                tenths = int(10 * fraction)
                _LOG.info("history: %d %%, %d messages", 10 * tenths, self.messages)
        self.progress.history_fraction = 1.0

    async def catch_up(self) -> None:
        """The back-fill took its time: make it up, so that at speed 1 plant time is wall time."""
        while self.clock_ns() - self.factory.now_ns > SECOND_NS and not self.stop.is_set():
            await self.advance(self.clock_ns(), self.settings.live_telemetry_s * SECOND_NS)

    async def live(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Let time pass: at a speed by the clock, or as fast as it goes."""
        self.progress.phase = "live"
        speed, duration_s = self.settings.speed, self.settings.duration_s
        pace = 1.0 if isinstance(speed, str) else speed
        period_ns = self.settings.live_telemetry_s * SECOND_NS
        start_ns, wall_ns = self.factory.now_ns, self.clock_ns()
        end_ns = start_ns + round(duration_s * pace * SECOND_NS) if duration_s else None
        _LOG.info("live at speed %s", speed)
        while not self.stop.is_set() and self.factory.now_ns != end_ns:
            if isinstance(speed, str):
                goal_ns = _next_multiple(self.factory.now_ns, FAST_SLICE_NS)
            else:
                await sleep(TICK_S)
                goal_ns = start_ns + round((self.clock_ns() - wall_ns) * pace)
            goal_ns = max(goal_ns, self.factory.now_ns)  # a wall clock may be set back; plant time waits for it
            await self.advance(goal_ns if end_ns is None else min(goal_ns, end_ns), period_ns)

    async def close(self) -> None:
        """Last readings, deaths, the truth at the end."""
        end_ns = self.factory.now_ns
        self.testify()
        await self.publish(self.factory.closing())
        self.ledger.end(end_ns)
        self.progress.phase = "ended"

    async def advance(self, until_ns: int, period_ns: int) -> None:
        """Run the factory and publish what it says, in slices; the ledger gets the truth at each full hour.

        A stretch is long after a computer's sleep or a broker's absence: neither stop nor heartbeat waits for its end.
        """
        while self.factory.now_ns < until_ns:
            next_ns = min(until_ns, _next_multiple(self.factory.now_ns, SLICE_NS))
            said = self.factory.advance(next_ns, period_ns)
            if next_ns % HOUR_NS == 0:
                self.testify()
            await self.publish(said)
            self.beat()
            if self.stop.is_set():
                return
        self.beat()

    def testify(self) -> None:
        """The truth up to now, into the ledger, once."""
        if self.truth_ns != self.factory.now_ns:
            self.truth_ns = self.factory.now_ns
            self.ledger.truth(self.truth_ns, self.factory.truth())

    async def publish(self, said: Sequence[Outgoing]) -> None:
        """Send, and wait until all of it is acknowledged."""
        if not said:
            return
        self.told.write(self.factory.now_ns)
        self.ledger.promise(said)
        self.messages += len(said)
        self.progress.messages = self.messages
        for item in said:
            self.rows[item.kind] += item.rows
        await self.until_stuck(self.publisher.publish(said), grace_s=GRACE_S)
        self.ledger.flush()
        self.progress.acked = self.publisher.acked
        self.progress.connected = self.publisher.connected

    def beat(self) -> None:
        """The progress, and the heartbeat once a second; a link that is down holds the run up, and it goes stale."""
        self.progress.plant_now_ns = self.factory.now_ns
        now_ns = self.clock_ns()
        if abs(now_ns - self.beaten_ns) < SECOND_NS:
            return
        self.beaten_ns = now_ns
        self.heartbeat.beat({"phase": self.progress.phase, "messages": self.messages, "acked": self.progress.acked})

    async def until_stuck(self, work: Awaitable[T], *, grace_s: float) -> T:
        """Wait for work on the link; once the run is to stop, no longer than the grace."""
        task = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self.stop.wait())
        self.progress.connected = self.publisher.connected
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=grace_s)
            if not task.done():
                unacked = self.messages - self.publisher.acked
                raise LinkError(f"stopped with {unacked} messages not acknowledged by the broker; is it running?")
            return task.result()
        finally:
            for waiting in (task, stopped):
                waiting.cancel()
            await asyncio.gather(task, stopped, return_exceptions=True)


def _next_multiple(t_ns: int, period_ns: int) -> int:
    return t_ns - t_ns % period_ns + period_ns
