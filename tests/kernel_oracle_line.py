"""The line of the kernel's oracle: steps with their queues, and orders from arrival to end, as SimPy processes.

What it is: who waits where, for what, and which lot comes next, after ``docs/design/kernel.md``; and the places that
events have within an instant, which SimPy's own queue keeps as priorities.
What it is not: the machines (``kernel_oracle_machine.py``), nor what lines share (``kernel_oracle.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from simulator.happenings import NEVER, OrderEvent
from simulator.line import Line, Step

if TYPE_CHECKING:
    from kernel_oracle import Model
    from kernel_oracle_machine import Machine

Process = Generator[simpy.Event, Any, Any]

# Priorities within an instant. SimPy's own interrupts (a shift ends) are 0 like the to-do list, first in first out.
AT_ONCE, TODO, POWER = -1, 0, 1
CALENDARS, ORDERS, MATERIALS, MACHINES = ((n + 1) << 100 for n in range(4))


class Due(simpy.Event):
    """An event that is due after a time, at its place within that instant."""

    def __init__(self, env: simpy.Environment, place: int, delay: int) -> None:
        super().__init__(env)
        fire(self, place, delay=delay)


def fire(event: simpy.Event, place: int, value: object = None, delay: int = 0) -> None:
    """Let an event happen at its place within an instant."""
    event._ok, event._value = True, value
    event.env.schedule(event, place, delay)


def signed(key: int) -> int:
    """The 64 bits of a key as the compiled draws take them."""
    return key - 2**64 if key >= 2**63 else key


class Order:
    """An order; ``rest`` are the units not yet taken, ``out`` those that have left the line."""

    __slots__ = ("due_ns", "number", "out", "priority", "rest", "state", "units", "variant")

    def __init__(self, number: int, row: Any) -> None:
        self.number = number
        self.variant, self.units, self.priority = int(row["variant"]), int(row["units"]), int(row["priority"])
        self.due_ns = int(row["due_ns"])
        self.rest, self.out, self.state = self.units, 0, "new"


class Lot:
    """Units of one order that move together, and what the present step makes of them."""

    __slots__ = ("order", "rework", "scrap", "units")

    def __init__(self, order: Order, units: int) -> None:
        self.order, self.units, self.scrap, self.rework = order, units, 0, 0


class Station:
    """A step of a line: the queue before it, and who waits there."""

    def __init__(self, env: simpy.Environment, spec: Step, line: LineModel, position: int) -> None:
        self.env, self.spec, self.line, self.position = env, spec, line, position
        self.queue: deque[Lot] = deque()
        self.room = 0
        self.starving: deque[Machine] = deque()
        self.blocked: deque[Machine] = deque()
        self.sent: Machine | None = None
        self.after: Station | None = None

    def heads(self) -> Iterator[Lot]:
        """What the rule chooses from: the buffer's lots, or where there is no buffer the lot blocked longest."""
        if not self.room and self.blocked:
            yield self.blocked[0].outgoing[0]
        yield from self.queue

    def lots(self, family: int | None) -> Iterator[Lot]:
        """All that waits, lot by lot, in the order of the queue; of one family if one is given."""
        return (lot for lot in self.heads() if family is None or self.family(lot) == family)

    def family(self, lot: Lot) -> int:
        """The lot's family at this step."""
        return self.line.major[lot.order.variant][self.position]

    def first(self, machine: Machine) -> Lot | None:
        """The next lot by the step's rule."""
        lots = list(islice(self.heads(), self.spec.look))
        if not lots:
            return None
        match self.spec.dispatch:
            case "due":
                return min(lots, key=lambda lot: lot.order.due_ns)
            case "setup":
                return min(lots, key=lambda lot: (machine.change(lot), lot.order.due_ns))
            case "priority":
                return max(lots, key=lambda lot: lot.order.priority)
        return lots[0]

    def load(self, machine: Machine) -> list[Lot]:
        """What the machine would take now: a lot, or as many lots as a load has, or fewer."""
        first = self.first(machine)
        if first is None or not self.spec.load_lots:
            return [] if first is None else [first]
        load = self.led_by(first)
        if self.spec.one_family and len(load) < self.spec.load_lots:
            others = (self.led_by(lot) for lot in islice(self.heads(), self.spec.look))
            return next((other for other in others if len(other) == self.spec.load_lots), load)
        return load

    def led_by(self, first: Lot) -> list[Lot]:
        """A load that begins with this lot: the others in the order of the queue."""
        family = self.family(first) if self.spec.one_family else None
        others = (lot for lot in self.lots(family) if lot is not first)
        return [first, *islice(others, self.spec.load_lots - 1)]

    def take(self, load: list[Lot]) -> None:
        """The lots leave the queue, and those who were blocked move up."""
        for lot in load:
            if self.room:
                self.queue.remove(lot)
            else:
                self._let_go()
        while self.blocked and len(self.queue) < self.room:
            self.queue.append(self.blocked[0].outgoing[0])
            self._let_go()

    def _let_go(self) -> None:
        """The next lot of the machine blocked longest has found its place."""
        machine = self.blocked[0]
        machine.outgoing.popleft()
        if not machine.outgoing:
            self.blocked.popleft()
            machine.unblock()

    def hand_in(self, machine: Machine) -> None:
        """A machine of the step before hands its lots on, as far as there is room."""
        while machine.outgoing and not self.blocked and len(self.queue) < self.room:
            self.queue.append(machine.outgoing.popleft())
            self.rouse()
        if machine.outgoing:
            self.blocked.append(machine)
            self.rouse()

    def rouse(self) -> None:
        """Send who has starved longest to look for work, if there is a load for it and nobody is on the way."""
        if not self.starving or self.sent is not None:
            return
        load = self.load(self.starving[0])
        enough = self.spec.load_lots if self.spec.fill_ns else 1
        if len(load) >= max(1, enough):
            self.sent = self.starving.popleft()
            self.sent.call()
        elif load:
            for machine in self.starving:
                machine.begin_to_fill()


class Entrance(Station):
    """The first step of a line: its queue are the released orders, from which lots are made when they are taken."""

    def __init__(self, env: simpy.Environment, spec: Step, line: LineModel) -> None:
        super().__init__(env, spec, line, 0)
        self.orders: deque[Order] = deque()

    def heads(self) -> Iterator[Lot]:
        size = self.line.spec.lot_units
        return (Lot(order, min(size, order.rest)) for order in self.orders)

    def lots(self, family: int | None) -> Iterator[Lot]:
        size = self.line.spec.lot_units
        for order in self.orders:
            if family is None or family == self.line.major[order.variant][0]:
                for taken in range(0, order.rest, size):
                    yield Lot(order, min(size, order.rest - taken))

    def led_by(self, first: Lot) -> list[Lot]:
        family = self.family(first) if self.spec.one_family else None
        mine = (lot for lot in self.lots(family) if lot.order is first.order)
        others = (lot for lot in self.lots(family) if lot.order is not first.order)
        return list(islice(chain(mine, others), self.spec.load_lots))

    def take(self, load: list[Lot]) -> None:
        for lot in load:
            order = lot.order
            order.rest -= lot.units
            if order.state != "started":
                order.state = "started"
                self.line.tell(order, OrderEvent.STARTED)
            if not order.rest:
                self.orders.remove(order)

    def again(self, order: Order, units: int) -> None:
        """Scrapped units go back to their order, to be made again."""
        if not order.rest:
            self.orders.appendleft(order)
        order.rest += units
        self.rouse()


class LineModel:
    """A line: its steps, and the orders from their arrival to their end."""

    def __init__(self, model: Model, number: int, spec: Line) -> None:
        self.model, self.number, self.spec, self.env = model, number, spec, model.env
        self.major, self.minor, self.slower = (
            np.broadcast_to(table, (len(table), len(spec.steps))).tolist()
            for table in (spec.major_keys, spec.minor_keys, spec.slower)
        )
        self.entrance = Entrance(self.env, spec.steps[0], self)
        self.stations: list[Station] = [self.entrance]
        for position, step in enumerate(spec.steps[1:], 1):
            self.stations.append(Station(self.env, step, self, position))
            self.stations[-2].after = self.stations[-1]
            self.stations[-1].room = spec.steps[position - 1].buffer_after
        self.open_units = 0

    def tell(self, order: Order, what: OrderEvent) -> None:
        """Note what happened to an order."""
        self.model.told.ordered.append((self.env.now, order.number, int(what)))

    def customer(self, order: Order, row: Any) -> Process:
        """An order arrives, may be made, and may be cancelled."""
        place = ORDERS + order.number * 4
        yield Due(self.env, place, int(row["t_ns"]) - self.env.now)
        if self.open_units > self.spec.book_units:
            self.tell(order, OrderEvent.REFUSED)
            return
        order.state = "accepted"
        self.open_units += order.units
        self.tell(order, OrderEvent.ACCEPTED)
        self.env.process(self._regret(order, int(row["cancel_ns"]), place + 2))
        yield Due(self.env, place + 1, max(0, int(row["release_ns"]) - self.env.now))
        if order.state == "accepted":
            self.entrance.orders.append(order)
            self.entrance.rouse()

    def _regret(self, order: Order, cancel_ns: int, place: int) -> Process:
        if cancel_ns >= NEVER:
            return
        yield Due(self.env, place, max(0, cancel_ns - self.env.now))
        if order.state == "accepted":
            order.state = "cancelled"
            self.open_units -= order.units
            if order in self.entrance.orders:
                self.entrance.orders.remove(order)
            self.tell(order, OrderEvent.CANCELLED)

    def told(self, machine: int, lot: Lot) -> None:
        """A lot is done at a step; what is scrapped of it is to be made again."""
        good = lot.units - lot.scrap - lot.rework
        self.model.told.finished.append((self.env.now, machine, lot.order.number, good, lot.scrap, lot.rework))
        lot.units -= lot.scrap
        if lot.scrap:
            self.entrance.again(lot.order, lot.scrap)

    def delivered(self, lot: Lot) -> None:
        """A lot leaves the line."""
        lot.order.out += lot.units
        self.open_units -= lot.units
        if lot.order.out == lot.order.units:
            self.tell(lot.order, OrderEvent.FINISHED)
