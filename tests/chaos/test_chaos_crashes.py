"""A1 to A5: the ingester or the broker ends, with or without notice, at any moment."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter

import pytest
from fault_proxy import FaultProxy
from packets import PUBACK
from scene import BACK_S, Stage, long, proven
from scripted_store import ScriptedStore


@pytest.mark.slow
def test_a01_the_ingester_is_killed_twenty_times(stage: Stage) -> None:
    async def story() -> None:
        draw = random.Random(stage.seed)
        async with stage.scene() as scene:
            scene.talk()
            starts = []
            for _ in range(20):
                await asyncio.sleep(draw.uniform(0.0, 0.5))
                scene.worker.kill()
                starts.append(await scene.worker.start())
            await scene.settle()
            verdict = await scene.judge()
        stage.report(verdict, kills=20, slowest_start_s=round(max(starts), 2))
        proven(verdict)

    asyncio.run(story())


@pytest.mark.slow
def test_a01_into_duckdb(stage: Stage) -> None:
    """The same into a file: nothing torn, nothing twice."""

    async def story() -> None:
        draw = random.Random(stage.seed)
        async with stage.scene(store_url=f"duckdb:{stage.folder / 'store.duckdb'}") as scene:
            scene.talk()
            for _ in range(int(long(20, 5))):
                await asyncio.sleep(draw.uniform(0.0, 0.5))
                scene.worker.kill()
                await scene.worker.start()
            await scene.settle()
            verdict = await scene.judge()
        stage.report(verdict)
        proven(verdict)

    asyncio.run(story())


def test_a02_sigterm_under_load(stage: Stage) -> None:
    async def story() -> None:
        async with stage.scene() as scene:
            took = []
            for _ in range(int(long(10, 3))):
                scene.talk(rate=2000)
                await asyncio.sleep(1.0)
                took.append(await scene.worker.end())
                await scene.silence()
                await scene.worker.start()
            await scene.settle()
            verdict = await scene.judge()
        stage.report(verdict, ends=len(took), slowest_end_s=round(max(took), 2))
        proven(verdict)

    asyncio.run(story())


@pytest.mark.parametrize("point", ["after-receive", "before-write", "after-write", "before-ack"])
def test_a03_sigkill_at_a_failpoint(stage: Stage, point: str) -> None:
    """Nothing is lost, and written twice is only what had been written and not acknowledged."""

    async def story() -> None:
        store = ScriptedStore(stage.store_url)
        async with store.standing(), stage.scene(store_url=store.url) as scene:
            await scene.say(100)
            await scene.settle()
            await scene.worker.end()  # with every acknowledgement sent
            scene.worker.environ["QILU_FAILPOINT"] = f"{point}:1"
            scene.worker.launch()
            await scene.say(500, rate=2000)
            code = await scene.worker.died()
            assert code == -signal.SIGKILL, f"exit code {code}\n{scene.worker.log()}"
            del scene.worker.environ["QILU_FAILPOINT"]
            await scene.worker.start()
            await scene.settle()
            verdict = await scene.judge()
        counts = Counter(line for write in store.told for line in write.lines if b"_seq=" in line)
        twice = sum(count > 1 for count in counts.values())
        stage.report(verdict, written_twice=twice)
        proven(verdict)
        assert (twice > 0) == (point in {"after-write", "before-ack"})

    asyncio.run(story())


def test_a04_a_stale_acknowledgement_cannot_acknowledge_a_new_message(stage: Stage) -> None:
    """The connection breaks while a batch is being written; ten new messages take the old packet identifiers."""

    async def story() -> None:
        store = ScriptedStore(stage.store_url)
        proxy = FaultProxy(stage.broker.port, keep=True)
        async with (
            store.standing(),
            proxy.laid(),
            stage.scene(broker_url=proxy.mqtt, store_url=store.url) as scene,
        ):
            store.gate.clear()
            await scene.say(10)
            await store.waiting.wait()
            proxy.reset()
            await asyncio.sleep(0.2)
            await scene.say(10)
            store.gate.set()
            while proxy.connections < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            store.waiting.clear()
            store.gate.clear()
            await asyncio.wait_for(store.waiting.wait(), 20)  # the new ones are here, and not durable
            await asyncio.sleep(0.3)
            old, new = (packets_of(said, PUBACK) for said in proxy.said[:2])
            scene.worker.kill()
            store.gate.set()
            await asyncio.sleep(0.3)  # what the killed one had sent may still be applied; that is no acknowledgement
            before = len(proxy.said)
            await scene.worker.start()
            await scene.settle()
            verdict = await scene.judge()
            again = packets_of(proxy.said[before], PUBACK)
        stage.report(verdict, acks_on_old=old, acks_before_durable=new, acknowledged_after=again)
        proven(verdict, least=20)
        assert new == 0, "an acknowledgement went out on the new connection before anything on it was durable"
        assert again >= 10, "the new messages were not delivered again"

    asyncio.run(story())


def test_a05_the_broker_is_restarted(stage: Stage) -> None:
    async def story() -> None:
        async with stage.scene() as scene:
            load = scene.talk()
            waits = []
            for _ in range(int(long(5, 2))):
                await asyncio.sleep(1.0)
                stage.broker.stop()
                await asyncio.sleep(0.5)
                stage.broker.start()
                waits.append(await scene.stored_more(scene.rows()))
            await scene.settle()
            verdict = await scene.judge()
        stage.report(verdict, restarts=len(waits), back_s=round(max(waits), 2), publisher_connections=load.connections)
        proven(verdict)
        assert max(waits) <= BACK_S

    asyncio.run(story())


def packets_of(said: bytes | bytearray, kind: int) -> int:
    """How many control packets of a kind are in what a client said."""
    count = at = 0
    while at < len(said):
        first, at = said[at], at + 1
        size = shift = 0
        while True:
            digit, at = said[at], at + 1
            size |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                break
        count += first & 0xF0 == kind
        at += size
    return count
