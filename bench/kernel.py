"""How fast the kernel runs a line with every feature switched on, and how fast SimPy runs the same line.

Run: ``python bench/kernel.py [--days 40] [--simpy-days 1] [--rounds 3] [--json]``. A machine-cycle is a load that a
machine has finished, of one unit or of a whole batch. SimPy runs the oracle of the tests, which is held to the kernel
event by event; both read the same description and the same orders. Seconds are of processor time, for each runs on one
core, and the best of the rounds counts: the others were disturbed.
Compiling, starting and placing orders are not counted, telling what happened is.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # so that it runs from a checkout that is not installed

from kernel_oracle import Model  # noqa: E402

from simulator import kernel  # noqa: E402
from simulator.line import ORDERS, Line, Material, Mode, Step, World  # noqa: E402
from simulator.machine_model import Effect  # noqa: E402

S_NS = 10**9
HOUR_NS = 3600 * S_NS
DAY_NS = 24 * HOUR_NS
LIMIT = 3e6
VARIANTS, FAMILIES, ORDER_UNITS = 6, 2, 240
LINE = (
    "six stages, 11 machines: cut 2, form 3, fire 2 (batches of 8 lots of one family, wait for cheap power), mill 2 "
    "(exponential), assemble 1, pack 1; finite buffers with blocking, setups by variant, family and count, minor "
    "stops, Weibull breakdowns in two modes with wear, noticed failures and planned maintenance, a shared crew of two"
    " with a way to go, scrap made again, rework, a shift calendar, two materials with reorder point, defects and "
    "lead time, a power limit, a tariff, orders with due dates and cancellations, all four dispatching rules; a lot "
    "is one unit"
)
MODES = (
    Mode("bearing", "wear", 20 * HOUR_NS, Effect(scrap=0.02, slower=0.05, minor_stops=2.0)),
    Mode("seal", "drift", 10 * HOUR_NS, Effect(rework=0.02, slower=0.02)),
)


def _step(name: str, machines: int, cycle_s: float, **more: Any) -> Step:
    common: dict[str, Any] = {
        "machines": tuple(f"{name}-{n + 1}" for n in range(machines)),
        "cycle_ns": round(cycle_s * S_NS),
        "cycle_noise": 0.05,
        "cycle_loss": 0.02,
        "worn_slower": 0.02,
        "scrap_p": 0.005,
        "rework_p": 0.01,
        "rework_ns": 5 * S_NS,
        "minor_ns": 30 * S_NS,
        "major_ns": 180 * S_NS,
        "minor_every": 500,
        "major_every": 2500,
        "stop_interval_ns": HOUR_NS // 2,
        "stop_mean_ns": 20 * S_NS,
        "mtbf_ns": 60 * HOUR_NS,
        "weibull_shape": 1.8,
        "mttr_ns": HOUR_NS,
        "repair_sigma": 0.5,
        "modes": MODES,
        "buffer_after": 16,
        "caught": 0.5,
        "maintain_age_ns": 100 * HOUR_NS,
        "calendar": 0,
        "crew": 0,
        "response_ns": 300 * S_NS,
        "power_group": 0,
        "power_w": 10_000,
    }
    return Step(**(common | more))


def world(days: int) -> World:
    """The line of the measurement and what it shares, for so many days."""
    steps = (
        _step("cut", 2, 20, dispatch="setup", look=8, needs=((0, 1_000_000),)),
        _step("form", 3, 30),
        _step(
            "fire", 2, 160, load_lots=8, one_family=True, fill_ns=600 * S_NS, tariff_wait_ns=900 * S_NS, tariff_max=1.5
        ),
        _step("mill", 2, 20, shape="exponential", dispatch="due", look=4),
        _step("assemble", 1, 10, dispatch="priority", look=4, needs=((1, 2_000_000),)),
        _step("pack", 1, 10),
    )
    keys = np.repeat(np.arange(VARIANTS)[:, None], len(steps), axis=1)
    line = Line(
        steps=steps,
        book_units=20_000,
        minor_keys=keys,
        major_keys=keys % FAMILIES,
        slower=keys.astype(np.float64) * 0.01,
    )
    materials = tuple(
        Material(name, start, reorder, order, 8 * HOUR_NS, 0.3, defect_p=0.01, defect_sigma=0.5, price_sigma=0.1)
        for name, start, reorder, order in (
            ("sheet", 5_000_000_000, 6_000_000_000, 5_000_000_000),
            ("screw", 12_000_000_000, 12_000_000_000, 10_000_000_000),
        )
    )
    shifts = tuple(day * DAY_NS + hour * HOUR_NS for day in range(days) for hour in (2, 3, 22, 23))
    prices = tuple((hour * HOUR_NS, 2.0 if hour % 24 in (10, 18) else 1.0) for hour in range(24 * days))
    return World((line,), materials, crews=(2,), power_w=(105_000,), calendars=(shifts,), price=prices)


def orders(days: int) -> Any:
    """Orders somewhat beyond what the line can make; every tenth is cancelled unless it was begun."""
    count = days * DAY_NS // (10 * S_NS * ORDER_UNITS)
    rows = np.zeros(count, ORDERS)
    n = np.arange(count)
    rows["t_ns"] = n * 10 * S_NS * ORDER_UNITS
    rows["release_ns"] = rows["t_ns"] + HOUR_NS
    rows["due_ns"] = rows["t_ns"] + (24 + n * 7 % 48) * HOUR_NS
    rows["cancel_ns"] = np.where(n % 10 == 9, rows["t_ns"] + 2 * HOUR_NS, 2**62)
    rows["variant"] = n * 5 % VARIANTS
    rows["units"] = ORDER_UNITS
    rows["priority"] = n % 3
    return rows


def loads(machines: Any, times_ns: Any) -> int:
    """Loads among finished lots: the lots of a load follow each other by 1 ns."""
    order = np.lexsort((times_ns, machines))
    machines, times_ns = np.asarray(machines)[order], np.asarray(times_ns)[order]
    same = (machines[1:] == machines[:-1]) & (times_ns[1:] - times_ns[:-1] == 1)
    return len(machines) - int(same.sum())


def kernel_rates(days: int) -> tuple[float, float]:
    """Machine-cycles and finished lots per second of the kernel."""
    plant = kernel.start(world(days), 1, 0)
    kernel.place(plant, orders(days))
    begin = time.process_time()
    parts = [kernel.advance(plant, day * DAY_NS) for day in range(1, days + 1)]
    taken = time.process_time() - begin
    finished = np.concatenate([part.finished for part in parts])
    return loads(finished["machine"], finished["t_ns"]) / taken, len(finished) / taken


def simpy_rate(days: int) -> float:
    """Machine-cycles per second of the oracle."""
    model = Model(world(days), 1, 0)
    model.place(orders(days))
    begin = time.process_time()
    told = model.run(days * DAY_NS)
    taken = time.process_time() - begin
    finished = np.array(told.finished)
    return loads(finished[:, 1], finished[:, 0]) / taken


def measure(days: int, simpy_days: int, rounds: int) -> dict[str, object]:
    """All figures."""
    kernel_rates(1)  # compiles
    simpy = max(simpy_rate(simpy_days) for _ in range(rounds))
    fast, lots = max(kernel_rates(days) for _ in range(rounds))
    return {
        "cycles_per_s": round(fast),
        "lots_per_s": round(lots),
        "simpy_cycles_per_s": round(simpy),
        "ratio": round(fast / simpy, 1),
        "ratio_to_limit": round(fast / LIMIT, 2),
        "line": LINE,
        "days": days,
        "python": platform.python_version(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--simpy-days", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one object, for tools")
    args = parser.parse_args()
    result = measure(args.days, args.simpy_days, args.rounds)
    if args.json:
        print(json.dumps(result))
        return
    print(f"kernel  {result['cycles_per_s']:>12,} machine-cycles/s  ({result['ratio_to_limit']} of 3,000,000)")
    print(f"        {result['lots_per_s']:>12,} lots/s")
    print(
        f"SimPy   {result['simpy_cycles_per_s']:>12,} machine-cycles/s  (the kernel is {result['ratio']} times as fast)"
    )
    print(f"line    {LINE}")


if __name__ == "__main__":
    main()
