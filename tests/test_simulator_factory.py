"""What the factory says: valid, complete, numbered without a gap, and in agreement with what it knows to be true."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from factory_runs import BOOT, PARKS, START, all_rows, factory, read, run
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import Birth, Tariff, Telemetry, decode, may_follow
from simulator.happenings import Doing
from simulator.plant import HOUR_NS, MINUTE_NS, SECOND_NS, Site, ideal_cycle_ns
from simulator.speak import STATES, will

ALL = pytest.mark.parametrize("name", PARKS)
HOME = PARKS["home_appliances"]()
SITE = HOME.sites[0]


@ALL
def test_the_same_start_and_cuts_give_the_same_bytes(name: str) -> None:
    park = PARKS[name]()
    assert run(park, 2 * HOUR_NS, cuts=[HOUR_NS])[1] == run(park, 2 * HOUR_NS, cuts=[HOUR_NS])[1]


@pytest.mark.parametrize("name", ["home_appliances", "two"])
@given(cuts=st.lists(st.integers(0, 2 * HOUR_NS), max_size=6).map(sorted))
@settings(max_examples=5, deadline=None)
def test_the_cuts_change_the_batches_and_no_row(name: str, cuts: list[int]) -> None:
    park = PARKS[name]()
    assert all_rows(run(park, 2 * HOUR_NS, cuts=cuts)[1]) == all_rows(run(park, 2 * HOUR_NS)[1])


@ALL
def test_a_day_cut_by_the_hour_or_into_two(name: str) -> None:
    park = PARKS[name]()
    hours = [HOUR_NS * n for n in range(1, 24)]
    fine, said = run(park, 24 * HOUR_NS, cuts=hours, telemetry_ns=HOUR_NS)
    coarse, again = run(park, 24 * HOUR_NS, cuts=[5 * HOUR_NS + 7], telemetry_ns=HOUR_NS)
    assert all_rows(said) == all_rows(again)
    assert fine.truth() == coarse.truth()
    assert fine.flows() == coarse.flows()


@ALL
def test_who_says_nothing_knows_the_same(name: str) -> None:
    """Skipped or told, the truth and the flows are the same, and so is all that is said afterwards."""
    park = PARKS[name]()
    first, last = 20 * HOUR_NS + 5, 22 * HOUR_NS
    told, quiet = factory(park), factory(park)
    told.advance(START + first, HOUR_NS)
    quiet.skip(START + 3 * HOUR_NS)
    quiet.skip(START + first)
    assert quiet.truth() == told.truth()
    assert quiet.flows() == told.flows()
    after = all_rows(told.advance(START + last, MINUTE_NS) + told.closing())
    assert all_rows(quiet.advance(START + last, MINUTE_NS) + quiet.closing()) == after


@pytest.mark.parametrize("name", ["home_appliances", "two"])
def test_what_is_held_back_is_the_same_in_longer_messages(name: str) -> None:
    park = PARKS[name]()
    plain, held = factory(park, "jam machine=stamp-1 at=90m"), factory(park, "jam machine=stamp-1 at=90m")
    first, second = plain.opening(), held.opening()
    for hour in range(1, 7):
        first += plain.advance(START + hour * HOUR_NS, MINUTE_NS)
        second += held.advance(START + hour * HOUR_NS, MINUTE_NS, hold=hour % 3 != 0)
    assert plain.truth() == held.truth()
    assert all_rows(first + plain.closing()) == all_rows(second + held.closing())
    assert len(second) < len(first) / 2


def test_sensors_do_not_ask_how_often_they_are_read() -> None:
    """Neither the cuts nor the period change a value at a time; nor does the time that was skipped before."""
    until = 3 * HOUR_NS
    fine = all_rows(run(HOME, until, cuts=[17, HOUR_NS + 3, 2 * HOUR_NS], telemetry_ns=10 * SECOND_NS)[1])
    quiet = factory(HOME)
    quiet.skip(START + 2 * HOUR_NS)
    late = all_rows(quiet.advance(START + until, 50 * SECOND_NS))
    compared = 0
    for topic, samples in late.items():
        if topic[1] == "telemetry":
            known = {sample[0]: sample[1:] for sample in fine[topic]}
            for t, *values in samples:
                pairs = [(a, b) for a, b in zip(known.get(t, ()), values, strict=False) if None not in (a, b)]
                assert all(a == b for a, b in pairs), (topic, t)
                compared += len(pairs)
    assert compared > 1000


@ALL
def test_seq_counts_from_one_without_a_gap_and_every_message_can_be_read(name: str) -> None:
    park = PARKS[name]()
    seqs: dict[str, list[int]] = defaultdict(list)
    for out in run(park, 3 * HOUR_NS, cuts=[MINUTE_NS, HOUR_NS])[1]:
        message = decode(out.kind, out.payload)
        assert (message.boot, message.seq, len(message.times) or 1) == (BOOT, out.seq, out.rows)
        assert out.rows <= 500
        assert all(a < b for a, b in pairwise(message.times))
        seqs[out.address.path].append(out.seq)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seqs.values())
    for site in park.sites:
        last = will(site, BOOT)
        assert (last.address, last.kind, last.seq) == (site.gateway, "death", 0)
        assert {site.gateway.path, site.meter.path, *(a.path for a, _ in site.machines)} <= seqs.keys()


@ALL
def test_everyone_is_born_once_and_dies_once(name: str) -> None:
    park = PARKS[name]()
    _, said = run(park, HOUR_NS)
    births = [out for out in said if out.kind == "birth"]
    deaths = [out for out in said if out.kind == "death"]
    assert said[: len(births)] == births and all(out.retain for out in births)
    assert {out.address for out in said} == {out.address for out in births}
    assert Counter(out.address for out in births) == Counter(out.address for out in deaths)
    assert not any(out.retain for out in said[len(births) :])
    for site in park.sites:
        assert [out.address for out in deaths if out.address.enterprise == site.enterprise][-1] == site.gateway


def test_births_tell_all() -> None:
    births = {out.address.machine: decode("birth", out.payload) for out in factory(HOME).opening()}
    gateway, meter, mould = births["gateway"], births["aux-1"], births["mould-3"]
    assert isinstance(gateway, Birth) and isinstance(meter, Birth) and isinstance(mould, Birth)
    assert gateway.role == "gateway"
    assert gateway.members == [address.machine for address, _ in SITE.machines]
    assert (meter.role, meter.counters, meter.production) == ("meter", {"energy_wh": "Wh"}, None)
    step = next(step for step in SITE.sector.steps if step.id == "mould")
    assert mould.production is not None and mould.economics is not None
    assert (mould.production.step, mould.production.position) == ("mould", 1 + SITE.sector.steps.index(step))
    assert mould.production.ideal_cycle_ns == ideal_cycle_ns(step)
    assert mould.economics.operators == step.operators / step.machines
    assert mould.economics.wage_per_h == pytest.approx(SITE.sector.labour.wage_per_h * SITE.sector.labour.loaded_factor)
    assert mould.economics.tariff == SITE.tariff
    assert set(mould.sensors) == {sensor.name for sensor in SITE.model_of(step).sensors}


def test_a_life_begins_with_its_state_and_ends_with_its_reading() -> None:
    until = 3 * HOUR_NS + 17
    said = all_rows(run(HOME, until, cuts=[HOUR_NS])[1])
    for address, _ in SITE.machines:
        assert said[address.path, "state"][0].t == START
        readings = [row.t for row in said[address.path, "meter"]]
        assert readings[0] == START and readings[-1] == START + until
        assert all(t % MINUTE_NS == 0 for t in readings[1:-1])
        assert {b - a for a, b in pairwise(readings[1:-1])} == {MINUTE_NS}
        (death,) = said[address.path, "death"]
        assert death.times == [START + until]


@ALL
def test_states_follow_each_other_as_packml_allows(name: str) -> None:
    park = PARKS[name]()
    said = all_rows(run(park, 24 * HOUR_NS, telemetry_ns=HOUR_NS)[1])
    for _, address, _ in park.machines:
        for before, after in pairwise(said[address.path, "state"]):
            assert before.t < after.t
            assert may_follow(before.state, after.state), (before, after)
            assert (before.state, before.reason, before.cause) != (after.state, after.reason, after.cause)


@ALL
def test_the_truth_is_what_the_messages_add_up_to(name: str) -> None:
    """Recomputed from the wire by another road, hour by hour: state rows, cycle rows, the meter priced by the minute.

    The ledger has the truth at each full hour; so does this.
    """
    park = PARKS[name]()
    made = factory(park)
    said = made.opening()
    truths = []
    edges = [START, *range(START - START % HOUR_NS + HOUR_NS, START + 6 * HOUR_NS, HOUR_NS), START + 6 * HOUR_NS]
    for edge in edges[1:]:
        said += made.advance(edge, HOUR_NS)
        truths.append((edge, dict(made.truth())))
    found = all_rows(said + made.closing())
    for site in park.sites:
        for address, _ in site.machines:
            for edge, truth in truths:
                _adds_up(site, truth[address.path], found, address.path, edge)
        meter = found[site.meter.path, "meter"]
        last = truths[-1][1][site.meter.path]
        assert last["energy_wh"] == meter[-1].counters["energy_wh"] == round(site.sector.aux_kw * 1000) * 6
        _priced(site, last, meter, edges[-1])


def _adds_up(site: Site, body: dict[str, Any], found: dict[tuple[str, str], list[Any]], path: str, edge: int) -> None:
    step = next(step for address, step in site.machines if address.path == path)
    held: Counter[str] = Counter()
    states = [row for row in found[path, "state"] if row.t < edge]
    for row, end in zip(states, [*(r.t for r in states[1:]), edge], strict=True):
        held[f"{row.state}/{row.reason}"] += end - row.t
    assert dict(held) == body["state_ns"]
    assert body["failures"] == _failures(states)
    cycles = [row for row in found.get((path, "cycle"), []) if row.t < edge]
    for name in ("good", "scrap", "rework"):
        assert body[name] == sum(getattr(row, name) for row in cycles)
    assert body["ideal_total_ns"] == sum(row.ideal_ns for row in cycles)
    units = sum(row.good + row.scrap + row.rework for row in cycles)
    assert body["ideal_total_ns"] == units * ideal_cycle_ns(step)
    assert body["ideal_good_ns"] == sum(row.good for row in cycles) * ideal_cycle_ns(step)
    money = {line: Fraction(amount) for line, amount in body["money"].items()}
    scrap = sum(row.scrap for row in cycles)
    assert float(money["material"]) == pytest.approx(units * site.material_per_unit[step.id])
    assert float(money["scrap_recovery"]) == pytest.approx(-scrap * step.scrap_credit_per_unit)
    hours = (edge - START - held["Stopped/no_shift"]) / HOUR_NS
    assert float(money["labour"]) == pytest.approx(hours * step.operators / step.machines * site.wage_per_h)
    assert float(money["depreciation"]) == pytest.approx(hours * step.depreciation_per_h)
    meter = found[path, "meter"]
    if edge % MINUTE_NS == 0 or edge == meter[-1].t:
        reading = next(row for row in meter if row.t == edge)
        assert body["energy_wh"] == reading.counters["energy_wh"]
        assert body["media"] == {k: v for k, v in reading.counters.items() if k != "energy_wh"}
    if edge == meter[-1].t:
        _priced(site, body, meter, edge)


def _failures(states: list[Any]) -> int:
    """A failure is Aborted for the first time since something else was done; a planned stop interrupts it."""
    count, broken = 0, False
    for row in states:
        if row.reason == "breakdown":
            count += row.state == "Aborted" and not broken
            broken = True
        elif row.reason not in ("planned_stop", "no_shift"):
            broken = False
    return count


def _priced(site: Site, body: dict[str, Any], meter: list[Any], edge: int) -> None:
    assert all(a.counters["energy_wh"] <= b.counters["energy_wh"] for a, b in pairwise(meter))
    tariff: Tariff = site.tariff
    money = 0.0
    for before, after in pairwise(meter):
        local = datetime.fromtimestamp(before.t / SECOND_NS, UTC).astimezone(ZoneInfo(tariff.timezone))
        price = tariff.bands[tariff.hours[local.month - 1][local.hour]].price_per_kwh
        money += (after.counters["energy_wh"] - before.counters["energy_wh"]) / 1000 * price
    assert meter[-1].t == edge
    assert float(Fraction(body["money"]["energy"])) == pytest.approx(money, rel=1e-9)


def test_a_slow_sensor_is_null_between_its_samples() -> None:
    slow = [
        (address.path, sensor.name, ceil(1 / sensor.sample_hz))
        for address, step in SITE.machines
        for sensor in SITE.model_of(step).sensors
        if sensor.sample_hz < 0.1 and not sensor.deadband
    ]
    assert slow
    said = read(run(HOME, HOUR_NS, telemetry_ns=10 * SECOND_NS)[1])
    for path, name, period_s in slow:
        for message in said[path, "telemetry"]:
            assert isinstance(message, Telemetry)
            taken = [t for t, value in zip(message.t, message.values[name], strict=True) if value is not None]
            assert {(b - a) // SECOND_NS for a, b in pairwise(taken)} == {-(-period_s // 10) * 10}


def test_every_doing_has_words() -> None:
    assert set(STATES) == set(Doing)


def test_an_order_keeps_its_variant() -> None:
    variants: dict[str, set[str]] = defaultdict(set)
    for (_, kind), told in all_rows(run(HOME, 6 * HOUR_NS)[1]).items():
        if kind == "cycle":
            for row in told:
                variants[row.order].add(row.variant)
    assert max(len(v) for v in variants.values()) == 1
    assert len(set.union(*variants.values())) > 5
