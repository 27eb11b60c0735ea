"""The watch for gaps: what the store has not is told and asked for, once, and then less and less often."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from itertools import pairwise

import pytest
from ingest_plant import START_NS, Said, plant

from contract import LEVELS, Address, Birth, Command, LinkError, RetryLater, decode, encode
from historian import Frame, Historian, ModelHistorian, Query, Table
from ingest import frames
from ingest.gap_watch import ASK_AGAIN_S, LONGEST_S, MOST_COMMANDS, VALID_NS, GapWatch
from ingest.gaps import Gaps
from ingest.mqtt_packets import Message
from ingest.ranges import parse

GATEWAY = Address("acme", "plant-1", "production", "line-1", "gateway")
PRESS = Address("acme", "plant-1", "production", "line-1", "press-1")
GRACE_S = 10.0
NOW_NS = START_NS + 10**12


async def store_with(said: Sequence[Said] = (), gateways: Sequence[Address] = (GATEWAY,)) -> ModelHistorian:
    """A store that knows gateways, a machine that is none, and these messages."""
    store = ModelHistorian()
    for number, (address, role) in enumerate([*((one, "gateway") for one in gateways), (PRESS, "machine")]):
        birth = Birth(boot="0b1e55ed", seq=1, t=START_NS + number, role=role, model="m", version="1")
        await store.write(frames(address, "birth", birth, encode(birth), 0))
    for one in said:
        await store.write(frames(one.address, one.kind, one.message, one.payload, 0))
    return store


class Wire:
    """What was published."""

    def __init__(self) -> None:
        self.said: list[Message] = []
        self.broken = False

    async def publish(self, message: Message) -> None:
        if self.broken:
            raise LinkError("there is no connection to the broker")
        self.said.append(message)

    def commands(self) -> list[Command]:
        """Each read as a gateway reads it, and then forgotten."""
        said, self.said = self.said, []
        found = []
        for one in said:
            address, kind = Address.of_topic(one.topic)
            assert (address.machine, kind, one.qos, one.retain) == ("gateway", "command", 1, False)
            command = decode(kind, one.payload)
            assert isinstance(command, Command)
            found.append(command)
        return found


def asked_for(commands: Sequence[Command]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for command in commands:
        for row in command.rows:
            assert row.action == "resend"
            arguments = {name: str(value) for name, value in row.arguments.items()}
            found.setdefault((arguments["address"], arguments["boot"]), []).append(arguments["seqs"])
    return found


def came(gaps: Gaps, address: Address, *seqs: int, boot: str = "00c0ffee") -> None:
    for seq in seqs:
        gaps.came(address, boot, seq, 0.0)


def watch_of(gaps: Gaps, store: Historian, wire: Wire | None) -> GapWatch:
    return GapWatch(gaps, store, wire.publish if wire else None, lambda: NOW_NS, GRACE_S)


def test_what_is_missing_is_asked_for_after_the_grace_and_not_before(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        gaps, wire = Gaps(), Wire()
        came(gaps, PRESS, 1, 2, 5, 9)
        watch = watch_of(gaps, await store_with(), wire)
        await watch.look(GRACE_S)
        assert (list(watch.missing), wire.said) == ([], [])
        await watch.look(GRACE_S + 1)
        assert [(one.address, one.boot, one.ranges) for one in watch.missing] == [(PRESS, "00c0ffee", ((3, 4), (6, 8)))]
        (command,) = wire.commands()
        assert asked_for([command]) == {("production/line-1/press-1", "00c0ffee"): ["3-4,6-8"]}
        (row,) = command.rows
        assert (row.t, row.expires) == (NOW_NS, NOW_NS + VALID_NS)

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())
    assert "5 messages are missing, of 1 publishers" in caplog.text


def test_it_asks_once_and_then_waits_longer_each_time_up_to_an_hour() -> None:
    async def scene() -> None:
        gaps, wire = Gaps(), Wire()
        came(gaps, PRESS, 1, 3)
        watch = watch_of(gaps, await store_with(), wire)
        times = []
        for second in range(11, 20_000, 5):
            await watch.look(float(second))
            if wire.commands():
                times.append(second)
        waits = [after - before for before, after in pairwise(times)]
        assert len(waits) > 6
        wanted = ASK_AGAIN_S
        for wait in waits:
            assert wanted <= wait < wanted + 5
            wanted = min(LONGEST_S, 2 * wanted)
        assert wanted == LONGEST_S

    asyncio.run(scene())


def test_a_gap_that_is_filled_is_forgotten_and_a_new_one_is_asked_for_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        gaps, wire = Gaps(), Wire()
        came(gaps, PRESS, 1, 3)
        watch = watch_of(gaps, await store_with(), wire)
        await watch.look(20.0)
        assert len(wire.commands()) == 1
        came(gaps, PRESS, 2)
        await watch.look(25.0)
        assert (list(watch.missing), wire.commands()) == ([], [])
        gaps.came(PRESS, "00c0ffee", 6, 30.0)
        await watch.look(41.0)
        assert list(asked_for(wire.commands()).values()) == [["4-5"]]

    with caplog.at_level(logging.INFO):
        asyncio.run(scene())
    assert "no message is missing any more" in caplog.text


def test_what_the_store_has_is_not_missing() -> None:
    """A stream that is joined in the middle: what came before is in the store, but for one message."""

    async def scene() -> None:
        said = [one for one in plant(1, 300, machines=1) if one.message.seq <= 100]
        lost = next(one for one in said if one.kind == "telemetry" and one.message.seq > 20)
        gaps, wire = Gaps(), Wire()
        gaps.came(lost.address, "00c0ffee", 101, 0.0)
        watch = watch_of(gaps, await store_with([one for one in said if one is not lost]), wire)
        await watch.look(20.0)
        assert [one.ranges for one in watch.missing] == [((lost.message.seq, lost.message.seq),)]
        assert list(asked_for(wire.commands()).values()) == [[str(lost.message.seq)]]

    asyncio.run(scene())


def test_gateways_are_those_of_the_births_and_only_those() -> None:
    other = Address("acme", "plant-1", "production", "line-2", "gateway")
    consumers = Address("acme", "plant-1", "market", "web", "consumers")
    stranger = Address("elsewhere", "plant-9", "production", "line-1", "press-1")

    async def scene() -> None:
        gaps, wire = Gaps(), Wire()
        for address in (PRESS, consumers, stranger):
            came(gaps, address, 1, 3)
        watch = watch_of(gaps, await store_with(gateways=[GATEWAY, other]), wire)
        await watch.look(20.0)
        topics = sorted(one.topic for one in wire.said)
        assert topics == sorted([GATEWAY.topic("command")] * 2 + [other.topic("command")])
        assert set(asked_for(wire.commands())) == {
            ("production/line-1/press-1", "00c0ffee"),
            ("market/web/consumers", "00c0ffee"),
        }
        assert len(watch.missing) == 3, "that of the stranger is told, though nobody can be asked"

    asyncio.run(scene())


def test_a_long_list_goes_in_several_commands_that_say_everything() -> None:
    async def scene() -> None:
        gaps, wire = Gaps(), Wire()
        came(gaps, PRESS, *range(1, 200, 2))
        await watch_of(gaps, await store_with(), wire).look(20.0)
        commands = wire.commands()
        assert 1 < len(commands) <= MOST_COMMANDS
        seqs = [row.arguments["seqs"] for command in commands for row in command.rows]
        numbers = [first for text in seqs for first, last in parse(str(text)) if first == last]
        assert numbers == list(range(2, 199, 2))
        assert [command.seq for command in commands] == list(range(1, len(commands) + 1)), "its own messages count too"
        assert len({command.boot for command in commands}) == 1
        assert len({row.command for command in commands for row in command.rows}) == len(commands)

    asyncio.run(scene())


class Silent(ModelHistorian):
    """Does not answer while ``away``."""

    away = True

    async def read(self, query: Query) -> Table:
        if self.away:
            raise RetryLater("nobody there", kind="silent")
        return await super().read(query)


def test_a_store_that_does_not_answer_is_asked_the_next_time() -> None:
    async def scene() -> None:
        gaps, wire, store = Gaps(), Wire(), Silent()
        came(gaps, PRESS, 1, 3)
        watch = watch_of(gaps, store, wire)
        await watch.look(20.0)
        assert (list(watch.missing), wire.said) == ([], []), "nobody is alarmed before the store was asked"
        store.away = False
        birth = Birth(boot="0b1e55ed", seq=1, t=START_NS, role="gateway", model="m", version="1")
        await store.write(frames(GATEWAY, "birth", birth, encode(birth), 0))
        await watch.look(25.0)
        assert len(wire.commands()) == 1

    asyncio.run(scene())


def test_a_link_that_is_down_is_told_and_the_same_is_asked_for_the_next_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        gaps, wire = Gaps(), Wire()
        came(gaps, PRESS, 1, 3)
        watch = watch_of(gaps, await store_with(), wire)
        wire.broken = True
        await watch.look(20.0)
        assert len(watch.missing) == 1
        wire.broken = False
        await watch.look(25.0)
        assert list(asked_for(wire.commands()).values()) == [["2"]]

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())
    assert "cannot ask for what is missing" in caplog.text


def test_who_may_not_ask_tells_all_the_same() -> None:
    async def scene() -> None:
        gaps = Gaps()
        came(gaps, PRESS, 1, 3)
        watch = watch_of(gaps, await store_with(), None)
        await watch.look(20.0)
        assert [one.ranges for one in watch.missing] == [((2, 2),)]

    asyncio.run(scene())


def test_a_birth_under_an_address_that_is_none_is_left_out() -> None:
    """A store may have been written by others as well."""

    async def scene() -> None:
        gaps, wire, store = Gaps(), Wire(), await store_with()
        tags = dict(zip(LEVELS, ("acme", "plant-1", "production", "line 1/#", "gateway"), strict=True))
        await store.write([Frame("birth", tags, [START_NS], {"role": ["gateway"], "_boot": ["00"], "_seq": [1]})])
        came(gaps, PRESS, 1, 3)
        await watch_of(gaps, store, wire).look(20.0)
        assert len(wire.commands()) == 1

    asyncio.run(scene())


def test_more_than_may_be_asked_at_once_is_asked_for_in_turn() -> None:
    async def scene() -> None:
        gaps, wire = Gaps(), Wire()
        boots = [f"{number:08x}" for number in range(2 * MOST_COMMANDS + 20)]
        for boot in boots:
            came(gaps, PRESS, 1, 3, boot=boot)
        watch = watch_of(gaps, await store_with(), wire)
        asked: list[str] = []
        for now_s in (11.0, 16.0, 20.5):
            await watch.look(now_s)
            asked += [boot for _, boot in asked_for(wire.commands())]
        assert sorted(asked) == boots, "each once, before anybody is asked again"

    asyncio.run(scene())


def test_a_command_that_was_not_sent_has_taken_no_number() -> None:
    """Or that number would be missing for good, for nobody could send it again."""

    async def scene() -> None:
        gaps, wire = Gaps(), Wire()
        came(gaps, PRESS, 1, 3)
        watch = watch_of(gaps, await store_with(), wire)
        wire.broken = True
        await watch.look(20.0)
        wire.broken = False
        await watch.look(25.0)
        assert [command.seq for command in wire.commands()] == [1]

    asyncio.run(scene())
