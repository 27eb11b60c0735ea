"""How fast the ingester carries messages from a broker into a store, against a subscriber that only counts them.

``python bench/ingest.py`` prints a table, ``--json`` one object. The messages wait in persistent sessions before the
clock starts, so that the publisher is not measured. The yardstick is paho-mqtt, the reference client, with a callback
that adds one, on the same messages from the same broker in the same run; ``ratio`` is ours by its. Two kinds of
message: ``live`` has one row of 8 sensors, ``history`` 60 rows (a message of the back-fill). The embedded broker with
DuckDB is always measured; Mosquitto and InfluxDB where they are found.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "live")]  # so that it runs from a checkout that is not installed

import paho.mqtt.client as paho  # noqa: E402
from paho.mqtt.packettypes import PacketTypes  # noqa: E402
from paho.mqtt.properties import Properties  # noqa: E402
from servers import Influxd, Mosquitto, find_program  # noqa: E402

from console.embedded_broker import EmbeddedBroker  # noqa: E402
from contract import Address, Telemetry, encode, topic_filter  # noqa: E402
from historian import open_store  # noqa: E402
from ingest import Settings, Status, ingest  # noqa: E402
from service import Broker  # noqa: E402

SECOND_NS = 1_000_000_000
START_NS = 1_760_000_000 * SECOND_NS
SENSORS = [f"sensor_{n}" for n in range(8)]
SHAPES = {"live": (1, 20_000), "history": (60, 2_000)}
WINDOW = 1000
PATIENCE_S = 300.0


def messages(enterprise: str, rows: int, count: int) -> list[tuple[str, bytes]]:
    """Telemetry of 20 machines in turn, with a fixed seed."""
    draw = random.Random(1)
    made = []
    for n in range(count):
        machine = Address(enterprise, "plant-1", "production", "line-1", f"machine-{n % 20}")
        first = START_NS + n // 20 * rows * SECOND_NS
        times = [first + row * SECOND_NS for row in range(rows)]
        values = {name: [round(draw.uniform(0, 100), 3) for _ in times] for name in SENSORS}
        payload = encode(Telemetry(boot="00c0ffee", seq=n + 1, t=times, values=values))
        made.append((machine.topic("telemetry"), payload))
    return made


class Paho:
    """A paho client in a thread, with a session that outlives it."""

    def __init__(self, url: str, name: str, topic: str) -> None:
        self.count = 0
        self.connected = threading.Event()
        self.subscribed = threading.Event()
        self._wanted = 0
        self.arrived = threading.Event()
        self._topic = topic
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv5)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = self._on_message
        self._url = url

    def start(self, wanted: int = 0) -> None:
        """Connect and subscribe; ``arrived`` is set when ``wanted`` messages have come."""
        self._wanted = wanted
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        properties.ReceiveMaximum = WINDOW
        host, port = self._url.removeprefix("mqtt://").split(":")
        self.client.connect(host, int(port), clean_start=False, properties=properties)
        self.client.loop_start()

    def stop(self) -> None:
        """Disconnect; the broker keeps the session."""
        self.client.disconnect()
        self.client.loop_stop()

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe(self._topic, qos=1)
        self.connected.set()

    def _on_message(self, *_: object) -> None:
        self.count += 1
        if self.count == self._wanted:
            self.arrived.set()


def reserve(url: str, name: str, topic: str) -> None:
    """Make a session under this name, so that the broker keeps what is published from now on."""
    client = Paho(url, name, topic)
    client.start()
    if not client.subscribed.wait(10):
        raise SystemExit(f"{url}: no subscription for {name}")
    client.stop()


def fill(url: str, made: list[tuple[str, bytes]]) -> None:
    """Publish everything at QoS 1 and wait for the acknowledgements."""
    client = Paho(url, "bench-publisher", "bench/none")
    client.start()
    client.connected.wait(10)
    sent = [client.client.publish(topic, payload, qos=1) for topic, payload in made]
    for one in sent:
        one.wait_for_publish(PATIENCE_S)
    client.stop()


def count_only(url: str, name: str, topic: str, count: int) -> float:
    """Messages per second of the yardstick."""
    client = Paho(url, name, topic)
    began = time.perf_counter()
    client.start(wanted=count)
    if not client.arrived.wait(PATIENCE_S):
        raise SystemExit(f"{url}: the yardstick got {client.count} of {count} messages")
    took_s = time.perf_counter() - began
    client.stop()
    return count / took_s


async def drain(url: str, store_url: str, name: str, *, topic: str, count: int, folder: Path) -> float:
    """Messages per second of the ingester, from its start until the last one is durable."""
    settings = Settings(client_id=name, topics=[topic], dead_letters=str(folder / "dead"))
    status, stop = Status(), asyncio.Event()
    async with open_store(store_url) as store, asyncio.timeout(PATIENCE_S):
        began = time.perf_counter()
        running = asyncio.create_task(
            ingest(settings, Broker(url=url), store, stop=stop, clock_ns=time.time_ns, status=status)
        )
        while status.written + status.duplicate + status.dead_lettered < count:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        took_s = time.perf_counter() - began
        stop.set()
        await running
    if status.written != count:
        raise SystemExit(f"{url}: {status}")
    return count / took_s


@contextlib.contextmanager
def paths(folder: Path) -> Iterator[dict[str, tuple[str, str]]]:
    """Name -> broker and store URL of everything that can be measured here."""
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        found = {"embedded broker, DuckDB": (broker.url, f"duckdb:{folder / 'bench.duckdb'}")}
        mosquitto, influxd = find_program("mosquitto"), find_program("influxd")
        if mosquitto and influxd:
            real_broker, real_store = Mosquitto(mosquitto, folder / "mosquitto"), Influxd(influxd, folder / "influxd")
            for server in (real_broker, real_store):
                server.start()
                stack.callback(server.stop)
            found["Mosquitto, DuckDB"] = (real_broker.url, f"duckdb:{folder / 'bench2.duckdb'}")
            found["Mosquitto, InfluxDB 1.8"] = (real_broker.url, real_store.url(real_store.new_bucket()))
        yield found


def measure(scale: float) -> list[dict[str, object]]:
    """One result for each path and shape."""
    results: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name, paths(Path(name)) as found:
        for path, (url, store_url) in found.items():
            for shape, (rows, full) in SHAPES.items():
                count = max(100, int(full * scale))
                enterprise = f"bench-{len(results)}"
                topic = topic_filter(enterprise)
                for who in ("ours", "paho"):
                    reserve(url, f"{enterprise}-{who}", topic)
                fill(url, messages(enterprise, rows, count))
                theirs = count_only(url, f"{enterprise}-paho", topic, count)
                ours = asyncio.run(
                    drain(url, store_url, f"{enterprise}-ours", topic=topic, count=count, folder=Path(name))
                )
                results.append(
                    {
                        "path": path,
                        "shape": shape,
                        "messages": count,
                        "rows_per_message": rows,
                        "messages_per_s": round(ours),
                        "rows_per_s": round(ours * rows),
                        "paho_messages_per_s": round(theirs),
                        "ratio": round(ours / theirs, 3),
                    }
                )
    return results


def main() -> None:
    """Print the table, or one object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--scale", type=float, default=1.0, help="how many of the messages (1: 20,000 and 2,000)")
    flags = parser.parse_args()
    results = measure(flags.scale)
    if flags.json:
        print(json.dumps({"bench": "ingest", "results": results}))
        return
    print(f"{'path':26} {'shape':8} {'msg/s':>8} {'rows/s':>9} {'paho msg/s':>11} {'ratio':>6}")
    for one in results:
        print(
            f"{one['path']:26} {one['shape']:8} {one['messages_per_s']:>8,} {one['rows_per_s']:>9,} "
            f"{one['paho_messages_per_s']:>11,} {one['ratio']:>6}"
        )


if __name__ == "__main__":
    main()
