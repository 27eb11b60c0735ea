"""The money of the ledger is exact, however short the stretch between two of its lines."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.cost import MACHINE_LINES, costs
from analytics.elements import Elements, by_band
from analytics.tariff import band_changes
from console.ledger_file import read_ledger
from contract import Economics, Tariff
from contract.parts import Band
from simulator.energy import HOUR_NS, NO_ROWS, SECOND_NS, Meter
from simulator.happenings import ENTERED, Doing
from simulator.kernel import MachineTruth
from simulator.ledger import Ledger
from simulator.truth import Bands, EnergyBook, machine_truth, meter_truth

START_NS = 1_795_305_600 * SECOND_NS
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 24 * HOUR_NS
ZONES = ["Asia/Shanghai", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Chatham"]
PRICES = {"s": 1.20, "p": 1.04, "f": 0.67, "v": 0.3, "d": 0.1 + 0.2}
PRICED = {
    "material_per_unit": 12.34,
    "scrap_credit_per_unit": 0.7,
    "operators": 2 / 3,
    "wage_per_h": 43.52,
    "depreciation_per_h": 33.3,
}
NAMES = {doing: f"Stopped/{doing.name.lower()}" for doing in Doing} | {
    Doing.DOWN: "Aborted/breakdown",
    Doing.REPAIR: "Aborted/breakdown",
}


def tariff(zone: str, rows: list[str] | None = None) -> Tariff:
    bands = {code: Band(name=code, price_per_kwh=price) for code, price in PRICES.items()}
    return Tariff(
        timezone=zone, bands=bands, hours=rows or ["fvvvvvvfffffffffpssssspf", "ffffffffffvdddvfpsspppff"] * 6
    )


def line(done: MachineTruth, energy: EnergyBook, **media: int) -> dict[str, Any]:
    return machine_truth(done, names=NAMES, ideal_ns=30 * SECOND_NS, energy=energy, media=media, **PRICED)


def doing(hours: dict[Doing, int]) -> list[int]:
    return [hours.get(d, 0) for d in Doing]


def test_a_microsecond_after_three_hours_costs_a_microsecond() -> None:
    meter, bands = Meter.constant("energy_wh", 95_000, START_NS), Bands(tariff("Asia/Shanghai"))
    book = EnergyBook(bands)
    lines = []
    for from_ns, until_ns in pairwise([START_NS, START_NS + 3 * HOUR_NS, START_NS + 3 * HOUR_NS + 1000]):
        cuts = bands.cuts(from_ns, until_ns)
        meter.read(NO_ROWS, cuts.times_ns, until_ns)
        book.book(cuts, meter.totals("energy_wh", cuts.times_ns))
        lines.append(line(MachineTruth(doing({Doing.RUNNING: until_ns - START_NS}), 5, 1, 0, 0, 0, 0), book))
    before, after = lines
    spent = {name: Fraction(after["money"][name]) - Fraction(before["money"][name]) for name in MACHINE_LINES}
    hour = Fraction(1000, HOUR_NS)
    assert spent["depreciation"] == Fraction("33.3") * hour
    assert spent["labour"] == Fraction(repr(2 / 3)) * Fraction("43.52") * hour
    assert spent["material"] == spent["scrap_recovery"] == spent["energy"] == 0
    assert book.energy_wh == 3 * 95_000


def minute_by_minute(meter: Meter, entered: Any, prices: Tariff, start_ns: int, until_ns: int) -> dict[str, int]:
    """Each step of a meter that is read at every full minute goes to the band in which it began."""
    first = start_ns - start_ns % MINUTE_NS + MINUTE_NS
    times_ns = np.array([start_ns, *range(first, until_ns, MINUTE_NS), until_ns], np.int64)
    wh = meter.read(entered, times_ns, until_ns)["energy_wh"].tolist()
    booked = dict.fromkeys(prices.bands, 0)
    for (t_ns, before), (_, after) in pairwise(zip(times_ns.tolist(), wh, strict=True)):
        local = datetime.fromtimestamp(t_ns // SECOND_NS, UTC).astimezone(ZoneInfo(prices.timezone))
        booked[prices.hours[local.month - 1][local.hour]] += after - before
    return booked


@given(
    zone=st.sampled_from(ZONES),
    start_ns=st.integers(START_NS - 400 * DAY_NS, START_NS),
    length_ns=st.integers(0, 2 * DAY_NS),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(Doing)), max_size=6),
    parts=st.lists(st.floats(0, 1), max_size=4).map(sorted),
)
def test_the_book_is_that_of_a_meter_read_every_minute(
    zone: str, start_ns: int, length_ns: int, changes: list[tuple[float, Doing]], parts: list[float]
) -> None:
    prices, until_ns = tariff(zone), start_ns + length_ns
    entered = np.zeros(len(changes), ENTERED)
    entered["t_ns"] = sorted(start_ns + int(share * length_ns) for share, _ in changes)
    entered["doing"] = [d for _, d in changes]
    rates = {"energy_wh": {d: 1_000 + 7_919 * d for d in Doing}}
    expected = minute_by_minute(Meter(rates, start_ns), entered, prices, start_ns, until_ns)
    meter, bands = Meter(rates, start_ns), Bands(prices)
    book = EnergyBook(bands)
    bounds = [start_ns, *(start_ns + int(share * length_ns) for share in parts), until_ns]
    for number, (from_ns, to_ns) in enumerate(pairwise(bounds)):
        last = number == len(bounds) - 2
        now = (entered["t_ns"] >= from_ns) & ((entered["t_ns"] < to_ns) | last)
        cuts = bands.cuts(from_ns, to_ns)
        meter.read(entered[now], cuts.times_ns, to_ns)
        entered = entered[~now]
        book = book.copy()
        book.book(cuts, meter.totals("energy_wh", cuts.times_ns))
    assert book.by_band == expected
    assert book.energy_wh == sum(expected.values()) == meter.total("energy_wh")
    assert book.money == sum(wh * Fraction(repr(PRICES[code])) / 1000 for code, wh in expected.items())


@pytest.mark.parametrize("zone", ZONES)
def test_bands_change_when_the_analytics_say_so(zone: str) -> None:
    prices = tariff(zone)
    bands = Bands(prices)
    from_ns, until_ns = START_NS - 366 * DAY_NS + 12_345, START_NS
    cuts = bands.cuts(from_ns, until_ns)
    begins = [from_ns, *cuts.times_ns.tolist()]
    assert begins.pop() == until_ns
    found = list(zip(begins, (bands.codes[band] for band in cuts.bands), strict=True))
    assert found == band_changes(prices, from_ns, until_ns)
    assert [bands.codes[bands.at(t_ns)] for t_ns, _ in found] == [code for _, code in found]
    assert len(found) > 1000


def test_a_copy_goes_its_own_way_and_a_reading_that_falls_is_refused() -> None:
    bands = Bands(tariff("Asia/Shanghai"))
    book = EnergyBook(bands)
    book.book(bands.cuts(START_NS, START_NS + 1), np.array([7]))
    twin = book.copy()
    twin.book(bands.cuts(START_NS + 1, START_NS + 2), np.array([8]))
    assert (sum(book.by_band.values()), sum(twin.by_band.values())) == (7, 8)
    with pytest.raises(ValueError, match="fell from 7 to 6"):
        book.book(bands.cuts(START_NS + 1, START_NS + 2), np.array([6]))


@given(
    ns=st.lists(st.integers(0, 10**18), min_size=len(Doing), max_size=len(Doing)),
    counts=st.tuples(*[st.integers(0, 10**6)] * 3),
    wh=st.lists(st.integers(0, 10**10), min_size=4, max_size=4).map(sorted),
)
def test_the_same_rules_as_the_analytics(ns: list[int], counts: tuple[int, int, int], wh: list[int]) -> None:
    """Two arithmetics, one meaning: what the machine did costs the same to the last fraction."""
    prices = tariff("Asia/Shanghai", ["f" * 6 + "v" * 6 + "s" * 6 + "d" * 6] * 12)
    bands = Bands(prices)
    book = EnergyBook(bands)
    midnight_ns = START_NS - START_NS % DAY_NS - 8 * HOUR_NS
    book.book(bands.cuts(midnight_ns, midnight_ns + DAY_NS), np.array(wh))
    good, scrap, rework = counts
    body = line(MachineTruth(ns, good, scrap, rework, 3, 2, -5), book)
    steps = [wh[0], *(b - a for a, b in pairwise(wh))]
    off = ns[Doing.OFF]
    elements = Elements(
        apt_ns=ns[0],
        pdot_ns=sum(ns[1:]) - off,
        off_ns=off,
        gq=good,
        sq=scrap,
        rq=rework,
        energy=by_band(zip("fvsd", steps, strict=True)),
    )
    expected = costs(elements, Economics(currency="CNY", tariff=prices, **PRICED))
    assert {name: Fraction(body["money"][name]) for name in MACHINE_LINES} == {
        name: getattr(expected, name) for name in MACHINE_LINES
    }
    assert body["ideal_total_ns"] == (good + scrap + rework) * 30 * SECOND_NS
    assert body["ideal_good_ns"] == good * 30 * SECOND_NS
    assert sum(body["state_ns"].values()) == sum(ns)


def test_doings_that_are_told_alike_are_added() -> None:
    energy = EnergyBook(Bands(tariff("Asia/Shanghai")))
    done = MachineTruth(doing({Doing.DOWN: 3, Doing.REPAIR: 4, Doing.OFF: 5}), 0, 0, 0, 1, 2, 9 * HOUR_NS // 2)
    body = line(done, energy, gas_wh=11)
    assert body["state_ns"] == {"Aborted/breakdown": 7, "Stopped/off": 5}
    assert (body["failures"], body["maintained"], body["media"], body["remaining_life_h"]) == (
        1,
        2,
        {"gas_wh": 11},
        4.5,
    )


def test_the_ledger_keeps_every_fraction(tmp_path: Path) -> None:
    bands = Bands(tariff("Asia/Shanghai"))
    book = EnergyBook(bands)
    book.book(bands.cuts(START_NS, START_NS + 1), np.array([1_234_567]))
    bodies = [line(MachineTruth(doing({Doing.OFF: 1}), 1, 2, 3, 4, 5, 6), book, water_l=1), meter_truth(book)]
    with Ledger(str(tmp_path / "ledger"), boot="5eed5eed") as ledger:
        ledger.begin(seed=1, sector="x", start_ns=START_NS)
        ledger.truth(START_NS + 1, [("machine", bodies[0]), ("meter", bodies[1])])
    found = read_ledger(tmp_path / "ledger").truths
    for path, body in zip(("machine", "meter"), bodies, strict=True):
        (truth,) = found[path]
        assert truth.counts["energy_wh"] == 1_234_567
        assert truth.money == {name: Fraction(amount) for name, amount in body["money"].items()}
        assert truth.money["energy"] == book.money > 0
    assert list(bodies[0]["money"]) == list(bodies[1]["money"]) == list(MACHINE_LINES)
    assert set(bodies[0]) == set(bodies[1])
