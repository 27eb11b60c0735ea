"""The simulator's edge node and the ingester's host, face to face: what goes in on one side comes out on the other."""

from __future__ import annotations

import random

from ingest_sparkplug_edge import T0, Ear, Wire

from contract import Address, Birth, Command, CommandRow, Death, Message, Sensor, Telemetry, encode
from contract.page import EXAMPLES
from contract.sparkplug import Publish
from simulator.outgoing import Outgoing
from simulator.sparkplug_edge import EdgeNode

BOOT = "0badcafe"
GATEWAY = Address("acme", "plant-1", "production", "line-1", "gateway")
MACHINES = [Address("acme", "plant-1", "production", "line-1", f"press:{n}%") for n in range(2)]


class Plant:
    """An edge node with a clock, and what it was told to say."""

    def __init__(self, bd_seq: int = 0, now_ms: int = T0) -> None:
        self.node = EdgeNode(GATEWAY)
        self.now_ms = now_ms
        self.will = self.node.connect(bd_seq, now_ms)
        self.told: list[Message] = []
        self.wires: list[Wire] = []
        for address in (GATEWAY, *MACHINES):
            role = "gateway" if address == GATEWAY else "machine"
            birth = Birth(boot=BOOT, seq=1, t=T0 * 10**6, role=role, model="m", version="1",
                          sensors={"force": Sensor(unit="kN"), "t": Sensor(unit="Cel")})  # fmt: skip
            self.node.learn(Outgoing.of(address, birth, retain=True))
            self.told.append(birth)
        self.put(self.node.births(now_ms))
        self.seqs = dict.fromkeys((GATEWAY, *MACHINES), 1)

    def put(self, said: list[Publish]) -> None:
        for one in said:
            assert (one.qos, one.retain) == (0, False)
            self.now_ms += 1
            self.wires.append(Wire(one.topic, one.payload, self.now_ms))

    def say(self, address: Address, message: Message) -> None:
        self.put(self.node.say(Outgoing.of(address, message), self.now_ms))
        self.node.commit()
        self.told.append(message)

    def next(self, address: Address) -> int:
        self.seqs[address] += 1
        return self.seqs[address]

    def talk(self, rounds: int) -> None:
        for turn in range(rounds):
            address = MACHINES[turn % 2]
            message = Telemetry(boot=BOOT, seq=self.next(address), t=[T0 * 10**6 + turn],
                                values={"force": [turn / 3], "t": [None]})  # fmt: skip
            self.say(address, message)

    def drain(self) -> list[Wire]:
        wires, self.wires = self.wires, []
        return wires


def test_every_kind_of_message_comes_back_exactly() -> None:
    plant = Plant()
    for kind, example in EXAMPLES.items():
        if kind not in ("birth", "death"):
            plant.say(MACHINES[0], example)
    plant.talk(600)
    ear = Ear.online().take(*plant.drain())
    births = {encode(said) for said in plant.told[:3]}
    heard = [message for message in ear.messages if encode(message) not in births]
    assert heard == plant.told[3:], "births that were said again aside"
    assert {encode(message) for message in ear.messages} >= births
    assert (ear.refusals, ear.rebirths, ear.host.counters.gaps) == ([], [], 0)


def test_loss_disorder_and_a_rebirth_on_request() -> None:
    """A tenth of the data is lost, the rest in disorder: what came is heard, and the births come when asked for."""
    draw = random.Random(7)
    plant = Plant()
    ear = Ear.online().take(*plant.drain())
    asked = 0
    for _ in range(20):
        plant.talk(40)
        wires = [wire for wire in plant.drain() if draw.random() > 0.1 or "NBIRTH" in wire.topic]
        wires = [wires[n] for n in sorted(range(len(wires)), key=lambda n: n + draw.randrange(6))]
        kept = len(wires)
        before = len(ear.messages)
        ear.take(*wires).wait(3000)
        plant.now_ms = ear.now_ms
        assert len(ear.messages) - before == kept
        for topic, payload in [one for one in ear.published if "/NCMD/" in one[0]][asked:]:
            assert plant.node.hear(topic, payload, plant.now_ms).rebirth
        asked = len(ear.rebirths)
    assert 18 <= asked <= 20, "one for each round with a gap"
    assert ear.host.counters.refused == 0


def test_commands_reach_the_machine_and_the_line() -> None:
    plant = Plant()
    ear = Ear.online().take(*plant.drain())
    row = CommandRow(
        t=T0 * 10**6, command="c-9", action="maintain", arguments={"a": "b"}, interlock="not while it runs"
    )
    command = Command(boot="abcdef0123", seq=3, rows=[row])
    for address in (*MACHINES, GATEWAY):
        said = ear.host.command(address, command, T0)
        heard = plant.node.hear(said.topic, said.payload, T0)
        assert (heard.address, heard.command, heard.rebirth) == (address, command, False)


def test_a_clean_end_and_a_crash() -> None:
    plant = Plant()
    ear = Ear.online().take(*plant.drain())
    for address in (*MACHINES, GATEWAY):
        plant.say(address, Death(boot=BOOT, seq=plant.next(address), t=T0 * 10**6, reason="the shift is over"))
    last = plant.node.farewell(plant.now_ms)
    assert last is not None
    ear.take(*plant.drain(), Wire(last.topic, last.payload, plant.now_ms))
    assert ear.messages == plant.told
    assert ear.host.counters.nodes_online == 0

    after = Plant(bd_seq=1, now_ms=plant.now_ms + 1000)
    ear.take(Wire(plant.will.topic, plant.will.payload, 0), *after.drain())
    assert ear.host.counters.nodes_online == 1
    ear.take(Wire(after.will.topic, after.will.payload, 0))
    assert ear.messages[-1] == Death(boot=BOOT, seq=0, t=None, reason="connection lost")
    assert ear.host.counters.nodes_online == 0
