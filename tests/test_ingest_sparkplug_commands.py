"""Commands on our own topics to those who are connected over Sparkplug, and how far births say they have counted."""

from __future__ import annotations

from dataclasses import replace

from ingest_sparkplug_edge import T0, Ear, OurEdge, Wire
from test_ingest_sparkplug_host import session

from contract import Address, Command, CommandRow, Message, Reply, ReplyRow, decode, encode
from contract.sparkplug import Publish, command_of, parse_topic
from contract.sparkplug_payload import DataType, Metric, Payload, decode_payload, encode_payload
from ingest.admission import Admission, SharedGaps
from ingest.gaps import Missing
from ingest.mqtt_packets import Message as Mqtt
from ingest.register import Register
from ingest.sparkplug_commands import KEPT, Commands, Passed
from ingest.sparkplug_heard import Said, understand

NS = T0 * 10**6


def command(*actions: str, seq: int = 1) -> Command:
    rows = [CommandRow(t=NS + n, command=f"c-{seq}-{n}", action=action) for n, action in enumerate(actions)]
    return Command(boot="abcdef0123", seq=seq, rows=rows)


def pass_on(commands: Commands, address: Address, message: Message, kind: str = "command") -> Passed:
    return commands.take(address.topic(kind), encode(message), NS)


def reply_of(message: Mqtt) -> tuple[str, ReplyRow]:
    said = decode("reply", message.payload)
    assert isinstance(said, Reply)
    return message.topic, said.rows[0]


def types(publish: tuple[Publish, ...]) -> list[str]:
    return [parse_topic(one.topic).type for one in publish]


def test_a_command_goes_to_the_machine_once_and_its_reply_comes_back() -> None:
    edge = OurEdge()
    ear = Ear.online().take(*session(edge)[0])
    commands = Commands(ear.host, "0" * 16)
    machine = edge.machine("m-0")
    passed = pass_on(commands, machine, command("maintain"))
    assert (types(passed.publish), passed.replies) == (["DCMD"], ())
    assert command_of(decode_payload(passed.publish[0].payload).metrics, T0) == command("maintain")
    assert pass_on(commands, machine, command("maintain")) == Passed(), "the broker may deliver it again"
    reply = Reply(boot=edge.boot, seq=9, rows=[ReplyRow(t=NS, command="c-1-0", status="accepted")])
    (said,) = commands.heard(Said(machine, "reply", reply))
    assert said == Mqtt(machine.topic("reply"), encode(reply), 1)
    other = Reply(boot=edge.boot, seq=9, rows=[ReplyRow(t=NS, command="somebody else's", status="accepted")])
    assert commands.heard(Said(machine, "reply", other)) == ()


def test_who_is_not_here_is_not_commanded() -> None:
    edge = OurEdge()
    commands = Commands(Ear.online().take(*session(edge)[0]).host, "0" * 16)
    nobody = Address("acme", "plant-1", "production", "line-1", "nobody")
    elsewhere = Address("acme", "plant-9", "production", "line-1", "m-0")
    assert pass_on(commands, nobody, command("maintain")) == Passed()
    assert pass_on(commands, elsewhere, command("maintain")) == Passed()
    assert commands.take("qilu/v1/command", b"", NS) == Passed()
    assert commands.take(edge.gateway.topic("command"), b"{", NS) == Passed()


def test_a_rebirth_is_asked_of_the_node_and_answered_here() -> None:
    edge = OurEdge()
    commands = Commands(Ear.online().take(*session(edge)[0]).host, "0" * 16)
    passed = pass_on(commands, edge.gateway, command("rebirth", "resend", "pause"))
    assert types(passed.publish) == ["NCMD", "NCMD"]
    (metric,) = decode_payload(passed.publish[1].payload).metrics
    assert (metric.name, metric.value) == ("Node Control/Rebirth", True)
    assert [row.action for row in command_of(decode_payload(passed.publish[0].payload).metrics, T0).rows] == ["pause"]
    (reply,) = passed.replies
    topic, row = reply_of(reply)
    assert (topic, row.command, row.status) == (edge.gateway.topic("reply"), "c-1-0", "accepted")


def test_a_node_of_others_can_be_born_again_and_nothing_else() -> None:
    head = (
        Metric("bdSeq", DataType.Int64, 0, T0),
        Metric("Node Control/Rebirth", DataType.Boolean, False, T0),
        Metric("level", DataType.Double, 1.0, T0),
    )
    ear = Ear.online().take(Wire("spBv1.0/theirs/NBIRTH/odd", encode_payload(Payload(T0, 0, head)), T0))
    commands = Commands(ear.host, "0" * 16)
    node = Address("theirs", "odd", "sparkplug", "node", "node")
    passed = pass_on(commands, node, command("rebirth", "maintain"))
    assert [one.topic for one in passed.publish] == ["spBv1.0/theirs/NCMD/odd"]
    assert [reply_of(one)[1].status for one in passed.replies] == ["refused", "accepted"]
    assert pass_on(commands, Address("theirs", "odd", "production", "node", "node"), command("rebirth")) == Passed()


def test_what_is_remembered_is_bounded() -> None:
    edge = OurEdge()
    commands = Commands(Ear.online().take(*session(edge)[0]).host, "0" * 16)
    first = command("maintain", seq=1)
    for seq in range(1, KEPT + 2):
        assert pass_on(commands, edge.gateway, command("maintain", seq=seq)).publish
    assert pass_on(commands, edge.gateway, first).publish, "the oldest is forgotten"


def test_a_lost_tail_is_seen_at_the_rebirth() -> None:
    """The last three messages of a machine never come; its next birth says that there were three more."""
    edge = OurEdge()
    wires, _ = session(edge, data=30)
    ear = Ear.online().take(*wires)
    machine = edge.machine("m-0")
    before = edge.numbers[machine]
    for _ in range(3):
        edge.telemetry(machine, 1.0)
    ear.take(edge.birth(edge.gateway), edge.birth(machine))
    gaps = SharedGaps()
    admission = Admission(understand, Register(), gaps, lambda: 0.0)
    batch = admission.open([replace(heard) for heard in ear.heard])
    assert [entry.refusal for entry in batch.entries if entry.refusal] == []
    assert gaps.unsure(99.0, 0.0) == [Missing(machine, edge.boot, ((before + 1, before + 3),))]
