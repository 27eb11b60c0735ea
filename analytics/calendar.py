"""Windows as people count them: hours, shifts and days of a place's own clock.

What it is: the bounds at which a range of event time is cut, for any IANA time zone, over clock changes.
What it is not: working hours; what lies outside the shifts says the machines' state.

A day that the clock lengthens has 25 hours, one that it shortens 23. A time of day that the clock skips is taken at the
moment of the change, one that it repeats at the first of the two.

>>> from zoneinfo import ZoneInfo
>>> shanghai = ZoneInfo("Asia/Shanghai")
>>> [t // 10**9 for t in cuts(0, 2 * 86_400 * 10**9, shanghai, ("00:00",))]
[0, 57600, 144000, 172800]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

SECOND_NS: Final = 10**9
DAYS: Final = ("00:00",)
HOURS: Final = tuple(f"{hour:02}:00" for hour in range(24))
_HALF_A_DAY_S: Final = 43_200
_TIME: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def times_of_day(text: str) -> tuple[str, ...]:
    """The times at which shifts begin, ``06:00,14:00,22:00``, in order.

    Raises:
        ValueError: says what is wrong.
    """
    found = tuple(sorted(part.strip() for part in text.split(",")))
    for one in found:
        if not _TIME.fullmatch(one):
            raise ValueError(f"{one[:40]!r} is no time of day; write HH:MM, such as 06:00,14:00,22:00")
    if len(set(found)) != len(found):
        raise ValueError(f"{text[:80]!r} names a time twice")
    return found


def cuts(start_ns: int, end_ns: int, zone: ZoneInfo, times: Sequence[str]) -> list[int]:
    """The range with the moments at which the local clock shows one of ``times``; strictly increasing, ends included.

    Args:
        start_ns: the first bound.
        end_ns: the last, later than the first.
        zone: whose clock.
        times: of the day, as ``times_of_day`` gives them.

    Raises:
        ValueError: the range is empty.
    """
    if end_ns <= start_ns:
        raise ValueError(f"the range ends at {end_ns} and begins at {start_ns}")
    clock = [time.fromisoformat(text) for text in times]
    day = datetime.fromtimestamp(start_ns // SECOND_NS, zone).date()
    last = datetime.fromtimestamp(end_ns // SECOND_NS, zone).date()
    found = {start_ns, end_ns}
    while day <= last:
        found |= {moment for one in clock if start_ns < (moment := _moment_ns(day, one, zone)) < end_ns}
        day += timedelta(days=1)
    return sorted(found)


def _moment_ns(day: date, clock: time, zone: ZoneInfo) -> int:
    local = datetime.combine(day, clock, zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):  # the clock skips it
        near_s = int(moment.timestamp())
        return change_s(zone, near_s - _HALF_A_DAY_S, near_s + _HALF_A_DAY_S) * SECOND_NS
    return int(moment.timestamp()) * SECOND_NS


def change_s(zone: ZoneInfo, before_s: int, after_s: int) -> int:
    """The first second of another offset from UTC, between two seconds whose offsets differ."""
    offset = datetime.fromtimestamp(before_s, zone).utcoffset()
    while after_s - before_s > 1:
        middle = (before_s + after_s) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            before_s = middle
        else:
            after_s = middle
    return after_s
