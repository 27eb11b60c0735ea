"""A15 to A18: the database refuses some rows or the size, and poison comes first."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from itertools import islice

from ingest_plant import START_NS, Said
from load import stream
from scene import Scene, Stage, Verdict, proven
from scripted_store import Reply, ScriptedStore, Write, healthy

from contract import LEVELS, Address, Telemetry, encode
from ingest import read_letters

MARK = b"line=line-9"
"""What the bad lines have: they come from another line of the plant."""
BATCH = {"batch_wait_ms": 2000, "batch_messages": 5000}


def bad_message(number: int, sensor: str = "force_kn") -> Said:
    """A message that nothing is wrong with, but that the script, or the store, will refuse."""
    address = Address("acme", "plant-1", "production", "line-9", "press-9")
    message = Telemetry(boot="00000bad", seq=number, t=[START_NS + number], values={sensor: [1.0]})
    return Said(address, "telemetry", message, encode(message))


async def thousand(scene: Scene, bad: list[int], sensor: str = "force_kn") -> None:
    """A thousand messages, the ``bad`` ones among them, all waiting when the ingester comes."""
    good = islice(scene.said, 1000 - len(bad))
    scene.said = iter([bad_message(n, sensor) if n in bad else next(good) for n in range(1000)])
    await scene.worker.start()
    scene.worker.kill()  # the session stands, and keeps what comes now
    await scene.say(1000)
    await scene.worker.start()
    await scene.worker.until(lambda status: status["received"] >= 1000 and status["buffered"] == 0)


def without_bad(scene: Scene) -> None:
    """The bad ones must not be stored: the ledger expects them no longer."""
    for name in [name for name in scene.ledger.attempted if "line-9" in name[0]]:
        del scene.ledger.attempted[name]
        scene.ledger.acked.discard(name)


def repeats(writes: list[Write]) -> tuple[int, int]:
    """How many requests held nothing new, and how often the good line that was sent most was sent again."""
    seen: Counter[bytes] = Counter()
    stale = 0
    for write in writes:
        stale += all(line in seen for line in write.lines)
        seen.update(write.lines)
    return stale, max((count - 1 for line, count in seen.items() if MARK not in line), default=0)


def dead(stage: Stage) -> Counter[str]:
    """The reasons of the dead letters."""
    return Counter(letter.reason for letter in read_letters(stage.folder / "ingester" / "dead"))


def test_a15_one_bad_line_makes_the_database_refuse_the_whole_batch(stage: Stage) -> None:
    """InfluxDB 2.x: 400, and nothing of the batch is stored."""

    def script(lines: tuple[bytes, ...], _: int) -> Reply | None:
        return Reply(400, "unable to parse line") if any(MARK in line for line in lines) else None

    verdict, writes = asyncio.run(_refused(stage, script, [617]))
    stale, _ = repeats(writes)
    letters = dead(stage)
    stage.report(verdict, requests_beyond_the_first=stale, dead_letters=letters.total())
    proven(verdict)
    assert verdict.acked == 999
    assert letters == {"store-refused": 1}
    assert stale <= 2 * math.ceil(math.log2(1000))


def test_a16_the_database_stores_a_part_of_the_batch(stage: Stage) -> None:
    """InfluxDB 1.x and 2.x: the good lines are stored, three bad ones are not, and it does not say which."""

    def script(lines: tuple[bytes, ...], _: int) -> Reply | None:
        good = tuple(line for line in lines if MARK not in line)
        bad = len(lines) - len(good)
        return Reply(422, f"partial write: field type conflict dropped={bad}", store=good) if bad else None

    verdict, writes = asyncio.run(_refused(stage, script, [3, 500, 501]))
    stale, again = repeats(writes)
    letters = dead(stage)
    stage.report(verdict, requests_beyond_the_first=stale, good_line_sent_again=again, dead_letters=letters.total())
    proven(verdict)
    assert verdict.acked == 997
    assert letters == {"store-refused": 3}
    assert stale <= 3 * 2 * math.ceil(math.log2(1000))
    assert again <= math.ceil(math.log2(1000)), "more often than halving needs"


def test_a16_the_database_names_the_field(stage: Stage) -> None:
    """The real InfluxDB on three points of another type: it stores the rest and says which field it was."""
    tags = "enterprise=acme,site=plant-1,area=production,line=line-9,machine=press-9"
    first = f'telemetry,{tags} poison="text",_boot="00000bad",_seq=99i {START_NS - 1}'
    stage.influxd.write(stage.bucket, first.encode())
    verdict, writes = asyncio.run(_refused(stage, healthy, [3, 500, 501], "poison"))
    stale, again = repeats(writes)
    letters = dead(stage)
    stage.report(verdict, requests_beyond_the_first=stale, good_line_sent_again=again, dead_letters=letters.total())
    proven(verdict)
    assert verdict.acked == 997
    assert letters == {"store-refused": 3}
    assert stale == again == 0, "nothing that is stored is sent again"


def test_a17_the_body_is_too_large(stage: Stage) -> None:
    limit = 6000

    def script(_: tuple[bytes, ...], size: int) -> Reply | None:
        return Reply(413, "request entity too large") if size > limit else None

    verdict, writes = asyncio.run(_refused(stage, script, []))
    too_large = sum(write.status == 413 for write in writes)
    stage.report(verdict, too_large=too_large, requests=len(writes))
    proven(verdict)
    assert too_large > 0
    assert not dead(stage)


async def _refused(
    stage: Stage, script: object, bad: list[int], sensor: str = "force_kn"
) -> tuple[Verdict, list[Write]]:
    store = ScriptedStore(stage.store_url, script)  # type: ignore[arg-type]
    async with store.standing(), stage.scene(store_url=store.url, settings=BATCH, start=False) as scene:
        await thousand(scene, bad, sensor)
        without_bad(scene)
        await scene.settle()
        first = [("acme/plant-1/production/line-9/press-9", "telemetry", "00000bad", 99)]  # that a test has written
        return await scene.judge(strangers=first), store.told


def test_a18_poison_comes_first(stage: Stage) -> None:
    """25 messages that do not parse and 25 of another type than the store's, then good ones: those flow at once."""

    async def story() -> None:
        async with stage.scene() as scene:
            address = Address("acme", "plant-1", "production", "line-9", "press-9")
            topic = address.topic("telemetry").encode()
            # The type of a field is a shard's: the first to come must lie on the same day.
            tags = ",".join(f"{level}={name}" for level, name in zip(LEVELS, address.levels, strict=True))
            first = f'telemetry,{tags} poison="text",_boot="00000bad",_seq=99i {START_NS - 1}'
            stage.influxd.write(stage.bucket, first.encode())
            conflicts = [
                encode(Telemetry(boot="00000bad", seq=n, t=[START_NS + n], values={"poison": [0.5]})) for n in range(25)
            ]
            poison = [b"{%d" % n for n in range(25)] + conflicts
            await scene.say_raw([(topic, payload) for payload in poison])
            began = time.monotonic()
            await scene.say(50)
            await scene.stored_more(1)
            flows_s = time.monotonic() - began
            await scene.say(500)
            await scene.settle()
            status = scene.worker.status()
            verdict = await scene.judge(strangers=[(address.path, "telemetry", "00000bad", 99)])
        letters = dead(stage)
        stage.report(verdict, good_ones_flow_after_s=round(flows_s, 2), dead_letters=letters.total())
        proven(verdict)
        assert letters.total() == 50
        assert letters["not-json"] == 25
        assert status is not None
        assert status["buffered"] == 0
        assert flows_s <= 2.0

    asyncio.run(story())


def test_stream_is_the_same_each_time() -> None:
    """What the replay of a seed rests on."""
    first, second = (list(islice(stream(5), 50)) for _ in range(2))
    assert [one.payload for one in first] == [one.payload for one in second]
