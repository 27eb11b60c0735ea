"""One connection: what is acknowledged and when, and what happens when a broker misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import logging
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import pytest
from ingest_plant import Cable, publish, until

from console.embedded_broker import EmbeddedBroker
from contract import LinkError
from ingest import mqtt_packets
from ingest import subscriber as module
from ingest.door import connect
from ingest.session import Session
from ingest.subscriber import Inbound, Link

NAMES = (f"subscriber-{n}" for n in itertools.count())
CLOCK = itertools.count().__next__


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing may be logged as a warning or worse, by us or asyncio."""
    with caplog.at_level(logging.WARNING):
        yield
    assert [record.getMessage() for record in caplog.records] == []


def session(url: str, topic: str) -> Session:
    host, port = url.removeprefix("mqtt://").split(":")
    return Session(
        host=host,
        port=int(port),
        client_id=next(NAMES),
        topics=[(topic, 1)],
        receive_maximum=1000,
        session_expiry_s=3600,
    )


def numbers(messages: list[Inbound]) -> list[int]:
    return [int(message.payload) for message in messages]


def numbered(topic: str, *range_of: int) -> list[tuple[str, bytes]]:
    return [(topic, str(n).encode()) for n in range(*range_of)]


def pubacks(sent: bytes) -> list[int]:
    """The packet identifiers of the PUBACKs in what a client sent (MQTT 5.0, 2.1 and 3.4)."""
    found, at = [], 0
    while at < len(sent):
        length, shift, head = 0, 0, at + 1
        while True:
            length |= (sent[head] & 0x7F) << shift
            shift, head = shift + 7, head + 1
            if not sent[head - 1] & 0x80:
                break
        if sent[at] >> 4 == 4:
            found.append(struct.unpack("!H", sent[head : head + 2])[0])
        at = head + length
    return found


@pytest.mark.usefixtures("quiet")
def test_nothing_is_acknowledged_before_we_say_so_and_then_in_our_order(broker: EmbeddedBroker) -> None:
    async def scene() -> None:
        got: list[Inbound] = []
        async with Cable(broker.url).laid() as cable:
            link = await connect(session(cable.url, "order/#"), got.append, CLOCK)
            await publish(broker.url, numbered("order/x", 10))
            await until(lambda: len(got) == 10)
            assert pubacks(cable.sent) == []
            for message in got[:6]:
                message.acknowledge()
            await until(lambda: len(pubacks(cable.sent)) == 6)
            assert pubacks(cable.sent) == sorted(pubacks(cable.sent))
            await link.close()
        assert numbers(got) == list(range(10))

    asyncio.run(scene())


@pytest.mark.usefixtures("quiet")
def test_what_is_not_acknowledged_comes_again_on_the_next_connection(broker: EmbeddedBroker) -> None:
    async def scene() -> None:
        wanted = session(broker.url, "again/#")
        first: list[Inbound] = []
        link = await connect(wanted, first.append, CLOCK)
        assert not link.session_present
        await publish(broker.url, numbered("again/x", 8))
        await until(lambda: len(first) == 8)
        for message in first[:3]:
            message.acknowledge()
        await link.close()
        await publish(broker.url, numbered("again/x", 8, 12))
        second: list[Inbound] = []
        link = await connect(wanted, second.append, CLOCK)
        assert link.session_present
        await until(lambda: len(second) == 9)
        assert numbers(second) == list(range(3, 12))
        await link.close()

    asyncio.run(scene())


@pytest.mark.usefixtures("quiet")
def test_an_old_connection_never_acknowledges_on_a_new_one(broker: EmbeddedBroker) -> None:
    """A batch of the old connection becomes durable late: its packet identifiers now name other messages."""

    async def scene() -> None:
        got: list[Inbound] = []
        async with Cable(broker.url).laid() as cable:
            wanted = session(cable.url, "stale/#")
            old = await connect(wanted, got.append, CLOCK)
            await publish(broker.url, numbered("stale/x", 10))
            await until(lambda: len(got) == 10)
            cable.cut()
            await asyncio.wait_for(old.lost.wait(), 5)
            cable.plugged = True
            await publish(broker.url, numbered("stale/x", 10, 20))
            fresh: list[Inbound] = []
            new = await connect(wanted, fresh.append, CLOCK)
            await until(lambda: len(fresh) == 20)
            for message in got:
                message.acknowledge()
            await old.close()
            await asyncio.sleep(0.2)
            assert pubacks(cable.sent) == []
            await new.close()
        third: list[Inbound] = []
        link = await connect(replace(wanted, port=broker.port), third.append, CLOCK)
        await until(lambda: len(third) == 20)
        assert numbers(third) == list(range(20)), "a stale acknowledgement would have lost some"
        await link.close()

    asyncio.run(scene())


@pytest.mark.usefixtures("quiet")
def test_acknowledgements_of_one_turn_go_out_together_and_none_after_the_end() -> None:
    said: list[bytes] = []

    class Wire(asyncio.Transport):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            said.append(bytes(data))

        def is_closing(self) -> bool:
            return False

        def abort(self) -> None:
            return None

    async def scene() -> None:
        got: list[Inbound] = []
        link = Link(session("mqtt://127.0.0.1:1", "x/#"), got.append, CLOCK)
        link.connection_made(Wire())
        link.data_received(connack(0) + suback(1))
        said.clear()
        for mid in (1, 2, 65_535, 4):
            link.data_received(mqtt_packets.publish(mqtt_packets.Message("x/y", b"1", 1), mid))
        for message in got[:3]:
            message.acknowledge()
            message.acknowledge()
        assert said == []
        await asyncio.sleep(0)
        assert said == [b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\xff\xff"]
        assert not link.settled.is_set()
        link.connection_lost(None)
        assert not link.settled.is_set(), "one message is still on its way to the store"
        got[3].acknowledge()
        await asyncio.sleep(0)
        assert link.settled.is_set()
        assert len(said) == 1, "so that acknowledgement stays unsaid"

    asyncio.run(scene())


@pytest.mark.usefixtures("quiet")
def test_who_has_stopped_listening_leaves_the_rest_to_the_broker(broker: EmbeddedBroker) -> None:
    async def scene() -> None:
        wanted = session(broker.url, "deaf/#")
        got: list[Inbound] = []
        link = await connect(wanted, got.append, CLOCK)
        await publish(broker.url, numbered("deaf/x", 3))
        await until(lambda: len(got) == 3)
        link.stop_listening()
        await publish(broker.url, numbered("deaf/x", 3, 6))
        await asyncio.sleep(0.1)
        for message in got:
            message.acknowledge()
        await link.close()
        assert len(got) == 3
        rest: list[Inbound] = []
        link = await connect(wanted, rest.append, CLOCK)
        await until(lambda: len(rest) == 3)
        assert numbers(rest) == [3, 4, 5]
        await link.close()

    asyncio.run(scene())


def connack(code: int) -> bytes:
    return bytes([0x20, 3, 0, code, 0])


def suback(code: int) -> bytes:
    return bytes([0x90, 4, 0, 1, 0, code])


@contextlib.asynccontextmanager
async def fake_broker(*answers: bytes | None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers each packet with the next of ``answers`` (None: silence), and then closes."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            heard.append(await reader.read(4096))
            if answer is not None:
                writer.write(answer)
            else:
                await reader.read(4096)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    finally:
        server.close()


def refusal(*answers: bytes | None, patience: Callable[[], None] | None = None) -> tuple[str, list[bytes]]:
    async def scene() -> tuple[str, list[bytes]]:
        async with fake_broker(*answers) as (url, heard):
            with pytest.raises(LinkError) as caught:
                await connect(session(url, "x/#"), lambda _message: None, CLOCK)
            await asyncio.sleep(0.1)
            gc.collect()  # asyncio tells of a future that nobody looked at when it is gone
            return str(caught.value), heard

    return asyncio.run(scene())


@pytest.mark.usefixtures("quiet")
def test_a_broker_of_mqtt_3_is_refused_instead_of_spoken_down_to(monkeypatch: pytest.MonkeyPatch) -> None:
    text, heard = refusal(bytes([0x20, 2, 0, 1]))
    assert "does it speak MQTT 5?" in text
    assert len(heard) == 1, "there, no session expires and no window is ours to choose"
    assert heard[0][:1] == b"\x10"
    assert heard[0][2:9] == b"\x00\x04MQTT\x05"


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ((connack(0x87),), "not authorized (0x87)"),
        ((connack(0x88),), "server unavailable (0x88)"),
        ((connack(0), suback(0x87)), "does not grant the subscriptions: 'x/#': not authorized (0x87)"),
        ((connack(0), suback(0)), "does not grant the subscriptions: 'x/#': QoS 0"),
        ((b"",), "closed the connection before it was ready"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "closed the connection before it was ready"),
        ((bytes([0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 1]),), "a length of more than four bytes"),
    ],
)
def test_a_refusal_is_a_link_error_with_its_reason(answers: tuple[bytes, ...], text: str) -> None:
    said, heard = refusal(*answers)
    assert text in said
    assert said.startswith("mqtt://127.0.0.1:")
    assert sum(packet[:1] == b"\x10" for packet in heard) == 1, "one attempt is one attempt"


@pytest.mark.usefixtures("quiet")
def test_a_refusal_on_a_resumed_session_ends_the_link() -> None:
    """There we do not wait for the SUBACK: the embedded broker sends none while its window is full."""

    async def scene() -> None:
        resumed = bytes([0x20, 3, 1, 0, 0])
        async with fake_broker(resumed, suback(0x87), None) as (url, _):
            link = await connect(session(url, "x/#"), lambda _message: None, CLOCK)
            await asyncio.wait_for(link.lost.wait(), 5)
            assert link.reason == "the broker does not grant the subscriptions: 'x/#': not authorized (0x87)"
            await link.close()

    asyncio.run(scene())


@pytest.mark.usefixtures("quiet")
def test_a_broker_that_sends_more_than_the_window_is_not_read_until_we_have_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mosquitto 2.0 does after a long absence; without this, 32,000 messages were seen in memory instead of 1,000."""
    monkeypatch.setattr(module, "KEEPALIVE_S", 1)
    count, size = 4000, 4096

    def message(mid: int) -> bytes:
        body = b"\x00\x03x/y" + struct.pack("!H", mid) + b"\x00" + bytes(size)
        return bytes([0x32, len(body) & 0x7F | 0x80, len(body) >> 7]) + body

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(connack(0))
        await reader.read(4096)
        writer.write(suback(1) + b"".join(message(mid) for mid in range(1, count + 1)))
        while await reader.read(4096):
            pass
        writer.close()

    async def scene() -> None:
        got: list[Inbound] = []
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            link = await connect(replace(session(url, "x/#"), receive_maximum=10), got.append, CLOCK)
            await until(lambda: len(got) > 50)
            await asyncio.sleep(3.0)
            assert not link.lost.is_set(), "we hear nothing because we do not listen: that is no lost link"
            first = len(got)
            assert first < 200, "what one read of the socket may bring, and no more"
            for message in got[:first]:
                message.acknowledge()
            await until(lambda: len(got) > first)
            while len(got) < count:
                for message in got:
                    message.acknowledge()
                await asyncio.sleep(0)
            for message in got:
                message.acknowledge()
            await link.close()

    asyncio.run(scene())


@pytest.mark.usefixtures("quiet")
def test_a_broker_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.door.CONNECT_TIMEOUT_S", 0.3)
    text, _ = refusal(None)
    assert "no answer within" in text


@pytest.mark.usefixtures("quiet")
def test_nobody_there() -> None:
    async def scene() -> None:
        with pytest.raises(LinkError, match=r"mqtt://127\.0\.0\.1:1: connection refused; is the broker running"):
            await connect(session("mqtt://127.0.0.1:1", "x"), lambda _message: None, CLOCK)
        with pytest.raises(LinkError, match=r"mqtt://no\.such\.host\.invalid"):
            await connect(session("mqtt://no.such.host.invalid:1", "x"), lambda _message: None, CLOCK)

    asyncio.run(scene())


@pytest.mark.usefixtures("quiet")
def test_the_session_is_asked_for_as_set(broker: EmbeddedBroker) -> None:
    async def scene() -> bytes:
        async with Cable(broker.url).laid() as cable:
            wanted = replace(session(cable.url, "set/#"), receive_maximum=77, username="ann", password="pw")
            link = await connect(wanted, lambda _message: None, CLOCK)
            await link.close()
            return cable.sent

    sent = asyncio.run(scene())
    assert b"\x11" + struct.pack("!I", 3600) in sent, "session expiry interval"
    assert b"\x21" + struct.pack("!H", 77) in sent, "receive maximum"
    flags = sent[sent.index(b"MQTT\x05") + 5]
    assert not flags & 0x02, "clean start"
    assert b"\x00\x03ann\x00\x02pw" in sent
    assert sent.endswith(b"\xe0\x00") or b"\xe0\x02\x00\x00" in sent, "a clean DISCONNECT keeps the session"
