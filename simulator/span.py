"""From when plant time is told, and from when it is live.

What it is: two times out of the settings, the wall clock and what an earlier start has told already; and the small file
in which a start leaves word of how far it has come.
What it is not: pace; ``run.py`` lets the time pass.

A factory that is started again must not tell hours anew that it has told before: it would tell them with other chances,
and the points of the earlier start would be overwritten where their times are equal.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from contract import ConfigError
from contract.parts import Time
from simulator.durations import moment_ns
from simulator.plant import HOUR_NS, SECOND_NS
from simulator.settings import Settings


class Span(NamedTuple):
    """Plant time begins at ``start_ns`` and is back-filled to ``live_ns``."""

    start_ns: int
    live_ns: int


def span(settings: Settings, now_ns: int, told_ns: int | None) -> Span:
    """The history before now; or from the set start; in either case nothing up to ``told_ns``.

    Raises:
        ConfigError: ``simulator.start`` is no time.
    """
    history_ns = round(settings.history_h * HOUR_NS)
    if settings.start:
        start_ns = _set_start(settings.start)
        live_ns = start_ns + history_ns
    else:
        start_ns = _full_second(now_ns - history_ns)
        live_ns = start_ns + history_ns
    if told_ns is not None:
        start_ns = max(start_ns, _full_second(told_ns) + SECOND_NS)  # the last reading stands at told_ns itself
    return Span(start_ns, max(live_ns, start_ns))


def _full_second(t_ns: int) -> int:
    return t_ns - t_ns % SECOND_NS


def _set_start(text: str) -> int:
    try:
        return moment_ns(text)
    except ValueError as error:
        raise ConfigError(f"configuration: simulator.start: {error}") from None


class Told:
    """The file that remembers how far plant time was told; with an empty path, nothing is remembered."""

    def __init__(self, path: str) -> None:
        """Nothing is read or written yet."""
        self._path = Path(path) if path else None

    def read(self) -> int | None:
        """The time up to which an earlier start may have spoken, or None; raises ConfigError for another's file."""
        if self._path is None:
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Time])["told_ns"]
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, KeyError) as error:
            raise ConfigError(
                f"configuration: simulator.memory {self._path} cannot be read ({error!r}); remove it to begin anew"
            ) from None

    def write(self, until_ns: int) -> None:
        """Leave word before anything up to ``until_ns`` is published; raises ConfigError when that is impossible."""
        if self._path is None:
            return
        draft = self._path.with_name(self._path.name + ".new")
        try:
            draft.write_bytes(msgspec.json.encode({"told_ns": until_ns}))
            draft.replace(self._path)
        except OSError as error:
            raise ConfigError(f"configuration: simulator.memory {self._path}: {error.strerror}") from None
