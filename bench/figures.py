"""What benchmarks share: how work is timed, where figures were taken, and how they are printed.

What it is: for benches whose figures are one object; those with a table of their own print it themselves.
What it is not: a measurement.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping


def surroundings() -> dict[str, object]:
    """The machine, how busy it is, and its Python."""
    return {
        "load": round(os.getloadavg()[0], 1),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def best_s(rounds: int, work: Callable[[], object]) -> float:
    """Processor seconds of the fastest round: one thread, so on an idle machine also its seconds."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return min(taken)


def tell(figures: Mapping[str, object], *, as_json: bool) -> None:
    """Print one object, or a line for each figure and for each entry of a list."""
    if as_json:
        print(json.dumps(figures))
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        for entry in value if isinstance(value, list) else [value]:
            print(f"{name:{width}} {entry}")
