"""A small plant that knows the truth of itself: its messages for a store, and its ledger, from one drawn schedule.

What it is: machines with shifts, failures that a closed shift interrupts, waits of every reason and lots of several
units, and a market and a supplier beside them, for the tests of ``qilu verify``.
What it is not: the simulator; nothing here follows from anything else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from contract import (
    Address,
    Birth,
    Cycle,
    CycleRow,
    Death,
    Delivery,
    DeliveryRow,
    Economics,
    Message,
    Meter,
    MeterRow,
    Order,
    OrderRow,
    PackMLState,
    Production,
    Reason,
    Return,
    ReturnRow,
    Shipment,
    ShipmentRow,
    State,
    StateRow,
    decode,
    encode,
)
from historian import Frame
from ingest import frames

S = 10**9
HOUR = 3600 * S
T0 = 1_772_323_200 * S
HOURS = 6
END = T0 + HOURS * HOUR
CLOSED = ((T0 + 5400 * S, T0 + 4 * HOUR + 1200 * S), (T0 + 5 * HOUR, T0 + 5 * HOUR + 60 * S))
BOOT = "0badcafe"
MONEY = Economics(
    currency="CNY",
    operators=0.5,
    wage_per_h=40.0,
    depreciation_per_h=30.0,
    material_per_unit=4.0,
    scrap_credit_per_unit=0.5,
)
PRI = 11 * S

Activity = tuple[PackMLState, Reason, str | None, int]
_ACTIVITIES: tuple[tuple[Activity, ...], ...] = (
    ((PackMLState.EXECUTE, Reason.RUNNING, None, 1500),),
    ((PackMLState.SUSPENDED, Reason.UTILITY, None, 300),),
    ((PackMLState.SUSPENDED, Reason.STARVED, "steel", 300),),
    ((PackMLState.IDLE, Reason.NO_ORDER, None, 200),),
    ((PackMLState.STOPPED, Reason.PLANNED_MAINTENANCE, None, 500),),
    ((PackMLState.ABORTED, Reason.BREAKDOWN, "wear", 700), (PackMLState.CLEARING, Reason.BREAKDOWN, "wear", 1400)),
    ((PackMLState.HELD, Reason.MINOR_STOP, "jam", 60),),
)


@dataclass
class Machine:
    """One machine: what it says, and what it really did up to any moment."""

    address: Address
    states: list[StateRow] = field(default_factory=list)
    lots: list[CycleRow] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    watts: int = 6000

    def truth(self, t_ns: int) -> dict[str, Any]:
        """The body of a line of the ledger."""
        spent: Counter[str] = Counter()
        for row, end in zip(self.states, [*(row.t for row in self.states[1:]), END], strict=True):
            spent[f"{row.state}/{row.reason}"] += max(0, min(end, t_ns) - row.t)
        lots = [lot for lot in self.lots if lot.t < t_ns]
        good, scrap, rework = (sum(getattr(lot, name) for lot in lots) for name in ("good", "scrap", "rework"))
        made, hours = good + scrap + rework, Fraction(t_ns - T0 - spent["Stopped/no_shift"], HOUR)
        money = {
            "material": made * Fraction(4),
            "scrap_recovery": scrap * Fraction(-1, 2),
            "energy": Fraction(0),
            "labour": hours * 20,
            "depreciation": hours * 30,
        }
        return {
            "state_ns": dict(spent),
            "good": good,
            "scrap": scrap,
            "rework": rework,
            "ideal_total_ns": made * PRI,
            "ideal_good_ns": good * PRI,
            "failures": sum(t < t_ns for t in self.failed),
            "energy_wh": self.watts * (t_ns - T0) // HOUR,
            "maintained": 3,
            "gas_wh": 17,
            "money": {name: str(amount) for name, amount in money.items()},
        }

    def said(self) -> Iterator[tuple[str, Message]]:
        """Its messages."""
        work = Production(step=self.address.machine, position=int(self.address.machine[-1]), ideal_cycle_ns=PRI)
        yield (
            "birth",
            Birth(boot=BOOT, seq=1, t=T0, role="machine", model="m", version="1", production=work, economics=MONEY),
        )
        yield "state", State(boot=BOOT, seq=2, rows=self.states)
        yield "cycle", Cycle(boot=BOOT, seq=3, rows=self.lots)
        times = range(T0, END + 1, 60 * S)
        counted = [{"energy_wh": self.watts * (t - T0) // HOUR, "gas_wh": (t - T0) // S} for t in times]
        yield (
            "meter",
            Meter(boot=BOOT, seq=4, rows=[MeterRow(t=t, counters=c) for t, c in zip(times, counted, strict=True)]),
        )
        yield "death", Death(boot=BOOT, seq=5, t=END, reason="end")


def machine(name: str, seed: int, line: str = "line-1") -> Machine:
    """A machine whose day is drawn."""
    draw = Random(seed)
    it = Machine(Address("acme", "plant-1", "production", line, name))
    now, before = T0, None
    while now < END:
        activity = draw.choice(_ACTIVITIES)
        if activity is before:
            continue  # what is mended must run before it can fail again
        before = activity
        if activity[0][1] == Reason.BREAKDOWN:
            it.failed.append(_open(now))
        for state, reason, cause, most_s in activity:
            now = _do(it, now, StateRow(t=0, state=state, reason=reason, cause=cause), draw.randrange(S, most_s * S))
    it.states = [row for row in it.states if row.t < END]
    it.failed = [t for t in it.failed if t < END]
    for t in range(T0 + 7, END, 97 * S):
        good, scrap, rework = draw.randrange(9), draw.randrange(3), draw.randrange(3)
        ideal = (good + scrap + rework) * PRI
        lot = {"order": "o-1", "product": "p", "variant": "v", "ideal_ns": ideal, "actual_ns": 60 * S}
        it.lots.append(CycleRow(t=t, good=good, scrap=scrap, rework=rework, **lot))  # type: ignore[arg-type]
    return it


def _open(t: int) -> int:
    return next((end for start, end in CLOSED if start <= t < end), t)


def _do(it: Machine, now: int, row: StateRow, left: int) -> int:
    """The machine does this for so long; where it is closed it stops, and goes on with what is left."""
    while left:
        now = _open(now)
        closing = next((start for start, _ in CLOSED if start >= now), now + left)
        end = min(now + left, closing)
        if end > now:
            it.states.append(msgspec.structs.replace(row, t=now))
        left -= end - now
        if end == closing and closing in dict(CLOSED):
            it.states.append(StateRow(t=end, state=PackMLState.STOPPED, reason=Reason.NO_SHIFT))
        now = end
    return now


def trade() -> list[tuple[Address, str, Message]]:
    """A market and a supplier; the second order is cancelled."""
    shop = Address("acme", "plant-1", "market", "web", "consumers")
    steel = Address("acme", "plant-1", "supply", "steelworks", "shipments")
    order = OrderRow(t=T0 + 5, order="o-1", product="p", options={"colour": "white"}, quantity=6, price=60.0, due=END)
    other = msgspec.structs.replace(order, t=T0 + 6, order="o-2")
    gone = msgspec.structs.replace(other, t=T0 + 9, quantity=0, price=0.0)
    back = ReturnRow(t=T0 + 2 * HOUR, order="o-1", quantity=1, reason="noise")
    way = ShipmentRow(t=T0 + 7, shipment="s-1", material="steel", status="promised", quantity=2.5, promised=END)
    came = msgspec.structs.replace(way, t=T0 + HOUR, status="received", defective=0.25, price=9.0)
    return [
        (shop, "birth", Birth(boot=BOOT, seq=1, t=T0, role="market", model="channel", version="1")),
        (shop, "order", Order(boot=BOOT, seq=2, rows=[order, other, gone])),
        (shop, "delivery", Delivery(boot=BOOT, seq=3, rows=[DeliveryRow(t=T0 + HOUR, order="o-1", quantity=6)])),
        (shop, "return", Return(boot=BOOT, seq=4, rows=[back])),
        (shop, "death", Death(boot=BOOT, seq=5, t=END, reason="end")),
        (steel, "birth", Birth(boot=BOOT, seq=1, t=T0, role="supply", model="supplier", version="1")),
        (steel, "shipment", Shipment(boot=BOOT, seq=2, rows=[way, came])),
        (steel, "death", Death(boot=BOOT, seq=3, t=END, reason="end")),
    ]  # fmt: skip


def messages(machines: list[Machine]) -> list[tuple[Address, str, Message]]:
    """Everything that is said."""
    return [*((m.address, kind, message) for m in machines for kind, message in m.said()), *trade()]


def stored(said: list[tuple[Address, str, Message]]) -> list[Frame]:
    """What the ingester makes of it."""
    found = []
    for address, kind, message in said:
        payload = encode(message)
        found += frames(address, kind, decode(kind, payload), payload, 0)
    return found


def ledger(path: Path, machines: list[Machine], said: list[tuple[Address, str, Message]]) -> None:
    """The testimony, with lines that its reader does not know."""
    lines: list[Any] = [{"ledger": 1, "seed": 1, "sector": "s", "start_ns": T0, "boot": BOOT, "speed": 60}]
    for address, kind, message in said:
        lines.append(["p", address.path, kind, BOOT, message.seq, len(message.times)])
        lines.append(["a", address.path, BOOT, message.seq])
    lines += [["fault", {"sensor": "x"}], ["event", 3], ["order-truth", "o-1", {"late": False}], ["event"]]
    lines += [
        ["truth", m.address.path, T0 + h * HOUR, m.truth(T0 + h * HOUR)] for h in range(HOURS + 1) for m in machines
    ]
    lines.append(["end", END])
    path.write_bytes(msgspec.json.Encoder().encode_lines(lines))
