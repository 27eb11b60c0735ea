"""Who may come in: how many series and fields there may be, and that no two messages claim one moment.

What it is: the set of the ``(address, kind)`` pairs and field names that exist, with a cap on each (a store pays for
every series for good, so an invented name must not make one), and the newest row times of each pair with the message
that wrote them. A store keeps one point for a series and a time, so a second message with that time would replace the
first in silence; it is refused instead.
What it is not: a list of who ought to be there, nor the memory of every message. The newest 64 times of each pair are
remembered (fewer where there are many pairs, so that memory stays flat), since the start of the process.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from contract import Address, ContractError, Message, Meter, Telemetry
from contract.parts import MAX_INT

CARDINALITY: Final = "cardinality"
TIME_TAKEN: Final = "time-taken"

ROWS: Final = 64
"""How many row times are remembered for each pair."""
FEWEST_ROWS: Final = 8
ROWS_IN_ALL: Final = 1_000_000
"""How many row times are remembered in all; 16 bytes each."""
_SHAPES: Final = 4096
_SEQ_BITS: Final = MAX_INT.bit_length()
_BOOTS: Final = 1 << (63 - _SEQ_BITS)
"""How many boots of one pair are told apart at a time, so that a name has 64 bits."""


class Known(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a register knows, as plain data that outlives the process.

    ``series`` holds the five levels and the kind of each pair; ``fields`` the field names of each kind.
    """

    series: list[tuple[str, str, str, str, str, str]] = []
    fields: dict[str, list[str]] = {}


class _Series:
    """One ``(address, kind)``: its newest times, rising, each with the name of the message that wrote it.

    A name is one integer: ``seq``, and above its bits the number of the boot in ``boots``.
    """

    __slots__ = ("base", "boot", "boots", "fields", "names", "newest", "oldest", "times")

    def __init__(self) -> None:
        self.times = array("q")
        self.names = array("q")
        self.newest = -1
        self.oldest = -1  # what is not newer than this has been forgotten
        self.boot = ""
        self.base = 0
        self.boots: list[str] = []
        self.fields: tuple[str, ...] = ()

    def name(self, boot: str, seq: int) -> int:
        """The name of a message."""
        if boot != self.boot:
            if boot not in self.boots:
                if len(self.boots) == _BOOTS:
                    self._renumber()
                self.boots.append(boot)
            self.boot, self.base = boot, self.boots.index(boot) << _SEQ_BITS
        return self.base + seq

    def _renumber(self) -> None:
        """Forget the boots of which no row is remembered any more."""
        used = sorted({name >> _SEQ_BITS for name in self.names})
        number = {old: new << _SEQ_BITS for new, old in enumerate(used)}
        self.names = array("q", [number[name >> _SEQ_BITS] + (name & MAX_INT) for name in self.names])
        self.boots = [self.boots[old] for old in used]

    def take(self, times: Sequence[int], name: int, keep: int) -> bool:
        """Remember who has these times; returns whether all of them are remembered as its own already.

        Raises:
            ContractError: ``time-taken``; then nothing is remembered.
        """
        again = False
        if times[0] > self.newest:
            if len(times) > keep:
                self.forget(0)
                self.oldest = times[-keep - 1]
            kept = times[-keep:]
            self.times.extend(kept)
            self.names.extend([name] * len(kept))
            self.newest = times[-1]
        else:
            again = self._merge(times, name)
        if len(self.times) > keep:
            self.forget(keep)
        return again

    def _merge(self, times: Sequence[int], name: int) -> bool:
        known, names = self.times, self.names
        fresh, own = [], 0
        for time in times:
            at = bisect_left(known, time)
            if at == len(known) or known[at] != time:
                fresh.append(time)
            elif names[at] == name:
                own += 1
            else:
                raise ContractError(TIME_TAKEN, f"another message of this kind and machine has a row of time {time}")
        for time in fresh:
            if time > self.oldest:
                at = bisect_left(known, time)
                known.insert(at, time)
                names.insert(at, name)
        self.newest = max(self.newest, times[-1])
        return own == len(times)

    def forget(self, keep: int) -> None:
        """Remember the newest ``keep`` times."""
        surplus = len(self.times) - keep
        if surplus > 0:
            self.oldest = self.times[surplus - 1]
            del self.times[:surplus]
            del self.names[:surplus]


class Register:
    """What exists. One thread may call ``admit`` while others read.

    Attributes:
        max_series, max_fields: the caps.
        refused: how many messages were refused for the caps.
        times_taken: how many were refused because another message has one of their times.
    """

    def __init__(self, max_series: int = 100_000, max_fields: int = 2_000, rows: int = ROWS) -> None:
        """Know nothing yet.

        Args:
            max_series: how many pairs of address and kind there may be.
            max_fields: how many field names a kind may have that chooses its own (telemetry and meter).
            rows: how many row times to remember for each pair.
        """
        self.max_series = max_series
        self.max_fields = max_fields
        self.refused = 0
        self.times_taken = 0
        self._rows = self._keep = rows
        self._most = _most(rows)
        self._series: dict[tuple[Address, str], _Series] = {}
        self._fields: dict[str, set[str]] = {}
        self._shapes: dict[tuple[str, ...], tuple[str, ...]] = {}

    @property
    def series(self) -> int:
        """How many pairs of address and kind exist."""
        return len(self._series)

    @property
    def fields(self) -> dict[str, int]:
        """How many field names each kind has that chooses its own."""
        return {kind: len(names) for kind, names in list(self._fields.items())}

    def admit(self, address: Address, kind: str, message: Message) -> bool:
        """Let a message in, and remember what is new about it.

        Returns:
            Whether it is certain that it came before: every row of it is remembered as its own. False may only mean
            that it is forgotten, or that it has no time of its own.

        Raises:
            ContractError: ``cardinality`` when it would make one series or field too many, ``time-taken`` when another
                message has one of its times. Nothing is remembered of it then.
        """
        if type(message) is Telemetry:
            fields, times = tuple(message.values), message.t
        else:
            fields, times = _counters(message), list(message.times)
        found = self._series.get((address, kind))
        if (
            found is not None
            and len(times) == 1
            and times[0] > found.newest
            and fields == found.fields
            and message.boot == found.boot
        ):  # what nearly every message is, written out for its speed
            found.newest = times[0]
            found.times.append(times[0])
            found.names.append(found.base + message.seq)
            if len(found.times) > self._most:
                found.forget(self._keep)
            return False
        series = found or self._new(address, kind)
        grown = None if fields == series.fields else self._grown(kind, fields)
        again = False
        if times:
            try:
                again = series.take(times, series.name(message.boot, message.seq), self._keep)
            except ContractError:
                self.times_taken += 1
                raise
        if grown is not None:
            self._fields[kind] = grown
            series.fields = self._shape(fields)
        if found is None:
            self._add(address, kind, series)
        return again

    def known(self) -> Known:
        """What is known, to be kept."""
        series = [(*address.levels, kind) for address, kind in list(self._series)]
        return Known(series=series, fields={kind: sorted(names) for kind, names in list(self._fields.items())})

    def restore(self, known: Known) -> None:
        """Go on from what was kept; all of it counts, be it more than the caps allow by now.

        Raises:
            ContractError: ``bad-address``: it was not made by ``known``. What came before it is restored.
        """
        for *levels, kind in known.series:
            key = (Address(*levels), kind)
            if key not in self._series:
                self._add(*key, _Series())
        for kind, names in known.fields.items():
            self._fields[kind] = self._fields.get(kind, set()) | set(names)

    def _new(self, address: Address, kind: str) -> _Series:
        if len(self._series) >= self.max_series:
            raise self._refusal(f"{kind} of {address.path} would be one series more than {self.max_series}")
        return _Series()

    def _add(self, address: Address, kind: str, series: _Series) -> None:
        self._series[address, kind] = series
        self._keep = min(self._rows, max(FEWEST_ROWS, ROWS_IN_ALL // len(self._series)))
        self._most = _most(self._keep)

    def _grown(self, kind: str, fields: tuple[str, ...]) -> set[str]:
        """The field names of a kind together with these; the set that stands where none is new."""
        known = self._fields.get(kind, set())
        if known.issuperset(fields):
            return known
        grown = known.union(fields)
        if len(grown) > self.max_fields:
            new = next(name for name in fields if name not in known)
            raise self._refusal(f"{kind} would have more than {self.max_fields} field names with {new[:80]!r}")
        return grown

    def _shape(self, fields: tuple[str, ...]) -> tuple[str, ...]:
        """The same names as one object for all machines that are built alike."""
        if len(self._shapes) >= _SHAPES:
            self._shapes.clear()
        return self._shapes.setdefault(fields, fields)

    def _refusal(self, detail: str) -> ContractError:
        self.refused += 1
        return ContractError(CARDINALITY, f"{detail}; raise the cap, or find out who invents names")


def _most(keep: int) -> int:
    """How many times stand before they are cut to ``keep``: not at each, for what stands behind has to move."""
    return keep + keep // 2


def _counters(message: Message) -> tuple[str, ...]:
    """The field names that a message has chosen itself; every other kind has those of the contract."""
    if type(message) is Meter:
        return tuple(dict.fromkeys(name for row in message.rows for name in row.counters))
    return ()
