"""How fast the factory runs, alone and with everything it says, and how wide a window the publisher wants.

Run: ``python bench/simulator.py [--hours 24] [--rounds 3] [--json]``. ``kernel`` is the discrete-event simulation
alone, ``factory`` adds sensors, meters, books and the encoding of every message of a back-fill, ``publisher`` sends
messages of 200 bytes to the embedded broker at QoS 1 with windows of several widths. The best of the rounds counts: the
others were disturbed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]  # so that it runs from a checkout that is not installed

from console.embedded_broker import EmbeddedBroker  # noqa: E402
from contract import Address  # noqa: E402
from service import Broker  # noqa: E402
from simulator import kernel  # noqa: E402
from simulator.factory import Factory  # noqa: E402
from simulator.outgoing import Outgoing  # noqa: E402
from simulator.plant import HOUR_NS, MINUTE_NS  # noqa: E402
from simulator.publisher import Publisher  # noqa: E402
from simulator.run import site_of  # noqa: E402
from simulator.settings import Settings  # noqa: E402

WINDOWS = (1, 5, 10, 20, 50, 200)
MESSAGES = 4000
SITE = site_of(Settings())


def kernel_run(hours: int) -> int:
    """Hours of the line; how many states and cycles there were."""
    plant = kernel.start(SITE.line, 1, 0)
    events = 0
    for hour in range(1, hours + 1):
        happened = kernel.advance(plant, hour * HOUR_NS)
        events += sum(map(len, happened.entered)) + sum(map(len, happened.finished))
    return events


def factory_run(hours: int) -> tuple[int, int]:
    """Hours of everything; how many messages and bytes."""
    factory = Factory(SITE, "00ff00ff", 0)
    messages = size = 0
    for hour in range(1, hours + 1):
        said = factory.advance(hour * HOUR_NS, MINUTE_NS)
        messages += len(said)
        size += sum(len(item.payload) for item in said)
    return messages, size


async def publisher_run(broker: Broker, window: int) -> float:
    """Messages per second through a window."""
    here = Address("bench", "bench", "bench", "bench", "bench")
    items = [Outgoing(here, "cycle", bytes(200)) for _ in range(MESSAGES)]
    async with Publisher(broker, "bench", window=window) as publisher:
        begin = time.perf_counter()
        await publisher.publish(items)
        return MESSAGES / (time.perf_counter() - begin)


def best_s(rounds: int, work: Callable[[], object]) -> float:
    """Seconds of the fastest round."""
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def measure(hours: int, rounds: int) -> dict[str, object]:
    """All figures."""
    kernel_s = best_s(rounds, lambda: kernel_run(hours))
    factory_s = best_s(rounds, lambda: factory_run(hours))
    messages, size = factory_run(hours)
    with EmbeddedBroker() as running:
        broker = Broker(url=running.url)
        windows = {w: max(asyncio.run(publisher_run(broker, w)) for _ in range(rounds)) for w in WINDOWS}
    return {
        "plant_hours": hours,
        "kernel_s": round(kernel_s, 4),
        "kernel_hours_per_s": round(hours / kernel_s),
        "kernel_events_per_s": round(kernel_run(hours) / kernel_s),
        "factory_s": round(factory_s, 4),
        "factory_hours_per_s": round(hours / factory_s, 1),
        "factory_messages": messages,
        "factory_bytes": size,
        "publisher_messages_per_s": {str(w): round(rate) for w, rate in windows.items()},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    figures = measure(flags.hours, flags.rounds)
    if flags.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:26} {value}")


if __name__ == "__main__":
    main()
