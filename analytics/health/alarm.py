"""Alarms: scores that stay beyond the limit, with when, how badly, and which sensors explain it.

What it is: n of m rows beyond the limit begin an alarm, a stretch of rows with few of them ends it (debounce with
hysteresis). At most one alarm of a machine is open. Events come at the row that decides, so chunks do not matter.
What it is not: a detector, and not the life of an alarm in a control room (acknowledged, shelved: IEC 62682).

Source: on- and off-delay against chattering: ISA-18.2 / IEC 62682:2014, clause on alarm design.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from analytics.health.detector import Scored, State
from analytics.health.rowwise import Floats

Severity = Literal["notice", "warning", "critical"]
SEVERITIES: Final[tuple[tuple[float, Severity], ...]] = ((4.0, "critical"), (2.0, "warning"), (0.0, "notice"))
"""From which median of the scores beyond the limit on an alarm is how severe (assumed)."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm, as it stands.

    Attributes:
        begin_ns: time of the row that made it one: nobody could know before.
        first_ns: time of the first row beyond the limit among those that made it one.
        end_ns: time of the row that ended it; None while it lasts.
        score: the highest so far, as a multiple of the limit.
        severity: by the typical score so far, see ``SEVERITIES``.
        shares: (sensor, share), largest first, without those of nothing; they add to 1.
    """

    begin_ns: int
    first_ns: int
    end_ns: int | None
    score: float
    severity: Severity
    shares: tuple[tuple[str, float], ...]


class Alarms:
    """Scores to alarms, of one machine.

    Args:
        sensors: names, as many as the columns of the shares.
        needed: rows beyond the limit …
        among: … of so many last ones that begin an alarm.
        clear: an alarm ends when at most so many …
        quiet: … of so many last rows are beyond, of which none is older than its beginning.
        sensor_of: for each column of the shares the number of its sensor, when there are several of one sensor.
    """

    def __init__(
        self,
        sensors: Sequence[str],
        *,
        needed: int = 5,
        among: int = 10,
        clear: int = 1,
        quiet: int = 60,
        sensor_of: Sequence[int] | None = None,
    ) -> None:
        if not 0 < needed <= among or not 0 <= clear < quiet:
            raise ValueError(
                f"expected 0 < needed <= among and 0 <= clear < quiet; found {needed}, {among}, {clear}, {quiet}"
            )
        self.sensors, self.needed, self.among, self.clear, self.quiet = tuple(sensors), needed, among, clear, quiet
        self._sensor_of = list(range(len(self.sensors))) if sensor_of is None else [int(s) for s in sensor_of]
        if any(not 0 <= s < len(self.sensors) for s in self._sensor_of):
            raise ValueError(f"sensor_of: expected numbers below {len(self.sensors)}")
        self._last: deque[tuple[int, float, list[float]]] = deque(maxlen=among)  # time, score or 0, shares
        self._since: deque[bool] = deque(maxlen=quiet)  # whether each row since the beginning was beyond
        self._open: Alarm | None = None
        self._parts = [0.0] * len(self.sensors)
        self._levels: list[int] = [0] * len(SEVERITIES)

    @property
    def open(self) -> Alarm | None:
        """The alarm that lasts, as it stands."""
        return None if self._open is None else self._as_stands(self._open, None)

    def update(self, scored: Scored) -> tuple[Alarm, ...]:
        """Alarms that began (without an end) and that ended, in the order of time.

        Raises:
            ValueError: the shares have another number of columns.
        """
        if scored.shares.shape[1] != len(self._sensor_of):
            raise ValueError(f"shares: expected {len(self._sensor_of)} columns, found {scored.shares.shape[1]}")
        beyond = scored.scores > 1.0
        told: list[Alarm] = []
        for n in range(len(beyond)):
            if beyond[n]:
                self._take(int(scored.times[n]), float(scored.scores[n]), self._by_sensor(scored.shares[n]), told)
            elif self._last or self._open is not None:
                self._take(int(scored.times[n]), 0.0, [], told)
        return tuple(told)

    def _by_sensor(self, shares: Floats) -> list[float]:
        each = [0.0] * len(self.sensors)
        for column, share in zip(self._sensor_of, shares.tolist(), strict=True):
            each[column] += share
        return each

    def _take(self, t: int, score: float, shares: list[float], told: list[Alarm]) -> None:
        if self._open is not None:
            self._add(score, shares)
            self._since.append(score > 0.0)
            if len(self._since) == self.quiet and sum(self._since) <= self.clear:
                told.append(self._as_stands(self._open, t))
                self._forget()
            return
        self._last.append((t, score, shares))
        odd = [at for at, s, _ in self._last if s]
        if len(odd) >= self.needed:
            self._open = Alarm(t, odd[0], None, 0.0, "notice", ())
            for _, s, parts in self._last:
                self._add(s, parts)
            self._last.clear()
            told.append(self._as_stands(self._open, None))
        elif not odd:
            self._last.clear()

    def _forget(self) -> None:
        self._open = None
        self._since.clear()
        self._parts, self._levels = [0.0] * len(self.sensors), [0] * len(SEVERITIES)

    def _add(self, score: float, shares: list[float]) -> None:
        """Count a row into the alarm that is open."""
        if not score or self._open is None:
            return
        a = self._open
        self._open = Alarm(a.begin_ns, a.first_ns, None, max(a.score, score), a.severity, ())
        self._parts = [x + y for x, y in zip(self._parts, shares, strict=True)]
        self._levels[next(k for k, (from_, _) in enumerate(SEVERITIES) if score >= from_)] += 1

    def _as_stands(self, a: Alarm, end_ns: int | None) -> Alarm:
        whole = sum(self._parts)
        shares = sorted(
            ((name, part / whole) for name, part in zip(self.sensors, self._parts, strict=True) if part > 0.0),
            key=lambda one: (-one[1], one[0]),
        )
        half, reached = sum(self._levels) / 2, 0
        for (_, severity), count in zip(SEVERITIES, self._levels, strict=True):
            reached += count
            if reached >= half:
                return Alarm(a.begin_ns, a.first_ns, end_ns, a.score, severity, tuple(shares))
        raise AssertionError("an alarm has at least one row beyond the limit")

    def state(self) -> State:
        """All that is remembered, as plain data."""
        a = self._open
        return {
            "last": [[t, s, parts] for t, s, parts in self._last],
            "open": None if a is None else [a.begin_ns, a.first_ns, a.score],
            "since": [bool(x) for x in self._since],
            "parts": list(self._parts),
            "levels": list(self._levels),
        }

    def load(self, state: State) -> None:
        """Go on from a state."""
        self._last = deque(((int(t), float(s), list(parts)) for t, s, parts in state["last"]), maxlen=self.among)
        self._since = deque((bool(x) for x in state["since"]), maxlen=self.quiet)
        held = state["open"]
        self._open = None if held is None else Alarm(held[0], held[1], None, float(held[2]), "notice", ())
        self._parts, self._levels = [float(x) for x in state["parts"]], [int(x) for x in state["levels"]]
