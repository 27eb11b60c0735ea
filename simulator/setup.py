"""From settings and data files to a park that can run.

What it is: the one place where a sector's or a scenario's name becomes sites with models, tariffs, policies and faults.
What it is not: running, and not the reading of files (``catalogue.py``, ``datafiles_io.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from contract import ConfigError, ContractError
from service.datafiles_io import read
from simulator.catalogue import Catalogue, check_sector
from simulator.factory import targets
from simulator.fault_plan import FaultPlan
from simulator.faults import Fault, fault_of_text
from simulator.plant import HOUR_NS, SECOND_NS, Park, Site
from simulator.scenario import Scenario, ScenarioPolicies, Shared, Tenant
from simulator.scenario_check import check_scenario
from simulator.settings import Settings

_FROM_SCENARIO: Final = ("seed", "speed", "start")


@dataclass(frozen=True)
class Setup:
    """What is to run: the park, its faults as asked for, and the settings with what the scenario says."""

    park: Park
    settings: Settings
    faults: tuple[tuple[Fault, str], ...] = ()

    def plan(self, live_ns: int, now_ns: int) -> FaultPlan:
        """The faults over plant time; offsets count from ``live_ns``.

        Raises:
            ConfigError: a fault that hits nothing there is.
        """
        plan = FaultPlan(self.park.seed, live_ns, targets(self.park))
        for fault, origin in self.faults:
            try:
                plan.add(fault, now_ns, "scenario" if origin == "scenario" else "command line")
            except ValueError as error:
                raise ConfigError(f"fault ({origin}): {error}") from None
        return plan


def setup(settings: Settings) -> Setup:
    """The park that the settings describe.

    Raises:
        ConfigError: no such sector or scenario, a data file is wrong, or a name that may not stand in an address.
    """
    catalogue = Catalogue(Path(settings.catalogue) if settings.catalogue else None)
    faults = [(_fault(text), "settings") for text in settings.faults]
    if settings.scenario:
        scenario = load_scenario(settings.scenario, catalogue)
        check_scenario(scenario, catalogue)
        settings = merged(settings, scenario) if settings.scenario_first else settings
    else:
        scenario = Scenario(id="settings", name="settings", sector=settings.sector)
    scenario = msgspec.structs.replace(scenario, seed=settings.seed)
    tenants = scenario.tenants(settings.enterprise, settings.site, settings.line)
    sites = [_site(one._replace(shifts=settings.shifts or one.shifts), catalogue) for one in tenants]
    shared = scenario.park.shared if scenario.park is not None else Shared()
    park = Park(tuple(sites), shared.technicians, shared.power_limit_kw, shared.warehouse)
    return Setup(park, settings, (*((fault, "scenario") for fault in scenario.faults), *faults))


def load_scenario(name: str, catalogue: Catalogue) -> Scenario:
    """A scenario by its name in the catalogue, or by the path of its file (with a slash, or ending in ``.yaml``)."""
    if "/" in name or name.endswith(".yaml"):
        return read(Path(name), Scenario)
    return catalogue.load("scenarios", name, Scenario)


def merged(settings: Settings, scenario: Scenario) -> Settings:
    """The settings with what the scenario says; a setting that is not its default wins."""
    usual = Settings()
    said: dict[str, object] = {name: getattr(scenario, name) for name in _FROM_SCENARIO}
    said["history_h"] = scenario.history_ns / HOUR_NS
    if scenario.duration_ns is not None:
        speed = settings.speed if settings.speed != usual.speed else scenario.speed
        pace = 1.0 if isinstance(speed, str) else float(speed)
        said["duration_s"] = scenario.duration_ns / SECOND_NS / pace
    if scenario.telemetry_s is not None:
        said["telemetry_s"] = scenario.telemetry_s
    changes = {name: value for name, value in said.items() if getattr(settings, name) == getattr(usual, name)}
    return msgspec.structs.replace(settings, **changes)


def _fault(text: str) -> Fault:
    try:
        return fault_of_text(text)
    except ValueError as error:
        raise ConfigError(f"configuration: simulator.faults: {error}") from None


def _site(tenant: Tenant, catalogue: Catalogue) -> Site:
    sector = catalogue.sector(tenant.sector)
    check_sector(sector, catalogue.extra)
    policies = None if tenant.policies == ScenarioPolicies() else tenant.policies.over(sector.policies)
    site = Site(
        sector=sector,
        models={step.model: catalogue.model(step.model) for step in sector.steps},
        tariff=catalogue.tariff(sector.tariff),
        seed=tenant.seed,
        enterprise=tenant.enterprise or sector.home,
        site=tenant.site,
        line_name=tenant.line,
        demand_factor=tenant.demand.factor,
        personalised=tenant.demand.personalised,
        continuous=tenant.shifts == "continuous",
        own_policies=policies,
    )
    try:
        _ = site.gateway, site.meter, site.machines
    except ContractError as error:
        raise ConfigError(f"configuration: [simulator]: {error.detail}") from None
    return site
