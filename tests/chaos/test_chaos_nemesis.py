"""The nemesis: random faults on broker, database, ingester, cables and publisher, and the ledger at the end.

What it is: two lanes of faults drawn from the seed, each on one of five targets, for a minute (the long form: ten);
then all is healed, and what was acknowledged must be stored, and nothing else. ``QILU_CHAOS_SEED`` replays a seed.
What it is not: a broker's SIGKILL: what that loses no ingester can keep (see A6, and the edge buffer).
"""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import islice
from pathlib import Path

import pytest
from fault_proxy import CLEAN, FaultProxy, Faults
from load import Ledger, read_ledger, stream
from packets import PUBLISH, Refusal, Speaker, connect, packet
from scene import Scene, Stage, long, proven
from scripted_store import Reply, ScriptedStore

RATE = 300.0


class Publisher:
    """The load as a process: killed, it comes back with another boot, as a device does."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._process: subprocess.Popen[bytes] | None = None
        self.boots: list[tuple[str, int, Path]] = []

    def start(self) -> None:
        epoch = len(self.boots)
        boot, file = f"{epoch:08x}", self._stage.folder / f"ledger-{epoch}"
        self.boots.append((boot, epoch, file))
        port = self._stage.broker.port
        words = [port, self._stage.seed, boot, epoch, RATE, file]
        with (self._stage.folder / "load.log").open("ab") as log:
            command = [sys.executable, Path(__file__).with_name("load.py"), *map(str, words)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.kill()
        self._process.wait()

    def ledger(self) -> Ledger:
        """What all its lives said."""
        ledger = Ledger()
        for boot, epoch, file in self.boots:
            ledger.add(read_ledger(file, stream(self._stage.seed, boot, epoch)))
        return ledger


class Nemesis:
    """Draws faults and does them, one at a time on each target."""

    def __init__(self, scene: Scene, publisher: Publisher, proxy: FaultProxy, store: ScriptedStore) -> None:
        self.done: Counter[str] = Counter()
        self._scene = scene
        self._stage = scene.stage
        self._publisher = publisher
        self._proxy = proxy
        self._store = store
        self._locks = {name: asyncio.Lock() for name in ("broker", "database", "ingester", "cable", "publisher")}
        self._faults: list[tuple[str, str, Callable[[random.Random], Awaitable[None]]]] = [
            ("broker", "restart", self._restart_broker),
            ("broker", "pause", self._pause_broker),
            ("database", "kill", self._kill_database),
            ("database", "pause", self._pause_database),
            ("database", "refuse", self._refuse_writes),
            ("database", "drop answers", self._drop_answers),
            ("ingester", "kill", self._kill_ingester),
            ("ingester", "pause", self._pause_ingester),
            ("cable", "partition", self._partition),
            ("cable", "slow", self._slow),
            ("cable", "reset", self._reset),
            ("publisher", "kill", self._kill_publisher),
            ("publisher", "pause", self._pause_publisher),
            ("publisher", "duplicate", self._duplicate),
            ("publisher", "garbage", self._garbage),
        ]

    async def lane(self, number: int, seconds: float) -> None:
        """Do faults until the time is over; which ones and how long follows from the seed."""
        draw = random.Random(f"{self._stage.seed} {number}")
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            target, name, fault = draw.choice(self._faults)
            own = random.Random(draw.random())
            async with self._locks[target]:
                print(f"{loop.time() - until + seconds:6.2f} s lane {number}: {target} {name}")
                await fault(own)
            self.done[f"{target} {name}"] += 1
            await asyncio.sleep(draw.uniform(0.1, 1.0))

    async def _restart_broker(self, draw: random.Random) -> None:
        await asyncio.to_thread(self._stage.broker.stop)
        await asyncio.sleep(draw.uniform(0, 1))
        await asyncio.to_thread(self._stage.broker.start)

    async def _pause_broker(self, draw: random.Random) -> None:
        self._stage.broker.pause()
        await asyncio.sleep(draw.uniform(0.2, 3))
        self._stage.broker.resume()

    async def _kill_database(self, draw: random.Random) -> None:
        await asyncio.to_thread(self._stage.influxd.kill)
        await asyncio.sleep(draw.uniform(0, 2))
        await asyncio.to_thread(self._stage.influxd.start)

    async def _pause_database(self, draw: random.Random) -> None:
        self._stage.influxd.pause()
        await asyncio.sleep(draw.uniform(0.2, 3))
        self._stage.influxd.resume()

    async def _refuse_writes(self, draw: random.Random) -> None:
        status = draw.choice([401, 403, 404, 408, 429, 500, 503])
        self._store.script = lambda lines, size: Reply(status, "scripted")
        await asyncio.sleep(draw.uniform(0.2, 2))
        self._store.script = lambda lines, size: None

    async def _drop_answers(self, draw: random.Random) -> None:
        self._store.script = lambda lines, size: Reply(0, store=lines)
        await asyncio.sleep(draw.uniform(0.2, 1.5))
        self._store.script = lambda lines, size: None

    async def _kill_ingester(self, draw: random.Random) -> None:
        self._scene.worker.kill()
        await asyncio.sleep(draw.uniform(0, 0.5))
        self._scene.worker.launch()
        await asyncio.sleep(draw.uniform(1, 2))

    async def _pause_ingester(self, draw: random.Random) -> None:
        self._scene.worker.signal(signal.SIGSTOP)
        await asyncio.sleep(draw.uniform(0.2, 3))
        self._scene.worker.signal(signal.SIGCONT)

    async def _partition(self, draw: random.Random) -> None:
        self._proxy.partition()
        await asyncio.sleep(draw.uniform(0.2, 4))
        self._proxy.heal()

    async def _slow(self, draw: random.Random) -> None:
        self._proxy.faults = Faults(delay_s=0.05, jitter_s=0.05, bytes_per_s=30_000, loss=0.05, pieces=(1, 500))
        await asyncio.sleep(draw.uniform(0.5, 3))
        self._proxy.faults = CLEAN

    async def _reset(self, draw: random.Random) -> None:
        self._proxy.tear_after(draw.randrange(1, 400))
        self._proxy.reset()
        await asyncio.sleep(draw.uniform(0.2, 1))
        self._proxy.whole()

    async def _kill_publisher(self, draw: random.Random) -> None:
        self._publisher.kill()
        await asyncio.sleep(draw.uniform(0, 0.5))
        self._publisher.start()

    async def _pause_publisher(self, draw: random.Random) -> None:
        self._publisher.signal(signal.SIGSTOP)
        await asyncio.sleep(draw.uniform(0.2, 2))
        self._publisher.signal(signal.SIGCONT)

    async def _duplicate(self, draw: random.Random) -> None:
        """What was said before, once more and out of order, by another client."""
        boot, epoch, file = draw.choice(self._publisher.boots)
        said = file.read_text().count("attempted\n") if file.exists() else 0
        again = list(islice(stream(self._stage.seed, boot, epoch), min(said, 400)))
        draw.shuffle(again)
        await self._say([(one.topic.encode(), one.payload) for one in again])

    async def _garbage(self, draw: random.Random) -> None:
        """Payloads that do not parse on our topics, and packets that are none."""
        topic = b"qilu/v1/acme/plant-1/production/line-1/press-1/telemetry"
        await self._say([(topic, draw.randbytes(draw.randrange(200))) for _ in range(20)])
        speaker = Speaker(self._stage.broker.port, "garbage", lambda number, code: None)
        try:
            await speaker.open()
            await speaker.send(connect("garbage") + packet(PUBLISH | 6, draw.randbytes(50)))
        except Refusal:
            pass
        finally:
            speaker.abort()

    async def _say(self, messages: list[tuple[bytes, bytes]]) -> None:
        try:
            async with asyncio.timeout(5):
                await self._scene.say_raw(messages)
        except (Refusal, TimeoutError):
            return  # the broker is away, which another fault has seen to


@pytest.mark.slow
def test_n01_nemesis(stage: Stage) -> None:
    seconds = long(600, 60)
    print(f"seed {stage.seed}: replay with QILU_CHAOS_SEED={stage.seed}")

    async def story() -> None:
        store = ScriptedStore(stage.store_url)
        proxy = FaultProxy(stage.broker.port, stage.seed)
        publisher = Publisher(stage)
        async with store.standing(), proxy.laid(), stage.scene(broker_url=proxy.mqtt, store_url=store.url) as scene:
            publisher.start()
            nemesis = Nemesis(scene, publisher, proxy, store)
            try:
                await asyncio.gather(*(nemesis.lane(number, seconds) for number in range(2)))
            finally:
                await asyncio.sleep(1.0)
                publisher.kill()
            scene.ledger = await asyncio.to_thread(publisher.ledger)
            took_s = await scene.settle(timeout_s=240, still_s=40)
            verdict = await scene.judge()
            log = scene.worker.log()
        stage.report(verdict, seconds=seconds, faults=nemesis.done.total(), drained_s=round(took_s, 1))
        print(dict(nemesis.done), verdict)
        proven(verdict, least=2000)
        assert "Traceback" not in log

    asyncio.run(story())
