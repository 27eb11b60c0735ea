"""A park in the kernel's numbers: when shifts open and close, what is shared, and what a variant asks of the tools."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from factory_runs import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, park_of, site_of, twins, two
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import Tariff
from simulator import kernel
from simulator.plant import Park, ideal_cycle_ns
from simulator.sector_model import Calendar, Shift
from simulator.shifts import toggles
from simulator.worlds import NO_LIMIT_W, stock_numbers, world_of

HOME = site_of("home_appliances")
START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday


def ns(moment: datetime) -> int:
    return round(moment.timestamp()) * SECOND_NS


def zone(name: str) -> Tariff:
    return msgspec.structs.replace(HOME.tariff, timezone=name)


def local(times: list[int], name: str) -> list[str]:
    return [datetime.fromtimestamp(t // SECOND_NS, ZoneInfo(name)).strftime("%a %d %H:%M") for t in times]


def week(calendar: Calendar, name: str, start: datetime, days: float = 7) -> list[str]:
    begin = ns(start)
    return local(list(toggles(calendar, zone(name), begin, begin + round(days * DAY_NS))), name)


def test_no_shifts_is_around_the_clock() -> None:
    assert week(Calendar(), "Asia/Shanghai", START) == []
    assert len(week(Calendar(shifts=[Shift(start_h=0, hours=8)], days=[7]), "Asia/Shanghai", START, 3)) == 2
    full = Calendar(shifts=[Shift(start_h=h, hours=8) for h in (0, 8, 16)])
    assert week(full, "Asia/Shanghai", datetime(2026, 3, 1, 16, tzinfo=UTC)) == []


def test_a_day_shift_with_its_break_by_local_time() -> None:
    day = Calendar(shifts=[Shift(start_h=8, hours=9, break_min=60)], days=[1, 2, 3, 4, 5])
    start = datetime(2026, 3, 5, 17, tzinfo=UTC)  # in Shanghai it is already Friday, 01:00
    assert week(day, "Asia/Shanghai", start, 4) == [
        "Fri 06 01:00", "Fri 06 08:00", "Fri 06 12:00", "Fri 06 13:00", "Fri 06 17:00",
        "Mon 09 08:00", "Mon 09 12:00", "Mon 09 13:00", "Mon 09 17:00",
        "Tue 10 01:00",
    ]  # fmt: skip


def test_a_night_shift_goes_on_into_a_day_off_and_over_the_start() -> None:
    night = Calendar(shifts=[Shift(start_h=22, hours=8)], days=[5])
    told = week(night, "Europe/Berlin", datetime(2026, 3, 6, 23, tzinfo=UTC))  # Saturday 00:00, in the shift
    assert told[:2] == ["Sat 07 06:00", "Fri 13 22:00"]
    told = week(night, "Europe/Berlin", datetime(2026, 3, 7, 5, tzinfo=UTC))  # the shift ends now
    assert told[:2] == ["Sat 07 06:00", "Fri 13 22:00"]


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 28, tzinfo=UTC), 7), (datetime(2026, 10, 24, tzinfo=UTC), 9)]
)
def test_shifts_keep_to_the_clock_on_the_wall_when_it_is_changed(day: datetime, hours: int) -> None:
    """The night shift is an hour shorter in spring and an hour longer in autumn, and no shift leaves a gap."""
    night = Calendar(shifts=[Shift(start_h=22, hours=8)])
    begin = ns(day)
    times = list(toggles(night, zone("Europe/Berlin"), begin, begin + 2 * DAY_NS))
    opened = next(t for t in times[1::2] if datetime.fromtimestamp(t // SECOND_NS, UTC).day == day.day)
    assert times[times.index(opened) + 1] - opened == hours * HOUR_NS
    three = Calendar(shifts=[Shift(start_h=h, hours=8) for h in (6, 14, 22)])
    assert list(toggles(three, zone("Europe/Berlin"), begin, begin + 3 * DAY_NS)) == []


SHIFTS = st.builds(
    Shift,
    start_h=st.sampled_from([0, 1.5, 2, 6, 8, 14.25, 22, 23.5]),
    hours=st.sampled_from([0.5, 1, 2, 8, 12, 24]),
    break_min=st.sampled_from([0, 30, 240]),
)
ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe")


@given(
    calendar=st.builds(
        Calendar,
        shifts=st.lists(SHIFTS, min_size=1, max_size=4),
        days=st.lists(st.integers(1, 7), min_size=1, max_size=7, unique=True),
    ),
    name=st.sampled_from(ZONES),
    start=st.sampled_from([datetime(2026, 3, 27, 3, 20, tzinfo=UTC), datetime(2026, 10, 23, 12, tzinfo=UTC), START]),
)
@settings(max_examples=80, deadline=None)
def test_open_is_when_the_wall_clock_says_so(calendar: Calendar, name: str, start: datetime) -> None:
    """Every 10 minutes of ten days, by another road: the local time of the moment against each shift of two days."""
    begin = ns(start)
    times = np.array(list(toggles(calendar, zone(name), begin, begin + 12 * DAY_NS)), np.int64)
    assert np.all(np.diff(times) > 0)
    assert not len(times) or times[0] >= begin
    where = ZoneInfo(name)
    for minutes in range(0, 10 * 24 * 60, 10):
        t = begin + minutes * MINUTE_NS
        is_open = np.searchsorted(times, t, side="right") % 2 == 0
        moment = datetime.fromtimestamp(t // SECOND_NS, where)
        assert is_open == _works(calendar, moment, where), moment


def _works(calendar: Calendar, moment: datetime, where: ZoneInfo) -> bool:
    for back in range(3):
        day = moment.date() - timedelta(days=back)
        if day.isoweekday() not in calendar.days:
            continue
        midnight = datetime(day.year, day.month, day.day, tzinfo=where)
        for shift in calendar.shifts:
            first = (midnight + timedelta(hours=shift.start_h)).timestamp()
            last = (midnight + timedelta(hours=shift.start_h + shift.hours)).timestamp()
            rest = min(shift.break_min * 60, max(0, last - first))
            rest_from = first + (last - first - rest) / 2
            now = moment.timestamp()
            if first <= now < last and not rest_from <= now < rest_from + rest:
                return True
    return False


def test_machines_without_attendance_know_no_shifts() -> None:
    site = replace(HOME, continuous=False)
    world = world_of(Park((site,)), ns(START), ns(START) + 7 * DAY_NS)
    attended = [step.attended for step in site.sector.steps]
    assert [step.calendar for step in world.steps] == [0 if one and world.calendars else -1 for one in attended]
    assert world_of(Park((replace(HOME, continuous=True),)), ns(START), ns(START) + 7 * DAY_NS).calendars == ()


def worlds(park: Park) -> Any:
    return world_of(park, ns(START), ns(START) + 30 * DAY_NS)


def test_each_site_has_its_own_where_nothing_is_shared() -> None:
    sites = two().sites
    world = worlds(Park(sites))
    assert world.crews == tuple(site.sector.crew.technicians for site in sites)
    assert world.power_w == tuple(round(site.sector.power_limit_kw * 1000) or NO_LIMIT_W for site in sites)
    assert len(world.materials) == sum(len(site.sector.materials) for site in sites)
    for number, line in enumerate(world.lines):
        assert {(step.crew, step.power_group) for step in line.steps} == {(number, number)}
    used = [{material for step in line.steps for material, _ in step.needs} for line in world.lines]
    assert not used[0] & used[1]


def test_a_park_has_one_crew_one_limit_and_one_stock() -> None:
    park = two()
    world = worlds(park)
    assert (world.crews, world.power_w) == ((2,), (2_300_000,))
    assert {(step.crew, step.power_group) for step in world.steps} == {(0, 0)}
    kernel.start(world, 1, ns(START))
    shared = worlds(twins())
    alone = worlds(Park((twins().sites[0],)))
    assert len(shared.materials) == len(alone.materials) == len(set(stock_numbers(twins()).values()))
    assert shared.lines[0].steps[0].needs == shared.lines[1].steps[0].needs
    for both, one in zip(shared.materials, alone.materials, strict=True):
        assert both.name == one.name, "the first owner's supplier fills it"
        assert both.reorder_u == pytest.approx(2 * one.reorder_u, abs=1), "and it serves the use of both"


def test_materials_of_another_price_are_another_stock() -> None:
    line = twins().sites[1]
    dearer = msgspec.structs.replace(line.sector.materials[0], price=line.sector.materials[0].price + 1)
    sector = msgspec.structs.replace(line.sector, materials=[dearer, *line.sector.materials[1:]])
    park = Park((twins().sites[0], replace(line, sector=sector)), warehouse=True)
    assert len(worlds(park).materials) == len(line.sector.materials) + 1


@pytest.mark.parametrize("name", ["home_appliances", "ceramics", "biomedicine", "clothing"])
def test_the_tables_of_variants_say_what_the_options_say(name: str) -> None:
    """Two variants have the same key exactly where they agree in all options that the step's tools depend on."""
    site = site_of(name)
    line = worlds(park_of(name)).lines[0]
    count = site.variants.count
    assert line.slower.shape == line.minor_keys.shape == line.major_keys.shape == (count, len(site.sector.steps))
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, count, 60).tolist()
    options = {n: site.variants.options(n) for n in numbers}
    for place, step in enumerate(site.sector.steps):
        for keys, names in ((line.minor_keys, step.setup.minor_on), (line.major_keys, step.setup.major_on)):
            for a, b in pairwise(numbers):
                agree = all(options[a][option] == options[b][option] for option in names)
                assert agree == (keys[a, place] == keys[b, place])
        for n in numbers:
            expected = sum(
                option.slower[step.id][list(option.choices).index(options[n][option.name])]
                for option in site.sector.options
                if step.id in option.slower
            )
            assert line.slower[n, place] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["home_appliances", "ceramics", "biomedicine"])
def test_steps_in_the_kernels_units(name: str) -> None:
    site = site_of(name)
    world = worlds(park_of(name))
    for its, step in zip(site.sector.steps, world.steps, strict=True):
        assert step.machines == tuple(a.path for a, one in site.machines if one is its)
        units = max(1, step.load_lots) * site.sector.lot_units
        if its.mode == "batch":
            assert step.cycle_ns == round(its.cycle_s * SECOND_NS)
            assert units == pytest.approx(its.units_per_cycle, abs=site.sector.lot_units / 2)
        else:
            assert step.cycle_ns == ideal_cycle_ns(its)
        assert step.power_w == round(site.model_of(its).power_kw.run * 1000)
        assert step.scrap_p == its.scrap_pct / 100
        assert step.mtbf_ns == round(site.model_of(its).reliability.mtbf_h * HOUR_NS)


def test_prices_stand_there_only_for_who_waits_for_them() -> None:
    assert worlds(Park((HOME,))).price == ()
    thrifty = msgspec.structs.replace(HOME.sector.policies, cheap_power=True)
    prices = worlds(Park((replace(HOME, own_policies=thrifty),))).price
    tariff = HOME.tariff
    times = [t for t, _ in prices]
    assert times == sorted(set(times)) and times[0] == ns(START)
    for hour in range(0, 24 * 20):
        t = ns(START) + hour * HOUR_NS
        moment = datetime.fromtimestamp(t // SECOND_NS, ZoneInfo(tariff.timezone))
        price = tariff.bands[tariff.hours[moment.month - 1][moment.hour]].price_per_kwh
        assert prices[int(np.searchsorted(times, t, side="right")) - 1][1] == price
