"""Degraded states: what somebody should know of, with the next step.

What it is: rules over the ingester's ``Status``, judged about once a second. Each has hysteresis, so that a state that
comes and goes is one alarm and not a hundred: it must hold for a while before it is one, and be gone for a while before
it is over. Each change is handed out to be stored; what may be logged is at most one line a minute for each alarm.
What it is not: a log, a clock, or a pager. Whoever watches Prometheus or the measurement ``alarm`` sets rules of
their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from historian.base import Frame, Value
from ingest.alarm_rules import RULES, Limits, Rule
from ingest.status import Status

MEASUREMENT: Final = "alarm"
TELL_EVERY_S: Final = 60.0
"""The log hears of one alarm at most this often."""
TEXT_CHARS: Final = 400


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm as it stands.

    Attributes:
        name: which; one of ``NAMES``.
        active: False when it is over.
        since_ns: when it began, or ended, ns UTC.
        text: what is wrong, bounded and printable. It may quote the broker or the store.
        step: what to do about it; always the same for an alarm, so that it gives nothing away.
        failing: whether messages do not get through while it is active.
    """

    name: str
    active: bool
    since_ns: int
    text: str
    step: str
    failing: bool

    @property
    def sentence(self) -> str:
        """The line for the log."""
        return f"{self.name}: {self.text}; {self.step}" if self.active else f"{self.name}: it is over ({self.text})"

    def frame(self, client: str, time_ns: int) -> Frame:
        """The alarm as one point of the measurement ``alarm``."""
        fields: dict[str, Sequence[Value | None]] = {"active": [self.active], "text": [self.sentence]}
        return Frame(
            measurement=MEASUREMENT, tags={"client": client, "name": self.name}, time_ns=[time_ns], fields=fields
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one look has found: alarms to store, for they have changed, and alarms to tell."""

    changed: tuple[Alarm, ...]
    tell: tuple[Alarm, ...]


NAMES: Final = tuple(rule.name for rule in RULES)
"""Every alarm that there is."""


@dataclass(slots=True)
class _Watch:
    """What is remembered of one rule between two looks."""

    first_s: float | None = None
    first_ns: int = 0
    text: str = ""
    seen_s: float = float("-inf")
    last: dict[str, int] = field(default_factory=dict)
    base: dict[str, int] = field(default_factory=dict)
    alarm: Alarm | None = None
    stored_s: float = float("-inf")
    told: Alarm | None = None
    told_s: float = float("-inf")

    @property
    def active(self) -> bool:
        return self.alarm is not None and self.alarm.active


class Alarms:
    """The alarms of one ingester."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._watches = {rule.name: _Watch() for rule in RULES}

    @property
    def active(self) -> tuple[Alarm, ...]:
        """The alarms that stand now, the gravest first."""
        standing = [watch.alarm for watch in self._watches.values() if watch.alarm is not None and watch.active]
        return tuple(sorted(standing, key=lambda alarm: not alarm.failing))

    def judge(self, status: Status, now_s: float, time_ns: int) -> Verdict:
        """Look at the status.

        Args:
            status: as it is now.
            now_s: the loop's clock, which ``status`` goes by too.
            time_ns: ns UTC.
        """
        changed, tell = [], []
        for rule in RULES:
            watch = self._watches[rule.name]
            if self._step(rule, watch, status, now_s, time_ns) and watch.alarm is not None:
                changed.append(watch.alarm)
            if watch.alarm is not None and _is_news(watch) and now_s - watch.told_s >= TELL_EVERY_S:
                tell.append(watch.alarm)
                watch.told, watch.told_s = watch.alarm, now_s
        return Verdict(tuple(changed), tuple(tell))

    def _step(self, rule: Rule, watch: _Watch, status: Status, now_s: float, time_ns: int) -> bool:
        """Bring one rule up to date; returns whether its alarm has changed so that it is to be stored."""
        before = watch.alarm
        text = self._text(rule, watch, status, now_s)
        if text is not None:
            watch.text, watch.seen_s = _printable(text), now_s
            if watch.first_s is None:
                watch.first_s, watch.first_ns = now_s, time_ns
        elif not watch.active:
            watch.first_s = None  # to be an alarm it has to hold without a break
        if before is None or not before.active:
            if watch.first_s is not None and now_s - watch.first_s >= rule.after_s(self._limits):
                watch.alarm = Alarm(rule.name, True, watch.first_ns, watch.text, rule.step, rule.failing)
        elif text is None and now_s - watch.seen_s >= self._calm_s(rule):
            watch.alarm = replace(before, active=False, since_ns=time_ns, text=watch.text)
            watch.first_s = None
        elif watch.text != before.text and now_s - watch.stored_s >= TELL_EVERY_S:
            watch.alarm = replace(before, text=watch.text)
        if watch.alarm is before:
            return False
        watch.stored_s = now_s
        return True

    def _calm_s(self, rule: Rule) -> float:
        return self._limits.calm_s if rule.counts is None else self._limits.quiet_s

    def _text(self, rule: Rule, watch: _Watch, status: Status, now_s: float) -> str | None:
        """What is wrong now, or what has been counted since the alarm began; None when there is nothing new."""
        if rule.counts is None:
            return rule.state(status, self._limits, now_s, watch.active)
        counts = dict(rule.counts(status))
        before, watch.last = watch.last, counts
        if not watch.active:
            watch.base = before
        if sum(counts.values()) <= sum(before.values()):
            return None
        fresh = {name: count - watch.base.get(name, 0) for name, count in counts.items()}
        return rule.counted({name: count for name, count in fresh.items() if count > 0})


def _is_news(watch: _Watch) -> bool:
    """Whether the log does not know yet; that something is over is told only where it was told that it began."""
    return watch.told != watch.alarm and (watch.active or (watch.told is not None and watch.told.active))


def _printable(text: str) -> str:
    """Text that may quote a stranger: bounded, and without control characters."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:TEXT_CHARS])
    return shown[:TEXT_CHARS]
