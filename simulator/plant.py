"""A plant: one or more lines with their machines, publishers and meters, each with an address.

What it is: the frozen description that everything that speaks is made from. A ``Site`` is one line of one enterprise; a
``Park`` holds several of them and what they share.
What it is not: the kernel's world (``worlds.py`` makes one out of a park), and not running.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from contract import Address, Tariff
from simulator.machine_model import MachineModel
from simulator.sector_model import Policies, Sector, StepModel
from simulator.variants import Variants

SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS

PRODUCTION_AREA: Final = "production"
UTILITIES: Final = ("utilities", "power", "aux-1")
GATEWAY: Final = "gateway"


@dataclass(frozen=True)
class Site:
    """A sector's line at a place in an enterprise; ``seed`` decides everything that chance decides.

    ``demand_factor`` multiplies the demand, ``personalised`` replaces the channels' share of personalised orders,
    ``continuous`` takes the shifts away. Without ``policies`` the sector's hold.
    """

    sector: Sector
    models: Mapping[str, MachineModel]
    tariff: Tariff
    seed: int
    enterprise: str
    site: str
    line_name: str
    demand_factor: float = 1.0
    personalised: float | None = None
    continuous: bool = False
    own_policies: Policies | None = None

    @property
    def policies(self) -> Policies:
        """How decisions are made here."""
        return self.own_policies or self.sector.policies

    @cached_property
    def machines(self) -> tuple[tuple[Address, StepModel], ...]:
        """Address and step of every machine, in the kernel's order."""
        return tuple(
            (self._address(f"{step.id}-{n}"), step) for step in self.sector.steps for n in range(1, step.machines + 1)
        )

    @cached_property
    def gateway(self) -> Address:
        """Who publishes for the line; its death is the broker's will."""
        return self._address(GATEWAY)

    @cached_property
    def meter(self) -> Address:
        """The site's meter of what no machine uses."""
        return Address(self.enterprise, self.site, *UTILITIES)

    @cached_property
    def variants(self) -> Variants:
        """What can be ordered."""
        return Variants(self.sector.options, self.sector.product)

    @cached_property
    def wage_per_h(self) -> float:
        """What an hour of one operator costs, with what the employer pays on top of the wage."""
        labour = self.sector.labour
        return round(labour.wage_per_h * labour.loaded_factor, 6)

    @cached_property
    def material_per_unit(self) -> dict[str, float]:
        """Standard cost of the material that enters at each step, per unit started."""
        price = {material.id: material.price for material in self.sector.materials}
        return {
            step.id: round(sum(need.qty * price[need.material] for need in step.materials), 6)
            for step in self.sector.steps
        }

    def model_of(self, step: StepModel) -> MachineModel:
        """The machine model of a step."""
        return self.models[step.model]

    def _address(self, machine: str) -> Address:
        return Address(self.enterprise, self.site, PRODUCTION_AREA, self.line_name, machine)


@dataclass(frozen=True)
class Park:
    """Sites and what they share: a crew for all (``technicians``), a power limit, one stock of each material.

    ``None`` or 0 means that each site has its own, as its sector says.
    """

    sites: tuple[Site, ...]
    technicians: int | None = None
    power_limit_kw: float = 0.0
    warehouse: bool = False

    @cached_property
    def machines(self) -> tuple[tuple[Site, Address, StepModel], ...]:
        """Site, address and step of every machine, in the kernel's order."""
        return tuple((site, address, step) for site in self.sites for address, step in site.machines)

    @property
    def seed(self) -> int:
        """The seed of the park: the first site's."""
        return self.sites[0].seed

    @cached_property
    def name(self) -> str:
        """The sectors in it, for the ledger's head."""
        return "+".join(site.sector.id for site in self.sites)


def operators_of(step: StepModel) -> float:
    """The share of the step's operators that one of its machines ties up."""
    return step.operators / step.machines


def ideal_cycle_ns(step: StepModel) -> int:
    """Planned running time per unit at one machine (ISO 22400-2 PRI)."""
    return max(1, round(step.cycle_s / step.units_per_cycle * SECOND_NS))
