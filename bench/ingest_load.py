"""The load of the ingest benchmark: messages with a fixed seed, and a publisher that is not what is measured.

What it is: telemetry of 8 values in two shapes, one row a message or more, and a bare
MQTT 5 publisher at QoS 1 over one socket, with a window of its own, cheap per message.
What it is not: a benchmark. ``python bench/ingest_load.py URL TOPIC RATE SECONDS`` is how the benchmark runs it beside.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from contract import Address, Telemetry, encode  # noqa: E402
from ingest import mqtt, mqtt_packets  # noqa: E402

SECOND_NS = 1_000_000_000
START_NS = 1_760_000_000 * SECOND_NS
SENSORS = tuple(f"sensor_{n}" for n in range(8))
MACHINES = 200
WINDOW = 2000
PROBE = "probe"
PROBES_PER_S = 20


def machine(enterprise: str, n: int | str) -> Address:
    """The address of one of the machines."""
    return Address(enterprise, "plant-1", "production", "line-1", f"machine-{n}" if isinstance(n, int) else n)


def messages(enterprise: str, rows: int, count: int) -> list[tuple[str, bytes]]:
    """Telemetry of the machines in turn, with a fixed seed."""
    topics = [machine(enterprise, n).topic("telemetry") for n in range(MACHINES)]
    return [(topics[n % MACHINES], payload) for n, payload in enumerate(_payloads(rows, count))]


@lru_cache(maxsize=1)
def _payloads(rows: int, count: int) -> list[bytes]:
    draw = random.Random(1)
    made = []
    for n in range(count):
        turn = n // MACHINES
        first = START_NS + turn * rows * SECOND_NS
        times = [first + row * SECOND_NS for row in range(rows)]
        values = {name: [round(draw.uniform(0, 100), 3) for _ in times] for name in SENSORS}
        made.append(encode(Telemetry(boot="00c0ffee", seq=turn + 1, t=times, values=values)))
    return made


class Publisher(asyncio.Protocol):
    """One connection that publishes at QoS 1; at most ``WINDOW`` messages are not acknowledged."""

    def __init__(self, name: str) -> None:
        self.acked = 0
        self.sent = 0
        self.ready = asyncio.get_running_loop().create_future()
        self._name = name
        self._reader = mqtt.Reader()
        self._transport: asyncio.Transport | None = None
        self._room = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(
            mqtt_packets.connect(self._name, clean_start=True, keepalive_s=0, session_expiry_s=0, receive_maximum=1000)
        )

    def data_received(self, data: bytes) -> None:
        """Count the acknowledgements."""
        for packet in self._reader.feed(data):
            if isinstance(packet, mqtt.Other):
                self.acked += packet.type == mqtt.PUBACK
                if packet.type == mqtt.CONNACK:
                    self.ready.set_result(None)
        self._room.set()

    async def say(self, said: Sequence[tuple[str, bytes]]) -> None:
        """Send as soon as the window allows."""
        assert self._transport is not None
        for begin in range(0, len(said), 200):
            while self.sent - self.acked >= WINDOW:
                self._room.clear()
                await self._room.wait()
            part = said[begin : begin + 200]
            first = self.sent
            self._transport.write(
                b"".join(
                    mqtt_packets.publish(mqtt_packets.Message(topic, payload, 1), 1 + (first + n) % 60_000)
                    for n, (topic, payload) in enumerate(part)
                )
            )
            self.sent += len(part)

    async def settle(self) -> None:
        """Until everything is acknowledged."""
        while self.acked < self.sent:
            self._room.clear()
            await self._room.wait()
        if self._transport is not None:
            self._transport.write(mqtt_packets.GOODBYE)
            self._transport.close()


async def connected(url: str, name: str) -> Publisher:
    """A publisher that may begin."""
    host, port = url.removeprefix("mqtt://").split(":")
    _, made = await asyncio.get_running_loop().create_connection(lambda: Publisher(name), host, int(port))
    await made.ready
    return made


def fill(url: str, made: Sequence[tuple[str, bytes]]) -> float:
    """Publish everything and wait for the acknowledgements; returns messages per second."""

    async def run() -> float:
        publisher = await connected(url, "bench-fill")
        began = time.perf_counter()
        await publisher.say(made)
        await publisher.settle()
        return len(made) / (time.perf_counter() - began)

    return asyncio.run(run())


def live(enterprise: str, rate: int) -> Iterator[list[tuple[str, bytes]]]:
    """The messages of each twentieth of a second, now: the machines in turn, and one of the probe at its own time."""
    draw = random.Random(2)
    values = {name: [round(draw.uniform(0, 100), 3)] for name in SENSORS}
    body = json.dumps(values)
    turn = n = 0
    while True:
        turn += 1
        now = time.time_ns()
        said = []
        for k in range(rate // PROBES_PER_S - 1):
            seq = 1 + n // MACHINES
            payload = b'{"v":1,"boot":"00c0ffee","seq":%d,"t":[%d],"values":%s}' % (seq, now + k, body.encode())
            said.append((machine(enterprise, n % MACHINES).topic("telemetry"), payload))
            n += 1
        payload = b'{"v":1,"boot":"00c0ffee","seq":%d,"t":[%d],"values":%s}' % (turn, now, body.encode())
        said.append((machine(enterprise, PROBE).topic("telemetry"), payload))
        yield said


async def keep_on(url: str, enterprise: str, rate: int, seconds: float) -> dict[str, float]:
    """Publish at a rate for so long; what was sent and how late the publisher itself was at worst."""
    publisher = await connected(url, f"bench-live-{enterprise}")
    began = time.perf_counter()
    late = 0.0
    stream = live(enterprise, rate)
    for tick in range(round(seconds * PROBES_PER_S)):
        due = began + tick / PROBES_PER_S
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        late = max(late, time.perf_counter() - due)
        said = next(stream)  # stamped with the time at which it is said
        await publisher.say(said)
    sent = publisher.sent
    await publisher.settle()
    return {"sent": sent, "seconds": round(time.perf_counter() - began, 2), "late_s": round(late, 3)}


if __name__ == "__main__":
    where, whose, rate_text, seconds_text = sys.argv[1:]
    print(json.dumps(asyncio.run(keep_on(where, whose, int(rate_text), float(seconds_text)))))
