"""SIGKILL of the ingester under load, with what every machine has: the embedded broker and DuckDB."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from ingest_kill import compare, scene
from ingest_plant import plant

from console.embedded_broker import EmbeddedBroker


@pytest.mark.slow
def test_three_kills_lose_nothing(tmp_path: Path) -> None:
    url = f"duckdb:{tmp_path / 'kill.duckdb'}"
    with EmbeddedBroker() as broker:
        ledger = asyncio.run(scene(broker.url, url, iter(plant(11, 20_000)), kills=3, seed=11, folder=tmp_path))
    asyncio.run(compare(ledger, url))
