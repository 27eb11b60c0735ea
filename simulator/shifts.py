"""When a line is open: shifts, working days and breaks on the clock of the tariff's zone, as times in ns.

What it is: pure. Shifts may pass midnight and overlap; where clocks are changed they keep to the clock on the wall.
What it is not: what a machine does when its line closes (the kernel).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from contract import Tariff
from simulator import sector_model as model
from simulator.plant import MINUTE_NS, SECOND_NS

Span = tuple[int, int]


def toggles(calendar: model.Calendar, tariff: Tariff, start_ns: int, horizon_ns: int) -> Iterator[int]:
    """When the shifts close and open in turn, from the start on; empty where work never stops.

    A line that is closed at the start closes at the start; one that is closed at the horizon opens there.
    """
    if not calendar.shifts:
        return
    open_until = start_ns
    spans = (
        span for shift in _shifts(calendar, tariff, start_ns, horizon_ns) for span in shift if span[0] < horizon_ns
    )
    for begin, end in sorted(spans):
        if end <= max(begin, start_ns):  # over already, or not there on the day on which clocks go forward
            continue
        if begin > open_until:
            yield open_until
            yield begin
        open_until = max(open_until, end)
    if open_until < horizon_ns:
        yield open_until
        yield horizon_ns


def break_times(calendar: model.Calendar, tariff: Tariff, start_ns: int, horizon_ns: int) -> frozenset[int]:
    """When breaks begin: these closings lie within the planned time, all others end it."""
    shifts = _shifts(calendar, tariff, start_ns, horizon_ns)
    return frozenset(before[1] for before, after in shifts if before[1] < after[0])


def _shifts(calendar: model.Calendar, tariff: Tariff, start_ns: int, horizon_ns: int) -> Iterator[tuple[Span, Span]]:
    """The two halves of each shift that begins before the horizon; a break may outlast the next shift's beginning."""
    zone = ZoneInfo(tariff.timezone)
    day = datetime.fromtimestamp(start_ns // SECOND_NS, zone).date() - timedelta(days=1)
    shifts = sorted(calendar.shifts, key=lambda shift: shift.start_h)
    while shifts:
        if day.isoweekday() in calendar.days:
            for shift in shifts:
                begin = _local_ns(day, shift.start_h, zone)
                if begin >= horizon_ns:
                    return
                end = _local_ns(day, shift.start_h + shift.hours, zone)
                rest = min(round(shift.break_min * MINUTE_NS), max(0, end - begin))
                middle = begin + (end - begin - rest) // 2
                yield (begin, middle), (middle + rest, end)
        elif _local_ns(day, 0.0, zone) >= horizon_ns:
            return
        day += timedelta(days=1)


def _local_ns(day: date, hour: float, zone: ZoneInfo) -> int:
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=hour)
    return round(local.timestamp()) * SECOND_NS
