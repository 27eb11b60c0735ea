"""What the tests of `qilu replay` share: an ingester, the data folder, and the true cost of the steel plant."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from historian import Historian
from ingest.run import ingest
from ingest.settings import Settings
from ingest.status import Status
from service import Broker

ROOT = Path(__file__).resolve().parents[1]
STEEL_MAP = ROOT / "examples/steel.toml"
STEEL_WH = {"Light_Load": 155_892_810, "Medium_Load": 372_766_540, "Maximum_Load": 430_977_360}
STEEL_ROWS = 35_040


def steel_csv() -> Path:
    """The steel plant's meter; skips where the shared folder is absent."""
    path = ROOT.parent / "shared/data/steel_energy.csv"
    if not path.is_file():
        pytest.skip("../shared/data/steel_energy.csv is absent; docs/replay.md says where the data are from")
    return path


def steel_cost() -> dict[str, Decimal]:
    """Load type -> cost in CNY, with "total": the file and the tariff's table, and nothing of ours but that table."""
    tariff = yaml.safe_load((ROOT / "simulator/tariffs/shandong.yaml").read_text(encoding="utf-8"))
    price = {code: Decimal(str(band["price_per_kwh"])) for code, band in tariff["bands"].items()}
    cost = dict.fromkeys([*STEEL_WH, "total"], Decimal(0))
    with steel_csv().open(encoding="utf-8-sig", newline="") as lines:
        for cells in csv.DictReader(lines):
            end = datetime.strptime(cells["date"], "%d/%m/%Y %H:%M")
            if (end.hour, end.minute) == (0, 0):
                end += timedelta(days=1)
            start = end - timedelta(minutes=15)  # every quarter of an hour lies within one hour of the tariff
            spent = Decimal(cells["Usage_kWh"]) * price[tariff["hours"][start.month - 1][start.hour]]
            cost[cells["Load_Type"]] += spent
            cost["total"] += spent
    return cost


@contextlib.asynccontextmanager
async def ingesting(broker: Broker, store: Historian, folder: Path, client_id: str = "test") -> AsyncIterator[Status]:
    """An ingester that is connected; it ends with the block."""
    stop, status = asyncio.Event(), Status()
    settings = Settings(client_id=client_id, dead_letters=str(folder / "dead"))
    carrying = asyncio.create_task(ingest(settings, broker, store, stop=stop, clock_ns=time.time_ns, status=status))
    try:
        await eventually(lambda: status.connected or carrying.done())
        yield status
    finally:
        stop.set()
        await carrying


async def eventually(condition: Callable[[], bool | Awaitable[bool]], timeout_s: float = 60.0) -> None:
    """Wait for what nobody announces; TimeoutError when it does not come."""
    async with asyncio.timeout(timeout_s):
        while True:
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.01)
