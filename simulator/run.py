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
from typing import Final, TypeVar

import msgspec

from contract import Address, CommandRow, LinkError, ReplyRow
from service import Broker, Heartbeat, ended
from simulator.factory import Factory
from simulator.fault_plan import ledger_line
from simulator.ledger import Ledger
from simulator.links import Links, Orders, sparkplug_of
from simulator.outboxes import Outboxes
from simulator.outgoing import PACKINGS, Outgoing
from simulator.plant import HOUR_NS, MINUTE_NS, SECOND_NS
from simulator.progress import Progress, Summary
from simulator.resend import Resends
from simulator.settings import Settings
from simulator.setup import setup
from simulator.span import Told, span
from simulator.speak import will

__all__ = ["Progress", "Summary", "new_boot", "simulate"]

TICK_S: Final = 0.25
SLICE_NS: Final = HOUR_NS
"""Time goes in slices of all machines, so that whoever listens sees it move on evenly."""
BACK_FILL_HOURS: Final = 6
"""The slices of the back-fill are longer, for a message of many rows costs little more than one of few."""
BACK_FILL_MACHINE_HOURS: Final = 150
"""They are shorter in a large park: a slice is held in memory until the broker has it."""
FAST_SLICE_NS: Final = 10 * MINUTE_NS
GRACE_S: Final = 10.0
"""How long a stop waits for what is not acknowledged."""
CONNECT_GRACE_S: Final = 2.0
"""How long a stop that comes at the very start waits for the broker; then there is at least an orderly empty run."""
_LOG: Final = logging.getLogger("qilu.simulator")
T = TypeVar("T")


def new_boot() -> str:
    """A name for this start, that no other start has."""
    return secrets.token_hex(8)


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
    what = setup(settings)
    settings = what.settings
    told = Told(settings.memory)
    start_ns, live_ns = span(settings, clock_ns(), told.read())
    factory = Factory(what.park, boot, start_ns, plan=what.plan(live_ns, start_ns))
    heartbeat = Heartbeat(settings.heartbeat, lambda: clock_ns() / SECOND_NS)
    async with AsyncExitStack() as stack:
        ledger = stack.enter_context(Ledger(settings.ledger, boot=boot))
        path = settings.outbox if settings.wire == "json" else ""
        boxes = stack.enter_context(Outboxes(path, len(what.park.sites), settings.outbox_bytes))
        resends = Resends([site.gateway for site in what.park.sites], boxes, lambda: factory.now_ns)
        orders = Orders(factory, resends)
        links = Links(
            broker,
            settings.client_id,
            [will(site, boot) for site in what.park.sites],
            on_acked=ledger.acked,
            on_command=orders.hear if settings.commands else None,
            keep_trying=keep_trying,
            sleep=sleep,
            sparkplug=sparkplug_of(settings),
            outboxes=boxes.mine,
            packing=PACKINGS[settings.compress],
        )
        run = _Run(settings, factory, links, ledger, told, heartbeat, progress or Progress(), stop, clock_ns, orders)
        run.begin(what.park.name, start_ns)
        await run.until_stuck(stack.enter_async_context(links), grace_s=CONNECT_GRACE_S)
        async with resends.answering(run.answer, links.publish_again, stop):
            await run.open()
            await run.history(live_ns)
            if run.on_wall_time:
                await run.catch_up()
            await run.live(sleep)
        await run.close()
    return Summary(boot, start_ns, factory.now_ns, run.messages, links.acked, dict(run.rows))


@dataclass(slots=True)
class _Run:
    """One run: everything that ``simulate`` has put together, and what was said so far."""

    settings: Settings
    factory: Factory
    links: Links
    ledger: Ledger
    told: Told
    heartbeat: Heartbeat
    progress: Progress
    stop: asyncio.Event
    clock_ns: Callable[[], int]
    orders: Orders
    messages: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    truth_ns: int = -1
    beaten_ns: int = 0

    @property
    def on_wall_time(self) -> bool:
        """Whether plant time is to be wall time."""
        return not self.settings.start and self.settings.speed == 1

    def begin(self, name: str, start_ns: int) -> None:
        """The head of the ledger."""
        machines = [voice.address.path for voice in self.factory.voices]
        self.ledger.begin(seed=self.settings.seed, sector=name, start_ns=start_ns, machines=machines)
        self.ledger.faults(ledger_line(one) for one in self.factory.plan.all)

    async def open(self) -> None:
        """The births, and the truth at the start."""
        self.progress.speed = self.settings.speed
        self.testify()
        await self.publish(self.factory.opening())

    async def history(self, until_ns: int) -> None:
        """Back-fill at full speed."""
        start_ns = self.factory.now_ns
        period_ns = self.settings.history_telemetry_s * SECOND_NS
        hours = BACK_FILL_MACHINE_HOURS // len(self.factory.voices)
        slice_ns = max(1, min(BACK_FILL_HOURS, hours)) * HOUR_NS
        tenths = 0
        while self.factory.now_ns < until_ns and not self.stop.is_set():
            await self.advance(min(until_ns, _next_multiple(self.factory.now_ns, slice_ns)), period_ns, slice_ns)
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
        period_ns = self.settings.live_telemetry_s * SECOND_NS
        start_ns, wall_ns = self.factory.now_ns, self.clock_ns()
        if self.on_wall_time:
            wall_ns = min(wall_ns, start_ns)  # the rest that catching up has left; what runs ahead stays ahead
        end_ns = start_ns + round(duration_s * self.settings.pace * SECOND_NS) if duration_s else None
        _LOG.info("live at speed %s", speed)
        while not self.stop.is_set() and self.factory.now_ns != end_ns:
            if isinstance(speed, str):
                goal_ns = _next_multiple(self.factory.now_ns, FAST_SLICE_NS)
            else:
                await sleep(TICK_S - self.clock_ns() / SECOND_NS % TICK_S)  # samples of a full second wait for no tick
                goal_ns = start_ns + round((self.clock_ns() - wall_ns) * speed)
            goal_ns = max(goal_ns, self.factory.now_ns)  # a wall clock may be set back; plant time waits for it
            await self.advance(goal_ns if end_ns is None else min(goal_ns, end_ns), period_ns)

    async def close(self) -> None:
        """Last readings, deaths, the truth at the end."""
        end_ns = self.factory.now_ns
        self.testify()
        await self.publish(self.factory.closing())
        self.ledger.events(self.factory.take_happened())
        self.ledger.end(end_ns)
        self.progress.phase = "ended"

    async def advance(self, until_ns: int, period_ns: int, slice_ns: int = SLICE_NS) -> None:
        """Run the factory and publish what it says, in slices; the ledger gets the truth at each full hour.

        A stretch is long after a computer's sleep or a broker's absence: neither stop nor heartbeat waits for its end.
        """
        while self.factory.now_ns < until_ns:
            end_ns = min(until_ns, _next_multiple(self.factory.now_ns, slice_ns))
            said = self.orders.obey(self.ledger)
            while self.factory.now_ns < end_ns:
                next_ns = min(end_ns, _next_multiple(self.factory.now_ns, HOUR_NS))
                said += self.factory.advance(next_ns, period_ns, hold=next_ns < end_ns)
                self.ledger.dropped(self.factory.dropped)
                if next_ns % HOUR_NS == 0:
                    self.testify()
                await asyncio.sleep(0)  # whoever shares the loop goes on meanwhile
            await self.publish(said)
            self.beat()
            if self.stop.is_set():
                return
        self.beat()

    def testify(self) -> None:
        """The truth up to now, into the ledger, once."""
        if self.truth_ns != self.factory.now_ns:
            self.truth_ns = self.factory.now_ns
            self.ledger.events(self.factory.take_happened())
            self.ledger.truth(self.truth_ns, self.factory.truth())
            self.ledger.flows(self.truth_ns, self.factory.flows())

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
        await self.until_stuck(self.links.publish(said), grace_s=GRACE_S)
        self.ledger.flush()
        self.progress.acked = self.links.acked
        self.progress.connected = self.links.connected

    async def answer(self, address: Address, asked: CommandRow, row: ReplyRow) -> None:
        """Reply to a command that the factory has nothing to do with."""
        told = {"asked": msgspec.to_builtins(asked), "reply": msgspec.to_builtins(row)}
        self.ledger.command(address.path, row.t, told)
        await self.publish([self.factory.reply(address, row)])

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
        self.progress.connected = self.links.connected
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=grace_s)
            if not task.done():
                unacked = self.messages - self.links.acked
                raise LinkError(f"stopped with {unacked} messages not acknowledged by the broker; is it running?")
            return task.result()
        finally:
            await ended(task, stopped)


def _next_multiple(t_ns: int, period_ns: int) -> int:
    return t_ns - t_ns % period_ns + period_ns
