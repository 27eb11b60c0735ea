"""The way out: everything is acknowledged, in order, over a link that breaks; and the will is for those who vanish."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from publisher_cases import HERE, Cutter, deaths, heard, listening, run

from console.embedded_broker import EmbeddedBroker
from contract import LinkError
from service import Broker
from simulator.outgoing import Outgoing
from simulator.publisher import Publisher

WILL = ("test/will", b"gone")


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with EmbeddedBroker() as running:
        yield Broker(url=running.url)


def test_everything_is_acknowledged_in_order(broker: Broker) -> None:
    async def scenario() -> None:
        items, acked = deaths(200, "aaaaaaaa"), []
        async with listening(broker, HERE.topic("death")) as client:
            async with Publisher(broker, "in-order", on_acked=acked.append) as publisher:
                await publisher.publish(items)
                assert publisher.connected
                assert (publisher.sent, publisher.acked) == (200, 200)
            assert acked == items
            assert await heard(client, items[-1].payload) == [item.payload for item in items]

    run(scenario())


def test_a_link_that_breaks_loses_nothing(broker: Broker) -> None:
    async def scenario() -> None:
        items, acked = deaths(400, "bbbbbbbb"), []
        async with listening(broker, HERE.topic("death")) as client:
            async with Cutter(broker, after_bytes=8_000, times=4) as through:
                publisher = Publisher(through, "cut", on_acked=acked.append, jitter=lambda: 0.0)
                async with publisher:
                    await publisher.publish(items)
            assert acked == items, "each message is acknowledged once, in order"
            assert publisher.sent > len(items), "some had to be sent again"
            got = await heard(client, items[-1].payload)
            assert list(dict.fromkeys(got)) == [item.payload for item in items]

    run(scenario())


def test_a_link_that_is_mended_listens_anew(broker: Broker) -> None:
    async def scenario() -> None:
        came: list[bytes] = []
        topic = HERE.topic("command")
        async with (
            listening(broker, "nothing/here") as other,
            Cutter(broker, after_bytes=8_000, times=1) as through,
            Publisher(
                through, "ears", listen=[topic], on_message=lambda _, payload: came.append(payload), jitter=lambda: 0.0
            ) as publisher,
        ):
            for payload in (b"before", b"after"):
                assert await publisher.listening(10)
                await other.publish(topic, payload, qos=1)
                while payload not in came:  # noqa: ASYNC110  # what is heard raises no event
                    await asyncio.sleep(0.01)
                await publisher.publish(deaths(100, "dddddddd"))
            assert came == [b"before", b"after"]
            assert publisher.sent > 200, "the link was cut"

    run(scenario())


def test_a_topic_that_may_not_be_listened_to_is_told(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker with rights says so in the acknowledgement alone."""

    async def refused(*_: object, **__: object) -> list[ReasonCode]:
        return [ReasonCode(PacketTypes.SUBACK, "Not authorized")]

    async def scenario() -> None:
        monkeypatch.setattr(aiomqtt.Client, "subscribe", refused)
        async with Publisher(broker, "deaf", listen=["secret/#"], on_message=print) as publisher:
            assert await publisher.listening(10)

    run(scenario())
    assert "secret/# refused: Not authorized; check the rights of the user" in caplog.text


def test_the_will_is_for_those_who_vanish(broker: Broker) -> None:
    async def scenario() -> None:
        async with listening(broker, WILL[0]) as client:
            async with Publisher(broker, "peaceful", will=WILL):
                pass
            with contextlib.suppress(ZeroDivisionError):
                async with Publisher(broker, "broken", will=(WILL[0], b"crashed")):
                    raise ZeroDivisionError
            assert await heard(client, b"crashed") == [b"crashed"]

    run(scenario())


def test_no_broker_is_one_clear_line() -> None:
    async def scenario() -> None:
        with socket.socket() as taken:  # bound, and nobody listens
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            with pytest.raises(LinkError, match=rf"127\.0\.0\.1:{port}.*start one, or set broker\.url"):
                async with Publisher(Broker(url=f"mqtt://127.0.0.1:{port}"), "nobody"):
                    pass

    run(scenario())


def test_the_wait_for_a_broker_grows_and_has_a_limit(broker: Broker) -> None:
    async def scenario() -> None:
        waits: list[float] = []
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))

            class Enough(Exception):
                pass

            async def sleep(seconds: float) -> None:
                waits.append(seconds)
                if len(waits) == 8:
                    raise Enough

            url = f"mqtt://127.0.0.1:{taken.getsockname()[1]}"
            patient = Publisher(Broker(url=url), "patient", keep_trying=True, sleep=sleep, jitter=lambda: 1.0)
            with pytest.raises(Enough):
                await patient.__aenter__()
        assert waits == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])

    run(scenario())


def test_a_failure_of_the_listener_is_not_swallowed(broker: Broker) -> None:
    async def scenario() -> None:
        def full(_: Outgoing) -> None:
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            async with Publisher(broker, "full", on_acked=full) as publisher:
                await publisher.publish(deaths(50, "cccccccc"))

    run(scenario())
