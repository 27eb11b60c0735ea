"""From the lines of a CSV to rows of exact values: time in nanoseconds, counter amounts as integers, samples as floats.

What it is: a streaming reader (RFC 4180, with the delimiter, decimal sign and encoding that the map names) that holds
one row at a time. Amounts go from text to integers by decimal arithmetic; nothing is rounded.
What it is not: lenient. A cell is data: what is no number, no time or no known label is refused with file, line, column
and the next step, or left out and counted where the map says ``on_bad_row = "skip"``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from math import isfinite
from typing import Final

from contract import MAX_INT, ConfigError
from simulator.csv_cells import BadCell, Clock, Stale, number, scaled, shown
from simulator.csv_map import CounterColumn, CsvMap
from simulator.csv_map_toml import hint

MAX_PROBLEMS_KEPT: Final = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file in the contract's units.

    ``amounts`` are what the cells say (the amount of the interval, or the meter's reading), in counter units;
    ``labels`` maps a counter that is split to the name of the counter that its row belongs to.
    """

    line: int
    t_ns: int
    amounts: Mapping[str, int]
    labels: Mapping[str, str]
    samples: Mapping[str, float | None]


@dataclass(slots=True)
class Tally:
    """What was met while reading; one per pass over a file.

    Attributes:
        rows: rows taken.
        backward: rows whose stamp, as it stands in the file, lies not after that of the row before.
        stale: rows left out for their time (``time.backward = "skip"``).
        bad: rows left out for a bad cell (``csv.on_bad_row = "skip"``), the first few in ``problems``, in words.
        gaps: times that an interval began later than the row before ended.
        first_ns, last_ns: times of the first and the last row.
    """

    rows: int = 0
    backward: int = 0
    stale: int = 0
    bad: int = 0
    gaps: int = 0
    first_ns: int | None = None
    last_ns: int | None = None
    problems: list[str] = field(default_factory=list)

    def take(self, row: Row) -> None:
        """Count a row that was taken."""
        self.rows += 1
        self.first_ns = row.t_ns if self.first_ns is None else self.first_ns
        self.last_ns = row.t_ns

    def leave_out(self, problem: str, *, raising: bool) -> None:
        """Count a bad row, or raise ConfigError with the problem."""
        if raising:
            raise ConfigError(f'{problem} (csv.on_bad_row = "skip" would leave such rows out)')
        self.bad += 1
        if len(self.problems) < MAX_PROBLEMS_KEPT:
            self.problems.append(problem)


def read_rows(lines: Iterable[str], map_: CsvMap, file: str, tally: Tally) -> Iterator[Row]:
    """The rows of a CSV with a header line, in order; ``tally`` is counted up on the way.

    Raises:
        ConfigError: the header lacks a column of the map, a row is bad and the map does not say to skip it, or the
            text is not in the encoding that the map names.
    """
    reader = csv.reader(_without_mark(lines), delimiter=map_.csv.delimiter, strict=True)
    columns = _columns(_next(reader, file, map_), map_, file)
    clock, cells = Clock(map_), _Cells(map_, columns)
    while True:
        line = reader.line_num + 1
        row = _next(reader, file, map_)
        if row is None:
            return
        if not row:
            continue  # an empty line
        try:
            if len(row) != len(columns):
                raise BadCell("", f"{len(row)} cells, and the header has {len(columns)}; is csv.delimiter right?")
            taken = Row(line, clock.read(row[columns[map_.time.column]]), *cells.read(row))
        except Stale:
            tally.stale += 1
        except BadCell as bad:
            tally.leave_out(f"{file}:{line}: {bad}", raising=map_.csv.on_bad_row == "error")
        else:
            clock.accept(taken.t_ns)
            tally.take(taken)
            yield taken
        finally:
            tally.backward, tally.gaps = clock.backward, clock.gaps


def _without_mark(lines: Iterable[str]) -> Iterator[str]:
    each = iter(lines)
    return chain((line.removeprefix("\ufeff") for line in islice(each, 1)), each)


def _next(reader: Iterator[list[str]], file: str, map_: CsvMap) -> list[str] | None:
    line: int = reader.line_num + 1  # type: ignore[attr-defined]  # csv.reader has it, Iterator does not say so
    try:
        return next(reader, None)
    except csv.Error as error:
        raise ConfigError(f"{file}:{line}: no CSV: {error}; is a quotation mark left open there?") from None
    except UnicodeError as error:
        raise ConfigError(f"{file}: near line {line}: {error}; set csv.encoding, now {map_.csv.encoding}") from None


def _columns(header: list[str] | None, map_: CsvMap, file: str) -> dict[str, int]:
    if not header:
        raise ConfigError(f"{file}:1: no header line; the first line must name the columns")
    for column in map_.columns:
        if column not in header:
            raise ConfigError(f"{file}:1: no column {column!r}{hint(column, header)}")
        if header.count(column) > 1:
            raise ConfigError(f"{file}:1: {header.count(column)} columns are named {column!r}; which one is meant?")
    return {name: index for index, name in reversed(list(enumerate(header)))}


class _Cells:
    """The cells of a row but its time: amounts, labels and samples."""

    def __init__(self, map_: CsvMap, columns: Mapping[str, int]) -> None:
        self._map = map_
        self._columns = columns

    def read(self, row: list[str]) -> tuple[dict[str, int], dict[str, str], dict[str, float | None]]:
        """Amounts, labels and samples; raises BadCell."""
        amounts: dict[str, int] = {}
        labels: dict[str, str] = {}
        for name, counter in self._map.counters.items():
            amounts[name] = self._amount(counter, row[self._columns[counter.column]])
            if counter.split_by is not None:
                labels[name] = _label(name, counter, row[self._columns[counter.split_by]])
        samples = {
            name: self._sample(sensor.column, row[self._columns[sensor.column]])
            for name, sensor in self._map.sensors.items()
        }
        return amounts, labels, samples

    def _amount(self, counter: CounterColumn, text: str) -> int:
        amount = scaled(counter.column, text, self._map.csv.decimal, counter.factor)
        if amount > MAX_INT:
            raise BadCell(counter.column, f"{shown(text)} is {amount} {counter.unit}, more than {MAX_INT}")
        if amount < 0:
            raise BadCell(counter.column, f"{shown(text)} is negative: a counter cannot count down; make it a sensor")
        return amount

    def _sample(self, column: str, text: str) -> float | None:
        if not text.strip():
            return None
        value = float(number(column, text, self._map.csv.decimal))
        if not isfinite(value):
            raise BadCell(column, f"{shown(text)} is too large for a sample")
        return value


def _label(name: str, counter: CounterColumn, text: str) -> str:
    label = counter.labels.get(text)
    if label is None:
        raise BadCell(
            str(counter.split_by),
            f"the label {shown(text)} is not in counters.{name}.labels{hint(text[:200], counter.labels)}",
        )
    return label
