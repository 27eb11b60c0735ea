"""What the factory says: valid, complete, numbered without a gap, and in agreement with what it knows to be true."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import Birth, Cycle, Message, Meter, State, Tariff, Telemetry, decode
from simulator.energy import EnergyMeter, power_by_doing
from simulator.factory import Factory
from simulator.kernel import Entered
from simulator.machine import Doing
from simulator.outgoing import Outgoing
from simulator.plant import HOUR_NS, MINUTE_NS, SECOND_NS
from simulator.run import site_of
from simulator.settings import Settings
from simulator.speak import STATES, will
from simulator.truth import band_at

START = 1_795_226_521 * SECOND_NS  # 2026-11-21 02:02:01 UTC: not at a full minute
SITE = site_of(Settings())
BOOT = "00ff00ff"


def run(cuts: Sequence[int], until_ns: int, telemetry_ns: int = MINUTE_NS, start_ns: int = START) -> list[Outgoing]:
    factory = Factory(SITE, BOOT, start_ns)
    said = factory.opening()
    for cut in [*cuts, until_ns]:
        said += factory.advance(start_ns + cut, telemetry_ns)
    return said + factory.closing()


def by_topic(said: list[Outgoing]) -> dict[tuple[str, str], list[Message]]:
    found: dict[tuple[str, str], list[Message]] = defaultdict(list)
    for out in said:
        found[out.address.path, out.kind].append(decode(out.kind, out.payload))
    return found


def rows(messages: list[Message]) -> list[Any]:
    """All rows of one topic, whatever the batches were."""
    flat: list[Any] = []
    for message in messages:
        if isinstance(message, Telemetry):
            columns = [message.values[name] for name in sorted(message.values)]
            flat += zip(message.t, *columns, strict=True)
        else:
            flat += getattr(message, "rows", [message])
    return flat


def test_the_same_start_gives_the_same_bytes() -> None:
    assert run([HOUR_NS], 2 * HOUR_NS) == run([HOUR_NS], 2 * HOUR_NS)


@given(cuts=st.lists(st.integers(0, 2 * HOUR_NS), max_size=6).map(sorted))
@settings(max_examples=12, deadline=None)
def test_the_cuts_change_the_batches_and_no_row(cuts: list[int]) -> None:
    whole, cut = by_topic(run([], 2 * HOUR_NS)), by_topic(run(cuts, 2 * HOUR_NS))
    assert whole.keys() == cut.keys()
    for topic, messages in whole.items():
        if topic[1] not in ("birth", "death"):
            assert rows(cut[topic]) == rows(messages)


def test_seq_counts_from_one_without_a_gap() -> None:
    seqs: dict[str, list[int]] = defaultdict(list)
    for out in run([MINUTE_NS, HOUR_NS], 3 * HOUR_NS):
        message = decode(out.kind, out.payload)
        assert (message.boot, message.seq, len(message.times) or 1) == (BOOT, out.seq, out.rows)
        assert out.rows <= 500
        seqs[out.address.path].append(out.seq)
    assert len(seqs) == 24
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seqs.values())
    last = will(SITE, BOOT)
    assert (last.address, last.kind, last.seq) == (SITE.gateway, "death", 0)


def test_births_tell_all_and_are_retained() -> None:
    births = {out.address.machine: decode("birth", out.payload) for out in Factory(SITE, BOOT, START).opening()}
    assert all(out.retain and out.kind == "birth" for out in Factory(SITE, BOOT, START).opening())
    gateway, meter, mould = births["gateway"], births["aux-1"], births["mould-3"]
    assert isinstance(gateway, Birth) and isinstance(meter, Birth) and isinstance(mould, Birth)
    assert (gateway.role, len(gateway.members), gateway.members[0]) == ("gateway", 22, "stamp-1")
    assert (meter.role, meter.counters, meter.production) == ("meter", {"energy_wh": "Wh"}, None)
    assert mould.production is not None and mould.economics is not None
    assert (mould.production.step, mould.production.position) == ("mould", 2)
    assert mould.production.ideal_cycle_ns == 110 * SECOND_NS, "tub and lid are two cycles"
    assert mould.economics.operators == 0.5
    assert mould.economics.wage_per_h == pytest.approx(43.52)
    assert mould.economics.tariff == SITE.tariff
    assert set(mould.sensors) == {"injection_pressure", "cushion", "melt_temp", "hydraulic_oil_temp"}


def test_a_life_begins_with_its_state_and_ends_with_its_reading() -> None:
    until = 3 * HOUR_NS + 17
    said = by_topic(run([HOUR_NS], until))
    for address, _ in SITE.machines:
        assert rows(said[address.path, "state"])[0].t == START
        readings = [row.t for row in rows(said[address.path, "meter"])]
        assert readings[0] == START and readings[-1] == START + until
        assert all(t % MINUTE_NS == 0 for t in readings[1:-1])
        assert {b - a for a, b in pairwise(readings[1:-1])} == {MINUTE_NS}
        (death,) = said[address.path, "death"]
        assert death.times == [START + until]
    assert run([HOUR_NS], until)[-1].address == SITE.gateway


def test_a_slow_sensor_is_null_between_its_samples() -> None:
    said = by_topic(run([], HOUR_NS, telemetry_ns=10 * SECOND_NS))
    path = next(address.path for address, step in SITE.machines if step.id == "mould")
    for message in said[path, "telemetry"]:
        assert isinstance(message, Telemetry)
        taken = [t for t, value in zip(message.t, message.values["cushion"], strict=True) if value is not None]
        assert {(b - a) // SECOND_NS for a, b in pairwise(taken)} == {50}
        assert None not in message.values["injection_pressure"]


def test_the_truth_is_what_the_messages_add_up_to() -> None:
    """Recomputed from the wire by another road: state rows, cycle rows, and the meter priced minute by minute."""
    until, start = 5 * HOUR_NS, START
    factory = Factory(SITE, BOOT, start)
    said = factory.opening()
    for hour in range(1, 6):
        said += factory.advance(start + hour * HOUR_NS, MINUTE_NS)
    said += factory.closing()
    truth = dict(factory.truth())
    found = by_topic(said)
    for address, step in SITE.machines:
        body = truth[address.path]
        held = Counter[str]()
        entries = [row for m in found[address.path, "state"] if isinstance(m, State) for row in m.rows]
        for row, end in zip(entries, [*(r.t for r in entries[1:]), start + until], strict=True):
            held[f"{row.state}/{row.reason}"] += end - row.t
        assert dict(held) == body["state_ns"]
        cycles = [row for m in found[address.path, "cycle"] if isinstance(m, Cycle) for row in m.rows]
        for name in ("good", "scrap", "rework"):
            assert body[name] == sum(getattr(row, name) for row in cycles)
        assert body["ideal_total_ns"] == sum(row.ideal_ns for row in cycles)
        assert body["ideal_good_ns"] == sum(row.ideal_ns * row.good for row in cycles)
        assert float(Fraction(body["money"]["material"])) == pytest.approx(len(cycles) * step.material_per_unit)
        assert float(Fraction(body["money"]["labour"])) == pytest.approx(5 * step.operators / step.machines * 34 * 1.28)
        assert float(Fraction(body["money"]["depreciation"])) == pytest.approx(5 * step.depreciation_per_h)
        _energy_agrees(body, found[address.path, "meter"])
        executed = sum(row.actual_ns for row in cycles)
        assert 0 <= body["state_ns"]["Execute/running"] - executed < 5 * 60 * SECOND_NS, "one unit may be in work"
    meter = truth[SITE.meter.path]
    assert meter["energy_wh"] == 5 * 360_000
    _energy_agrees(meter, found[SITE.meter.path, "meter"])


def _energy_agrees(body: dict[str, Any], messages: list[Message]) -> None:
    readings = [(row.t, row.counters["energy_wh"]) for m in messages if isinstance(m, Meter) for row in m.rows]
    assert all(a <= b for (_, a), (_, b) in pairwise(readings))
    assert body["energy_wh"] == readings[-1][1]
    money = 0.0
    for (t, before), (_, after) in pairwise(readings):
        local = datetime.fromtimestamp(t / SECOND_NS, UTC).astimezone(ZoneInfo("Asia/Shanghai"))
        code = SITE.tariff.hours[local.month - 1][local.hour]
        money += (after - before) / 1000 * SITE.tariff.bands[code].price_per_kwh
    assert float(Fraction(body["money"]["energy"])) == pytest.approx(money, rel=1e-12)


def test_energy_is_exact_whatever_the_readings() -> None:
    power = power_by_doing(SITE.machines[0][1].power_kw)
    assert (power[Doing.RUNNING], power[Doing.BLOCKED], power[Doing.BREAKDOWN]) == (95_000, 25_000, 5_000)
    entered = [Entered(0, Doing.RUNNING, 0, 0, 1, 0), Entered(HOUR_NS // 7, Doing.BREAKDOWN, 0, 0, 1, 0)]
    expected = (95_000 * (HOUR_NS // 7) + 5_000 * (HOUR_NS - HOUR_NS // 7)) // HOUR_NS
    for count in (1, 7, 1000):
        meter = EnergyMeter(power, 0)
        assert list(meter.read(entered, [HOUR_NS * n // count for n in range(1, count + 1)]))[-1] == expected


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("2026-11-22T03:59:59.999+00:00", "d"),  # 11:59 in Shanghai
        ("2026-11-22T06:00:00+00:00", "v"),
        ("2026-07-31T16:30:00+00:00", "f"),  # already August there, half past midnight
        ("2026-07-31T17:00:00+00:00", "v"),
    ],
)
def test_the_band_is_that_of_the_local_hour(when: str, code: str) -> None:
    t_ns = round(datetime.fromisoformat(when).timestamp() * 1000) * 1_000_000
    assert band_at(SITE.tariff, t_ns) == code


def test_zones_off_by_half_an_hour() -> None:
    hours = ["".join("ab"[h % 2] for h in range(24))] * 12
    tariff = Tariff(timezone="Asia/Kolkata", bands=SITE.tariff.bands, hours=hours)
    assert [band_at(tariff, m * MINUTE_NS) for m in (0, 29, 30, 89, 90)] == ["b", "b", "a", "a", "b"]


def test_every_doing_has_its_own_words() -> None:
    assert set(STATES) == set(Doing)
    assert len({spoken.reason for spoken in STATES.values()}) == len(Doing)


def test_an_order_keeps_its_variant() -> None:
    said = by_topic(run([], 2 * HOUR_NS))
    variants: dict[str, set[str]] = defaultdict(set)
    for (_, kind), messages in said.items():
        if kind == "cycle":
            for row in rows(messages):
                variants[row.order].add(row.variant)
    assert max(len(v) for v in variants.values()) == 1
    assert len(set.union(*variants.values())) > 5
