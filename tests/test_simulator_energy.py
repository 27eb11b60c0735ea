"""Meters lose nothing: not by rounding, not by how time is cut, not beyond 64 bits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from analytics.events import Reading
from analytics.fold import Counter
from simulator.energy import HOUR_NS, MAX_PER_H, NO_ROWS, SECOND_NS, Meter, consumption, electricity
from simulator.happenings import ENTERED, Doing
from simulator.machine_model import Medium, Power

MINUTE_NS = 60 * SECOND_NS
LONG_NS = 2**63 - 1
RATES = st.dictionaries(st.sampled_from(Doing), st.integers(0, MAX_PER_H) | st.sampled_from([0, 1, MAX_PER_H]))


class Life(NamedTuple):
    """What a machine enters and when it is read, within ``start_ns`` and ``until_ns``."""

    start_ns: int
    until_ns: int
    entered: list[tuple[int, Doing]]
    times_ns: list[int]


@st.composite
def lives(draw: DrawFn, longest_ns: int) -> Life:
    start_ns = draw(st.integers(0, longest_ns))
    until_ns = draw(st.integers(start_ns, longest_ns))
    moments = st.lists(st.integers(start_ns, until_ns), max_size=8).map(sorted)
    entered = [(t_ns, draw(st.sampled_from(Doing))) for t_ns in draw(moments)]
    return Life(start_ns, until_ns, entered, draw(moments))


def rows(entered: Sequence[tuple[int, Doing]]) -> Any:
    table = np.zeros(len(entered), ENTERED)
    table["t_ns"] = [t_ns for t_ns, _ in entered]
    table["doing"] = [doing for _, doing in entered]
    return table


def times(*times_ns: int) -> Any:
    return np.array(times_ns, np.int64)


def plainly(rates: dict[Doing, int], life: Life, t_ns: int) -> int:
    """Python's integers know no overflow."""
    changes = [(at, rates.get(doing, 0)) for at, doing in life.entered if at <= t_ns]
    steps = pairwise([*changes, (t_ns, 0)])
    return sum(rate * (end - at) for (at, rate), (end, _) in steps) // HOUR_NS


@given(life=lives(LONG_NS) | lives(1000 * HOUR_NS), energy=RATES, gas=RATES)
def test_readings_are_exact_at_any_rate_and_any_length(
    life: Life, energy: dict[Doing, int], gas: dict[Doing, int]
) -> None:
    meter = Meter({"energy_wh": energy, "gas_wh": gas}, life.start_ns)
    found = meter.read(rows(life.entered), times(*life.times_ns), life.until_ns)
    for counter, rates in (("energy_wh", energy), ("gas_wh", gas)):
        assert found[counter].tolist() == [plainly(rates, life, t_ns) for t_ns in life.times_ns]
        assert meter.total(counter) == plainly(rates, life, life.until_ns)


def test_the_worst_case_fits_64_bits() -> None:
    """Every doing has another rate near the highest, and lasts a fraction of a second less than a full one."""
    rates = {doing: MAX_PER_H - doing for doing in Doing}
    each_ns = LONG_NS // len(Doing) // SECOND_NS * SECOND_NS - 1
    life = Life(0, each_ns * len(Doing), [(each_ns * doing, doing) for doing in Doing], [])
    meter = Meter({"energy_wh": rates}, 0)
    shown = meter.read(rows(life.entered), times(life.until_ns), life.until_ns)["energy_wh"].tolist()
    assert shown == [meter.total("energy_wh")] == [plainly(rates, life, life.until_ns)]
    assert shown[0] < 2**53, "the wire takes it"


@given(life=lives(1000 * HOUR_NS), rates=RATES, data=st.data())
def test_how_time_is_cut_changes_nothing(life: Life, rates: dict[Doing, int], data: st.DataObject) -> None:
    whole = Meter({"energy_wh": rates}, life.start_ns)
    expected = whole.read(rows(life.entered), times(*life.times_ns), life.until_ns)["energy_wh"].tolist()
    cuts = data.draw(st.lists(st.integers(life.start_ns, life.until_ns), max_size=5).map(sorted))
    meter = Meter({"energy_wh": rates}, life.start_ns)
    found: list[int] = []
    for from_ns, to_ns in pairwise([life.start_ns, *cuts, life.until_ns + 1]):
        part = rows([(t_ns, doing) for t_ns, doing in life.entered if from_ns <= t_ns < to_ns])
        due = [t_ns for t_ns in life.times_ns if from_ns <= t_ns < to_ns]
        meter = meter.copy()
        found += meter.read(part, times(*due), min(to_ns, life.until_ns))["energy_wh"].tolist()
        assert meter.totals("energy_wh", times(*due)).tolist() == found[len(found) - len(due) :]
    assert found == expected
    assert meter.total("energy_wh") == whole.total("energy_wh")


def test_each_doing_takes_its_share() -> None:
    watts = electricity(Power(idle=25, run=95.5))
    assert (watts[Doing.RUNNING], watts[Doing.OFF], watts[Doing.DOWN], watts[Doing.REPAIR]) == (
        95_500,
        2500,
        5000,
        5000,
    )
    rest = set(Doing) - {Doing.RUNNING, Doing.OFF, Doing.DOWN, Doing.REPAIR}
    assert {watts[doing] for doing in rest} == {25_000}
    air = consumption(Medium(counter="air_nl", unit="Nl", idle_per_h=1500, run_per_h=9000))
    assert [air[d] for d in (Doing.RUNNING, Doing.STARVED, Doing.DOWN, Doing.OFF)] == [9000, 1500, 300, 150]


def test_what_is_hot_is_kept_hot() -> None:
    gas = consumption(Medium(counter="gas_wh", unit="Wh", idle_per_h=4_800_000, run_per_h=6_700_000))
    assert gas.pop(Doing.RUNNING) == 6_700_000
    assert set(gas.values()) == {4_800_000}
    assert len(gas) == len(Doing) - 1


def test_a_constant_load_needs_no_rows() -> None:
    meter = Meter.constant("energy_wh", 360_000, HOUR_NS)
    assert meter.read(NO_ROWS, times(HOUR_NS, 3 * HOUR_NS), 4 * HOUR_NS)["energy_wh"].tolist() == [0, 720_000]
    assert meter.read(NO_ROWS, times(4 * HOUR_NS), 4 * HOUR_NS)["energy_wh"].tolist() == [1_080_000]


def test_before_the_first_row_nothing_is_counted() -> None:
    meter = Meter({"energy_wh": electricity(Power(idle=1, run=3))}, 0)
    assert meter.read(NO_ROWS, times(HOUR_NS), HOUR_NS)["energy_wh"].tolist() == [0]
    assert meter.read(rows([(HOUR_NS, Doing.RUNNING)]), times(2 * HOUR_NS), 2 * HOUR_NS)["energy_wh"].tolist() == [3000]


@given(watts=st.integers(1000, 10**6), stretches=st.lists(st.integers(3, 40), min_size=1, max_size=5))
def test_a_reset_at_a_reading_loses_nothing_to_a_reader(watts: int, stretches: list[int]) -> None:
    meter = Meter.constant("energy_wh", watts, 7)
    told: list[tuple[int, int]] = []
    now_ns = 7
    for minutes in stretches:
        due = now_ns + MINUTE_NS * np.arange(minutes, dtype=np.int64)
        now_ns += minutes * MINUTE_NS
        told += zip(due.tolist(), meter.read(NO_ROWS, due, now_ns)["energy_wh"].tolist(), strict=True)
        meter.reset("energy_wh")  # at the time of the next reading, which still shows the old value
    told += [(now_ns, meter.read(NO_ROWS, times(now_ns), now_ns)["energy_wh"].tolist()[0])]
    falls = sum(after < before for (_, before), (_, after) in pairwise(told))
    assert falls == len(stretches) - 1
    reader = Counter([Reading(t_ns, "5eed5eed", shown) for t_ns, shown in told])
    assert reader.at(now_ns) == meter.total("energy_wh") == watts * (now_ns - 7) // HOUR_NS


def test_a_reset_takes_effect_right_after_its_moment_and_on_its_counter_alone() -> None:
    meter = Meter({c: dict.fromkeys(Doing, 3600) for c in ("energy_wh", "water_l")}, 0)
    meter.read(rows([(0, Doing.RUNNING)]), times(), HOUR_NS)
    meter.reset("energy_wh")
    meter.reset("energy_wh")  # twice at once is once
    twin = meter.copy()
    shown = meter.read(NO_ROWS, times(HOUR_NS, HOUR_NS + 1, HOUR_NS + SECOND_NS), 2 * HOUR_NS)
    assert shown["energy_wh"].tolist() == [3600, 0, 1]
    assert shown["water_l"].tolist() == [3600, 3600, 3601]
    assert meter.totals("energy_wh", times(HOUR_NS + SECOND_NS, 2 * HOUR_NS)).tolist() == [3601, 7200]
    meter.reset("energy_wh")
    assert meter.read(NO_ROWS, times(2 * HOUR_NS, 3 * HOUR_NS), 3 * HOUR_NS)["energy_wh"].tolist() == [3600, 3600]
    assert meter.total("energy_wh") == 3 * 3600
    assert twin.read(NO_ROWS, times(4 * HOUR_NS), 4 * HOUR_NS)["energy_wh"].tolist() == [3 * 3600]


@pytest.mark.parametrize("per_h", [-1, MAX_PER_H + 1])
def test_a_rate_out_of_range_is_refused(per_h: int) -> None:
    with pytest.raises(ValueError, match="counter gas_wh"):
        Meter({"energy_wh": {}, "gas_wh": {Doing.SETUP: per_h}}, 0)


@pytest.mark.parametrize(
    ("entered", "due", "until_ns"),
    [
        ([99], [], 200),
        ([150, 140], [], 200),
        ([201], [], 200),
        ([], [99], 200),
        ([], [201], 200),
        ([], [], 99),
    ],
)
def test_what_lies_outside_the_stretch_is_refused(entered: list[int], due: list[int], until_ns: int) -> None:
    meter = Meter.constant("energy_wh", 1, 100)
    with pytest.raises(ValueError, match="must"):
        meter.read(rows([(t_ns, Doing.SETUP) for t_ns in entered]), times(*due), until_ns)
