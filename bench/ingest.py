"""How fast the ingester carries messages from a real broker into a real store, and what it needs for it.

Run: ``python bench/ingest.py [--scale 1] [--outage 60] [--json]``. Mosquitto, InfluxDB 1.8 (and Telegraf, where a
binary is on the path) share the machine with the ingester, a process of its own. QoS 1, acknowledged after the write.

- ``paths``: messages that wait in a persistent session (so that no publisher is measured) until the last is durable:
  messages and values a second, processor time and memory. ``live`` has one row of 8 values a message, ``minute`` 60,
  and ``history`` 500, as the simulator says its own. ``database_values_per_s``: the same points as ready line protocol,
  in batches as large and as many requests at a time as the ingester's. Both in turn, several times, for a shared
  machine is not always as fast; the round with the middle ratio is told, and ``ratios`` has all.
- ``telegraf``: ``live`` again, by ``mqtt_consumer`` into ``influxdb_v2`` with a persistent session, its buffers as
  large as ours. From its first write to its last, so that its start is not counted.
- ``latency``: at half the rate promised for ``live``, from publish until a query finds it.
- ``outage``: 5,000 messages/s while the database is away: memory, and how fast the backlog goes afterwards.

``limits`` holds each figure that was promised and its ratio to the promise: at least 1 is kept.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "live")]  # so that it runs from a checkout that is not installed

from figures import surroundings  # noqa: E402
from ingest_load import MACHINES, PROBE, PROBES_PER_S, SENSORS, fill, messages  # noqa: E402
from ingest_peer import database, peak_mb, points, telegraf  # noqa: E402
from servers import Influxd, Mosquitto, find_program  # noqa: E402

from contract import topic_filter  # noqa: E402
from historian import open_store  # noqa: E402
from ingest import Settings, Status, ingest  # noqa: E402
from service import Broker, run_until_signalled  # noqa: E402

SHAPES = {"live": (1, 200_000, 3), "minute": (60, 8_000, 7), "history": (500, 1_000, 7)}
"""Rows a message, messages, and how many rounds."""
PATIENCE_S = 300.0
OUTAGE_RATE = 5000
HALF_RATE = 10_000
BROKER = {"max_inflight_messages": "20000"}  # for Telegraf, which speaks MQTT 3.1.1; ours names its own


# The ingester, as a process ------------------------------------------------------------------------------------------


def drain(url: str, store_url: str, name: str, *rest: str) -> None:
    """Run in a process of its own: carry so many messages and tell how; with 0 until a signal comes."""
    topic, folder, count = rest[0], rest[2], int(rest[1])
    settings = Settings(client_id=name, topics=[topic], dead_letters=f"{folder}/dead-{name}")
    status, told = Status(), {"began": 0.0}

    async def main(stop: asyncio.Event) -> int:
        async with open_store(store_url) as store:
            running = asyncio.create_task(
                ingest(settings, Broker(url=url), store, stop=stop, clock_ns=time.time_ns, status=status)
            )
            while not status.connected:  # noqa: ASYNC110  # the ingester shows its state; nobody announces it
                await asyncio.sleep(0.001)
            told["began"] = time.perf_counter()
            used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
            print("connected", flush=True)
            while not stop.is_set() and (  # noqa: ASYNC110
                not count or status.batches == 0 or settled(status) < count
            ):
                await asyncio.sleep(0.01)
            seconds = time.perf_counter() - told["began"]
            usage = resource.getrusage(resource.RUSAGE_SELF)
            stop.set()
            await running
            figures = {"seconds": seconds, "cpu_s": usage[0] + usage[1] - used, "rss_mb": peak_mb("self")}
            print(json.dumps(figures | {"written": status.written, "dead": status.dead_lettered}), flush=True)
        return 0

    def settled(status: Status) -> int:
        return status.received - status.buffered if status.received >= count else 0

    run_until_signalled(main)


@contextlib.contextmanager
def ingester(*arguments: object):  # type: ignore[no-untyped-def]
    """The process, connected; ``communicate`` gives its figures."""
    command = [sys.executable, __file__, "--drain", json.dumps(arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != "connected":
            raise SystemExit("the ingester did not start")
        yield process
    finally:
        process.kill()
        process.wait()


def figures_of(process: subprocess.Popen[str]) -> dict[str, float]:
    """What it tells at its end."""
    assert process.stdout is not None
    told: dict[str, float] = json.loads(process.stdout.readline())
    return told


def reserve(url: str, store_url: str, name: str, topic: str, folder: Path) -> None:
    """Make the session, so that the broker keeps what is published from now on."""
    with ingester(url, store_url, name, topic, 0, str(folder)) as process:
        process.terminate()
        figures_of(process)


# What is measured ----------------------------------------------------------------------------------------------------


def into_influxdb(broker: Mosquitto, influxd: Influxd, shape: str, count: int, folder: Path) -> dict[str, object]:
    """The way into InfluxDB beside what it takes by itself: the round with the middle ratio."""
    rounds = []
    rows, _, turns = SHAPES[shape]
    for _ in range(turns):
        bucket = influxd.new_bucket()
        made = path(broker, influxd.url(bucket), shape, count, folder)
        influxd.drop_bucket(bucket)
        limit = database(influxd, rows, count)
        ratio = round(int(str(made["values_per_s"])) / limit, 3)
        rounds.append((ratio, made | {"database_values_per_s": round(limit), "ratio_to_database": ratio}))
    rounds.sort(key=lambda one: one[0])
    return rounds[turns // 2][1] | {"ratios": [ratio for ratio, _ in rounds]}


def path(broker: Mosquitto, store_url: str, shape: str, count: int, folder: Path) -> dict[str, object]:
    """One way through: from the broker's queue into a store."""
    rows, *_ = SHAPES[shape]
    url, name = broker.url, f"bench-{shape}-{uuid4().hex[:8]}"
    topic = topic_filter(name)
    reserve(url, store_url, name, topic, folder)
    fill(url, messages(name, rows, count))
    with ingester(url, store_url, name, topic, count, str(folder)) as process:
        told = figures_of(process)
    values = count * rows * len(SENSORS)
    if told["written"] != count:
        raise SystemExit(f"{shape}: {told}")
    return {
        "shape": shape,
        "store": store_url.partition(":")[0],
        "messages": count,
        "messages_per_s": round(count / told["seconds"]),
        "values_per_s": round(values / told["seconds"]),
        "cpu_s_per_million_values": round(told["cpu_s"] / values * 1e6, 3),
        "cpu_us_per_message": round(told["cpu_s"] / count * 1e6, 1),
        "rss_mb": round(told["rss_mb"]),
    }


def latency(broker: Mosquitto, influxd: Influxd, rate: int, seconds: float, folder: Path) -> dict[str, object]:
    """From publish until a query finds it, at a rate; by a machine that says something twenty times a second."""
    bucket, name = influxd.new_bucket(), "bench-latency"
    where = (broker.url, influxd.url(bucket), name, topic_filter(name), 0, str(folder))
    found: dict[int, float] = {}
    query = f"SELECT sensor_0, _seq FROM telemetry WHERE machine='{PROBE}'"
    with ingester(*where) as process, load(broker.url, name, rate, seconds) as publisher:
        newest = 0
        while publisher.poll() is None or len(found) < round(seconds * PROBES_PER_S):
            asked = f"{query} AND time > {newest - 3 * 10**9}"  # several writes may be under way
            form = urllib.parse.urlencode({"db": bucket, "q": asked, "epoch": "ns"}).encode()
            with urllib.request.urlopen(f"http://127.0.0.1:{influxd.port}/query", form, timeout=30) as answer:
                document = json.load(answer)
            now = time.time()
            for series in document["results"][0].get("series", []):
                for t, *_ in series["values"]:
                    found.setdefault(t, now - t / 1e9)
                    newest = max(newest, t)
            time.sleep(0.01)
        process.terminate()
        told = figures_of(process)
    lags = sorted(found.values())
    return {
        "messages_per_s": rate,
        "probes": len(lags),
        "p50_s": round(lags[len(lags) // 2], 3),
        "p99_s": round(lags[int(len(lags) * 0.99)], 3),
        "max_s": round(lags[-1], 3),
        "rss_mb": round(told["rss_mb"]),
    }


@contextlib.contextmanager
def load(url: str, name: str, rate: int, seconds: float):  # type: ignore[no-untyped-def]
    """The publisher beside."""
    command = [sys.executable, str(ROOT / "bench" / "ingest_load.py"), url, name, str(rate), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def outage(broker: Mosquitto, influxd: Influxd, away_s: float, folder: Path) -> dict[str, object]:
    """The database goes away under load and comes back: what that costs, and how fast the backlog goes."""
    bucket, name = influxd.new_bucket(), "bench-outage"
    where = (broker.url, influxd.url(bucket), name, topic_filter(name), 0, str(folder))
    seconds = away_s * 2 + 10
    with ingester(*where) as process, load(broker.url, name, OUTAGE_RATE, seconds) as publisher:
        time.sleep(3.0)
        influxd.stop()
        time.sleep(away_s)
        influxd.start()
        drained, drain_s = catching_up(influxd)
        publisher.wait()
        sent = json.loads(publisher.stdout.read())["sent"] if publisher.stdout else 0
        wait = time.perf_counter()
        while stored(influxd, bucket) < sent and time.perf_counter() - wait < PATIENCE_S:
            time.sleep(0.5)
        count = stored(influxd, bucket)
        process.terminate()
        told = figures_of(process)
    return {
        "away_s": away_s,
        "messages_per_s": OUTAGE_RATE,
        "sent": sent,
        "stored": count,
        "drained_in_s": round(drain_s, 1),
        "drain_messages_per_s": round(drained / drain_s),
        "rss_mb": round(told["rss_mb"]),
    }


def catching_up(influxd: Influxd) -> tuple[int, float]:
    """How many points were written until the backlog was gone, and in how many seconds, from the first one on.

    It is gone when a second brings no more than the load: the count is that of a server that has just started.
    """
    seen: list[tuple[float, int]] = []
    deadline = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < deadline:
        time.sleep(0.1)
        now, count = time.perf_counter(), points(influxd)
        if count > 100:  # our own status is stored as well
            seen.append((now, count))
        before = next(((t, n) for t, n in reversed(seen) if now - t >= 1.0), None)
        if before is not None and (count - before[1]) / (now - before[0]) < 1.3 * OUTAGE_RATE:
            return before[1] - seen[0][1], before[0] - seen[0][0] or 0.1
    raise SystemExit("the backlog does not go")


def stored(influxd: Influxd, bucket: str) -> int:
    """How many messages are in the database."""
    form = urllib.parse.urlencode({"db": bucket, "q": "SELECT count(sensor_0) FROM telemetry"}).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{influxd.port}/query", form, timeout=60) as answer:
        results = json.load(answer)["results"][0]
    return int(results["series"][0]["values"][0][1]) if "series" in results else 0


def measure(scale: float, away_s: float, folder: Path) -> dict[str, object]:
    """All figures."""
    programs = {name: find_program(name) for name in ("mosquitto", "influxd", "telegraf")}
    if not programs["mosquitto"] or not programs["influxd"]:
        raise SystemExit("bench/ingest.py needs mosquitto and influxd, on the PATH or in .servers/bin")
    broker = Mosquitto(programs["mosquitto"], folder / "mosquitto", BROKER)
    influxd = Influxd(programs["influxd"], folder / "influxd")
    with contextlib.ExitStack() as stack:
        for server in (broker, influxd):
            server.start()
            stack.callback(server.stop)
        lag = latency(
            broker, influxd, HALF_RATE, max(2.0, 20 * min(1.0, scale)), folder
        )  # before there is much to compact
        say(lag)
        paths = []
        for shape, (_, full, _) in SHAPES.items():
            count = max(MACHINES, int(full * scale))
            paths.append(into_influxdb(broker, influxd, shape, count, folder))
            say(paths[-1])
            paths.append(path(broker, f"duckdb:{folder / f'{shape}.duckdb'}", shape, count, folder))
            say(paths[-1])
        peer = None
        if programs["telegraf"]:
            peer = telegraf(
                programs["telegraf"], broker, influxd, max(MACHINES, int(SHAPES["live"][1] * scale)), folder
            )
            say(peer)
        away = outage(broker, influxd, away_s, folder)
    say(away)
    figures = {"bench": "ingest", "paths": paths, "telegraf": peer, "latency": lag, "outage": away}
    return figures | {"limits": limits(figures)} | surroundings()


def say(figures: object) -> None:
    """Progress, for the whole takes minutes."""
    print(figures, file=sys.stderr, flush=True)


def limits(figures: dict[str, object]) -> dict[str, float]:
    """Each promise: the figure by the limit (or the limit by the figure, where less is better)."""
    influx, _, minute, minute_duck, history, history_duck = figures["paths"]  # type: ignore[misc]
    lag, away, peer = figures["latency"], figures["outage"], figures["telegraf"]
    rss = max(one["rss_mb"] for one in (influx, minute, history, lag, away))  # type: ignore[index]
    told = {
        "live_20000_messages_per_s": influx["messages_per_s"] / 20_000,
        "history_80_percent_of_the_database": history["ratio_to_database"] / 0.8,
        "duckdb_500000_values_per_s": min(minute_duck["values_per_s"], history_duck["values_per_s"]) / 500_000,
        "rss_256_mb": 256 / rss,
        "p99_1_s": 1 / lag["p99_s"],  # type: ignore[index]
        "drain_twice_the_live_rate": away["drain_messages_per_s"] / (2 * OUTAGE_RATE),  # type: ignore[index]
        "nothing_lost_in_the_outage": away["stored"] / away["sent"],  # type: ignore[index]
    }
    if peer:
        told["telegraf_1.5_times_its_messages"] = influx["messages_per_s"] / peer["messages_per_s"] / 1.5  # type: ignore[index]
        told["telegraf_cpu_per_message"] = peer["cpu_us_per_message"] / influx["cpu_us_per_message"]  # type: ignore[index]
    return {name: round(ratio, 3) for name, ratio in told.items()}


def main() -> None:
    """Print the figures, or one object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="how many of the messages (1: 200,000, 8,000 and 1,000)"
    )
    parser.add_argument("--outage", type=float, default=60.0, help="seconds without the database")
    parser.add_argument("--drain", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.drain:
        drain(*json.loads(flags.drain))
        return
    with tempfile.TemporaryDirectory() as name:
        figures = measure(flags.scale, flags.outage, Path(name))
    if flags.json:
        print(json.dumps(figures))
        return
    for key, value in figures.items():
        for line in value if isinstance(value, list) else [value]:
            print(f"{key:10} {line}")


if __name__ == "__main__":
    main()
