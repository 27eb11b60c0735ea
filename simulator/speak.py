"""The factory's words: what happened, said in messages of the contract.

What it is: pure. Each address counts its own ``seq`` over all kinds from 1; rows go out in batches that the contract
takes. The only file of the simulator that knows which PackML state a machine's doing is.
What it is not: a connection; ``publisher.py`` sends what is said here.
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
from simulator.catalogue import StepModel
from simulator.kernel import Entered, Finished
from simulator.machine import NO_UNIT, Doing
from simulator.outgoing import Outgoing
from simulator.plant import GATEWAY, Site, ideal_cycle_ns, operators_of

BATCH_ROWS: Final = 500
ENERGY: Final = "energy_wh"
LAST_WORDS: Final = "end of the run"
T = TypeVar("T")


class Spoken(NamedTuple):
    """How a doing is said."""

    state: PackMLState
    reason: Reason
    mode: Mode


STATES: Final[Mapping[Doing, Spoken]] = {
    Doing.RUNNING: Spoken(PackMLState.EXECUTE, Reason.RUNNING, Mode.PRODUCTION),
    Doing.STARVED: Spoken(PackMLState.SUSPENDED, Reason.STARVED, Mode.PRODUCTION),
    Doing.BLOCKED: Spoken(PackMLState.SUSPENDED, Reason.BLOCKED, Mode.PRODUCTION),
    Doing.SETUP: Spoken(PackMLState.STOPPED, Reason.SETUP, Mode.MAINTENANCE),
    Doing.MINOR_STOP: Spoken(PackMLState.HELD, Reason.MINOR_STOP, Mode.PRODUCTION),
    Doing.BREAKDOWN: Spoken(PackMLState.ABORTED, Reason.BREAKDOWN, Mode.PRODUCTION),
}


class Speaker:
    """Speaks for every address of a site within one boot.

    Args:
        site: whom to speak for.
        boot: hexadecimal, new at each start.
    """

    def __init__(self, site: Site, boot: str) -> None:
        self._site = site
        self._boot = boot
        self._said: Counter[Address] = Counter()

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

    def deaths(self, t_ns: int) -> list[Outgoing]:
        """The clean end, the gateway last."""
        addresses = [*(address for address, _ in self._site.machines), self._site.meter, self._site.gateway]
        return [Outgoing.of(a, Death(boot=self._boot, seq=self._next(a), t=t_ns, reason=LAST_WORDS)) for a in addresses]

    def states(self, address: Address, step: StepModel, entered: Sequence[Entered]) -> Iterator[Outgoing]:
        """States entered; a breakdown names the mode that failed."""
        rows = [self._state_row(step, e) for e in entered]
        for batch in _batches(rows):
            yield Outgoing.of(address, State(boot=self._boot, seq=self._next(address), rows=batch))

    def cycles(self, address: Address, step: StepModel, finished: Sequence[Finished]) -> Iterator[Outgoing]:
        """Units finished."""
        product, ideal_ns = self._site.sector.product.id, ideal_cycle_ns(step)
        rows = []
        for f in finished:
            order = self._site.order_of(f.unit)
            row = CycleRow(
                t=f.t_ns,
                order=_order_name(order),
                product=product,
                variant=self._site.variant_of(order),
                good=f.good,
                scrap=f.scrap,
                rework=f.rework,
                ideal_ns=ideal_ns,
                actual_ns=f.actual_ns,
            )
            rows.append(row)
        for batch in _batches(rows):
            yield Outgoing.of(address, Cycle(boot=self._boot, seq=self._next(address), rows=batch))

    def readings(self, address: Address, times_ns: Sequence[int], energy_wh: Sequence[int]) -> Iterator[Outgoing]:
        """Meter readings."""
        rows = [MeterRow(t=t, counters={ENERGY: wh}) for t, wh in zip(times_ns, energy_wh, strict=True)]
        for batch in _batches(rows):
            yield Outgoing.of(address, Meter(boot=self._boot, seq=self._next(address), rows=batch))

    def samples(
        self, address: Address, times_ns: Sequence[int], values: Mapping[str, Sequence[float | None]]
    ) -> Iterator[Outgoing]:
        """Sensor samples, by column."""
        for at in range(0, len(times_ns), BATCH_ROWS):
            part = slice(at, at + BATCH_ROWS)
            columns = {name: list(column[part]) for name, column in values.items()}
            times = list(times_ns[part])
            message = Telemetry(boot=self._boot, seq=self._next(address), t=times, values=columns)
            yield Outgoing.of(address, message)

    def _machine_birth(self, address: Address, step: StepModel, t_ns: int) -> Outgoing:
        position = 1 + self._site.sector.steps.index(step)
        return self._birth(
            address,
            t_ns,
            role="machine",
            model=step.machine,
            sensors={s.name: Sensor(unit=s.unit, low=s.normal[0], high=s.normal[1]) for s in step.sensors},
            counters={ENERGY: "Wh"},
            production=Production(step=step.id, position=position, ideal_cycle_ns=ideal_cycle_ns(step)),
            economics=_economics(self._site, step),
        )

    def _birth(self, address: Address, t_ns: int, **parts: Any) -> Outgoing:
        sector = self._site.sector
        version = f"{sector.id} {sector.version}"
        birth = Birth(boot=self._boot, seq=self._next(address), t=t_ns, version=version, **parts)
        return Outgoing.of(address, birth, retain=True)

    def _state_row(self, step: StepModel, e: Entered) -> StateRow:
        spoken = STATES[e.doing]
        return StateRow(
            t=e.t_ns,
            state=spoken.state,
            reason=spoken.reason,
            mode=spoken.mode,
            order=None if e.unit == NO_UNIT else _order_name(self._site.order_of(e.unit)),
            cause=step.sensors[e.mode].failure.mode if e.doing is Doing.BREAKDOWN else None,
        )

    def _next(self, address: Address) -> int:
        self._said[address] += 1
        return self._said[address]


def will(site: Site, boot: str) -> Outgoing:
    """What the broker says when the gateway vanishes: it takes ``seq`` 0, and nobody knows the time."""
    return Outgoing.of(site.gateway, Death(boot=boot, seq=0, t=None, reason=f"{GATEWAY} lost"))


def _economics(site: Site, step: StepModel) -> Economics:
    return Economics(
        currency=site.sector.currency,
        operators=operators_of(step),
        wage_per_h=site.wage_per_h,
        depreciation_per_h=step.depreciation_per_h,
        material_per_unit=step.material_per_unit,
        scrap_credit_per_unit=step.scrap_credit_per_unit,
        tariff=site.tariff,
    )


def _order_name(order: int) -> str:
    return f"o-{order:06d}"


def _batches(rows: list[T]) -> Iterator[list[T]]:
    for at in range(0, len(rows), BATCH_ROWS):
        yield rows[at : at + BATCH_ROWS]
