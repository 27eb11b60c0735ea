"""The factory's words: what happened, said in messages of the contract.

What it is: pure. Each address counts its own ``seq`` over all kinds from 1; rows go out in batches that the contract
takes. The only file of the simulator that knows which PackML state a machine's doing is.
What it is not: a connection; ``publisher.py`` sends what is said here. Consumers and suppliers have their own words
(``commerce.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from contract import (
    Address,
    Birth,
    Cycle,
    CycleRow,
    Death,
    Economics,
    Meter,
    MeterRow,
    Mode,
    PackMLState,
    Production,
    Reason,
    Sensor,
    State,
    StateRow,
    Telemetry,
)
from simulator.commerce import order_name
from simulator.happenings import NOTHING, Doing, Rows
from simulator.outgoing import Outgoing
from simulator.plant import GATEWAY, Site, ideal_cycle_ns, operators_of
from simulator.sector_model import StepModel

BATCH_ROWS: Final = 500
ENERGY: Final = "energy_wh"
LAST_WORDS: Final = "end of the run"
T = TypeVar("T")


class Spoken(NamedTuple):
    """How a doing is said."""

    state: PackMLState
    reason: Reason
    mode: Mode = Mode.PRODUCTION
    cause: str | None = None


STATES: Final[Mapping[Doing, Spoken]] = {
    Doing.RUNNING: Spoken(PackMLState.EXECUTE, Reason.RUNNING),
    Doing.STARVED: Spoken(PackMLState.SUSPENDED, Reason.STARVED),
    Doing.BLOCKED: Spoken(PackMLState.SUSPENDED, Reason.BLOCKED),
    Doing.SETUP: Spoken(PackMLState.STOPPED, Reason.SETUP, Mode.MAINTENANCE),
    Doing.MINOR_STOP: Spoken(PackMLState.HELD, Reason.MINOR_STOP),
    Doing.DOWN: Spoken(PackMLState.ABORTED, Reason.BREAKDOWN),
    Doing.REPAIR: Spoken(PackMLState.CLEARING, Reason.BREAKDOWN),
    Doing.NO_ORDER: Spoken(PackMLState.IDLE, Reason.NO_ORDER),
    Doing.NO_MATERIAL: Spoken(PackMLState.SUSPENDED, Reason.STARVED),
    Doing.NO_POWER: Spoken(PackMLState.SUSPENDED, Reason.UTILITY, cause="power limit"),
    Doing.WAIT_TARIFF: Spoken(PackMLState.SUSPENDED, Reason.UTILITY, cause="power tariff"),
    Doing.MAINTENANCE: Spoken(PackMLState.STOPPED, Reason.PLANNED_MAINTENANCE, Mode.MAINTENANCE),
    Doing.OFF: Spoken(PackMLState.STOPPED, Reason.NO_SHIFT),
    Doing.PAUSE: Spoken(PackMLState.STOPPED, Reason.PLANNED_STOP, cause="break"),
}
NAMES: Final[Mapping[Doing, str]] = {doing: f"{said.state}/{said.reason}" for doing, said in STATES.items()}
"""``State/reason`` of each doing, the words of the ledger."""
_SAID: Final = [STATES[doing] for doing in Doing]


class Speaker:
    """Speaks for every address of a site within one boot.

    Args:
        site: whom to speak for.
        boot: hexadecimal, new at each start.
        materials: names of the world's stocks, by number: what a machine can wait for.
    """

    def __init__(self, site: Site, boot: str, materials: Sequence[str] = ()) -> None:
        self._site = site
        self._boot = boot
        self._materials = materials
        self._said: Counter[Address] = Counter()

    def next_seq(self, address: Address) -> int:
        """The number of the next message from an address."""
        self._said[address] += 1
        return self._said[address]

    def births(self, t_ns: int) -> list[Outgoing]:
        """I am here: the gateway, each machine and the meter, to be retained by the broker."""
        site = self._site
        said = [
            self._birth(
                site.gateway,
                t_ns,
                role="gateway",
                model="Qilu line gateway",
                members=[address.machine for address, _ in site.machines],
            ),
            self._birth(
                site.meter,
                t_ns,
                role="meter",
                model="auxiliary electricity meter",
                counters={ENERGY: "Wh"},
                economics=Economics(currency=site.sector.currency, tariff=site.tariff),
            ),
        ]
        return said + [self._machine_birth(address, step, t_ns) for address, step in site.machines]

    def deaths(self, t_ns: int, others: Sequence[Address] = ()) -> list[Outgoing]:
        """The clean end, the gateway last."""
        addresses = [*(address for address, _ in self._site.machines), self._site.meter, *others, self._site.gateway]
        return [
            Outgoing.of(a, Death(boot=self._boot, seq=self.next_seq(a), t=t_ns, reason=LAST_WORDS)) for a in addresses
        ]

    def states(self, address: Address, modes: Sequence[str], entered: Rows) -> Iterator[Outgoing]:
        """States entered (``ENTERED``); a breakdown names the mode that failed, a wait what is missing."""
        names = ("t_ns", "doing", "order", "detail", "mode")
        rows = []
        for t_ns, doing, order, detail, mode in zip(*(entered[name].tolist() for name in names), strict=True):
            said = _SAID[doing]
            cause = said.cause
            if doing in (Doing.DOWN, Doing.REPAIR):
                cause = modes[mode]
            elif doing == Doing.NO_MATERIAL:
                cause = self._materials[detail]
            elif doing == Doing.PAUSE and detail:
                cause = "command"
            rows.append(
                StateRow(
                    t=t_ns,
                    state=said.state,
                    reason=said.reason,
                    mode=said.mode,
                    order=None if order == NOTHING else order_name(order),
                    cause=cause,
                )
            )
        for batch in _batches(rows):
            yield Outgoing.of(address, State(boot=self._boot, seq=self.next_seq(address), rows=batch))

    def cycles(self, address: Address, ideal_ns: int, finished: Rows) -> Iterator[Outgoing]:
        """Lots finished (``FINISHED``); ``ideal_ns`` is the planned running time per unit."""
        product, name = self._site.sector.product.id, self._site.variants.name
        columns = ("t_ns", "order", "variant", "good", "scrap", "rework", "actual_ns")
        rows = [
            CycleRow(
                t=t_ns,
                order=order_name(order),
                product=product,
                variant=name(variant),
                good=good,
                scrap=scrap,
                rework=rework,
                ideal_ns=ideal_ns * (good + scrap + rework),
                actual_ns=actual_ns,
            )
            for t_ns, order, variant, good, scrap, rework, actual_ns in zip(
                *(finished[column].tolist() for column in columns), strict=True
            )
        ]
        for batch in _batches(rows):
            yield Outgoing.of(address, Cycle(boot=self._boot, seq=self.next_seq(address), rows=batch))

    def readings(
        self, address: Address, times_ns: Sequence[int], counters: Mapping[str, Sequence[int]]
    ) -> Iterator[Outgoing]:
        """Meter readings: for each counter one value per time."""
        if not times_ns:
            return
        names = list(counters)
        columns = [counters[name] for name in names]
        rows = [
            MeterRow(t=t, counters=dict(zip(names, values, strict=True)))
            for t, values in zip(times_ns, zip(*columns, strict=True), strict=True)
        ]
        for batch in _batches(rows):
            yield Outgoing.of(address, Meter(boot=self._boot, seq=self.next_seq(address), rows=batch))

    def samples(
        self, address: Address, times_ns: Sequence[int], values: Mapping[str, Sequence[float | None]]
    ) -> Iterator[Outgoing]:
        """Sensor samples, by column."""
        for at in range(0, len(times_ns), BATCH_ROWS):
            part = slice(at, at + BATCH_ROWS)
            columns = {name: list(column[part]) for name, column in values.items()}
            times = list(times_ns[part])
            message = Telemetry(boot=self._boot, seq=self.next_seq(address), t=times, values=columns)
            yield Outgoing.of(address, message)

    def _machine_birth(self, address: Address, step: StepModel, t_ns: int) -> Outgoing:
        site = self._site
        machine = site.model_of(step)
        position = 1 + site.sector.steps.index(step)
        return self._birth(
            address,
            t_ns,
            role="machine",
            model=machine.name,
            sensors={s.name: Sensor(unit=s.unit, low=s.normal[0], high=s.normal[1]) for s in machine.sensors},
            counters={ENERGY: "Wh", **{medium.counter: medium.unit for medium in machine.media}},
            production=Production(step=step.id, position=position, ideal_cycle_ns=ideal_cycle_ns(step)),
            economics=Economics(
                currency=site.sector.currency,
                operators=operators_of(step),
                wage_per_h=site.wage_per_h,
                depreciation_per_h=step.depreciation_per_h,
                material_per_unit=site.material_per_unit[step.id],
                scrap_credit_per_unit=step.scrap_credit_per_unit,
                tariff=site.tariff,
            ),
        )

    def _birth(self, address: Address, t_ns: int, **parts: Any) -> Outgoing:
        sector = self._site.sector
        version = f"{sector.id} {sector.version}"
        birth = Birth(boot=self._boot, seq=self.next_seq(address), t=t_ns, version=version, **parts)
        return Outgoing.of(address, birth, retain=True)


def will(site: Site, boot: str) -> Outgoing:
    """What the broker says when the gateway vanishes: it takes ``seq`` 0, and nobody knows the time."""
    return Outgoing.of(site.gateway, Death(boot=boot, seq=0, t=None, reason=f"{GATEWAY} lost"))


def _batches(rows: list[T]) -> Iterator[list[T]]:
    for at in range(0, len(rows), BATCH_ROWS):
        yield rows[at : at + BATCH_ROWS]
