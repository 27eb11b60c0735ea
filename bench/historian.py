"""How fast the historian takes and gives points.

``python bench/historian.py`` prints a table, ``--json`` one object. A value is one field of one point; a batch has
10 000 points of 20 machines with 8 fields; ``again`` writes the same points a second time (every one is merged).
InfluxDB is measured where ``influxd`` is found. The line protocol is compared with the client library's ``Point``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "live")]  # so that it runs from a checkout that is not installed

from servers import Influxd, find_program  # noqa: E402

from historian import Frame, Historian, Query, open_store  # noqa: E402
from historian.line_protocol import encode  # noqa: E402

MACHINES, ROWS, FIELDS, S = 20, 500, 8, 1_000_000_000
POINTS = MACHINES * ROWS
LEVELS = ("enterprise", "site", "area", "line")


def batch(number: int, rng: random.Random, rows: int = ROWS) -> list[Frame]:
    """The next ``rows`` seconds of all machines: six floats, an integer and a text per point."""
    times = [1_700_000_000 * S + (number * rows + row) * S for row in range(rows)]
    frames = []
    for machine in range(MACHINES):
        fields: dict[str, list[float | int | str | bool | None]] = {
            f"sensor_{n}": [rng.random() * 100 for _ in times] for n in range(FIELDS - 2)
        }
        fields["_seq"] = [number] * rows
        fields["_boot"] = ["00ff00ff"] * rows
        tags = {level: f"{level}-1" for level in LEVELS} | {"machine": f"machine-{machine}"}
        frames.append(Frame("telemetry", tags, times, fields))
    return frames


async def measure(store: Historian, batches: int) -> dict[str, float]:
    """Values per second written, merged and read, and how long a small write and a small read take."""
    rng = random.Random(1)
    ready = [batch(number, rng) for number in range(batches)]
    values = POINTS * FIELDS
    async with store:
        started = time.perf_counter()
        for frames in ready:
            await store.write(frames)
        written_s = time.perf_counter() - started
        started = time.perf_counter()
        await store.write(ready[-1])
        again_s = time.perf_counter() - started
        started = time.perf_counter()
        table = await store.read(Query("telemetry", where={"machine": "machine-3"}))
        read_s = time.perf_counter() - started
        small = [batch(batches * ROWS + n, rng, rows=1) for n in range(20)]
        small_s, last_s = 0.0, 0.0
        for frames in small:
            started = time.perf_counter()
            await store.write(frames)
            small_s += time.perf_counter() - started
            started = time.perf_counter()
            await store.read(Query("telemetry", last=True))
            last_s += time.perf_counter() - started
        return {
            "write_values_per_s": values * batches / written_s,
            "again_values_per_s": values / again_s,
            "read_values_per_s": len(table) * FIELDS / read_s,
            "write_20_points_ms": small_s / len(small) * 1000,
            "read_last_of_each_ms": last_s / len(small) * 1000,
        }


def lines() -> dict[str, float]:
    """Lines of line protocol per second: ours from frames, the library's from ready points."""
    frames = batch(0, random.Random(1))
    found = {"encode_lines_per_s": POINTS / best(lambda: encode(frames))}
    try:
        from influxdb_client import Point  # noqa: PLC0415  # optional
    except ModuleNotFoundError:
        return found

    def with_point() -> None:
        for frame in frames[:2]:
            for row, time_ns in enumerate(frame.time_ns):
                point = Point(frame.measurement).time(time_ns)
                for name, tag in frame.tags.items():
                    point.tag(name, tag)
                for name, column in frame.fields.items():
                    point.field(name, column[row])
                point.to_line_protocol()

    found["point_lines_per_s"] = 2 * ROWS / best(with_point)
    found["ratio_to_point"] = found["encode_lines_per_s"] / found["point_lines_per_s"]
    return found


def best(work: Callable[[], object]) -> float:
    """Seconds of the fastest of five runs."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Measure all and print."""
    parser = argparse.ArgumentParser(description="Values per second of the historian's back ends.")
    parser.add_argument("--batches", type=int, default=20, help="batches of 10 000 points")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    found: dict[str, dict[str, float]] = {"line_protocol": lines()}
    with tempfile.TemporaryDirectory() as folder:
        found["duckdb"] = asyncio.run(measure(open_store(f"duckdb:{folder}/bench.duckdb"), arguments.batches))
        program = find_program("influxd")
        if program is not None:
            server = Influxd(program, Path(folder) / "influxd")
            try:
                server.start()
                url = server.url(server.new_bucket())
                found["influxdb"] = asyncio.run(measure(open_store(url), arguments.batches))
            finally:
                server.stop()
    if arguments.json:
        print(json.dumps(found))
        return
    for subject, figures in found.items():
        for name, value in figures.items():
            print(f"{subject:14} {name:24} {value:14,.1f}")


if __name__ == "__main__":
    main()
