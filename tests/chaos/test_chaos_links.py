"""A19, A21 to A26: the cable is silent, bad or cut, the ingester slow, double or one of two, and all comes thrice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time

import pytest
from fault_proxy import CLEAN, FaultProxy, Faults
from load import stream
from scene import RSS_MIB, Stage, long, proven
from worker import Worker

KEEPALIVE_S = 15
"""What the ingester asks of the broker (``ingest/subscriber.py``)."""


@pytest.mark.slow
def test_a19_silence_between_the_broker_and_the_ingester(stage: Stage) -> None:
    """Nothing is forwarded and nothing is closed, so that only the keep-alive can find it."""

    async def story() -> None:
        proxy = FaultProxy(stage.broker.port)
        async with proxy.laid(), stage.scene(broker_url=proxy.mqtt) as scene:
            scene.talk(rate=100)
            await asyncio.sleep(2.0)
            proxy.partition()
            cut_at = time.monotonic()
            await scene.worker.until(lambda status: not status["connected"], 3 * KEEPALIVE_S)
            found_s = time.monotonic() - cut_at
            await asyncio.sleep(max(0.0, long(60, 35) - found_s))
            stored = scene.rows()
            proxy.heal()
            back_s = await scene.stored_more(stored)
            await scene.settle()
            verdict = await scene.judge()
        stage.report(verdict, found_s=round(found_s, 1), back_s=round(back_s, 1))
        proven(verdict)
        assert found_s <= 2 * KEEPALIVE_S + 2  # a beat of the status file is a second
        assert back_s <= 5.0

    asyncio.run(story())


def test_a21_a_bad_link(stage: Stage) -> None:
    """5 % of the pieces are sent again, 200 ± 100 ms, 64 kbit/s."""

    async def story() -> None:
        bad = Faults(delay_s=0.2, jitter_s=0.1, bytes_per_s=8000, loss=0.05)
        proxy = FaultProxy(stage.broker.port, stage.seed, bad)
        async with proxy.laid(), stage.scene(broker_url=proxy.mqtt) as scene:
            began = time.monotonic()
            scene.talk(rate=20)
            await asyncio.sleep(long(120, 12))
            await scene.settle()
            minutes = (time.monotonic() - began) / 60
            again = proxy.connections - 1
            proxy.faults = CLEAN
            verdict = await scene.judge()
        stage.report(verdict, reconnects=again, minutes=round(minutes, 2))
        proven(verdict, least=200)
        assert again <= 3 * max(minutes, 1)

    asyncio.run(story())


def test_a22_slices_resets_in_mid_packet_and_slow_ends(stage: Stage) -> None:
    async def story() -> None:
        proxy = FaultProxy(stage.broker.port, stage.seed, Faults(pieces=(1, 7), close_s=0.5))
        async with proxy.laid(), stage.scene(broker_url=proxy.mqtt) as scene:
            scene.talk(rate=100)
            await asyncio.sleep(long(20, 3))
            for count in (3, 70, 113):  # in CONNECT, in SUBSCRIBE or later, among the acknowledgements
                proxy.tear_after(count)
                proxy.reset()
                await asyncio.sleep(0.7)
                proxy.whole()
                await scene.stored_more(scene.rows())
            proxy.faults = CLEAN
            await scene.settle()
            status = scene.worker.status()
            verdict = await scene.judge()
        stage.report(verdict, connections=proxy.connections)
        proven(verdict, least=300)
        assert status is not None
        assert status["dead_lettered"] == 0
        assert "Traceback" not in scene.worker.log()

    asyncio.run(story())


@pytest.mark.slow
def test_a23_the_ingester_stands_still(stage: Stage) -> None:
    """SIGSTOP at 5,000 messages a second: the broker holds them, and the memory stays bounded afterwards."""

    async def story() -> None:
        async with stage.scene() as scene:
            scene.talk(rate=5000, window=60_000)
            await asyncio.sleep(1.0)
            scene.worker.signal(signal.SIGSTOP)
            await asyncio.sleep(long(30, 5))
            scene.worker.signal(signal.SIGCONT)
            await scene.settle(timeout_s=240)
            peak_mib = scene.worker.rss_mib("VmHWM")
            verdict = await scene.judge()
        stage.report(verdict, peak_mib=round(peak_mib))
        proven(verdict, least=10_000)
        assert peak_mib <= RSS_MIB

    asyncio.run(story())


@pytest.mark.parametrize("back", [True, False], ids=["and-comes-back", "for-good"])
def test_a24_two_ingesters_share_the_work_and_one_is_killed(stage: Stage, back: bool) -> None:
    """The sessions of the group are seats; those of a dead ingester are taken by the other, with what waits there."""

    async def story() -> None:
        share = {"share": "group", "seats": 4, "seats_directory": stage.folder / "seats"}
        async with contextlib.AsyncExitStack() as stack:
            scene = await stack.enter_async_context(stage.scene(settings=share))
            other = Worker(stage.broker.url, stage.store_url, stage.folder / "other", share)
            await stack.enter_async_context(other.watched())
            await other.start()
            await asyncio.sleep(3.0)  # the seats are divided
            scene.talk()
            await asyncio.sleep(2.0)
            other.kill()
            killed_at = time.monotonic()
            await asyncio.sleep(long(10, 3))
            if back:
                await other.start()
            await scene.settle()
            whole_s = time.monotonic() - killed_at
            shares = [worker.watch.beats[-1]["received"] for worker in (scene.worker, other)]
            if back:
                await other.end()
            verdict = await scene.judge()
        figures = {"received": shares, "all_stored_s_after_the_kill": round(whole_s, 1)}
        stage.report(verdict, **{f"{'back' if back else 'for good'}: {name}": value for name, value in figures.items()})
        proven(verdict)
        assert min(shares) > 0
        assert not other.watch.broken
        assert whole_s <= 60

    asyncio.run(story())


@pytest.mark.slow
def test_a25_two_ingesters_of_one_name(stage: Stage) -> None:
    """Each throws the other out (MQTT 5.0, 3.1.4); they must not do so in a tight loop, and say what is wrong."""

    async def story() -> None:
        one, two = FaultProxy(stage.broker.port), FaultProxy(stage.broker.port)
        async with contextlib.AsyncExitStack() as stack:
            for proxy in (one, two):
                await stack.enter_async_context(proxy.laid())
            scene = await stack.enter_async_context(stage.scene(broker_url=one.mqtt))
            other = Worker(two.mqtt, stage.store_url, stage.folder / "other")
            await stack.enter_async_context(other.watched())
            other.launch()
            scene.talk(rate=100)
            await asyncio.sleep(10.0)  # the first attempts come fast, as they should
            before = one.connections + two.connections
            window_s = long(60, 20)
            await asyncio.sleep(window_s)
            per_minute = (one.connections + two.connections - before) * 60 / window_s
            other.kill()
            await scene.settle(still_s=40.0)  # the one that is left may be giving way for up to 30 s
            verdict = await scene.judge()
        stage.report(verdict, takeovers_per_min=round(per_minute, 1), in_the_first_10_s=before)
        proven(verdict)
        assert per_minute <= 6
        assert "is another client connected as" in scene.worker.log() + other.log()

    asyncio.run(story())


def test_a26_every_message_comes_three_times(stage: Stage) -> None:
    """Twice at once, the second with DUP set, and all of them once more after a restart of the ingester."""

    async def story() -> None:
        async with stage.scene() as scene:
            await scene.say(1500, copies=3)
            await scene.settle()
            await scene.worker.until(lambda status: status["received"] >= 4500 and status["buffered"] == 0)
            first = scene.worker.status()
            scene.worker.kill()
            await scene.worker.start()
            scene.said = stream(stage.seed)
            await scene.say(1500)
            await scene.worker.until(lambda status: status["received"] >= 1500 and status["buffered"] == 0)
            verdict = await scene.judge()
        assert first is not None
        stage.report(verdict, received=first["received"] + 1500, duplicate=first["duplicate"])
        proven(verdict)
        assert first["duplicate"] == 3000
        assert first["written"] == 1500

    asyncio.run(story())
