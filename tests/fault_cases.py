"""Faults, targets and messages that the tests of faults and scenarios share."""

from __future__ import annotations

import shlex

from hypothesis import strategies as st

from contract import Address, Meter, MeterRow, Telemetry
from simulator.durations import SECOND_NS, UNITS
from simulator.fault_kinds import FAULTS
from simulator.fault_plan import FaultPlan
from simulator.fault_targets import Targets
from simulator.faults import KEYS, Fault
from simulator.outgoing import Outgoing

BOOT = "00ff00ff"
MACHINES = ("stamp-1", "pack-1", "tür 2")
SENSORS = ("press_force", "die_temp")


def targets(enterprise: str = "acme", machines: tuple[str, ...] = MACHINES) -> Targets:
    line = {name: Address(enterprise, "plant-1", "production", "line-1", name).path for name in machines}
    meter = Address(enterprise, "plant-1", "utilities", "power", "aux-1").path
    supplier = Address(enterprise, "plant-1", "supply", "steel", "shipments").path
    return Targets(
        enterprise=enterprise,
        paths=line | {"aux-1": meter},
        sensors=dict.fromkeys(machines, SENSORS),
        counters=dict.fromkeys((*machines, "aux-1"), ("energy_wh",)),
        suppliers={"steel": supplier},
        materials={"sheet": supplier},
    )


def changes(plan: FaultPlan, from_ns: int, until_ns: int) -> list[int]:
    """All times in [from, until) at which a fault begins or ends, one after the other."""
    times = []
    t = plan.next_change(from_ns - 1)
    while t is not None and t < until_ns:
        times.append(t)
        t = plan.next_change(t)
    return times


def lengths(most_s: int = 7 * 86_400) -> st.SearchStrategy[str]:
    """Durations as text, the shortest 1 ms."""
    return st.integers(1, most_s * 1000).map(_written)


def _written(ms: int) -> str:
    text, left = "", ms * 1_000_000
    for unit, size in UNITS.items():
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text


@st.composite
def faults(draw: st.DrawFn, *, kinds: tuple[str, ...] = tuple(FAULTS), ats: bool = True, most_s: int = 86_400) -> Fault:
    """Any fault that the table allows and the targets above have."""
    kind = draw(st.sampled_from(kinds))
    of = FAULTS[kind]
    said: dict[str, object] = {"kind": kind}
    names = {"machine": MACHINES, "supplier": ("steel",), "material": ("sheet",), "enterprise": ("acme",)}
    for target in (*of.needs, "enterprise"):
        if target in names and (target in of.needs or draw(st.booleans())):
            said[target] = draw(st.sampled_from(names[target]))
    if of.may and draw(st.booleans()):
        target = draw(st.sampled_from(of.may))
        if target in names:
            said[target] = draw(st.sampled_from(names[target]))
    if "sensor" in of.needs or ("sensor" in of.may and draw(st.booleans())):
        said["sensor"] = "energy_wh" if of.group == "meter" else draw(st.sampled_from(SENSORS))
    if of.lasts == "must" or (of.lasts == "may" and draw(st.booleans())):
        said["for_"] = draw(lengths(most_s))
    if ats and draw(st.booleans()):
        said["at"] = draw(lengths(most_s))
    if of.magnitude is not None and (of.magnitude.default is None or draw(st.booleans())):
        said["magnitude"] = draw(st.floats(of.magnitude.low, of.magnitude.high))
    printable = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" '\"=\\$"), max_size=30)
    said["cause"] = draw(printable.filter(str.isprintable))
    return Fault(**said)  # type: ignore[arg-type]


def text_of_fault(fault: Fault) -> str:
    """The line of text that ``fault_of_text`` reads as this fault."""
    said: list[str] = [fault.kind]
    for key in KEYS:
        value = getattr(fault, "for_" if key == "for" else key)
        if value not in ("", None):
            said.append(f"{key}={shlex.quote(repr(value) if key == 'magnitude' else value)}")
    return " ".join(said)


class Talk:
    """Messages of some machines, each address with its own count."""

    def __init__(self, machines: tuple[str, ...] = MACHINES) -> None:
        self.addresses = [Address("acme", "plant-1", "production", "line-1", name) for name in machines]
        self._seq = dict.fromkeys(self.addresses, 0)

    def said(self, from_ns: int, until_ns: int, period_ns: int = 10 * SECOND_NS) -> list[Outgoing]:
        """What all say in a stretch: telemetry on a grid, and a meter at each full minute, a message each."""
        first = -(-from_ns // period_ns) * period_ns
        return [self._one(a, t, period_ns) for t in range(first, until_ns, period_ns) for a in self.addresses]

    def _one(self, address: Address, t: int, period_ns: int) -> Outgoing:
        self._seq[address] += 1
        seq = self._seq[address]
        if t // period_ns % 3 == 0:
            return Outgoing.of(address, Meter(boot=BOOT, seq=seq, rows=[MeterRow(t=t, counters={"energy_wh": seq})]))
        return Outgoing.of(address, Telemetry(boot=BOOT, seq=seq, t=[t, t + 1], values={"press_force": [1.0, None]}))
