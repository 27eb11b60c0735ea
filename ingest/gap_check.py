"""What the store has of the streams of messages, by ``_boot`` and ``_seq``.

What it is: reading, in pieces that fit into memory however long the history is. ``confirm`` asks for single numbers of
one stream, ``check`` for all that ``Gaps`` waits for, ``stored_streams`` reads everything.
What it is not: able to see what never had a point of its own. A point that another message has overwritten (same kind,
address and time, as when a history is published twice) bears the name of the newer one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import Final

from contract import KINDS, LEVELS, Address
from historian.base import Historian, Query, Table
from ingest.frames import BOOT, SEQ
from ingest.gaps import Gaps, Missing
from ingest.ranges import Ranges, ranges_of, union, without

ROWS: Final = 100_000
"""About so many rows are read at once; each takes some 200 bytes."""
_HOUR_NS: Final = 3600 * 10**9
_DAY_NS: Final = 24 * _HOUR_NS
_LEAST_SHARE: Final = 1e-4

Levels = tuple[str, ...]
Told = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class _Stored:
    """How many points of a kind the store has in each hour that has any, of all addresses, and where they end."""

    kind: str
    hours: Sequence[tuple[int, int]]
    end_ns: int


async def confirm(store: Historian, address: Address, boot: str, ranges: Ranges) -> Ranges:
    """Which of these numbers of a stream the store has not; raises RetryLater."""
    where = dict(zip(LEVELS, address.levels, strict=True))
    absent = ranges
    async with aclosing(_tables(store, where, None, None)) as tables:
        async for _, table in tables:
            rows = zip(table.fields[BOOT], table.fields[SEQ], strict=True)
            absent = without(absent, ranges_of({seq for of, seq in rows if of == boot and type(seq) is int}))
            if not absent:
                break
    return absent


async def check(gaps: Gaps, store: Historian, now_s: float, grace_s: float) -> list[Missing]:
    """What has been missing for longer than the grace, in seconds, and is not in the store either.

    ``gaps`` learns the answer, and the store is asked once for each number. Raises RetryLater; what was answered until
    then is learned.
    """
    found: dict[tuple[Address, str], Ranges] = {}
    for one in gaps.unconfirmed(now_s, grace_s):
        absent = await confirm(store, one.address, one.boot, one.ranges)
        gaps.settle(one.address, one.boot, one.ranges, absent)
        if absent:
            found[one.address, one.boot] = absent
    for one in gaps.missing(now_s, grace_s):
        found[one.address, one.boot] = union([*found.get((one.address, one.boot), ()), *one.ranges])
    return [Missing(address, boot, ranges) for (address, boot), ranges in found.items()]


async def stored_streams(
    store: Historian, start_ns: int | None = None, end_ns: int | None = None, told: Told = lambda _: None
) -> dict[tuple[Levels, str], Ranges]:
    """The numbers that the store has of each stream, by the levels of its address and its boot; wills are left out.

    Args:
        store: where to look.
        start_ns: only points from this time on.
        end_ns: only points before it.
        told: told how much is done, 0 to 1.

    Raises:
        RetryLater: the store does not answer.
    """
    found: dict[tuple[Levels, str], Ranges] = {}
    async for done, table in _tables(store, {}, start_ns, end_ns):
        for stream, numbers in _numbers(table).items():
            found[stream] = union([*found.get(stream, ()), *ranges_of(numbers)])
        told(done)
    return found


def holes(stored: Mapping[tuple[Levels, str], Ranges], *, from_first: bool) -> dict[tuple[Levels, str], Ranges]:
    """What is missing of each stream up to its greatest number: from 1 on, or from the first that is there.

    >>> holes({(("m",), "00"): ((2, 3), (5, 5))}, from_first=False)
    {(('m',), '00'): ((4, 4),)}
    """
    found = {}
    for stream, ranges in stored.items():
        begin = 1 if from_first else ranges[0][0]
        if missing := without(((begin, ranges[-1][1]),), ranges):
            found[stream] = missing
    return found


def _numbers(table: Table) -> dict[tuple[Levels, str], set[int]]:
    found: dict[tuple[Levels, str], set[int]] = {}
    levels = zip(*(table.tags[level] for level in LEVELS), strict=True)
    for of, boot, seq in zip(levels, table.fields[BOOT], table.fields[SEQ], strict=True):
        if type(seq) is int and seq > 0 and type(boot) is str:
            found.setdefault((of, boot), set()).add(seq)
    return found


async def _tables(
    store: Historian, where: Mapping[str, str], start_ns: int | None, end_ns: int | None
) -> AsyncGenerator[tuple[float, Table]]:
    """Everything in tables of about ``ROWS`` rows, kind by kind, and how much is done with each, 0 to 1.

    The store counts points of all addresses together; what share of them is asked for shows as they are read.
    """
    kinds = [await _stored(store, kind, where, start_ns, end_ns) for kind in KINDS]
    whole = sum(number for kind in kinds for _, number in kind.hours)
    done, share = 0, 1.0
    for kind in kinds:
        at = 0
        while at < len(kind.hours):
            upto = _fitting(kind.hours, at, share)
            points = sum(number for _, number in kind.hours[at:upto])
            first_ns = max(kind.hours[at][0], start_ns or 0)
            last_ns = min(kind.hours[upto - 1][0] + _HOUR_NS, kind.end_ns)
            done, rows = done + points, 0
            for start, end in _parts(first_ns, last_ns, ceil(points * share / ROWS)):
                table = await store.read(Query(kind.kind, (BOOT, SEQ), where, start, end))
                rows += len(table)
                yield done / whole, table
            if where:
                share = min(1.0, max(2 * rows / points, _LEAST_SHARE))
            at = upto


def _fitting(hours: Sequence[tuple[int, int]], at: int, share: float) -> int:
    """Up to which hour the rows fit into one table; one hour at least."""
    points = 0.0
    for upto in range(at, len(hours)):
        points += hours[upto][1] * share
        if points > ROWS and upto > at:
            return upto
    return len(hours)


def _parts(first_ns: int, last_ns: int, parts: int) -> list[tuple[int, int]]:
    """A span of time in equal parts."""
    edges = [first_ns + (last_ns - first_ns) * part // parts for part in range(parts)] + [last_ns]
    return list(pairwise(edges))


async def _stored(
    store: Historian, kind: str, where: Mapping[str, str], start_ns: int | None, end_ns: int | None
) -> _Stored:
    newest = await store.read(Query(kind, (SEQ,), where, start_ns, end_ns, last=True))
    if not len(newest):
        return _Stored(kind, (), 0)
    until_ns = max(newest.time_ns) + 1
    # By days first: an hour is a small window for a history that may begin anywhere since 1970.
    days = await store.count(kind, _DAY_NS, start_ns or 0, until_ns)
    hours = await store.count(kind, _HOUR_NS, max(min(days), start_ns or 0), until_ns) if days else {}
    return _Stored(kind, sorted(hours.items()), until_ns)
