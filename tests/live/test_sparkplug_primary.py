"""An edge node with a primary host on a real Mosquitto: the eight assertions of Sparkplug 3.0's primary-host group."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator

import paho.mqtt.client as paho
import pytest
from servers import Mosquitto
from test_simulator_sparkplug_edge import GATEWAY, STAMP, birth, sample

from contract import ConfigError, ContractError
from contract.sparkplug import parse_topic
from contract.sparkplug_payload import decode_payload
from service import Broker, ended
from simulator.sparkplug_client import Mqtt
from simulator.sparkplug_numbers import BirthNumbers
from simulator.sparkplug_primary import PrimaryHost
from simulator.sparkplug_publisher import SparkplugPublisher

HOST = "control room"


class Plant:
    """What hosts say and nodes answer."""

    def __init__(self, mosquitto: Mosquitto) -> None:
        self.said: list[tuple[str, bytes]] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", mosquitto.port)
        self._client.subscribe("spBv1.0/#", qos=1)
        self._client.loop_start()

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        type_ = parse_topic(message.topic).type
        if type_ != "STATE":
            self.said.append((type_, message.payload))

    @property
    def types(self) -> list[str]:
        return [type_ for type_, _ in self.said]

    @property
    def bd_seqs(self) -> list[int]:
        """Of the births so far."""
        births = [decode_payload(payload) for type_, payload in self.said if type_ == "NBIRTH"]
        return [int(metric.value or 0) for said in births for metric in said.metrics if metric.name == "bdSeq"]

    def state(self, host: str, *, online: bool, at_ms: int) -> None:
        said = json.dumps({"online": online, "timestamp": at_ms})
        self._client.publish(f"spBv1.0/STATE/{host}", said, qos=1, retain=True).wait_for_publish(10)

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(20):
                while not condition():  # noqa: ASYNC110  # paho has a thread of its own
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"no {what}: {self.types[-20:]}")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def plant(mosquitto: Mosquitto) -> Iterator[Plant]:
    said = Plant(mosquitto)
    try:
        yield said
    finally:
        said.close()


async def talk(publisher: SparkplugPublisher) -> None:
    await publisher.publish([birth(GATEWAY), birth(STAMP)])
    seq = 1
    while True:
        seq += 1
        await publisher.publish([sample(STAMP, seq)])
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("mqtt", ["5", "3.1.1"])
def test_a_node_lives_and_dies_with_its_primary_host(mosquitto: Mosquitto, plant: Plant, mqtt: Mqtt) -> None:
    async def story() -> None:
        broker, numbers = Broker(url=mosquitto.url), BirthNumbers("")
        primary = PrimaryHost(HOST)
        async with SparkplugPublisher(
            broker, "edge", gateway=GATEWAY, numbers=numbers, mqtt=mqtt, primary=primary
        ) as publisher:
            speech = asyncio.create_task(talk(publisher))
            plant.state("somebody else", online=True, at_ms=9000)
            plant.state(HOST, online=False, at_ms=1000)
            await asyncio.sleep(0.5)
            assert plant.types == [], "phid-wait, phid-wait-id, phid-wait-online: nobody is born"
            plant.state(HOST, online=True, at_ms=2000)
            await plant.until(lambda: plant.types.count("DDATA") > 10, "data once it is online")
            plant.state(HOST, online=False, at_ms=1999)
            count = plant.types.count("DDATA")
            await plant.until(lambda: plant.types.count("DDATA") > count + 50, "data: that was an old will")
            assert "NDEATH" not in plant.types, "termination-host-offline-timestamp"
            plant.state(HOST, online=True, at_ms=2500)
            plant.state(HOST, online=False, at_ms=2500)
            await plant.until(lambda: "NDEATH" in plant.types, "death: phid-offline, termination-host-offline")
            await plant.until(lambda: numbers.next("/".join(GATEWAY.levels[:2])) == 2, "another session: -reconnect")
            await asyncio.sleep(0.5)
            assert plant.types[-1] == "NDEATH", "nothing is said without the host"
            plant.state(HOST, online=True, at_ms=2400)
            await asyncio.sleep(0.3)
            assert plant.types[-1] == "NDEATH", "phid-wait-timestamp: that is older than what is known"
            plant.state(HOST, online=True, at_ms=3000)
            await plant.until(lambda: plant.bd_seqs == [0, 1], "birth")
            await plant.until(lambda: plant.types[-1] == "DDATA", "data")
            await ended(speech)

    asyncio.run(story())


def test_what_is_no_state_changes_nothing() -> None:
    host = PrimaryHost(HOST)
    assert not host.hear(b'{"online":true,"timestamp":5}')
    for payload in (b"", b"[]", b'{"online":1,"timestamp":5}', b'{"online":false}', b"\xff", b" " * 2000):
        with pytest.raises(ContractError):
            host.hear(payload)
    assert host.online
    assert host.hear(b'{"online":false,"timestamp":5}')
    with pytest.raises(ConfigError, match="primary_host"):
        PrimaryHost("a/b")
