"""The embedded broker: local, MQTT 5, faithful to a subscriber that lags, and gone with its parent."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import aiomqtt
import pytest
from ingest_plant import publish, until

from console.embedded_broker import MAX_PAYLOAD_BYTES, EmbeddedBroker
from contract import MAX_BYTES, ConfigError
from ingest.door import connect
from ingest.session import Session
from ingest.subscriber import Inbound

V5 = aiomqtt.ProtocolVersion.V5


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


def client(broker: EmbeddedBroker, name: str, **options: object) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", broker.port, protocol=V5, identifier=name, **options)  # type: ignore[arg-type]


async def receive(subscriber: aiomqtt.Client, count: int) -> list[aiomqtt.Message]:
    messages = []
    async with asyncio.timeout(20):
        async for message in subscriber.messages:
            messages.append(message)
            if len(messages) == count:
                break
    return messages


def test_it_says_where_it_is_and_listens_on_this_machine_alone(broker: EmbeddedBroker) -> None:
    assert broker.is_running
    assert broker.url == f"mqtt://127.0.0.1:{broker.port}"
    own = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in own:
        with pytest.raises(OSError), socket.create_connection((address, broker.port), timeout=2):
            pass


def test_a_message_of_the_largest_size_of_the_contract_comes_through(broker: EmbeddedBroker) -> None:
    async def scene() -> None:
        async with client(broker, "big-sub") as subscriber:
            await subscriber.subscribe("big/#", qos=1)
            payload = os.urandom(MAX_BYTES)
            await publish(broker.url, [("big/one", payload)])
            (message,) = await receive(subscriber, 1)
            assert message.payload == payload

    assert MAX_PAYLOAD_BYTES >= 2 * MAX_BYTES
    asyncio.run(scene())


def test_a_subscriber_that_was_away_gets_everything_in_order(broker: EmbeddedBroker) -> None:
    """And what it does not acknowledge comes again, before the rest."""

    async def scene() -> None:
        session = Session(
            "127.0.0.1", broker.port, "away", [("away/#", 1)], receive_maximum=1000, session_expiry_s=3600
        )
        link = await connect(session, lambda _message: None, time.time_ns)
        await link.close()
        await publish(broker.url, [("away/x", b"%d " % n + bytes(2000)) for n in range(3000)])
        for settled in (False, True):
            got: list[int] = []

            def take(message: Inbound, got: list[int] = got, settled: bool = settled) -> None:
                got.append(int(message.payload.split(b" ")[0]))
                if settled:
                    message.acknowledge()

            link = await connect(session, take, time.time_ns)
            assert link.session_present
            await until(lambda got=got, settled=settled: len(got) == (3000 if settled else 100))
            await link.close()
            assert got == list(range(len(got)))

    asyncio.run(scene())


def test_retained_messages_and_wills(broker: EmbeddedBroker) -> None:
    async def scene() -> None:
        will = aiomqtt.Will("will/gateway", b"gone", qos=1)
        gateway = client(broker, "gateway", will=will)
        await gateway.__aenter__()
        await gateway.publish("will/birth", b"here", qos=1, retain=True)
        async with client(broker, "watcher") as watcher:
            await watcher.subscribe("will/#", qos=1)
            (birth,) = await receive(watcher, 1)
            assert birth.payload == b"here"
            gateway._client._sock_close()  # type: ignore[attr-defined]  # as a crash: no farewell
            (death,) = await receive(watcher, 1)
            assert (death.topic.value, death.payload) == ("will/gateway", b"gone")

    asyncio.run(scene())


def test_a_taken_port_is_one_clear_line(broker: EmbeddedBroker) -> None:
    with pytest.raises(ConfigError, match=rf"broker port {broker.port} on 127\.0\.0\.1 is taken.*choose another"):
        EmbeddedBroker(broker.port).__enter__()


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ConfigError, match="is not between 0 and 65535"):
        EmbeddedBroker(port).__enter__()


def test_the_same_port_can_be_used_again_at_once() -> None:
    with EmbeddedBroker() as first:
        port = first.port
        with socket.create_connection(("127.0.0.1", port)):
            pass
    assert not first.is_running
    with EmbeddedBroker(port) as second:
        assert second.port == port


def test_it_ends_with_its_parent_even_by_sigkill() -> None:
    code = (
        "import time; from console.embedded_broker import EmbeddedBroker\n"
        "with EmbeddedBroker() as b: print(b.port, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                pass
        except OSError:
            break
        assert time.monotonic() < deadline, "the broker outlived its parent"
        time.sleep(0.05)


def test_a_new_subscription_of_the_ingester_gets_the_births_and_a_resumed_one_not_again(broker: EmbeddedBroker) -> None:
    async def scene() -> None:
        async with client(broker, "early") as gateway:
            await gateway.publish("early/birth", b"here", qos=1, retain=True)
        session = Session(
            "127.0.0.1", broker.port, "late", [("early/#", 1)], receive_maximum=100, session_expiry_s=3600
        )
        got: list[Inbound] = []
        for _ in range(2):
            link = await connect(session, lambda message: (got.append(message), message.acknowledge()), time.time_ns)  # type: ignore[func-returns-value]
            await until(lambda: got)
            await asyncio.sleep(0.2)
            await link.close()
        assert [message.payload for message in got] == [b"here"]

    asyncio.run(scene())
