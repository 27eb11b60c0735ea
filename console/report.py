"""``qilu report``: what a plant made, lost and spent in a range of time.

What it is: the command: which store, which range, how it is cut, and the pages that ``report_text.py`` makes of it.
What it is not: a computation: every figure is that of ``analytics.compute`` over the stored events.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from analytics.calendar import DAYS, HOURS, cuts, times_of_day
from analytics.compute import births, compute
from analytics.report import Entry, entries
from analytics.rollup import LEVELS
from console.asked_range import asked_range
from console.gaps import store_of
from console.report_html import as_html
from console.report_text import as_csv, as_document, as_table
from console.shown import as_json
from console.terminal import Bar
from contract import ConfigError, LinkError, WriteError
from historian import Historian, open_store
from service import configure_logging

TIMES: Final = ("hour", "shift", "day")
_DAY_NS: Final = 86_400 * 10**9
_MOST_WINDOWS: Final = 20_000
"""More than two years of hours: what comes after that is a mistake, and would take all memory."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a report is cut: by which places, at which times of day of which clock, under which profile."""

    level: str
    times: tuple[str, ...]
    zone: ZoneInfo
    profile: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; ``entries`` by window and place, ``whole`` the same places over the whole range."""

    store: str
    wanted: Wanted
    until_ns: int
    entries: list[Entry]
    whole: list[Entry]


def run_report(options: argparse.Namespace) -> int:
    """The command; 0, or 2 with an error."""
    configure_logging("ERROR")
    level, cut = words(options.by)
    times = _times(cut, options.shifts)
    place = store_of(options)

    async def main() -> Report:
        async with open_store(place.url, place.token()) as store:
            zone = await _zone(store, options.timezone)
            wanted = Wanted(level, times, zone, options.profile)
            start_ns, end_ns = await asked_range(store, options)
            bounds = _bounds(start_ns, end_ns, wanted)
            with closing(Bar("report")) as bar:
                results = await compute(store, bounds, uses=True, offload=asyncio.to_thread, progress=bar.show)
            found = entries(results, level)
            return Report(place.url, wanted, results.until_ns, found, entries(results, level, whole=True))

    try:
        report = asyncio.run(main())
    except WriteError as error:
        raise LinkError(f"the store does not answer: {error}") from None
    if options.json or options.format == "json":
        print(as_json(as_document(report)))
    else:
        print({"csv": as_csv, "html": as_html, "table": as_table}[options.format](report), end="")
    return 0


def words(text: str) -> tuple[str, str | None]:
    """Place and time of ``--by``; raises ConfigError.

    >>> words("machine,day"), words("hour"), words("site")
    (('machine', 'day'), ('line', 'hour'), ('site', None))
    """
    levels: list[str] = []
    times: list[str] = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word not in LEVELS and word not in TIMES:
            raise ConfigError(f"--by: {word[:40]!r} is none of {', '.join((*LEVELS, *TIMES))}")
        (levels if word in LEVELS else times).append(word)
    if len(levels) > 1 or len(times) > 1:
        raise ConfigError(f"--by: name one place and one time at most, not {text[:80]}")
    return (levels[0] if levels else "line"), (times[0] if times else None)


def _times(cut: str | None, shifts: str | None) -> tuple[str, ...]:
    if (cut == "shift") != (shifts is not None):
        raise ConfigError("--by shift and --shifts go together: --by shift --shifts 06:00,14:00,22:00")
    if shifts is not None:
        try:
            return times_of_day(shifts)
        except ValueError as error:
            raise ConfigError(f"--shifts: {error}") from None
    return {"hour": HOURS, "day": DAYS, None: ()}[cut]


def _bounds(start_ns: int, end_ns: int, wanted: Wanted) -> list[int]:
    windows = len(wanted.times) * (end_ns - start_ns) // _DAY_NS
    if windows > _MOST_WINDOWS:
        raise ConfigError(f"that is about {windows:,} windows, of at most {_MOST_WINDOWS:,}; see --from, --to and --by")
    return cuts(start_ns, end_ns, wanted.zone, wanted.times)


async def _zone(store: Historian, name: str | None) -> ZoneInfo:
    """The zone that was named, or that of the plant's tariff, or UTC."""
    if name is None:
        return ZoneInfo(await _plants_zone(store) or "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"--timezone: no time zone {name[:80]!r}; IANA names are such as Asia/Shanghai") from None


async def _plants_zone(store: Historian) -> str | None:
    zones = [b.economics.tariff.timezone for b in await births(store) if b.economics and b.economics.tariff]
    return min(zones, default=None)
