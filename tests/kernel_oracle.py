"""The rules of ``docs/design/kernel.md`` once more, as SimPy processes: the kernel's oracle.

What it is: ``simulate`` runs a world and returns what is told of it. Here are what lines share (stocks, crews, power,
calendars); the lines are in ``kernel_oracle_line.py``, the machines in ``kernel_oracle_machine.py``.
What it is not: fast, or a transcription. It shares with the kernel the description of a world and the primitive draws.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from itertools import zip_longest
from typing import Any, NamedTuple

import simpy
from kernel_oracle_line import CALENDARS, MATERIALS, POWER, Due, LineModel, Order, Process, fire, signed
from kernel_oracle_machine import Machine

from simulator import chance
from simulator.happenings import NEVER, Doing, ShipmentEvent
from simulator.kernel import draws
from simulator.line import Material, World

MOST_SHIPMENTS = 64
"""Of one material, under way at a time."""


class Told(NamedTuple):
    """What was told: rows of plain integers."""

    entered: list[tuple[int, int, int]]
    finished: list[tuple[int, int, int, int, int, int]]
    ordered: list[tuple[int, int, int]]
    shipped: list[tuple[int, int, int, int, int]]


class Store:
    """The stock of a material, and the shipments that fill it."""

    def __init__(self, model: Model, number: int, spec: Material) -> None:
        self.model, self.env, self.number, self.spec = model, model.env, number, spec
        self.stream = signed(chance.key(model.seed, "material", spec.name))
        self.on_hand, self.under_way, self.defects, self.count = spec.start_u, 0, spec.defect_p, 0
        self.waiting: deque[Machine] = deque()
        self.promised: list[Shipment] = []
        self.pending: list[Shipment] = []
        for after_ns, quantity_u in spec.pipeline:
            self._send(quantity_u, after_ns)
        self.order_above(spec.reorder_u)

    def use(self, quantity_u: int) -> None:
        """Use up, and order anew."""
        self.on_hand -= quantity_u
        self.order_above(self.spec.reorder_u)

    def wait_for(self, machine: Machine, need_u: int) -> None:
        """A machine finds less than it needs; so much at least must be on the way."""
        self.waiting.append(machine)
        self.order_above(need_u - 1)

    def order_above(self, least_u: int) -> None:
        """Order until more than this is here or on the way."""
        while self.on_hand + self.under_way <= least_u and len(self.pending) < MOST_SHIPMENTS:
            mean, sigma = float(self.spec.lead_mean_ns), self.spec.lead_sigma
            lead_ns = draws.duration(draws.lognormal(self.stream, 3 * self.count, mean, sigma))
            self._tell(self._send(self.spec.order_u, lead_ns), ShipmentEvent.PROMISED)

    def _send(self, quantity_u: int, lead_ns: int) -> Shipment:
        share = draws.lognormal(self.stream, 3 * self.count + 2, self.spec.defect_p, self.spec.defect_sigma)
        ship_ns = self.env.now + max(1, lead_ns // 2)
        receive_ns = ship_ns + max(1, lead_ns - lead_ns // 2)
        shipment = Shipment(self.count, quantity_u, round(quantity_u * min(1.0, share)), ship_ns, receive_ns)
        self.count += 1
        self.under_way += quantity_u
        self.promised.append(shipment)
        self.pending.append(shipment)
        for t_ns in (ship_ns, receive_ns):
            Due(self.env, MATERIALS + self.number, t_ns - self.env.now).callbacks.append(self._arrive)
        return shipment

    def _arrive(self, _: simpy.Event) -> None:
        """All that is due of the material at this instant; then those who wait for it look again."""
        now = self.env.now
        for shipment in [shipment for shipment in self.promised if shipment.ship_ns == now]:
            self.promised.remove(shipment)
            self._tell(shipment, ShipmentEvent.SHIPPED)
        came = [shipment for shipment in self.pending if shipment.receive_ns == now]
        for shipment in came:
            self.pending.remove(shipment)
            self._tell(shipment, ShipmentEvent.RECEIVED)
            bad = self.defects * self.on_hand + shipment.defective_u
            self.defects = bad / (self.on_hand + shipment.quantity_u)
            self.on_hand += shipment.quantity_u
            self.under_way -= shipment.quantity_u
        if came:
            while self.waiting:
                self.waiting.popleft().call()
            self.order_above(self.spec.reorder_u)

    def _tell(self, shipment: Shipment, what: ShipmentEvent) -> None:
        row = (self.env.now, self.number, shipment.number, int(what), shipment.defective_u)
        self.model.told.shipped.append(row)


class Shipment(NamedTuple):
    """Material under way."""

    number: int
    quantity_u: int
    defective_u: int
    ship_ns: int
    receive_ns: int


class Crew:
    """Technicians, and the machines that wait for one."""

    def __init__(self, technicians: int) -> None:
        self.free = technicians
        self.waiting: deque[Machine] = deque()

    def take(self) -> bool:
        """A technician, if one is free."""
        if not self.free:
            return False
        self.free -= 1
        return True

    def dismiss(self) -> None:
        """The technician goes on to who has waited longest."""
        if self.waiting:
            machine = self.waiting.popleft()
            machine.served = True
            machine.serve()
        else:
            self.free += 1


class Power:
    """A group of machines that share a limit of power."""

    def __init__(self, env: simpy.Environment, number: int, limit_w: int) -> None:
        self.env, self.number, self.limit_w, self.drawn_w = env, number, limit_w, 0
        self.waiting: deque[Machine] = deque()
        self.turn: simpy.Event | None = None

    def ask(self, machine: Machine) -> bool:
        """Whether there is power now; who is refused waits."""
        if not self.waiting and self._fits(machine):
            self.drawn_w += machine.spec.power_w
            return True
        self.waiting.append(machine)
        self._changed()
        return False

    def give_back(self, machine: Machine) -> None:
        """The machine does not run any more."""
        self.drawn_w -= machine.spec.power_w
        self._changed()

    def _fits(self, machine: Machine) -> bool:
        return self.drawn_w + machine.spec.power_w <= self.limit_w

    def _changed(self) -> None:
        if self.waiting and self.turn is None:
            self.turn = self.env.event()
            self.turn.callbacks.append(self._share_out)
            fire(self.turn, POWER + self.number)

    def _share_out(self, _: simpy.Event) -> None:
        """When nobody looks for work any more: in the order of the queue, each whose power fits."""
        self.turn = None
        for machine in list(self.waiting):
            if self._fits(machine):
                self.waiting.remove(machine)
                self.drawn_w += machine.spec.power_w
                machine.powered = True
                machine.serve()


class Model:
    """A world at work."""

    def __init__(self, world: World, seed: int, start_ns: int) -> None:
        self.world, self.seed, self.env = world, seed, simpy.Environment(start_ns)
        self.told = Told([], [], [], [])
        self.crews = [Crew(technicians) for technicians in world.crews]
        self.powers = [Power(self.env, number, limit_w) for number, limit_w in enumerate(world.power_w)]
        self.stores = [Store(self, number, spec) for number, spec in enumerate(world.materials)]
        self.lines = [LineModel(self, number, line) for number, line in enumerate(world.lines)]
        self.orders = 0
        self.machines: list[Machine] = []
        for line in self.lines:
            for station in line.stations:
                for name in station.spec.machines:
                    self.machines.append(Machine(self, len(self.machines), name, station))
        for number, (times, breaks) in enumerate(zip_longest(world.calendars, world.breaks, fillvalue=())):
            self.env.process(self._calendar(number, tuple(times), frozenset(breaks)))

    def _calendar(self, number: int, times: tuple[int, ...], breaks: frozenset[int]) -> Process:
        mine = [machine for machine in self.machines if machine.spec.calendar == number]
        for turn, t_ns in enumerate(times):
            yield Due(self.env, CALENDARS + number, t_ns - self.env.now)
            opens = bool(turn % 2)
            why = Doing.PAUSE if t_ns in breaks else Doing.OFF
            for machine in mine:
                machine.closed = None if opens else why
            for machine in mine:
                if opens:
                    machine.reopen()
                else:
                    machine.process.interrupt()

    def place(self, rows: Any) -> None:
        """Orders, by the columns of ``line.ORDERS``."""
        for row in rows:
            order = Order(self.orders, row)
            self.orders += 1
            self.env.process(self.lines[int(row["line"])].customer(order, row))

    def price(self) -> float:
        """The price of power now."""
        return self.world.price[self._price_now()][1] if self.world.price else 0.0

    def next_price_ns(self) -> int:
        """When the price changes next."""
        after = self._price_now() + 1
        return self.world.price[after][0] if after < len(self.world.price) else NEVER

    def _price_now(self) -> int:
        return max(0, bisect_right(self.world.price, self.env.now, key=lambda entry: entry[0]) - 1)

    def entered(self, machine: int, doing: Doing) -> None:
        """Note what a machine does; only what it does at the end of an instant counts."""
        self.told.entered.append((self.env.now, machine, int(doing)))

    def run(self, until_ns: int) -> Told:
        """Everything before a time, in order of time and machine."""
        self.env.run(until_ns)
        last = {(t_ns, machine): doing for t_ns, machine, doing in self.told.entered}
        said: dict[int, int] = {}
        entered = []
        for (t_ns, machine), doing in sorted(last.items()):
            if said.get(machine) != doing:
                said[machine] = doing
                entered.append((t_ns, machine, doing))
        return Told(entered, sorted(self.told.finished), self.told.ordered, self.told.shipped)


def simulate(world: World, orders: Any, seed: int, until_ns: int) -> Told:
    """What a world tells from 0 to a time."""
    model = Model(world, seed, 0)
    model.place(orders)
    return model.run(until_ns)
