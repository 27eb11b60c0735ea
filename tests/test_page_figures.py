from __future__ import annotations

import asyncio
import random

import page_plant
import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.figures import PARTS, add, figures, serial_oee
from console.roster import Line, main_line, members
from historian import ModelHistorian, Query

SPEC = page_plant.WASHING_MACHINES[0]


def windows(seed: int, count: int) -> list[dict[str, float | int]]:
    chance = random.Random(seed)
    return [page_plant.window(chance, page_plant.H, SPEC) for _ in range(count)]


@given(st.integers(0, 10_000), st.integers(1, 12))
def test_oee_is_the_product_of_its_factors_and_the_parts_are_the_unit_cost(seed: int, count: int) -> None:
    found = figures(add(windows(seed, count)), whole_line=False)
    assert found.oee == pytest.approx(found.availability * found.effectiveness * found.quality)  # type: ignore[operator]
    assert sum(found.parts.values()) == pytest.approx(found.unit_cost)


@given(st.integers(0, 10_000), st.integers(2, 12), st.randoms())
def test_windows_add_in_any_order(seed: int, count: int, chance: random.Random) -> None:
    one = windows(seed, count)
    other = one.copy()
    chance.shuffle(other)
    assert add(one).elements == add(other).elements
    assert add(one).money == pytest.approx(add(other).money)


def test_ratios_come_last() -> None:
    """An hour of full work and a minute of standing still are not 50 %."""
    busy = {"apt_ns": 3600, "pri_pq_ns": 3600, "pri_gq_ns": 3600}
    assert figures(add([busy, {"adet_ns": 60}]), whole_line=False).oee == 3600 / 3660


def test_nothing_known_is_none_and_not_zero() -> None:
    found = figures(add([]), whole_line=False)
    assert (found.oee, found.unit_cost, found.units, found.energy_kwh, found.parts) == (None, None, None, None, {})


def test_a_machine_that_stood_still_has_an_oee_of_zero_and_no_unit_cost() -> None:
    found = figures(add([{"adet_ns": 60, "cost_total": 12.0, "cost_labour": 12.0}]), whole_line=False)
    assert (found.oee, found.unit_cost, found.units) == (0.0, None, 0)


def test_a_line_counts_what_left_its_last_step() -> None:
    found = figures(add([{"gq": 600, "apt_ns": 1, "sellable": 5, "cost_total": 10.0}]), whole_line=True)
    assert (found.units, found.unit_cost) == (5, 2.0)


def test_every_part_of_the_cost_has_a_field_of_its_own() -> None:
    fields = dict.fromkeys(PARTS.values(), 1.0)
    assert figures(add([{**fields, "gq": 2, "apt_ns": 1}]), whole_line=False).parts == dict.fromkeys(PARTS, 0.5)


async def _line() -> Line | None:
    store = ModelHistorian()
    await store.write(page_plant.births())
    return main_line(members(await store.read(Query("birth")), await store.read(Query("death"))))


def test_the_oee_of_the_line_is_that_of_its_constraint() -> None:
    line = asyncio.run(_line())
    assert line is not None
    sums = {m.levels: add([{"apt_ns": page_plant.H, "gq": 135}]) for m in line.members}
    # 135 washing machines at the 20 s of final assembly, in an hour
    assert serial_oee(line, sums) == pytest.approx(135 * 20 / 3600)
    assert serial_oee(None, sums) is None
