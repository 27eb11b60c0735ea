"""What a check is, and the small judges that several checks share.

What it is: a check names the assertions that one judge answers, and the moments at which it is asked. A judge looks at
a moment and says ``None`` (it is no test of this), ``HELD``, or in a few words what is wrong.
What it is not: a table of checks (``sparkplug_checks_*.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from console.sparkplug_wire import RawMetric
from console.sparkplug_world import DEVICE_TYPES, NAMESPACE, NODE_TYPES, Moment, bd_seq_of

HELD: Final = ""
Judgement = str | None
Judge = Callable[[Moment], Judgement]
Part = Callable[[Moment], str]


@dataclass(frozen=True, slots=True)
class Check:
    """One judge, the ids that it answers, and the kinds of moments at which it is asked (in one role)."""

    role: str
    ids: tuple[str, ...]
    on: tuple[str, ...]
    judge: Judge


def checks(role: str, on: str, judge: Judge, *ids: str) -> Check:
    """A check; ``on`` holds the kinds with spaces between, each id may be a stem with its ends: ``a-{b,c}``."""
    return Check(role, tuple(id_ for text in ids for id_ in spread(text)), tuple(on.split()), judge)


def spread(text: str) -> list[str]:
    """Braces written out.

    >>> spread("topics-{ndata,ddata}-mqtt")
    ['topics-ndata-mqtt', 'topics-ddata-mqtt']
    """
    before, brace, rest = text.partition("{")
    if not brace:
        return [text]
    middle, _, after = rest.partition("}")
    return [before + word + tail for word in middle.split(",") for tail in spread(after)]


def unless(wrong: bool, text: str) -> str:
    """HELD, or what is wrong."""
    return text if wrong else HELD


def qos_is(wanted: int) -> Judge:
    """The publication, or the will, has this QoS."""
    return lambda m: unless(m.publish.qos != wanted, f"QoS {m.publish.qos}, not {wanted}")


def retain_is(wanted: bool) -> Judge:
    """The publication, or the will, has this retain flag."""
    return lambda m: unless(m.publish.retain is not wanted, f"retain is {str(m.publish.retain).lower()}")


def sent_plainly(m: Moment) -> Judgement:
    """QoS 0, not retained."""
    return qos_is(0)(m) or retain_is(False)(m)


def has_form(type_: str) -> Judge:
    """The topic is the namespace's topic of this type."""

    def judge(m: Moment) -> Judgement:
        levels = m.topic.levels
        if type_ == "STATE":
            right = len(levels) == 3 and levels[:2] == (NAMESPACE, "STATE")
        else:
            right = len(levels) == (5 if type_ in DEVICE_TYPES else 4) and levels[0] == NAMESPACE and levels[2] == type_
        return unless(not right or "" in levels, f"the topic is no {type_} topic")

    return judge


def shape(m: Moment) -> Judgement:
    """The topic has the levels of its type, and a type."""
    type_ = m.topic.type
    if type_ not in NODE_TYPES | DEVICE_TYPES | {"STATE"}:
        return f"{type_[:40]!r} is no message type"
    wanted = {"STATE": 3}.get(type_, 5 if type_ in DEVICE_TYPES else 4)
    return unless(len(m.topic.levels) != wanted or "" in m.topic.levels, f"{len(m.topic.levels)} levels, not {wanted}")


def namespace(m: Moment) -> Judgement:
    """The first level is the constant."""
    return unless(m.topic.levels[0] != NAMESPACE, f"the namespace is {m.topic.levels[0][:40]!r}")


def device_named(m: Moment) -> Judgement:
    """A device's message names the device."""
    if m.topic.type not in DEVICE_TYPES:
        return None
    return unless(not m.topic.device, "the topic names no device")


def no_device(m: Moment) -> Judgement:
    """A node's or a host's message names no device."""
    if m.topic.type == "STATE":
        return unless("/" in m.topic.node, "the STATE topic has a level too many")
    if m.topic.type not in NODE_TYPES:
        return None
    return unless(m.topic.device is not None, "the topic has a level too many")


def is_payload(m: Moment) -> Judgement:
    """The payload is Protocol Buffers of the right form."""
    return unless(m.payload is None, m.error or "no payload")


def stamped(m: Moment) -> Judgement:
    """The payload has a time stamp, which is now."""
    if m.payload is None:
        return m.error
    if m.payload.timestamp is None:
        return "the payload has no timestamp"
    return unless(not m.near(m.payload.timestamp), f"the payload's timestamp is {m.payload.timestamp}, at {m.at_ms}")


def no_seq(m: Moment) -> Judgement:
    """The payload has no sequence number."""
    if m.payload is None:
        return m.error
    return unless(m.payload.seq is not None, f"it has the sequence number {m.payload.seq}")


def has_seq(m: Moment) -> Judgement:
    """The payload has a sequence number from 0 to 255."""
    if m.payload is None:
        return m.error
    return unless(m.payload.seq is None or m.payload.seq > 255, f"the sequence number is {m.payload.seq}")


def next_seq(m: Moment) -> Judgement:
    """The sequence number follows that of the sender's previous message, 0 after 255."""
    if m.payload is None:
        return m.error
    wanted = None if m.link.seq is None else (m.link.seq + 1) % 256
    return unless(m.payload.seq is None or m.payload.seq != wanted, f"sequence number {m.payload.seq}, not {wanted}")


def each_metric(what: Callable[[RawMetric], str]) -> Judge:
    """Every metric is in order; None when there is none."""

    def judge(m: Moment) -> Judgement:
        wrong = next((f"{metric.name!r}: {text}"[:120] for metric in m.metrics if (text := what(metric))), HELD)
        return wrong if m.metrics else None

    return judge


def bd_seq_matches(m: Moment) -> Judgement:
    """The metric bdSeq has the number of the will of this connection."""
    said = bd_seq_of(m.payload)
    return unless(said is None or said != m.link.will_bd_seq, f"bdSeq {said}, that of the will {m.link.will_bd_seq}")


def first_of_link(m: Moment) -> Judgement:
    """Nothing was published on this connection before."""
    return unless(m.link.publishes > 0, f"{m.link.publishes} messages were published before it")


def clean(version: int) -> Judge:
    """The session begins clean (and, in MQTT 5, ends with the connection); None for the other version."""

    def judge(m: Moment) -> Judgement:
        connect = m.link.connect
        if connect is None or connect.version != version:
            return None
        if not connect.clean:
            return "clean session is not set" if version == 4 else "clean start is not set"
        return unless(version == 5 and bool(connect.expiry_s), f"the session expires after {connect.expiry_s} s")

    return judge


def readable(which: str) -> Judge:
    """An identifier is UTF-8 (a broken one holds U+FFFD since it was read)."""
    return lambda m: None if not (name := getattr(m.topic, which)) else unless("\ufffd" in name, f"{name[:40]!r}")


def allowed(which: str) -> Judge:
    """An identifier holds nothing that MQTT or Sparkplug reserves."""

    def judge(m: Moment) -> Judgement:
        name = getattr(m.topic, which)
        if name is None or (which != "device" and m.topic.type == "STATE"):
            return None
        return unless(not name or any(sign in name for sign in "+#/\0"), f"the identifier is {name[:40]!r}")

    return judge
