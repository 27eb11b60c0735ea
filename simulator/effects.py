"""What faults and commands do to a running factory.

What it is: from a fault that begins or ends, or a command that has come, to the kernel, the meters and the reply.
What it is not: the schedule (``fault_plan.py``), the words of commands (``actions.py``), or faults of sensors and of
communication, which change what is said and not what happens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from contract import Address, CommandRow, ReplyRow
from simulator import actions
from simulator.commerce import supplier_address
from simulator.energy import NO_ROWS
from simulator.fault_plan import FaultPlan, Planned
from simulator.happenings import Doing, Rows
from simulator.kernel import Plant, act
from simulator.plant import HOUR_NS, MINUTE_NS, Park
from simulator.voice import NO_TIMES, Metered
from simulator.worlds import stock_numbers

INTERLOCKS: Final = ("", "not_running")
"""Conditions under which a command may be obeyed: none, or that the machine does not run."""
_REMEMBERED: Final = 1000
_LASTING: Final = ("slow", "scrap", "stop", "power_limit", "supplier_down")
"""What holds as long as any fault of the kind lasts; where several do, they add up, or the tightest holds."""
_RENEWING: Final = (Doing.MAINTENANCE, Doing.REPAIR)


class Promise(NamedTuple):
    """A command that is accepted and not yet done; ``begun``: somebody is at the machine already."""

    address: Address
    command: str
    machine: int
    begun: bool


class Effects:
    """Does to a plant what is asked for.

    Args:
        park: whose plant it is.
        plant: the running plant.
        plan: the faults; a command can add to it.
        meters: of each machine, by its address path; of the sites' own meters too.
        owner: the number of the site that has an open order; None: there is no such order.
    """

    def __init__(
        self,
        park: Park,
        plant: Plant,
        plan: FaultPlan,
        meters: Mapping[str, Metered],
        owner: Callable[[int], int | None],
    ) -> None:
        self._park = park
        self._plant = plant
        self._plan = plan
        self._meters = meters
        self._owner = owner
        self._number = {address.path: number for number, (_, address, _) in enumerate(park.machines)}
        self._stocks = stock_numbers(park)
        self._resets: dict[int, list[tuple[str, str]]] = {}
        self._tainted: dict[str, dict[int, float]] = {}
        self._commanded: set[int] = set()
        self._answers: OrderedDict[tuple[str, str], ReplyRow] = OrderedDict()
        self._promises: list[Promise] = []

    def next_change(self, after_ns: int) -> int | None:
        """The next time at which something begins or ends."""
        times = [t for t in (self._plan.next_change(after_ns), *self._resets) if t is not None and t > after_ns]
        return min(times, default=None)

    def change(self, now_ns: int) -> None:
        """Let begin and end what is due now."""
        for path, counter in self._resets.pop(now_ns, []):
            self._reset(path, counter, now_ns)
        ending, starting = self._plan.ending(now_ns), self._plan.starting(now_ns)
        for planned in ending:
            self._untaint(planned)
        for planned in starting:
            self._begin(planned, now_ns)
        changed = [one for one in (*ending, *starting) if one.fault.kind in _LASTING]
        if changed:
            lasting = self._plan.at(now_ns)
            for planned in changed:
                self._level(planned, [one for one in lasting if one.fault.kind == planned.fault.kind])

    def command(self, address: Address, row: CommandRow, now_ns: int) -> ReplyRow:
        """Obey a command, or say why not; the same command again gets the same answer and nothing happens.

        A fault that is asked for begins with the next stretch of time.
        """
        key = (address.path, row.command)
        if key not in self._answers:
            self._answers[key] = self._answer(address, row, now_ns)
            if len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        return self._answers[key]

    def done(self, entered: Rows) -> Iterator[tuple[Address, ReplyRow]]:
        """Promises that are kept in a stretch of time, by the states entered in it.

        A machine that was maintained, or failed first and was repaired, is as good as new when it does something else.
        """
        still = []
        for promise in self._promises:
            mine = entered[entered["machine"] == promise.machine]
            begun = promise.begun
            for t_ns, doing in zip(mine["t_ns"].tolist(), mine["doing"].tolist(), strict=True):
                if begun and doing not in (*_RENEWING, Doing.OFF, Doing.PAUSE):
                    yield promise.address, ReplyRow(t=t_ns, command=promise.command, status="done")
                    break
                begun = begun or doing in _RENEWING
            else:
                still.append(promise._replace(begun=begun))
        self._promises = still

    def _answer(self, address: Address, row: CommandRow, now_ns: int) -> ReplyRow:
        try:
            status = self._obey(address, row, now_ns)
        except ValueError as error:
            return ReplyRow(t=now_ns, command=row.command, status="refused", reason=str(error)[:200])
        return ReplyRow(t=now_ns, command=row.command, status=status)

    def _obey(self, address: Address, row: CommandRow, now_ns: int) -> str:
        if row.expires is not None and row.expires <= now_ns:
            raise ValueError("expired")
        action = actions.action_of(row, address)
        number = self._number.get(address.path)
        interlock = row.interlock or ""
        if interlock not in INTERLOCKS:
            raise ValueError(f"no interlock {interlock[:40]!r}; known: {', '.join(INTERLOCKS[1:])}")
        if interlock and number is not None and act.doing(self._plant, number) is Doing.RUNNING:
            raise ValueError("the machine is running")
        match action:
            case actions.Inject(fault):
                self._plan.add(fault, now_ns, "mqtt")
                return "accepted"
            case actions.SetPriority(order, priority):
                self._prioritise(address, order, priority)
                return "done"
        if number is None:
            raise ValueError("no machine at this address")
        match action:
            case actions.Maintain():
                begun = act.doing(self._plant, number) in _RENEWING
                self._promises.append(Promise(address, row.command, number, begun))
                act.maintain(self._plant, number)
                return "accepted"
            case actions.Stop():
                self._commanded.add(number)
                act.stop(self._plant, number)
            case actions.Start():
                self._commanded.discard(number)
                act.resume(self._plant, number)
            case actions.SetDispatch(rule):
                act.dispatch(self._plant, self._step_of(number), rule)
        return "done"

    def _prioritise(self, address: Address, order: str, priority: int) -> None:
        number = _order_number(order)
        owner = self._owner(number)
        mine = owner is not None and self._park.sites[owner].enterprise == address.enterprise
        if not mine or not act.prioritise(self._plant, number, priority):
            raise ValueError(f"no open order {order[:40]!r}")

    def _step_of(self, machine: int) -> int:
        step = 0
        for site in self._park.sites:
            for model in site.sector.steps:
                if machine < model.machines:
                    return step
                machine -= model.machines
                step += 1
        raise ValueError("no such machine")

    def _begin(self, planned: Planned, now_ns: int) -> None:
        """What happens at an instant; what lasts is ``_level``'s business."""
        fault, plant = planned.fault, self._plant
        size = fault.size or 0.0
        match fault.kind:
            case "breakdown" | "wear":
                left_ns = round(size * HOUR_NS) if fault.kind == "wear" else 0
                for number in self._machines(planned):
                    act.live(plant, number, left_ns, self._mode(number, fault.sensor))
            case "jam":
                for number in self._machines(planned):
                    act.jam(plant, number)
            case "bad_material":
                self._tainted[planned.id] = {n: act.taint(plant, n, size) for n in self._materials(planned)}
            case "counter_reset":
                self._plan_reset(planned, now_ns)

    def _level(self, planned: Planned, lasting: Sequence[Planned]) -> None:
        """What a kind of fault comes to where one of it has begun or ended, by all of it that last."""
        plant, kind = self._plant, planned.fault.kind
        if kind == "power_limit":
            for group in self._groups(planned):
                limits = [round((one.fault.size or 0.0) * 1000) for one in lasting if group in self._groups(one)]
                act.limit_power(plant, group, min([plant.world.power_w[group], *limits]))
        elif kind == "supplier_down":
            for number in self._supplied(planned):
                until = [one.end_ns for one in lasting if number in self._supplied(one)]
                act.disrupt(plant, number, max(until, default=0))
        else:
            for number in self._machines(planned):
                path = self._park.machines[number][1].path
                sizes = [one.fault.size or 0.0 for one in lasting if one.hits(path)]
                if kind == "slow":
                    act.slow(plant, number, sum(sizes))
                elif kind == "scrap":
                    act.spoil(plant, number, min(1.0, sum(sizes)))
                elif planned in lasting:
                    act.stop(plant, number)
                elif not sizes and number not in self._commanded:
                    act.resume(plant, number)

    def _untaint(self, planned: Planned) -> None:
        """Bad material is sorted out at the fault's end: the share from before, unless it is better by now."""
        for number, before in self._tainted.pop(planned.id, {}).items():
            others = [one for one in self._tainted.values() if number in one]
            if others:
                others[-1][number] = min(before, others[-1][number])
            else:
                act.taint(self._plant, number, min(before, act.taint(self._plant, number, before)))

    def _machines(self, planned: Planned) -> list[int]:
        return [number for path, number in self._number.items() if planned.hits(path)]

    def _mode(self, machine: int, sensor: str) -> int | None:
        if not sensor:
            return None
        site, _, step = self._park.machines[machine]
        return [s.name for s in site.model_of(step).sensors].index(sensor)

    def _materials(self, planned: Planned) -> list[int]:
        """The stocks of what a fault of a supplier or of a material means, in the order of the sites."""
        found: dict[int, None] = {}
        for site in self._park.sites:
            for material in site.sector.materials:
                address = supplier_address(site.enterprise, site.site, material.supplier)
                if planned.hits(address.path) and planned.fault.material in ("", material.id):
                    found[self._stocks[site.enterprise, material.id]] = None
        return list(found)

    def _supplied(self, planned: Planned) -> list[int]:
        """The stocks that a supplier fills: of a shared one its first owner's supplier alone does."""
        first: dict[int, str] = {}
        for (enterprise, _), number in self._stocks.items():
            first.setdefault(number, enterprise)
        path = planned.path.split("/")[0]
        return [number for number in self._materials(planned) if first[number] == path]

    def _groups(self, planned: Planned) -> Sequence[int]:
        if self._park.power_limit_kw:
            return [0]
        return [n for n, site in enumerate(self._park.sites) if planned.hits(site.gateway.path)]

    def _plan_reset(self, planned: Planned, now_ns: int) -> None:
        """Counters begin anew at a full minute, right after a reading: then a reader loses nothing."""
        at_ns = -(-now_ns // MINUTE_NS) * MINUTE_NS
        for path, metered in self._meters.items():
            if planned.hits(path):
                names = [planned.fault.sensor] if planned.fault.sensor else metered.meter.counters
                if at_ns == now_ns:
                    for name in names:
                        self._reset(path, name, now_ns)
                else:
                    self._resets.setdefault(at_ns, []).extend((path, name) for name in names)

    def _reset(self, path: str, counter: str, now_ns: int) -> None:
        metered = self._meters[path]
        metered.read(NO_ROWS, NO_TIMES, now_ns)
        metered.meter.reset(counter)


def _order_number(name: str) -> int:
    digits = name.removeprefix("o-")
    if not digits.isdecimal() or len(digits) > 18:
        raise ValueError(f"no order {name[:40]!r}")
    return int(digits)
