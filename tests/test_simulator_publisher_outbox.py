"""The publisher with an edge buffer: nothing is sent that is not in it, and what was left there goes out first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from outbox_cases import EVERYTHING
from publisher_cases import HERE, Cutter, deaths, heard, listening, run

from console.embedded_broker import EmbeddedBroker
from contract import ConfigError
from contract.compression import GZIP, ZSTD, decompress
from service import Broker
from simulator.outbox import ROW_BYTES, Outbox
from simulator.outgoing import Outgoing
from simulator.publisher import Publisher

OLD, NEW = "aaaa0001", "aaaa0002"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with EmbeddedBroker() as running:
        yield Broker(url=running.url)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox"


def refound(outbox: Outbox, boot: str) -> list[bytes]:
    return [item.payload for chunk in outbox.find(HERE.path, boot, EVERYTHING) for item in chunk]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # what happens there raises no event
        await asyncio.sleep(0.01)


def test_everything_is_kept_before_it_is_told(broker: Broker, path: Path) -> None:
    async def scenario() -> None:
        items, seen = deaths(300, NEW), []
        outbox = Outbox(path)

        def acked(item: Outgoing) -> None:
            seen.append(item)
            assert outbox.last == 300, "all of the call is kept before its first message is sent"

        async with Publisher(broker, "kept", outbox=outbox, on_acked=acked) as publisher:
            await publisher.publish(items)
            assert (publisher.acked, publisher.again, outbox.waiting) == (300, 0, 0)
        assert seen == items
        assert refound(outbox, NEW) == [item.payload for item in items]

    run(scenario())


def test_what_an_earlier_start_has_left_goes_first_and_is_not_counted_as_new(broker: Broker, path: Path) -> None:
    async def scenario() -> None:
        left, items, acked = deaths(450, OLD), deaths(3, NEW), []
        earlier = Outbox(path)
        earlier.put(left)
        earlier.acked(20)
        earlier.close()
        outbox = Outbox(path)
        async with listening(broker, HERE.topic("death")) as client:
            async with Publisher(broker, "second", outbox=outbox, on_acked=acked.append) as publisher:
                await publisher.publish(items)
                assert (publisher.acked, publisher.again) == (3, 430)
            assert await heard(client, items[-1].payload) == [item.payload for item in left[20:] + items]
        assert acked == items
        outbox.close()
        assert Outbox(path).waiting == 0

    run(scenario())


def test_a_call_that_is_given_up_is_made_good_by_the_next(broker: Broker, path: Path) -> None:
    async def scenario() -> None:
        items, more = deaths(500, OLD), deaths(2, NEW)
        outbox = Outbox(path)
        call: asyncio.Task[None] | None = None

        def acked(item: Outgoing) -> None:
            if call is not None and item.seq == 31:
                call.cancel()

        async with (
            listening(broker, HERE.topic("death")) as client,
            Publisher(broker, "hasty", outbox=outbox, on_acked=acked) as publisher,
        ):
            call = asyncio.ensure_future(publisher.publish(items))
            await asyncio.wait({call})
            assert call.cancelled()
            done = publisher.acked
            assert 0 < outbox.waiting <= 500 - done
            await publisher.publish(more)
            assert outbox.waiting == 0
            got = await heard(client, more[-1].payload)
        assert list(dict.fromkeys(got)) == [item.payload for item in items + more]

    run(scenario())


def test_a_link_that_breaks_loses_nothing(broker: Broker, path: Path) -> None:
    async def scenario() -> None:
        items, acked = deaths(400, NEW), []
        outbox = Outbox(path)
        async with listening(broker, HERE.topic("death")) as client:
            async with Cutter(broker, after_bytes=8_000, times=4) as through:
                publisher = Publisher(through, "cut", outbox=outbox, on_acked=acked.append, jitter=lambda: 0.0)
                async with publisher:
                    await publisher.publish(items)
            assert acked == items
            assert publisher.sent > 400
            got = await heard(client, items[-1].payload)
            assert list(dict.fromkeys(got)) == [item.payload for item in items]

    run(scenario())


def test_a_buffer_that_is_too_small_for_a_call_passes_it_on_in_parts(broker: Broker, path: Path) -> None:
    async def scenario() -> None:
        items = deaths(200, NEW)
        outbox = Outbox(path, 10 * (len(items[-1].payload) + ROW_BYTES))
        async with listening(broker, HERE.topic("death")) as client:
            async with Publisher(broker, "narrow", outbox=outbox) as publisher:
                await publisher.publish(items)
            assert await heard(client, items[-1].payload) == [item.payload for item in items]
        assert 9 <= len(refound(outbox, NEW)) <= 11

    run(scenario())


def test_a_disk_that_is_full_is_waited_for(broker: Broker, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        outbox = Outbox(path)
        pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
        outbox._db.execute(f"PRAGMA max_page_count = {pages}")

        async def sleep(_: float) -> None:
            assert publisher.sent == 0, "nothing is sent that is not kept"
            outbox._db.execute("PRAGMA max_page_count = 100000")

        async with Publisher(broker, "full", outbox=outbox, sleep=sleep) as publisher:
            await publisher.publish(deaths(1000, NEW))
            assert publisher.acked == 1000
        assert "database or disk is full; waiting" in caplog.text

    run(scenario())


def test_what_was_sent_is_sent_again_as_it_was_beside_what_is_new(broker: Broker, path: Path) -> None:
    async def scenario() -> None:
        items, more = deaths(300, OLD), deaths(300, NEW)
        outbox, acked = Outbox(path), []
        async with (
            listening(broker, HERE.topic("death")) as client,
            Publisher(broker, "again", outbox=outbox, on_acked=acked.append) as publisher,
        ):
            await publisher.publish(items)

            async def again() -> None:
                for chunk in outbox.find(HERE.path, OLD, [(10, 19), (200, 300)]):
                    await publisher.publish_again(chunk)

            await asyncio.gather(again(), *(publisher.publish(more[at : at + 30]) for at in range(0, 300, 30)))
            last = deaths(1, "aaaa0003")
            await publisher.publish(last)
            got = await heard(client, last[0].payload)
        assert sorted(got) == sorted(item.payload for item in [*items, *more, *items[9:19], *items[199:300], *last])
        assert (acked, publisher.again, outbox.last) == (items + more + last, 111, 601)

    run(scenario())


@pytest.mark.parametrize("content_type", [GZIP, ZSTD])
def test_what_is_worth_it_is_packed_and_said_so(broker: Broker, path: Path, content_type: str) -> None:
    async def scenario() -> None:
        small, noise = Outgoing(HERE, "death", b"{}" * 400, seq=1), Outgoing(HERE, "death", os.urandom(2000), seq=2)
        large = Outgoing(HERE, "death", b'{"reason":"a long one"}' * 100, seq=3)
        outbox, acked = Outbox(path), []
        async with listening(broker, HERE.topic("death")) as client:
            publisher = Publisher(broker, "packing", outbox=outbox, packing=content_type, on_acked=acked.append)
            async with publisher:
                await publisher.publish([small, noise, large])
                for chunk in outbox.find(HERE.path, "", EVERYTHING):
                    await publisher.publish_again(chunk)
            got = [await anext(aiter(client.messages)) for _ in range(6)]
        told = [(getattr(message.properties, "ContentType", ""), bytes(message.payload)) for message in got]
        assert told[:3] == told[3:], "again it is the same"
        assert told[:2] == [("", small.payload), ("", noise.payload)]
        assert told[2][0] == content_type
        assert len(told[2][1]) < 200
        assert decompress(told[2][1], content_type, 10_000) == large.payload
        assert acked == [small, noise, large], "who counts sees them as they were given"

    run(scenario())


def test_a_link_is_mended_while_nothing_is_said(broker: Broker) -> None:
    """Commands come in over it, and the will stands with it."""

    async def scenario() -> None:
        came: list[bytes] = []
        topic = HERE.topic("command")
        async with (
            listening(broker, "nothing/here") as other,
            Cutter(broker, after_bytes=10**9, times=10**9) as through,
        ):
            publisher = Publisher(
                through, "quiet", listen=[topic], on_message=lambda _, payload: came.append(payload), jitter=lambda: 0.0
            )
            async with publisher:
                assert await publisher.listening(10)
                for number in range(3):
                    client = publisher._client
                    assert client is not None
                    client._client.socket().shutdown(2)
                    await until(lambda gone=client.gone: gone.done())
                    await until(lambda before=client: publisher._client not in (None, before))
                    assert await publisher.listening(10)
                    await other.publish(topic, b"%d" % number, qos=1)
                    await until(lambda number=number: b"%d" % number in came)
                assert (publisher.sent, publisher.connected) == (0, True)

    run(scenario())


def test_a_password_that_is_gone_ends_the_mending_and_is_told(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        secret = tmp_path / "secret"
        secret.write_text("x")
        withheld = Broker(url=broker.url, username="somebody", password_file=str(secret))
        async with Publisher(withheld, "locked-out", jitter=lambda: 0.0) as publisher:
            secret.unlink()
            client = publisher._client
            assert client is not None
            client._client.socket().shutdown(2)
            await until(lambda: "the link is not mended: configuration: broker.password_file" in caplog.text)
            with pytest.raises(ConfigError, match=r"broker\.password_file: cannot read"):
                await publisher.publish(deaths(1, NEW))

    run(scenario())
