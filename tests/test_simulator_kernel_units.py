"""No unit, no order and no shipment is lost in the kernel, or made up."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_worlds import UNTIL, Case, begun, cases

from simulator import kernel
from simulator.happenings import Happenings, OrderEvent, ShipmentEvent
from simulator.kernel import Plant
from simulator.kernel.layout import (
    MACHINE_SIZE,
    ORDER_SIZE,
    STEP_SIZE,
    G,
    M,
    O,
    S,
    T,
)


def counted(plant: Plant, happened: Happenings, case: Any) -> None:
    """Units and orders, by what was told alone."""
    out = happened.finished
    numbers = [number for number, line in enumerate(case.world.lines) for _ in line.machines]
    steps = np.array([step for line in case.world.lines for _, step in line.machines])
    lasts = np.array([step == len(line.steps) - 1 for line in case.world.lines for _, step in line.machines])
    for name in ("good", "scrap", "rework"):
        for number, done in enumerate(kernel.truth(plant)):
            assert getattr(done, name) == out[name][out["machine"] == number].sum()
    position = steps[out["machine"]]
    through: dict[tuple[int, int], int] = {}
    left: dict[tuple[int, int], int] = {}
    for line, step, row in zip(np.array(numbers)[out["machine"]].tolist(), position.tolist(), out, strict=True):
        good = int(row["good"] + row["rework"])
        through[line, step] = through.get((line, step), 0) + good + int(row["scrap"])
        left[line, step] = left.get((line, step), 0) + good
    for (line, step), units in through.items():
        if step:
            assert units <= left[line, step - 1], "no unit comes out of nothing"
    _lots(out, position)
    _orders(happened, case, out[lasts[out["machine"]]])


def _lots(out: Any, position: Any) -> None:
    """A lot passes each step once, in their order, and shrinks by what is scrapped."""
    for lot in np.unique(out["lot"]).tolist():
        mine = out[out["lot"] == lot]
        assert position[out["lot"] == lot].tolist() == list(range(len(mine)))
        assert np.all(np.diff(mine["t_ns"]) > 0)
        units = (mine["good"] + mine["scrap"] + mine["rework"]).tolist()
        assert units[1:] == (mine["good"] + mine["rework"]).tolist()[:-1]
        assert len(set(mine["order"].tolist())) == 1 == len(set(mine["variant"].tolist()))


def _orders(happened: Happenings, case: Any, at_the_end: Any) -> None:
    """Accepted is finished, cancelled or open; and finished is what has left the line good or mended."""
    fate: dict[int, list[OrderEvent]] = {}
    for _, order, what, quantity in happened.ordered.tolist():
        fate.setdefault(order, []).append(OrderEvent(what))
        assert quantity == case.orders["units"][order]
    e = OrderEvent
    allowed = ([e.REFUSED], [e.ACCEPTED], [e.ACCEPTED, e.STARTED], [e.ACCEPTED, e.STARTED, e.FINISHED])
    for order, events in fate.items():
        assert events in (*allowed, [e.ACCEPTED, e.CANCELLED]), (order, events)
        sold = int((at_the_end["good"] + at_the_end["rework"])[at_the_end["order"] == order].sum())
        asked = int(case.orders["units"][order])
        assert sold <= asked
        assert (sold == asked) == (e.FINISHED in events)
        assert sold == 0 or e.STARTED in events
    due = case.orders["t_ns"] < UNTIL
    assert sorted(fate) == np.flatnonzero(due).tolist()


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_no_unit_and_no_order_is_lost_or_made_up(case: Case) -> None:
    plant = begun(case)
    counted(plant, kernel.advance(plant, UNTIL), case)


def lots_on_the_lines(plant: Plant) -> Counter[int]:
    """Units by order, in all buffers and in all hands."""
    s, units = plant.s, Counter[int]()
    lots: list[int] = []
    for m in range(s[G.AT_MACHINES], s[G.AT_MACHINES] + s[G.MACHINES] * MACHINE_SIZE, MACHINE_SIZE):
        lots += s[s[m + M.HELD_AT] + s[m + M.HELD_FROM] : s[m + M.HELD_AT] + s[m + M.HELD]].tolist()
    for step in range(s[G.AT_STEPS], s[G.AT_STEPS] + s[G.STEPS] * STEP_SIZE, STEP_SIZE):
        for i in range(s[step + S.BUFFER]):
            place = (s[step + S.BUFFER_HEAD] + i) % s[step + S.BUFFER_CAP]
            lots.append(int(s[s[step + S.BUFFER_AT] + place]))
    assert len(set(lots)) == len(lots) == plant.work_in_progress
    for lot in lots:
        units[int(s[lot + T.ORDER])] += int(s[lot + T.UNITS])
    return units


@given(case=cases(), until=st.integers(1, UNTIL))
@settings(max_examples=40, deadline=None)
def test_every_unit_of_an_order_is_to_be_made_on_the_line_or_out(case: Case, until: int) -> None:
    """What is scrapped is to be made again, so nothing else can become of a unit."""
    plant = begun(case)
    kernel.advance(plant, until)
    lying = lots_on_the_lines(plant)
    for number in range(len(case.orders)):
        order = plant.o[number * ORDER_SIZE : (number + 1) * ORDER_SIZE]
        assert order[O.UNRELEASED] + order[O.OUT] + lying[number] == order[O.UNITS] == case.orders["units"][number]


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_shipments_are_promised_shipped_and_received_in_turn(case: Case) -> None:
    rows = kernel.advance(begun(case), UNTIL).shipped
    fate: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row in rows:
        fate.setdefault((int(row["material"]), int(row["number"])), []).append((int(row["t_ns"]), int(row["what"])))
        assert 0 <= row["defective_u"] <= row["quantity_u"]
    for (material, number), events in fate.items():
        pipeline = len(case.world.materials[material].pipeline)
        what = [ShipmentEvent(word) for _, word in events]
        assert what == list(ShipmentEvent)[number < pipeline :][: len(what)]
        assert [t for t, _ in events] == sorted(t for t, _ in events)
