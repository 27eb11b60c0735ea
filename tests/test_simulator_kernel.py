"""The handle on the kernel: however time is cut, whoever copies, and however little room there is, the same is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from factory_runs import DAY_NS, HOUR_NS, PARKS, START
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_worlds import UNTIL, Case, begun, cases

from contract import may_follow
from simulator import kernel
from simulator.happenings import Doing, Happenings, OrderEvent
from simulator.kernel import Plant
from simulator.kernel.layout import (
    ENTERED_SIZE,
    FINISHED_SIZE,
    ORDERED_SIZE,
    SHIPPED_SIZE,
    G,
)
from simulator.line import Line, Step, World, orders
from simulator.speak import STATES
from simulator.worlds import world_of

CUTS = st.lists(st.integers(0, UNTIL), max_size=12).map(sorted)


def together(parts: list[Happenings]) -> Happenings:
    return Happenings(*(np.concatenate(tables) for tables in zip(*parts, strict=True)))


def told(plant: Plant, until_ns: int, cuts: list[int] | None = None) -> Happenings:
    return together([kernel.advance(plant, cut) for cut in [*(cuts or []), until_ns]])


def same(a: Happenings, b: Happenings) -> bool:
    return all(x.tobytes() == y.tobytes() for x, y in zip(a, b, strict=True))


@given(case=cases(), cuts=CUTS)
@settings(max_examples=40, deadline=None)
def test_the_cut_into_calls_changes_no_byte(case: Case, cuts: list[int]) -> None:
    whole, cut = begun(case), begun(case)
    assert same(told(cut, UNTIL, cuts), told(whole, UNTIL))
    assert kernel.truth(cut) == kernel.truth(whole)
    assert kernel.stocks(cut) == kernel.stocks(whole)


@given(case=cases(), cuts=CUTS)
@settings(max_examples=40, deadline=None)
def test_orders_may_be_handed_in_at_any_time_before_they_are_due(case: Case, cuts: list[int]) -> None:
    whole, bit_by_bit = begun(case), kernel.start(case.world, case.seed, 0)
    parts, left = [], case.orders
    for cut in [*cuts, UNTIL]:
        now = left["t_ns"] < cut
        kernel.place(bit_by_bit, left[now])
        left = left[~now]
        parts.append(kernel.advance(bit_by_bit, cut))
    expected = told(whole, UNTIL)
    got = together(parts)
    assert same(got, expected)


def sector_plant(name: str, days: int = 3) -> Plant:
    """A sector's world with a book of orders of its own making."""
    park = PARKS[name]()
    plant = kernel.start(world_of(park, START, START + 30 * DAY_NS), park.seed, START)
    rng = np.random.default_rng(5)
    rows = []
    for number, site in enumerate(park.sites):
        per_day = site.sector.demand.units_per_day
        units = max(1, round(per_day / 20))
        for at in sorted(rng.integers(0, days * DAY_NS, 20 * days).tolist()):
            t_ns = START + at
            variant = int(rng.integers(0, site.variants.count))
            due_ns = t_ns + 5 * DAY_NS
            rows.append({"line": number, "t_ns": t_ns, "units": units, "variant": variant, "due_ns": due_ns})
    rows.sort(key=lambda row: row["t_ns"])
    kernel.place(plant, orders(rows))
    return plant


@pytest.mark.parametrize("name", PARKS)
def test_sectors_are_told_the_same_however_time_is_cut(name: str) -> None:
    until = START + 3 * DAY_NS
    whole, cut = sector_plant(name), sector_plant(name)
    cuts = [START + 1, START + 7 * HOUR_NS + 11, START + DAY_NS, START + DAY_NS, START + 2 * DAY_NS + 13]
    expected = told(whole, until)
    assert same(told(cut, until, cuts), expected)
    assert len(expected.finished) > 100
    assert kernel.truth(cut) == kernel.truth(whole)


@pytest.mark.parametrize("name", ["home_appliances", "two"])
def test_a_forecast_from_a_copy_is_what_comes(name: str) -> None:
    plant = sector_plant(name)
    kernel.advance(plant, START + DAY_NS)
    before = plant.s.tobytes(), plant.f.tobytes(), plant.o.tobytes()
    twin = plant.copy()
    forecast = kernel.advance(twin, START + 3 * DAY_NS)
    assert (plant.s.tobytes(), plant.f.tobytes(), plant.o.tobytes()) == before
    assert same(kernel.advance(plant, START + 3 * DAY_NS), forecast)
    assert kernel.truth(plant) == kernel.truth(twin)
    assert (plant.s.tobytes(), plant.f.tobytes(), plant.o.tobytes()) == (
        twin.s.tobytes(), twin.f.tobytes(), twin.o.tobytes()
    )  # fmt: skip


@given(case=cases(), fork_at=st.integers(1, UNTIL))
@settings(max_examples=40, deadline=None)
def test_a_copy_goes_its_own_way(case: Case, fork_at: int) -> None:
    plant = begun(case)
    kernel.advance(plant, fork_at)
    twin, other = plant.copy(), plant.copy()
    expected = kernel.advance(twin, UNTIL)
    kernel.place(other, orders([{"t_ns": fork_at, "release_ns": fork_at, "units": 5}]))
    kernel.advance(other, UNTIL)
    assert plant.now_ns == fork_at
    assert same(kernel.advance(plant, UNTIL), expected)
    assert kernel.truth(plant) == kernel.truth(twin)


def small_out(plant: Plant) -> None:
    """As little room to tell in as the kernel can work with."""
    s = plant.s
    cap = int(s[G.OUT_MARGIN]) + max(int(s[n]) for n in (G.OUT_ENTERED, G.OUT_FINISHED, G.OUT_ORDERED, G.OUT_SHIPPED))
    tables = [
        (0, G.OUT_ENTERED, ENTERED_SIZE), (int(s[G.OUT_FINISHED_AT]), G.OUT_FINISHED, FINISHED_SIZE),
        (int(s[G.OUT_ORDERED_AT]), G.OUT_ORDERED, ORDERED_SIZE),
        (int(s[G.OUT_SHIPPED_AT]), G.OUT_SHIPPED, SHIPPED_SIZE),
    ]  # fmt: skip
    parts, starts, at = [], [], 0
    for begin, count, size in tables:
        part = np.zeros(cap * size, np.int64)
        part[: int(s[count]) * size] = plant.out[begin : begin + int(s[count]) * size]
        parts.append(part)
        starts.append(at)
        at += len(part)
    plant.out = np.concatenate(parts)
    s[G.OUT_CAP] = cap
    s[G.OUT_FINISHED_AT], s[G.OUT_ORDERED_AT], s[G.OUT_SHIPPED_AT] = starts[1:]


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_little_room_to_tell_in_changes_no_byte(case: Case) -> None:
    roomy, narrow = begun(case), begun(case)
    small_out(narrow)
    assert same(kernel.advance(narrow, UNTIL), kernel.advance(roomy, UNTIL))
    assert kernel.truth(narrow) == kernel.truth(roomy)


@given(case=cases())
@settings(max_examples=40, deadline=None)
def test_states_follow_each_other_as_packml_allows_and_last(case: Case) -> None:
    plant = begun(case)
    happened = kernel.advance(plant, UNTIL)
    for number, done in enumerate(kernel.truth(plant)):
        rows = happened.entered[happened.entered["machine"] == number]
        times, doings = rows["t_ns"].tolist(), [Doing(n) for n in rows["doing"].tolist()]
        assert times[0] == 0 and times[-1] < UNTIL
        assert all(a < b for a, b in pairwise(times))
        for before, after in pairwise(doings):
            assert before is not after
            assert may_follow(STATES[before].state, STATES[after].state), (before, after)
        held: Counter[Doing] = Counter()
        for doing, begin, end in zip(doings, times, [*times[1:], UNTIL], strict=True):
            held[doing] += end - begin
        assert [held[doing] for doing in Doing] == done.doing_ns


LINE = World((Line((Step(("a",), 10), Step(("b",), 10)), lot_units=2),))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"t_ns": 4, "units": 1}], "past"),
        ([{"t_ns": 9, "units": 1}, {"t_ns": 8, "units": 1}], "order of time"),
        ([{"t_ns": 9, "units": 0}], "need units"),
        ([{"t_ns": 9, "units": 1, "line": 1}], "a line or a variant"),
        ([{"t_ns": 9, "units": 1, "line": -1}], "a line or a variant"),
        ([{"t_ns": 9, "units": 1, "variant": 1}], "a line or a variant"),
    ],
)
def test_orders_that_cannot_be_are_refused_and_change_nothing(rows: list[dict[str, Any]], why: str) -> None:
    plant = kernel.start(LINE, 1, 0)
    kernel.advance(plant, 5)
    before = plant.s.tobytes(), plant.o.tobytes()
    with pytest.raises(ValueError, match=why):
        kernel.place(plant, orders(rows))
    assert (plant.s.tobytes(), plant.o.tobytes()) == before


def test_time_does_not_run_backwards() -> None:
    plant = kernel.start(LINE, 1, 0)
    kernel.advance(plant, 5)
    with pytest.raises(ValueError, match="cannot go back to 4"):
        kernel.advance(plant, 4)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"buffer_after": 1}, {"load_lots": 2}),
        ({"power_group": 0, "power_w": 11}, {}),
        ({"machines": ("b",)}, {}),
    ],
)
def test_a_world_that_could_never_run_is_refused(first: dict[str, Any], second: dict[str, Any]) -> None:
    a, b = LINE.lines[0].steps
    world = World((Line((replace(a, **first), replace(b, **second))),), power_w=(10,))
    with pytest.raises(ValueError):
        kernel.start(world, 1, 0)


def test_fill_begins_in_the_middle_of_things() -> None:
    step = Step(("a", "b"), 1000, buffer_after=4, mtbf_ns=10**9)
    plant = kernel.start(World((Line((step, replace(step, machines=("c",))), lot_units=2),)), 1, 0)
    kernel.place(plant, orders([{"units": 40}]))
    kernel.fill(plant)
    assert plant.work_in_progress == 3 + 2
    happened = kernel.advance(plant, 1)
    assert happened.entered["doing"].tolist() == [Doing.RUNNING] * 3
    assert happened.ordered["what"].tolist() == [OrderEvent.ACCEPTED, OrderEvent.STARTED]


def test_fill_leaves_later_orders_to_their_time() -> None:
    plant = kernel.start(LINE, 1, 0)
    kernel.place(plant, orders([{"units": 2}, {"t_ns": 500, "units": 2}]))
    kernel.fill(plant)
    told_of_the_second = [row for row in kernel.advance(plant, 1000).ordered.tolist() if row[1] == 1]
    assert [OrderEvent(what) for _, _, what, _ in told_of_the_second] == [
        OrderEvent.ACCEPTED,
        OrderEvent.STARTED,
        OrderEvent.FINISHED,
    ]


def test_a_copy_of_a_plant_that_has_something_to_tell_tells_it_too() -> None:
    park = PARKS["home_appliances"]()
    plant = kernel.start(world_of(park, START, START + DAY_NS), 1, START)
    kernel.place(plant, orders([{"t_ns": START, "units": 4000, "due_ns": START + DAY_NS}]))
    kernel.fill(plant)
    twin = plant.copy()
    assert same(kernel.advance(twin, START + HOUR_NS), kernel.advance(plant, START + HOUR_NS))
