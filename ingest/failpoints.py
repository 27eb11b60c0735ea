"""Places where the ingester can be made to die, for the tests that prove that it may.

What it is: ``QILU_FAILPOINT=before-write:3`` kills the process, by SIGKILL, the third time it comes to that place.
What it is not: of any effect without that variable.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Final

from contract import ConfigError

VARIABLE: Final = "QILU_FAILPOINT"
PLACES: Final = ("after-receive", "before-write", "after-write", "before-ack", "after-offline")


class Failpoints:
    """At most one place, and how often it may still be passed."""

    def __init__(self, place: str = "", times: int = 0) -> None:
        self._place, self._left = place, times

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Failpoints:
        """What the environment asks for; raises ConfigError for a place that there is not."""
        text = environ.get(VARIABLE, "")
        if not text:
            return cls()
        place, _, times = text.partition(":")
        if place not in PLACES or not (times or "1").isdecimal():
            raise ConfigError(f"environment: {VARIABLE} {text!r}: write PLACE:TIMES with one of {', '.join(PLACES)}")
        return cls(place, max(1, int(times or "1")))

    def at(self, place: str) -> None:
        """Here we are."""
        if place == self._place:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
