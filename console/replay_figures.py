"""What the historian has of a replayed device: messages, rows, counters, energy by band and its cost.

What it is: read from the store alone, the device's birth with its tariff included, and folded by the analytics' own
functions, in stretches of time so that the length of the file does not matter.
What it is not: a comparison; ``replay_report.py`` lays it beside what was read.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Final

from analytics.cost import costs
from analytics.elements import Elements
from analytics.events import Reading
from analytics.fold import Counter
from console.replay_device import Published
from contract import LEVELS, Birth, Economics, decode
from historian import Historian, Query, Table
from simulator.csv_map import CsvMap

ENERGY: Final = "energy_wh"
ROWS_AT_A_TIME: Final = 50_000

Bands = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What the historian has of one boot of the device.

    Attributes:
        store: the historian's URL.
        messages: how many different ones are there, whole or in part.
        meter_rows, samples: points.
        dead_lettered: messages that the ingester could not take.
        totals: what each counter has counted from its first reading to its last.
        energy: counter of energy -> its Wh by code of the band, in the order of the codes.
        economics: what the stored birth says about prices.
    """

    store: str = ""
    messages: int = 0
    meter_rows: int = 0
    samples: int = 0
    dead_lettered: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    energy: dict[str, Bands] = field(default_factory=dict)
    economics: Economics | None = None

    def cost(self, counter: str) -> Fraction | None:
        """What the energy of a counter cost, exactly; None without a tariff."""
        if self.economics is None or self.economics.tariff is None or counter not in self.energy:
            return None
        return costs(Elements(energy=self.energy[counter]), self.economics).energy


async def stored(store: Historian, map_: CsvMap, boot: str, published: Published) -> Stored:
    """Ask the historian for everything that ``boot`` of the device has left there."""
    asked = _Asked(store, map_, boot, published)
    economics = await asked.economics()
    tariff = economics.tariff if economics is not None else None
    energies = [ENERGY, *map_.counters[ENERGY].labels.values()] if ENERGY in map_.counters else []
    totals: Count[str] = Count(dict.fromkeys(map_.units, 0))
    bands: dict[str, Count[str]] = {name: Count() for name in energies}
    last: dict[str, Reading] = {}
    async for table in asked.tables("meter", tuple(map_.units)):
        for name in map_.units:
            rows = [*([last[name]] if name in last else []), *_readings(table, name, boot)]
            if len(rows) < 2:
                last.update({name: rows[0]} if rows else {})
                continue
            bounds = (rows[0].t, rows[-1].t)
            counter, last[name] = Counter(rows), rows[-1]
            totals[name] += sum(amount for _, amount in counter.between(bounds, None)[0])
            if name in bands:
                bands[name].update(dict(counter.between(bounds, tariff)[0]))
    async for _ in asked.tables("telemetry", ()):
        pass
    async for _ in asked.tables("death", ()):
        pass
    return Stored(
        messages=len(asked.seen),
        meter_rows=asked.rows["meter"],
        samples=asked.rows["telemetry"],
        totals=dict(totals),
        energy={name: tuple(sorted(count.items())) for name, count in bands.items()},
        economics=economics,
    )


class _Asked:
    """The device's points by measurement, counted as they come."""

    def __init__(self, store: Historian, map_: CsvMap, boot: str, published: Published) -> None:
        self.rows: Count[str] = Count()
        self.seen: set[int] = set()
        self._store = store
        self._where = dict(zip(LEVELS, map_.address.levels, strict=True))
        self._boot = boot
        self._published = published

    async def economics(self) -> Economics | None:
        """What the stored birth says about prices."""
        found: Economics | None = None
        async for table in self.tables("birth", ("body",)):
            for boot, body in zip(table.fields["_boot"], table.fields["body"], strict=True):
                if boot == self._boot and isinstance(body, str):
                    birth = decode("birth", body.encode())
                    found = birth.economics if isinstance(birth, Birth) else None
        return found

    async def tables(self, measurement: str, fields: tuple[str, ...]) -> AsyncIterator[Table]:
        """The points of a measurement in stretches of time, each as a table."""
        for start_ns, end_ns in self._stretches():
            table = await self._store.read(
                Query(measurement, ("_boot", "_seq", *fields), self._where, start_ns=start_ns, end_ns=end_ns)
            )
            for boot, seq in zip(table.fields.get("_boot", ()), table.fields.get("_seq", ()), strict=True):
                if boot == self._boot and isinstance(seq, int):
                    self.rows[measurement] += 1
                    self.seen.add(seq)
            yield table

    def _stretches(self) -> Iterator[tuple[int, int]]:
        first_ns, end_ns = self._published.first_ns, self._published.last_ns + 1
        parts = max(1, -(-self._published.meter_rows // ROWS_AT_A_TIME), -(-self._published.samples // ROWS_AT_A_TIME))
        bounds = [first_ns + (end_ns - first_ns) * part // parts for part in range(parts + 1)]
        return pairwise(bounds)


def _readings(table: Table, name: str, boot: str) -> list[Reading]:
    rows = zip(table.time_ns, table.fields.get("_boot", ()), table.fields.get(name, ()), strict=True)
    return [Reading(t, boot, value) for t, by, value in rows if by == boot and isinstance(value, int)]
