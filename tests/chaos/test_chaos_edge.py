"""A6, A8, A20, A31: what a broker lost after it had acknowledged it is found, asked for again, and comes.

What it is: the real simulator with its edge buffer as a process, the real ingester, ``qilu gaps``, and the simulator's
own ledger as the oracle.
What it is not: able to name what an address said last of all when nothing of it came after: there is no gap yet.
"""

from __future__ import annotations

import asyncio
import signal
import time
from itertools import pairwise

import pytest
from edge import Name, Simulator, gaps, named, quiet, said, silent, stored
from fault_proxy import FaultProxy
from influx_oracle import ask
from scene import Scene, Stage, long

from analytics.keeper import Keeper, Status
from analytics.settings import Settings
from console.verify import verify
from historian import open_store


async def made_good(stage: Stage, scene: Scene, simulator: Simulator, least: int) -> None:
    """The report names exactly what the ledger misses; then it is asked for, and nothing is missing any more."""
    await simulator.live()
    simulator.signal(signal.SIGSTOP)  # so that the report and the ledger speak of the same moment
    await quiet(stage)
    report = await gaps(stage)
    has = stored(stage)
    simulator.signal(signal.SIGCONT)
    lost = said(simulator.ledger, "a") - has
    hidden = silent(lost, has)
    assert len(lost) >= least, "nothing was lost that could be found"
    assert named(report) == lost - hidden, (len(named(report)), len(lost), len(hidden))
    began = time.monotonic()
    resent = await gaps(stage, "--resend", "--broker", stage.broker.url)
    while (left := lost - hidden - stored(stage)) and time.monotonic() - began < 30:  # noqa: ASYNC110
        await asyncio.sleep(0.3)
    healed_s = time.monotonic() - began
    assert not left, f"{len(left)} are missing still\n{resent['resent']}\n{simulator.log()}"
    await simulator.end()
    first = said(simulator.ledger, "p")
    if (
        hidden
    ):  # the last words of everybody show the gaps of those who were silent; the next start has the buffer still
        simulator.start(ledger=stage.folder / "second", start="2026-04-02T00:00:00Z", history_h=0.1)
        await simulator.live()
        await gaps(stage, "--resend", "--broker", stage.broker.url)
        await simulator.end()
    await quiet(stage)
    await scene.worker.end()
    has = stored(stage)
    left, unexpected = first - has, has - first - said(stage.folder / "second", "p")
    stage.report(
        published=len(first),
        lost_by_the_broker=len(lost),
        named_by_the_gaps=len(named(report)),
        lost=len(left),
        unexpected=len(unexpected),
        healed_s=round(healed_s, 1),
        law=f"{len(scene.watch.beats) - len(scene.watch.broken)}/{len(scene.watch.beats)}",
    )
    assert not left, sorted(left)[:3]
    assert not unexpected, sorted(unexpected)[:3]
    assert healed_s <= 30, resent["resent"]
    assert not scene.watch.broken


BY_HAND = {"resend": "false"}
"""So that the report is of everything that was lost, and not of what the ingester has not asked for yet."""
FAST = {"start": "2026-03-02T00:00:00Z", "history_h": long(48, 24), "history_telemetry_s": 60, "speed": 5.0}


@pytest.mark.slow
def test_a06_the_broker_is_killed_while_the_ingester_is_away(stage: Stage) -> None:
    """Mosquitto acknowledges at once and saves every half hour; messages and session are gone."""

    async def story() -> None:
        simulator = Simulator(stage, **FAST)
        async with stage.scene(settings=BY_HAND) as scene:
            simulator.start()
            try:
                await simulator.acked(200)
                await quiet_births(stage)
                scene.worker.kill()
                await simulator.acked(len(said(simulator.ledger, "a")) + long(2000, 700))
                stage.broker.kill()
                stage.broker.start()
                await scene.worker.start()
                await made_good(stage, scene, simulator, least=int(long(1000, 300)))
            finally:
                simulator.kill()

    asyncio.run(asyncio.wait_for(story(), 240))


@pytest.mark.slow
def test_a06_the_ingester_asks_by_itself(stage: Stage) -> None:
    """The same without anybody looking: it sees the gaps, asks the store, and then the gateway."""

    async def story() -> None:
        simulator = Simulator(stage, **FAST)
        async with stage.scene(settings={"gap_grace_s": 2.0}) as scene:
            simulator.start()
            try:
                await simulator.acked(200)
                await quiet_births(stage)
                scene.worker.kill()
                await simulator.acked(len(said(simulator.ledger, "a")) + 500)
                stage.broker.kill()
                stage.broker.start()
                await scene.worker.start()
                await simulator.live()
                began = time.monotonic()
                while left := found_missing(stage, simulator):
                    assert time.monotonic() - began < 60, f"{len(left)} are missing still\n{scene.worker.log()}"
                    await asyncio.sleep(1.0)
                healed_s = time.monotonic() - began
                await simulator.end()
                await quiet(stage)
                await scene.worker.end()
            finally:
                simulator.kill()
        stage.report(by_itself_healed_s=round(healed_s, 1))
        assert not scene.watch.broken

    asyncio.run(asyncio.wait_for(story(), 240))


def found_missing(stage: Stage, simulator: Simulator) -> set[Name]:
    """What is lost and shows itself as a gap."""
    has = stored(stage)
    lost = said(simulator.ledger, "a") - has
    return {name for name in lost - silent(lost, has) if not is_fresh(name, lost, has)}


def is_fresh(name: Name, lost: set[Name], has: set[Name]) -> bool:
    """Whether it may just be under way: it is among the newest three of its address."""
    newest = max((seq for path, boot, seq in has | lost if (path, boot) == name[:2]), default=0)
    return name[2] > newest - 3


async def quiet_births(stage: Stage) -> None:
    """Wait until the gateway's birth is stored: without it nobody knows whom to ask."""
    deadline = time.monotonic() + 30
    while not ask(stage.influxd, stage.bucket, "SELECT role FROM birth WHERE role = 'gateway'"):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


@pytest.mark.slow
def test_a08_the_brokers_queue_overflows(stage: Stage) -> None:
    stage.broker.stop()
    stage.broker.options |= {"max_queued_messages": str(int(long(1000, 200))), "max_inflight_messages": "100"}
    stage.broker.start()

    async def story() -> None:
        simulator = Simulator(stage, **FAST | {"history_h": long(72, 24)})
        async with stage.scene(settings=BY_HAND) as scene:
            simulator.start()
            try:
                await simulator.acked(200)
                await quiet_births(stage)
                scene.worker.kill()
                await simulator.acked(len(said(simulator.ledger, "a")) + long(5000, 1000))
                await scene.worker.start()
                await made_good(stage, scene, simulator, least=int(long(2000, 300)))
            finally:
                simulator.kill()

    asyncio.run(asyncio.wait_for(story(), 240))


def test_a20_silence_between_the_simulator_and_the_broker(stage: Stage) -> None:
    """Plant time goes on or waits; what was said comes late, with its own times, and every figure is the truth's."""

    async def story() -> None:
        proxy = FaultProxy(stage.broker.port)
        async with proxy.laid(), stage.scene() as scene:
            simulator = Simulator(stage, proxy.mqtt, start="2026-03-02T00:00:00Z", history_h=2.0, speed=60.0)
            simulator.start()
            try:
                await simulator.acked(300)
                proxy.partition()
                await asyncio.sleep(long(60, 6))
                proxy.heal()
                await simulator.acked(len(said(simulator.ledger, "a")) + 50)
                await simulator.end()
                await quiet(stage)
                await scene.worker.end()
            finally:
                simulator.kill()
        async with open_store(stage.store_url) as store:
            keeper = Keeper(Settings(), store, Status())
            while await keeper.update(scan=True):
                pass
        report = await verify(simulator.ledger, stage.store_url)
        m = report.messages
        stage.report(acked=m.acknowledged, lost=m.lost, unexpected=m.unexpected, dup=m.duplicated,
                     figures=report.figures.compared, worst=report.figures.worst)  # fmt: skip
        assert report.ok, report.as_text()

    asyncio.run(asyncio.wait_for(story(), 200))


def test_a31_the_simulator_is_killed_and_started_again(stage: Stage) -> None:
    """A new boot; what the old one had not been able to say comes from the buffer, and no moment is told twice."""

    async def story() -> None:
        memory = stage.folder / "memory"
        # At speed 1 and without a start of its own a restart goes on where the memory says.
        simulator = Simulator(stage, memory=memory, history_h=2.0, speed=1.0)
        ledgers = []
        async with stage.scene() as scene:
            try:
                for number in range(3):
                    simulator.ledger = stage.folder / f"ledger-{number}"
                    ledgers.append(simulator.ledger)
                    simulator.start(ledger=simulator.ledger)
                    await simulator.acked(100 if number == 0 else 20)
                    await asyncio.sleep(0.5)
                    if number < 2:
                        simulator.kill()
                await simulator.end()
                await quiet(stage)
                await scene.worker.end()
            finally:
                simulator.kill()
        has = stored(stage)
        published = [said(ledger, "p") for ledger in ledgers]
        lost, unexpected = set().union(*published) - has, has - set().union(*published)
        twice = overlaps(stage)
        stage.report(boots=len(ledgers), published=sum(map(len, published)), lost=len(lost),
                     unexpected=len(unexpected), moments_told_twice=twice)  # fmt: skip
        assert not lost, sorted(lost)[:3]
        assert not unexpected, sorted(unexpected)[:3]
        assert twice == 0
        assert not scene.watch.broken

    asyncio.run(asyncio.wait_for(story(), 200))


def overlaps(stage: Stage) -> int:
    """How many lots and readings of a boot are not later than all of the boots before it, by machine."""
    count = 0
    for kind in ("cycle", "meter"):
        for series in ask(stage.influxd, stage.bucket, f'SELECT _boot, _seq FROM "{kind}" GROUP BY *'):
            order = list(dict.fromkeys(boot for _, boot, _ in series["values"]))  # rows come in order of time
            ranks = [order.index(boot) for _, boot, _ in series["values"]]
            count += sum(after < before for before, after in pairwise(ranks))
    return count
