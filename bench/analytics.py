"""How fast a day of the demo plant is folded: events and windows per second.

Run: ``python -m bench.analytics [--json] [--hours 24]``. The day is drawn here with a fixed seed, with as many events
as the demo plant has: 22 machines, about 60,000 states, 26,000 lots and a reading a minute.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import time

from analytics.compute import MINUTE_NS, evaluate, window_bounds
from analytics.events import BirthEvent, CycleEvent, MachineEvents, Reading, StateEvent, Word
from analytics.points import Shown, kpi_frames
from analytics.rollup import roll_up
from analytics.tables import Plant
from contract import Band, Economics, PackMLState, Production, Reason, Tariff

START_NS = 1_772_323_200 * 10**9
BOOT = "b00710ad"
TARIFF = Tariff(
    timezone="Asia/Shanghai",
    bands={"p": Band(name="peak", price_per_kwh=1.05), "f": Band(name="flat", price_per_kwh=0.7)},
    hours=["ffffffffppppffffppppffff"] * 12,
)
ECONOMICS = Economics(currency="CNY", operators=0.5, wage_per_h=45.0, depreciation_per_h=27.5, tariff=TARIFF)
WEIGHTED = [
    (Reason.RUNNING, 8),
    (Reason.STARVED, 4),
    (Reason.BLOCKED, 2),
    (Reason.MINOR_STOP, 1),
    (Reason.BREAKDOWN, 1),
]


def day(hours: int, machines: int = 22, states: int = 2700, cycles: int = 1200) -> Plant:
    """Events as the demo plant makes them; counts are per machine and 24 hours."""
    draw = random.Random(1)
    span_ns = hours * 60 * MINUTE_NS
    reasons = [reason for reason, weight in WEIGHTED for _ in range(weight)]

    def times(number: int) -> list[int]:
        return sorted(draw.sample(range(1, span_ns), number * hours // 24))

    plant: Plant = {}
    for number in range(machines):
        production = Production(step=f"step-{number % 6}", position=number % 6 + 1, ideal_cycle_ns=30 * 10**9)
        plant["acme", "plant-1", "production", "line-1", f"machine-{number}"] = MachineEvents(
            states=[
                StateEvent(START_NS + t, BOOT, PackMLState.EXECUTE, draw.choice(reasons)) for t in (0, *times(states))
            ],
            cycles=[CycleEvent(START_NS + t, BOOT, 9, t % 2, 0, (9 + t % 2) * 30 * 10**9) for t in times(cycles)],
            readings=[Reading(START_NS + m * MINUTE_NS, BOOT, 517 * m) for m in range(hours * 60 + 1)],
            births=[BirthEvent(START_NS, BOOT, "machine", production, ECONOMICS)],
            deaths=[Word(START_NS + span_ns, BOOT)],
        )
    return plant


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    plant = day(flags.hours)
    events = sum(len(rows) for machine in plant.values() for rows in machine.words)
    bounds = window_bounds(START_NS, START_NS + flags.hours * 60 * MINUTE_NS, 5 * MINUTE_NS)
    windows = (len(bounds) - 1) * len(plant)

    began = time.perf_counter()
    results = evaluate(plant, bounds)
    folded = time.perf_counter()
    shown = [
        Shown(start, results.until_ns, roll_up(machines))
        for start, machines in zip(bounds, results.windows, strict=False)
    ]
    rolled = time.perf_counter()
    kpi_frames(shown, "5m")
    framed = time.perf_counter()

    figures = {
        "events": events,
        "windows": windows,
        "fold_s": round(folded - began, 3),
        "roll_up_s": round(rolled - folded, 3),
        "points_s": round(framed - rolled, 3),
        "events_per_s": round(events / (folded - began)),
        "windows_per_s": round(windows / (framed - began)),
        "python": platform.python_version(),
    }
    print(json.dumps(figures) if flags.json else "\n".join(f"{name:>14}: {value}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
