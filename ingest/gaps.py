"""Which messages are missing, by ``(address, boot, seq)``, while they come.

What it is: pure bookkeeping beside the stream of messages. ``seq`` counts up by one over all messages of an address
within a boot, from 1 (a will takes 0), so a number that is passed over is a message that is missing, until it comes.
Messages may come in any order and any number of times.
What it is not: the judge of what is lost. Of three kinds of holes the beginning or the middle is not known from the
messages alone: where a stream is joined in the middle of its boot, where a stream goes on after a restart of ours from
an older state, and where there was no room to keep its holes apart. They are ``unsure``, and the store is asked
(``gap_check.py``) before anybody is told.

The common case, the next message of a known stream, costs one look-up and one comparison.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import Any, Final

from contract import Address, ContractError
from ingest.ranges import Ranges, both, parse, text, union, without

_TRIES: Final = 64

Stream = tuple[Address, str]
"""Address and boot."""


@dataclass(frozen=True, slots=True)
class GapLimits:
    """How much is kept: streams, holes per stream, and holes in all."""

    streams: int = 50_000
    holes_per_stream: int = 100
    holes: int = 100_000


@dataclass(frozen=True, slots=True)
class Missing:
    """What is missing of one stream."""

    address: Address
    boot: str
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Totals:
    """What is known now.

    Attributes:
        streams: streams that are followed.
        missing: messages that have not come, known for sure.
        unsure: numbers of which only the store knows.
        healed: messages that were missing, or unsure, and came after all.
        forgotten: streams without holes that made room for others; when they speak again they are unsure.
        unfollowed: messages of streams for which there was no room at all.
    """

    streams: int
    missing: int
    unsure: int
    healed: int
    forgotten: int
    unfollowed: int


class _Doubt(IntEnum):
    """How sure it is that what has not come is missing."""

    NONE = 0  # the store has been asked
    LITTLE = 1  # the messages after it came
    MUCH = 2  # only the store knows


_SURE: Final = (_Doubt.NONE, _Doubt.LITTLE)


@dataclass(slots=True)
class _Hole:
    """Numbers from ``first`` to ``last`` that have not come."""

    first: int
    last: int
    since_s: float
    doubt: _Doubt


class _Known:
    """One stream: the greatest number known, the holes up to it, and whether it comes out of an older state."""

    __slots__ = ("holes", "old", "top")

    def __init__(self, top: int, holes: list[_Hole], old: bool) -> None:
        self.top = top
        self.holes = holes
        self.old = old


class Gaps:
    """Follows streams."""

    def __init__(self, limits: GapLimits | None = None) -> None:
        self._limits = limits or GapLimits()
        self._streams: dict[Stream, _Known] = {}
        self._holed: dict[Stream, _Known] = {}
        self._holes = self._healed = self._forgotten = self._unfollowed = 0

    def came(self, address: Address, boot: str, seq: int, now_s: float) -> bool:
        """A message has come; ``now_s`` is any clock that does not go back. Returns whether it surely came before.

        Of a will that is never sure, for the broker may say it again.
        """
        known = self._streams.get((address, boot))
        if known is not None and seq == known.top + 1:
            known.top = seq
            return False
        return seq > 0 and self._came((address, boot), known, seq, now_s)

    def upto(self, address: Address, boot: str, seq: int, now_s: float) -> None:
        """The publisher says that it has counted up to ``seq``: what of it has not come, only the store may know."""
        stream = (address, boot)
        known = self._streams.get(stream)
        if known is None and seq > 0 and self._has_room():
            known = self._streams[stream] = _Known(0, [], old=False)
        if known is not None and seq > known.top:
            self._dig(stream, known, _Hole(known.top + 1, seq, now_s, _Doubt.MUCH))
            known.top = seq

    def missing(self, now_s: float, grace_s: float) -> list[Missing]:
        """What has surely been missing for longer than the grace, in seconds."""
        return self._list(now_s, grace_s, _SURE)

    def unsure(self, now_s: float, grace_s: float) -> list[Missing]:
        """What the store must be asked for, as it has not come for longer than the grace."""
        return self._list(now_s, grace_s, (_Doubt.MUCH,))

    def unconfirmed(self, now_s: float, grace_s: float) -> list[Missing]:
        """What the store has not been asked for, unsure or not, as it has not come for longer than the grace."""
        return self._list(now_s, grace_s, (_Doubt.LITTLE, _Doubt.MUCH))

    def settle(self, address: Address, boot: str, asked: Ranges, absent: Ranges) -> None:
        """Take over what the store answered: of what was ``asked``, only ``absent`` is missing, and that for sure."""
        known = self._holed.get((address, boot))
        if known is None:
            return
        holes = [left for hole in known.holes for left in _answered(hole, asked, absent)]
        if len(holes) > max(self._limits.holes_per_stream, len(known.holes)):
            return  # no room for the answer: what is unsure stays so, and is asked again
        self._holes -= len(known.holes)
        self._put((address, boot), known, holes)

    @property
    def totals(self) -> Totals:
        """What is known now."""
        sizes = [0, 0]
        for known in self._holed.values():
            for hole in known.holes:
                sizes[hole.doubt is _Doubt.MUCH] += hole.last - hole.first + 1
        missing, unsure = sizes
        return Totals(len(self._streams), missing, unsure, self._healed, self._forgotten, self._unfollowed)

    def state(self) -> list[list[Any]]:
        """Everything as plain data: ``[path, boot, top, missing, unsure]`` per stream, ranges as text."""
        return [
            [address.path, boot, known.top, *(text(_ranges(known.holes, doubts)) for doubts in (_SURE, (_Doubt.MUCH,)))]
            for (address, boot), known in self._streams.items()
        ]

    @classmethod
    def from_state(cls, state: Any, now_s: float, limits: GapLimits | None = None) -> Gaps:
        """Go on from a state; holes are as old as ``now_s``.

        The first hole above a stream's newest number is unsure: what came after the state was taken is not in it.

        Raises:
            ValueError: it is no such state.
        """
        gaps = cls(limits)
        try:
            for path, boot, top, missing, unsure in state:
                parts = ((missing, _Doubt.LITTLE), (unsure, _Doubt.MUCH))
                pairs = [(first, last, doubt) for written, doubt in parts for first, last in parse(written)]
                holes = [_Hole(first, last, now_s, doubt) for first, last, doubt in sorted(pairs)]
                if type(top) is not int or type(boot) is not str or not _fit(holes, top):
                    raise ValueError(f"stream {str(path)[:200]!r} does not fit together")
                known = _Known(top, [], old=True)
                gaps._streams[Address.parse(path), boot] = known
                gaps._put((Address.parse(path), boot), known, holes)
        except (TypeError, AttributeError, ContractError) as error:
            raise ValueError(f"no state of gaps: {str(error)[:200]}") from None
        return gaps

    def _came(self, stream: Stream, known: _Known | None, seq: int, now_s: float) -> bool:
        """Anything but the next message of a known stream; returns whether it has certainly come before."""
        if known is not None and seq <= known.top:
            return self._fill(stream, known, seq)
        if known is not None:
            doubt = _Doubt.MUCH if known.old else _Doubt.LITTLE
            self._dig(stream, known, _Hole(known.top + 1, seq - 1, now_s, doubt))
            known.top, known.old = seq, False
        elif self._has_room():
            known = self._streams[stream] = _Known(seq, [], old=False)
            if seq > 1:
                self._dig(stream, known, _Hole(1, seq - 1, now_s, _Doubt.MUCH))
        else:
            self._unfollowed += 1
        return False

    def _dig(self, stream: Stream, known: _Known, hole: _Hole) -> None:
        """Note a hole above all others; without room it becomes one with the one before, and both unsure."""
        holes = known.holes
        if holes and (len(holes) >= self._limits.holes_per_stream or self._holes >= self._limits.holes):
            holes[-1].last, holes[-1].doubt = hole.last, _Doubt.MUCH
            return
        holes.append(hole)
        self._holes += 1
        self._holed[stream] = known

    def _fill(self, stream: Stream, known: _Known, seq: int) -> bool:
        """Take a number out of its hole; returns whether it was in none."""
        at = bisect_right(known.holes, seq, key=attrgetter("first")) - 1
        if at < 0 or known.holes[at].last < seq:
            return True
        hole = known.holes[at]
        self._healed += 1
        if hole.first == hole.last:
            del known.holes[at]
            self._holes -= 1
            if not known.holes:
                del self._holed[stream]
        elif seq == hole.first:
            hole.first += 1
        elif seq == hole.last:
            hole.last -= 1
        elif len(known.holes) >= self._limits.holes_per_stream or self._holes >= self._limits.holes:
            hole.doubt = _Doubt.MUCH  # no room for two: the store knows that this one is there
            self._healed -= 1
        else:
            known.holes.insert(at + 1, _Hole(seq + 1, hole.last, hole.since_s, hole.doubt))
            hole.last = seq - 1
            self._holes += 1
        return False

    def _put(self, stream: Stream, known: _Known, holes: list[_Hole]) -> None:
        known.holes = holes
        self._holes += len(holes)
        if holes:
            self._holed[stream] = known
        else:
            self._holed.pop(stream, None)

    def _has_room(self) -> bool:
        """Whether one more stream may be kept; the ones that were met first and have no hole make room."""
        for _ in range(min(_TRIES, len(self._streams))):
            if len(self._streams) < self._limits.streams:
                return True
            oldest = next(iter(self._streams))
            known = self._streams.pop(oldest)
            if known.holes:
                self._streams[oldest] = known  # to the end: the next try looks at another one
            else:
                self._forgotten += 1
        return len(self._streams) < self._limits.streams

    def _list(self, now_s: float, grace_s: float, doubts: Collection[_Doubt]) -> list[Missing]:
        found = []
        for (address, boot), known in self._holed.items():
            due = [hole for hole in known.holes if now_s - hole.since_s > grace_s]
            if ranges := _ranges(due, doubts):
                found.append(Missing(address, boot, ranges))
        return found


def _ranges(holes: Iterable[_Hole], doubts: Collection[_Doubt]) -> Ranges:
    return union((hole.first, hole.last) for hole in holes if hole.doubt in doubts)


def _answered(hole: _Hole, asked: Ranges, absent: Ranges) -> list[_Hole]:
    """What is left of a hole: what was not asked, as it was, and what was asked and is absent, for sure."""
    whole = ((hole.first, hole.last),)
    left = [(first, last, hole.doubt) for first, last in without(whole, asked)]
    left += [(first, last, _Doubt.NONE) for first, last in both(both(whole, asked), absent)]
    return [_Hole(first, last, hole.since_s, doubt) for first, last, doubt in sorted(left)]


def _fit(holes: list[_Hole], top: int) -> bool:
    """Whether holes stand apart and in order, from 1 on and up to the newest number."""
    end = 0
    for hole in holes:
        if hole.first <= end:
            return False
        end = hole.last
    return end <= top
