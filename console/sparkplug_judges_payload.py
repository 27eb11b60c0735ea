"""The judges of what stands in an edge node's payloads: births, data, metrics, times.

What it is: one function for each demand of the specification (chapter 6, and the payload rules of 4 and 5).
What it is not: which id each answers (``sparkplug_checks_edge.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from console.sparkplug_judges import HELD, Judgement, bd_seq_matches, unless
from console.sparkplug_wire import FIELD_OF, RawMetric
from console.sparkplug_world import REBIRTH, Moment, bd_seq_of

_INT64: Final = 4
_BOOLEAN: Final = 11
_YEAR_2000_MS: Final = 946_684_800_000
HISTORY_MS: Final = 60_000
"""A value older than this, beyond the clocks' own error, is history, and has to say so (our reading of "current")."""


def named(metric: RawMetric) -> str:
    """It has a name (we allow no aliases in its stead)."""
    return unless(not metric.name, "no name")


def dated(metric: RawMetric) -> str:
    """It has a time stamp."""
    return unless(metric.timestamp is None, "no timestamp")


def typed(metric: RawMetric) -> str:
    """It has a datatype."""
    return unless(metric.datatype is None, "no datatype")


def untyped(metric: RawMetric) -> str:
    """It has none: the birth has declared it."""
    return unless(metric.datatype is not None, f"the datatype {metric.datatype} is repeated")


def known_type(metric: RawMetric) -> str:
    """Its datatype, if it has one, is a metric's (clause 6.4.16)."""
    return unless(metric.datatype is not None and metric.datatype not in FIELD_OF, f"datatype {metric.datatype}")


def short_type(metric: RawMetric) -> str:
    """Its datatype, if it has one, is an unsigned number of 32 bits."""
    return unless(metric.datatype is not None and metric.datatype >= 2**32, f"datatype {metric.datatype}")


def current(metric: RawMetric) -> str:
    """It has a value, or says that it is null, never both."""
    if metric.is_null:
        return unless(metric.field is not None, "is_null, and a value all the same")
    return unless(metric.field is None, "neither a value nor is_null")


def complete(metric: RawMetric) -> str:
    """Name, datatype and current value, the value in the field of its datatype."""
    wrong = named(metric) or typed(metric) or current(metric)
    if wrong or metric.field is None or metric.datatype is None:
        return wrong
    return unless(
        FIELD_OF.get(metric.datatype) != metric.field, f"a {metric.field} value of datatype {metric.datatype}"
    )


def has_bd_seq(m: Moment) -> Judgement:
    """There is a metric bdSeq."""
    return unless(bd_seq_of(m.payload) is None, "no metric bdSeq")


def bd_seq_as_in_will(m: Moment) -> Judgement:
    """There is a metric bdSeq, an Int64, with the number of the will of this connection."""
    metric = m.payload.get("bdSeq") if m.payload else None
    if metric is None or metric.datatype != _INT64:
        return "no metric bdSeq of datatype Int64"
    return bd_seq_matches(m)


def seq_is_0(m: Moment) -> Judgement:
    """The sequence number is 0."""
    seq = m.payload.seq if m.payload else None
    return unless(seq != 0, f"sequence number {seq}, not 0")


def _rebirth(what: Callable[[RawMetric], str]) -> Callable[[Moment], Judgement]:
    def judge(m: Moment) -> Judgement:
        metric = m.payload.get(REBIRTH) if m.payload else None
        return f"no metric {REBIRTH}" if metric is None else what(metric)

    return judge


has_rebirth: Final = _rebirth(lambda _: HELD)
rebirth_is_boolean: Final = _rebirth(lambda one: unless(one.datatype != _BOOLEAN, f"datatype {one.datatype}"))
rebirth_is_false: Final = _rebirth(lambda one: unless(one.said != ("boolean", 0), f"it is {one.field} {one.value!r}"))


def rebirth_is_whole(m: Moment) -> Judgement:
    """The metric is there, a Boolean, and false."""
    return rebirth_is_boolean(m) or rebirth_is_false(m)


def declared(m: Moment) -> Judgement:
    """Every metric of the data was in the birth; None before one."""
    if m.subject is None or not m.metrics:
        return None
    strange = next((one.name for one in m.metrics if one.name not in m.subject.datatypes), HELD)
    return unless(strange != HELD, f"{strange!r} was not in the birth"[:120])


def says_something(m: Moment) -> Judgement:
    """The data hold at least one metric."""
    return unless(not m.metrics, m.error or "no metrics")


def changed(m: Moment) -> Judgement:
    """At least one metric differs from what was last said of it; None before a birth.

    The profile's own counters (``Qilu/…``) differ in each message by construction, so they do not count. The time of a
    sample (``telemetry/t``) does: a new sample of the same value is a change of what is known (our reading).
    """
    if m.subject is None:
        return None
    for metric in m.metrics:
        name = metric.name or ""
        if not name.startswith("Qilu/") and metric.said != m.subject.last.get(name):
            return HELD
    return "every value is as it was last reported"


def in_order(m: Moment) -> Judgement:
    """The live values stand in the order of their times."""
    newest = 0
    for metric in m.metrics:
        if not metric.is_historical and metric.timestamp is not None:
            if metric.timestamp < newest:
                return f"{metric.name!r} of {metric.timestamp} stands behind {newest}"[:120]
            newest = metric.timestamp
    return HELD if m.metrics else None


def utc(m: Moment) -> Judgement:
    """Every metric's time is one of UTC: none in the future, and in data none that is old without being history."""
    oldest = m.at_ms - m.world.window_ms - HISTORY_MS
    for metric in m.metrics:
        stamp = metric.timestamp
        live = m.kind in ("NDATA", "DDATA") and not metric.is_historical
        if stamp is not None and not (oldest if live else _YEAR_2000_MS) <= stamp <= m.at_ms + m.world.window_ms:
            return f"{metric.name!r} has the time {stamp}, at {m.at_ms}"[:120]
    return HELD if m.metrics else None


def no_twin_names(m: Moment) -> Judgement:
    """No two metrics differ by upper and lower case alone."""
    seen: dict[str, str] = {}
    for name in (metric.name or "" for metric in m.metrics):
        if seen.setdefault(name.lower(), name) != name:
            return f"{name!r} and {seen[name.lower()]!r}"[:120]
    return HELD if m.metrics else None
