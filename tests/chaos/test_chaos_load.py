"""A34 and A35: readers that never read, and little memory."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from ingest_plant import START_NS, Said
from scene import RATE, Scene, Stage, long, port_of, proven
from worker import Worker, memory_mib

from contract import Address, Birth, Production, Sensor, encode

CLIENTS = 50
MACHINES = 400


def births() -> list[Said]:
    """A hall of machines with long names, so that each look at the page is hundreds of kilobytes."""
    said = []
    for number in range(MACHINES):
        address = Address("acme", "plant-1", "production", "line-7", f"{'x' * 55}-{number}")
        work = Production(step="x" * 60, position=1 + number, ideal_cycle_ns=10**9)
        sensors = {f"sensor_{n}": Sensor(unit="1") for n in range(8)}
        message = Birth(boot="0b0b0b0b", seq=1, t=START_NS, role="machine", model="m", version="1", sensors=sensors,
                        production=work)  # fmt: skip
        said.append(Said(address, "birth", message, encode(message)))
    return said


@contextlib.asynccontextmanager
async def page(stage: Stage) -> AsyncIterator[tuple[int, int]]:
    """The page as a process; yields its port and process number."""
    file = stage.folder / "page-url"
    script = Path(__file__).with_name("page_process.py")
    with (stage.folder / "page-log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220  # a moment
            [sys.executable, script, stage.store_url, file], stdout=log, stderr=log
        )
    try:
        while not file.exists() or not file.read_text():
            assert process.poll() is None, (stage.folder / "page-log").read_text()
            await asyncio.sleep(0.05)
        yield port_of(file.read_text()), process.pid
    finally:
        process.kill()
        process.wait()


def deaf(port: int) -> socket.socket:
    """A browser that asks for the events and never reads one."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return client


def cut_off(number: int, port: int) -> int:
    """How many connections the server of this process still has on its port, by the kernel's table."""
    inodes = set()
    for link in Path(f"/proc/{number}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    wanted = f":{port:04X}"
    rows = [line.split() for line in Path(f"/proc/{number}/net/tcp").read_text().splitlines()[1:]]
    return CLIENTS - sum(row[1].endswith(wanted) and row[3] == "01" and row[9] in inodes for row in rows)


async def stored_rate(scene: Scene, seconds: float) -> float:
    """Messages per second that reach the store, by the ingester's own count."""
    start = scene.watch.beats[-1]
    await asyncio.sleep(seconds)
    end = scene.watch.beats[-1]
    return (end["written"] - start["written"]) / (float(end.status["time"]) - float(start.status["time"]))


@pytest.mark.slow
def test_a34_fifty_browsers_that_never_read(stage: Stage) -> None:
    async def story() -> None:
        async with stage.scene() as scene, page(stage) as (port, number):
            ordinary, scene.said = scene.said, iter(births())
            await scene.say(MACHINES)
            scene.said = ordinary
            scene.talk()
            await asyncio.sleep(3.0)
            calm = await stored_rate(scene, 5.0)
            calm_mib = memory_mib(number)
            clients = [deaf(port) for _ in range(CLIENTS)]
            began = time.monotonic()
            peak_mib, gone = calm_mib, 0
            watching = asyncio.create_task(stored_rate(scene, 10.0))
            while gone < CLIENTS and time.monotonic() - began < 40:
                await asyncio.sleep(0.5)
                peak_mib = max(peak_mib, memory_mib(number))
                gone = await asyncio.to_thread(cut_off, number, port)
            cut_s = time.monotonic() - began
            busy = await watching
            for client in clients:
                client.close()
            await scene.settle()
            verdict = await scene.judge()
        stage.report(
            verdict,
            rate_before=round(calm),
            rate_with=round(busy),
            all_cut_after_s=round(cut_s, 1),
            page_growth_mib=round(peak_mib - calm_mib),
        )
        proven(verdict)
        assert calm == pytest.approx(RATE, rel=0.05)
        assert busy >= 0.95 * RATE
        assert gone == CLIENTS
        assert cut_s <= 30
        assert peak_mib - calm_mib <= 50

    asyncio.run(story())


@pytest.mark.slow
def test_a35_128_mib_and_twice_the_load(stage: Stage) -> None:
    """Who never holds more than 128 MiB is not killed at 128 MiB; the kernel notes the highest mark."""

    async def story() -> None:
        async with stage.scene() as scene:
            scene.talk(rate=2 * RATE)
            await asyncio.sleep(long(60, 8))
            await scene.silence()
            scene.worker.kill()
            await scene.say(int(long(60_000, 10_000)), rate=5000)  # and a backlog at once
            await scene.worker.start()
            await scene.settle(timeout_s=200)
            peak_mib = scene.worker.rss_mib("VmHWM")
            verdict = await scene.judge()
        stage.report(verdict, peak_mib=round(peak_mib))
        proven(verdict)
        assert peak_mib <= 128

    asyncio.run(story())


def test_the_peak_is_the_kernels(stage: Stage) -> None:
    """What A35 rests on: the mark is there, and above the memory now."""

    async def story() -> None:
        worker = Worker(stage.broker.url, stage.store_url, stage.folder / "alone")
        async with worker.watched():
            await worker.start()
            assert 20 < worker.rss_mib() <= worker.rss_mib("VmHWM")

    asyncio.run(story())
