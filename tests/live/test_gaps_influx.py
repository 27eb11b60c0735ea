"""``qilu gaps`` on a real InfluxDB: the same answer as on the model, to the number."""

from __future__ import annotations

import asyncio
import json

import pytest
from ingest_plant import plant
from test_gaps_command import by_stream, fill, lost_of

from console.cli import main
from historian import open_store
from ingest import gap_check
from ingest.gap_check import check
from ingest.gaps import Gaps


def test_exactly_what_is_missing(
    influx_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gap_check, "ROWS", 100)
    said = plant(21, 2000, machines=5)
    kept = [one for number, one in enumerate(said) if number % 17]

    async def scene() -> None:
        async with open_store(influx_url) as store:
            await fill(store, kept)
            gaps = Gaps()
            for one in kept[500:]:
                gaps.came(one.address, one.message.boot, one.message.seq, 0.0)
            assert by_stream(await check(gaps, store, 1.0, 0.0)) == lost_of(said, kept)

    asyncio.run(scene())
    assert main(["gaps", "--store", influx_url, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["messages"] == len(kept)
    assert told["missing"] == sum(last - first + 1 for ranges in lost_of(said, kept).values() for first, last in ranges)
