"""The broker of docker-compose.yml as it is configured: who may say what, and an operator's command gets through."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from conftest import _program
from servers import ROOT, Mosquitto

from console.cli import main
from contract import Address, Command, Reply, ReplyRow, decode
from service import Broker
from simulator import Outgoing, Publisher

USERS = ("simulator", "ingest", "operator", "health")
MACHINE = Address("acme", "plant-1", "production", "line-1", "stamp-1")
TOPICS = (*(MACHINE.topic(kind) for kind in ("state", "command", "reply")), "qilu/v1/command", "elsewhere/command")
EDGE = {f"spBv1.0/acme/{kind}/plant-1" for kind in ("NBIRTH", "NDATA", "NDEATH")} | {
    f"spBv1.0/acme/{kind}/plant-1/press" for kind in ("DBIRTH", "DDATA", "DDEATH")
}
TO_EDGE = {"spBv1.0/acme/NCMD/plant-1", "spBv1.0/acme/DCMD/plant-1/press", "spBv1.0/STATE/qilu"}
SPARKPLUG = (*EDGE, *TO_EDGE, "spBv1.0/STATE/other", "spBv1.0/acme/NBIRTH", "spBv1.0/acme/NDATA/plant-1/press")
UPTIME = "$SYS/broker/uptime"


class DeployedMosquitto(Mosquitto):
    """A broker with the configuration and the rights of the containers, on a port and with files of its own."""

    def _command(self) -> list[str]:
        subprocess.run([sys.executable, ROOT / "deploy/make_secrets.py", self.directory / "secrets"], check=True)
        (self.directory / "data").mkdir(exist_ok=True)
        own = {
            "listener 1883": f"listener {self.port} 127.0.0.1",
            "/run/secrets/": f"{self.directory}/secrets/",
            "/mosquitto/config/": f"{ROOT}/deploy/mosquitto/",
            "/mosquitto/data/": f"{self.directory}/data/",
        }
        text = (ROOT / "deploy/mosquitto/mosquitto.conf").read_text()
        for theirs, ours in own.items():
            assert theirs in text
            text = text.replace(theirs, ours)
        config = self.directory / "mosquitto.conf"
        config.write_text(text + "user root\n")  # without effect but for root, whose files mosquitto could not read
        return [self.program, "-c", str(config)]

    def password_file(self, user: str) -> Path:
        return self.directory / f"secrets/mqtt_{user}_password"

    def client(self, user: str, **options: Any) -> aiomqtt.Client:
        password = self.password_file(user).read_text().strip()
        return aiomqtt.Client("127.0.0.1", self.port, username=user, password=password, **options)


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[DeployedMosquitto]:
    server = DeployedMosquitto(_program("mosquitto"), tmp_path / "deployed")
    try:
        server.start()
        yield server
    finally:
        server.stop()


async def all_say_and_hear_everything(
    server: DeployedMosquitto, topics: Sequence[str] = TOPICS, filters: Sequence[str] = ("#", "$SYS/#")
) -> dict[str, set[tuple[str, str]]]:
    """Everybody listens to everything and says each topic once; who heard (topic, who said it)."""
    heard: dict[str, set[tuple[str, str]]] = {user: set() for user in USERS}

    async def listen(user: str, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            said_by = "broker" if message.topic.value.startswith("$SYS") else bytes(message.payload).decode()
            heard[user].add((message.topic.value, said_by))

    async with AsyncExitStack() as stack:
        clients = {user: await stack.enter_async_context(server.client(user)) for user in USERS}
        for client in clients.values():
            await client.subscribe([(one, 1) for one in filters])
        ears = [asyncio.create_task(listen(user, client)) for user, client in clients.items()]
        for user, client in clients.items():
            for topic in topics:
                await client.publish(topic, user, qos=1)
        await asyncio.sleep(1)  # what was acknowledged is on its way already
        for ear in ears:
            ear.cancel()
    return heard


def test_everybody_may_do_what_their_work_needs_and_nothing_else(deployed: DeployedMosquitto) -> None:
    state, command, reply, odd, _ = TOPICS
    commands = {(command, "simulator"), (command, "operator"), (command, "ingest")}
    replies = {(reply, "simulator"), (reply, "ingest")}  # those of Sparkplug machines come through the ingester
    assert asyncio.run(all_say_and_hear_everything(deployed)) == {
        "simulator": commands,
        "ingest": {(state, "simulator"), (odd, "simulator"), *replies, *commands},
        "operator": replies,
        "health": {(UPTIME, "broker")},
    }


def test_so_it_is_in_sparkplug(deployed: DeployedMosquitto) -> None:
    hear = asyncio.run(all_say_and_hear_everything(deployed, SPARKPLUG))
    to_edge = {(topic, "ingest") for topic in TO_EDGE}
    assert hear == {
        "simulator": to_edge,
        "ingest": to_edge | {(topic, "simulator") for topic in EDGE},
        "operator": set(),
        "health": {(UPTIME, "broker")},
    }


@pytest.mark.parametrize("login", [{}, {"username": "operator", "password": "guessed"}, {"username": "root"}])
def test_nobody_else_is_let_in(deployed: DeployedMosquitto, login: dict[str, str]) -> None:
    async def try_it() -> None:
        async with aiomqtt.Client("127.0.0.1", deployed.port, **login):
            pytest.fail("the broker let a stranger in")

    with pytest.raises(aiomqtt.MqttError, match="Not authorized"):
        asyncio.run(try_it())


def test_an_operators_command_reaches_the_plant_and_the_reply_comes_back(
    deployed: DeployedMosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    login = ["--username", "operator", "--password-file", str(deployed.password_file("operator"))]
    words = ["command", MACHINE.path, "stop", "--broker", deployed.url, "--wait", "20s", *login]

    async def plant() -> int:
        heard: asyncio.Queue[Command] = asyncio.Queue()

        def hear(_: str, payload: bytes) -> None:
            message = decode("command", payload)
            assert isinstance(message, Command)
            heard.put_nowait(message)

        async def answer(link: Publisher) -> None:
            row = (await heard.get()).rows[0]
            assert row.action == "stop"
            said = [ReplyRow(t=row.t, command=row.command, status="done")]
            await link.publish([Outgoing.of(MACHINE, Reply(boot="0" * 16, seq=1, rows=said))])

        broker = Broker(url=deployed.url, username="simulator", password_file=str(deployed.password_file("simulator")))
        async with Publisher(broker, "plant", listen=[MACHINE.topic("command")], on_message=hear) as link:
            assert await link.listening(5)
            obeying = asyncio.create_task(answer(link))
            done = await asyncio.to_thread(main, words)
            await asyncio.wait_for(obeying, 5)
            return done

    assert asyncio.run(plant()) == 0
    assert capsys.readouterr().out == "done\n"
