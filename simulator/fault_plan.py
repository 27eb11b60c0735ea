"""The faults of a run over plant time: which begin, last and end, and what the ledger says of them.

What it is: a pure schedule. Each fault lasts from its start to its end, which is not part of it; what is asked of a
stretch of time does not depend on how time is cut into stretches.
What it is not: what the faults do. Who does it runs from one change to the next (``next_change``), so that all that is
said within one stretch was said under the same faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, cast

from simulator import chance, durations
from simulator.fault_targets import Targets, covers, locate
from simulator.faults import Fault
from simulator.happenings import NEVER
from simulator.signal_faults import Kind as SensorKind
from simulator.signal_faults import SensorFault

MAX_FAULTS: Final = 1000
"""Faults that are under way or still to come at any time."""
Origin = Literal["scenario", "command line", "mqtt"]


class Planned(NamedTuple):
    """A fault with its place and its time.

    Attributes:
        id: unique within the run, such as ``f-0001``.
        fault: what was asked for.
        path: the address that it hits, or the beginning of all addresses; empty: everything.
        start_ns, end_ns: the window [start, end); an instant ends at its start, one to the end of the run at ``NEVER``.
        origin: who asked for it.
        stream: of its own chance (``chance.key``).
    """

    id: str
    fault: Fault
    path: str
    start_ns: int
    end_ns: int
    origin: Origin
    stream: int

    def hits(self, address: str) -> bool:
        """Whether it means what is at an address path."""
        return covers(self.path, address)


class FaultPlan:
    """All faults of a run.

    Args:
        seed: of all chance.
        zero_ns: from where offsets count: the start of the live part.
        targets: what each enterprise has.
    """

    def __init__(self, seed: int, zero_ns: int, targets: Sequence[Targets]) -> None:
        self.seed = seed
        self.zero_ns = zero_ns
        self._targets = tuple(targets)
        self._planned: list[Planned] = []
        self._count = 0

    def add(self, fault: Fault, now_ns: int, origin: Origin) -> Planned:
        """Plan a fault; what would have begun before ``now_ns`` begins now.

        What ended before now is forgotten: nothing may be asked any more of the time before.

        Raises:
            ValueError: nothing that it could hit, it is over already, or there are too many.
        """
        path = locate(fault, self._targets)
        start_ns = durations.start_ns(fault.at, self.zero_ns) if fault.at else max(self.zero_ns, now_ns)
        instant = fault.of.lasts == "no"
        end_ns = start_ns if instant else NEVER
        if fault.for_:
            end_ns = start_ns + durations.duration_ns(fault.for_)
        if (start_ns if instant else end_ns - 1) < now_ns:
            raise ValueError(f"{fault.kind}: at: it would be over before it could begin")
        planned = [one for one in self._planned if one.end_ns >= now_ns]
        if len(planned) >= MAX_FAULTS:
            raise ValueError(f"{fault.kind}: {MAX_FAULTS} faults are planned already; no more are taken")
        self._count += 1
        name = f"f-{self._count:04d}"
        stream = chance.key(self.seed, "fault", name)
        added = Planned(name, fault, path, max(start_ns, now_ns), end_ns, origin, stream)
        self._planned = [*planned, added]
        return added

    @property
    def all(self) -> tuple[Planned, ...]:
        """Everything that is planned and not forgotten, in the order in which it was added."""
        return tuple(self._planned)

    def next_change(self, after_ns: int) -> int | None:
        """The first time after ``after_ns`` at which a fault begins or ends; None: nothing more is planned."""
        times = [t for one in self._planned for t in (one.start_ns, one.end_ns) if after_ns < t < NEVER]
        return min(times, default=None)

    def starting(self, at_ns: int) -> list[Planned]:
        """The faults that begin at a time, instants among them."""
        return [one for one in self._planned if one.start_ns == at_ns]

    def ending(self, at_ns: int) -> list[Planned]:
        """The faults that end at a time; an instant does not end."""
        return [one for one in self._planned if one.end_ns == at_ns != one.start_ns]

    def active(self, from_ns: int, until_ns: int) -> list[Planned]:
        """The faults that last during some of [from, until), in the order in which they were added; no instants."""
        return [one for one in self._planned if one.start_ns < until_ns and one.end_ns > max(from_ns, one.start_ns)]

    def at(self, t_ns: int) -> list[Planned]:
        """The faults that last at a time."""
        return self.active(t_ns, t_ns + 1)

    def sensor_faults(self, path: str, sensors: Sequence[str], from_ns: int, until_ns: int) -> list[SensorFault]:
        """The faults of one machine's sensors during [from, until), for ``MachineSignals.sample``.

        Args:
            path: the machine's address.
            sensors: the names of its sensors, in order.
            from_ns: the stretch's begin.
            until_ns: its end.
        """
        return [
            SensorFault(
                kind=cast("SensorKind", one.fault.kind),
                sensor=sensors.index(one.fault.sensor),
                start_ns=one.start_ns,
                end_ns=one.end_ns,
                magnitude=one.fault.size or 0.0,
                stream=one.stream,
            )
            for one in self.active(from_ns, until_ns)
            if one.fault.of.group == "sensor" and one.path == path
        ]


def ledger_line(one: Planned) -> dict[str, Any]:
    """A fault as plain values; ``path`` is an address or the beginning of all that it hits.

    ``end_ns`` is the planned one; None: the end of the run.
    """
    return {
        "id": one.id,
        "kind": one.fault.kind,
        "path": one.path,
        "sensor": one.fault.sensor,
        "material": one.fault.material,
        "start_ns": one.start_ns,
        "end_ns": None if one.end_ns >= NEVER else one.end_ns,
        "magnitude": one.fault.size,
        "cause": one.fault.cause,
        "origin": one.origin,
    }
