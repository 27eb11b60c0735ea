"""``qilu verify`` on a plant that knows its own truth: shifts, lots of several units, every reason, a market."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
import verify_plant
from verify_plant import CLOSED, END, HOUR, T0, Machine

from analytics.keeper import Keeper, Status
from analytics.settings import Settings
from console.ledger_file import read_ledger
from console.verify import TOLERANCE, Report, verify
from contract import KINDS, ConfigError, Reason
from historian import Historian, ModelHistorian, Query, open_store


def drawn(seed: int) -> list[Machine]:
    machines = [verify_plant.machine(f"m-{n}", 10 * seed + n) for n in (1, 2)]
    return [*machines, verify_plant.machine("m-1", 10 * seed + 3, "line-2")]


async def _fill(store: Historian, machines: list[Machine]) -> None:
    await store.write(verify_plant.stored(verify_plant.messages(machines)))
    keeper = Keeper(Settings(), store, Status())
    while await keeper.update(scan=True):
        pass


def checked(tmp_path: Path, machines: list[Machine], told: list[Machine] | None = None) -> Report:
    """The report for what ``machines`` did where ``told`` is what the ledger says of them."""
    url = f"duckdb:{tmp_path / 'store.duckdb'}"
    path = tmp_path / "ledger.jsonl"
    verify_plant.ledger(path, told or machines, verify_plant.messages(machines))

    async def go() -> Report:
        async with open_store(url) as store:
            await _fill(store, machines)
        return await verify(path, url)

    return asyncio.run(asyncio.wait_for(go(), 120))


@pytest.mark.parametrize("seed", range(6))
def test_shifts_lots_and_interrupted_failures_are_verified(tmp_path: Path, seed: int) -> None:
    machines = drawn(seed)
    report = checked(tmp_path, machines)
    assert report.ok, report.as_text()
    assert report.figures.compared > 1000
    assert report.figures.stored_points >= 6 * 6
    assert report.others == {"fault": 1, "event": 2, "order-truth": 1}
    assert "lines of the ledger that are not compared: 2 'event', 1 'fault'" in report.as_text()


def test_the_drawn_days_hold_what_is_to_be_tried() -> None:
    said = [row for seed in range(6) for m in drawn(seed) for row in m.states]
    assert {row.reason for row in said} >= set(Reason) - {Reason.BLOCKED, Reason.SETUP, Reason.PLANNED_STOP}
    triples = zip(said, said[1:], said[2:], strict=False)
    reasons = {(a.reason, b.reason, c.reason) for a, b, c in triples if b.t in dict(CLOSED)}
    assert (Reason.BREAKDOWN, Reason.NO_SHIFT, Reason.BREAKDOWN) in reasons
    assert any(lot.good + lot.scrap + lot.rework > 5 for m in drawn(0) for lot in m.lots)


def test_a_failure_too_many_in_the_truth_is_found(tmp_path: Path) -> None:
    machines = drawn(1)
    told = [replace(machines[0], failed=[*machines[0].failed, T0 + HOUR + 1]), *machines[1:]]
    report = checked(tmp_path, machines, told)
    assert not report.ok
    assert any(
        example.startswith("failures of acme/plant-1/production/line-1/m-1") for example in report.figures.examples
    )


@pytest.mark.parametrize("kind", ["order", "delivery", "return", "shipment"])
def test_each_kind_of_the_market_and_of_the_suppliers_is_counted(tmp_path: Path, kind: str) -> None:
    machines = drawn(2)
    said = verify_plant.messages(machines)
    path = tmp_path / "ledger.jsonl"
    verify_plant.ledger(path, machines, said)
    url = f"duckdb:{tmp_path / 'store.duckdb'}"

    async def go() -> Report:
        async with open_store(url) as store:
            await store.write([frame for frame in verify_plant.stored(said) if frame.measurement != kind])
        return await verify(path, url)

    report = asyncio.run(go())
    assert (report.messages.lost, report.messages.unexpected) == (1, 0)
    assert f" {kind} boot " in report.messages.examples[0]


@pytest.mark.parametrize("url", ["model", "duckdb::memory:"])
def test_a_market_is_stored_and_read_and_has_no_figures(url: str) -> None:
    async def go() -> None:
        async with ModelHistorian() if url == "model" else open_store(url) as store:
            await _fill(store, drawn(3))
            orders = await store.read(Query("order"))
            assert orders.time_ns == [T0 + 5, T0 + 6, T0 + 9]
            assert orders.fields["quantity"] == [6, 6, 0]
            assert orders.fields["options"] == ['{"colour":"white"}'] * 3
            assert orders.tags["area"] == ["market"] * 3
            assert (await store.read(Query("delivery"))).fields["quantity"] == [6]
            assert (await store.read(Query("return"))).fields["reason"] == ["noise"]
            shipments = await store.read(Query("shipment"))
            assert shipments.fields["defective"] == [0.0, 0.25]
            assert shipments.fields["promised"] == [END, END]
            for kind in ("order", "delivery", "return", "shipment"):
                assert kind in KINDS
                assert sum((await store.count(kind, HOUR, T0, END)).values()) == len(await store.read(Query(kind)))
            points = await store.read(Query("kpi"))
            assert set(points.tags["area"]) == {"", "production"}
            hours = await store.read(Query("kpi", where={"level": "line", "window": "1h", "line": "line-1"}))
            night = hours.time_ns.index(T0 + 2 * HOUR)
            assert [hours.fields[name][night] for name in ("oee", "availability", "line_oee")] == [None] * 3
            assert hours.fields["off_ns"][night] == 2 * HOUR

    asyncio.run(asyncio.wait_for(go(), 60))


HEAD = '{"ledger":1,"seed":1,"sector":"x","start_ns":1,"boot":"00","park":["a"],"speed":null}'


def test_lines_of_unknown_kinds_are_counted_and_extra_keys_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    truth = ["truth", "a/b/c/d/e", 5, {"good": 2, "maintained": 7, "gas_wh": 3, "state_ns": {"Clearing/breakdown": 4}}]
    lines = ['["fault",{"x":1}]', '["fault"]', '["order-truth","o-1",{}]', json.dumps(truth)]
    path.write_text("\n".join([HEAD, *lines, ""]))
    ledger = read_ledger(path)
    assert ledger.others == {"fault": 2, "order-truth": 1}
    (found,) = ledger.truths["a/b/c/d/e"]
    assert (found.counts["good"], found.state_ns) == (2, {"Clearing/breakdown": 4})
    assert not {"maintained", "gas_wh"} & found.counts.keys()


@pytest.mark.parametrize(
    "line",
    [
        '{"fault":1}',
        '"fault"',
        "7",
        "null",
        "[]",
        '[["fault"]]',
        "[7]",
        '["p","a/b/c/d/e"]',
        '["p",1,"state","00",1,1]',
        '["a","x"]',
        '["end","x"]',
        '["truth","a",1]',
        '["truth","a",1,{"money":{"material":"1/0"}}]',
        '["truth","a",1,{"money":[]}]',
        '["truth","a",1,{"state_ns":{"Execute/running":"x"}}]',
        "{not json",
    ],
)
def test_what_is_no_line_of_a_ledger_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(f"{HEAD}\n{line}\n")
    with pytest.raises(ConfigError, match=r"ledger\.jsonl:2: not a line of a Qilu ledger"):
        read_ledger(path)


def test_the_tolerance_is_that_of_the_requirements() -> None:
    assert TOLERANCE == 1e-9
