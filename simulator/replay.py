"""A device out of the rows of a CSV: birth, meter readings, samples and death, in the words of the contract.

What it is: pure and streaming. Amounts become cumulative integer counters, each label of a split one more counter, and
a reading of zero goes before the first interval, so that the first interval counts; where rows are missing, one more
reading stands at the begin of the next interval, so that nothing is spread over the hole.
What it is not: paced, nor a connection: ``console/replay.py`` reads the file, keeps the time and publishes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Final

from contract import (
    MAX_BYTES,
    MAX_INT,
    Birth,
    ConfigError,
    Death,
    Economics,
    Message,
    Meter,
    MeterRow,
    Sensor,
    Telemetry,
)
from simulator.csv_map import CsvMap
from simulator.csv_rows import Row

MAX_BATCH: Final = 500
_HEAD_BYTES: Final = 200
_NUMBER_BYTES: Final = 26  # the longest float, and more than the longest time or counter


@dataclass(frozen=True, slots=True)
class Reading:
    """What the device knows at one time; either part may be empty."""

    t_ns: int
    counters: Mapping[str, int]
    samples: Mapping[str, float | None] = field(default_factory=dict)


class Counters:
    """Cumulative counters, counted up row by row.

    Attributes:
        increase: what each counter has counted since the first row began: resets of the meter are bridged.
    """

    def __init__(self, map_: CsvMap, file: str) -> None:
        self.increase: dict[str, int] = dict.fromkeys(map_.units, 0)
        self._file = file
        self._cumulative = {name for name, c in map_.counters.items() if c.reading == "cumulative"}
        own = {name: [name, *c.labels.values()] for name, c in map_.counters.items() if name not in self._cumulative}
        self._counted = [name for names in own.values() for name in names]
        self._read: dict[str, int] = {}

    def standing(self) -> dict[str, int]:
        """The counters of interval amounts as they are: what a reading between two rows may say."""
        return {name: self.increase[name] for name in self._counted}

    def add(self, row: Row) -> dict[str, int]:
        """Count a row; returns every counter as it stands at the row's time."""
        for name, amount in row.amounts.items():
            if name in self._cumulative:
                before, self._read[name] = self._read.get(name, amount), amount
                amount = amount - before if amount >= before else amount  # noqa: PLW2901  # a fall is a reset to zero
            for counter in (name, row.labels[name]) if name in row.labels else (name,):
                self.increase[counter] += amount
                if self.increase[counter] > MAX_INT:
                    raise ConfigError(f"{self._file}:{row.line}: {counter} passes {MAX_INT}; take a larger unit")
        return self.increase | self._read


def readings(rows: Iterable[Row], map_: CsvMap, counters: Counters) -> Iterator[Reading]:
    """Rows to readings, with one more where an interval does not begin at the end of the row before."""
    known_until: int | None = None
    for row in rows:
        begin_ns = row.t_ns - map_.period_ns
        if map_.period_ns and begin_ns != known_until:
            yield Reading(begin_ns, counters.standing())
        yield Reading(row.t_ns, counters.add(row), row.samples)
        known_until = row.t_ns


def messages(
    readings: Iterable[Reading],
    map_: CsvMap,
    *,
    boot: str,
    economics: Economics | None,
    batch: int,
    last_words: Callable[[], str] = lambda: "end of the file",
) -> Iterator[Message]:
    """The life of the device: birth, then for every ``batch`` readings their meter rows and their samples, death.

    ``seq`` counts from 1; a file without readings gives nothing. ``last_words`` is asked at the end for the reason of
    the death: whoever cuts the readings short says so there.
    """
    stream = iter(readings)
    first = next(stream, None)
    if first is None:
        return
    seq, last_ns = 1, first.t_ns
    yield birth(map_, first.t_ns, boot=boot, economics=economics)
    stream = chain([first], stream)
    while part := list(islice(stream, batch)):
        last_ns = part[-1].t_ns
        if rows := [MeterRow(t=r.t_ns, counters=dict(r.counters)) for r in part if r.counters]:
            seq += 1
            yield Meter(boot=boot, seq=seq, rows=rows)
        if sampled := [r for r in part if any(value is not None for value in r.samples.values())]:
            seq += 1
            values = {name: [r.samples[name] for r in sampled] for name in map_.sensors}
            yield Telemetry(boot=boot, seq=seq, t=[r.t_ns for r in sampled], values=values)
    yield Death(boot=boot, seq=seq + 1, t=last_ns, reason=last_words())


def birth(map_: CsvMap, t_ns: int, *, boot: str, economics: Economics | None) -> Birth:
    """What the device says of itself."""
    return Birth(
        boot=boot,
        seq=1,
        t=t_ns,
        role="meter",
        model=map_.device.model,
        version=map_.device.version,
        sensors={name: Sensor(unit=s.unit, low=s.low, high=s.high) for name, s in map_.sensors.items()},
        counters=map_.units,
        economics=economics,
    )


def will(boot: str) -> Death:
    """What the broker says when the device vanishes without a word."""
    return Death(boot=boot, seq=0, t=None, reason="connection lost")


def batch_of(map_: CsvMap) -> int:
    """How many readings fit into one message whatever their values, at most ``MAX_BATCH``."""
    meter = sum(len(name) + _NUMBER_BYTES for name in map_.units) + 2 * _NUMBER_BYTES
    samples = (1 + len(map_.sensors)) * _NUMBER_BYTES
    names = sum(len(name) + _NUMBER_BYTES for name in map_.sensors)
    return max(1, min(MAX_BATCH, (MAX_BYTES - _HEAD_BYTES - names) // max(meter, samples)))
