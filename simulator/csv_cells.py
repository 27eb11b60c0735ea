"""What one cell of a CSV says: a number, an exact amount, or a time that must go forward.

What it is: text in, integers and decimals out, nothing rounded; stamps become nanoseconds UTC by the zone of the map,
through the hours that daylight saving takes out or repeats (IANA time zones, PEP 495).
What it is not: lenient. What it does not understand it refuses as ``BadCell``, which says what to do.

>>> scaled("kWh", "3.17", ".", Decimal(1000))
3170
>>> scaled("kWh", "3,1705", ",", Decimal(1000))
Traceback (most recent call last):
simulator.csv_cells.BadCell: column 'kWh': '3,1705' is finer than the counter; take a smaller unit and a larger factor
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Final

from simulator.csv_map import EPOCHS, CsvMap

NS_PER_S: Final = 1_000_000_000
MAX_CELL_CHARS: Final = 40
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2261

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_BELOW_A_MICROSECOND: Final = re.compile(r"[.,][0-9]{6}([0-9]+)")
_EXACT: Final = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = timedelta(days=1)


class BadCell(Exception):
    """One row cannot be taken; says why, and what to do."""

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(f"column {column!r}: {detail}" if column else detail)


class Stale(Exception):
    """A row that lies not after the one before, where the map says to leave such rows out."""


def shown(text: str) -> str:
    """A cell as an error shows it: quoted, and not the whole of a long one."""
    return repr(text if len(text) <= MAX_CELL_CHARS else text[: MAX_CELL_CHARS - 1] + "…")


def number(column: str, text: str, sign: str) -> Decimal:
    """The number in a cell with the decimal sign ``sign``; raises BadCell."""
    cell = text.strip()
    if sign != ".":
        cell = cell.replace(".", "?").replace(sign, ".")  # a point is no decimal sign there: it does not match below
    if len(cell) > MAX_CELL_CHARS or not _NUMBER.fullmatch(cell):
        raise BadCell(column, f"{shown(text)} is no number with the decimal sign {sign!r}; see csv.decimal")
    return Decimal(cell)


def scaled(column: str, text: str, sign: str, factor: Decimal) -> int:
    """The cell times ``factor`` as an integer; raises BadCell for what is finer than one, or far too large."""
    value = number(column, text, sign)
    if value.adjusted() > 19:
        raise BadCell(column, f"{shown(text)} is too large for a counter")
    product = _EXACT.multiply(value, factor)
    whole = int(product)
    if product != whole:
        raise BadCell(column, f"{shown(text)} is finer than the counter; take a smaller unit and a larger factor")
    return whole


class Clock:
    """Stamps to nanoseconds UTC, strictly forward.

    Attributes:
        backward: stamps that, as they stand in the file, lie not after the one before.
        gaps: times that an interval began later than the row before ended.
    """

    def __init__(self, map_: CsvMap) -> None:
        self.backward = 0
        self.gaps = 0
        self._map = map_
        self._zone = map_.zone
        self._period_ns = map_.period_ns
        self._before_ns: int | None = None
        self._raw_before: int | None = None

    def accept(self, t_ns: int) -> None:
        """The row of this time was taken: the next one must lie after it."""
        if self._before_ns is not None and self._period_ns and t_ns - self._period_ns > self._before_ns:
            self.gaps += 1
        self._before_ns = t_ns

    def read(self, text: str) -> int:
        """The time of a stamp; raises BadCell or Stale."""
        unit_ns = EPOCHS.get(self._map.time.format)
        if unit_ns is not None:
            t_ns = scaled(self._map.time.column, text, self._map.csv.decimal, Decimal(unit_ns))
            self._see(t_ns)
        else:
            stamp, finer_ns = self._parse(text), self._finer_ns(text)
            self._see(_since_epoch_ns(stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)) + finer_ns)
            if self._map.time.backward == "end_of_day" and stamp.time() == time.min:
                stamp += _DAY
            t_ns = self._instant(stamp, text, finer_ns)
        if not self._period_ns <= t_ns < 2**63:
            raise self._bad(text, "lies before 1970 or after 2261; is time.format right?")
        self._check(t_ns, text)
        return t_ns

    def _bad(self, text: str, detail: str) -> BadCell:
        return BadCell(self._map.time.column, f"{shown(text)} {detail}")

    def _parse(self, text: str) -> datetime:
        form = self._map.time.format
        try:
            cell = text.strip()
            stamp = datetime.fromisoformat(cell) if form == "iso" else datetime.strptime(cell, form)
        except ValueError:
            raise self._bad(text, f"is no time of the form {form}; see time.format") from None
        if not FIRST_YEAR <= stamp.year <= LAST_YEAR:
            raise self._bad(text, f"is not between {FIRST_YEAR} and {LAST_YEAR}; is time.format right?")
        return stamp

    def _finer_ns(self, text: str) -> int:
        """The nanoseconds that ``datetime.fromisoformat`` drops; ``strptime`` refuses what it cannot hold."""
        finer = _BELOW_A_MICROSECOND.search(text) if self._map.time.format == "iso" else None
        if finer is None:
            return 0
        if len(finer[1]) > 3:
            raise self._bad(text, "is finer than a nanosecond")
        return int(finer[1].ljust(3, "0"))

    def _see(self, raw_ns: int) -> None:
        """Count a step back as the file shows it, before any mending."""
        if self._raw_before is not None and raw_ns <= self._raw_before:
            self.backward += 1
        self._raw_before = raw_ns

    def _instant(self, stamp: datetime, text: str, finer_ns: int) -> int:
        if stamp.tzinfo is not None:
            return _since_epoch_ns(stamp) + finer_ns
        local = stamp.replace(tzinfo=self._zone)
        t_ns, second_ns = (_since_epoch_ns(local.replace(fold=fold)) + finer_ns for fold in (0, 1))
        if t_ns == second_ns:
            return t_ns
        # The clocks change here. Forward: no such time. Back: the hour comes twice, and only the order of the rows
        # tells its two passes apart.
        if local.astimezone(UTC).astimezone(self._zone).replace(tzinfo=None) != stamp:
            raise self._bad(
                text, f"is no time in {self._zone.key}, where the clocks go forward; is time.timezone right?"
            )
        return second_ns if self._before_ns is not None and t_ns <= self._before_ns else t_ns

    def _check(self, t_ns: int, text: str) -> None:
        before_ns = self._before_ns
        if before_ns is None:
            return
        if t_ns <= before_ns:
            if self._map.time.backward == "skip":
                raise Stale
            raise self._bad(text, f"lies not after the row before, {self._show(before_ns)}; see time.backward")
        if t_ns - self._period_ns < before_ns:
            period_s = self._period_ns // NS_PER_S
            raise self._bad(
                text,
                f"ends an interval of {period_s} s that begins before the row before ended, {self._show(before_ns)}; "
                "is time.period_s right?",
            )

    def _show(self, t_ns: int) -> str:
        return (_EPOCH + timedelta(microseconds=t_ns // 1000)).astimezone(self._zone).isoformat(sep=" ")


def _since_epoch_ns(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000
