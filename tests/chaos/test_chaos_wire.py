"""B11 and B12: topics and packets that no library would send; the broker closes them, the ingester never notices."""

from __future__ import annotations

import asyncio
import random
import struct
from collections import Counter

from ingest_plant import START_NS
from packets import CONNECT, PUBLISH, SUBSCRIBE, Speaker, connect, packet, publish, text
from scene import Stage, proven

from contract import Telemetry, encode
from ingest import read_letters


async def answer_to(port: int, packets: bytes, wait_s: float = 0.5) -> bool:
    """Send bytes on a fresh connection; returns whether the broker closed it within ``wait_s``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(packets)
        await writer.drain()
        async with asyncio.timeout(wait_s):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return False
    except OSError:
        return True
    finally:
        writer.transport.abort()
    return True


def test_b11_topics_of_every_kind(stage: Stage) -> None:
    payload = encode(Telemetry(boot="00000b0d", seq=1, t=[START_NS], values={"force_kn": [1.0]}))
    closed = {
        "bad UTF-8": b"qilu/v1/a/b/c/d/\xff\xfe/telemetry",
        "NUL": b"qilu/v1/a/b/c/d/e\x00/telemetry",
        "newline": b"qilu/v1/a/b/c/d/e\n/telemetry",
        "U+D800": b"qilu/v1/a/b/c/d/\xed\xa0\x80/telemetry",
        "wildcard +": b"qilu/v1/a/b/c/d/+/telemetry",
        "wildcard #": b"qilu/v1/a/b/c/d/#",
        "empty": b"",
        "250 levels": b"a/" * 250,
    }
    taken = {
        "U+2028": "qilu/v1/a/b/c/d/e\u2028/telemetry".encode(),
        "too long a name": b"qilu/v1/a/b/c/d/" + b"e" * 65 + b"/telemetry",
        "65,535 bytes": b"qilu/v1/a/b/c/d/" + b"e" * (65_535 - 26) + b"/telemetry",
        "$": b"qilu/v1/a/b/c/d/$e/telemetry",
    }

    async def story() -> dict[str, bool]:
        async with stage.scene() as scene:
            await scene.say(600)
            await scene.say_raw([(topic, payload) for topic in taken.values()])
            outcome = {
                name: await answer_to(stage.broker.port, connect("evil") + publish(topic, payload, 1))
                for name, topic in closed.items()
            }
            await scene.settle()
            await asyncio.sleep(1.1)
            verdict = await scene.judge()
        reasons = Counter(letter.reason for letter in read_letters(scene.worker.dead))
        stage.report(verdict, closed_by_broker=[n for n, was in outcome.items() if was], dead_letters=dict(reasons))
        proven(verdict)
        assert set(reasons) <= {"bad-topic", "bad-address"}
        assert reasons.total() == len(taken)
        return outcome

    outcome = asyncio.run(story())
    assert {name for name, was_closed in outcome.items() if not was_closed} <= {"250 levels"}


def test_b12_packets_that_are_none(stage: Stage) -> None:
    draw = random.Random(stage.seed)
    hello = connect("evil")
    topic = text(b"a")
    bad = {
        "QoS 3": hello + packet(PUBLISH | 6, topic + b"\x00\x01\x00x"),
        "identifier 0": hello + packet(PUBLISH | 2, topic + b"\x00\x00\x00x"),
        "PUBLISH before CONNECT": packet(PUBLISH, topic + b"\x00x"),
        "CONNECT twice": hello + hello,
        "length of five bytes": hello + bytes([PUBLISH]) + b"\xff\xff\xff\xff\x7f",
        "no protocol name": packet(CONNECT, text(b"") + b"\x05\x02\x00\x3c\x00" + text(b"x")),
        "reserved flag in CONNECT": packet(CONNECT, text(b"MQTT") + b"\x05\x03\x00\x3c\x00" + text(b"x")),
        "SUBSCRIBE to nothing": hello + packet(SUBSCRIBE, b"\x00\x01\x00"),
        "SUBSCRIBE without its flags": hello + packet(0x80, b"\x00\x01\x00" + text(b"#") + b"\x01"),
        "random 4 kB": bytes(draw.randrange(256) for _ in range(4096)),
        "length beyond the packet": hello + bytes([PUBLISH, 10]) + struct.pack("!H", 200) + b"aaaaaaaa",
    }

    async def story() -> None:
        async with stage.scene() as scene:
            scene.talk()
            await asyncio.sleep(1.5)
            outcome = {name: await answer_to(stage.broker.port, data) for name, data in bad.items()}
            speaker = Speaker(stage.broker.port, "after", lambda number, code: None)
            await speaker.open()
            await speaker.close()
            await asyncio.sleep(1.0)
            await scene.settle()
            verdict = await scene.judge()
        stage.report(verdict, closed=f"{sum(outcome.values())} of {len(outcome)}")
        proven(verdict)
        assert all(outcome.values()), outcome

    asyncio.run(story())
