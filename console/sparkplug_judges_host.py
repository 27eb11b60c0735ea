"""The judges of a host application: STATE, commands, the order of messages, the deaths of others.

What it is: one function for each demand of the specification on a host.
What it is not: which id each answers (``sparkplug_checks_host.py``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from console.sparkplug_hearing import PATIENCE_MS, SLACK_MS
from console.sparkplug_judges import HELD, Judge, Judgement, unless
from console.sparkplug_mqtt import Told
from console.sparkplug_wire import FIELD_OF, RawMetric
from console.sparkplug_world import REBIRTH, Moment, fits, state_of

DOUBT_MS: Final = 2_000
"""A host that is called offline while it is online says so within this."""
_PROBE: Final = ("spBv1.0/{}/NDATA/{}", "spBv1.0/{}/DDATA/{}/device")


def has_will(m: Moment) -> Judgement:
    """CONNECT has a will, which is this host's STATE."""
    if m.link.connect is None or m.link.connect.will is None:
        return "CONNECT has no will"
    return unless("STATE" not in m.topic.levels, f"the will's topic is {m.publish.topic[:80]!r}")


def of_will(judge: Judge) -> Judge:
    """The judge, asked of a will that must be there."""
    return lambda m: has_will(m) or judge(m)


def state_is(online: bool) -> Judge:
    """The payload is a JSON object of exactly ``online`` and ``timestamp``, the latter now."""

    def judge(m: Moment) -> Judgement:
        said = state_of(m.publish.payload)
        if set(said) != {"online", "timestamp"}:
            return f"the payload is {m.publish.payload[:60]!r}"
        if said["online"] is not online:
            return f"online is {json.dumps(said['online'])[:20]}"
        # a birth that is repeated later has the old time: that of the will, which was judged when it was new
        return HELD if online and stamp_of_will(m) == HELD else _now(m, said["timestamp"])

    return judge


def _now(m: Moment, stamp: Any) -> str:
    if not isinstance(stamp, int) or isinstance(stamp, bool):
        return f"the timestamp is {str(stamp)[:40]!r}"
    return unless(not m.near(stamp), f"the timestamp is {stamp}, at {m.at_ms}")


def stamp_is_now(m: Moment) -> Judgement:
    """The timestamp is the time of this packet."""
    return _now(m, state_of(m.publish.payload).get("timestamp"))


def stamp_of_will(m: Moment) -> Judgement:
    """The timestamp is that of the will of this connection."""
    will = m.link.connect.will if m.link.connect else None
    wanted = state_of(will.payload).get("timestamp") if will else None
    said = state_of(m.publish.payload).get("timestamp")
    return unless(said is None or said != wanted, f"timestamp {str(said)[:40]}, that of the will {str(wanted)[:40]}")


def listens_to_itself(m: Moment) -> Judgement:
    """It has asked for its own STATE, and says it."""
    if m.kind == "silent":
        return birth_first(m)
    return unless(m.link.subscribed_to(f"spBv1.0/STATE/{m.topic.node}") is None, "its own STATE is not subscribed")


def listens(m: Moment) -> Judgement:
    """It has asked for its own STATE and for Sparkplug's namespace, or a part of it."""
    spaces = [one for one in m.link.subscribed if one not in m.link.refused and not one.startswith("spBv1.0/STATE")]
    parts = any(fits(one, "spBv1.0/g/NBIRTH/n") or one.startswith("spBv1.0/") for one in spaces)
    return listens_to_itself(m) or unless(not parts, "Sparkplug's namespace is not subscribed")


def listens_first(m: Moment) -> Judgement:
    """The subscriptions stand before the first publication; None for later ones."""
    return listens(m) if m.link.publishes == 0 else None


def birth_first(m: Moment) -> Judgement:
    """The first message of a connection is the host's birth, and it comes; None for those that follow."""
    if m.kind == "silent":
        return f"no birth in {m.at_ms - m.since_ms} ms after CONNECT"
    return (
        None if m.link.publishes else unless(m.kind != "online", f"the first message is {m.topic.type[:20]}, no birth")
    )


def only_holder(m: Moment) -> Judgement:
    """No other client is this host."""
    number = m.world.hosts.get(m.topic.node)
    other = m.world.links.get(number) if number is not None else None
    if other is None or other is m.link or other.client_id == m.link.client_id:
        return HELD
    return f"the client {other.client_id[:40]!r} is this host, too"


def states_itself(m: Moment) -> Judgement:
    """It has said that it is online before it acts, and that it is offline before it goes."""
    if m.kind in ("online", "offline"):
        return HELD
    if m.kind == "disconnect":
        return says_goodbye(m)
    return unless(not m.link.online, "it acts without having said that it is online")


def says_goodbye(m: Moment) -> Judgement:
    """The death comes before DISCONNECT."""
    return unless(m.link.online, "DISCONNECT without the death before it") if m.link.publishes else None


def goodbye_before_disconnect(m: Moment) -> Judgement:
    """The death before DISCONNECT has the time of the DISCONNECT."""
    return says_goodbye(m) or (_goodbye_is_now(m) if m.link.publishes else None)


def goodbye_without_disconnect(m: Moment) -> Judgement:
    """The same of an end without DISCONNECT; None where it did not mean to go, or went with one."""
    if m.link.disconnected or m.link.online or m.link.said_offline_ms is None:
        return None
    return _goodbye_is_now(m)


def _goodbye_is_now(m: Moment) -> Judgement:
    last = m.link.last_publish
    said = state_of(last.payload) if last else {}
    if said.get("online") is not False:
        return "the last message is no death"
    stamp = said.get("timestamp")
    will = m.link.connect.will if m.link.connect else None
    if (
        will is not None
        and stamp == state_of(will.payload).get("timestamp")
        and m.at_ms - m.link.connected_ms > SLACK_MS
    ):
        return "the death has the timestamp of CONNECT"
    return _now(m, stamp)


def disconnects_at_once(m: Moment) -> Judgement:
    """It may: seen when DISCONNECT follows the death."""
    return HELD if m.link.said_offline_ms is not None and not m.link.online and m.link.is_last else None


def insists(m: Moment) -> Judgement:
    """Called offline while it is online, it says at once that it is online."""
    if m.until_ms is None:
        return "called offline, it did not answer"
    return unless(m.until_ms - m.since_ms > DOUBT_MS, f"called offline, it answered after {m.until_ms - m.since_ms} ms")


# -- commands


def _writes(m: Moment) -> str:
    return unless(not m.metrics, m.error or "no metrics")


def command_says_something(m: Moment) -> Judgement:
    """The command names what is to be written."""
    return _writes(m)


def _datatypes(m: Moment) -> dict[str, int | None] | None:
    subject = m.world.subjects.get((m.topic.key, m.topic.device))
    return subject.datatypes if subject else None


def metric_known(m: Moment) -> Judgement:
    """The metrics were in the birth; None where no birth has been seen."""
    known = _datatypes(m)
    if known is None or not m.metrics:
        return None
    strange = next((one.name for one in m.metrics if one.name not in known), HELD)
    return unless(strange != HELD, f"{strange!r} was not in the birth"[:120])


def metric_fits(m: Moment) -> Judgement:
    """Each value stands in the field of the datatype that the birth declared; None where none was seen."""
    known = _datatypes(m)
    pairs = [(one, (known or {}).get(one.name or "")) for one in m.metrics]
    pairs = [(one, datatype) for one, datatype in pairs if datatype is not None]
    if not pairs:
        return None
    wrong = next(
        (one for one, datatype in pairs if one.field is not None and one.field != FIELD_OF.get(datatype or 0)), None
    )
    return unless(wrong is not None, f"{wrong.name!r} has a {wrong.field} value"[:120] if wrong else "")


def _about_rebirth(metric: RawMetric) -> bool:
    return "rebirth" in (metric.name or "").lower()


def node_verb(m: Moment) -> Judgement:
    """What belongs to the node goes by NCMD; None where nothing does."""
    own = m.world.subjects.get((m.topic.key, None))
    names = {one.name for one in m.metrics}
    if m.kind == "NCMD":
        return HELD if names else None
    stray = sorted(name for name in names if name and name.startswith("Node Control/") and own is not None)
    return unless(True, f"{stray[0]!r} is the node's, in a DCMD"[:120]) if stray else None


def device_verb(m: Moment) -> Judgement:
    """What belongs to a device goes by DCMD; None where nothing does."""
    if m.kind == "DCMD":
        return HELD if m.metrics else None
    own = m.world.subjects.get((m.topic.key, None))
    names = {one.name for one in m.metrics} - set(own.datatypes if own else ())
    devices = (subject for (node, device), subject in m.world.subjects.items() if node == m.topic.key and device)
    if own is not None and any(names & set(subject.datatypes) for subject in devices):
        return "a device's metric, in an NCMD"
    return None


def _rebirth(judge: Callable[[Moment, RawMetric], Judgement]) -> Judge:
    def judged(m: Moment) -> Judgement:
        metric = next((one for one in m.metrics if _about_rebirth(one)), None)
        return None if metric is None else judge(m, metric)

    return judged


rebirth_verb: Final = _rebirth(lambda m, _: unless(m.kind != "NCMD", "a rebirth request in a DCMD"))
rebirth_named: Final = _rebirth(
    lambda _, metric: unless(metric.name != REBIRTH, f"the metric is {metric.name!r}"[:120])
)
rebirth_true: Final = _rebirth(
    lambda _, metric: unless(metric.said != ("boolean", 1), f"the value is {metric.said!r}"[:120])
)


def dated_metric(m: Moment) -> Judgement:
    """It may: seen when a command's metric has a time stamp."""
    return HELD if any(metric.timestamp is not None for metric in m.metrics) else None


# -- what came to it


def waits(m: Moment) -> Judgement:
    """A gap starts a timer: nothing is asked before it has run out."""
    if m.kind == "gap-closed":
        return unless(m.until_ms is not None and m.until_ms < m.at_ms, "a rebirth was asked before the timeout")
    if not m.told:
        return None
    if m.until_ms is None:
        return "no rebirth was asked: no timer runs"
    early = m.told[-1].value * 1000 - SLACK_MS / 4 - (m.until_ms - m.since_ms)
    return unless(early > 0, f"the rebirth was asked after {m.until_ms - m.since_ms} ms")


def asks(m: Moment) -> Judgement:
    """A gap that stays open is answered with a rebirth request."""
    return unless(m.until_ms is None, "no rebirth request followed the gap")


def goes_on(m: Moment) -> Judgement:
    """A gap that closed in time asks for nothing."""
    return unless(m.until_ms is not None, "a rebirth was asked, though the messages came in time")


def timeout_holds(m: Moment) -> Judgement:
    """The reorder timeout is the configured one; None where the host does not tell what is configured."""
    if not m.told or m.until_ms is None:
        return None
    took, wanted = m.until_ms - m.since_ms, m.told[-1].value * 1000
    return unless(abs(took - wanted) > SLACK_MS, f"the rebirth was asked after {took} ms, configured are {wanted:.0f}")


def notes(what: str) -> Judge:
    """The host has noted this of the deceased, as of the right time: its own clock, or a DDEATH's time stamp."""

    def judge(m: Moment) -> Judgement:
        found: list[Told] = [told for told in m.told if told.what == what]
        if not found:
            return f"the host did not note {what} within {PATIENCE_MS} ms ({m.names[0] or 'the node'})"[:120]
        off = min(abs(told.at_ms - m.since_ms) for told in found)
        return unless(
            off > (0 if m.until_ms is not None else PATIENCE_MS), f"noted as of {off} ms beside the right time"
        )

    return judge
