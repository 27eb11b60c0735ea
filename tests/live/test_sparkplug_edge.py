"""The simulator as a Sparkplug edge node on a real Mosquitto: sessions, rebirths, SIGKILL and restart, both MQTTs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from servers import ROOT, Mosquitto
from sparkplug_sessions import Said, Session, sessions_of
from test_simulator_sparkplug_edge import GATEWAY, STAMP, birth, death, sample

from contract import Cycle, Reply
from contract.sparkplug import parse_topic
from contract.sparkplug_payload import DataType, Metric, Payload, decode_payload, encode_payload
from service import Broker
from simulator.sparkplug_client import Mqtt
from simulator.sparkplug_numbers import BirthNumbers
from simulator.sparkplug_publisher import SparkplugPublisher

PATIENCE_S = 60.0
GROUP, NODE = "qingdao-appliances", "plant-1"
MACHINE = "production:line-1:stamp-1"


class Collector:
    """A paho subscriber of everything on the namespace that a node says; and the host's voice."""

    def __init__(self, mosquitto: Mosquitto) -> None:
        self.said: list[Said] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", mosquitto.port)
        self._client.subscribe("spBv1.0/#", qos=1)
        self._client.loop_start()

    def _on_message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        if parse_topic(message.topic).type not in ("NCMD", "DCMD", "STATE"):
            self.said.append((message.topic, message.payload, message.qos, message.retain))

    def types(self, since: int = 0) -> list[str]:
        return [parse_topic(topic).type for topic, *_ in self.said[since:]]

    def until(self, condition: Callable[[list[str]], bool], what: str, since: int = 0) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition(self.types(since)):
            assert time.monotonic() < deadline, f"no {what}: {self.types(since)[-20:]}"
            time.sleep(0.02)

    def tell(self, type_: str, device: str | None, *metrics: Metric) -> None:
        levels = ["spBv1.0", GROUP, type_, NODE, *([device] if device else [])]
        payload = encode_payload(Payload(time.time_ns() // 1_000_000, None, metrics))
        self._client.publish("/".join(levels), payload, qos=0).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def ears(mosquitto: Mosquitto) -> Iterator[Collector]:
    collector = Collector(mosquitto)
    try:
        yield collector
    finally:
        collector.close()


@contextmanager
def simulator(mosquitto: Mosquitto, folder: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m simulator`` as an edge node; what it remembers stands in ``folder``."""
    fields = {
        "wire": "sparkplug",
        "sparkplug_memory": str(folder / "numbers.json"),
        "memory": str(folder / "told.json"),
        "history_h": "1",
        "shifts": "continuous",
        "history_telemetry_s": "60",
        "speed": "60",
    } | settings
    environ = {name: value for name, value in os.environ.items() if not name.startswith("QILU_")}
    environ |= {"QILU_BROKER_URL": mosquitto.url}
    environ |= {f"QILU_SIMULATOR_{name.upper()}": value for name, value in fields.items()}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "simulator"], cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_simulator_is_an_edge_node(mosquitto: Mosquitto, ears: Collector, tmp_path: Path) -> None:
    """More than 600 messages, a rebirth in the middle of them, a command and its reply, and a clean end."""
    with simulator(mosquitto, tmp_path) as process:
        ears.until(lambda types: types.count("DDATA") > 300, "data")
        before = len(ears.said)
        ears.tell("NCMD", None, Metric("Node Control/Rebirth", DataType.Boolean, False))
        ears.tell("NCMD", None, Metric("Node Control/Rebirth", DataType.Boolean, True))
        ears.until(lambda types: "NBIRTH" in types, "rebirth", since=before)
        ears.tell("DCMD", "production:line-1:nobody", Metric("command/action", DataType.String, "maintain"))
        ears.tell("DCMD", MACHINE, Metric("command/action", DataType.String, "maintain"))
        ears.until(lambda types: types.count("DDATA") > 600, "more data")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, (tmp_path / "log").read_text()
    ears.until(lambda types: types.count("NDEATH") == 2, "deaths: the node's own, and the broker's for MQTT 5")
    (session,) = sessions_of(ears.said)
    assert (session.bd_seq, session.births, session.ended) == (0, 2, True)
    assert session.types[0] == "NBIRTH"
    births = session.types.count("DBIRTH") // 2
    assert session.types[1 : 1 + births] == ["DBIRTH"] * births
    assert session.types[-1] == "NDEATH"
    assert session.types.count("DDEATH") == births
    replies = [message for _, kind, message in session.messages if kind == "reply"]
    assert replies
    assert isinstance(replies[0], Reply)
    assert replies[0].rows[0].command.startswith("dcmd-")
    assert_all_is_there(session)
    late = Collector(mosquitto)
    time.sleep(0.5)
    late.close()
    assert late.said == [], "nothing is retained"


def assert_all_is_there(session: Session) -> None:
    """The contract's numbers of each address have no gap and nothing twice, but for births that were asked for."""
    numbers: dict[str, list[int]] = {}
    for path, _, message in session.messages:
        said = numbers.setdefault(path, [])
        if message.seq not in said:
            said.append(message.seq)
    assert len(numbers) > 20
    for path, said in numbers.items():
        assert said == list(range(1, 1 + len(said))), path


def test_kill_and_restart(mosquitto: Mosquitto, ears: Collector, tmp_path: Path) -> None:
    """SIGKILL: the broker says NDEATH with the number of the session; the next start counts on and repeats nothing."""
    for number in range(2):
        before = len(ears.said)
        with simulator(mosquitto, tmp_path) as process:
            ears.until(lambda types: types.count("DDATA") > 200, "data", since=before)
            process.send_signal(signal.SIGKILL)
            process.wait()
        ears.until(lambda types: types[-1:] == ["NDEATH"], "death", since=before)
        assert json.loads((tmp_path / "numbers.json").read_text()) == {f"{GROUP}/{NODE}": number}
    first, second = sessions_of(ears.said)
    assert (first.bd_seq, first.ended, second.bd_seq, second.ended) == (0, True, 1, True)
    made: list[tuple[str, int]] = []
    last: dict[str, int] = {}
    for session in (first, second):
        new: dict[str, int] = {}
        for path, _, message in session.messages:
            if isinstance(message, Cycle):
                made += [(path, row.t) for row in message.rows]
                assert message.rows[0].t > last.get(path, 0), "time goes on where the killed run had been"
                new[path] = message.rows[-1].t
        last |= new
    assert made
    assert len(made) == len(set(made)), "no part is counted twice"


@pytest.mark.parametrize("mqtt", ["5", "3.1.1"])
def test_both_versions_of_mqtt(mosquitto: Mosquitto, ears: Collector, mqtt: Mqtt) -> None:
    numbers = BirthNumbers("")

    async def session(*, peaceful: bool) -> None:
        broker = Broker(url=mosquitto.url)
        async with SparkplugPublisher(broker, "edge", gateway=GATEWAY, numbers=numbers, mqtt=mqtt) as publisher:
            await publisher.publish([birth(GATEWAY), birth(STAMP), *(sample(STAMP, n) for n in range(2, 700))])
            await publisher.publish([death(STAMP, 700), death(GATEWAY, 2)] if peaceful else [])
            if not peaceful:
                raise ZeroDivisionError

    asyncio.run(session(peaceful=True))
    ears.until(lambda types: "NDEATH" in types, "farewell")
    time.sleep(0.3)
    deaths = ears.types().count("NDEATH")
    assert deaths == (2 if mqtt == "5" else 1), "in MQTT 5 the will comes as well, as the standard has it"
    with pytest.raises(ZeroDivisionError):
        asyncio.run(session(peaceful=False))
    ears.until(lambda types: types.count("NDEATH") == deaths + 1, "will")
    one, two = sessions_of(ears.said)
    assert (one.bd_seq, one.ended, two.bd_seq, two.ended) == (0, True, 1, True)
    assert len(one.types) == len(two.types) + 2 == 2 + 698 + 2 + 1


def test_a_death_of_before_has_the_number_of_before(mosquitto: Mosquitto, ears: Collector) -> None:
    """A second connection of the same name throws the first out: its NDEATH cannot be taken for the new session's."""
    numbers = BirthNumbers("")
    broker = Broker(url=mosquitto.url)
    births = [birth(GATEWAY), birth(STAMP)]

    async def scenario() -> None:
        old = SparkplugPublisher(broker, "edge", gateway=GATEWAY, numbers=numbers)
        new = SparkplugPublisher(broker, "edge", gateway=GATEWAY, numbers=numbers)
        async with old:
            await old.publish([*births, sample(STAMP, 2)])
            async with new:
                await new.publish([*births, sample(STAMP, 2)])
                ears.until(lambda types: "NDEATH" in types and types.count("DDATA") == 2, "death")
                assert not old.connected
                assert new.connected

    asyncio.run(scenario())
    deaths = [decode_payload(data).metrics[0].value for topic, data, *_ in ears.said if "NDEATH" in topic]
    assert deaths[0] == 0
    old, new = sessions_of(ears.said)
    assert (old.bd_seq, new.bd_seq, new.types[:3]) == (0, 1, ["NBIRTH", "DBIRTH", "DDATA"])


def test_a_broker_that_is_killed(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """The node comes back with a new session and all its births; what QoS 0 has lost, the numbers name."""
    first = Collector(mosquitto)
    with simulator(mosquitto, tmp_path, telemetry_s="1", speed="10"):
        first.until(lambda types: types.count("DDATA") > 100, "data")
        mosquitto.kill()
        first.close()
        mosquitto.start()
        second = Collector(mosquitto)
        try:
            second.until(lambda types: types.count("DDATA") > 100, "data after the broker's restart")
        finally:
            second.close()
    said = sessions_of(first.said), sessions_of(second.said)
    assert [[session.bd_seq for session in sessions] for sessions in said] == [[0], [1]]
    ((before,), (after,)) = said
    for path, number in after.last_seq.items():
        got = [message.seq for session in (before, after) for p, _, message in session.messages if p == path]
        missing = sorted(set(range(1, max(got))) - set(got))
        assert all(seq <= number for seq in missing), "births tell up to where something may be missing"
        assert all(a < b for a, b in pairwise(missing))


def test_a_park_is_an_edge_node_for_each_gateway(mosquitto: Mosquitto, ears: Collector, tmp_path: Path) -> None:
    with simulator(mosquitto, tmp_path, scenario="industrial-park", history_h="0.2", shifts="") as process:
        ears.until(lambda types: types.count("DDATA") > 300, "data")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, (tmp_path / "log").read_text()
    numbers = json.loads((tmp_path / "numbers.json").read_text())
    assert len(numbers) > 2
    assert set(numbers.values()) == {0}
    ears.until(lambda types: types.count("NDEATH") == 2 * len(numbers), "deaths")
    for name in numbers:
        group, node = name.split("/")
        mine = [one for one in ears.said if (parse_topic(one[0]).group, parse_topic(one[0]).node) == (group, node)]
        (session,) = sessions_of(mine)
        assert (session.births, session.ended) == (1, True)


def test_commands_can_be_switched_off(mosquitto: Mosquitto, ears: Collector, tmp_path: Path) -> None:
    with simulator(mosquitto, tmp_path, commands="false", sparkplug_mqtt="3.1.1") as process:
        ears.until(lambda types: types.count("DDATA") > 20, "data")
        ears.tell("DCMD", MACHINE, Metric("command/action", DataType.String, "maintain"))
        ears.tell("NCMD", None, Metric("Node Control/Rebirth", DataType.Boolean, True))
        ears.until(lambda types: types.count("NBIRTH") == 2, "rebirth")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    ears.until(lambda types: types[-1] == "NDEATH", "death")
    (session,) = sessions_of(ears.said)
    assert not [kind for _, kind, _ in session.messages if kind == "reply"]
