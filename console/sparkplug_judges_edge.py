"""The judges of an edge node's session: CONNECT and will, order, rebirth, farewell.

What it is: one function for each demand of the specification on how a node behaves.
What it is not: what stands in its payloads (``sparkplug_judges_payload.py``), nor which id each answers
(``sparkplug_checks_edge.py``).
"""

from __future__ import annotations

from typing import Final

from console.sparkplug_hearing import PATIENCE_MS
from console.sparkplug_judges import HELD, Judgement, unless
from console.sparkplug_world import Moment, bd_seq_of

_DISCONNECT_WITH_WILL: Final = 4


def has_will(m: Moment) -> Judgement:
    """CONNECT has a will, which is this node's death."""
    if m.link.connect is None or m.link.connect.will is None:
        return "CONNECT has no will"
    return unless("NDEATH" not in m.topic.levels, f"the will's topic is {m.publish.topic[:80]!r}")


def will_death(m: Moment) -> Judgement:
    """One metric, bdSeq, as a 64-bit integer."""
    if m.payload is None:
        return m.error or "CONNECT has no will"
    names = [metric.name for metric in m.metrics]
    return unless(names != ["bdSeq"] or bd_seq_of(m.payload) is None, f"the metrics are {names}"[:120])


def bd_seq_steps(m: Moment) -> Judgement:
    """BdSeq is one more than at the node's previous CONNECT, 0 after 255; None at the first that was seen."""
    before, now = m.world.bd_seqs.get(m.topic.key), bd_seq_of(m.payload)
    if now is None:
        return "the will has no bdSeq"
    if before is None:
        return None
    return unless(now != (before + 1) % 256, f"bdSeq {now} after {before}")


def bd_seq_typed(m: Moment) -> Judgement:
    """BdSeq is declared as Int64 and counts on."""
    metric = m.payload.get("bdSeq") if m.payload else None
    if metric is not None and metric.datatype != 4:
        return f"the datatype of bdSeq is {metric.datatype}"
    return bd_seq_steps(m)


def connected_first(m: Moment) -> Judgement:
    """The broker has accepted the connection before anything was born over it."""
    return unless(not m.link.accepted, "it was published before the broker accepted the connection")


def only_holder(m: Moment) -> Judgement:
    """No other connection is this node."""
    number = m.world.holders.get(m.topic.key)
    other = m.world.links.get(number) if number is not None else None
    if other is None or other is m.link or other.client_id == m.link.client_id:
        return HELD
    return f"the client {other.client_id[:40]!r} is this node, too"


def no_case_twin(m: Moment) -> Judgement:
    """No identifier differs from another by upper and lower case alone."""
    for name in filter(None, (m.topic.group, m.topic.node, m.topic.device)):
        if (seen := m.world.folded.get(name.lower(), name)) != name:
            return f"{name[:40]!r} and {seen[:40]!r}"
    return HELD


def same_device_elsewhere(m: Moment) -> Judgement:
    """It may be so: seen when it is."""
    others = m.world.device_nodes.get(m.topic.device or "", set()) - {m.topic.key}
    return HELD if others else None


def device_once(m: Moment) -> Judgement:
    """No device is born twice in one birth sequence."""
    return unless((m.topic.device or "") in m.link.alive, "this device has been born, and has not died")


def listens_ncmd(m: Moment) -> Judgement:
    """It has asked for its commands, at QoS 1."""
    qos = m.link.subscribed_to(f"spBv1.0/{m.topic.group}/NCMD/{m.topic.node}")
    return unless(qos != 1, "not subscribed" if qos is None else f"subscribed at QoS {qos}")


def listens_dcmd(m: Moment) -> Judgement:
    """It has asked for the device's commands, at QoS 1."""
    qos = m.link.subscribed_to(f"spBv1.0/{m.topic.group}/DCMD/{m.topic.node}/{m.topic.device}")
    return unless(qos != 1, "not subscribed" if qos is None else f"subscribed at QoS {qos}")


def node_born(m: Moment) -> Judgement:
    """The node was born over this connection."""
    return unless(not m.link.born, "no NBIRTH on this connection before it")


def of_this_node(m: Moment) -> Judgement:
    """Group and node are those of the connection's NBIRTH."""
    return unless(m.link.node != m.topic.key, f"the node born here is {m.link.node}"[:120])


def births_first(m: Moment) -> Judgement:
    """All that has data has been born, and the birth sequence is whole."""
    if not m.link.born:
        return "no NBIRTH on this connection before it"
    if m.link.awaited:
        return f"{len(m.link.awaited)} devices have not been born again"
    return unless(m.topic.device is not None and m.topic.device not in m.link.alive, "the device has not been born")


def before_data(m: Moment) -> Judgement:
    """No data came between NBIRTH and this birth, but for a device that had died meanwhile."""
    if not m.link.born:
        return "no NBIRTH on this connection before it"
    return unless(m.link.data and m.topic.device not in m.link.dead, "data were published between NBIRTH and it")


def buried(m: Moment) -> Judgement:
    """An edge node that loses a device says so."""
    if m.kind == "DDEATH":
        return HELD if (m.topic.device or "") in m.link.alive else None
    return unless(m.until_ms is None, "the node lost this device and told nobody")


def birth_first(m: Moment) -> Judgement:
    """The first message of a connection is the node's birth; None for those that follow."""
    return None if m.link.publishes else unless(m.kind != "NBIRTH", f"the first message is {m.topic.type[:20]}")


def says_goodbye(m: Moment) -> Judgement:
    """NDEATH comes before DISCONNECT; None where nothing was born."""
    return unless(not m.link.said_death, "DISCONNECT without NDEATH before it") if m.link.born else None


def says_goodbye_in_311(m: Moment) -> Judgement:
    """The same, of MQTT 3.1.1."""
    return says_goodbye(m) if m.link.version == 4 else None


def keeps_will(m: Moment) -> Judgement:
    """In MQTT 5 DISCONNECT asks the broker to publish the will all the same."""
    if m.link.version != 5 or not m.link.born:
        return None
    return unless(m.names[0] != str(_DISCONNECT_WITH_WILL), f"the reason code of DISCONNECT is {m.names[0]}, not 4")


def disconnects_at_once(m: Moment) -> Judgement:
    """It may: seen when DISCONNECT follows NDEATH."""
    return HELD if m.link.said_death and m.link.is_last else None


def stops(m: Moment) -> Judgement:
    """After a rebirth request there are no data until the birth."""
    if m.kind == "rebirth-kept":
        return HELD
    return f"data {m.at_ms - m.since_ms} ms after the rebirth request, before the birth"


def is_reborn(m: Moment) -> Judgement:
    """The birth sequence has come and is whole."""
    if m.kind == "rebirth-missed":
        return f"no NBIRTH in {max(PATIENCE_MS, m.at_ms - m.since_ms)} ms after the rebirth request"
    return unless(bool(m.names), f"without the birth of {', '.join(m.names[:3])}"[:120])
