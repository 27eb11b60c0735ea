"""The Sparkplug host with nodes of ours: STATE, order, gaps, rebirths, deaths; all messages come back exactly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_sparkplug_edge import T0, Ear, OurEdge, Wire

from contract import Command, CommandRow, ConfigError, ContractError, Death, Message, Telemetry, encode
from contract.sparkplug import command_of, parse_topic
from contract.sparkplug_payload import decode_payload
from ingest.sparkplug_heard import Limits, understand
from ingest.sparkplug_host import Host

STATE = "spBv1.0/STATE/qilu"


def session(edge: OurEdge, machines: int = 2, data: int = 10) -> tuple[list[Wire], list[Message]]:
    """Births and data in the order in which they are sent, and the messages that they hold."""
    things = [edge.gateway, *(edge.machine(f"m-{n}") for n in range(machines))]
    wires = [edge.birth(address) for address in things]
    told: list[Message] = [edge.births[address] for address in things]
    for turn in range(data):
        address = things[1 + turn % machines]
        wire, message = edge.telemetry(address, turn * 0.5) if turn % 3 else edge.state(address)
        wires.append(wire)
        told.append(message)
    return wires, told


def rebirth(edge: OurEdge, machines: int = 2) -> list[Wire]:
    return [edge.birth(edge.gateway), *(edge.birth(edge.machine(f"m-{n}")) for n in range(machines))]


def test_state_is_told_as_the_norm_wants_it() -> None:
    host = Host("qilu")
    assert host.subscriptions == ((STATE, 1), ("spBv1.0/#", 1))
    will = host.connecting(T0)
    assert will is not None
    assert (will.topic, json.loads(will.payload), will.qos, will.retain) == (
        STATE, {"online": False, "timestamp": T0}, 1, True,
    )  # fmt: skip
    (online,) = host.connected(T0 + 70).publish
    assert (online.topic, json.loads(online.payload), online.qos, online.retain) == (
        STATE, {"online": True, "timestamp": T0}, 1, True,
    )  # fmt: skip
    (offline,) = host.disconnecting(T0 + 9000).publish
    assert json.loads(offline.payload) == {"online": False, "timestamp": T0 + 9000}
    assert (offline.qos, offline.retain) == (1, True)
    assert host.disconnecting(T0 + 9001).publish == ()


def test_an_old_will_of_ours_is_taken_back_at_once() -> None:
    host = Host("qilu")
    host.connecting(T0)
    false = json.dumps({"online": False, "timestamp": T0 - 5}).encode()
    assert host.take(STATE, false, T0 * 10**6, retained=True).publish == (), "not online yet: the birth follows anyhow"
    (online,) = host.connected(T0).publish
    assert host.take(STATE, false, T0 * 10**6).publish == (online,)
    assert host.take(STATE, online.payload, T0 * 10**6).publish == (), "our own echo"
    assert host.take("spBv1.0/STATE/other", false, T0 * 10**6).publish == ()
    host.disconnecting(T0)
    assert host.take(STATE, false, T0 * 10**6).publish == (), "this one is meant"


@pytest.mark.parametrize("payload", [b"", b"OFFLINE", b'{"online":1,"timestamp":2}', b"{" * 900, b"x" * 2000, b"\xff"])
def test_a_state_that_is_none_is_refused(payload: bytes) -> None:
    step = Host("qilu").take(STATE, payload, 1)
    assert step.heard[0].refusal is not None


def test_a_second_host_only_listens() -> None:
    ear = Ear(Host("second", primary=False))
    assert ear.host.subscriptions == (("spBv1.0/#", 1),)
    assert ear.host.connecting(T0) is None
    ear.keep(ear.host.connected(T0))
    edge = OurEdge()
    wires, told = session(edge)
    ear.take(*wires[:5], *wires[6:]).wait(5000)
    assert ear.messages == [*told[:5], *told[6:]]
    ear.keep(ear.host.disconnecting(T0))
    assert ear.published == []


def test_a_host_may_listen_to_some_groups_alone() -> None:
    assert Host("h", groups=["acme", "other"]).subscriptions[1:] == (("spBv1.0/acme/#", 1), ("spBv1.0/other/#", 1))


@pytest.mark.parametrize("given", [{"host_id": ""}, {"host_id": "a/b"}, {"host_id": "a", "groups": ["#"]}])
def test_identifiers_that_no_topic_can_hold_are_refused_at_the_start(given: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Host(**given)  # type: ignore[arg-type]


def test_messages_come_back_exactly() -> None:
    edge = OurEdge()
    wires, told = session(edge, data=600)
    ear = Ear.online().take(*wires)
    assert ear.messages == told, "over two wraps of the number"
    assert (ear.host.counters.gaps, ear.host.counters.reordered, ear.rebirths) == (0, 0, [])
    paths = [path for path, _ in ear.said]
    assert paths[:3] == [edge.gateway.path, edge.machine("m-0").path, edge.machine("m-1").path]
    birth = ear.heard[1].said[0]
    assert birth.payload == encode(edge.births[edge.machine("m-0")])
    assert [heard.ticket for heard in ear.heard] == wires
    assert ear.marks == [(None, "online"), *((f"production:line%3A1%25:m-{n}", "online") for n in (0, 1))]


def test_data_without_a_boot_take_that_of_the_birth() -> None:
    edge = OurEdge(with_boot=False)
    wires, told = session(edge)
    assert Ear.online().take(*wires).messages == told


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_order_inside_the_window_gives_the_same_messages_and_asks_for_nothing(data: st.DataObject) -> None:
    edge = OurEdge()
    wires, told = session(edge, data=30)
    order = data.draw(st.permutations(range(len(wires))))
    ear = Ear.online().take(*(wires[place] for place in order)).wait(10_000)
    assert ear.messages == told
    assert (ear.rebirths, ear.host.counters.gaps, ear.host.counters.refused) == ([], 0, 0)


def test_a_gap_keeps_the_data_and_asks_once_for_a_birth() -> None:
    edge = OurEdge()
    wires, told = session(edge, data=20)
    ear = Ear.online().take(*wires[:9])
    ear.take(*wires[11:13])
    assert ear.messages == told[:9]
    assert ear.host.counters.held == 2
    ear.wait(1900)
    assert ear.rebirths == []
    ear.wait(200)
    assert ear.messages == [*told[:9], *told[11:13]]
    assert ear.rebirths == ["spBv1.0/acme/NCMD/plant-1"]
    ear.take(*wires[13:17]).wait(3000).take(*wires[18:]).wait(5000)
    assert len(ear.rebirths) == 1, "a second gap while the first request has no answer"
    assert ear.host.counters.gaps == 3
    (asked,) = [payload for topic, payload in ear.published if "NCMD" in topic]
    payload = decode_payload(asked)
    assert payload.seq is None
    assert payload.timestamp_ms is not None
    assert [(m.name, m.value) for m in payload.metrics] == [("Node Control/Rebirth", True)]


def test_after_the_answer_a_new_gap_asks_again() -> None:
    edge = OurEdge()
    wires, told = session(edge, data=12)
    ear = Ear.online().take(*wires[:6], *wires[7:]).wait(2500)
    assert len(ear.rebirths) == 1
    births = rebirth(edge)
    more = [edge.telemetry(edge.machine("m-0"), 1.0) for _ in range(6)]
    ear.take(*births, *(wire for wire, _ in more[:3]))
    assert ear.messages == [*told[:6], *told[7:], *told[:3], *(message for _, message in more[:3])]
    assert ear.heard[-5].said[0].last_seq == edge.numbers[edge.machine("m-0")] - 6, "where the gap ended"
    ear.take(*(wire for wire, _ in more[4:])).wait(2500)
    assert len(ear.rebirths) == 2
    assert ear.host.counters.gaps == 2


def test_a_request_without_an_answer_is_repeated_with_growing_patience_while_the_node_speaks() -> None:
    edge = OurEdge()
    wires, _ = session(edge, data=1)
    ear = Ear.online().take(*wires[1:]).wait(2500)
    assert len(ear.rebirths) == 1
    ear.wait(40_000)
    assert len(ear.rebirths) == 1, "it says nothing: it may be gone"
    for _ in range(200):
        ear.take(edge.telemetry(edge.machine("m-0"), 1.0)[0]).wait(1000)
    assert len(ear.rebirths) == 4, "after 30, 60 and 120 s"


def test_data_before_any_birth_are_kept_when_they_name_their_boot() -> None:
    edge = OurEdge()
    wires, told = session(edge, data=20)
    ear = Ear.online().take(*wires[10:]).wait(2500)
    assert ear.messages == told[10:]
    assert ear.rebirths == ["spBv1.0/acme/NCMD/plant-1"]
    assert (ear.host.counters.gaps, ear.refusals) == (0, [])
    ear.take(*rebirth(edge)).wait(60_000)
    assert len(ear.rebirths) == 1
    assert ear.messages[len(told) - 10 :] == told[:3]


def test_data_before_any_birth_that_name_no_boot_are_refused_and_a_birth_is_asked_for() -> None:
    edge = OurEdge(with_boot=False)
    wires, _ = session(edge, data=5)
    ear = Ear.online().take(*wires[3:]).wait(2500)
    assert ear.messages == []
    assert ear.refusals == ["no-birth"] * 5
    assert len(ear.rebirths) == 1


def test_a_death_counts_only_with_the_number_of_the_last_birth() -> None:
    edge = OurEdge(bd_seq=4)
    wires, _ = session(edge)
    ear = Ear.online().take(*wires, edge.death(3))
    assert ear.host.counters.nodes_online == 1
    assert ear.host.counters.old_deaths == 1
    ear.take(edge.death(4))
    assert ear.messages[-1] == Death(boot=edge.boot, seq=0, t=None, reason="connection lost")
    assert ear.said[-1][0] == edge.gateway.path
    counters = ear.host.counters
    assert (counters.nodes_online, counters.devices_online, counters.stale) == (0, 0, 3)
    assert [(node, device, offline) for _, node, device, offline in ear.host.stale] == [
        ("plant-1", None, True), *(("plant-1", f"production:line%3A1%25:m-{n}", True) for n in (0, 1)),
    ]  # fmt: skip
    things = [None, *(f"production:line%3A1%25:m-{n}" for n in (0, 1))]
    assert ear.marks[3:] == [(thing, what) for thing in things for what in ("offline", "stale")]
    ear.take(edge.death(4))
    assert counters.old_deaths == 2, "a will after the death that was published"


def test_an_old_death_after_the_new_birth_changes_nothing() -> None:
    """A restart: the will of the dead connection comes late (catalogue A32)."""
    edge = OurEdge()
    first, _ = session(edge)
    after = OurEdge(boot="11112222", bd_seq=1, now_ms=edge.now_ms + 5000)
    second, told = session(after)
    ear = Ear.online().take(*first).take(*second[:5], edge.death(0), *second[5:]).wait(5000)
    assert ear.messages[-len(told) :] == told
    assert (ear.host.counters.nodes_online, ear.host.counters.devices_online, ear.rebirths) == (1, 2, [])


def test_a_death_lets_go_what_waits_before_it() -> None:
    edge = OurEdge()
    wires, told = session(edge)
    ear = Ear.online().take(*wires[:6], *wires[7:], edge.death())
    assert ear.messages == [*told[:6], *told[7:], Death(boot=edge.boot, seq=0, t=None, reason="connection lost")]
    ear.wait(60_000)
    assert ear.rebirths == [], "nobody is there to be asked"


@pytest.mark.parametrize("last_words", [True, False])
def test_a_device_dies_alone(last_words: bool) -> None:
    edge = OurEdge()
    wires, _ = session(edge)
    wires += rebirth(edge)
    machine = edge.machine("m-1")
    before = edge.numbers[machine]
    wire = edge.device_death(machine, last_words=last_words)
    ear = Ear.online().take(*wires, wire)
    t, reason = (5, "shift ends") if last_words else (wire.at_ms * 10**6, "device offline")
    assert ear.messages[-1] == Death(boot=edge.boot, seq=before + 1, t=t, reason=reason)
    assert (ear.host.counters.nodes_online, ear.host.counters.devices_online, ear.host.counters.stale) == (1, 1, 1)
    count = len(ear.messages)
    ear.take(edge.device_death(machine, last_words=False))
    assert len(ear.messages) == count, "it is dead already"
    ear.take(edge.death())
    assert len(ear.messages) == count + 1, "the gateway's alone"


def test_a_clean_end_with_last_words_has_no_second_death() -> None:
    edge = OurEdge()
    wires, told = session(edge)
    words = Death(boot=edge.boot, seq=edge.number(edge.gateway), t=77, reason="shift ends")
    ear = Ear.online().take(*wires, edge.data(edge.gateway, words), edge.death())
    assert ear.messages == [*told, words]
    assert ear.host.counters.nodes_online == 0


def test_the_loss_of_our_own_connection_makes_everything_stale_until_the_next_birth() -> None:
    edge = OurEdge()
    wires, told = session(edge, data=20)
    ear = Ear.online().take(*wires[:8], *wires[9:11])
    ear.keep(ear.host.disconnected(ear.now_ms))
    assert ear.messages == [*told[:8], *told[9:11]]
    assert (ear.host.counters.stale, ear.host.counters.held, ear.host.counters.nodes_online) == (3, 0, 1)
    assert [offline for *_, offline in ear.host.stale] == [False] * 3
    ear.wait(10_000)
    assert ear.rebirths == [], "there is no connection"
    ear.host.connecting(ear.now_ms)
    ear.keep(ear.host.connected(ear.now_ms))
    ear.take(*wires[15:]).wait(2500)
    assert ear.messages[-8:] == told[15:]
    assert len(ear.rebirths) == 1, "nobody knows how much was missed"
    ear.take(*rebirth(edge))
    assert ear.host.counters.stale == 0


def test_after_a_loss_of_our_connection_no_number_is_trusted() -> None:
    """Exactly 256 messages were missed: the next number is the one that is expected."""
    edge = OurEdge()
    wires, told = session(edge, data=300)
    ear = Ear.online().take(*wires[:8])
    ear.keep(ear.host.disconnected(ear.now_ms)).keep(ear.host.connected(ear.now_ms))
    ear.take(*wires[8 + 256 :]).wait(2500)
    assert ear.messages == [*told[:8], *told[8 + 256 :]]
    assert len(ear.rebirths) == 1


def test_commands_go_out_and_are_stored_when_they_are_seen() -> None:
    edge = OurEdge()
    ear = Ear.online().take(*session(edge)[0])
    row = CommandRow(t=T0 * 10**6, command="c-1", action="pause", arguments={"for_s": "60"})
    command = Command(boot="abcdef0123", seq=4, rows=[row])
    for address, type_ in ((edge.machine("m-0"), "DCMD"), (edge.gateway, "NCMD")):
        said = ear.host.command(address, command, T0 + 9)
        payload = decode_payload(said.payload)
        assert parse_topic(said.topic).type == type_
        assert (said.qos, said.retain, payload.seq, payload.timestamp_ms) == (0, False, None, T0 + 9)
        assert command_of(payload.metrics, T0) == command
        ear.take(Wire(said.topic, said.payload, T0))
        assert ear.said[-1] == (address.path, command)
    asked = ear.host.rebirth("acme", "plant-1", T0)
    ear.take(Wire(asked.topic, asked.payload, T0))
    assert ear.heard[-1].said == ()
    assert ear.heard[-1].refusal is None


def test_what_is_no_sparkplug_is_refused_with_its_reason() -> None:
    edge = OurEdge()
    birth = edge.birth(edge.gateway)
    ear = Ear.online()
    for topic, payload, retained in (
        ("spBv1.0/acme/NBIRTH", birth.payload, False),
        ("spBv1.0/acme/DDATA/plant-1", birth.payload, False),
        (birth.topic, b"\xff\xff", False),
        (birth.topic, birth.payload, True),
        (edge.wire("DDATA", edge.machine("x"), (), seq=None).topic, b"", False),
        (edge.wire("DDATA", edge.machine("x"), ()).topic, edge.wire("NDATA", None, (), seq=256).payload, False),
        ("spBv1.0/acme/NDEATH/plant-1", b"", False),
        ("spBv1.0/ acme/NBIRTH/plant-1", birth.payload, False),
    ):
        ear.keep(ear.host.take(topic, payload, T0 * 10**6, retained=retained))
    assert ear.refusals == [
        *("bad-topic", "bad-topic", "not-protobuf", "retained", "invalid", "invalid", "invalid", "bad-address"),
    ]
    assert ear.host.counters.refused == 8


def test_what_was_heard_goes_through_the_batches_like_any_other_message() -> None:
    edge = OurEdge()
    wires, told = session(edge)
    bad = Wire("spBv1.0/acme/DDATA/plant-1", b"", T0)
    heard = Ear.online().take(*wires, bad).heard
    assert [said.message for one in heard[:-1] for said in understand(one)] == told
    with pytest.raises(ContractError, match="bad-topic"):
        understand(heard[-1])
    for one in heard:
        one.acknowledge()
        assert one.content_type == ""


def test_a_message_that_breaks_the_contract_is_refused_alone() -> None:
    edge = OurEdge()
    wires, told = session(edge)
    bad = Telemetry(boot=edge.boot, seq=99, t=[5], values={"force": [float("nan")]})
    ear = Ear.online().take(*wires, edge.data(edge.machine("m-0"), bad))
    wire, message = edge.telemetry(edge.machine("m-0"), 1.0)
    ear.take(wire)
    assert ear.messages == [*told, message]
    assert ear.refusals == ["invalid"]


def test_memory_is_bounded_by_refusing_and_by_not_waiting() -> None:
    limits = Limits(nodes=3, devices_per_node=2, held=5, held_bytes=20_000)
    ear = Ear.online(limits=limits)
    edges = [OurEdge(node=f"plant-{n}") for n in range(5)]
    for edge in edges:
        ear.take(edge.birth(edge.gateway), *(edge.birth(edge.machine(f"m-{n}")) for n in range(3)))
    assert ear.refusals == ["cardinality"] * (3 + 2 * 4)
    assert (ear.host.counters.nodes_online, ear.host.counters.devices_online) == (3, 6)
    edge = edges[0]
    edge.seq += 1
    wires = [edge.telemetry(edge.machine("m-0"), 1.0) for _ in range(7)]
    ear.take(*(wire for wire, _ in wires))
    assert ear.messages[-7:] == [message for _, message in wires]
    assert ear.host.counters.gaps == 1
    ear.wait(1900)
    assert ear.rebirths == [], "the data go on, but the reorder timeout is what it is"
    ear.wait(200)
    assert len(ear.rebirths) == 1


def test_what_waits_is_bounded_in_bytes_over_all_nodes() -> None:
    ear = Ear.online(limits=Limits(held_bytes=50_000))
    edges = [OurEdge(node=f"plant-{n}") for n in range(20)]
    for edge in edges:
        ear.take(*session(edge, data=0)[0])
        edge.seq += 1
    told = []
    for edge in edges:
        for _ in range(8):
            wire, message = edge.telemetry(edge.machine("m-0"), 1.0)
            told.append((edge.machine("m-0").path, message))
            ear.take(wire)
    held = ear.host.counters.held
    assert 20 <= held <= 80
    ear.wait(1500)
    assert ear.rebirths == [], "asked when the reorder timeout has passed, and not before"
    ear.wait(2000)
    assert len(ear.rebirths) == 20
    assert sorted(ear.said[60:], key=str) == sorted(told, key=str)


def test_dead_and_unborn_nodes_make_room_after_a_while() -> None:
    ear = Ear.online(limits=Limits(nodes=2))
    dead, unborn, third = (OurEdge(node=name) for name in ("dead", "unborn", "third"))
    ear.take(dead.birth(dead.gateway), dead.death(), unborn.telemetry(unborn.machine("m"), 1.0)[0]).wait(3000)
    birth = third.birth(third.gateway)
    ear.take(birth)
    assert ear.refusals == ["cardinality"]
    ear.wait(61_000).take(birth)
    assert ear.refusals == ["cardinality"], "the unborn one is forgotten"
    ear.wait(620_000)
    fourth = OurEdge(node="fourth")
    ear.take(fourth.birth(fourth.gateway))
    assert (ear.refusals, ear.host.counters.nodes_online, ear.host.counters.stale) == (["cardinality"], 2, 0)


def test_a_host_that_joins_late_does_not_ask_everybody_at_once() -> None:
    ear = Ear.online(limits=Limits(rebirths_per_s=10))
    for number in range(30):
        edge = OurEdge(node=f"plant-{number}")
        session(edge, data=0)
        ear.take(edge.telemetry(edge.machine("m-0"), 1.0)[0])
    ear.wait(2000)
    early = len(ear.rebirths)
    ear.wait(1000)
    assert 8 <= len(ear.rebirths) - early <= 12
    ear.wait(3000)
    assert sorted(ear.rebirths) == sorted(f"spBv1.0/acme/NCMD/plant-{n}" for n in range(30))


def test_a_clock_that_is_set_back_does_not_silence_the_host() -> None:
    edge = OurEdge()
    wires, _ = session(edge)
    ear = Ear.online().take(*wires[:6], *wires[7:])
    for now_ms in (T0 - 3_600_000, T0 - 3_600_000 + 100):
        ear.keep(ear.host.tick(now_ms))
    assert len(ear.rebirths) == 1
    assert ear.host.counters.held == 0


def test_the_host_says_when_it_wants_to_be_woken() -> None:
    edge = OurEdge()
    wires, _ = session(edge)
    ear = Ear.online().take(*wires[:6])
    assert ear.host.due_ms is None
    ear.take(wires[7])
    assert ear.host.due_ms == ear.now_ms + 2000
    ear.keep(ear.host.tick(ear.now_ms + 2000))
    assert len(ear.rebirths) == 1
    assert ear.host.due_ms is None
