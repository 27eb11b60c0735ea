"""Which tier of a time-of-use tariff is in force when.

What it is: the local calendar of ``contract.Tariff`` laid on event time: the band at a moment, and the changes of band
in a range, through month ends and clock changes.
What it is not: a price; ``analytics/cost.py`` multiplies.

Standard: IANA time zones (``zoneinfo``). An hour that the clock repeats has the band of its name both times; one that
it skips is never in force.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from analytics.calendar import SECOND_NS, change_s
from contract import Tariff

_HOUR_S: Final = 3600


def band_code(tariff: Tariff, moment_ns: int) -> str:
    """The code of the band in force at ``moment_ns``."""
    return _code_at(tariff, ZoneInfo(tariff.timezone), moment_ns // SECOND_NS)


def band_changes(tariff: Tariff, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
    """The band in force at ``start_ns``, and every change before ``end_ns``: ``(since, code)`` in order."""
    zone = ZoneInfo(tariff.timezone)
    moment_s = start_ns // SECOND_NS
    changes = [(start_ns, _code_at(tariff, zone, moment_s))]
    while (moment_s := _next_local_hour(zone, moment_s)) * SECOND_NS < end_ns:
        code = _code_at(tariff, zone, moment_s)
        if code != changes[-1][1]:
            changes.append((moment_s * SECOND_NS, code))
    return changes


def _code_at(tariff: Tariff, zone: ZoneInfo, moment_s: int) -> str:
    local = datetime.fromtimestamp(moment_s, zone)
    return tariff.hours[local.month - 1][local.hour]


def _offset_s(zone: ZoneInfo, moment_s: int) -> float:
    offset = datetime.fromtimestamp(moment_s, zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def _next_local_hour(zone: ZoneInfo, moment_s: int) -> int:
    """The next moment at which the local hour may change: a full hour of the local clock, or a clock change."""
    offset = _offset_s(zone, moment_s)
    next_s = moment_s + _HOUR_S - int(moment_s + offset) % _HOUR_S
    return next_s if _offset_s(zone, next_s) == offset else change_s(zone, moment_s, next_s)
