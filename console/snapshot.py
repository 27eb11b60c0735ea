"""From what the historian holds to what the page shows.

What it is: pure functions. ``Seen`` is everything that was read, and every figure of the page follows from it.
What it is not: the reading itself (``console/watch.py``) or the serving (``console/web.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from console.figures import Sums, add, figures, serial_oee
from console.page_data import (
    MS,
    Board,
    Event,
    Flow,
    Headline,
    History,
    LineTrack,
    Pipeline,
    StepRow,
    Tile,
    Track,
)
from console.roster import Line, Member, Row, by_line, main_line
from console.seen import WINDOW_NS, Levels, Seen, newest_hour
from console.stops import HOUR_NS, WORTH_TELLING, Stop, costs_of, merged, stops

EVENTS: Final = 40


class LineEntry(Struct, frozen=True, kw_only=True):
    """One line to choose: its four levels from the enterprise down, its machines, and how many are stopped now."""

    place: list[str]
    machines: int
    stopped: int


def lines(seen: Seen) -> list[LineEntry]:
    """Every line that has a machine, by name; stopped are those with a stop worth telling that lasts."""
    return [
        LineEntry(place=list(place), machines=len(found), stopped=sum(_is_stopped(seen, member) for member in found))
        for place, found in by_line(seen.members).items()
    ]


def _is_stopped(seen: Seen, member: Member) -> bool:
    states = seen.states.get(member.levels, ())
    return member.alive and len(states) > 0 and states[-1].look in WORTH_TELLING


def board(seen: Seen, pipeline: Pipeline, problem: str | None = None, wanted: Levels | None = None) -> Board:
    """The present of the line at ``wanted`` (see ``main_line``) as the page shows it."""
    line = main_line(seen.members, wanted)
    now_ns = pipeline.get("plant_now_ns") or None  # 0: the plant has not begun
    speed = pipeline.get("speed", 1.0)
    frontier = max((seen.heard_ns(m) for m in line.members if m.alive), default=0) if line else 0
    patience = _patience_ns(speed)
    silent_before = 0 if pipeline.get("phase") == "history" else frontier - patience  # it comes machine by machine
    machines = {m.levels: m for m in line.members} if line else {}
    found = stops({levels: seen.states.get(levels, ()) for levels in machines})
    tariffs = [m.birth.economics for m in line.members if m.birth.economics] if line else []
    zones = [money.tariff.timezone for money in tariffs if money.tariff]
    behind = now_ns - frontier if now_ns and frontier and now_ns - frontier > patience else None
    return Board(
        now_ms=None if now_ns is None else now_ns // MS,
        speed=None if speed is None or speed == float("inf") else speed,
        phase=pipeline.get("phase"),
        zone=zones[0] if zones else None,
        place=list(line.place) if line else [],
        currency=tariffs[0].currency if tariffs else None,
        problem=problem,
        flow=Flow(
            connected=pipeline.get("connected"),
            sent=pipeline.get("sent"),
            stored=pipeline.get("written"),
            dead_letters=pipeline.get("dead_lettered"),
            lost=pipeline.get("lost"),
            lag_ms=pipeline.get("lag_ms"),
            behind_ms=None if behind is None else behind // MS,
        ),
        headline=_headline(seen, line, now_ns, patience),
        steps=_steps(seen, line, silent_before) if line else [],
        events=_events(machines, (stop for stop in found if not stop.short), now_ns or frontier),
        short_stops=sum(stop.short for stop in found),
    )


def history(seen: Seen, hours: int, wanted: Levels | None = None) -> History:
    """The whole hours behind the sparklines of the line at ``wanted``, up to the newest that is complete."""
    line = main_line(seen.members, wanted)
    place = line.place if line else ()
    ends = [start + HOUR_NS for start, window in seen.hours.get(place, {}).items() if _complete(start, window)]
    end_ns = max(ends, default=None)
    slots = [] if end_ns is None else range(end_ns - hours * HOUR_NS, end_ns, HOUR_NS)

    def track(levels: Levels, name: str, scale: float = 1.0) -> list[float | None]:
        found = seen.hours.get(levels, {})
        return [_scaled(found[slot].get(name), scale) if slot in found else None for slot in slots]

    def day(levels: Levels) -> Sums:
        found = seen.hours.get(levels, {})
        return add(found[slot] for slot in slots if slot in found)

    machines_day = {m.levels: day(m.levels) for m in line.members} if line else {}
    machines = {
        m.address.path: Track(oee=track(m.levels, "oee"), unit_cost=track(m.levels, "unit_cost"))
        for m in (line.members if line else ())
    }
    return History(
        end_ms=None if end_ns is None else end_ns // MS,
        hours=hours,
        day=figures(day(place), whole_line=True, serial_oee=serial_oee(line, machines_day)),
        line=LineTrack(
            line_oee=track(place, "line_oee"),
            oee=track(place, "oee"),
            availability=track(place, "availability"),
            effectiveness=track(place, "effectiveness"),
            quality=track(place, "quality_ratio"),
            unit_cost=track(place, "unit_cost"),
            units=track(place, "sellable"),
            energy_kwh=track(place, "energy_wh", 0.001),
        ),
        machines=machines,
    )


def _headline(seen: Seen, line: Line | None, now_ns: int | None, patience_ns: int) -> Headline:
    place = line.place if line else ()
    hour = newest_hour(seen.five, place)
    until = max((u for w in hour.values() if isinstance(u := w.get("until_ns"), int)), default=None)
    machines = {m.levels: add(newest_hour(seen.five, m.levels).values()) for m in line.members} if line else {}
    return Headline(
        until_ms=None if until is None else until // MS,
        late=until is not None and now_ns is not None and now_ns - until > patience_ns + WINDOW_NS,
        line=figures(add(hour.values()), whole_line=True, serial_oee=serial_oee(line, machines)),
        site=figures(add(newest_hour(seen.five, place[:2]).values()), whole_line=True),
    )


def _steps(seen: Seen, line: Line, silent_before_ns: int) -> list[StepRow]:
    return [
        StepRow(
            name=step.name,
            pace_ms=step.pace_ns / MS if step.pace_ns else None,
            constraint=step is line.constraint,
            tiles=[_tile(seen, member, silent_before_ns) for member in step.members],
        )
        for step in line.steps
    ]


def _tile(seen: Seen, member: Member, silent_before_ns: int) -> Tile:
    states = merged(seen.states.get(member.levels, ()))
    now = states[-1] if states else None
    heard = seen.heard_ns(member)
    silent = not member.alive or heard < silent_before_ns
    found = figures(add(newest_hour(seen.five, member.levels).values()), whole_line=False)
    return Tile(
        path=member.address.path,
        name=member.address.machine,
        look="off" if not member.alive else "unknown" if now is None else now.look,
        state=now.state if now else None,
        reason=now.reason if now else None,
        cause=now.cause if now else None,
        order=now.order if now else None,
        since_ms=now.t_ns // MS if now else None,
        silent_since_ms=heard // MS if silent else None,
        oee=found.oee,
        unit_cost=found.unit_cost,
    )


def _events(members: Mapping[Levels, Member], told: Iterable[Stop], now_ns: int) -> list[Event]:
    """Those that last first, then the others; the newest first in both."""
    events = []
    for stop in sorted(told, key=lambda stop: stop.end_ns is not None)[:EVENTS]:
        member = members[stop.levels]
        end_ns = stop.end_ns or (now_ns if member.alive else None)
        lasts = stop.end_ns is None and member.alive
        shown = stop.now if lasts else stop.entered
        units, cost = (None, None) if end_ns is None else costs_of(member, max(0, end_ns - stop.entered.t_ns))
        events.append(
            Event(
                path=member.address.path,
                name=member.address.machine,
                look=shown.look,
                state=shown.state,
                reason=stop.entered.reason,
                cause=stop.entered.cause,
                start_ms=stop.entered.t_ns // MS,
                end_ms=None if stop.end_ns is None else stop.end_ns // MS,
                lasts=lasts,
                units=units,
                cost=cost,
            )
        )
    return events


def _patience_ns(speed: float | None) -> int:
    """How long a machine may be silent: three meter readings, and ten seconds of ours at the plant's speed."""
    pace = 1000.0 if speed is None or speed == float("inf") else max(speed, 1.0)
    return int((180 + 10 * pace) * 1_000_000_000)


def _complete(start_ns: int, window: Row) -> bool:
    until = window.get("until_ns")
    return isinstance(until, int) and until >= start_ns + HOUR_NS


def _scaled(value: object, scale: float) -> float | None:
    return value * scale if isinstance(value, (int, float)) else None
