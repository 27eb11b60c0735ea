"""The links to the broker: each gateway has its own will, and a command that comes in is obeyed and answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from factory_runs import BOOT, MINUTE_NS, START, factory, machine, park_of, two

from console.embedded_broker import EmbeddedBroker
from contract import Address, Command, CommandRow, Death, Reply, decode, encode
from service import Broker
from simulator import links as links_module
from simulator.factory import Factory
from simulator.ledger import Ledger
from simulator.links import Links, Orders
from simulator.outgoing import Outgoing
from simulator.speak import will

TIMEOUT_S = 30.0
HOME = park_of("home_appliances")
STAMP = machine(HOME, "stamp-1")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with EmbeddedBroker() as running:
        yield Broker(url=running.url)


def run(coroutine: Any) -> None:
    asyncio.run(asyncio.wait_for(coroutine, TIMEOUT_S))


@contextlib.asynccontextmanager
async def listening(broker: Broker, topic: str) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe(topic, qos=1)
        yield client


def linked(broker: Broker, made: Factory, name: str, orders: Orders | None = None, acked: Any = None) -> Links:
    return Links(
        broker,
        name,
        [will(site, BOOT) for site in made.park.sites],
        on_acked=acked or (lambda _: None),
        on_command=orders.hear if orders else None,
        keep_trying=False,
        sleep=asyncio.sleep,
    )


def asked(address: Address, name: str = "c-1", action: str = "stop") -> tuple[str, bytes]:
    row = CommandRow(t=START, command=name, action=action)
    return address.topic("command"), encode(Command(boot="aaaaaaaa", seq=1, rows=[row]))


def test_everything_goes_over_its_own_gateways_link_in_order(broker: Broker) -> None:
    async def scenario() -> None:
        made = factory(two())
        said = made.opening() + made.advance(START + 5 * MINUTE_NS, MINUTE_NS)
        acked: list[Outgoing] = []
        async with listening(broker, "qilu/v1/+/plant-1/#") as client:
            async with linked(broker, made, "in-order", acked=acked.append) as links:
                assert links.connected
                await links.publish(said)
                assert links.acked == len(said) == len(acked)
            got: dict[str, list[bytes]] = {}
            for _ in said:
                message = await anext(aiter(client.messages))
                got.setdefault(str(message.topic).split("/")[2], []).append(bytes(message.payload))
        for site in made.park.sites:
            expected = [out.payload for out in said if out.address.enterprise == site.enterprise]
            assert got[site.enterprise] == expected

    run(scenario())


def test_each_gateway_has_a_will_of_its_own(broker: Broker) -> None:
    async def scenario() -> None:
        made = factory(two())
        wills = {out.topic: out.payload for out in (will(site, BOOT) for site in made.park.sites)}
        async with listening(broker, "qilu/v1/+/+/+/+/gateway/death") as client:
            async with linked(broker, made, "peaceful"):
                pass
            with contextlib.suppress(ZeroDivisionError):
                async with linked(broker, made, "torn"):
                    raise ZeroDivisionError
            got = {}
            async for message in client.messages:
                got[str(message.topic)] = bytes(message.payload)
                if len(got) == 2:
                    break
        assert got == wills
        for payload in got.values():
            last = decode("death", payload)
            assert isinstance(last, Death) and last.seq == 0

    run(scenario())


def test_a_command_reaches_the_machine_and_is_answered(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        made = factory(two())
        made.advance(START + MINUTE_NS, MINUTE_NS)
        orders = Orders(made)
        where = [next(a for s, a, _ in made.park.machines if s is site) for site in made.park.sites]
        path = tmp_path / "l.jsonl"
        async with (
            linked(broker, made, "obedient", orders) as links,
            listening(broker, "qilu/v1/+/+/+/+/+/reply") as client,
        ):
            for n, address in enumerate(where):
                await client.publish(*asked(address, f"c-{n}"), qos=1)
            while len(orders._waiting) < 2:  # noqa: ASYNC110  # what is heard raises no event
                await asyncio.sleep(0.01)
            with Ledger(str(path), boot=BOOT) as ledger:
                said = orders.obey(ledger)
                assert orders.obey(ledger) == []
            await links.publish(said)
            replies = {}
            async for message in client.messages:
                address, kind = Address.of_topic(str(message.topic))
                replies[address] = decode(kind, bytes(message.payload))
                if len(replies) == 2:
                    break
        for n, address in enumerate(where):
            reply = replies[address]
            assert isinstance(reply, Reply)
            assert [(row.command, row.status, row.t) for row in reply.rows] == [(f"c-{n}", "done", made.now_ns)]
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert {(word, where_) for word, where_, *_ in lines} == {("command", address.path) for address in where}
        assert {line[3]["asked"]["action"] for line in lines} == {"stop"}
        assert {line[3]["reply"]["status"] for line in lines} == {"done"}

    run(scenario())


def test_the_ledger_learns_of_faults_by_command_even_when_others_are_over(tmp_path: Path) -> None:
    made = factory(HOME, "jam machine=stamp-1 at=10s", "jam machine=drum-1 at=20s")
    made.advance(START + MINUTE_NS, MINUTE_NS)
    orders = Orders(made)
    row = CommandRow(t=START, command="c-1", action="fault", arguments={"kind": "jam", "cause": "a test"})
    orders.hear(STAMP.topic("command"), encode(Command(boot="aaaaaaaa", seq=1, rows=[row])))
    path = tmp_path / "l.jsonl"
    with Ledger(str(path), boot=BOOT) as ledger:
        orders.obey(ledger)
    (fault,) = [line[1] for line in map(json.loads, path.read_text().splitlines()) if line[0] == "fault"]
    assert (fault["kind"], fault["origin"], fault["cause"]) == ("jam", "mqtt", "a test")
    assert fault["start_ns"] == fault["end_ns"] == START + MINUTE_NS


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (STAMP.topic("command"), b"not json"),
        (STAMP.topic("command"), b'{"v":1}'),
        ("qilu/v1/command", b"{}"),
        (STAMP.topic("state"), asked(STAMP)[1]),
        (STAMP.topic("nonsense"), asked(STAMP)[1]),
        (STAMP.topic("command"), encode(Death(boot="aaaaaaaa", seq=1, t=1, reason="x"))),
    ],
)
def test_what_is_no_command_is_logged_and_forgotten(
    topic: str, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    orders = Orders(factory(HOME))
    orders.hear(topic, payload)
    assert orders.obey(Ledger("", boot=BOOT)) == []
    assert "a command was not understood" in caplog.text


def test_too_many_commands_are_dropped(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(links_module, "MAX_WAITING", 3)
    orders = Orders(factory(HOME))
    for n in range(5):
        orders.hear(*asked(STAMP, f"c-{n}"))
    said = orders.obey(Ledger("", boot=BOOT))
    names = [row.command for out in said for row in getattr(decode(out.kind, out.payload), "rows", [])]
    assert names == ["c-0", "c-1", "c-2"]
    assert caplog.text.count("is dropped") == 2


def test_a_message_that_is_sent_twice_is_promised_once(tmp_path: Path) -> None:
    made = factory(HOME, "duplicate magnitude=1")
    said = made.advance(START + MINUTE_NS, MINUTE_NS)
    path = tmp_path / "l.jsonl"
    with Ledger(str(path), boot=BOOT) as ledger:
        ledger.promise(said)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    names = [(where, seq) for _, where, _, _, seq, _ in lines]
    assert len(said) == 2 * len(names) > 0
    assert names == list(dict.fromkeys((out.address.path, out.seq) for out in said))
