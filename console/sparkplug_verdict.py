"""The verdicts: each assertion passed, failed with its evidence, or not seen; ``n of 143`` and ``n of 91``.

What it is: pure; a trace in, a report out. "Not seen" never counts as passed.
What it is not: the command (``sparkplug_check.py``), nor a single check.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from console.sparkplug_checks_edge import EDGE
from console.sparkplug_checks_host import HOST
from console.sparkplug_fold import Fold
from console.sparkplug_judges import HELD, Check
from console.sparkplug_table import promised
from console.sparkplug_world import Event, Moment

CHECKS: Final[tuple[Check, ...]] = EDGE + HOST
WINDOW_MS: Final = 60_000
"""How far a time stamp may be from the listener's clock."""
_KEPT: Final = 3
_BY_KIND: Final[dict[tuple[str, str], list[Check]]] = defaultdict(list)
for _check in CHECKS:
    for _kind in _check.on:
        _BY_KIND[_check.role, _kind].append(_check)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One violation: when, by whom, on which topic, and what was wrong."""

    at_ms: int
    client: str
    topic: str
    what: str


@dataclass(slots=True)
class Verdict:
    """What was seen of one assertion."""

    role: str
    id: str
    level: str
    held: int = 0
    violated: int = 0
    evidence: list[Evidence] = field(default_factory=list)

    @property
    def word(self) -> str:
        """``passed``, ``failed``, or ``not seen``: it was never put to the test."""
        if self.violated:
            return "failed"
        return "passed" if self.held else "not seen"


@dataclass(slots=True)
class Report:
    """All verdicts, in the order of the table."""

    verdicts: Sequence[Verdict]
    events: int = 0
    links: int = 0
    garbled: int = 0
    """Connections that could not be read to their end."""

    @property
    def ok(self) -> bool:
        """Nothing failed, and every byte was read."""
        return not self.garbled and all(verdict.word != "failed" for verdict in self.verdicts)

    def count(self, role: str, word: str = "passed") -> int:
        """How many of a role's assertions have this verdict."""
        return sum(verdict.role == role and verdict.word == word for verdict in self.verdicts)

    def total(self, role: str) -> int:
        """How many assertions the role has."""
        return sum(verdict.role == role for verdict in self.verdicts)

    def ids(self, role: str, word: str) -> list[str]:
        """The ids of a role with this verdict."""
        return [verdict.id for verdict in self.verdicts if verdict.role == role and verdict.word == word]

    def as_json(self) -> dict[str, Any]:
        """The report as one object."""
        roles: dict[str, Any] = {}
        for role in ("edge", "host"):
            mine = [verdict for verdict in self.verdicts if verdict.role == role]
            words = {word: self.count(role, word) for word in ("passed", "failed", "not seen")}
            roles[role] = {"of": len(mine), **words, "assertions": [_as_json(verdict) for verdict in mine]}
        return {"ok": self.ok, "connections": self.links, "packets": self.events, "garbled": self.garbled, **roles}

    def as_text(self, *, every: bool = False) -> str:
        """The report for people: what failed and what was not seen, or every assertion."""
        lines = [
            f"{role}: {self.count(role)} of {self.total(role)} assertions passed, {self.count(role, 'failed')} failed, "
            f"{self.count(role, 'not seen')} not seen"
            for role in ("edge", "host")
        ]
        lines.append(f"seen: {self.links} connections, {self.events} packets, {self.garbled} connections not readable")
        for verdict in self.verdicts:
            if every or verdict.word != "passed":
                lines.append(f"  {verdict.word:8}  {verdict.role}  {verdict.level:10}  {verdict.id}")
                lines += [_line(one) for one in verdict.evidence]
        return "\n".join(lines)


def check_trace(
    events: Iterable[Event],
    *,
    instruments: Iterable[str] = (),
    window_ms: int = WINDOW_MS,
    reorder_s: float | None = None,
) -> Report:
    """Fold a whole trace.

    Args:
        events: the packets, in any order; they are sorted by time, and stay as they come where times are equal.
        instruments: client identifiers of test drivers, who are not judged.
        window_ms: how far a time stamp may be from the listener's clock.
        reorder_s: the reorder timeout that the hosts are configured to, where they do not tell it themselves.
    """
    ordered = sorted(events, key=lambda event: event.at_ms)
    verdicts = {
        (role, one.id): Verdict(role, one.id, one.level) for role in ("edge", "host") for one in promised(role).values()
    }
    fold = Fold(lambda moment: _judge(verdicts, moment), frozenset(instruments), window_ms, reorder_s)
    for event in ordered:
        fold.take(event)
    fold.end()
    return Report(list(verdicts.values()), len(ordered), len(fold.world.links), len(fold.garbled))


def _judge(verdicts: dict[tuple[str, str], Verdict], moment: Moment) -> None:
    for check in _BY_KIND[moment.role, moment.kind]:
        said = check.judge(moment)
        if said is None:
            continue
        for id_ in check.ids:
            verdict = verdicts[check.role, id_]
            if said == HELD:
                verdict.held += 1
                continue
            verdict.violated += 1
            if len(verdict.evidence) < _KEPT:
                topic = "/".join(moment.topic.levels)[:200]
                verdict.evidence.append(Evidence(moment.at_ms, moment.link.client_id[:80], topic, said[:200]))


def _as_json(verdict: Verdict) -> dict[str, Any]:
    told = {"id": verdict.id, "level": verdict.level, "verdict": verdict.word, "held": verdict.held}
    if verdict.violated:
        evidence = [
            {"t": one.at_ms, "client": one.client, "topic": one.topic, "what": one.what} for one in verdict.evidence
        ]
        return {**told, "violated": verdict.violated, "evidence": evidence}
    return told


def _line(one: Evidence) -> str:
    """One line that cannot take over a terminal: names from the wire are escaped."""
    what = one.what.encode("unicode_escape").decode()
    return f"            {one.at_ms} client {one.client!r} topic {one.topic!r}: {what}"
