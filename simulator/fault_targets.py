"""What faults can hit: the machines, sensors, counters, suppliers and materials of each enterprise, by name.

What it is: names to addresses, and the search for the one address, or group of addresses, that a fault means.
What it is not: the fault's effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from contract import Address
from service.datafile import nearest
from service.strict_yaml import shown
from simulator.commerce import supplier_address
from simulator.faults import Fault
from simulator.machine_model import MachineModel
from simulator.plant import GATEWAY, PRODUCTION_AREA, UTILITIES
from simulator.sector_model import Sector
from simulator.speak import ENERGY


@dataclass(frozen=True, slots=True)
class Targets:
    """What one enterprise has.

    Attributes:
        enterprise: its name.
        paths: the address of each machine, of the meter and of the gateway.
        sensors: of each machine.
        counters: of each machine and of the meter.
        suppliers: the address of each.
        materials: the address of the supplier of each.
    """

    enterprise: str
    paths: Mapping[str, str]
    sensors: Mapping[str, Sequence[str]]
    counters: Mapping[str, Sequence[str]]
    suppliers: Mapping[str, str] = field(default_factory=dict)
    materials: Mapping[str, str] = field(default_factory=dict)


def targets_of(sector: Sector, models: Mapping[str, MachineModel], enterprise: str, site: str, line: str) -> Targets:
    """The targets of a sector's line; ``models`` has the machine model of each step, by its name.

    Raises:
        ContractError: a name that may not stand in an address.
    """
    machines = {f"{step.id}-{n}": models[step.model] for step in sector.steps for n in range(1, step.machines + 1)}
    paths = {name: Address(enterprise, site, PRODUCTION_AREA, line, name).path for name in (*machines, GATEWAY)}
    meter = Address(enterprise, site, *UTILITIES)
    supply = {s.id: supplier_address(enterprise, site, s.id).path for s in sector.suppliers}
    return Targets(
        enterprise=enterprise,
        paths=paths | {meter.machine: meter.path},
        sensors={name: [sensor.name for sensor in model.sensors] for name, model in machines.items()},
        counters={name: [ENERGY, *(medium.counter for medium in model.media)] for name, model in machines.items()}
        | {meter.machine: [ENERGY]},
        suppliers=supply,
        materials={material.id: supply[material.supplier] for material in sector.materials},
    )


def locate(fault: Fault, targets: Sequence[Targets]) -> str:
    """The address that a fault means, or the beginning of all that it means; empty: everything there is.

    A name that only one enterprise of a park has needs no ``enterprise`` beside it.

    Raises:
        ValueError: there is no such thing, or it is not clear whose; with the nearest name.
    """
    try:
        return _located(fault, targets)
    except ValueError as error:
        raise ValueError(f"{fault.kind}: {error}") from None


def covers(path: str, address: str) -> bool:
    """Whether an address is at ``path`` or below it.

    >>> covers("acme", "acme/p/a/l/m"), covers("", "acme/p/a/l/m"), covers("ac", "acme/p/a/l/m")
    (True, True, False)
    """
    return not path or address == path or address.startswith(f"{path}/")


def _located(fault: Fault, targets: Sequence[Targets]) -> str:
    if fault.enterprise:
        known = [one.enterprise for one in targets]
        if fault.enterprise not in known:
            raise ValueError(f"enterprise: no enterprise {shown(fault.enterprise)}{nearest(fault.enterprise, known)}")
        targets = [one for one in targets if one.enterprise == fault.enterprise]
    if fault.machine:
        return _machine(fault, targets)
    if fault.supplier:
        one = _owner("supplier", fault.supplier, [(one, one.suppliers) for one in targets])
        return one.suppliers[fault.supplier]
    if fault.material:
        one = _owner("material", fault.material, [(one, one.materials) for one in targets])
        return one.materials[fault.material]
    return targets[0].enterprise if len(targets) == 1 else ""


def _machine(fault: Fault, targets: Sequence[Targets]) -> str:
    group, parts = fault.of.group, "sensor"
    have: list[tuple[Targets, Iterable[str]]] = [(one, one.paths) for one in targets]
    if group == "meter":
        parts, have = "counter", [(one, one.counters) for one in targets]
    elif group != "communication":
        have = [(one, one.sensors) for one in targets]
    one = _owner("machine", fault.machine, have)
    if fault.sensor:
        known = (one.counters if parts == "counter" else one.sensors)[fault.machine]
        if fault.sensor not in known:
            where = f"machine {fault.machine} has no {parts} {shown(fault.sensor)}"
            raise ValueError(f"sensor: {where}{nearest(fault.sensor, known)}")
    return one.paths[fault.machine]


def _owner(what: str, name: str, have: Sequence[tuple[Targets, Iterable[str]]]) -> Targets:
    owners = [one for one, names in have if name in names]
    if not owners:
        known = {known for _, names in have for known in names}
        raise ValueError(f"{what}: no {what} {shown(name)}{nearest(name, known)}")
    if len(owners) > 1:
        whose = ", ".join(one.enterprise for one in owners)
        raise ValueError(f"enterprise: {what} {shown(name)} is at several; say which: {whose}")
    return owners[0]
