"""Edge node and host: whatever happens in whatever order, a session is conformant and nothing in it is lost."""

from __future__ import annotations

from dataclasses import replace

from factory_runs import factory, park_of
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sparkplug_sessions import Session
from test_simulator_sparkplug_edge import GATEWAY, NOW, OVEN, REBIRTH, STAMP, T, birth, death, sample, say

from contract import Address, Message, decode
from ingest.sparkplug_host import Host
from simulator.outgoing import Outgoing
from simulator.plant import SECOND_NS
from simulator.sparkplug_edge import EdgeNode


def test_a_whole_factory_survives() -> None:
    """What the simulator says in three hours comes out of the metrics, and out of the host, as it went in."""
    plant = factory(park_of("home_appliances"))
    items = plant.opening()
    gateway = items[0].address
    node = EdgeNode(gateway)
    node.connect(3, NOW)
    for item in items:
        node.learn(item)
    data = [
        said
        for tenth in range(1, 19)
        for said in plant.advance(plant.start_ns + tenth * 600 * SECOND_NS, 60 * SECOND_NS)
    ]
    data += plant.closing()
    now_ms = plant.now_ns // 1_000_000
    wire = say(node, *data, now_ms=now_ms)
    session = Session(3).all(wire)
    told: list[tuple[str, str, Message]] = [
        (i.address.path, i.kind, decode(i.kind, i.payload)) for i in [*items, *data]
    ]
    assert session.messages == told
    assert session.births == 1
    assert len(session.types) > 256, "the numbers wrap"
    farewell = node.farewell(now_ms)
    assert farewell is not None
    host = Host("qilu")
    said = [*wire, farewell]
    steps = [host.take(one.topic, one.payload, (now_ms + n) * 1_000_000) for n, one in enumerate(said)]
    heard = [one for step in steps for each in step.heard for one in each.said]
    assert [(one.address.path, one.kind, one.message) for one in heard] == told
    assert not [request for step in steps for request in step.publish], "a host misses nothing"


ADDRESSES = [STAMP, OVEN, replace(STAMP, machine="press-1")]


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order, a session is conformant and says what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.node = EdgeNode(GATEWAY)
        self.bd_seq = 0
        self.alive: set[Address] = set()
        self.numbers: dict[Address, int] = {}
        self.t = T
        self.given: list[tuple[str, str, Message]] = []
        self.unsent: Outgoing | None = None

    @initialize()
    def begin(self) -> None:
        self.connect()
        self.node.learn(birth(GATEWAY))
        self.alive = {GATEWAY}

    def next(self, address: Address) -> int:
        self.numbers[address] = self.numbers.get(address, 1) + 1
        return self.numbers[address]

    @rule()
    def connect(self) -> None:
        self.bd_seq = (self.bd_seq + 1) % 256
        will = self.node.connect(self.bd_seq, NOW)
        self.session = Session(self.bd_seq)
        Session(self.bd_seq).take(*will)
        self.given = []

    @rule(address=st.sampled_from(ADDRESSES))
    def be_born(self, address: Address) -> None:
        self.node.learn(birth(address, self.next(address)))
        self.alive.add(address)

    @rule()
    def births(self) -> None:
        if self.node.births_due:
            self.session.all(self.node.births(NOW))

    @precondition(lambda self: self.alive)
    @rule(data=st.data(), lost=st.booleans(), name=st.sampled_from("xyt"))
    def speak(self, data: st.DataObject, lost: bool, name: str) -> None:
        address = data.draw(st.sampled_from(sorted(self.alive)))
        self.t += data.draw(st.sampled_from([1, SECOND_NS, 90 * SECOND_NS]))
        item = sample(address, self.next(address), data.draw(st.floats(-1e6, 1e6)), self.t, name)
        said = self.node.say(item, NOW)
        if lost:
            self.connect()
            return
        self.node.commit()
        self.session.all(said)
        self.given.append((address.path, item.kind, decode(item.kind, item.payload)))

    @precondition(lambda self: self.alive - {GATEWAY})
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(sorted(self.alive - {GATEWAY})))
        item = death(address, self.next(address))
        self.session.all(self.node.say(item, NOW))
        self.node.commit()
        self.alive.discard(address)
        self.given.append((address.path, item.kind, decode(item.kind, item.payload)))

    @rule()
    def rebirth(self) -> None:
        online = self.node.online
        due = self.node.births_due
        assert self.node.hear(*REBIRTH, NOW).rebirth
        assert self.node.births_due == (online or due)

    @invariant()
    def all_was_said(self) -> None:
        if hasattr(self, "session"):
            assert [one for one in self.session.messages if one[1] != "birth"] == self.given


AnyOrder.TestCase.settings = hypothesis_settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase
