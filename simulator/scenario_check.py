"""A scenario beside what the catalogue has: are there such sectors, and is there what the faults should hit?

What it is: all problems of a scenario that its file alone does not show, each as ``KEY: WHY``, before anything runs.
What it is not: the reading of the file (``scenario.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from contract import ConfigError
from service.datafile import nearest
from simulator import durations
from simulator.catalogue import Catalogue
from simulator.fault_plan import FaultPlan
from simulator.fault_targets import Targets, locate, targets_of
from simulator.faults import Fault
from simulator.market import channel_shares
from simulator.scenario import Scenario, Tenant

_NAMES: Final = ("enterprise", "site", "line")


def check_scenario(scenario: Scenario, catalogue: Catalogue) -> None:
    """Raise ConfigError with all that ``scenario_problems`` finds."""
    if problems := list(scenario_problems(scenario, catalogue)):
        raise ConfigError(f"scenario {scenario.id}: {'; '.join(problems)}")


def scenario_problems(scenario: Scenario, catalogue: Catalogue) -> Iterator[str]:
    """What in a scenario does not go with the catalogue or with itself."""
    targets: list[Targets] = []
    for place, tenant in enumerate(scenario.tenants(*_NAMES)):
        key = "" if scenario.park is None else f"park.enterprises[{place}]."
        known = catalogue.names("sectors")
        if tenant.sector not in known:
            yield f"{key}sector: no sector {tenant.sector!r}{nearest(tenant.sector, known)}"
            continue
        try:
            channel_shares(catalogue.sector(tenant.sector).demand.channels, tenant.demand.personalised)
        except ValueError as error:
            yield f"{key}demand: {error}"
        targets.append(_targets(tenant, catalogue))
    if len(targets) == len(scenario.tenants(*_NAMES)):
        yield from _fault_problems(scenario, targets)


def _targets(tenant: Tenant, catalogue: Catalogue) -> Targets:
    sector = catalogue.sector(tenant.sector)
    models = {step.model: catalogue.model(step.model) for step in sector.steps}
    return targets_of(sector, models, tenant.enterprise, tenant.site, tenant.line)


def _fault_problems(scenario: Scenario, targets: list[Targets]) -> Iterator[str]:
    for place, fault in enumerate(scenario.faults):
        for problem in _problems_of(fault, scenario, targets):
            yield f"faults[{place}]: {problem}"


def _problems_of(fault: Fault, scenario: Scenario, targets: list[Targets]) -> Iterator[str]:
    """One fault, as if it were planned when the run begins; a date says nothing while the run's start is not set."""
    begin_ns, dated = scenario.start_ns or 0, bool(fault.at) and not durations.is_offset(fault.at)
    zero_ns = begin_ns + scenario.history_ns
    try:
        if dated and scenario.start_ns is None:
            locate(fault, targets)
            return
        planned = FaultPlan(scenario.seed, zero_ns, targets).add(fault, begin_ns, "scenario")
        if scenario.duration_ns is not None and planned.start_ns >= zero_ns + scenario.duration_ns:
            yield f"{fault.kind}: at: it begins when the run is over, after {scenario.duration}"
    except ValueError as error:
        yield str(error)
