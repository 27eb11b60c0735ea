"""Messages asked for again: the words of the command, the answers, and a run that goes on beside it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outbox_cases import ADDRESSES, BOOT, Speakers, sent, waiting
from publisher_cases import run

from console.embedded_broker import EmbeddedBroker
from contract import Address, Command, CommandRow, Reply, ReplyRow, decode, encode
from service import Broker
from simulator import resend as resend_module
from simulator.outbox import Outbox
from simulator.outboxes import Outboxes
from simulator.outgoing import Outgoing
from simulator.resend import Request, Resends, ranges_of, request_of
from simulator.run import Progress, simulate
from simulator.settings import Settings

GATEWAY = Address("acme", "plant-1", "production", "line-1", "gateway")
PRESS = ADDRESSES[0]
GIVEN = {"address": "production/line-1/press-0", "boot": BOOT, "seqs": "2-3,5"}


def asked(name: str = "c-1", **changes: str | None) -> CommandRow:
    words = {key: value for key, value in (GIVEN | changes).items() if value is not None}
    return CommandRow(t=1, command=name, action="resend", arguments=words)


def test_the_words_of_a_command() -> None:
    wanted = Request(PRESS.path, BOOT, [(2, 3), (5, 5)])
    assert request_of(asked(), GATEWAY) == request_of(asked(address=PRESS.path), GATEWAY) == wanted
    assert wanted.size == 3


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"boot": None}, "the argument boot is missing"),
        ({"seqs": ""}, "the argument seqs is missing"),
        ({"sqes": "1"}, "'sqes': unknown argument; did you mean seqs?"),
        ({"boot": "XYZ"}, "boot: expected 8 to 32 hexadecimal digits, found 'XYZ'"),
        ({"boot": "00ff00ff\n"}, "boot: expected"),
        ({"address": "press-0"}, "address: expected AREA/LINE/MACHINE or a whole path"),
        ({"address": "a/b/c/d"}, "address: expected"),
        ({"address": "production/line-1/#"}, "address: expected"),
        ({"address": "acme/plant-2/production/line-1/press-0"}, "is not of the site 'acme/plant-1'"),
        ({"address": "acme/plant-1x/production/line-1/press-0"}, "is not of the site"),
        ({"seqs": "0-3"}, "seqs: expected ranges such as 5-9,12 from 1 on, found '0-3'"),
        ({"seqs": "3-2"}, "seqs: expected"),
        ({"seqs": "1,,2"}, "seqs: expected"),
        ({"seqs": "-1"}, "seqs: expected"),
        ({"seqs": "1 -2"}, "seqs: expected"),
        ({"seqs": "١"}, "seqs: expected"),
        ({"seqs": str(2**53)}, "seqs: expected"),
        ({"seqs": "9" * 5000}, "seqs: expected"),
    ],
)
def test_what_is_wrong_with_a_command_is_said(changes: dict[str, str | None], why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)) as refused:
        request_of(asked(**changes), GATEWAY)
    assert len(str(refused.value)) < 300


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), min_size=1, max_size=30))
def test_ranges_are_the_numbers_that_were_named(parts: list[tuple[int, int]]) -> None:
    text = ",".join(f"{first}-{first + more}" if more else str(first) for first, more in parts)
    ranges = ranges_of(text)
    assert [n for first, last in ranges for n in range(first, last + 1)] == sorted(
        {n for first, more in parts for n in range(first, first + more + 1)}
    )
    assert all(before[1] + 1 < after[0] for before, after in pairwise(ranges))


def test_a_thousand_ranges_are_enough() -> None:
    text = ",".join(str(2 * n) for n in range(1, 1001))
    assert len(ranges_of(text)) == 1000
    with pytest.raises(ValueError, match="more than 1000 ranges"):
        ranges_of(text + ",9999")


class Plant:
    """Takes the answers and the messages, and has a clock."""

    def __init__(self) -> None:
        self.now_ns = 1000
        self.replies: list[tuple[Address, ReplyRow]] = []
        self.again: list[Outgoing] = []
        self.stop = asyncio.Event()
        self.hold = asyncio.Event()
        self.hold.set()

    async def reply(self, address: Address, _: CommandRow, row: ReplyRow) -> None:
        self.replies.append((address, row))

    async def send_again(self, items: Sequence[Outgoing]) -> None:
        await self.hold.wait()
        self.again += items

    @contextlib.asynccontextmanager
    async def answering(self, path: Path | str, count: int = 30) -> AsyncIterator[Resends]:
        with Outboxes(str(path), 1, 2**28) as boxes:
            for box in boxes.mine:
                box.put(Speakers().say([20] * 3 * count))
                box.acked(box.last)
            resends = Resends([GATEWAY], boxes, lambda: self.now_ns)
            async with resends.answering(self.reply, self.send_again, self.stop):
                yield resends

    async def replied(self, count: int) -> list[tuple[str, str | None]]:
        while len(self.replies) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        return [(row.status, row.reason) for _, row in self.replies]


def test_what_is_there_is_sent_and_the_rest_is_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        plant = Plant()
        async with plant.answering(tmp_path / "box") as resends:
            assert resends.hear(GATEWAY, asked(seqs="2-3,5,29-40"))
            reason = "found 5, not found 10"
            assert await plant.replied(2) == [("accepted", reason), ("done", reason)]
            assert [item.seq for item in plant.again] == [2, 3, 5, 29, 30]
            assert [row.t for _, row in plant.replies] == [1000, 1001], "a standing clock makes no two equal points"
            assert {address for address, _ in plant.replies} == {GATEWAY}

    run(scenario())


def test_the_same_command_is_answered_again_and_not_done_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        plant = Plant()
        async with plant.answering(tmp_path / "box") as resends:
            resends.hear(GATEWAY, asked())
            resends.hear(GATEWAY, asked())
            assert [status for status, _ in await plant.replied(3)] == ["accepted", "done", "done"]
            assert len(plant.again) == 3

    run(scenario())


@pytest.mark.parametrize(
    ("address", "row", "why"),
    [
        (GATEWAY, asked(boot="1"), "boot: expected"),
        (PRESS, asked(), "ask the gateway"),
        (GATEWAY, CommandRow(t=1, command="c", action="resend", arguments=GIVEN, expires=1000), "expired"),
        (GATEWAY, CommandRow(t=1, command="c", action="resend", arguments=GIVEN, interlock="not_running"), "interlock"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, address: Address, row: CommandRow, why: str) -> None:
    async def scenario() -> None:
        plant = Plant()
        async with plant.answering(tmp_path / "box") as resends:
            assert resends.hear(address, row)
            ((status, reason),) = await plant.replied(1)
        assert (status, plant.again) == ("refused", [])
        assert why in str(reason)

    run(scenario())


def test_without_a_buffer_there_is_nothing_to_send() -> None:
    async def scenario() -> None:
        plant = Plant()
        async with plant.answering("") as resends:
            resends.hear(GATEWAY, asked())
            assert await plant.replied(1) == [("refused", "there is no edge buffer")]
            assert not resends.hear(GATEWAY, CommandRow(t=1, command="c", action="stop"))

    run(scenario())


def test_the_end_of_the_run_ends_what_is_under_way_with_an_answer(tmp_path: Path) -> None:
    async def scenario() -> None:
        plant = Plant()
        async with plant.answering(tmp_path / "box", count=500) as resends:
            plant.hold.clear()
            resends.hear(GATEWAY, asked(seqs="1-500"))
            await plant.replied(1)
            asyncio.get_running_loop().call_later(0.05, plant.hold.set)
        assert await plant.replied(2) == [("accepted", "found 500, not found 0"), ("refused", "the run ends")]
        assert len(plant.again) == 100
        assert not plant.stop.is_set()

    run(scenario())


def test_a_failure_ends_the_run(tmp_path: Path) -> None:
    async def scenario() -> None:
        plant = Plant()

        async def failing(*_: Any) -> None:
            raise OSError("no ledger")

        plant.reply = failing  # type: ignore[method-assign]
        with pytest.raises(OSError, match="no ledger"):
            async with plant.answering(tmp_path / "box") as resends:
                resends.hear(GATEWAY, asked())
                await plant.stop.wait()

    run(scenario())


def test_too_many_that_wait_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resend_module, "MAX_WAITING", 3)

    async def scenario() -> None:
        plant = Plant()
        async with plant.answering(tmp_path / "box") as resends:
            for n in range(5):
                assert resends.hear(GATEWAY, asked(f"c-{n}"))
            await plant.replied(6)
        assert {row.command for _, row in plant.replies} == {"c-0", "c-1", "c-2"}
        assert caplog.text.count("is dropped") == 2

    run(scenario())


def test_a_gateway_that_is_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    """A larger park ran before: what its second gateway has not sent, the first one sends."""
    path = str(tmp_path / "box")
    items = Speakers().say([20] * 700)
    with Outboxes(path, 2, 2**28) as boxes:
        boxes.mine[1].put(items)
        boxes.mine[1].acked(10)
    for _ in range(2):
        with Outboxes(path, 1, 2**28) as boxes:
            assert boxes.count(PRESS.path, BOOT, [(1, 4)]) == 4
            left = waiting(boxes.mine[0])
            assert left in ([sent(item) for item in items[10:]], [])
    assert left == []
    assert Outbox(path + "-2").waiting == 0


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with EmbeddedBroker() as running:
        yield Broker(url=running.url)


def test_a_running_plant_sends_again_while_its_time_stands_still(broker: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        plant = Settings(
            start="2026-11-20T23:58:30Z",
            history_h=0.05,
            speed=1e-6,
            site="again",
            outbox=str(tmp_path / "box"),
            ledger=str(tmp_path / "ledger"),
        )
        gateway = Address("qingdao-appliances", "again", "production", "line-1", "gateway")
        stop, progress = asyncio.Event(), Progress()
        got: list[tuple[str, bytes]] = []
        async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe("qilu/v1/+/again/#", qos=1)
            running = asyncio.create_task(simulate(plant, broker, stop=stop, boot=BOOT, progress=progress))

            async def listen_for(status: str) -> ReplyRow:
                async for message in client.messages:
                    got.append((str(message.topic), bytes(message.payload)))
                    if got[-1][0] == gateway.topic("reply"):
                        reply = decode("reply", got[-1][1])
                        assert isinstance(reply, Reply)
                        if reply.rows[0].status == status:
                            return reply.rows[0]
                raise AssertionError("unreachable")

            while progress.phase != "live":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            words = {"address": "production/line-1/stamp-1", "boot": BOOT, "seqs": "1-3,900"}
            row = CommandRow(t=1, command="c-1", action="resend", arguments=words)
            await client.publish(gateway.topic("command"), encode(Command(boot="aaaaaaaa", seq=1, rows=[row])), qos=1)
            done = await listen_for("done")
            stop.set()
            summary = await running
        stamp = gateway.path.replace("gateway", "stamp-1")
        twice = [item for item in got if got.count(item) == 2]
        assert done.reason == "found 3, not found 1"
        assert len(twice) == 6 and all(topic.startswith(f"qilu/v1/{stamp}/") for topic, _ in twice)
        lines = (tmp_path / "ledger").read_text().splitlines()
        assert summary.acked == summary.messages == len([line for line in lines if line.startswith('["p"')])

    run(scenario())
