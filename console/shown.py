r"""Text of strangers, fit for a terminal, and times as people write them on the command line.

What it is: what came from the wire or out of a file with everything escaped that a terminal would obey or hide: control
characters, escape sequences, marks that turn the direction of writing (Unicode's categories C and Z but the space).
What it is not: for HTML; the page has its own way.

>>> print(shown("a\x1b[2J\u202eb\n", 40))
a\x1b[2J\u202eb\n
>>> shown("abcdef", 4)
'abc…'
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from contract import ConfigError
from simulator.durations import duration_ns, moment_ns


def shown(text: str, most_chars: int) -> str:
    """At most so many characters of a text, escaped; one more is cut off with a sign."""
    cut = text[: most_chars + 1]
    safe = "".join(char if char.isprintable() and char != "\\" else _escaped(char) for char in cut)
    return safe if len(text) <= most_chars and len(safe) <= most_chars else safe[: most_chars - 1] + "…"


def preview(payload: bytes, most_chars: int) -> str:
    r"""The beginning of a payload as text, escaped; bytes that are no UTF-8 as ``\xNN``.

    >>> print(preview(b"caf\xc3\xa9 \xff", 40))
    café \xff
    """
    return shown(payload[: 4 * (most_chars + 1)].decode("utf-8", "surrogateescape"), most_chars)


def as_json(value: Any) -> str:
    """JSON in the printable part of ASCII, so that no text in it reaches the terminal as it is."""
    return json.dumps(value, ensure_ascii=True)


def utc(time_ns: int) -> str:
    """A time for people, in UTC to the second; a time beyond the calendar as the number.

    >>> utc(1_760_000_000_000_000_000)
    '2025-10-09 08:53:20Z'
    """
    try:
        return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y-%m-%d %H:%M:%SZ}"
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns"


def when_ns(flag: str, text: str, now_ns: int) -> int:
    """A moment, ISO 8601, or so long ago (``2h``); raises ConfigError.

    >>> when_ns("--since", "90s", 10**12) == 910 * 10**9
    True
    """
    try:
        return now_ns - duration_ns(text) if text[-1:] in tuple("dhms") else moment_ns(text)
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}, or how long ago: 90m, 2h, 1d") from None


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":  # a byte that is no text, as Python's surrogateescape has it
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
