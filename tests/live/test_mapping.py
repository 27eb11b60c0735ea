"""Foreign devices over a real Mosquitto into a real InfluxDB: exact values, each once, also after a second delivery."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from ingest_plant import publish, until
from servers import Mosquitto

from contract import LEVELS
from historian import Query, open_store
from historian.base import Historian
from ingest import Settings, Status, ingest, read_letters
from service import Broker

ROOT = Path(__file__).parents[2]
FILE = """id: mixed
devices:
- address: acme/home/hall/plugs/{machine}
  model: plug
  topics:
  - topic: tele/{machine}/SENSOR
    time: {from: Time, timezone: Europe/Berlin}
    sensors: {power: {from: ENERGY.Power, unit: W}}
    counters: {energy_wh: {from: ENERGY.Total, unit: Wh, scale: 1000}}
- address: acme/home/hall/{line}/{machine}
  model: filler
  topics:
  - topic: factory/{line}/{machine}/{signal}
    payload: plain
    pick: signal
    sensors: {temperature: {unit: Cel}}
    state: {picked: status, words: {RUN: {state: Execute, reason: running}}}
"""
NOON = 1_795_345_200_000_000_000  # 2026-11-22 11:00 UTC, 12:00 in Berlin
READINGS = 500


def _tele(number: int) -> tuple[str, bytes]:
    minute, second = divmod(number, 60)
    clock = f"2026-11-22T12:{minute:02}:{second:02}"
    body = f'{{"Time":"{clock}","ENERGY":{{"Total":{number / 1000:.3f},"Power":{number % 50 + 0.5}}}}}'
    return "tele/plug-1/SENSOR", body.encode()


async def _story(broker: Broker, store: Historian, folder: Path) -> Status:
    file = folder / "mixed.yaml"
    file.write_text(FILE)
    settings = Settings(mapping=str(file), dead_letters=str(folder / "dead"), client_id="qilu-mapping")
    status, stop = Status(), asyncio.Event()
    running = asyncio.create_task(ingest(settings, broker, store, stop=stop, clock_ns=time.time_ns, status=status))
    await until(lambda: status.connected)
    heard = [_tele(number) for number in range(READINGS)]
    plain = [("factory/l-1/f-1/temperature", b"21"), ("factory/l-1/f-1/status", b"RUN")]
    poison = [("factory/l-1/f-1/status", b"JUMP"), ("tele/plug-1/SENSOR", b"\xff"), ("factory/l-1/f-1/x", b"1")]
    for _ in range(2):  # each message comes twice
        await publish(broker.url, heard)
    await publish(broker.url, plain + poison)
    await until(lambda: status.received == 2 * READINGS + 5 and status.buffered == 0)
    stop.set()
    await running
    return status


async def _stored(store: Historian, kind: str, field: str, machine: str) -> dict[int, object]:
    tags = dict(zip(LEVELS, ("acme", "home", "hall", "plugs" if machine == "plug-1" else "l-1", machine), strict=True))
    table = await store.read(Query(kind, (field,), tags))
    return dict(zip(table.time_ns, table.fields[field], strict=True))


def test_foreign_devices_are_stored_as_any_other(mosquitto: Mosquitto, influx_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with open_store(influx_url) as store:
            status = await _story(Broker(url=mosquitto.url), store, tmp_path)
            assert (status.written, status.duplicate, status.dead_lettered) == (READINGS + 2, READINGS, 3)
            times = [NOON + number * 10**9 for number in range(READINGS)]
            power = await _stored(store, "telemetry", "power", "plug-1")
            assert power == {t: number % 50 + 0.5 for number, t in enumerate(times)}
            energy = await _stored(store, "meter", "energy_wh", "plug-1")
            assert energy == dict(zip(times, range(READINGS), strict=True))
            assert list((await _stored(store, "telemetry", "temperature", "f-1")).values()) == [21.0]
            assert list((await _stored(store, "state", "state", "f-1")).values()) == ["Execute"]
            assert len(await _stored(store, "birth", "body", "plug-1")) == 1

    asyncio.run(story())
    reasons = sorted(letter.reason for letter in read_letters(tmp_path / "dead"))
    assert reasons == ["not-json", "unknown-value", "unknown-word"]
