"""The checks of an edge node: which judge answers which assertion, and when it is asked.

What it is: a table; the specification says many things twice or three times (chapters 4, 5 and 6), so one judge may
answer several ids.
What it is not: the judges (``sparkplug_judges*.py``).
"""

from __future__ import annotations

from typing import Final

from console import sparkplug_judges_edge as session
from console import sparkplug_judges_payload as payload
from console.sparkplug_judges import (
    Check,
    Judge,
    allowed,
    bd_seq_matches,
    checks,
    clean,
    device_named,
    each_metric,
    has_form,
    has_seq,
    is_payload,
    namespace,
    next_seq,
    no_device,
    no_seq,
    qos_is,
    readable,
    retain_is,
    sent_plainly,
    shape,
    stamped,
)

_ALL: Final = "NBIRTH DBIRTH NDATA DDATA DDEATH NDEATH other"
_COUNTED: Final = "NBIRTH DBIRTH NDATA DDATA DDEATH"
_BIRTHS: Final = "NBIRTH DBIRTH"
_DATA: Final = "NDATA DDATA"
_FLOW: Final = "message-flow-edge-node-birth-publish"
_DEVICE: Final = "message-flow-device-birth-publish"
_ACTS: Final = "operational-behavior"


def _edge(on: str, judge: Judge, *ids: str) -> Check:
    return checks("edge", on, judge, *ids)


def _will(judge: Judge) -> Judge:
    """The judge, asked of a will that must be there."""
    return lambda m: session.has_will(m) or judge(m)


def _valid(which: str) -> Judge:
    return lambda m: readable(which)(m) or allowed(which)(m)


_SESSION: Final = (
    _edge("connect", clean(4), "principles-persistence-clean-session-311"),
    _edge("connect", clean(5), "principles-persistence-clean-session-50"),
    _edge("connect", session.has_will, f"{_FLOW}-will-message", "payloads-ndeath-will-message"),
    _edge("connect", _will(has_form("NDEATH")), f"{_FLOW}-will-message-topic"),
    _edge("connect", _will(is_payload), f"{_FLOW}-will-message-payload"),
    _edge("connect", _will(session.bd_seq_typed), f"{_FLOW}-will-message-payload-bdSeq"),
    _edge("connect", _will(session.bd_seq_steps), "topics-nbirth-bdseq-increment"),
    _edge("connect", _will(qos_is(1)), f"{_FLOW}-will-message-qos", "payloads-ndeath-will-message-qos"),
    _edge("connect", _will(retain_is(False)), f"{_FLOW}-will-message-will-retained"),
    _edge("connect", _will(retain_is(False)), "payloads-ndeath-will-message-retain"),
    _edge("connect NDEATH", has_form("NDEATH"), "topics-ndeath-topic"),
    _edge("connect NDEATH", session.will_death, "topics-ndeath-payload"),
    _edge("connect NDEATH", no_seq, "{topics,payloads}-ndeath-seq"),
    _edge("NBIRTH NDEATH", bd_seq_matches, "payloads-ndeath-bdseq"),
    _edge(_ALL, session.birth_first, "principles-birth-certificates-order"),
    _edge(_BIRTHS, session.connected_first, f"{_FLOW}-connect"),
    _edge("NBIRTH", session.listens_ncmd, "message-flow-edge-node-ncmd-subscribe"),
    _edge("DBIRTH", session.listens_dcmd, "message-flow-device-dcmd-subscribe"),
    _edge("DBIRTH", session.node_born, f"{_DEVICE}-nbirth-wait"),
    _edge("DBIRTH", session.of_this_node, f"{_DEVICE}-dbirth-match-edge-node-topic"),
    _edge("DBIRTH", session.before_data, "payloads-dbirth-order"),
    _edge("NDATA", session.births_first, "payloads-ndata-order"),
    _edge("DDATA", session.births_first, "payloads-ddata-order"),
    _edge("DDEATH lost", session.buried, f"{_ACTS}-device-ddeath"),
    _edge("rebirth-kept rebirth-ignored", session.stops, f"{_ACTS}-data-commands-rebirth-action-1"),
    _edge("birth-sequence rebirth-missed", session.is_reborn, f"{_ACTS}-data-commands-rebirth-action-2"),
    _edge("rebirth-kept", bd_seq_matches, f"{_ACTS}-data-commands-rebirth-action-3"),
    _edge("disconnect", session.says_goodbye, f"{_ACTS}-edge-node-intentional-disconnect-ndeath"),
    _edge("disconnect", session.says_goodbye, "payloads-ndeath-will-message-publisher"),
    _edge("disconnect", session.says_goodbye_in_311, "payloads-ndeath-will-message-publisher-disconnect-mqtt311"),
    _edge("disconnect", session.keeps_will, "payloads-ndeath-will-message-publisher-disconnect-mqtt50"),
    _edge("disconnect", session.disconnects_at_once, f"{_ACTS}-edge-node-intentional-disconnect-packet"),
)

_TOPICS: Final = (
    _edge(_ALL, shape, "topic-structure"),
    _edge(_ALL, namespace, "topic-structure-namespace-a"),
    _edge(_ALL, device_named, "topic-structure-namespace-device-id-associated-message-types"),
    _edge(_ALL, no_device, "topic-structure-namespace-device-id-non-associated-message-types"),
    _edge(_ALL, readable("group"), "intro-group-id-string"),
    _edge(_ALL, allowed("group"), "intro-group-id-chars"),
    _edge(_ALL, readable("node"), "intro-edge-node-id-string"),
    _edge(_ALL, allowed("node"), "intro-edge-node-id-chars"),
    _edge(_ALL, readable("device"), "intro-device-id-string"),
    _edge(_ALL, allowed("device"), "intro-device-id-chars"),
    _edge(_ALL, _valid("group"), "topic-structure-namespace-valid-group-id"),
    _edge(_ALL, _valid("node"), "topic-structure-namespace-valid-edge-node-id"),
    _edge("DBIRTH DDATA DDEATH", _valid("device"), "topic-structure-namespace-valid-device-id"),
    _edge("NBIRTH", session.only_holder, "intro-edge-node-id-uniqueness", "payloads-nbirth-edge-node-descriptor"),
    _edge("NBIRTH", session.only_holder, "topic-structure-namespace-unique-edge-node-descriptor"),
    _edge("DBIRTH", session.device_once, "topic-structure-namespace-unique-device-id"),
    _edge("DBIRTH", session.same_device_elsewhere, "topic-structure-namespace-duplicate-device-id-across-edge-node"),
    _edge(_ALL, session.no_case_twin, "case-sensitivity-sparkplug-ids"),
    _edge("NBIRTH", has_form("NBIRTH"), "topics-nbirth-topic", f"{_FLOW}-nbirth-topic"),
    _edge("DBIRTH", has_form("DBIRTH"), "topics-dbirth-topic", f"{_DEVICE}-dbirth-topic"),
    *(_edge(one, has_form(one), f"topics-{one.lower()}-topic") for one in ("NDATA", "DDATA", "DDEATH")),
    *(_edge(one, sent_plainly, f"topics-{one.lower()}-mqtt") for one in _COUNTED.split()),
    *(_edge(one, qos_is(0), f"payloads-{one.lower()}-qos") for one in f"{_BIRTHS} {_DATA}".split()),
    *(_edge(one, retain_is(False), f"payloads-{one.lower()}-retain") for one in f"{_BIRTHS} {_DATA}".split()),
    _edge("NBIRTH", qos_is(0), f"{_FLOW}-nbirth-qos"),
    _edge("NBIRTH", retain_is(False), f"{_FLOW}-nbirth-retained"),
    _edge("DBIRTH", qos_is(0), f"{_DEVICE}-dbirth-qos"),
    _edge("DBIRTH", retain_is(False), f"{_DEVICE}-dbirth-retained"),
)

_PAYLOADS: Final = (
    _edge("NBIRTH", is_payload, f"{_FLOW}-nbirth-payload"),
    _edge("DBIRTH", is_payload, f"{_DEVICE}-dbirth-payload"),
    *(_edge(one, stamped, f"{{topics,payloads}}-{one.lower()}-timestamp") for one in f"{_BIRTHS} {_DATA}".split()),
    _edge("DDEATH", stamped, "payloads-ddeath-timestamp"),
    _edge(_COUNTED, stamped, "payloads-timestamp-in-UTC"),
    _edge("NBIRTH", payload.seq_is_0, "topics-nbirth-seq-num"),
    _edge("NBIRTH", has_seq, "payloads-nbirth-seq", f"{_FLOW}-nbirth-payload-seq", "payloads-sequence-num-req-nbirth"),
    _edge("DBIRTH", next_seq, "topics-dbirth-seq", "payloads-dbirth-seq-inc", f"{_DEVICE}-dbirth-payload-seq"),
    *(_edge(one, has_seq, f"payloads-{one.lower()}-seq") for one in ("DBIRTH", "NDATA", "DDATA", "DDEATH")),
    *(_edge(one, next_seq, f"topics-{one.lower()}-seq-num") for one in ("NDATA", "DDATA", "DDEATH")),
    *(_edge(one, next_seq, f"payloads-{one.lower()}-seq-inc") for one in ("NDATA", "DDATA", "DDEATH")),
    _edge("DDEATH", has_seq, "payloads-ddeath-seq-number"),
    _edge(_COUNTED, has_seq, "payloads-sequence-num-always-included"),
    _edge("DBIRTH NDATA DDATA DDEATH", next_seq, "payloads-sequence-num-incrementing"),
    _edge("NBIRTH", payload.has_bd_seq, "topics-nbirth-bdseq-included", "payloads-nbirth-bdseq"),
    _edge("NBIRTH", bd_seq_matches, "topics-nbirth-bdseq-matching", "payloads-nbirth-bdseq-repeat"),
    _edge("NBIRTH", payload.bd_seq_as_in_will, f"{_FLOW}-nbirth-payload-bdSeq"),
    _edge("NBIRTH", payload.rebirth_is_whole, "topics-nbirth-rebirth-metric", "payloads-nbirth-rebirth-req"),
    _edge("NBIRTH", payload.has_rebirth, f"{_ACTS}-data-commands-rebirth-name"),
    _edge("NBIRTH", payload.rebirth_is_boolean, f"{_ACTS}-data-commands-rebirth-datatype"),
    _edge("NBIRTH", payload.rebirth_is_false, f"{_ACTS}-data-commands-rebirth-value"),
    _edge("NBIRTH", each_metric(payload.complete), "topics-nbirth-metrics"),
    _edge("DBIRTH", each_metric(payload.complete), "topics-dbirth-metrics"),
    _edge("NBIRTH", each_metric(payload.current), f"{_ACTS}-data-publish-nbirth-values"),
    _edge("DBIRTH", each_metric(payload.current), f"{_ACTS}-data-publish-dbirth-values"),
    _edge("NDATA", payload.declared, "topics-nbirth-metric-reqs", f"{_ACTS}-data-publish-nbirth"),
    _edge("DDATA", payload.declared, "topics-dbirth-metric-reqs", f"{_ACTS}-data-publish-dbirth"),
    _edge("NDATA", payload.says_something, "topics-ndata-payload"),
    _edge("DDATA", payload.says_something, "topics-ddata-payload"),
    _edge("NDATA", payload.changed, f"{_ACTS}-data-publish-nbirth-change"),
    _edge("DDATA", payload.changed, f"{_ACTS}-data-publish-dbirth-change"),
    _edge(_DATA, payload.changed, "principles-rbe-recommended"),
    _edge("NBIRTH NDATA", payload.in_order, f"{_ACTS}-data-publish-nbirth-order"),
    _edge("DBIRTH DDATA", payload.in_order, f"{_ACTS}-data-publish-dbirth-order"),
    _edge(_BIRTHS, payload.no_twin_names, "case-sensitivity-metric-names"),
    _edge(f"{_BIRTHS} {_DATA}", each_metric(payload.named), "payloads-name-requirement"),
    _edge(f"{_BIRTHS} {_DATA}", each_metric(payload.dated), "payloads-name-birth-data-requirement"),
    _edge(f"{_BIRTHS} {_DATA}", payload.utc, "payloads-metric-timestamp-in-UTC"),
    _edge(_BIRTHS, each_metric(payload.typed), "payloads-metric-datatype-req"),
    _edge(_DATA, each_metric(payload.untyped), "payloads-metric-datatype-not-req"),
    _edge(f"{_BIRTHS} {_DATA}", each_metric(payload.known_type), "payloads-metric-datatype-value"),
    _edge(f"{_BIRTHS} {_DATA}", each_metric(payload.short_type), "payloads-metric-datatype-value-type"),
)

EDGE: Final[tuple[Check, ...]] = _SESSION + _TOPICS + _PAYLOADS
