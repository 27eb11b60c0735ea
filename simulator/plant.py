"""One plant: a sector's line with its machines, its publisher and its auxiliary meter, each with an address.

What it is: the frozen description that everything that speaks is made from, and the kernel's ``Line`` out of a sector.
What it is not: running; ``kernel.py`` does that.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from contract import Address, Tariff
from simulator import chance
from simulator.catalogue import Sector, StepModel
from simulator.line import Line, Mode, Step

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS

PRODUCTION_AREA: Final = "production"
UTILITIES: Final = ("utilities", "power", "aux-1")
GATEWAY: Final = "gateway"


@dataclass(frozen=True)
class Site:
    """A sector's line at a place in an enterprise; ``seed`` decides everything that chance decides."""

    sector: Sector
    tariff: Tariff
    seed: int
    enterprise: str
    site: str
    line_name: str

    @cached_property
    def line(self) -> Line:
        """The kernel's description of the line."""
        return line_of(self.sector)

    @cached_property
    def machines(self) -> tuple[tuple[Address, StepModel], ...]:
        """Address and step of every machine, in the kernel's order."""
        return tuple((self._address(name), self.sector.steps[number]) for name, number in self.line.machines)

    @cached_property
    def gateway(self) -> Address:
        """Who publishes for the line; its death is the broker's will."""
        return self._address(GATEWAY)

    @cached_property
    def meter(self) -> Address:
        """The site's meter of what no machine uses."""
        return Address(self.enterprise, self.site, *UTILITIES)

    @cached_property
    def wage_per_h(self) -> float:
        """What an hour of one operator costs, with what the employer pays on top of the wage."""
        labour = self.sector.labour
        return round(labour.wage_per_h * labour.loaded_factor, 6)

    def order_of(self, unit: int) -> int:
        """The number of the order that a unit belongs to."""
        return unit // self.sector.order_size

    def variant_of(self, order: int) -> str:
        """What the consumer chose: one choice of every option."""
        stream = chance.key(self.seed, "order", str(order))
        return "-".join(
            _pick(option.choices, option.weights, chance.uniform(stream, n))
            for n, option in enumerate(self.sector.options)
        )

    def _address(self, machine: str) -> Address:
        return Address(self.enterprise, self.site, PRODUCTION_AREA, self.line_name, machine)


def operators_of(step: StepModel) -> float:
    """The share of the step's operators that one of its machines ties up."""
    return step.operators / step.machines


def ideal_cycle_ns(step: StepModel) -> int:
    """Planned running time per unit at one machine (ISO 22400-2 PRI)."""
    return round(step.cycle_s / step.units_per_cycle * SECOND_NS)


def line_of(sector: Sector) -> Line:
    """The kernel's line: the figures of the sector in ns and probabilities."""
    return Line(tuple(_step(step, sector) for step in sector.steps))


def _step(step: StepModel, sector: Sector) -> Step:
    spread = sector.spread
    stops = step.minor_stops
    return Step(
        machines=tuple(f"{step.id}-{n}" for n in range(1, step.machines + 1)),
        cycle_ns=ideal_cycle_ns(step),
        cycle_noise=spread.cycle_noise,
        cycle_loss=spread.cycle_loss,
        worn_slower=spread.worn_slower,
        scrap_p=step.scrap_pct / 100,
        rework_p=step.rework_pct / 100,
        minor_every=round(step.changeover_every_units.minor),
        minor_ns=round(step.changeover_min.minor * MINUTE_NS),
        major_every=round(step.changeover_every_units.major),
        major_ns=round(step.changeover_min.major * MINUTE_NS),
        stop_interval_ns=round(HOUR_NS / stops.per_h) if stops.per_h else 0,
        stop_mean_ns=round(stops.mean_s * SECOND_NS),
        mtbf_ns=round(step.mtbf_h * HOUR_NS),
        weibull_shape=step.weibull_shape,
        mttr_ns=round(step.mttr_h * HOUR_NS),
        repair_sigma=spread.repair_sigma,
        modes=tuple(
            Mode(s.failure.mode, s.failure.pattern, round(s.failure.tau_h * HOUR_NS), s.failure.effect)
            for s in step.sensors
        ),
        buffer_after=step.buffer_after,
    )


def _pick(choices: list[str], weights: list[float], u: float) -> str:
    left = u * sum(weights)
    for choice, weight in zip(choices, weights, strict=True):
        left -= weight
        if left < 0:
            return choice
    return choices[-1]
