"""The edge buffer against a real Mosquitto: what a killed broker has lost is named by the gaps, and comes again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from itertools import count
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from aiomqtt import ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from servers import Mosquitto

from contract import MAX_BYTES, Address, Command, CommandRow, Reply, decode, encode
from contract.compression import GZIP, ZSTD, decompress
from service import Broker
from simulator.run import Progress, simulate
from simulator.settings import Settings

SITE = "plant-1"
GATEWAY = Address("qingdao-appliances", SITE, "production", "line-1", "gateway")
FIRST, SECOND = "00000001", "00000002"
Name = tuple[str, str, int]
"""Path, boot and seq."""
_COMMANDS = count(1)


class Ear:
    """A subscriber with a session that the broker is to keep; what has come, by name."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.came: dict[Name, bytes] = {}
        self.times: Counter[Name] = Counter()
        self.content_types: Counter[str] = Counter()
        self.wire_bytes = self.plain_bytes = 0
        self.replies: asyncio.Queue[tuple[str, str | None]] = asyncio.Queue()

    def client(self) -> aiomqtt.Client:
        lasting = Properties(PacketTypes.CONNECT)
        lasting.SessionExpiryInterval = 3600
        return aiomqtt.Client(
            "127.0.0.1", self.port, identifier="ear", protocol=ProtocolVersion.V5, clean_start=False, properties=lasting
        )

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[aiomqtt.Client]:
        async with self.client() as client:
            await client.subscribe(f"qilu/v1/+/{SITE}/#", qos=1)
            task = asyncio.create_task(self._listen(client))
            try:
                yield client
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            address, kind = Address.of_topic(str(message.topic))
            packed = bytes(message.payload)
            content_type = getattr(message.properties, "ContentType", "")
            payload = decompress(packed, content_type, MAX_BYTES)
            said = decode(kind, payload)
            self.content_types[content_type] += 1
            self.wire_bytes += len(packed)
            self.plain_bytes += len(payload)
            if kind == "command" or said.seq == 0:  # what was asked, and wills: nobody counts them
                continue
            name = (address.path, said.boot, said.seq)
            assert self.came.setdefault(name, payload) == payload, "a message that comes again is the same"
            self.times[name] += 1
            for row in said.rows if isinstance(said, Reply) else []:
                if row.status != "accepted":
                    self.replies.put_nowait((row.status, row.reason))

    async def until_quiet(self) -> None:
        """Until nothing has come for half a second."""
        before = -1
        while self.times.total() != before:
            before = self.times.total()
            await asyncio.sleep(0.5)

    def gaps(self, boot: str) -> set[Name]:
        """What is missing before the newest message of each address."""
        seen: defaultdict[str, set[int]] = defaultdict(set)
        for path, its_boot, seq in self.came:
            if its_boot == boot:
                seen[path].add(seq)
        return {(path, boot, seq) for path, seqs in seen.items() for seq in set(range(1, max(seqs))) - seqs}


async def ask(client: aiomqtt.Client, ear: Ear, missing: Iterable[Name]) -> None:
    """Ask the gateway for messages, and wait until it has sent them all."""
    wanted: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for path, boot, seq in sorted(missing):
        wanted[path, boot].append(seq)
    for (path, boot), seqs in wanted.items():
        for at in range(0, len(seqs), 30):  # an argument has 200 characters
            part = seqs[at : at + 30]
            words = {"address": path, "boot": boot, "seqs": ",".join(map(str, part))}
            number = next(_COMMANDS)
            row = CommandRow(t=number, command=f"again-{number}", action="resend", arguments=words)
            command = Command(boot="aaaaaaaa", seq=number, rows=[row])
            await client.publish(GATEWAY.topic("command"), encode(command), qos=1)
            answer = await asyncio.wait_for(ear.replies.get(), 20)
            assert answer == ("done", f"found {len(part)}, not found 0")


def told(ledger: Path, word: str, boot: str) -> set[Name]:
    """What the ledger says was tried (``p``) or acknowledged (``a``)."""
    lines = [json.loads(line) for line in ledger.read_text().splitlines() if line.startswith(f'["{word}"')]
    return {(line[1], boot, line[-2] if word == "p" else line[-1]) for line in lines}


def plant(folder: Path, **changes: Any) -> Settings:
    """A day as fast as it goes, then plant time as good as stands still."""
    folder.mkdir(exist_ok=True)
    base = {"site": SITE, "start": "2026-11-20T00:00:00Z", "history_h": 24.0, "speed": 1e-6, "shifts": "continuous"}
    return Settings(**base | {"outbox": str(folder / "outbox"), "ledger": str(folder / "ledger")} | changes)


@contextlib.asynccontextmanager
async def running(settings: Settings, broker: Mosquitto, boot: str) -> AsyncIterator[Progress]:
    """A simulator that ends cleanly with the context."""
    stop, progress = asyncio.Event(), Progress()
    task = asyncio.create_task(simulate(settings, Broker(url=broker.url), stop=stop, boot=boot, progress=progress))
    try:
        yield progress
        stop.set()
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(task_of: Progress, phase: str = "", acked: int = 0) -> None:
    async with asyncio.timeout(60):
        while task_of.acked < acked or (phase and task_of.phase != phase):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.mark.slow
def test_a_killed_broker_loses_what_the_gaps_name_and_the_edge_has_it(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Mosquitto as it comes: it acknowledges at once and saves every half hour, and the session is gone as well."""

    async def story() -> None:
        ear = Ear(mosquitto.port)
        async with ear.client() as client:
            await client.subscribe(f"qilu/v1/+/{SITE}/#", qos=1)
        settings = plant(tmp_path / "plant", history_telemetry_s=2)
        ledger = Path(settings.ledger)
        async with running(settings, mosquitto, FIRST) as progress:
            await until(progress, acked=600)
            await asyncio.to_thread(mosquitto.kill)
            before = told(ledger, "a", FIRST)
            await asyncio.to_thread(mosquitto.start)
            async with ear.listening() as client:
                await until(progress, phase="live")
                await ear.until_quiet()
                lost = told(ledger, "a", FIRST) - ear.came.keys()
                gaps = ear.gaps(FIRST)
                assert len(lost) >= 600, "the broker has lost what it had acknowledged"
                assert len(before - ear.came.keys()) >= 600
                newest = {path: max(seq for p, _, seq in ear.came if p == path) for path, _, _ in ear.came}
                silent = {name for name in lost if name[2] > newest.get(name[0], 0)}
                assert gaps == lost - silent, "exactly what is lost, but for who has said nothing since"
                await ask(client, ear, gaps)
                await ear.until_quiet()
                assert ear.gaps(FIRST) <= silent, "by its answers the gateway is silent no more"
                assert told(ledger, "a", FIRST) - ear.came.keys() == silent
        # The last words of everybody show the gaps of those who were silent. The next start has the buffer still.
        async with ear.listening() as client:
            await ear.until_quiet()
            assert told(ledger, "p", FIRST) - ear.came.keys() == ear.gaps(FIRST) == silent
            again = plant(tmp_path / "plant", history_h=0.05, ledger=str(tmp_path / "second"))
            async with running(again, mosquitto, SECOND) as progress:
                await until(progress, phase="live")
                await ask(client, ear, silent)
                await ear.until_quiet()
            await ear.until_quiet()
        for path, boot in ((ledger, FIRST), (tmp_path / "second", SECOND)):
            said = told(path, "p", boot)
            assert said == {name for name in ear.came if name[1] == boot}, "nothing lost, nothing unexpected"
            assert not ear.gaps(boot)

    asyncio.run(asyncio.wait_for(story(), 120))


@pytest.mark.slow
def test_a_killed_simulator_leaves_nothing_behind(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """The broker does not answer, and the simulator is killed: the next start sends what had not been acknowledged."""
    settings = plant(tmp_path / "plant")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("QILU_")} | {
        "QILU_BROKER_URL": mosquitto.url,
        **{
            f"QILU_SIMULATOR_{key.upper()}": str(getattr(settings, key))
            for key in ("site", "start", "outbox", "ledger")
        },
        "QILU_SIMULATOR_SPEED": "max",
    }

    async def story() -> None:
        ear = Ear(mosquitto.port)
        async with ear.listening():
            command = [sys.executable, "-m", "simulator"]
            process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL)  # noqa: ASYNC220
            try:
                while len(ear.came) < 300:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
                mosquitto.pause()
                await asyncio.sleep(0.5)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            mosquitto.resume()
            await ear.until_quiet()
            boot = next(iter(ear.came))[1]
            said = told(Path(settings.ledger), "p", boot)
            left = said - ear.came.keys()
            again = plant(tmp_path / "plant", start="2026-12-01T00:00:00Z", history_h=0.05, ledger="")
            async with running(again, mosquitto, SECOND) as progress:
                await until(progress, phase="live")
            await ear.until_quiet()
            assert left, "something was under way"
            assert said == {name for name in ear.came if name[1] == boot}
            assert not ear.gaps(boot)

    asyncio.run(asyncio.wait_for(story(), 120))


@pytest.mark.slow
@pytest.mark.parametrize(("compress", "content_type"), [("none", ""), ("gzip", GZIP), ("zstd", ZSTD)])
def test_a_packed_history_is_the_same_and_smaller(
    mosquitto: Mosquitto, tmp_path: Path, compress: str, content_type: str, record_property: Any
) -> None:
    async def story() -> None:
        ear = Ear(mosquitto.port)
        async with ear.listening() as client:
            async with running(plant(tmp_path / "plant", compress=compress), mosquitto, FIRST) as progress:
                await until(progress, phase="live")
                await ear.until_quiet()
                if content_type:
                    telemetry = [name for name, payload in ear.came.items() if b'"values"' in payload][-3:]
                    await ask(client, ear, telemetry)
                    await ear.until_quiet()
                    assert [ear.times[name] for name in telemetry] == [2, 2, 2]
            await ear.until_quiet()
        assert told(tmp_path / "plant" / "ledger", "p", FIRST) == ear.came.keys()
        packed = ear.content_types[content_type] if content_type else 0
        ratio = ear.plain_bytes / ear.wire_bytes
        record_property("ratio", ratio)
        print(f"{compress}: {packed} of {ear.content_types.total()} messages packed, {ratio:.2f} times smaller")
        if content_type:
            assert ear.content_types.keys() == {"", content_type}
            assert ratio > 2
        else:
            assert ratio == 1

    asyncio.run(asyncio.wait_for(story(), 120))
