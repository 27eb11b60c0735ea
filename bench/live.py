"""A park of a thousand machines, live, over a real broker: how many messages, how late, and at what cost?

Run: ``python bench/live.py [--machines 1000] [--seconds 60] [--json]``. A Mosquitto of our own, a park of several
enterprises with one link each, so many machines that a thousand of them have a telemetry message each second (the
others have slow sensors only), speed 1, nothing back-filled, the ledger kept. A subscriber in a process of its own
decodes the times of each telemetry message. *Lag* is its arrival minus the time of its newest sample: it holds the wait
for the next tick of 0.25 s. The simulator is bound to one core where the system allows it; ``cpu`` is what its process
took of that core in the measured time, which holds a full minute with all its meter readings. ``lag_ratio`` is the
99.9th percentile by the limit of 1 s, ``rate_ratio`` telemetry messages a second by the machines that have one each
second.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "live")]  # so that it runs from a checkout that is not installed

import msgspec  # noqa: E402
import paho.mqtt.client as paho  # noqa: E402
from figures import surroundings, tell  # noqa: E402
from servers import Mosquitto, find_program  # noqa: E402

from contract import topic_filter  # noqa: E402
from simulator.catalogue import load_model, load_sector  # noqa: E402
from simulator.catalogue import sectors as sector_names  # noqa: E402
from simulator.scenario import MAX_ENTERPRISES  # noqa: E402

SECOND_NS = 1_000_000_000
LIMIT_S = 1.0
WARM_UP_S = 10.0
PATIENCE_S = 180.0
LATE = 0.999
"""The share of messages within the lag that counts."""


class Sampled(msgspec.Struct):
    """Of a telemetry message only the times."""

    t: list[int]


def enterprises(machines: int, sizes: dict[str, int]) -> list[str]:
    """Sectors that have at least so many machines together: the largest that fits each time, last the smallest."""
    sizes = {name: size for name, size in sizes.items() if size}
    chosen: list[str] = []
    left = machines
    by_size = sorted(sizes, key=lambda name: (-sizes[name], name))
    while left > 0:
        name = next((name for name in by_size if sizes[name] <= left), None)
        name = name or next(name for name in reversed(by_size) if sizes[name] >= left)
        chosen.append(name)
        left -= sizes[name]
    if len(chosen) > MAX_ENTERPRISES:
        raise SystemExit(f"{machines} machines are {len(chosen)} enterprises; a park takes {MAX_ENTERPRISES}")
    return chosen


def sector_sizes() -> tuple[dict[str, int], dict[str, int]]:
    """Machines of each sector: all, and those that speak each second.

    The others have slow sensors only, or such as report by exception.
    """
    every, steady = {}, {}
    for name in sector_names():
        steps = load_sector(name).steps
        every[name] = sum(step.machines for step in steps)
        steady[name] = sum(
            step.machines
            for step in steps
            if any(sensor.sample_hz >= 1 and not sensor.deadband for sensor in load_model(step.model).sensors)
        )
    return every, steady


def scenario(sectors: list[str]) -> str:
    """The scenario's text."""
    members = "".join(
        f"  - {{enterprise: enterprise-{place}, sector: {sector}, shifts: continuous}}\n"
        for place, sector in enumerate(sectors)
    )
    head = "id: bench\nname: A park for the benchmark\nspeed: 1\ntelemetry_s: 1\n"
    return f"{head}park:\n  id: bench-park\n  enterprises:\n{members}"


def listen(url: str, warm_up_s: float, seconds: float) -> None:
    """The subscriber's process: print ``ready``, ``begun`` and at the end one object."""
    decoder = msgspec.json.Decoder(Sampled)
    lags: list[float] = []
    topics: set[str] = set()
    begin_s, first = [float("inf")], threading.Event()

    def on_message(_client: object, _data: object, message: paho.MQTTMessage) -> None:
        now_ns = time.time_ns()
        first.set()
        if begin_s[0] <= time.monotonic() < begin_s[0] + seconds:
            lags.append((now_ns - decoder.decode(message.payload).t[-1]) / SECOND_NS)
            topics.add(message.topic)

    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.on_message = on_message
    client.on_subscribe = lambda *_: print("ready", flush=True)
    client.on_connect = lambda *_: client.subscribe(topic_filter(kind="telemetry"), qos=1)
    host, port = url.removeprefix("mqtt://").split(":")
    client.connect(host, int(port))
    client.loop_start()
    if not first.wait(PATIENCE_S):
        raise SystemExit("no telemetry")
    begin_s[0] = time.monotonic() + warm_up_s
    time.sleep(warm_up_s)
    print("begun", flush=True)
    time.sleep(seconds)
    client.loop_stop()
    ranked = sorted(lags) or [float("inf")]

    def at(share: float) -> float:
        return round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 4)

    found = {"count": len(lags), "machines": len(topics), "p50": at(0.5), "p99": at(0.99), "late": at(LATE)}
    print(json.dumps(found | {"max": round(ranked[-1], 4)}), flush=True)


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one_core(pid: int) -> int | None:
    """Bind a process to the first core that we may use; None where the system cannot."""
    with contextlib.suppress(AttributeError, OSError):
        core = min(os.sched_getaffinity(0))
        os.sched_setaffinity(pid, {core})
        return core
    return None


def measure(machines: int, warm_up_s: float, seconds: float) -> dict[str, object]:
    """All figures."""
    program = find_program("mosquitto")
    if program is None:
        raise SystemExit("bench/live.py: no mosquitto on the PATH or in .servers/bin")
    all_of, sizes = sector_sizes()
    sectors = enterprises(machines, sizes)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        (folder / "bench.yaml").write_text(scenario(sectors))
        broker = Mosquitto(program, folder / "mosquitto")
        broker.start()
        stack.callback(broker.stop)
        subscriber = subprocess.Popen(
            [sys.executable, __file__, "--listen", broker.url, "--seconds", str(seconds), "--warm-up", str(warm_up_s)],
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(subscriber.kill)
        assert subscriber.stdout is not None
        subscriber.stdout.readline()
        flags = ["--scenario", str(folder / "bench.yaml"), "--ledger", str(folder / "ledger.jsonl")]
        simulator = subprocess.Popen(
            [sys.executable, "-m", "console", "simulate", *flags, "--broker", broker.url, "--json"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(simulator.kill)
        core = one_core(simulator.pid)
        if subscriber.stdout.readline() != "begun\n":
            raise SystemExit("no telemetry has come")
        used_s, began_s = cpu_s(simulator.pid), time.perf_counter()
        lag = json.loads(subscriber.stdout.readline())
        used_s, took_s = cpu_s(simulator.pid) - used_s, time.perf_counter() - began_s
        simulator.send_signal(signal.SIGINT)
        summary = json.loads(simulator.communicate(timeout=PATIENCE_S)[0])
    steady = sum(sizes[sector] for sector in sectors)
    return {
        "bench": "live",
        "machines": sum(all_of[sector] for sector in sectors),
        "machines_each_second": steady,
        "machines_heard": lag["machines"],
        "enterprises": len(sectors),
        "seconds": seconds,
        "messages_per_s": round(lag["count"] / seconds, 1),
        "lag_p50_s": lag["p50"],
        "lag_p99_s": lag["p99"],
        "lag_p999_s": lag["late"],
        "lag_max_s": lag["max"],
        "cpu": round(used_s / took_s, 3),
        "core": core,
        "lag_ratio": round(lag["late"] / LIMIT_S, 3),
        "rate_ratio": round(lag["count"] / seconds / steady, 3),
        "unacknowledged": summary["messages"] - summary["acked"],
    } | surroundings()


def main() -> None:
    """Measure and print; with ``--listen`` be the subscriber."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0, help="measured time")
    parser.add_argument("--warm-up", type=float, default=WARM_UP_S, help="seconds before it")
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--listen", metavar="URL", help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.listen:
        listen(flags.listen, flags.warm_up, flags.seconds)
        return
    tell(measure(flags.machines, flags.warm_up, flags.seconds), as_json=flags.json)


if __name__ == "__main__":
    main()
