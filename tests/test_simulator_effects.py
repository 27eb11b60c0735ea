"""What faults and commands do: each what its table says, from its begin to its end, however time is cut."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from factory_runs import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    START,
    all_rows,
    ask,
    factory,
    machine,
    park_of,
    run,
    twins,
    two,
)

from contract import Address, CommandRow
from simulator.factory import Factory
from simulator.fault_kinds import FAULTS
from simulator.happenings import Doing
from simulator.kernel import act, layout, stocks
from simulator.plant import Park
from simulator.worlds import stock_numbers

HOME = park_of("home_appliances")
STAMP = machine(HOME, "stamp-1")
SITE = HOME.sites[0]
STEP = next(step for address, step in SITE.machines if address == STAMP)
SENSOR = SITE.model_of(STEP).sensors[-1]
FULL_MINUTE = START - START % MINUTE_NS + MINUTE_NS


def number(park: Park, address: Address) -> int:
    return [a for _, a, _ in park.machines].index(address)


def told(made: Factory, until: int) -> dict[tuple[str, str], list[Any]]:
    return all_rows(made.advance(START + until, HOUR_NS))


def states(rows: dict[tuple[str, str], list[Any]], address: Address, reason: str) -> list[Any]:
    return [row for row in rows.get((address.path, "state"), []) if row.reason == reason]


def test_a_breakdown_comes_as_soon_as_the_machine_runs_in_the_mode_that_the_sensor_shows() -> None:
    at = 4 * HOUR_NS
    fault = f"breakdown machine=stamp-1 sensor={SENSOR.name} at=4h"
    rows = all_rows(run(HOME, 8 * HOUR_NS, fault)[1])[STAMP.path, "state"]
    down = next(row for row in rows if row.t >= START + at and row.reason == "breakdown")
    assert down.cause == SENSOR.failure.mode
    before = [row for row in rows if row.t < down.t]
    ran = sum(
        min(b.t, down.t) - max(a.t, START + at)
        for a, b in pairwise([*before, down])
        if a.reason == "running" and b.t > START + at
    )
    assert ran == 1, "one nanosecond of running: none is empty"


def test_wear_comes_after_so_much_more_running() -> None:
    fault = f"wear machine=stamp-1 sensor={SENSOR.name} at=1h magnitude=2.5"
    _, said = run(HOME, 24 * HOUR_NS, fault)
    rows = all_rows(said)[STAMP.path, "state"]
    down = next(row for row in rows if row.t > START + HOUR_NS and row.reason == "breakdown")
    ran = sum(
        min(b.t, down.t) - max(a.t, START + HOUR_NS)
        for a, b in pairwise(rows)
        if a.reason == "running" and a.t < down.t and b.t > START + HOUR_NS
    )
    assert ran == 2.5 * HOUR_NS
    assert down.cause == SENSOR.failure.mode


def test_slow_and_scrap_hold_for_loads_that_begin_while_they_last() -> None:
    faults = ("slow machine=stamp-1 at=2h for=3h magnitude=0.5", "scrap machine=stamp-1 at=3h for=2h magnitude=1")
    usual = all_rows(run(HOME, 8 * HOUR_NS)[1])[STAMP.path, "cycle"]
    hit = all_rows(run(HOME, 8 * HOUR_NS, *faults)[1])[STAMP.path, "cycle"]

    def per_unit(rows: list[Any], first_h: float, last_h: float) -> float:
        part = [r for r in rows if START + first_h * HOUR_NS < r.t - r.actual_ns and r.t < START + last_h * HOUR_NS]
        return sum(r.actual_ns for r in part) / sum(r.ideal_ns for r in part)

    assert [row for row in hit if row.t < START + 2 * HOUR_NS] == [row for row in usual if row.t < START + 2 * HOUR_NS]
    assert per_unit(hit, 2.05, 5) - per_unit(usual, 2.05, 5) == pytest.approx(0.5, abs=0.1)
    assert per_unit(hit, 5.5, 8) == pytest.approx(per_unit(usual, 5.5, 8), abs=0.1)
    bad = [row for row in hit if row.t - row.actual_ns > START + 3.1 * HOUR_NS and row.t < START + 5 * HOUR_NS]
    assert bad and all(row.good == row.rework == 0 for row in bad)
    assert any(row.good for row in hit if row.t > START + 5.5 * HOUR_NS)


def test_a_jam_is_one_minor_stop() -> None:
    usual = states(all_rows(run(HOME, 2 * HOUR_NS)[1]), STAMP, "minor_stop")
    hit = states(all_rows(run(HOME, 2 * HOUR_NS, "jam machine=stamp-1 at=1h")[1]), STAMP, "minor_stop")
    new = [row for row in hit if row.t not in {r.t for r in usual}]
    assert START + HOUR_NS < new[0].t < START + HOUR_NS + 15 * MINUTE_NS


def test_a_stop_closes_the_machine_for_its_time() -> None:
    rows = all_rows(run(HOME, 4 * HOUR_NS, "stop machine=stamp-1 at=1h for=90m")[1])[STAMP.path, "state"]
    (off,) = [row for row in rows if row.reason == "planned_stop"]
    assert (off.t, off.cause) == (START + HOUR_NS, "command")
    assert next(row for row in rows if row.t > off.t).t == START + 150 * MINUTE_NS


def test_of_two_stops_the_last_end_counts_and_a_command_outlasts_both() -> None:
    both = ("stop machine=stamp-1 at=1h for=1h", "stop machine=stamp-1 at=90m for=1h")
    rows = all_rows(run(HOME, 4 * HOUR_NS, *both)[1])[STAMP.path, "state"]
    (off,) = [row for row in rows if row.reason == "planned_stop"]
    assert next(row for row in rows if row.t > off.t).t == START + 150 * MINUTE_NS
    made = factory(HOME, *both)
    told(made, 2 * HOUR_NS)
    assert ask(made, STAMP, "stop").status == "done"
    told(made, 5 * HOUR_NS)
    assert act.closed(made.plant, number(HOME, STAMP))
    assert ask(made, STAMP, "start", "c-2").status == "done"
    assert not act.closed(made.plant, number(HOME, STAMP))


def levels(made: Factory, park: Park) -> tuple[float, ...]:
    """What the kernel holds for the first machine and the first group."""
    one = number(park, STAMP)
    s, f = made.plant.s, made.plant.f
    m = int(s[layout.G.AT_MACHINES]) + one * layout.MACHINE_SIZE
    at = int(s[m + layout.M.F_AT])
    limit = int(s[int(s[layout.G.AT_GROUPS]) + layout.W.LIMIT_W])
    return float(f[at + layout.MF.SLOWER]), float(f[at + layout.MF.SCRAP_P]), limit


def test_faults_of_one_kind_overlap_and_leave_nothing_behind() -> None:
    faults = [
        f"{kind} {where} at={at} for=2h magnitude={size}"
        for kind, where, sizes in (
            ("slow", "machine=stamp-1", (0.2, 0.3)),
            ("scrap", "machine=stamp-1", (0.7, 0.6)),
            ("power_limit", "", (500, 300)),
        )
        for at, size in zip(("1h", "2h"), sizes, strict=True)
    ]
    made = factory(HOME, *faults)
    own = made.plant.world.power_w[0]
    expected = [(0, 0, own), (0.2, 0.7, 500_000), (0.5, 1.0, 300_000), (0.3, 0.6, 300_000), (0, 0, own)]
    for hour, values in enumerate(expected):
        made.skip(START + hour * HOUR_NS + MINUTE_NS)
        assert levels(made, HOME) == pytest.approx(values), hour


def test_a_limit_of_power_is_kept_by_who_starts_and_never_lifts_the_own_limit() -> None:
    limited = msgspec.structs.replace(SITE.sector, power_limit_kw=950.0)
    made = factory(
        Park((replace(SITE, sector=limited),)),
        "power_limit at=1h for=3h magnitude=200",
        "power_limit at=6h for=1h magnitude=999",
    )
    own = made.plant.world.power_w[0]
    rows = told(made, 4 * HOUR_NS)
    waiting = [row for (_, kind), told_ in rows.items() if kind == "state" for row in told_ if row.reason == "utility"]
    assert waiting and {row.cause for row in waiting} == {"power limit"}
    power = [round(SITE.model_of(step).power_kw.run * 1000) for _, _, step in HOME.machines]
    doing = [act.doing(made.plant, n) for n in range(len(power))]
    assert sum(p for p, d in zip(power, doing, strict=True) if d is Doing.RUNNING) <= 200_000
    made.skip(START + 6 * HOUR_NS + MINUTE_NS)
    assert levels(made, HOME)[2] == own == 950_000


def test_in_a_park_the_common_limit_or_the_works_own_is_meant() -> None:
    park = two()
    fault = "power_limit enterprise=works-b at=1h for=1h magnitude=100"
    common, apart = factory(park, fault), factory(Park(park.sites), fault)
    for made in (common, apart):
        made.skip(START + HOUR_NS + MINUTE_NS)
    groups = [act.limit_power(apart.plant, group, 1) for group in range(2)]
    assert act.limit_power(common.plant, 0, 1) == 100_000
    assert groups == [apart.plant.world.power_w[0], 100_000]


def test_a_supplier_that_is_down_ships_nothing_and_then_all_at_once() -> None:
    supplier = SITE.sector.suppliers[0].id
    fault = f"supplier_down supplier={supplier} at=1d for=3d"
    longer = f"supplier_down supplier={supplier} at=2d for=1d"
    topic = f"{SITE.enterprise}/{SITE.site}/supply/{supplier}/shipments", "shipment"
    said = [factory(HOME, *faults).advance(START + 6 * DAY_NS, DAY_NS) for faults in ((), (fault, longer))]
    usual, hit = (
        [row for row in all_rows([o for o in one if o.kind == "shipment"])[topic] if row.status == "shipped"]
        for one in said
    )
    closed = range(START + DAY_NS, START + 4 * DAY_NS)
    late = [row for row in usual if row.t in closed]
    assert late and not [row for row in hit if row.t in closed]
    names = {row.shipment for row in hit if closed.stop <= row.t < closed.stop + MINUTE_NS}
    assert {row.shipment for row in late} <= names


def defects(made: Factory, stock: int) -> float:
    share = act.taint(made.plant, stock, 0.0)
    act.taint(made.plant, stock, share)
    return share


def test_bad_material_is_sorted_out_at_the_end() -> None:
    material = SITE.sector.materials[0].id
    stock = stock_numbers(HOME)[SITE.enterprise, material]
    made = factory(
        HOME,
        f"bad_material material={material} at=1h for=2h magnitude=0.9",
        f"bad_material material={material} at=2h for=2h magnitude=0.8",
    )
    shares = []
    for hour in range(5):
        made.skip(START + hour * HOUR_NS + 1)
        shares.append(defects(made, stock))
    assert shares[0] == shares[4] < 0.05
    assert shares[1:4] == pytest.approx([0.9, 0.8, 0.8], abs=0.3), "new material may have mixed in"
    scrap = {}
    for faults in ((), (f"bad_material material={material} at=1h for=1d magnitude=1",)):
        quiet = factory(HOME, *faults)
        quiet.skip(START + DAY_NS)
        scrap[len(faults)] = sum(body["scrap"] for _, body in quiet.truth())
    assert scrap[1] > 1.5 * scrap[0]


def test_a_shared_stock_is_bad_for_all_and_comes_from_its_first_owners_supplier() -> None:
    park = twins()
    material = park.sites[0].sector.materials[0]
    stock = stock_numbers(park)["works-a", material.id]
    made = factory(park, f"bad_material enterprise=works-b material={material.id} magnitude=0.5")
    made.skip(START + 1)
    assert defects(made, stock) == pytest.approx(0.5)
    for enterprise, expected in (("works-a", START + HOUR_NS), ("works-b", 0)):
        made = factory(park, f"supplier_down enterprise={enterprise} supplier={material.supplier} for=1h")
        made.skip(START + 1)
        at = int(made.plant.s[layout.G.AT_MATERIALS]) + stock * layout.MATERIAL_SIZE
        assert int(made.plant.s[at + layout.K.CLOSED_UNTIL_NS]) == expected
    assert len(stocks(made.plant)) == len(park.sites[0].sector.materials)


@pytest.mark.parametrize("target", ["machine=stamp-1", "machine=stamp-1 sensor=energy_wh", "machine=aux-1"])
def test_a_counter_begins_again_right_after_a_full_minutes_reading(target: str) -> None:
    until = 2 * HOUR_NS
    usual_made, usual_said = run(HOME, until)
    made, said = run(HOME, until, f"counter_reset {target} at=1h")
    path = SITE.meter.path if "aux-1" in target else STAMP.path
    before, after = (all_rows(one)[path, "meter"] for one in (usual_said, said))
    at = FULL_MINUTE + HOUR_NS
    for old, new in zip(before, after, strict=True):
        for counter, value in old.counters.items():
            hit = old.t > at and ("sensor" not in target or counter == "energy_wh")
            base = next(row.counters[counter] for row in before if row.t == at)
            assert new.counters[counter] == value - base * hit
    assert made.truth() == usual_made.truth(), "what is used is used"


PROCESS = [kind for kind, of in FAULTS.items() if of.group in ("process", "meter")]


def text_of(kind: str) -> str:
    of = FAULTS[kind]
    targets = {
        "machine": "machine=stamp-1",
        "supplier": f"supplier={SITE.sector.suppliers[0].id}",
        "material": f"material={SITE.sector.materials[0].id}",
    }
    words = [kind, *(targets[name] for name in of.needs), "at=61m"]
    words += ["for=7201s"] if of.lasts != "no" else []
    words += ["magnitude=250"] if of.magnitude and of.magnitude.default is None else []
    return " ".join(words)


def test_no_cut_of_time_changes_what_faults_do() -> None:
    """All kinds at once, and every kind of the wire and of the sensors beside them."""
    faults = [text_of(kind) for kind in PROCESS]
    faults += [f"stuck machine=stamp-1 sensor={SENSOR.name} at=30m for=1h"]
    faults += ["stop machine=pack-1 at=2h for=10m", "clock_skew machine=pack-1 at=1h for=1h magnitude=3"]
    cuts = [17, HOUR_NS, 61 * MINUTE_NS, 61 * MINUTE_NS + 1, 2 * HOUR_NS, 61 * MINUTE_NS + 7201 * 10**9, 4 * HOUR_NS]
    whole, first = run(HOME, 6 * HOUR_NS, *faults)
    cut, second = run(HOME, 6 * HOUR_NS, *faults, cuts=cuts)
    assert all_rows(first) == all_rows(second)
    assert whole.truth() == cut.truth()
    quiet = factory(HOME, *faults)
    quiet.skip(START + 6 * HOUR_NS)
    assert quiet.truth() == whole.truth()
    assert [line["kind"] for line in whole.fault_lines(())][: len(PROCESS)] == PROCESS


def test_nothing_happens_before_a_fault_begins() -> None:
    usual = all_rows(factory(HOME).advance(START + 61 * MINUTE_NS, MINUTE_NS))
    hit = all_rows(factory(HOME, *map(text_of, PROCESS)).advance(START + 61 * MINUTE_NS, MINUTE_NS))
    assert usual == hit


def test_faults_of_the_wire_hold_replies_too() -> None:
    made = factory(HOME, "outage at=1h for=1h")
    made.advance(START + 90 * MINUTE_NS, MINUTE_NS)
    answer, said = made.command(STAMP, CommandRow(t=made.now_ns, command="c", action="stop"))
    assert answer.status == "done" and said == []
    after = made.advance(START + 3 * HOUR_NS, MINUTE_NS)
    mine = [out.seq for out in after if out.address == STAMP]
    assert mine == sorted(mine) and "reply" in {out.kind for out in after if out.address == STAMP}
