"""What a right password must not be able to do: take a part of the ingesters' messages, or their session.

A broker with an ``acl_file`` lets anybody join a shared subscription and then drops that member's part, for it may not
read it; and lets anybody connect under any client identifier. Its dynamic-security plugin forbids both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest
from conftest import _program
from servers import ROOT
from test_broker_rights import MACHINE, TOPICS, UPTIME, DeployedMosquitto, all_say_and_hear_everything

sys.path.insert(0, str(ROOT / "deploy"))
import dynamic_security

PLUGINS = [*Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"), Path("/usr/lib/mosquitto_dynamic_security.so")]
GROUP = "$share/ingest/qilu/v1/#"
SAID = 100


class GuardedMosquitto(DeployedMosquitto):
    """The same broker with the plugin in the place of both files; ``bound`` says who has which client identifier."""

    bound: tuple[tuple[str, str], ...] = (("operator", "operator-1"),)

    def _command(self) -> list[str]:
        plugin = next((path for path in PLUGINS if path.exists()), None)
        if plugin is None:
            pytest.skip("this Mosquitto has no dynamic-security plugin")
        command = super()._command()
        assert dynamic_security.main([str(self.directory / "secrets")]) == 0
        made = self.directory / "secrets" / dynamic_security.MADE
        document = json.loads(made.read_text())
        for client in document["clients"]:  # as `mosquitto_ctrl dynsec setClientId` does it
            client.update(("clientid", name) for user, name in self.bound if user == client["username"])
        made.write_text(json.dumps(document))
        config = self.directory / "mosquitto.conf"
        kept = [line for line in config.read_text().splitlines() if not line.startswith(("acl_file", "password_file"))]
        config.write_text("\n".join([*kept, f"plugin {plugin}", f"plugin_opt_config_file {made}"]) + "\n")
        return command


@pytest.fixture(params=[DeployedMosquitto, GuardedMosquitto])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DeployedMosquitto]:
    """The broker with its two files, and with the plugin."""
    server: DeployedMosquitto = request.param(_program("mosquitto"), tmp_path / "broker")
    try:
        server.start()
        yield server
    finally:
        server.stop()


async def say(broker: DeployedMosquitto) -> None:
    async with broker.client("simulator") as plant:
        for number in range(SAID):
            await plant.publish(MACHINE.topic("state"), str(number), qos=1)


async def heard(client: aiomqtt.Client) -> int:
    """How many messages come until none has come for a second."""
    count = 0
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(1.0):
                await anext(aiter(client.messages))
            count += 1
    return count


def test_the_plugin_gives_the_same_rights() -> None:
    """Line by line: what is in the file is in the plugin's roles, and nothing else but the group."""
    acl = dynamic_security.ACL.read_text()
    made = dynamic_security.configuration(acl, {}, "ingest")
    assert set(made["defaultACLAccess"].values()) == {False, True}
    assert [name for name, allowed in made["defaultACLAccess"].items() if allowed] == ["unsubscribe"]
    lines = {"publishClientSend": "write", "publishClientReceive": "read"}
    for role in made["roles"]:
        part = acl.split(f"user {role['rolename']}\n")[1].split("user ")[0]
        said = {line for line in part.splitlines() if line.startswith("topic")}
        assert said == {
            f"topic {lines[one['acltype']]} {one['topic']}" for one in role["acls"] if one["acltype"] in lines
        }
        asked = {one["topic"] for one in role["acls"] if one["acltype"] == "subscribePattern"}
        read = {line.removeprefix("topic read ") for line in said if line.startswith("topic read")}
        assert {topic for topic in asked if not topic.startswith("$share/")} == read
        assert any(topic.startswith("$share/") for topic in asked) == (role["rolename"] == "ingest")


@pytest.mark.parametrize("line", ["pattern read f/%u/#", "topic readwrite f/#", "topic f/#"])
def test_rights_that_cannot_be_said_to_the_plugin_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match="known are"):
        dynamic_security.configuration(f"user a\n{line}\n", {}, "ingest")


def test_everybody_may_do_the_same_by_the_plugin(tmp_path: Path) -> None:
    server = GuardedMosquitto(_program("mosquitto"), tmp_path / "guarded")
    server.bound = ()
    state, command, reply, odd, _ = TOPICS
    commands = {(command, "simulator"), (command, "operator"), (command, "ingest")}
    filters = ("#", "qilu/v1/#", "qilu/v1/+/+/+/+/+/command", "qilu/v1/+/+/+/+/+/reply", UPTIME)
    try:
        server.start()
        hear = asyncio.run(all_say_and_hear_everything(server, filters=filters))
    finally:
        server.stop()
    replies = {(reply, "simulator"), (reply, "ingest")}
    assert hear == {
        "simulator": commands,
        "ingest": {(state, "simulator"), (odd, "simulator"), *replies, *commands},
        "operator": replies,
        "health": {(UPTIME, "broker")},
    }


def test_who_may_not_read_joins_the_group(broker: DeployedMosquitto) -> None:
    """By an acl_file half of the messages go to the thief and are dropped there; the plugin refuses to subscribe."""

    async def story() -> int:
        thief = broker.client("operator", identifier="operator-1")
        async with broker.client("ingest") as ingest, thief:
            await ingest.subscribe(GROUP, qos=1)
            with contextlib.suppress(aiomqtt.MqttError):
                await thief.subscribe(GROUP, qos=1)
            await say(broker)
            return await heard(ingest)

    assert asyncio.run(story()) == (SAID if isinstance(broker, GuardedMosquitto) else SAID // 2)


def test_who_has_a_password_takes_the_session(broker: DeployedMosquitto) -> None:
    """Under an acl_file the queue of a seat is gone; with the plugin each user has its own client identifier."""

    async def story() -> int:
        def ingester() -> aiomqtt.Client:
            return broker.client("ingest", identifier="qilu-ingest-0", clean_session=False)

        async with ingester() as ingest:
            await ingest.subscribe(GROUP, qos=1)
        await say(broker)
        with contextlib.suppress(aiomqtt.MqttError):
            async with broker.client("operator", identifier="qilu-ingest-0", clean_session=True):
                pass
        async with ingester() as ingest:
            return await heard(ingest)

    assert asyncio.run(story()) == (SAID if isinstance(broker, GuardedMosquitto) else 0)
