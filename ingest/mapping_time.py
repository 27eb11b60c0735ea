"""Event times of foreign devices, as ns since 1970-01-01 UTC.

What it is: ISO 8601 text with or without a zone, and counts since 1970, read exactly to the nanosecond.
What it is not: a clock. The time of receipt is handed in, and serves where a local time comes twice, in autumn.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contract import ContractError
from ingest.mapping_file import TimeFormat
from ingest.mapping_values import number
from service.strict_yaml import shown

SECOND_NS: Final = 10**9
DAY_NS: Final = 86_400 * SECOND_NS
FIRST_NS: Final = 946_684_800 * SECOND_NS
"""2000-01-01. A clock that has not been set counts from 1970, and says nothing about when something was."""
LAST_NS: Final = 7_258_118_400 * SECOND_NS
"""2200-01-01. Stores hold times up to 2261."""
UNITS: Final = {"unix_s": SECOND_NS, "unix_ms": 10**6, "unix_us": 1000, "unix_ns": 1}

_ISO: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9})[0-9]{0,9})?)?"
    r"(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"no time zone {shown(name)}; write an IANA name such as Europe/Berlin") from None


def event_time_ns(value: Any, form: TimeFormat, zone: ZoneInfo | None, received_ns: int) -> int:
    """When it was.

    Args:
        value: what stands in the payload.
        form: how it is written.
        zone: that of local times; None: a time must name its own.
        received_ns: when the message came.

    Raises:
        ContractError: ``bad-time``: no such time, or one before 2000 or after 2199.
    """
    try:
        t_ns = _iso_ns(value, zone, received_ns) if form == "iso" else _count_ns(value, UNITS[form])
    except ContractError as error:
        raise ContractError("bad-time", error.detail) from None
    if t_ns < FIRST_NS:
        raise ContractError("bad-time", f"{shown(str(value))} is before 2000: is the device's clock set?")
    if t_ns >= LAST_NS:
        raise ContractError("bad-time", f"{shown(str(value))} is after 2199: is the format right?")
    return t_ns


def _count_ns(value: Any, unit_ns: int) -> int:
    exact = number(value, text=isinstance(value, str), what="time")
    return int(exact * unit_ns) if exact.adjusted() < 30 else LAST_NS


def _iso_ns(value: Any, zone: ZoneInfo | None, received_ns: int) -> int:
    match = _ISO.fullmatch(value) if isinstance(value, str) and len(value) <= 64 else None
    if match is None:
        raise ContractError("bad-time", f"expected a time such as 2026-11-22T09:15:10Z, found {shown(value)}")
    year, month, day, hour, minute = (int(match[group]) for group in range(1, 6))
    fraction_ns = int((match[7] or "").ljust(9, "0"))
    try:
        local = datetime(year, month, day, hour, minute, int(match[6] or 0))  # its zone comes below
        if match[8]:
            moment = local.replace(tzinfo=_offset(match[8]))
        elif zone is None:
            raise ContractError("bad-time", f"{value!r} names no zone; say `timezone` in the mapping")
        else:
            moment = _in_zone(local, zone, received_ns)
        since = moment.astimezone(UTC) - _EPOCH
    except (ValueError, OverflowError) as error:
        raise ContractError("bad-time", f"{value!r} is no time: {error}") from None
    return (since.days * 86_400 + since.seconds) * SECOND_NS + fraction_ns


def _offset(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].removeprefix(":") or 0)
    if minutes > 59:
        raise ValueError(f"no offset {text}")
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _in_zone(local: datetime, zone: ZoneInfo, received_ns: int) -> datetime:
    """The moment of a local time: of the two in the hour that comes twice, the one nearer to the receipt."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
        raise ContractError("bad-time", f"{local.isoformat()} does not exist in {zone.key}: clocks went forward")
    if first.utcoffset() == second.utcoffset():
        return first
    received = _EPOCH + timedelta(microseconds=received_ns // 1000)
    return min(first, second, key=lambda moment: abs(moment.astimezone(UTC) - received))
