"""The ingester whole, on the embedded broker, against a store in memory that fails on demand."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ingest_plant import Cable, MemoryStore, Points, Said, names_of, plant, publish, until

from console.embedded_broker import EmbeddedBroker
from contract import Address, ConfigError, Death, RetryLater, Telemetry, encode, topic_filter
from historian.base import Frame
from ingest import DeadLetters, Settings, Status, ingest, mqtt_packets, read_letters
from service import Broker, heartbeat_problem


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


ENTERPRISES = iter(f"acme-{n}" for n in range(1000))


@dataclass
class Bench:
    """One ingester with its own corner of the broker."""

    folder: Path
    url: str
    enterprise: str
    store: MemoryStore
    status: Status
    stop: asyncio.Event
    task: asyncio.Task[None] | None = None

    def settings(self, **changes: object) -> Settings:
        return Settings(
            client_id=f"ingest-{self.enterprise}",
            topics=[topic_filter(self.enterprise)],
            dead_letters=str(self.folder / "dead"),
            heartbeat=str(self.folder / "heartbeat"),
            **changes,  # type: ignore[arg-type]
        )

    async def start(self, **changes: object) -> None:
        self.stop.clear()
        self.task = asyncio.create_task(
            ingest(
                self.settings(**changes),
                Broker(url=self.url),
                self.store,
                stop=self.stop,
                clock_ns=time.time_ns,
                status=self.status,
                jitter=lambda: 0.0,
            )
        )
        await until(lambda: self.status.connected or (self.task is not None and self.task.done()))

    async def end(self) -> float:
        assert self.task is not None
        began = time.monotonic()
        self.stop.set()
        async with asyncio.timeout(15):
            await self.task
        return time.monotonic() - began

    def messages(self, said: list[Said]) -> list[tuple[str, bytes]]:
        return [(one.topic.replace("acme", self.enterprise, 1), one.payload) for one in said]

    def law(self) -> None:
        s = self.status
        assert s.received == s.written + s.duplicate + s.dead_lettered + s.buffered


@contextlib.asynccontextmanager
async def bench(tmp_path: Path, url: str) -> AsyncIterator[Bench]:
    made = Bench(tmp_path, url, next(ENTERPRISES), MemoryStore(), Status(), asyncio.Event())
    try:
        yield made
    finally:
        if made.task is not None:
            made.task.cancel()
            await asyncio.gather(made.task, return_exceptions=True)


def expected(made: Bench, said: list[Said]) -> Points:
    points: Points = {}
    for one in said:
        for (kind, tags, t), fields in one.points.items():
            ours = tuple((name, made.enterprise if name == "enterprise" else value) for name, value in tags)
            points[kind, ours, t] = fields
    return points


def test_everything_said_is_stored_with_equal_values_and_counted(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            said = plant(1, 500)
            await made.start()
            await publish(broker.url, made.messages(said))
            await until(lambda: made.status.written == 500)
            assert await made.end() < 5
            assert made.store.points == expected(made, said)
            made.law()
            assert (made.status.received, made.status.duplicate, made.status.dead_lettered) == (500, 0, 0)
            assert made.status.last_write_lag_ms is not None
            assert 0 < made.status.last_write_lag_ms < 20_000
            assert made.status.last_error is None
            last = made.store.own[-1]
            assert last.tags == {"client": f"ingest-{made.enterprise}"}
            assert {name: column[0] for name, column in last.fields.items() if name != "lag_ms"} == {
                "received": 500,
                "written": 500,
                "duplicate": 0,
                "dead_lettered": 0,
                "buffered": 0,
            }
            assert type(last.fields["lag_ms"][0]) is float

    asyncio.run(scene())


def test_a_slow_store_sees_two_writes_at_a_time_while_the_next_batch_collects(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.carrier.WRITES", 2)

    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            await made.start()
            made.store.gate.clear()
            said = plant(2, 60)
            await publish(broker.url, made.messages(said[:1]))
            await asyncio.wait_for(made.store.under_way.wait(), 5)
            await publish(broker.url, made.messages(said[1:2]))
            await until(lambda: made.store.attempts == 2)
            await publish(broker.url, made.messages(said[2:]))
            await until(lambda: made.status.received == 60)
            await asyncio.sleep(0.5)
            assert made.store.attempts == 2, "the others wait, however long it takes"
            assert made.status.buffered == 60
            made.store.gate.set()
            await until(lambda: made.status.written == 60)
            assert made.store.attempts == 3, "one batch of the 58 that came meanwhile"
            await made.end()

    asyncio.run(scene())


def test_poison_does_not_block_what_is_good(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """25 messages that do not parse and 25 that the store refuses, mixed with good ones; the log tells it once."""
    monkeypatch.setattr("ingest.herald.BEAT_S", 0.005)

    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            await made.store.write([Frame("telemetry", {}, [1], {"poison": [1]})])
            made.store.batches.clear()
            await made.start()
            said = plant(3, 200)
            good = made.messages(said)
            press = Address(made.enterprise, "plant-1", "production", "line-1", "press-0")
            unparsable = [(press.topic("telemetry"), b"{%d" % n) for n in range(25)]
            conflicts = [
                (
                    press.topic("telemetry"),
                    encode(Telemetry(boot="00000bad", seq=n, t=[n + 1], values={"poison": [0.5]})),
                )
                for n in range(25)
            ]
            mixed = [*unparsable[:20], *conflicts[:20], *good[:100], *unparsable[20:], *conflicts[20:], *good[100:]]
            await publish(broker.url, mixed)
            await until(lambda: made.status.written + made.status.dead_lettered == 250)
            await made.end()
            made.law()
            assert made.store.points == expected(made, said)
            letters = list(read_letters(made.settings().dead_letters))
            assert sorted(base64.b64decode(one.payload) for one in letters) == sorted(
                payload for _, payload in unparsable + conflicts
            )
            assert [one.reason for one in letters].count("not-json") == 25
            assert [one.reason for one in letters].count("store-refused") == 25
            assert {one.topic for one in letters} == {press.topic("telemetry")}
            assert caplog.text.count("became dead letters") == 1

    asyncio.run(scene())


def test_a_store_that_is_down_loses_nothing_and_shows_in_the_status(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            await made.start()
            made.store.failing = RetryLater("the store is down")
            said = plant(4, 300)
            await publish(broker.url, made.messages(said))
            await until(lambda: made.store.attempts >= 3)
            assert made.status.last_error == "the store is down"
            assert 0 < made.status.buffered <= 100, "the broker's window holds the rest"
            assert made.store.attempts < 10, "no tight loop"
            made.store.failing = None
            await until(lambda: made.status.written == 300)
            assert made.status.last_error is None
            await made.end()
            assert made.store.points == expected(made, said)

    asyncio.run(scene())


def test_a_link_that_breaks_while_the_store_is_down_adds_no_second_window(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with Cable(broker.url).laid() as cable, bench(tmp_path, cable.url) as made:
            await made.start()
            made.store.failing = RetryLater("the store is down")
            said = plant(5, 300)
            await publish(broker.url, made.messages(said))
            await until(lambda: made.store.attempts >= 2)
            cable.cut()
            cable.plugged = True
            await until(lambda: not made.status.connected)
            assert "is another client connected as" in str(made.status.last_error), "such a short link has a reason"
            await asyncio.sleep(0.5)
            assert cable.connections == 1
            assert made.status.buffered <= 100
            made.store.failing = None
            await until(lambda: made.status.written == 300)
            assert cable.connections == 2
            await until(lambda: made.status.buffered == 0)
            await made.end()
            assert made.store.points == expected(made, said)
            assert 0 < made.status.duplicate <= 100, "written, and never acknowledged on the new connection"
            made.law()

    asyncio.run(scene())


def test_a_broker_that_comes_late_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        with EmbeddedBroker() as gone:
            port = gone.port
        async with bench(tmp_path, f"mqtt://127.0.0.1:{port}") as made:
            starting = asyncio.create_task(made.start())
            await until(lambda: made.status.last_error is not None)
            assert "connection refused" in str(made.status.last_error)
            await asyncio.sleep(0.5)
            with EmbeddedBroker(port):
                await starting
                assert made.status.last_error is None
                await publish(made.url, made.messages(plant(6, 20)))
                await until(lambda: made.status.written == 20)
                await made.end()

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())
    told = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(told) == 1, "once for the outage, not once per attempt"


def test_the_end_under_load_is_quick_and_the_rest_comes_after_the_restart(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            said = plant(7, 1500)
            await made.start()
            load = asyncio.create_task(publish(broker.url, made.messages(said)))
            await until(lambda: made.status.written > 50)
            assert await made.end() < 10
            made.law()
            assert made.status.buffered == 0
            first = made.status.written
            assert first < 1500, "the load was still on"
            await load
            made.status = Status()
            await made.start()
            await until(lambda: made.status.received >= 1500 - first)
            await until(lambda: made.status.buffered == 0)
            assert made.status.received == 1500 - first, "what was acknowledged does not come again"
            await made.end()
            assert made.store.points == expected(made, said)

    asyncio.run(scene())


def test_a_start_with_the_store_down_and_a_full_window_is_connected_and_waits(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            said = plant(13, 300)
            await made.start()
            await made.end()
            await publish(broker.url, made.messages(said))
            made.store.failing = RetryLater("the store is down")
            await made.start()
            await until(lambda: made.status.buffered == 100)
            assert made.status.connected
            assert made.status.last_error == "the store is down"
            made.store.failing = None
            await until(lambda: made.status.written == 300)
            await made.end()
            assert made.store.points == expected(made, said)

    asyncio.run(scene())


def test_the_end_does_not_wait_for_a_broker_that_says_nothing(tmp_path: Path) -> None:
    async def scene() -> None:
        reached = asyncio.Event()

        async def impatient(url: str) -> None:
            async with bench(tmp_path, url) as made:
                starting = asyncio.create_task(made.start())
                await reached.wait()
                assert await made.end() < 5
                await starting

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reached.set()
            await reader.read()
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            await impatient(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    asyncio.run(scene())


def test_the_end_does_not_wait_for_a_store_that_is_down(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ingest.run.DRAIN_S", 0.5)

    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            said = plant(8, 50)
            await made.start()
            made.store.failing = RetryLater("the store is down")
            await publish(broker.url, made.messages(said))
            await until(lambda: made.store.attempts >= 1)
            assert await made.end() < 3
            assert made.status.buffered > 0
            assert caplog.text.count("messages unwritten") == 1
            made.store.failing = None
            made.status = Status()
            await made.start()
            await until(lambda: made.status.written == 50)
            await made.end()
            assert made.store.points == expected(made, said)

    asyncio.run(scene())


def test_a_full_disk_for_dead_letters_holds_the_acknowledgement_back(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            await made.start()
            full = True
            append = DeadLetters.append

            def failing(self: object, letters: object) -> None:
                if full:
                    raise OSError(28, "No space left on device")
                append(self, letters)  # type: ignore[arg-type]

            monkeypatch.setattr(DeadLetters, "append", failing)
            topic = Address(made.enterprise, "a", "b", "c", "d").topic("state")
            await publish(broker.url, [(topic, b"?")])
            await until(lambda: made.status.store_error is not None)
            assert "No space left" in str(made.status.store_error)
            assert made.status.buffered == 1
            full = False
            await until(lambda: made.status.dead_lettered == 1)
            assert made.status.last_error is None
            await made.end()

    asyncio.run(scene())


def test_qos_0_cannot_fill_the_memory(tmp_path: Path) -> None:
    """From a broker of four answers, for the embedded one delivers what was published at QoS 0 at QoS 1."""
    flood = b"".join(mqtt_packets.publish(mqtt_packets.Message(one.topic, one.payload)) for one in plant(9, 50))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(bytes([0x20, 3, 0, 0, 0]))
        await reader.read(4096)
        writer.write(bytes([0x90, 4, 0, 1, 0, 1]) + flood)
        while await reader.read(4096):
            pass
        writer.close()

    async def scene() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server, bench(tmp_path, url) as made:
            await made.start(receive_maximum=10)
            await until(lambda: made.status.written == 10)
            assert made.status.overflow == 40
            made.law()
            await made.end()

    asyncio.run(scene())


def test_a_will_is_stored_at_its_receipt_and_a_birth_is_a_point(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            await made.start()
            topic = Address(made.enterprise, "p", "a", "l", "gateway").topic("death")
            before = time.time_ns()
            await publish(broker.url, [(topic, encode(Death(boot="00ff00ff", seq=0, t=None, reason="lost")))])
            await until(lambda: made.status.written == 1)
            ((_, _, t),) = made.store.points
            assert before <= t <= time.time_ns()
            assert names_of(made.store.points) == {(f"{made.enterprise}/p/a/l/gateway", "death", "00ff00ff", 0)}
            await made.end()

    asyncio.run(scene())


def test_the_heartbeat_tells_a_well_ingester_from_a_sick_one(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.herald.BEAT_S", 0.05)
    monkeypatch.setattr("ingest.status.PATIENCE_S", 0.3)

    async def scene() -> None:
        async with Cable(broker.url).laid() as cable, bench(tmp_path, cable.url) as made:
            await made.start()
            path = made.settings().heartbeat
            await until(lambda: Path(path).exists())
            assert heartbeat_problem(path, time.time(), 5) is None
            cable.cut()
            await until(lambda: heartbeat_problem(path, time.time(), 5) is not None)
            cable.plugged = True
            await until(lambda: heartbeat_problem(path, time.time(), 5) is None)
            assert json.loads(Path(path).read_text())["received"] == 0  # noqa: ASYNC240
            await until(lambda: made.store.own != [])
            await made.end()

    asyncio.run(scene())


def test_a_bug_in_the_store_ends_the_ingester_with_that_error(broker: EmbeddedBroker, tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path, broker.url) as made:
            await made.start()
            made.store.failing = ZeroDivisionError("a bug")  # type: ignore[assignment]
            await publish(broker.url, made.messages(plant(10, 1)))
            assert made.task is not None
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(made.task, 10)
            assert not made.status.connected

    asyncio.run(scene())


def test_a_configuration_that_cannot_work_is_refused_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        (tmp_path / "dead").write_text("a file")
        async with bench(tmp_path, "mqtt://127.0.0.1:1") as made:
            await made.start()
            assert made.task is not None
            with pytest.raises(ConfigError, match=r"ingest\.dead_letters"):
                await made.task
        (tmp_path / "dead").unlink()
        secret = Broker(url="mqtt://127.0.0.1:1", password_file=str(tmp_path / "none"))
        with pytest.raises(ConfigError, match=r"broker\.password_file"):
            await ingest(
                Settings(dead_letters=str(tmp_path / "dead")),
                secret,
                MemoryStore(),
                stop=asyncio.Event(),
                clock_ns=time.time_ns,
            )

    asyncio.run(scene())
