"""Figures from stored events: through both plain stores, over any bounds, with what comes before and after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from analytics_plant import BOOT, ECONOMICS, HOUR, MIN, PATH, T0, TARIFF, frames, plant, state
from msgspec.structs import replace

from analytics.compute import Results, compute, evaluate, merged, window_bounds
from analytics.cost import costs
from analytics.elements import Elements
from analytics.events import BirthEvent, CycleEvent, MachineEvents, Reading
from analytics.points import Shown, kpi_frames, point_fields
from analytics.rollup import roll_up
from analytics.tables import FIELDS
from contract import Band, Economics, Production
from historian import Frame, Historian, ModelHistorian, Query, open_store

STORES = ["model", "duckdb::memory:"]


def store_at(url: str) -> Historian:
    return ModelHistorian() if url == "model" else open_store(url)


def stored(events: dict[tuple[str, ...], MachineEvents]) -> list[Frame]:
    return [frame for path, machine in events.items() for frame in frames(path, machine)]


def computed(
    events: dict[tuple[str, ...], MachineEvents], bounds: Sequence[int], url: str = "model", **options: object
) -> Results:
    async def go() -> Results:
        async with store_at(url) as store:
            await store.write(stored(events))
            return await compute(store, bounds, **options)  # type: ignore[arg-type]

    return asyncio.run(asyncio.wait_for(go(), 60))


@pytest.mark.parametrize("url", STORES)
def test_what_is_computed_from_the_store_is_what_the_events_say(url: str) -> None:
    events = plant()
    bounds = window_bounds(T0, T0 + HOUR, 5 * MIN)
    found, pure = computed(events, bounds, url), evaluate(events, bounds)
    assert found.windows == pure.windows
    assert found.until_ns == pure.until_ns == T0 + HOUR
    assert {name: sum(counts.values()) for name, counts in found.points.items()} == {
        "birth": 4,
        "death": 0,  # at the last bound, so no part of the range
        "state": sum(len(machine.states) for machine in events.values()),
        "cycle": sum(len(machine.cycles) for machine in events.values()),
        "meter": 4 * 60,
    }


@pytest.mark.parametrize("url", STORES)
def test_any_bounds_give_the_same_sums(url: str) -> None:
    events = plant()
    whole = computed(events, [T0, T0 + HOUR], url).whole()
    odd = computed(events, [T0, T0 + 7, T0 + 13 * MIN + 11, T0 + 14 * MIN, T0 + HOUR], url).whole()
    fives = computed(events, window_bounds(T0, T0 + HOUR, 5 * MIN), url).whole()
    assert whole == odd == fives
    by_part = merged([computed(events, [T0 + m * MIN, T0 + (m + 20) * MIN], url).windows[0] for m in (0, 20, 40)])
    assert roll_up(by_part) == whole


def test_the_machines_can_be_narrowed() -> None:
    found = computed(plant(), [T0, T0 + HOUR], where={"machine": "m-1"})
    assert [machine.path[-1] for machine in found.windows[0]] == ["m-1"]
    assert computed(plant(), [T0, T0 + HOUR], where={"site": "nowhere"}).windows == [[]]


def test_an_empty_store_has_no_figures() -> None:
    found = computed({}, [T0, T0 + HOUR])
    assert found.windows == [[]]
    assert found.until_ns == T0
    assert found.whole() == []


def test_a_state_and_a_reading_from_long_before_the_range_are_carried_in() -> None:
    events = MachineEvents(
        states=[state(T0, "running")],
        readings=[Reading(T0, BOOT, 0), Reading(T0 + 10 * HOUR, BOOT, 10_000)],
        births=[BirthEvent(T0, BOOT)],
    )
    e = computed({PATH: events}, [T0 + 5 * HOUR, T0 + 5 * HOUR + 30 * MIN]).windows[0][0].elements
    # The reading at 10 h is too far off to interpolate to, but proves that the machine was there.
    assert (e.apt_ns, e.unknown_ns, e.energy_wh) == (30 * MIN, 0, 0)
    e = computed({PATH: events}, [T0 + 9 * HOUR + 30 * MIN, T0 + 9 * HOUR + 45 * MIN]).windows[0][0].elements
    assert (e.apt_ns, e.energy_wh) == (15 * MIN, 250)


def test_the_wills_time_is_no_word_of_the_machine() -> None:
    events = MachineEvents(states=[state(T0, "running"), state(T0 + 10 * MIN, "starved")])
    will = Frame(
        "death",
        dict(zip(("enterprise", "site", "area", "line", "machine"), PATH, strict=True)),
        [T0 + 50 * MIN],
        {"_boot": [BOOT], "_seq": [0], "reason": ["lost"]},
    )

    async def go() -> Elements:
        async with ModelHistorian() as store:
            await store.write([*stored({PATH: events}), will])
            return (await compute(store, [T0, T0 + HOUR], until_ns=T0 + HOUR)).windows[0][0].elements

    assert asyncio.run(go()) == Elements(apt_ns=10 * MIN, unknown_ns=50 * MIN)


def test_a_history_filled_in_over_an_earlier_run_is_not_mixed_with_it() -> None:
    old = [state(T0 + m * MIN, "breakdown", "0000000a") for m in range(60)]
    new = [state(T0 + 7, "running", "0000000b"), state(T0 + HOUR + 7, "running", "0000000b")]
    births = [BirthEvent(T0 - HOUR, "0000000a"), BirthEvent(T0 + 7, "0000000b")]
    events = {PATH: MachineEvents(states=old + new, births=births)}
    half = T0 + 30 * MIN
    assert computed(events, [half, half + 10 * MIN]).windows[0][0].elements == Elements(apt_ns=10 * MIN)
    assert computed(events, [T0 + 7, half]).windows[0][0].elements == Elements(apt_ns=30 * MIN - 7)


def test_prices_that_change_within_a_window_are_each_paid_for_their_time() -> None:
    dear = replace(ECONOMICS, depreciation_per_h=100.0, material_per_unit=5.0)
    production = Production(step="s", position=1, ideal_cycle_ns=MIN)
    events = {
        PATH: MachineEvents(
            states=[state(T0, "running")],
            cycles=[CycleEvent(T0 + m * MIN, BOOT, 1, 0, 0, MIN) for m in (5, 50)],
            readings=[Reading(T0, BOOT, 0), Reading(T0 + HOUR, BOOT, 60_000)],
            births=[
                BirthEvent(T0, BOOT, "machine", production, ECONOMICS),
                BirthEvent(T0 + 45 * MIN, BOOT, "machine", production, dear),
            ],
        )
    }
    machine = computed(events, [T0, T0 + HOUR]).windows[0][0]
    assert machine.elements.apt_ns == HOUR
    assert machine.costs is not None
    assert float(machine.costs.depreciation) == 27.5 * 0.75 + 100 * 0.25
    assert float(machine.costs.material) == 4 + 5
    assert machine.costs.energy == costs(machine.elements, ECONOMICS).energy
    parts = computed(events, [T0, T0 + 20 * MIN, T0 + 50 * MIN, T0 + HOUR])
    assert roll_up(merged(parts.windows)) == roll_up([machine])


def test_a_device_with_absurd_numbers_does_not_stop_the_figures_of_the_rest() -> None:
    events = plant()
    wild = ("acme", "plant-1", "production", "line-1", "wild")
    economics = Economics(
        currency="CNY",
        material_per_unit=1e308,
        tariff=replace(TARIFF, bands={code: Band(name="x", price_per_kwh=1e308) for code in "pfv"}),
    )
    most = 2**53 - 1
    events[wild] = MachineEvents(
        states=[state(T0, "running")],
        cycles=[CycleEvent(T0 + t, BOOT, most, 0, 0, 2**63 - 1) for t in (1, 2, 3)],
        readings=[Reading(T0, BOOT, 0), Reading(T0 + HOUR, BOOT, most)],
        births=[BirthEvent(T0, BOOT, "machine", Production(step="w", position=1, ideal_cycle_ns=1), economics)],
    )

    async def go() -> int:
        async with store_at("duckdb::memory:") as store:
            await store.write(stored(events))
            results = await compute(store, [T0, T0 + HOUR])
            await store.write(kpi_frames([Shown(T0, results.until_ns, results.figures(0))], "1h"))
            return len(await store.read(Query("kpi")))

    assert asyncio.run(go()) == 5 + 2 + 1


def test_a_birth_that_this_version_cannot_read_leaves_prices_unknown_and_the_rest_known() -> None:
    tags = dict(zip(("enterprise", "site", "area", "line", "machine"), PATH, strict=True))
    birth = Frame("birth", tags, [T0], {"_boot": [BOOT], "_seq": [1], "role": ["machine"], "body": ['{"v":2}']})

    async def go() -> Results:
        async with ModelHistorian() as store:
            await store.write(
                [birth, *stored({PATH: MachineEvents(states=[state(T0, "running"), state(T0 + 9, "setup")])})]
            )
            return await compute(store, [T0, T0 + HOUR])

    machine = asyncio.run(go()).windows[0][0]
    assert (machine.elements.apt_ns, machine.costs) == (9, None)


def test_a_gateway_has_no_figures() -> None:
    events = plant(machines_=1)
    events[*PATH[:4], "gateway"] = MachineEvents(births=[BirthEvent(T0, BOOT, "gateway")])
    assert "gateway" not in {machine.path[-1] for machine in computed(events, [T0, T0 + HOUR]).windows[0]}


def test_windows_are_aligned_and_hold_the_range() -> None:
    assert window_bounds(10, 20, 10) == [10, 20]
    assert window_bounds(10, 10, 10) == [10, 20]
    assert window_bounds(9, 21, 10) == [0, 10, 20, 30]


def test_only_the_fields_that_are_needed_are_asked_for() -> None:
    asked: list[Query] = []

    class Watched(ModelHistorian):
        async def read(self, query: Query):  # type: ignore[no-untyped-def]
            asked.append(query)
            return await super().read(query)

    asyncio.run(compute(Watched(), [T0, T0 + HOUR]))
    assert {query.measurement for query in asked} == set(FIELDS)
    assert all(query.fields for query in asked)


# Points

LINE = ("acme", "plant-1", "production", "line-1")


def test_points_have_the_fields_of_their_level() -> None:
    results = evaluate(plant(), [T0, T0 + HOUR])
    frames_ = {
        tuple(f.tags.get(k, "") for k in ("level", "line", "machine")): f
        for f in kpi_frames([Shown(T0, results.until_ns, results.figures(0))], "1h")
    }
    assert set(frames_) == {
        *(("machine", "line-1", f"m-{n}") for n in range(3)),
        ("machine", "power", "aux-1"),
        ("line", "line-1", ""),
        ("line", "power", ""),
        ("site", "", ""),
    }
    machine, line = frames_["machine", "line-1", "m-0"], frames_["line", "line-1", ""]
    site = frames_["site", "", ""]
    assert machine.tags == {
        "level": "machine", "window": "1h", "enterprise": "acme", "site": "plant-1", "area": "production",
        "line": "line-1", "machine": "m-0",
    }  # fmt: skip
    assert site.tags == {"level": "site", "window": "1h", "enterprise": "acme", "site": "plant-1"}
    ratios = {"availability", "effectiveness", "quality_ratio", "oee", "nee", "technical_efficiency", "scrap_ratio",
              "rework_ratio", "energy_kwh_per_good"}  # fmt: skip
    integers = {"pot_ns", "pdot_ns", "pbt_ns", "adot_ns", "adet_ns", "aust_ns", "apt_ns", "off_ns", "unknown_ns", "pq",
                "gq", "sq", "rq", "pri_pq_ns", "pri_gq_ns", "energy_wh", "failures", "until_ns"}  # fmt: skip
    money = {"cost_material", "cost_scrap_recovery", "cost_energy", "cost_labour", "cost_depreciation", "cost_total",
             "unit_cost"}  # fmt: skip
    assert ratios | integers | money | {"setup_ratio"} == set(machine.fields)
    assert set(line.fields) - set(machine.fields) == {"line_oee", "sellable"}
    assert set(site.fields) - set(machine.fields) == {"sellable"}
    for name in integers:
        assert machine.kinds[name] is int
    for name in ratios | money:
        assert machine.kinds[name] is float
    assert machine.time_ns == [T0]
    assert machine.fields["until_ns"] == [T0 + HOUR]
    # The auxiliary meter makes nothing: energy, its money, and no ratio.
    aux = frames_["machine", "power", "aux-1"]
    assert aux.fields["energy_wh"] == [360_000]
    assert not set(aux.fields) & {"oee", "unit_cost", "energy_kwh_per_good"}


def test_a_line_counts_a_unit_once_for_its_energy_and_its_cost() -> None:
    results = evaluate(plant(), [T0, T0 + HOUR])
    line = next(f for f in results.figures(0) if f.path == LINE)
    last = next(m for m in results.windows[0] if m.path[-1] == "m-2")
    fields = point_fields(line)
    assert fields["sellable"] == last.elements.gq + last.elements.rq < line.elements.gq
    assert fields["energy_kwh_per_good"] == pytest.approx(line.elements.energy_wh / 1000 / last.elements.gq)
    assert line.costs is not None
    assert fields["unit_cost"] == pytest.approx(float(line.costs.total) / (last.elements.gq + last.elements.rq))
    assert fields["cost_total"] == pytest.approx(
        sum(fields[f"cost_{n}"] for n in ("material", "scrap_recovery", "energy", "labour", "depreciation"))
    )


def test_figures_survive_the_store(tmp_path: object) -> None:
    async def go() -> None:
        async with store_at("duckdb::memory:") as store:
            results = evaluate(plant(), [T0, T0 + HOUR])
            await store.write(kpi_frames([Shown(T0, results.until_ns, results.figures(0))], "1h"))
            table = await store.read(Query("kpi", ("oee", "pbt_ns", "pri_gq_ns"), {"level": "line", "line": "line-1"}))
            oee, pbt, good = (table.fields[name][0] for name in ("oee", "pbt_ns", "pri_gq_ns"))
            assert oee == good / pbt  # type: ignore[operator]

    asyncio.run(go())
