"""The laws of a machine one by one: each finds what breaks it in what a machine did or showed."""

from __future__ import annotations

import numpy as np
import pytest
from signal_cases import HOUR_NS, SECOND_NS, rows_of, sensor

from simulator import check_laws as laws
from simulator.happenings import Doing
from simulator.machine_model import Inrush

TIMES = np.arange(100, dtype=np.int64) * 60 * SECOND_NS
LIFE = rows_of(
    (0, Doing.RUNNING), (5 * HOUR_NS, Doing.OFF), (9 * HOUR_NS, Doing.RUNNING), (14 * HOUR_NS, Doing.DOWN),
    (15 * HOUR_NS, Doing.REPAIR), (16 * HOUR_NS, Doing.RUNNING), (20 * HOUR_NS, Doing.SETUP), life_ns=10 * HOUR_NS,
)  # fmt: skip
LIFE["age_ns"][5:] = 0, 4 * HOUR_NS
LIFE["life_ns"][5:] = 70 * HOUR_NS


def test_a_life_is_used_up_by_running_alone() -> None:
    assert list(laws.lives(LIFE)) == []
    for place, name, value, why in (
        (2, "doing", 14, "a state that is none"),
        (2, "t_ns", 4 * HOUR_NS, "out of the order of time"),
        (3, "age_ns", 11 * HOUR_NS, "beyond its life"),
        (0, "age_ns", -1, "beyond its life"),
        (2, "age_ns", 2 * HOUR_NS, "after 9 h the remaining life changed"),
        (2, "life_ns", 20 * HOUR_NS, "after 9 h the remaining life changed"),
        (6, "age_ns", 0, "after 20 h the remaining life changed"),
    ):
        wrong = LIFE.copy()
        wrong[name][place] = value
        assert any(why in problem for problem in laws.lives(wrong)), (name, value)
    assert "never did anything" in "".join(laws.lives(LIFE[:0]))


def test_a_meter_counts_up_and_adds_up() -> None:
    shown = np.array([0, 10, 20, 5, 15])  # reset after the third reading
    assert list(laws.counts("k", shown, 2, 35, 10)) == []
    for wrong, total, most, why in (
        ([0, 10, 5, 5, 15], 25, 10, "falls without a reset"),
        ([-1, 10, 20, 5, 15], 35, 12, "less than nothing"),
        ([0, 10, 20, 5, 15], 36, 10, "add up to 35, and 36 was used"),
        ([0, 10, 20, 5, 15], 35, 8, "more than the highest rate"),
    ):
        assert any(why in problem for problem in laws.counts("k", np.array(wrong), 2, total, most)), why


@pytest.mark.parametrize("wrong", [np.inf, -np.inf, 200.5, -0.5])
def test_a_value_beyond_its_limits_is_found(wrong: float) -> None:
    values = np.full(100, 50.0)
    assert list(laws.within("k", sensor(limits=[0.0, 200.0]), TIMES, values)) == []
    values[30] = wrong
    (problem,) = laws.within("k", sensor(limits=[0.0, 200.0]), TIMES, values)
    assert problem.startswith("k: after 0.5 h it shows")
    assert problem.endswith("beyond the limits (0 to 200)")


def test_without_limits_a_value_stays_where_its_figures_can_take_it() -> None:
    values = np.full(100, 50.0)
    for model, far in ((sensor(), 150.0), (sensor(rest=-500.0), 1500.0), (sensor(inrush=Inrush(factor=6)), 900.0)):
        low, high = laws.wide(model)
        assert max(50 - low, high - 50) < 2 * far
        assert list(laws.within("k", model, TIMES, values)) == []
        values[0] = high + 1
        assert "any that its figures explain" in "".join(laws.within("k", model, TIMES, values))
        values[0] = 50.0


def test_a_sensor_is_read_as_often_as_it_says() -> None:
    minute = 60 * SECOND_NS
    values = np.full(100, 50.0)
    assert list(laws.read("k", sensor(), TIMES, values, minute)) == []
    values[50] = np.nan
    assert list(laws.read("k", sensor(), TIMES, values, minute)) == ["k.sample_hz: it was read 99 times of 100"]
    slow = sensor(sample_hz=1 / 300)
    for offset, good in ((0, True), (3, True)):
        rare = np.full(100, np.nan)
        rare[offset::5] = 50.0
        assert (list(laws.read("k", slow, TIMES, rare, minute)) == []) is good
    missed, twice, never = rare.copy(), rare.copy(), np.full(100, np.nan)
    missed[33], twice[34] = np.nan, 50.0
    for wrong in (missed, twice, never):
        assert "of its periods" in "".join(laws.read("k", slow, TIMES, wrong, minute))


def test_a_deadband_leaves_out_what_it_may_and_no_more() -> None:
    values = np.array([1.0, 1.4, 1.6, np.nan, 2.0, 3.0])
    said = np.array([1.0, np.nan, 1.6, np.nan, np.nan, 3.0])
    assert list(laws.left_out("k", 0.5, values, said)) == []
    for place, value, why in (
        (0, np.nan, "is not what was read"),
        (2, np.nan, "more than 0.5 was not reported"),
        (1, 1.4, "less than 0.5 was reported"),
        (5, 3.5, "is not what was read"),
        (5, np.nan, "more than 0.5 was not reported"),
    ):
        wrong = said.copy()
        wrong[place] = value
        assert any(why in problem for problem in laws.left_out("k", 0.5, values, wrong)), (place, value)


def test_bytes_are_compared_to_the_last_bit() -> None:
    values = np.array([[1.0, np.nan], [2.0, 3.0]])
    other = values.copy()
    assert list(laws.same(other, values, "it")) == []
    other[1, 1] = np.nextafter(3.0, 4.0)
    assert list(laws.same(other, values, "it")) == ["sensors[1]: it gives other values"]
    assert list(laws.same(other, values, "it", "behaviour")) == ["behaviour: it gives other values"]
