"""What InfluxDB says when a field has another type already, and what has been learnt of it.

What it is: pure. The answer names the measurement, the field and both types, and so the frames to blame: they need not
be searched for by sending everything again, and the next ones need not be sent at all.
What it is not: the schema of the database; only what it has complained of, and only for ``MEMORY_S``, so that a field
that an operator has mended is tried again.
The standard: the text of 1.8 and 2.x (``partial write: field type conflict: …  dropped=N``).

>>> said = 'partial write: field type conflict: input field "x" on measurement "m" is type integer, already exists as '
>>> conflict_of(said + "type float dropped=3")
Conflict(measurement='m', field='x', kind=<class 'float'>, dropped=3)
>>> conflict_of("unable to parse 'm x='") is None
True
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from historian.base import Frame, Value

MEMORY_S: Final = 60.0
LEARNT: Final = 1000
"""How many conflicts are remembered; more are found anew each time."""

_TYPES: Final[dict[str, type[Value]]] = {"float": float, "integer": int, "string": str, "boolean": bool}
_TEXT: Final = re.compile(
    r'field type conflict: input field "(?P<field>[a-z0-9_]+)" on measurement "(?P<measurement>[a-z0-9_]+)" '
    r"is type \w+, already exists as type (?P<kind>float|integer|string|boolean)(?: dropped=(?P<dropped>\d+))?"
)


class Conflict(NamedTuple):
    """A field that has another type; ``dropped``: how many points were refused for it, all others being stored."""

    measurement: str
    field: str
    kind: type[Value]
    dropped: int

    def blames(self, frame: Frame) -> bool:
        """Whether this frame gives the field another type than it has."""
        kind = frame.kinds.get(self.field) if frame.measurement == self.measurement else None
        return kind is not None and kind is not self.kind

    @property
    def reason(self) -> str:
        """For the dead letters."""
        return f"{self.measurement}.{self.field} is {self.kind.__name__} in the store"


def conflict_of(reason: str) -> Conflict | None:
    """The conflict that an answer names; None when it is about something else."""
    found = _TEXT.search(reason)
    if found is None:
        return None
    return Conflict(
        found["measurement"], found["field"], _TYPES[found["kind"]], int(found["dropped"]) if found["dropped"] else 0
    )


class Conflicts:
    """The conflicts of the last minute."""

    def __init__(self) -> None:
        self._learnt: dict[tuple[str, str], tuple[Conflict, float]] = {}

    def learn(self, conflict: Conflict, now_s: float) -> None:
        """Remember it."""
        if len(self._learnt) < LEARNT:
            self._learnt[conflict.measurement, conflict.field] = (conflict, now_s)

    def known(self, now_s: float) -> list[Conflict]:
        """What is still remembered."""
        old = [name for name, (_, learnt_s) in self._learnt.items() if now_s - learnt_s > MEMORY_S]
        for name in old:
            del self._learnt[name]
        return [conflict for conflict, _ in self._learnt.values()]


def blamed(conflicts: Iterable[Conflict], frame: Frame) -> str | None:
    """Why a frame need not be sent; None when nothing is known against it."""
    return next((conflict.reason for conflict in conflicts if conflict.blames(frame)), None)
