"""Ways to break the good trace of an edge node, each with the assertions that it must break.

What it is: for every assertion of an edge node that can be violated at least one trace that violates it.
What it is not: the tests (``test_console_sparkplug_checks.py``).
"""

from __future__ import annotations

from dataclasses import replace

from sparkplug_encode import DOUBLE, INT64, T0, M
from sparkplug_mutations import (
    Change,
    both,
    change,
    connect,
    copy,
    drop,
    ids,
    later,
    metric,
    metrics,
    payload,
    raw,
    sent,
    topic,
    will,
)

from console.sparkplug_mqtt import Connack, Disconnect, Subscribe, Told

EDGE: dict[str, tuple[Change, set[str]]] = {}

_FLOW, _DEV, _OB = "message-flow-edge-node-birth-publish", "message-flow-device-birth-publish", "operational-behavior"
_TS = "topic-structure-namespace"

# -- connecting and leaving
EDGE |= {
    "v5 not clean": (connect("connect", clean=False), ids("principles-persistence-clean-session-50")),
    "v5 expiry": (connect("connect", expiry_s=60), ids("principles-persistence-clean-session-50")),
    "311 not clean": (connect("connect 311", clean=False), ids("principles-persistence-clean-session-311")),
    "no will": (
        both(change("connect", lambda s: replace(s, payload=None)), connect("connect", will=None)),
        ids(f"{_FLOW}-will-message{{,-topic,-payload,-payload-bdSeq,-qos,-will-retained}}", "payloads-ndeath-bdseq")
        | ids("payloads-ndeath-will-message{,-qos,-retain}", "topics-nbirth-bdseq-{matching,increment}")
        | ids("payloads-nbirth-bdseq-repeat"),
    ),
    "will elsewhere": (
        will("connect", topic="spBv1.0/g/n1/NDEATH"),
        ids(f"{_FLOW}-will-message-topic", "topics-ndeath-topic"),
    ),
    "will no protobuf": (
        both(change("connect", lambda s: replace(s, payload=None)), will("connect", payload=b"\xff\xff")),
        ids(f"{_FLOW}-will-message-payload", "topics-ndeath-payload"),
    ),
    "will QoS 0": (will("connect", qos=0), ids(f"{_FLOW}-will-message-qos", "payloads-ndeath-will-message-qos")),
    "will retained": (
        will("connect", retain=True),
        ids(f"{_FLOW}-will-message-will-retained", "payloads-ndeath-will-message-retain"),
    ),
    "bdSeq repeated": (
        metric("connect", 0, value=7),
        ids("topics-nbirth-bdseq-increment", f"{_FLOW}-will-message-payload-bdSeq", "topics-nbirth-bdseq-matching"),
    ),
    "bdSeq no Int64": (metric("connect", 0, datatype=8, field="long"), ids(f"{_FLOW}-will-message-payload-bdSeq")),
    "will with seq": (payload("connect", lambda p: replace(p, seq=0)), ids("{topics,payloads}-ndeath-seq")),
    "death with more": (metrics("NDEATH", lambda ms: (*ms, M("x", 1, INT64))), ids("topics-ndeath-payload")),
    "death of another": (metric("NDEATH", 0, value=3), ids("payloads-ndeath-bdseq")),
    "births before CONNACK": (
        change("connack", lambda s: replace(s, packet=Connack(135))),
        ids(f"{_FLOW}-connect"),
    ),
    "no NCMD": (
        change("subscribe", lambda s: replace(s, packet=Subscribe(1, (("spBv1.0/g/DCMD/n1/+", 1),)))),
        ids("message-flow-edge-node-ncmd-subscribe"),
    ),
    "DCMD QoS 0": (
        change("subscribe", lambda s: replace(s, packet=Subscribe(1, (("spBv1.0/g/DCMD/n1/+", 0),)))),
        ids("message-flow-device-dcmd-subscribe", "message-flow-edge-node-ncmd-subscribe"),
    ),
    "data first": (copy("NDATA", "NBIRTH"), ids("principles-birth-certificates-order", "payloads-ndata-order")),
    "device first": (drop("NBIRTH", 0), ids(f"{_DEV}-nbirth-wait", "principles-birth-certificates-order")),
    "DBIRTH elsewhere": (
        topic("DBIRTH", "spBv1.0/g/", "spBv1.0/G2/"),
        ids(f"{_DEV}-dbirth-match-edge-node-topic"),
    ),
    "DBIRTH after data": (
        both(drop("DBIRTH", 1), copy("DBIRTH", "NDATA", nth=1, to=1)),
        ids("payloads-dbirth-order", "payloads-ddata-order"),
    ),
    "device lost": (
        copy("told setting", "host disconnect", packet=Told("n", "device-lost", "g", "n1", "d1")),
        ids(f"{_OB}-device-ddeath"),
    ),
    "data after the request": (
        both(copy("NDATA", "NBIRTH", nth=3, to=1), later("request", -900), later("NCMD", -900)),
        ids(f"{_OB}-data-commands-rebirth-action-1"),
    ),
    "no rebirth": (
        both(drop("NBIRTH", 1), drop("DBIRTH", 2), drop("DBIRTH", 2)),
        ids(f"{_OB}-data-commands-rebirth-action-{{1,2}}"),
    ),
    "half a rebirth": (
        drop("DBIRTH", 3),
        ids(f"{_OB}-data-commands-rebirth-action-2", "payloads-ndata-order"),
    ),
    "rebirth counts on": (metric("NBIRTH", 0, nth=1, value=9), ids(f"{_OB}-data-commands-rebirth-action-3")),
    "no goodbye": (
        drop("NDEATH"),
        ids(f"{_OB}-edge-node-intentional-disconnect-ndeath", "payloads-ndeath-will-message-publisher"),
    ),
    "no goodbye 311": (drop("NDEATH 311"), ids("payloads-ndeath-will-message-publisher-disconnect-mqtt311")),
    "no will at the end": (
        change("disconnect", lambda s: replace(s, packet=Disconnect(0))),
        ids("payloads-ndeath-will-message-publisher-disconnect-mqtt50"),
    ),
}

# -- topics
EDGE |= {
    "a level too many": (
        topic("NDATA", "NDATA/n1", "NDATA/n1/x"),
        ids("topic-structure", f"{_TS}-device-id-non-associated-message-types", "topics-ndata-topic"),
    ),
    "a level too few": (
        topic("DDATA", "/d1", ""),
        ids("topic-structure", f"{_TS}-device-id-associated-message-types", "topics-ddata-topic"),
    ),
    "namespace A": (topic("NDATA", "spBv1.0", "spAv1.0"), ids(f"{_TS}-a", "topics-ndata-topic")),
    "group +": (topic("NDATA", "/g/", "/g+/"), ids("intro-group-id-chars", f"{_TS}-valid-group-id")),
    "node #": (topic("NDATA", "/n1", "/n1#"), ids("intro-edge-node-id-chars", f"{_TS}-valid-edge-node-id")),
    "device #": (topic("DDATA", "/d1", "/d#"), ids("intro-device-id-chars", f"{_TS}-valid-device-id")),
    "group no UTF-8": (topic("NDATA", "/g/", "/\ufffd/"), ids("intro-group-id-string", f"{_TS}-valid-group-id")),
    "node no UTF-8": (topic("NDATA", "/n1", "/\ufffd"), ids("intro-edge-node-id-string", f"{_TS}-valid-edge-node-id")),
    "device no UTF-8": (topic("DDATA", "/d1", "/\ufffd"), ids("intro-device-id-string", f"{_TS}-valid-device-id")),
    "two of one name": (
        both(drop("disconnect 311"), drop("closed 311")),
        set(),
    ),
    "somebody else's name": (
        both(drop("disconnect 311"), drop("closed 311"), connect("connect 311", client_id="thief")),
        ids(
            "intro-edge-node-id-uniqueness",
            "payloads-nbirth-edge-node-descriptor",
            f"{_TS}-unique-edge-node-descriptor",
        ),
    ),
    "device twice": (copy("DBIRTH", "NDATA"), ids(f"{_TS}-unique-device-id")),
    "case twins": (topic("DBIRTH", "/d1", "/D1"), ids("case-sensitivity-sparkplug-ids")),
    "NBIRTH of a device": (
        topic("NBIRTH", "/n1", "/n1/x"),
        ids("topics-nbirth-topic", f"{_FLOW}-nbirth-topic"),
    ),
    "DBIRTH of a node": (topic("DBIRTH", "/d1", ""), ids("topics-dbirth-topic", f"{_DEV}-dbirth-topic")),
    "DDEATH of a node": (topic("DDEATH", "/d2", ""), ids("topics-ddeath-topic")),
}
for _kind in ("NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH"):
    _low = _kind.lower()
    _flow = {"NBIRTH": _FLOW, "DBIRTH": _DEV}.get(_kind)
    _qos, _retain = ids(f"topics-{_low}-mqtt"), ids(f"topics-{_low}-mqtt")
    _stamp, _seq, _inc = ids("payloads-timestamp-in-UTC"), ids("payloads-sequence-num-always-included"), set[str]()
    if _kind != "DDEATH":
        _qos |= ids(f"payloads-{_low}-qos")
        _retain |= ids(f"payloads-{_low}-retain")
        _stamp |= ids(f"topics-{_low}-timestamp")
    if _flow:
        _qos |= ids(f"{_flow}-{_low}-qos")
        _retain |= ids(f"{_flow}-{_low}-retained")
    if _kind != "NBIRTH":
        _inc = ids(f"payloads-{_low}-seq-inc", "payloads-sequence-num-incrementing")
        _inc |= ids("topics-dbirth-seq" if _kind == "DBIRTH" else f"topics-{_low}-seq-num")
    _inc |= ids(f"{_DEV}-dbirth-payload-seq") if _kind == "DBIRTH" else set()
    _inc |= ids("topics-nbirth-seq-num") if _kind == "NBIRTH" else set()
    _seq |= ids("payloads-ddeath-seq-number") if _kind == "DDEATH" else set()
    EDGE |= {
        f"{_kind} QoS 1": (sent(_kind, qos=1), _qos),
        f"{_kind} retained": (sent(_kind, retain=True), _retain),
        f"{_kind} undated": (payload(_kind, lambda p: replace(p, t=None)), _stamp | ids(f"payloads-{_low}-timestamp")),
        f"{_kind} local time": (payload(_kind, lambda p: replace(p, t=T0 + 3_600_000)), _stamp),
        f"{_kind} no seq": (payload(_kind, lambda p: replace(p, seq=None)), _seq | ids(f"payloads-{_low}-seq")),
        f"{_kind} seq 300": (payload(_kind, lambda p: replace(p, seq=300)), _seq | ids(f"payloads-{_low}-seq")),
        f"{_kind} seq + 1": (payload(_kind, lambda p: replace(p, seq=((p.seq or 0) + 1) % 256)), _inc),
        f"{_kind} no protobuf": (raw(_kind), ids(f"{_flow}-{_low}-payload") if _flow else _seq),
    }

# -- what stands in the payloads
EDGE |= {
    "NBIRTH seq 1": (payload("NBIRTH", lambda p: replace(p, seq=1)), ids("topics-nbirth-seq-num")),
    "NBIRTH seq 256": (
        payload("NBIRTH", lambda p: replace(p, seq=256)),
        ids("payloads-sequence-num-req-nbirth", f"{_FLOW}-nbirth-payload-seq", "payloads-nbirth-seq"),
    ),
    "no bdSeq": (
        metrics("NBIRTH", lambda ms: ms[1:]),
        ids(
            "topics-nbirth-bdseq-{included,matching}",
            "payloads-nbirth-bdseq{,-repeat}",
            f"{_FLOW}-nbirth-payload-bdSeq",
        ),
    ),
    "no rebirth metric": (
        metrics("NBIRTH", lambda ms: (ms[0], *ms[2:])),
        ids("topics-nbirth-rebirth-metric", "payloads-nbirth-rebirth-req", f"{_OB}-data-commands-rebirth-name"),
    ),
    "rebirth metric Int": (
        metric("NBIRTH", 1, datatype=INT64),
        ids("topics-nbirth-rebirth-metric", f"{_OB}-data-commands-rebirth-datatype"),
    ),
    "rebirth metric true": (
        metric("NBIRTH", 1, value=True),
        ids("payloads-nbirth-rebirth-req", f"{_OB}-data-commands-rebirth-value"),
    ),
    "unannounced node metric": (
        metric("NDATA", 0, name="surprise"),
        ids("topics-nbirth-metric-reqs", f"{_OB}-data-publish-nbirth"),
    ),
    "unannounced device metric": (
        metric("DDATA", 0, name="surprise"),
        ids("topics-dbirth-metric-reqs", f"{_OB}-data-publish-dbirth"),
    ),
    "empty NDATA": (metrics("NDATA", lambda _: ()), ids("topics-ndata-payload")),
    "empty DDATA": (metrics("DDATA", lambda _: ()), ids("topics-ddata-payload")),
    "NDATA again": (
        metric("NDATA", 0, value=1.0),
        ids(f"{_OB}-data-publish-nbirth-change", "principles-rbe-recommended"),
    ),
    "DDATA again": (
        metric("DDATA", 0, value=1.0),
        ids(f"{_OB}-data-publish-dbirth-change", "principles-rbe-recommended"),
    ),
    "NDATA in disorder": (
        metrics("NDATA", lambda ms: (*ms, replace(ms[0], t=T0 - 1))),
        ids(f"{_OB}-data-publish-nbirth-order"),
    ),
    "DBIRTH in disorder": (metric("DBIRTH", 1, t=T0 - 1), ids(f"{_OB}-data-publish-dbirth-order")),
    "name twins": (
        metrics("DBIRTH", lambda ms: (*ms, replace(ms[0], name="HEAT"))),
        ids("case-sensitivity-metric-names"),
    ),
    "nameless": (metric("NDATA", 0, name=None), ids("payloads-name-requirement")),
    "undated metric": (metric("DDATA", 0, t=None), ids("payloads-name-birth-data-requirement")),
    "metric of tomorrow": (metric("DDATA", 0, t=T0 + 86_400_000), ids("payloads-metric-timestamp-in-UTC")),
    "old, no history": (metric("DDATA", 0, t=T0 - 7_200_000), ids("payloads-metric-timestamp-in-UTC")),
    "untyped birth": (
        metric("DBIRTH", 0, datatype=None),
        ids("payloads-metric-datatype-req", "topics-dbirth-metrics"),
    ),
    "typed data": (metric("DDATA", 0, datatype=DOUBLE), ids("payloads-metric-datatype-not-req")),
    "strange type": (metric("DBIRTH", 0, datatype=99, field="double"), ids("payloads-metric-datatype-value")),
    "long type": (metric("DBIRTH", 0, datatype=2**32 + 10, field="double"), ids("payloads-metric-datatype-value-type")),
    "NBIRTH value of another type": (metric("NBIRTH", 2, field="float"), ids("topics-nbirth-metrics")),
    "NBIRTH null with a value": (metric("NBIRTH", 2, null=True), ids(f"{_OB}-data-publish-nbirth-values")),
    "DBIRTH without a value": (
        metric("DBIRTH", 0, value=None, null=False),
        ids(f"{_OB}-data-publish-dbirth-values", "topics-dbirth-metrics"),
    ),
}
