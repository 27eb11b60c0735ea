"""A machine of the kernel's oracle: one SimPy process that looks for work, does it, and hands it on.

What it is: the life of a machine after ``docs/design/kernel.md``, told from the machine's side. Whoever has something
for it wakes it by an event; the end of its shift interrupts it.
What it is not: what machines share (``kernel_oracle.py``).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import simpy
from kernel_oracle_fate import Fate
from kernel_oracle_line import AT_ONCE, MACHINES, TODO, Due, Lot, Process, Station, fire

from simulator.happenings import NEVER, Doing
from simulator.kernel import draws

if TYPE_CHECKING:
    from kernel_oracle import Model

CLOSED = -1


class Plan(NamedTuple):
    """What a machine has come to: the lots it begins, or what it does without one, until when at most, where."""

    doing: Doing
    load: tuple[Lot, ...] = ()
    until_ns: int = NEVER
    queue: deque[Machine] | None = None


class Machine(Fate):
    """State and process of one machine."""

    def __init__(self, model: Model, number: int, name: str, station: Station) -> None:
        super().__init__(model.seed, name, station)
        self.model, self.env, self.number = model, model.env, number
        self.place = MACHINES + number
        self.crew = model.crews[self.spec.crew] if self.spec.crew >= 0 else None
        self.power = model.powers[self.spec.power_group] if self.spec.power_group >= 0 else None
        self.closed: Doing | None = None
        self.opening: simpy.Event | None = None
        self.wake: simpy.Event | None = None
        self.outgoing: deque[Lot] = deque()
        self.powered = self.served = False
        self.fill_by: int | None = None
        self.wanted_at: int | None = None
        self.process = self.env.process(self._live())

    # Waiting and being woken

    def _enter(self, doing: Doing) -> None:
        self.model.entered(self.number, doing)

    def _off(self, looks: bool = False) -> Process:
        assert self.closed is not None
        self._enter(self.closed)
        self.looks = looks
        self.opening = self.env.event()
        yield self.opening
        self.opening = None

    def _hold(self, doing: Doing, ns: int) -> Process:
        """Do something that takes its time, while the machine is open."""
        while True:
            self._enter(doing)
            began = self.env.now
            try:
                yield Due(self.env, self.place, ns)
            except simpy.Interrupt:
                ns = max(1, ns - (self.env.now - began))
                yield from self._off()
            else:
                return

    def _wait(self, doing: Doing, until_ns: int = NEVER) -> Process:
        """Wait to be woken, or for a time; the value is what it is woken with, ``CLOSED`` after the shift's end."""
        wake = self.wake = self.env.event()
        if until_ns < NEVER:
            self._alarm(until_ns)
        self._enter(doing)
        try:
            value = yield wake
        except simpy.Interrupt:
            value = CLOSED
        self.wake = None
        return value

    def _alarm(self, at_ns: int) -> None:
        wake = self.wake

        def ring(_: simpy.Event) -> None:
            if wake is self.wake and wake is not None and not wake.triggered:
                if self in self.station.starving:
                    self.station.starving.remove(self)
                fire(wake, AT_ONCE)

        due = Due(self.env, self.place, at_ns - self.env.now)
        due.callbacks.append(ring)

    def begin_to_fill(self) -> None:
        """The first lot has come: from now on there is a limit to waiting for a load."""
        if self.fill_by is None:
            self.fill_by = self.env.now + self.spec.fill_ns
            self._alarm(max(self.env.now + 1, self.fill_by))

    def call(self) -> None:
        """Go and look for work, after those who already shall."""
        assert self.wake is not None
        fire(self.wake, TODO)

    def serve(self) -> None:
        """What the machine waited for is here."""
        if self.wake is not None:
            fire(self.wake, AT_ONCE)

    def unblock(self) -> None:
        """The last lot has found its place; a closed machine looks for work when it opens."""
        self.looks = True
        if self.wake is not None:
            self.call()

    def reopen(self) -> None:
        """The shift begins: go on, or look for work in turn."""
        assert self.opening is not None
        fire(self.opening, TODO if self.looks else AT_ONCE)

    # Work

    def _live(self) -> Process:
        try:
            yield Due(self.env, self.place, 0)
        except simpy.Interrupt:  # the world begins with the end of a shift
            yield from self._off(looks=True)
        while True:
            load = yield from self._find()
            if self.setup_ns:
                yield from self._hold(Doing.SETUP, self.setup_ns)
            yield from self._produce(load)
            yield from self._hand_on(load)

    def _find(self) -> Process:
        """Look for work until there is some."""
        plan = self.consider()
        while not plan.load:
            if plan.doing is Doing.MAINTENANCE:
                yield from self._hold(Doing.MAINTENANCE, plan.until_ns)
                self.renew()
                self._dismiss()
            elif plan.doing is self.closed or (yield from self._wait(plan.doing, plan.until_ns)) is CLOSED:
                if plan.queue is not None:
                    plan.queue.remove(self)
                if plan.queue is self.station.starving:
                    self.fill_by = None
                yield from self._off(looks=True)
            plan = self.consider()
        return plan.load

    def consider(self) -> Plan:
        """Look for work, and take it if all is there; then the next may look."""
        if self.station.sent is self:
            self.station.sent = None
        plan = self._consider()
        self.station.rouse()
        return plan

    def _consider(self) -> Plan:
        if self.closed is not None:
            return Plan(self.closed)
        if self.age >= self.noticed and (self.crew is None or self.crew.take()):
            return Plan(Doing.MAINTENANCE, until_ns=draws.duration(self.repair_ns() * self.spec.planned_repair))
        load = self.station.load(self)
        if len(load) < max(1, self.spec.load_lots):
            if not load:
                self.fill_by = None
            elif self.fill_by is None:
                self.fill_by = self.env.now + self.spec.fill_ns
            if self.fill_by is None or self.env.now < self.fill_by:
                queue = self.station.starving
                queue.append(self)
                doing = Doing.STARVED if self.station.position else Doing.NO_ORDER
                return Plan(doing, (), NEVER if self.fill_by is None else self.fill_by, queue)
        units = sum(lot.units for lot in load)
        lacking = self._lacking(units)
        if lacking is not None:
            return lacking
        self.station.take(load)
        self._begin(tuple(load), units)
        return Plan(Doing.RUNNING, tuple(load))

    def _lacking(self, units: int) -> Plan | None:
        """What the machine must wait for although there is a load: cheap power, material."""
        spec, now = self.spec, self.env.now
        if spec.tariff_wait_ns and self.model.price() > spec.tariff_max:
            self.wanted_at = now if self.wanted_at is None else self.wanted_at
            patient_until = self.wanted_at + spec.tariff_wait_ns
            if now < patient_until:
                return Plan(Doing.WAIT_TARIFF, until_ns=min(patient_until, self.model.next_price_ns()))
        for number, quantity in spec.needs:
            store = self.model.stores[number]
            if store.on_hand < quantity * units:
                store.wait_for(self, quantity * units)
                return Plan(Doing.NO_MATERIAL, queue=store.waiting)
        return None

    def _begin(self, load: tuple[Lot, ...], units: int) -> None:
        spec = self.spec
        self.fill_by = self.wanted_at = None
        defects = 0.0
        for number, quantity in spec.needs:
            store = self.model.stores[number]
            store.use(quantity * units)
            defects += store.spec.defect_scrap * store.defects
        self.left = self.work_ns(load)
        mended = self.judge(load, defects)
        self.left += spec.rework_ns * (int(mended > 0) if spec.load_lots else mended)
        self.set_up(load[0], units)

    def _produce(self, load: tuple[Lot, ...]) -> Process:
        """Run until the load is done and each of its lots is told, whatever comes between."""
        lots = deque(load)
        while lots:
            yield from self._power_up()
            self._enter(Doing.RUNNING)
            began, shift_ends = self.env.now, False
            try:
                yield Due(self.env, self.place, max(1, min(self.left, self.life - self.age, self.to_stop)))
            except simpy.Interrupt:
                shift_ends = True
            ran = self.env.now - began
            self.age += ran
            self.left -= ran
            self.to_stop -= ran
            if self.left <= 0 and not shift_ends:
                self.station.line.told(self.number, lots.popleft())
                self.left = 1
                if lots:
                    continue
            self._power_down()
            if shift_ends:
                yield from self._off()
            elif lots and self.age >= self.life:
                yield from self._fail()
            elif lots:
                length = self.spec.stop_mean_ns * draws.exponential(self.s_stop, 2 * self.stops + 1)
                yield from self._hold(Doing.MINOR_STOP, draws.duration(length))
                self.next_stop()

    def _power_up(self) -> Process:
        while self.power is not None and not self.powered:
            if self.power.ask(self):
                self.powered = True
            elif (yield from self._wait(Doing.NO_POWER)) is CLOSED:
                self.power.waiting.remove(self)
                yield from self._off()

    def _power_down(self) -> None:
        if self.power is not None:
            self.powered = False
            self.power.give_back(self)

    def _fail(self) -> Process:
        self._enter(Doing.DOWN)
        if self.crew is not None and not self.crew.take():
            self.served = False
            self.crew.waiting.append(self)
            while not self.served:
                if (yield from self._wait(Doing.DOWN)) is CLOSED:
                    yield from self._off()
        way = self.spec.response_ns * draws.exponential(self.s_repair, 2 * self.lives + 1)
        yield from self._hold(Doing.DOWN, draws.duration(way))
        yield from self._hold(Doing.REPAIR, self.repair_ns())
        self.renew()
        self._dismiss()

    def _dismiss(self) -> None:
        if self.crew is not None:
            self.crew.dismiss()

    def _hand_on(self, load: tuple[Lot, ...]) -> Process:
        self.outgoing = deque(lot for lot in load if lot.units)
        if self.station.after is None:
            for lot in self.outgoing:
                self.station.line.delivered(lot)
        else:
            self.station.after.hand_in(self)
            if self.outgoing:
                while self.outgoing:
                    if (yield from self._wait(Doing.BLOCKED)) is CLOSED:
                        yield from self._off()
                return
        turn = self.env.event()
        fire(turn, TODO)
        yield turn
