"""The consumers: the same orders however time is cut, at the rates and in the sizes that the sector's file says."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from math import sqrt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import chance
from simulator.happenings import NEVER, Rows
from simulator.market import DAY_NS, HOUR_NS, PLACED, SIZE_CAP, Market, _apart, channel_shares, mean_size, order_sizes
from simulator.sector_model import Channel, Demand, Option, Product

EVEN_H, EVEN_D, EVEN_M = [1.0] * 24, [1.0] * 7, [1.0] * 12
EVENING = [
    0.35,
    0.2,
    0.12,
    0.08,
    0.08,
    0.15,
    0.35,
    0.6,
    0.9,
    1.2,
    1.4,
    1.3,
    1.25,
    1.2,
    1.1,
    1.1,
    1,
    1,
    1,
    1.4,
    2,
    2,
    2,
    1,
]
WEB = Channel(id="web", personalised=True, share=0.3, size="geometric", mean_units=2.2, quoted_days=7, cancel_pct=10)
DEALER = Channel(
    id="dealer", personalised=False, share=0.7, size="lognormal", mean_units=6, quoted_days=3, cancel_pct=4
)
ONE = Channel(id="one", personalised=True, share=1, quoted_days=1)
OPTIONS = [
    Option(name="colour", choices=["white", "silver", "custom print"], weights=[50, 40, 10], price=[0, 5, 35]),
    Option(name="dryer", choices=["no", "heat pump"], weights=[0.6, 0.4]),
]
PRODUCT = Product(id="washer", name="Washer", price=100)
ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]


def demand(**parts: Any) -> Demand:
    base = {"units_per_day": 400, "hours": EVEN_H, "weekdays": EVEN_D, "season": EVEN_M, "channels": [WEB, DEALER]}
    return Demand(**base | parts)


def market(zone: str = "Europe/Berlin", seed: int = 1, *, wants: Demand | None = None, **parts: Any) -> Market:
    return Market(wants or demand(hours=EVENING), OPTIONS, PRODUCT, zone, seed, **parts)


def at(*when: int, zone: str = "Europe/Berlin") -> int:
    return int(datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()) * 10**9


SPRING, AUTUMN = at(2026, 3, 28, 12), at(2026, 10, 24, 12)  # the clocks change in the night that follows


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    seed=st.integers(0, 2**63),
    start=st.sampled_from([SPRING, AUTUMN, at(2011, 12, 29, 3), at(2006, 10, 28, 20), at(1969, 12, 30)]),
    cuts=st.lists(st.integers(0, 3 * DAY_NS), max_size=8),
    length=st.integers(0, 3 * DAY_NS),
)
def test_no_cut_changes_an_order(zone: str, seed: int, start: int, cuts: list[int], length: int) -> None:
    whole = market(zone, seed).orders(start, start + length)
    edges = [start, *sorted(start + cut for cut in cuts if cut < length), start + length]
    kept = market(zone, seed)
    pieces = [kept.orders(a, b) for a, b in pairwise(edges)]
    backwards = [market(zone, seed).orders(a, b) for a, b in reversed(list(pairwise(edges)))][::-1]
    assert np.concatenate(pieces).tobytes() == whole.tobytes()
    assert np.concatenate(backwards).tobytes() == whole.tobytes()
    assert whole.dtype == PLACED
    assert (np.diff(whole["t_ns"]) > 0).all()
    assert (np.diff(whole["number"]) > 0).all()
    assert not len(whole) or start <= whole["t_ns"][0] <= whole["t_ns"][-1] < start + length


def test_a_cut_at_an_order_gives_it_to_the_later_stretch() -> None:
    whole = market().orders(SPRING, SPRING + DAY_NS)
    t_ns = int(whole["t_ns"][7])
    assert market().orders(SPRING, t_ns).tobytes() == whole[:7].tobytes()
    assert market().orders(t_ns, t_ns + 1).tobytes() == whole[7:8].tobytes()


def test_who_changes_what_they_got_changes_nobody_elses() -> None:
    here = market()
    before = here.orders(SPRING, SPRING + DAY_NS)
    before["units"] = -1
    assert here.orders(SPRING, SPRING + DAY_NS)["units"].min() >= 1


@pytest.mark.parametrize("other", [{"seed": 2}, {"line": 1}])
def test_another_seed_or_line_has_other_orders(other: dict[str, int]) -> None:
    here, there = market().orders(SPRING, SPRING + DAY_NS), market(**other).orders(SPRING, SPRING + DAY_NS)
    assert not set(here["t_ns"].tolist()) & set(there["t_ns"].tolist())
    assert set(there["line"].tolist()) == {other.get("line", 0)}


def test_release_due_date_and_cancellation() -> None:
    wants = demand(planning_h=6, units_per_day=4000)
    rows = market(wants=wants).orders(SPRING, SPRING + 20 * DAY_NS)
    assert (rows["release_ns"] - rows["t_ns"] == 6 * HOUR_NS).all()
    for place, channel in enumerate(wants.channels):
        mine = rows[rows["channel"] == place]
        assert (mine["due_ns"] - mine["t_ns"] == channel.quoted_days * DAY_NS).all()
        assert set(mine["priority"].tolist()) == {int(channel.personalised)}
        gone = mine[mine["cancel_ns"] != NEVER]
        p, n = channel.cancel_pct / 100, len(mine)
        assert len(gone) / n == pytest.approx(p, abs=4 * sqrt(p * (1 - p) / n))
        assert (gone["t_ns"] < gone["cancel_ns"]).all()
        assert (gone["cancel_ns"] < gone["due_ns"]).all()
        when = (gone["cancel_ns"] - gone["t_ns"]) / (gone["due_ns"] - gone["t_ns"])
        assert when.mean() == pytest.approx(0.5, abs=4 / sqrt(12 * len(gone)))
        assert when.std() == pytest.approx(sqrt(1 / 12), rel=0.2)


def _close(count: Any, expected: Any) -> bool:
    """Poisson counts within 4.5 standard deviations of their means."""
    return bool((np.abs(np.asarray(count) - expected) <= 4.5 * np.sqrt(expected)).all())


def test_orders_come_at_the_rate_of_the_hour_the_weekday_and_the_month() -> None:
    season = [0.9, 0.7, 1, 1, 1, 1.5, 0.9, 1, 1, 1, 1.8, 1.1]
    weekdays = [1.05, 1, 1, 1, 1.1, 0.9, 0.2]
    wants = demand(hours=EVENING, weekdays=weekdays, season=season, units_per_day=1000)
    here, zone = market(wants=wants), ZoneInfo("Europe/Berlin")
    first = date(2026, 1, 1).toordinal()
    rows = here.orders(at(2026, 1, 1), at(2027, 1, 1))
    local = [datetime.fromtimestamp(second, zone) for second in (rows["t_ns"] // 10**9).tolist()]
    per_day = {place: 1000 * c.share / mean_size(c) for place, c in enumerate(wants.channels)}
    days = [date.fromordinal(first + n) for n in range(365)]
    weight = [weekdays[d.weekday()] / np.mean(weekdays) * season[d.month - 1] / np.mean(season) for d in days]
    for place, rate in per_day.items():
        assert _close((rows["channel"] == place).sum(), rate * sum(weight))
    rate = sum(per_day.values())
    hours = np.bincount([t.hour for t in local], minlength=24)
    assert _close(hours, rate * sum(weight) * np.array(EVENING) / sum(EVENING))
    by_day = np.bincount([t.toordinal() - first for t in local], minlength=365)
    assert _close(by_day, rate * np.array(weight))
    score = (by_day - rate * np.array(weight)) / np.sqrt(rate * np.array(weight))
    assert score.var() == pytest.approx(1, abs=4 * sqrt(2 / 365))  # as scattered as a Poisson process, no less or more


def test_gaps_of_a_steady_stream_are_exponential() -> None:
    rows = market("UTC", wants=demand(units_per_day=5000)).orders(SPRING, SPRING + 10 * DAY_NS)
    gaps = np.diff(rows["t_ns"]).astype(float)
    gaps /= gaps.mean()
    n = len(gaps)
    assert gaps.std() == pytest.approx(1, abs=4 * sqrt(2 / n))
    assert (gaps > 2).mean() == pytest.approx(np.exp(-2), abs=4 * sqrt(np.exp(-2) / n))
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 4 / sqrt(n)


@pytest.mark.parametrize("mean", [1.0, 1.3, 2.2, 6.0, 60.0, 1750.0])
@pytest.mark.parametrize("size", ["one", "geometric", "lognormal", "uniform"])
def test_sizes_are_whole_limited_and_have_the_mean(size: Any, mean: float) -> None:
    channel = Channel(id="c", personalised=False, share=1, size=size, mean_units=mean, quoted_days=1)
    n = 40_000
    sizes = order_sizes(channel, chance.uniforms(chance.key(3, size), np.arange(n)))
    assert sizes.dtype == np.int64
    assert sizes.min() >= 1
    assert sizes.max() <= SIZE_CAP * mean
    error = 4.5 * sizes.std() / sqrt(n)
    assert sizes.mean() == pytest.approx(mean_size(channel), abs=error + 1e-12)
    if size in {"one", "geometric"} or mean >= 6:  # rounding moves the mean of small orders
        target = 1 if size == "one" else mean
        assert mean_size(channel) == pytest.approx(target, rel=0.005)
    if size == "uniform" and mean > 5:
        assert (sizes.min(), sizes.max()) == pytest.approx((0.5 * mean, 1.5 * mean), abs=0.5 + 0.001 * mean)
    if size == "lognormal" and mean > 50:
        assert np.log(sizes).std() == pytest.approx(0.9, rel=0.02)


@pytest.mark.parametrize("size", ["one", "geometric", "lognormal", "uniform"])
def test_units_a_day_are_kept_whatever_the_size(size: Any) -> None:
    channel = Channel(id="c", personalised=False, share=1, size=size, mean_units=1.5, quoted_days=1)
    rows = market(wants=demand(units_per_day=3000, channels=[channel])).orders(at(2026, 5, 1), at(2026, 5, 21))
    second_moment = float((rows["units"].astype(float) ** 2).sum())  # the variance of a compound Poisson sum
    assert rows["units"].sum() == pytest.approx(20 * 3000, abs=4 * sqrt(second_moment))


def _at_hour(hour: int, zone: str, day: int) -> Rows:
    """The orders of a day on which consumers order in one hour only, by the clock on their wall."""
    wants = demand(hours=[float(h == hour) for h in range(24)], units_per_day=24_000)
    return market(zone, wants=wants).orders(day, day + 24 * HOUR_NS)


def test_days_of_23_and_25_hours() -> None:
    plain = len(_at_hour(2, "Europe/Berlin", at(2026, 3, 27, 12)))
    none = _at_hour(2, "Europe/Berlin", SPRING)
    twice = _at_hour(2, "Europe/Berlin", AUTUMN)
    assert plain > 1000
    assert len(none) == 0  # there is no two o'clock
    assert len(twice) == pytest.approx(2 * plain, rel=0.15)
    assert (twice["t_ns"].min(), twice["t_ns"].max()) == pytest.approx(
        (at(2026, 10, 25, 2), at(2026, 10, 25, 3)), abs=60 * 10**9
    )


def test_a_short_day_has_23_and_a_long_one_25_hours_of_demand() -> None:
    wants = demand(units_per_day=50_000, channels=[ONE])
    for day, hours in [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)]:
        rows = market(wants=wants).orders(at(*day), at(day[0], day[1], day[2] + 1))
        assert _close(len(rows), 50_000 * hours / 24)
        per_hour = np.bincount((rows["t_ns"] - at(*day)) // HOUR_NS, minlength=hours)
        assert _close(per_hour, np.full(hours, 50_000 / 24))


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    when=st.sampled_from(
        [(2026, 4, 4, 12), (2026, 10, 3, 12), (2006, 10, 28, 20), (2011, 12, 29, 12), (2026, 7, 1, 0)]
    ),
)
def test_orders_come_by_the_clock_on_the_wall(zone: str, hour: int, when: tuple[int, ...]) -> None:
    rows = _at_hour(hour, zone, at(*when))
    local = {datetime.fromtimestamp(t // 10**9, ZoneInfo(zone)).hour for t in rows["t_ns"].tolist()}
    assert local == {hour}
    assert len(rows) > 1000


def test_the_share_of_personalised_orders_is_a_parameter() -> None:
    assert channel_shares([WEB, DEALER]) == [0.3, 0.7]
    assert channel_shares([WEB, DEALER], 0.9) == pytest.approx([0.9, 0.1])
    three = [WEB, DEALER, Channel(id="shop", personalised=False, share=0.35, quoted_days=1)]
    assert channel_shares(three, 0.4) == pytest.approx([0.4, 0.4, 0.2])
    rows = market(wants=demand(units_per_day=4000), personalised=1.0).orders(SPRING, SPRING + 5 * DAY_NS)
    assert set(rows["channel"].tolist()) == {0}
    assert rows["units"].sum() == pytest.approx(20_000, rel=0.05)


def test_the_demand_factor_multiplies_the_units() -> None:
    base, double = (market(factor=f).orders(SPRING, SPRING + 30 * DAY_NS)["units"].sum() for f in (1.0, 2.0))
    assert double / base == pytest.approx(2, rel=0.1)
    assert len(market(factor=0.0).orders(SPRING, SPRING + 30 * DAY_NS)) == 0


def test_choices_are_drawn_by_their_weights_and_stock_is_of_the_popular_ones() -> None:
    here = market(wants=demand(units_per_day=8000))
    rows = here.orders(SPRING, SPRING + 10 * DAY_NS)
    made, stock = (here.variants.columns(rows["variant"][rows["channel"] == place]) for place in (0, 1))
    for column, weights in zip(made, ([0.5, 0.4, 0.1], [0.6, 0.4]), strict=True):
        assert _close(np.bincount(column, minlength=len(weights)), np.array(weights) * len(column))
    assert _close(
        np.bincount(stock[0], minlength=2), np.array([5 / 9, 4 / 9]) * len(stock[0])
    )  # custom print is not stored
    assert set(stock[1].tolist()) == {0, 1}  # 0.6 alone is less than the share that is covered
    everything = market(wants=demand(units_per_day=8000), stock_cover=1.0).orders(SPRING, SPRING + DAY_NS)
    assert len(np.unique(everything["variant"][everything["channel"] == 1])) == 6


def test_choices_of_different_options_know_nothing_of_each_other() -> None:
    here = market(wants=demand(units_per_day=8000))
    columns = here.variants.columns(here.orders(SPRING, SPRING + 10 * DAY_NS)["variant"])
    assert abs(np.corrcoef(columns[0], columns[1])[0, 1]) < 4 / sqrt(len(columns[0]))


@pytest.mark.parametrize("units", [1, 500, 2000])
def test_the_book_at_the_start_is_the_latest_orders_before_it(units: int) -> None:
    start = at(2026, 3, 30, 15)
    book = market().initial_orders(start, units)
    before = market().orders(start - 40 * DAY_NS, start)
    kept = before[before["cancel_ns"] >= start]
    assert book.tobytes() == kept[len(kept) - len(book) :].tobytes()
    assert book["units"].sum() >= units
    assert book["units"][1:].sum() < units
    later = market().orders(start, start + DAY_NS)
    assert book["number"].max() < later["number"].min()


def test_no_book_is_wanted_or_nobody_ever_orders() -> None:
    assert len(market().initial_orders(SPRING, 0)) == 0
    assert len(market(factor=0.0).initial_orders(SPRING, 10)) == 0
    december = demand(season=[*[0.0] * 11, 1.0])
    assert market(wants=december).initial_orders(SPRING, 10)["t_ns"].max() < at(2026, 1, 1)


@given(times=st.lists(st.integers(0, 40), min_size=1, max_size=41).map(sorted))
def test_shared_times_are_moved_apart_within_the_day(times: list[int]) -> None:
    apart = _apart(np.array(times), 41)
    assert (np.diff(apart) > 0).all()
    assert 0 <= apart[0] <= apart[-1] < 41
    if len(set(times)) == len(times):
        assert apart.tolist() == times


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"zone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
        ({"zone": "../../etc/passwd"}, "no time zone"),
        ({"factor": -1.0}, "demand factor -1.0"),
        ({"factor": float("nan")}, "demand factor nan"),
        ({"personalised": 1.5}, "personalised share 1.5"),
        ({"wants": demand(units_per_day=1e9, channels=[ONE])}, "more than 900000 orders a day"),
        ({"wants": demand(channels=[ONE]), "personalised": 0.5}, "all of one sort"),
    ],
)
def test_what_cannot_be_is_refused(parts: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        market(**parts)
