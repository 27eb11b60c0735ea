"""The whole factory as one pure thing: run it to a time, and it says everything that there is to say until then.

What it is: kernel, market, signals, meters, books and speakers put together, without a clock and without a connection.
The same park, boot, start and cuts of time give the same bytes.
What it is not: paced or sent; ``run.py`` does both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from contract import Address, CommandRow, Reply, ReplyRow
from simulator import kernel, signals
from simulator.bookings import Bookings
from simulator.effects import Effects
from simulator.energy import NO_ROWS, Meter
from simulator.fault_plan import FaultPlan, ledger_line
from simulator.fault_targets import Targets, targets_of
from simulator.happenings import Happenings, Rows
from simulator.kernel import MachineTruth
from simulator.limits import refusing
from simulator.outgoing import Outgoing
from simulator.plant import DAY_NS, MINUTE_NS, Park, Site
from simulator.signal_faults import SensorFault
from simulator.speak import ENERGY, Speaker
from simulator.truth import Bands, meter_truth
from simulator.voice import Metered, Times, Voice
from simulator.wire_faults import Dropped, WireFaults
from simulator.worlds import world_of

HORIZON_NS: Final = 11 * 366 * DAY_NS
"""How far shifts are laid out: longer than the longest run that settings allow."""


class Factory:
    """A park that runs.

    Args:
        park: what to run.
        boot: hexadecimal, new at each start.
        start_ns: where plant time begins.
        plan: the faults of the run; none without it, and commands may add to it.
        horizon_ns: how far shifts and prices are laid out.

    Raises:
        ConfigError: a park that can never run, or that asks for more than can be simulated.
    """

    def __init__(
        self, park: Park, boot: str, start_ns: int, *, plan: FaultPlan | None = None, horizon_ns: int | None = None
    ) -> None:
        self.park = park
        self.start_ns = start_ns
        self.plan = plan or FaultPlan(park.seed, start_ns, targets(park))
        world = world_of(park, start_ns, horizon_ns or start_ns + HORIZON_NS)
        with refusing(park.name):
            self.plant = kernel.start(world, park.seed, start_ns)
        self._bookings = Bookings(park, boot, start_ns)
        stocks = [material.name.partition("/")[2] for material in world.materials]
        bands = {site.enterprise: Bands(site.tariff) for site in park.sites}
        self._houses = [
            _House(site, Speaker(site, boot, stocks), bands[site.enterprise], start_ns) for site in park.sites
        ]
        self._bookings.speak(house.speaker.next_seq for house in self._houses)
        self.voices = [voice for house in self._houses for voice in house.voices]
        self._speakers = [house.speaker for house in self._houses for _ in house.voices]
        self._happened: list[Happenings] = []
        self._wire = WireFaults(self.plan)
        meters = {voice.address.path: voice.metered for voice in self.voices}
        meters |= {house.site.meter.path: house.meter for house in self._houses}
        self._effects = Effects(park, self.plant, self.plan, meters, self._bookings.owner)
        self._boot = boot
        self._said_ns = start_ns
        self._done: list[tuple[Address, ReplyRow]] = []
        self._replied_ns: dict[Address, int] = {}
        kernel.place(self.plant, self._bookings.first(start_ns))
        kernel.fill(self.plant)

    @property
    def now_ns(self) -> int:
        """Plant time: everything before it is done and said."""
        return self.plant.now_ns

    def opening(self) -> list[Outgoing]:
        """The births."""
        said = [out for house in self._houses for out in house.speaker.births(self.start_ns)]
        return said + self._bookings.births(self.start_ns)

    def advance(self, until_ns: int, telemetry_ns: int, *, hold: bool = False) -> list[Outgoing]:
        """Run to a time, which is not part of it, and say what happened; one sample per ``telemetry_ns``.

        With ``hold`` it is said by the next call, together with what happens then: in fewer and longer messages. What
        was told before a fault begins or ends is not held. No command may come while something is held.
        """
        said: list[Outgoing] = []
        for from_ns, to_ns in self._stretches(until_ns):
            self._hear(from_ns, to_ns)
            if not hold or self._effects.next_change(from_ns) == to_ns:
                said += self._wire.apply(self._say(to_ns, telemetry_ns), to_ns)
        return said

    def skip(self, until_ns: int) -> None:
        """Run to a time and keep the books, but say nothing."""
        for from_ns, to_ns in self._stretches(until_ns):
            happened = self._run(to_ns)
            entered = _by_machine(happened.entered, len(self.voices))
            for voice, mine, faults in zip(self.voices, entered, self._sensor_faults(from_ns, to_ns), strict=True):
                voice.note(mine, to_ns, faults)
            for house in self._houses:
                house.meter.note(NO_ROWS, to_ns)
            self._bookings.skip(from_ns, to_ns, happened)
            self._said_ns = to_ns
            for _ in self._effects.done(happened.entered):
                pass  # a promise that is kept is no longer waited for

    def command(self, address: Address, row: CommandRow) -> tuple[ReplyRow, list[Outgoing]]:
        """Obey a command at the plant time reached, or refuse it: the answer, and what is to be sent now."""
        row_back = self._effects.command(address, row, self.now_ns)
        return row_back, self._wire.apply([self.reply(address, row_back)], self.now_ns)

    def _stretches(self, until_ns: int) -> Iterator[tuple[int, int]]:
        """The way to a time, in stretches in which no fault begins or ends."""
        while self.now_ns < until_ns:
            now_ns = self.now_ns
            self._effects.change(now_ns)
            change_ns = self._effects.next_change(now_ns)
            yield now_ns, until_ns if change_ns is None else min(until_ns, change_ns)

    def _hear(self, from_ns: int, until_ns: int) -> None:
        """Let time pass and keep the books; what is to be said of it waits."""
        happened = self._run(until_ns)
        readings_ns = self._reading_times(from_ns, until_ns)
        entered = _by_machine(happened.entered, len(self.voices))
        finished = _by_machine(happened.finished, len(self.voices))
        for voice, its_states, its_lots in zip(self.voices, entered, finished, strict=True):
            voice.hear(its_states, its_lots, readings_ns, until_ns)
        for house in self._houses:
            house.meter.hear(NO_ROWS, readings_ns, until_ns)
        self._bookings.hear(from_ns, until_ns, happened)
        self._done += self._effects.done(happened.entered)

    def _say(self, until_ns: int, telemetry_ns: int) -> list[Outgoing]:
        """Everything heard and not yet said."""
        from_ns, self._said_ns = self._said_ns, until_ns
        samples_ns = signals.grid(from_ns, until_ns, telemetry_ns)
        faults = self._sensor_faults(from_ns, until_ns)
        said = [out for house in self._houses for out in house.meter.say(house.speaker, house.site.meter)]
        for voice, speaker, its_faults in zip(self.voices, self._speakers, faults, strict=True):
            said += voice.say(speaker, samples_ns, period_ns=telemetry_ns, until_ns=until_ns, faults=its_faults)
        said += self._bookings.say()
        done, self._done = self._done, []
        return said + [self.reply(address, row) for address, row in done]

    def _sensor_faults(self, from_ns: int, until_ns: int) -> list[Sequence[SensorFault]]:
        """The faults of each machine's sensors during a stretch of time."""
        hurt = {one.path for one in self.plan.active(from_ns, until_ns) if one.fault.of.group == "sensor"}
        return [
            voice.faults(self.plan, from_ns, until_ns) if voice.address.path in hurt else () for voice in self.voices
        ]

    def reply(self, address: Address, row: ReplyRow) -> Outgoing:
        """The answer to a command, as the next message of who was asked; no two of its answers are of one time."""
        t_ns = max(row.t, self._replied_ns.get(address, -1) + 1)
        self._replied_ns[address] = t_ns
        speaker = next((h.speaker for h in self._houses if h.site.enterprise == address.enterprise), None)
        seq = speaker.next_seq(address) if speaker else 1
        return Outgoing.of(address, Reply(boot=self._boot, seq=seq, rows=[replace(row, t=t_ns)]))

    def closing(self) -> list[Outgoing]:
        """The last meter readings and the deaths, at the plant time reached."""
        now = self.now_ns
        said = self._wire.flush()
        for number, house in enumerate(self._houses):
            house.meter.hear(NO_ROWS, np.array([now]), now)
            said += house.meter.say(house.speaker, house.site.meter)
            for voice in house.voices:
                said += voice.last_reading(house.speaker, now)
            said += house.speaker.deaths(now, self._bookings.addresses(number))
        return said

    def truth(self) -> list[tuple[str, dict[str, Any]]]:
        """(address path, what has really happened there since the start), for each machine and the meters."""
        done: list[MachineTruth] = kernel.truth(self.plant)
        lines = [
            (voice.address.path, voice.truth(machine, self.now_ns))
            for voice, machine in zip(self.voices, done, strict=True)
        ]
        return lines + [line for house in self._houses for line in house.truth(self.now_ns)]

    def flows(self) -> list[tuple[str, dict[str, Any]]]:
        """(site path, orders, stocks and work in progress there since the start)."""
        return self._bookings.truth(self.plant)

    def fault_lines(self, known: Collection[str]) -> list[dict[str, Any]]:
        """What the ledger says of the faults that are planned, but for those whose ids are ``known``."""
        return [ledger_line(one) for one in self.plan.all if one.id not in known]

    @property
    def dropped(self) -> list[Dropped]:
        """Messages that a fault of communication has swallowed since this was last asked."""
        return self._wire.take_dropped()

    def take_happened(self) -> list[Happenings]:
        """What the kernel told since this was last asked, for the ledger."""
        taken, self._happened = self._happened, []
        return taken

    def _run(self, until_ns: int) -> Happenings:
        for orders in self._bookings.until(until_ns):
            kernel.place(self.plant, orders)
        happened = kernel.advance(self.plant, until_ns)
        self._happened.append(happened)
        return happened

    def _reading_times(self, from_ns: int, until_ns: int) -> Times:
        """Every full minute, and the very start."""
        times = signals.grid(from_ns, until_ns, MINUTE_NS)
        if from_ns == self.start_ns < until_ns and (not len(times) or times[0] != from_ns):
            times = np.concatenate([np.array([from_ns]), times])
        return times


def targets(park: Park) -> list[Targets]:
    """What faults can hit."""
    return [targets_of(site.sector, site.models, site.enterprise, site.site, site.line_name) for site in park.sites]


class _House:
    """A site with its speaker, its machines and its meter of what no machine uses."""

    def __init__(self, site: Site, speaker: Speaker, bands: Bands, start_ns: int) -> None:
        self.site = site
        self.speaker = speaker
        self.voices = [Voice(site, address, step, bands, start_ns) for address, step in site.machines]
        with refusing(f"sector {site.sector.id}: aux_kw"):
            meter = Meter.constant(ENERGY, round(site.sector.aux_kw * 1000), start_ns)
        self.meter = Metered(meter, bands, start_ns)

    def truth(self, now_ns: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """The meter's line of the ledger."""
        self.meter.note(NO_ROWS, now_ns)
        yield self.site.meter.path, meter_truth(self.meter.book)


def _by_machine(rows: Rows, machines: int) -> list[Rows]:
    """The rows of each machine, in their order."""
    order = np.argsort(rows["machine"], kind="stable")
    mine = rows[order]
    edges = np.searchsorted(mine["machine"], np.arange(machines + 1)).tolist()
    return [mine[a:b] for a, b in pairwise(edges)]
