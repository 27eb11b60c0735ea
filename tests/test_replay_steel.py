"""A real plant's year through the whole line: stored to the last Wh, and priced by load type."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from replay_line import ROOT, STEEL_MAP, STEEL_ROWS, STEEL_WH, steel_cost, steel_csv

from analytics.compute import compute
from console.replay import ReplayOptions, replay
from contract import LEVELS
from historian import Query, open_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"duckdb:{tmp_path_factory.mktemp('steel') / 'steel.duckdb'}"


@pytest.mark.slow
def test_a_year_of_a_steel_plant_is_stored_to_the_last_wh_and_priced_by_load_type(tmp_path: Path, store: str) -> None:
    options = ReplayOptions(file=steel_csv(), map_file=STEEL_MAP, store=store, data_dir=tmp_path)
    report = asyncio.run(asyncio.wait_for(replay(options, boot="5ee1" * 4), 120))
    said = report.as_json()
    assert said["ok"] is True
    assert said["read"]["rows"] == STEEL_ROWS
    assert (said["read"]["steps_back"], said["read"]["gaps"], said["read"]["left_out_as_bad"]) == (365, 0, 0)
    assert said["stored"]["meter_rows"] == STEEL_ROWS + 1
    assert said["stored"]["samples"] == STEEL_ROWS
    assert (said["stored"]["lost"], said["stored"]["dead_lettered"]) == (0, 0)
    assert said["stored"]["totals"]["co2_kg"] == 403_810
    assert said["energy"]["by_label_wh"] == STEEL_WH
    assert said["energy"]["stored_wh"] == said["energy"]["read_wh"] == sum(STEEL_WH.values()) == 959_636_710

    expected = steel_cost()
    cost = said["cost"]
    assert cost["currency"] == "CNY"
    assert {label: Decimal(repr(value)) for label, value in cost["by_label"].items()} == {
        label: expected[label] for label in STEEL_WH
    }
    assert Decimal(repr(cost["total"])) == expected["total"]
    assert "959,636.71 kWh read, 959,636.71 kWh stored: equal" in report.as_text()
    for label in STEEL_WH:
        assert f"{expected[label]:,.2f}" in report.as_text()
    printed = report.as_text().partition("\nenergy ")[2].partition("\ndone")[0].rstrip()
    assert printed in (ROOT / "docs/replay.md").read_text(encoding="utf-8")

    asyncio.run(_by_other_ways(store, options, expected["total"]))


async def _by_other_ways(url: str, options: ReplayOptions, expected: Decimal) -> None:
    """The same year by the analytics' own way from the store to the figures, and by the raw points."""
    where = dict(zip(LEVELS, ["daewoo-steel", "gwangyang", "utilities", "power", "main-meter"], strict=True))
    async with open_store(url) as store:
        meter = await store.read(Query("meter", where=where))
        results = await compute(store, [meter.time_ns[0], meter.time_ns[-1] + 1], where=where)
    assert len(meter) == STEEL_ROWS + 1
    assert {b - a for a, b in zip(meter.time_ns, meter.time_ns[1:], strict=False)} == {900 * 10**9}
    first, last = meter.fields["energy_wh"][0], meter.fields["energy_wh"][-1]
    assert (first, last) == (0, 959_636_710)
    machine = results.whole()[0]
    assert machine.path == tuple(where.values())
    assert machine.elements.energy_wh == 959_636_710
    assert machine.costs is not None
    assert Decimal(machine.costs.energy.numerator) / machine.costs.energy.denominator == expected
