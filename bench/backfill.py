"""How long the history of the demo's plant takes from the simulator into a DuckDB file.

Run: ``python bench/backfill.py [--days 7] [--sector home_appliances] [--json]``. Everything is as in ``qilu demo``, but
for page and analytics: simulator, embedded broker and ingester, messages acknowledged, rows committed to disk, the
ledger kept. The clock runs from the start of the simulator to the commit of the last row; the compiled code is loaded
before. ``cpu_s`` is what this process took of the cores, without the broker's own process. ``ratio`` is the time by
the limit of 15 s for 7 days.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import secrets
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # so that it runs from a checkout that is not installed

from figures import surroundings, tell  # noqa: E402

from console.embedded_broker import EmbeddedBroker  # noqa: E402
from historian import Historian, open_store  # noqa: E402
from ingest import Settings as IngestSettings  # noqa: E402
from ingest import Status, ingest  # noqa: E402
from service import Broker  # noqa: E402
from simulator.factory import Factory  # noqa: E402
from simulator.plant import HOUR_NS, MINUTE_NS  # noqa: E402
from simulator.run import Summary, simulate  # noqa: E402
from simulator.settings import Settings  # noqa: E402
from simulator.setup import setup  # noqa: E402

LIMIT_S = 15.0
LIMIT_DAYS = 7.0
PATIENCE_S = 600.0


def settings_of(sector: str, days: float, folder: Path) -> Settings:
    """The demo's settings, ending where the history ends."""
    return Settings(
        sector=sector,
        shifts="continuous",
        history_h=24 * days,
        speed="max",
        duration_s=1e-9,
        ledger=str(folder / "ledger.jsonl"),
    )


def load(settings: Settings) -> None:
    """Run an hour of the plant, so that all compiled code is in memory."""
    Factory(setup(settings).park, "00ff00ff", 0).advance(HOUR_NS, MINUTE_NS)


async def back_fill(settings: Settings, broker: Broker, store: Historian, folder: Path) -> tuple[Summary, Status]:
    """Simulate until all of it is stored."""
    status, stop = Status(), asyncio.Event()
    to_store = IngestSettings(dead_letters=str(folder / "dead"))
    ingester = asyncio.create_task(ingest(to_store, broker, store, stop=stop, clock_ns=time.time_ns, status=status))
    async with asyncio.timeout(PATIENCE_S):
        while not status.connected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        summary = await simulate(settings, broker, stop=asyncio.Event(), boot=secrets.token_hex(8))
        while status.written + status.duplicate + status.dead_lettered < summary.acked:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        stop.set()
        await ingester
    if status.written != summary.messages:
        raise SystemExit(f"{summary.messages} messages sent, {status}")
    return summary, status


async def _measured(settings: Settings, url: str, folder: Path) -> tuple[float, float, Summary]:
    """Wall and processor seconds."""
    async with open_store(f"duckdb:{folder / 'bench.duckdb'}") as store:
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        summary, _ = await back_fill(settings, Broker(url=url), store, folder)
        return time.perf_counter() - began_s, time.process_time() - began_cpu_s, summary


def measure(sector: str, days: float) -> dict[str, object]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name, EmbeddedBroker() as broker:
        folder = Path(name)
        settings = settings_of(sector, days, folder)
        load(settings)
        took_s, cpu_s, summary = asyncio.run(_measured(settings, broker.url, folder))
        size = sum(file.stat().st_size for file in folder.glob("bench.duckdb*"))
    return {
        "bench": "backfill",
        "sector": sector,
        "days": days,
        "seconds": round(took_s, 2),
        "cpu_s": round(cpu_s, 2),
        "limit_s": round(LIMIT_S * days / LIMIT_DAYS, 3),
        "ratio": round(took_s / (LIMIT_S * days / LIMIT_DAYS), 3),
        "messages": summary.messages,
        "rows": sum(summary.rows.values()),
        "rows_per_s": round(sum(summary.rows.values()) / took_s),
        "store_mb": round(size / 1e6, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    } | surroundings()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=float, default=LIMIT_DAYS)
    parser.add_argument("--sector", default="home_appliances")
    parser.add_argument("--json", action="store_true", help="print one object")
    flags = parser.parse_args()
    tell(measure(flags.sector, flags.days), as_json=flags.json)


if __name__ == "__main__":
    main()
