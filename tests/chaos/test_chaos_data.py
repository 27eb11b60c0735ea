"""B1 to B8 and B10: messages whose content is wrong. The unit is the message: stored, or kept whole with a reason.

What it is: the bad ones come between good ones; nothing vanishes uncounted, nothing is blocked.
What it is not: fuzzing (``tests/fuzz``).
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from influx_oracle import ask, measurements
from ingest_plant import START_NS
from load import KINDS, addresses
from scene import Scene, Stage, Verdict, long, proven

from contract import MAX_BYTES, Address, ContractError, Telemetry, decode, encode
from contract.compression import compress
from ingest import read_letters

STRANGER = Address("acme", "plant-1", "production", "line-8", "press-8")
BOOT = "00000b0d"
_SEQ = itertools.count(1)


def telemetry(value: bytes, *, sensor: bytes = b"force_kn", seq: bytes | None = None, t: bytes | None = None) -> bytes:
    """A telemetry payload with one sample, said by the byte."""
    number = next(_SEQ)
    return b'{"v":1,"boot":"%s","seq":%s,"t":[%s],"values":{"%s":[%s]}}' % (
        BOOT.encode(),
        seq or b"%d" % number,
        t or b"%d" % (START_NS + number),
        sensor,
        value,
    )


def meter(value: bytes) -> bytes:
    """A meter payload with one reading, said by the byte."""
    number = next(_SEQ)
    return b'{"v":1,"boot":"%s","seq":%d,"rows":[{"t":%d,"counters":{"energy_wh":%s}}]}' % (
        BOOT.encode(),
        number,
        START_NS + number,
        value,
    )


Messages = Sequence[tuple[str, bytes]]


async def story(
    stage: Stage, bad: Messages, accepted: Messages = (), *, settings: dict[str, object] | None = None, good: int = 600
) -> tuple[Verdict, Counter[str], Scene]:
    """Good messages around the bad ones and those that look bad and are not; the judgement, and the dead letters."""
    async with stage.scene(settings=settings) as scene:
        await scene.say(good // 2)
        codes = await scene.say_raw([(STRANGER.topic(kind).encode(), payload) for kind, payload in [*bad, *accepted]])
        assert all(0 <= code < 0x80 for code in codes), codes
        await scene.say(good - good // 2)
        await scene.settle()
        wanted = good + len(bad) + len(accepted)
        await scene.worker.until(lambda status: status["received"] >= wanted and status["buffered"] == 0)
        strangers = {(STRANGER.path, kind, BOOT, decode(kind, payload).seq) for kind, payload in accepted}
        verdict = await scene.judge(strangers=strangers)
    letters = list(read_letters(scene.worker.dead))
    assert sorted(letter.body for letter in letters) == sorted(payload for _, payload in bad)
    reasons = Counter(letter.reason for letter in letters)
    stage.report(verdict, dead_letters=dict(reasons))
    proven(verdict)
    return verdict, reasons, scene


def stored_values(stage: Stage, field: str, kind: str = "telemetry") -> list[Any]:
    """The values that are stored of the stranger, in order of time."""
    series = ask(stage.influxd, stage.bucket, f'SELECT "{field}" FROM "{kind}" WHERE machine=\'press-8\'')
    return [value for one in series for _, value in one["values"]]


def test_b01_numbers_that_are_none_and_numbers_at_the_edge(stage: Stage) -> None:
    """The good stream holds -0.0, 5e-324 and the largest double already, which the judgement compares by the bit."""
    bad = [("telemetry", telemetry(value)) for value in (b"NaN", b"Infinity", b"-Infinity", b"1e309", b"-1e309")]
    edges = (b"-0.0", b"5e-324", b"2.5e-324", b"1.7976931348623157e308")
    _, reasons, _ = asyncio.run(story(stage, bad, [("telemetry", telemetry(value)) for value in edges]))
    assert reasons.total() == 5
    assert [repr(float(v)) for v in stored_values(stage, "force_kn")] == [repr(float(value)) for value in edges]


def test_b02_integers_beyond_their_range(stage: Stage) -> None:
    numbers = (b"9223372036854775808", b"-9223372036854775809", b"18446744073709551615", b"7" * 5000, b"-1")
    bad = [("meter", meter(number)) for number in numbers]
    bad += [("telemetry", telemetry(b"1.0", seq=number)) for number in numbers]
    bad += [("telemetry", telemetry(b"1.0", t=number)) for number in (*numbers, b"9223372036854775807")]
    accepted = [("meter", meter(b"9007199254740991"))]
    _, reasons, _ = asyncio.run(story(stage, bad, accepted))
    assert reasons.total() == 16
    assert stored_values(stage, "energy_wh", "meter") == [2**53 - 1]


def test_b03_the_declared_type_wins(stage: Stage) -> None:
    """20, 20.5, 21, 21.5 are four floats; a truth value or a text is none."""
    accepted = [("telemetry", telemetry(value)) for value in (b"20", b"20.5", b"21", b"21.5")]
    bad = [("telemetry", telemetry(value)) for value in (b'"20"', b"true", b"[20]", b'{"v":20}')]
    _, reasons, _ = asyncio.run(story(stage, bad, accepted))
    assert reasons == {"invalid": 4}
    assert stored_values(stage, "force_kn") == [20.0, 20.5, 21.0, 21.5]
    fields = ask(stage.influxd, stage.bucket, 'SHOW FIELD KEYS FROM "telemetry"')
    assert ["force_kn", "float"] in fields[0]["values"]


def test_b04_a_field_changes_its_type_in_mid_stream(stage: Stage) -> None:
    """A new model counts in fractions where the old one counted in whole numbers; the log does not fill up."""
    old = [("meter", meter(b"%d" % number)) for number in range(200)]
    new = [("meter", meter(b"%d.5" % number)) for number in range(200)]
    _, reasons, scene = asyncio.run(story(stage, new, old))
    assert reasons == {"invalid": 200}
    assert stored_values(stage, "energy_wh", "meter") == list(range(200))
    told = sum("dead letter" in line for line in scene.worker.log().splitlines())
    stage.report(log_lines=told)
    assert told <= 2


def test_b05_values_of_every_python_type(stage: Stage) -> None:
    """At the publisher: what is a number goes out as one, everything else is refused with a ContractError."""

    def payload(value: object) -> bytes:
        number = next(_SEQ)
        return encode(Telemetry(boot=BOOT, seq=number, t=[START_NS + number], values={"force_kn": [value]}))  # type: ignore[list-item]

    refused = 0
    accepted: list[tuple[str, bytes]] = []
    values = (1, 2.5, np.float64(3.5), None, True, np.float32(1), np.int64(1), np.bool_(1), b"1", [1], {}, "1", 1j, ...)
    for value in values:
        try:
            accepted.append(("telemetry", payload(value)))
        except ContractError:
            refused += 1
    asyncio.run(story(stage, [], accepted))
    assert stored_values(stage, "force_kn") == [1.0, 2.5]
    stage.report(types=len(values), refused=refused)
    assert refused == len(values) - 3  # None, a value that was not sampled, is the third


def test_b06_unknown_kinds_and_places(stage: Stage) -> None:
    """No new measurement, no new series; a topic with another number of levels is not even subscribed to."""

    async def tell() -> None:
        base = STRANGER.topic("telemetry").rpartition("/")[0]
        topics = [f"{base}/weather", f"{base}/Telemetry", "qilu/v1/a/b/c/d/ e/telemetry", "qilu/v1//b/c/d/e/telemetry"]
        strangers = [Address("acme", "plant-2", "a", "l", f"m-{n}") for n in range(5)]
        unheard = ["qilu/v2/a/b/c/d/e/telemetry", f"{base}/x/telemetry", "telemetry"]
        async with stage.scene(settings={"places": '["acme/plant-1"]'}) as scene:
            await scene.say_raw([(topic.encode(), telemetry(b"1.0")) for topic in topics + unheard])
            await scene.say_raw([(one.topic("telemetry").encode(), telemetry(b"1.0")) for one in strangers])
            await scene.say(600)
            await scene.settle()
            verdict = await scene.judge()
        reasons = Counter(letter.reason for letter in read_letters(scene.worker.dead))
        stage.report(verdict, dead_letters=dict(reasons))
        proven(verdict)
        assert reasons == {"unknown-kind": 2, "bad-address": 2, "unknown-place": 5}
        assert measurements(stage.influxd, stage.bucket) <= {*KINDS, "ingest", "alarm"}
        series = ask(stage.influxd, stage.bucket, 'SHOW SERIES FROM "telemetry"')
        assert sum(len(one["values"]) for one in series) == len(addresses())

    asyncio.run(tell())


@pytest.mark.slow
def test_b07_a_bomb_of_invented_names(stage: Stage) -> None:
    cap, names = 200, int(long(100_000, 3000))

    async def tell() -> None:
        async with stage.scene(settings={"max_series": cap}) as scene:
            await scene.say(600)
            places = [Address("evil", "plant", "area", "line", f"m-{n}") for n in range(names)]
            await scene.say_raw([(place.topic("telemetry").encode(), telemetry(b"1.0")) for place in places])
            await scene.say(600)
            await scene.settle(timeout_s=long(300, 60))
            await scene.worker.until(
                lambda status: status["received"] >= 1200 + names and status["buffered"] == 0, long(600, 60)
            )
            status = scene.worker.status()
            admitted = {
                (path, "telemetry", boot, seq) for path, _, boot, seq in _names(stage) if path.startswith("evil/")
            }
            verdict = await scene.judge(strangers=admitted)
        reasons = Counter(letter.reason for letter in read_letters(scene.worker.dead))
        series = sum(
            len(one["values"])
            for kind in KINDS
            for one in ask(stage.influxd, stage.bucket, f'SHOW SERIES FROM "{kind}"')
        )
        stage.report(verdict, invented=names, series=series, cap=cap, refused=reasons["cardinality"])
        proven(verdict)
        assert series <= cap
        assert reasons["cardinality"] == names - len(admitted)
        assert status is not None

    asyncio.run(tell())


def _names(stage: Stage) -> list[tuple[str, str, str, int]]:
    series = ask(stage.influxd, stage.bucket, 'SELECT _boot, _seq FROM "telemetry" GROUP BY *')
    levels = ("enterprise", "site", "area", "line", "machine")
    return [
        ("/".join(one["tags"][level] for level in levels), "telemetry", boot, seq)
        for one in series
        for _, boot, seq in one["values"]
    ]


def test_b08_payloads_at_and_beyond_the_limit(stage: Stage) -> None:
    """The ingester's limit to the byte; beyond the broker's own limit nothing arrives at all."""
    exact = telemetry(b"1.5")
    exact += b" " * (MAX_BYTES - len(exact))
    over = telemetry(b"2.5") + b" " * MAX_BYTES
    bomb = gzip.compress(b" " * 1_000_000)
    bad = [("telemetry", over[: MAX_BYTES + 1]), ("telemetry", bomb)]
    stage.broker.stop()
    stage.broker.options["message_size_limit"] = "1000000"
    stage.broker.start()
    _, reasons, _ = asyncio.run(story(stage, bad, [("telemetry", exact)]))
    assert reasons == {"too-large": 1, "not-json": 1}
    assert stored_values(stage, "force_kn") == [1.5]

    async def beyond() -> list[int]:
        async with stage.scene() as scene:
            codes = await scene.say_raw([(STRANGER.topic("telemetry").encode(), b" " * 1_100_000)])
            await asyncio.sleep(1.2)
            status = scene.worker.status()
            assert status is not None
            assert status["received"] == 0
            return codes

    stage.report(broker_answers_beyond_its_limit=asyncio.run(beyond()))


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_b08_compressed_payloads(stage: Stage, encoding: str) -> None:
    """Declared by content type: what unpacks to the limit is stored, a bomb and what is torn are dead letters."""
    content_type = f"application/json+{encoding}"
    good = telemetry(b"6.5")
    bomb = compress(telemetry(b"7.5") + b" " * 1_000_000, content_type)
    torn = compress(telemetry(b"8.5"), content_type)[:-9]
    assert len(bomb) < 5000

    async def tell() -> None:
        topic = STRANGER.topic("telemetry").encode()
        async with stage.scene() as scene:
            await scene.say(600)
            packed = [(topic, data) for data in (compress(good, content_type), bomb, torn, b"", good)]
            await scene.say_raw(packed, content_type)
            await scene.say_raw([(topic, good)], "application/json+rot13")
            await scene.settle()
            await scene.worker.until(lambda status: status["received"] >= 606 and status["buffered"] == 0)
            verdict = await scene.judge(strangers=[(STRANGER.path, "telemetry", BOOT, decode("telemetry", good).seq)])
        reasons = Counter(letter.reason for letter in read_letters(scene.worker.dead))
        stage.report(verdict, **{f"dead letters with {encoding}": dict(reasons)})
        proven(verdict)
        assert reasons == {"too-large": 1, "bad-encoding": 3, "unknown-encoding": 1}
        assert stored_values(stage, "force_kn") == [6.5]

    asyncio.run(tell())


def test_b10_json_that_is_hardly_any(stage: Stage) -> None:
    good = telemetry(b"4.5")
    bad = [
        b"[" * 100_000,
        b'{"v":' * 40_000,
        b"\xef\xbb\xbf" + telemetry(b"1"),
        telemetry(b"1") + b"x",
        telemetry(b"1")[:-1],
        telemetry(b"1", sensor=b"a\\ud800"),
        telemetry(b"1", sensor=b"\xff\xfe"),
        telemetry(b"1", sensor=b"a\\u0000"),
        b"",
        b"null",
        b"\x00" * 100,
        telemetry(b"1").decode().encode("utf-16"),
        telemetry(b"1").replace(b'"v":1', b'"v":2'),
    ]
    twice = telemetry(b"1.0").replace(b'"v":1', b'"v":1,"v":1')  # of a key that stands twice the last counts
    _, reasons, _ = asyncio.run(
        story(stage, [("telemetry", one) for one in bad], [("telemetry", good), ("telemetry", twice)])
    )
    assert reasons.total() == len(bad)
    assert "internal-error" not in reasons
    assert stored_values(stage, "force_kn") == [4.5, 1.0]
