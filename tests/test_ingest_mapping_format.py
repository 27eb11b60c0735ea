"""Foreign deliveries on the ingester's own way: points in a real store, duplicates and dead letters counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mapping_cases import NOON, example

from contract import Birth, decode
from historian.base import Query
from historian.duck import DuckHistorian
from ingest.admission import Admission
from ingest.formats import Formats
from ingest.gaps import Gaps
from ingest.mapping_format import foreign
from ingest.register import Register


@dataclass(frozen=True)
class Heard:
    topic: str
    payload: bytes
    received_ns: int = NOON
    content_type: str = ""

    def acknowledge(self) -> None:
        """Nobody waits for it."""


def _say(hour: int, temperature: float) -> Heard:
    return Heard("zigbee2mqtt/a", b'{"temperature":%g,"last_seen":"2026-11-22T%02d:00:00Z"}' % (temperature, hour))


HEARD = [
    *(_say(hour, 20 + hour / 10) for hour in range(24)),
    Heard("zigbee2mqtt/a", b'{"state":"online"}'),
    Heard("zigbee2mqtt/a/availability", b"online"),
    Heard("factory/line-1/filler-3/energy-kWh", b"12.345"),
    Heard("factory/line-1/filler-3/status", b"RUN"),
]
FORMATS = [foreign(example("zigbee2mqtt")), foreign(example("vendor_plain"))]


def _desk(formats: Sequence[Any]) -> Admission:
    return Admission(Formats(formats).understand, Register(), Gaps(), lambda: 0.0)


async def _stored(store: DuckHistorian) -> dict[str, dict[int, object]]:
    found: dict[str, dict[int, object]] = {}
    for kind, field in (("telemetry", "temperature"), ("meter", "energy_wh"), ("state", "state"), ("birth", "body")):
        table = await store.read(Query(kind, (field,)))
        found[kind] = dict(zip(table.time_ns, table.fields[field], strict=True))
    return found


def test_every_delivery_is_points_or_a_dead_letter_and_twice_is_a_duplicate() -> None:
    desk = _desk(FORMATS)
    first = desk.open(HEARD)
    refused = {entry.delivery.topic: entry.refusal.reason for entry in first.entries if entry.refusal}
    assert refused == {"zigbee2mqtt/a": "no-value", "zigbee2mqtt/a/availability": "bad-topic"}
    assert not any(entry.duplicate for entry in first.entries)
    again = desk.open(HEARD)
    assert all(entry.duplicate or entry.refusal for entry in again.entries)
    assert first.rows == 26 + 2  # and a birth for each of the two devices
    assert again.rows == 26


async def _twice() -> list[dict[str, dict[int, object]]]:
    seen = []
    async with DuckHistorian(":memory:") as store:
        for _ in range(2):  # as after a restart: nothing is remembered, all comes again
            formats = [foreign(example("zigbee2mqtt")), foreign(example("vendor_plain"))]
            batch = _desk(formats).open(HEARD)
            await store.write(batch.frames)
            seen.append(await _stored(store))
    return seen


def test_the_store_holds_it_once() -> None:
    once, twice = asyncio.run(_twice())
    assert once == twice
    assert len(once["telemetry"]) == 24
    assert list(once["meter"].values()) == [12_345]
    assert list(once["state"].values()) == ["Execute"]
    for body in once["birth"].values():
        assert isinstance(body, str)
        assert isinstance(decode("birth", body.encode()), Birth)
