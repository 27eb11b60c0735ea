"""Lengths and moments of time as people write them, in ns.

What it is: two strict readers of short text, exact to the nanosecond.
What it is not: a clock, nor a guess: a number without a unit is refused.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

SECOND_NS: Final = 1_000_000_000
UNITS: Final = {"d": 86_400 * SECOND_NS, "h": 3600 * SECOND_NS, "m": 60 * SECOND_NS, "s": SECOND_NS, "ms": 1_000_000}
"""The units of a duration, the longest first; ``m`` is a minute."""
LONGEST_NS: Final = 3660 * UNITS["d"]
"""Ten years."""
LAST_YEAR: Final = 2200
"""Of a moment: historians take times to the end of 2261, and a run goes on from its start."""
MAX_CHARS: Final = 40

_PART: Final = r"[0-9]{1,10}(?:\.[0-9]{1,9})?"
_DURATION: Final = re.compile("".join(f"(?:({_PART}){unit})?" for unit in UNITS))
_OFFSET: Final = re.compile(r"-?[0-9]{1,10}(?:\.[0-9]{1,9})?(?:d|h|m|s)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def duration_ns(text: str) -> int:
    """A duration in ns: numbers with units from day to millisecond, the longest first, each once.

    Raises:
        ValueError: another text, or more than ten years.

    >>> duration_ns("1d12h") // UNITS["h"], duration_ns("1.5h") // UNITS["m"]
    (36, 90)
    >>> duration_ns("90")
    Traceback (most recent call last):
    ValueError: expected a duration such as 30d, 1d12h, 90m or 2.5s, found '90'
    """
    match = _DURATION.fullmatch(text) if 0 < len(text) <= MAX_CHARS else None
    if match is None:
        raise ValueError(f"expected a duration such as 30d, 1d12h, 90m or 2.5s, found {_shown(text)}")
    parts = zip(match.groups(), UNITS.values(), strict=True)
    total = round(sum(Fraction(number) * unit for number, unit in parts if number is not None))
    if total > LONGEST_NS:
        raise ValueError(f"expected a duration of at most ten years (3660d), found {_shown(text)}")
    return total


def moment_ns(text: str) -> int:
    """An ISO 8601 date or time in ns since 1970; UTC where it names no zone.

    Raises:
        ValueError: another text, or a time before 1970 or after ``LAST_YEAR``.

    >>> moment_ns("1970-01-01T08:00:01+08:00")
    1000000000
    """
    try:
        moment = datetime.fromisoformat(text if len(text) <= MAX_CHARS else "")
    except ValueError:
        raise ValueError(f"expected an ISO 8601 time such as 2026-01-01T00:00:00Z, found {_shown(text)}") from None
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    if since.days < 0 or moment.year > LAST_YEAR:
        raise ValueError(f"expected a time from 1970 to {LAST_YEAR}, found {_shown(text)}")
    return (since.days * 86_400 + since.seconds) * SECOND_NS + since.microseconds * 1000


def start_ns(text: str, zero_ns: int) -> int:
    """When something begins: an offset from ``zero_ns`` (``2h``, ``-30m``), or an ISO 8601 time.

    Raises:
        ValueError: neither of them.
    """
    if is_offset(text):
        early = text.startswith("-")
        length_ns = duration_ns(text[early:])
        return zero_ns - length_ns if early else zero_ns + length_ns
    try:
        return moment_ns(text)
    except ValueError:
        raise ValueError(f"expected an offset such as 2h or -30m, or an ISO 8601 time, found {_shown(text)}") from None


def is_offset(text: str) -> bool:
    """Whether the text is meant as an offset, and not as a date.

    >>> is_offset("-1h30m"), is_offset("2026-11-22")
    (True, False)
    """
    return _OFFSET.match(text) is not None


def _shown(text: str) -> str:
    return repr(text) if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]!r}…"
