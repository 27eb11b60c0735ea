"""How fast the factory runs without a broker, alone and with everything it says, and how wide a window sending wants.

Run: ``python bench/simulator.py [--sector home_appliances] [--days 30] [--year] [--rounds 3] [--json]``.

- ``headless``: so many days of the plant with all events into a ledger, as ``qilu simulate --dry-run`` in a process of
  its own, with its start and its peak of memory; ``--year`` runs 365 days as well. The limits are 5 s for a month of 15
  machines, 60 s and 1 GB for a year of them.
- ``kernel``: two days of the plant's discrete events alone.
- ``factory``: two days with sensors, meters, books and the encoding of every message of a back-fill.
- ``publisher``: messages of 200 bytes to the embedded broker at QoS 1, with windows of several widths.

``cpu_s`` beside ``seconds`` tells whether the machine was busy with other things. Of the rounds the best one counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]  # so that it runs from a checkout that is not installed

from figures import best_s, surroundings, tell  # noqa: E402

from console.embedded_broker import EmbeddedBroker  # noqa: E402
from contract import Address  # noqa: E402
from service import Broker  # noqa: E402
from simulator import kernel  # noqa: E402
from simulator.bookings import Bookings  # noqa: E402
from simulator.factory import Factory  # noqa: E402
from simulator.outgoing import Outgoing  # noqa: E402
from simulator.plant import DAY_NS, HOUR_NS, MINUTE_NS, Park  # noqa: E402
from simulator.publisher import Publisher  # noqa: E402
from simulator.settings import Settings  # noqa: E402
from simulator.setup import setup  # noqa: E402
from simulator.worlds import world_of  # noqa: E402

WINDOWS = (1, 5, 10, 20, 50, 200)
MESSAGES = 4000
MONTH_DAYS, YEAR_DAYS = 30.0, 365.0
MONTH_LIMIT_S, YEAR_LIMIT_S, YEAR_LIMIT_MB = 5.0, 60.0, 1000.0
DAYS = 2
HORIZON_NS = 30 * DAY_NS
_ONE_RUN = """
import resource, sys
from console.cli import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(round(used.ru_utime + used.ru_stime, 2), round(used.ru_maxrss / 1024), file=sys.stderr)
sys.exit(code)
"""


def headless(sector: str, days: float, folder: Path, limit_s: float) -> dict[str, object]:
    """One run of the command; the time is that of the whole process."""
    ledger = folder / "ledger.jsonl"
    what = ["--sector", sector, "--for", f"{days:g}d", "--ledger", str(ledger)]
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _ONE_RUN, "simulate", *what, "--speed", "max", "--dry-run", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    took_s = time.perf_counter() - began_s
    told = json.loads(done.stdout)
    cpu_s, peak_mb = map(float, done.stderr.split()[-2:])
    return {
        "days": days,
        "machines": told["machines"],
        "lots": told["lots"],
        "states": told["states"],
        "seconds": round(took_s, 2),
        "run_s": told["seconds"],
        "cpu_s": cpu_s,
        "peak_mb": peak_mb,
        "ledger_mb": round(ledger.stat().st_size / 1e6, 1),
        "limit_s": round(limit_s, 3),
        "ratio": round(took_s / limit_s, 3),
    }


def kernel_run(park: Park) -> int:
    """Days of the plant, hour by hour; how many states and lots there were."""
    bookings = Bookings(park, "00ff00ff", 0)
    plant = kernel.start(world_of(park, 0, HORIZON_NS), park.seed, 0)
    kernel.place(plant, bookings.first(0))
    kernel.fill(plant)
    events = 0
    for hour in range(1, 24 * DAYS + 1):
        for orders in bookings.until(hour * HOUR_NS):
            kernel.place(plant, orders)
        happened = kernel.advance(plant, hour * HOUR_NS)
        events += sum(map(len, happened))
    return events


def factory_run(park: Park) -> tuple[int, int, int]:
    """Days of everything, as in a back-fill; how many messages, rows and bytes."""
    factory = Factory(park, "00ff00ff", 0, horizon_ns=HORIZON_NS)
    messages = rows = size = 0
    for hour in range(1, 24 * DAYS + 1):
        for item in factory.advance(hour * HOUR_NS, MINUTE_NS, hold=hour % 6 != 0):
            messages, rows, size = messages + 1, rows + item.rows, size + len(item.payload)
    return messages, rows, size


async def publisher_run(broker: Broker, window: int, count: int) -> float:
    """Messages per second through a window."""
    here = Address("bench", "bench", "bench", "bench", "bench")
    items = [Outgoing(here, "cycle", bytes(200)) for _ in range(count)]
    async with Publisher(broker, "bench", window=window) as publisher:
        begin = time.perf_counter()
        await publisher.publish(items)
        return count / (time.perf_counter() - begin)


def measure(sector: str, days: float, rounds: int, *, year: bool, messages: int = MESSAGES) -> dict[str, object]:
    """All figures."""
    park = setup(Settings(sector=sector, shifts="continuous")).park
    events = kernel_run(park)  # the first run also loads the compiled code
    said, rows, size = factory_run(park)
    kernel_s = best_s(rounds, lambda: kernel_run(park))
    factory_s = best_s(rounds, lambda: factory_run(park))
    runs = []
    with tempfile.TemporaryDirectory() as name:
        limit_s = MONTH_LIMIT_S * days / MONTH_DAYS
        runs.append(min((headless(sector, days, Path(name), limit_s) for _ in range(rounds)), key=_seconds))
        if year:
            runs.append(headless(sector, YEAR_DAYS, Path(name), YEAR_LIMIT_S))
            runs[-1]["memory_ratio"] = round(float(str(runs[-1]["peak_mb"])) / YEAR_LIMIT_MB, 3)
    with EmbeddedBroker() as running:
        broker = Broker(url=running.url)
        windows = {w: max(asyncio.run(publisher_run(broker, w, messages)) for _ in range(rounds)) for w in WINDOWS}
    return {
        "bench": "simulator",
        "sector": sector,
        "headless": runs,
        "kernel_events_per_s": round(events / kernel_s),
        "kernel_days_per_s": round(DAYS / kernel_s, 1),
        "factory_days_per_s": round(DAYS / factory_s, 2),
        "factory_rows_per_s": round(rows / factory_s),
        "factory_messages_per_day": round(said / DAYS),
        "factory_mb_per_day": round(size / 1e6 / DAYS, 1),
        "publisher_messages_per_s": {str(w): round(rate) for w, rate in windows.items()},
    } | surroundings()


def _seconds(run: dict[str, object]) -> float:
    return float(str(run["seconds"]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sector", default="home_appliances")
    parser.add_argument("--days", type=float, default=MONTH_DAYS)
    parser.add_argument("--year", action="store_true", help="also run 365 days")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one object")
    flags = parser.parse_args()
    tell(measure(flags.sector, flags.days, flags.rounds, year=flags.year), as_json=flags.json)


if __name__ == "__main__":
    main()
