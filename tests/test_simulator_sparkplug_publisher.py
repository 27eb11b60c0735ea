"""The edge node on a broker: sessions in order, over links that break, with births again when a host asks for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from sparkplug_sessions import Said, Session, sessions_of
from test_simulator_sparkplug_edge import BOOT, GATEWAY, REBIRTH, STAMP, birth, death, sample

from console.embedded_broker import EmbeddedBroker
from contract import Command, ConfigError, ContractError, LinkError, decode, encode
from contract.page import EXAMPLES
from contract.sparkplug import device_of, metrics_of, parse_topic
from contract.sparkplug_payload import Metric, Payload, decode_payload, encode_payload
from service import Broker
from simulator.outgoing import Outgoing
from simulator.sparkplug_numbers import BirthNumbers
from simulator.sparkplug_publisher import SparkplugPublisher

TIMEOUT_S = 30.0
BIRTHS = [birth(GATEWAY), birth(STAMP)]
EVERYTHING = "spBv1.0/#"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with EmbeddedBroker() as running:
        yield Broker(url=running.url)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, TIMEOUT_S))


def samples(first: int, last: int) -> list[Outgoing]:
    return [sample(STAMP, n, float(n)) for n in range(first, last + 1)]


class Ears:
    """Everything that is said on the namespace."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.client: aiomqtt.Client

    @property
    def types(self) -> list[str]:
        return [parse_topic(topic).type for topic, *_ in self.said]

    async def until(self, condition: Callable[[list[str]], bool]) -> None:
        while not condition(self.types):  # noqa: ASYNC110  # what is heard raises no event
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def ears(broker: Broker) -> AsyncIterator[Ears]:
    heard = Ears()

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic = str(message.topic)
            if parse_topic(topic).type not in ("NCMD", "DCMD", "STATE"):
                assert isinstance(message.payload, bytes)
                heard.said.append((topic, message.payload, None, message.retain))  # this broker raises the QoS to ours

    async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe(EVERYTHING, qos=1)
        heard.client = client
        task = asyncio.ensure_future(listen(client))
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Cut:
    """A proxy whose lines can be cut."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.lines: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Cut:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.through = Broker(url=f"mqtt://127.0.0.1:{self.server.sockets[0].getsockname()[1]}")
        return self

    async def __aexit__(self, *error: object) -> None:
        self.server.close()
        self.cut()

    def cut(self) -> None:
        for line in self.lines:
            line.transport.abort()
        self.lines.clear()

    async def _serve(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_connection(self.broker.host, self.broker.port)
        self.lines += [back, out]

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await source.read(1000):
                    sink.write(data)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(here, out), pump(there, back))


def edge(broker: Broker, **arguments: Any) -> SparkplugPublisher:
    fields = {"gateway": GATEWAY, "numbers": BirthNumbers(""), "jitter": lambda: 0.0} | arguments
    return SparkplugPublisher(broker, "edge", **fields)


def test_a_session_from_birth_to_death(broker: Broker) -> None:
    async def scenario() -> None:
        acked: list[Outgoing] = []
        items = [*BIRTHS, *samples(2, 620), death(STAMP, 621), death(GATEWAY, 2)]
        async with ears(broker) as heard:
            async with edge(broker, on_acked=acked.append) as publisher:
                assert await publisher.listening(5)
                await publisher.publish(items)
                assert publisher.connected
                assert (publisher.acked, publisher.sent) == (len(items), len(items))
            await heard.until(lambda types: "NDEATH" in types)
            assert acked == items
            (session,) = sessions_of(heard.said)
            assert (session.bd_seq, session.births, session.ended) == (0, 1, True)
            told = [(i.address.path, i.kind, decode(i.kind, i.payload)) for i in items]
            assert session.messages == told

    run(scenario())


def test_a_rebirth_while_nothing_is_said_and_while_much_is(broker: Broker) -> None:
    async def scenario() -> None:
        async with ears(broker) as heard, edge(broker) as publisher:
            await publisher.publish([*BIRTHS, *samples(2, 3)])
            await heard.client.publish(*REBIRTH)
            await heard.until(lambda types: types.count("NBIRTH") == 2)
            assert heard.types[-2:] == ["NBIRTH", "DBIRTH"] or heard.types[-1] == "NBIRTH"
            work = asyncio.ensure_future(publisher.publish(samples(4, 2003)))
            await heard.client.publish(*REBIRTH)
            await work
            await heard.until(lambda types: types.count("DDATA") == 2002)
            (session,) = sessions_of(heard.said)
            assert session.births == 3
            births = [n for n, type_ in enumerate(heard.types) if type_ == "NBIRTH"]
            assert births[2] < len(heard.types) - 2, "it did not wait for the end of the data"
            data = [message.seq for _, kind, message in session.messages if kind == "telemetry"]
            assert data == list(range(2, 2004)), "nothing is lost for it"

    run(scenario())


def test_a_link_that_breaks_begins_a_new_session(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with ears(broker) as heard, Cut(broker) as line:
            async with edge(line.through) as publisher:
                await publisher.publish([*BIRTHS, *samples(2, 10)])
                await heard.until(lambda types: types.count("DDATA") == 9)
                line.cut()
                await heard.until(lambda types: types[-1] == "NDEATH")
                await publisher.publish(samples(11, 20))
                await heard.until(lambda types: types.count("NBIRTH") == 2 and types.count("DDATA") >= 10)
            await heard.until(lambda types: types[-1] == "NDEATH")
            before, after = sessions_of(heard.said)
            assert (before.bd_seq, before.ended, after.bd_seq, after.ended) == (0, True, 1, True)
            said_last = after.messages[1][2].seq if after.messages[1][1] == "telemetry" else after.last_seq[STAMP.path]
            arrived = [m.seq for s in (before, after) for _, kind, m in s.messages if kind == "telemetry"]
            lost = sorted(set(range(2, 21)) - set(arrived))
            assert arrived == sorted(arrived), "in order"
            assert 20 in arrived
            assert all(seq <= said_last for seq in lost), "what a broken link has lost, the births tell"

    run(scenario())


def test_a_node_that_has_nothing_to_say_comes_back_too(broker: Broker) -> None:
    async def scenario() -> None:
        async with ears(broker) as heard, Cut(broker) as line, edge(line.through) as publisher:
            for number in range(3):
                await (publisher.publish(BIRTHS) if number == 1 else asyncio.sleep(0))
                await heard.until(lambda types, n=number: types.count("NBIRTH") == n)
                line.cut()
            await heard.until(lambda types: types.count("NBIRTH") == 3)
            assert [session.bd_seq for session in sessions_of(heard.said)] == [1, 2, 3]

    run(scenario())


def test_commands_come_as_on_the_json_wire(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    message = EXAMPLES["command"]
    assert isinstance(message, Command)
    topic = f"spBv1.0/acme/DCMD/plant-1/{device_of(STAMP)}"
    metrics = metrics_of(message)

    async def scenario() -> None:
        came: list[tuple[str, bytes]] = []
        async with ears(broker) as heard:
            await heard.client.publish(topic, encode_payload(Payload(1, None, metrics)), retain=True)
            async with edge(broker, on_message=lambda *said: came.append(said)) as publisher:
                await publisher.publish(BIRTHS)
                await heard.client.publish(topic, b"\xff\xff\xff")
                await heard.client.publish(topic, encode_payload(Payload(1, None, metrics)))
                while not came:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await heard.client.publish(topic, b"", retain=True)
        assert came == [(STAMP.topic("command"), encode(message))]

    run(scenario())
    assert "a retained command is ignored" in caplog.text
    assert "a command was not understood: not-protobuf" in caplog.text


def test_without_anybody_to_obey_commands_are_ignored(broker: Broker) -> None:
    async def scenario() -> None:
        async with ears(broker) as heard, edge(broker) as publisher:
            await publisher.publish(BIRTHS)
            said = Payload(1, None, (Metric("command/action", None, "stop"),))
            await heard.client.publish(f"spBv1.0/acme/DCMD/plant-1/{device_of(STAMP)}", encode_payload(said))
            await heard.client.publish(*REBIRTH)
            await heard.until(lambda types: types.count("DBIRTH") == 2)

    run(scenario())


def test_who_vanishes_is_declared_dead_by_the_broker(broker: Broker) -> None:
    async def scenario() -> None:
        numbers = BirthNumbers("")
        async with ears(broker) as heard:
            for number in range(3):
                with contextlib.suppress(ZeroDivisionError):
                    async with edge(broker, numbers=numbers) as publisher:
                        await publisher.publish(BIRTHS)
                        raise ZeroDivisionError
                await heard.until(lambda types, n=number: types.count("NDEATH") == n + 1)
            assert [(s.bd_seq, s.ended) for s in sessions_of(heard.said)] == [(0, True), (1, True), (2, True)]

    run(scenario())


def test_the_number_counts_connects_and_nothing_else(broker: Broker, tmp_path: Path) -> None:
    """A broker that is not there was sent no CONNECT; the file is written before one is."""
    path = tmp_path / "numbers.json"

    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            nobody = Broker(url=f"mqtt://127.0.0.1:{taken.getsockname()[1]}")
            for _ in range(2):
                with pytest.raises(LinkError, match=r"start one, or set broker\.url"):
                    await edge(nobody, numbers=BirthNumbers(str(path))).__aenter__()
            assert not path.exists()
            waits: list[float] = []

            async def sleep(seconds: float) -> None:
                waits.append(seconds)
                if len(waits) == 7:
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                await edge(nobody, keep_trying=True, sleep=sleep, jitter=lambda: 1.0).__aenter__()
            assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0])
        for number in range(2):
            async with edge(broker, numbers=BirthNumbers(str(path))) as publisher:
                await publisher.publish(BIRTHS)
                assert json.loads(path.read_text()) == {"acme/plant-1": number}

    run(scenario())


def test_numbers_that_cannot_be_kept_stop_the_connection(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(ConfigError, match="sparkplug_memory"):
            await edge(broker, numbers=BirthNumbers(str(tmp_path / "no" / "folder"))).__aenter__()

    run(scenario())


def test_numbers_wrap_and_survive(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    numbers = BirthNumbers(str(path))
    for expected in (*range(256), 0, 1):
        assert numbers.next("a/b") == expected
        numbers.use("a/b", expected)
    numbers.use("a/c", 0)
    again = BirthNumbers(str(path))
    assert (again.next("a/b"), again.next("a/c"), again.next("a/d")) == (2, 1, 0)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a/b": 256}', '{"a/b": -1}', '{"a/b": "7"}', "\xff"])
def test_a_damaged_file_begins_at_0_and_says_so(text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "numbers.json"
    path.write_bytes(text.encode("latin-1"))
    numbers = BirthNumbers(str(path))
    assert numbers.next("a/b") == 0
    assert "bdSeq begins at 0" in caplog.text
    numbers.use("a/b", 0)
    assert BirthNumbers(str(path)).next("a/b") == 1


def test_data_without_a_birth_are_a_mistake(broker: Broker) -> None:
    async def scenario() -> None:
        async with edge(broker) as publisher:
            with pytest.raises(ContractError, match="no-birth"):
                await publisher.publish(samples(2, 2))

    run(scenario())


def test_a_failure_of_the_listener_is_not_swallowed(broker: Broker) -> None:
    async def scenario() -> None:
        def full(_: Outgoing) -> None:
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            async with edge(broker, on_acked=full) as publisher:
                await publisher.publish(BIRTHS)

    run(scenario())


def test_the_time_of_a_payload_is_that_of_its_sending(broker: Broker) -> None:
    async def scenario() -> None:
        async with ears(broker) as heard, edge(broker, clock_ns=lambda: 1_795_305_661_000_000_000) as publisher:
            await publisher.publish([*BIRTHS, *samples(2, 2)])
            await heard.until(lambda types: types[-1:] == ["DDATA"])
            payload = decode_payload(heard.said[-1][1])
            assert payload.timestamp_ms == 1_795_305_661_000
            assert {(m.timestamp_ms, m.is_historical) for m in payload.metrics} == {(1_795_305_600_000, True)}
            assert Session(0).all(heard.said).messages[-1][2].boot == BOOT

    run(scenario())
