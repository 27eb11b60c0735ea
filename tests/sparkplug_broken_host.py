"""Ways to break the good trace of a host, each with the assertions that it must break.

What it is: for every assertion of a host that can be violated at least one trace that violates it.
What it is not: the tests (``test_console_sparkplug_checks.py``).
"""

from __future__ import annotations

from dataclasses import replace

from sparkplug_encode import BOOLEAN, INT64, T0
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
    sent,
    state,
    topic,
    will,
)

from console.sparkplug_mqtt import Told

HOST: dict[str, tuple[Change, set[str]]] = {}
_PHID, _APP, _PS = "host-topic-phid", "operational-behavior-host-application", "message-flow-phid-sparkplug"
_CMD, _RE = "operational-behavior-data-commands", "operational-behavior-host-reordering"
_DEAD = "operational-behavior-edge-node-termination-host-action"
_STATED = ids("intro-sparkplug-host-state", "components-ph-state")
_WILL_PAYLOAD = ids(f"{_APP}-connect-will-payload", f"{_PHID}-death-payload", "payloads-state-will-message-payload")
_BIRTH_PAYLOAD = ids(f"{_PHID}-birth-payload", f"{_APP}-connect-birth-payload", f"{_PS}-state-publish-payload")

# -- STATE
HOST |= {
    "v5 not clean": (connect("host connect", clean=False), ids(f"{_PS}-clean-session-50")),
    "311 not clean": (connect("host connect 311", clean=False), ids(f"{_PS}-clean-session-311")),
    "no will": (
        both(change("host connect", lambda s: replace(s, payload=None)), connect("host connect", will=None)),
        ids(f"{_APP}-connect-will", f"{_PHID}-death-required", "payloads-state-will-message"),
    ),
    "will elsewhere": (
        will("host connect", topic="STATE/h1"),
        ids(f"{_APP}-connect-will-topic", f"{_PHID}-death-topic"),
    ),
    "will no JSON": (
        both(change("host connect", lambda s: replace(s, payload=None)), will("host connect", payload=b"OFFLINE")),
        _WILL_PAYLOAD,
    ),
    "will online": (state("host connect", online=True), _WILL_PAYLOAD),
    "will of the past": (
        state("host connect", timestamp=T0 - 3_600_000),
        ids(f"{_PHID}-death-payload-timestamp-connect"),
    ),
    "will QoS 0": (
        will("host connect", qos=0),
        ids(f"{_APP}-connect-will-qos", f"{_PHID}-death-qos", "payloads-state-will-message-qos"),
    ),
    "will not retained": (
        will("host connect", retain=False),
        ids(f"{_APP}-connect-will-retained", f"{_PHID}-death-retain", "payloads-state-will-message-retain"),
    ),
    "command first": (
        copy("NCMD", "online"),
        ids(f"{_PHID}-birth-message", "principles-birth-certificates-order", f"{_APP}-connect-birth")
        | ids(f"{_PS}-state-publish")
        | _STATED,
    ),
    "birth elsewhere": (
        sent("online", topic="STATE/h1"),
        ids(f"{_PHID}-birth-topic", f"{_APP}-connect-birth-topic", "topic-structure-namespace-a", "topic-structure"),
    ),
    "birth QoS 0": (
        sent("online", qos=0),
        ids(f"{_PHID}-birth-qos", f"{_APP}-connect-birth-qos", "payloads-state-birth"),
    ),
    "birth not retained": (
        sent("online", retain=False),
        ids(f"{_PHID}-birth-retain", f"{_APP}-connect-birth-retained", "payloads-state-birth"),
    ),
    "birth with more": (state("online", version=1), _BIRTH_PAYLOAD | ids("payloads-state-birth-payload")),
    "birth of another time": (
        state("online", timestamp=T0 + 5000),
        ids(f"{_PHID}-birth-payload-timestamp", f"{_PS}-state-publish-payload-timestamp"),
    ),
    "not subscribed": (
        drop("host subscribe"),
        ids("payloads-state-subscribe", f"{_PHID}-birth-{{required,sub-required}}", f"{_PS}-subscription"),
    ),
    "never born": (
        both(*(drop(one) for one in ("online 311", "offline 311")), later("host closed 311", 9000)),
        ids(f"{_PHID}-birth-{{required,message}}", f"{_APP}-connect-birth", f"{_PS}-state-publish"),
    ),
    "two hosts": (
        both(drop("host closed"), connect("host connect 311", client_id="other")),
        ids(f"{_APP}-host-id"),
    ),
    "takes the doubt": (drop("online", 1), ids("message-flow-hid-sparkplug-state-message-delivered")),
    "slow in doubt": (later("online", 4000, 1), ids("message-flow-hid-sparkplug-state-message-delivered")),
    "no goodbye": (
        drop("offline"),
        ids(f"{_APP}-termination", f"{_PHID}-death-payload-timestamp-disconnect-clean", "conformance-primary-host")
        | _STATED,
    ),
    "death elsewhere": (sent("offline", topic="STATE/h1"), ids(f"{_APP}-death-topic")),
    "death without a time": (state("offline", timestamp=...), ids(f"{_APP}-death-payload")),
    "death QoS 0": (sent("offline", qos=0), ids(f"{_APP}-death-qos")),
    "death not retained": (sent("offline", retain=False), ids(f"{_APP}-death-retained")),
    "death of old": (
        state("offline", timestamp=T0 - 600_000),
        ids(f"{_PHID}-death-payload-timestamp-disconnect-clean"),
    ),
    "death of old 311": (
        state("offline 311", timestamp=T0 - 600_000),
        ids(f"{_PHID}-death-payload-timestamp-disconnect-with-no-disconnect-packet"),
    ),
}

# -- commands
for _kind, _name in (("NCMD", "n1"), ("DCMD", "d1")):
    _low = _kind.lower()
    HOST |= {
        f"{_kind} elsewhere": (topic(_kind, "spBv1.0", "spAv1.0"), ids(f"topics-{_low}-topic")),
        f"{_kind} QoS 1": (sent(_kind, qos=1), ids(f"topics-{_low}-mqtt", f"payloads-{_low}-qos")),
        f"{_kind} retained": (sent(_kind, retain=True), ids(f"topics-{_low}-mqtt", f"payloads-{_low}-retain")),
        f"{_kind} undated": (
            payload(_kind, lambda p: replace(p, t=None)),
            ids(f"{{topics,payloads}}-{_low}-timestamp"),
        ),
        f"{_kind} with seq": (payload(_kind, lambda p: replace(p, seq=0)), ids(f"payloads-{_low}-seq")),
        f"{_kind} empty": (metrics(_kind, lambda _: ()), ids(f"topics-{_low}-payload")),
        f"{_kind} of a stranger": (metric(_kind, 0, name="surprise"), ids(f"{_CMD}-{_low}-metric-name")),
        f"{_kind} of another type": (metric(_kind, 0, value=1.5, field="double"), ids(f"{_CMD}-{_low}-metric-value")),
    }
HOST |= {
    "NCMD names a device": (
        topic("NCMD", "NCMD/n1", "NCMD/n1/d1"),
        ids("topic-structure-namespace-device-id-non-associated-message-types", "topic-structure"),
    ),
    "DCMD names none": (topic("DCMD", "/d1", ""), ids("topic-structure-namespace-device-id-associated-message-types")),
    "a device's metric by NCMD": (metric("NCMD", 0, name="set", value=5, as_type=INT64), ids(f"{_CMD}-dcmd-verb")),
    "rebirth by DCMD": (
        metric("DCMD", 0, name="Node Control/Rebirth", value=True, as_type=BOOLEAN),
        ids(f"{_CMD}-ncmd-verb", f"{_CMD}-ncmd-rebirth-verb"),
    ),
    "rebirth misspelt": (metric("NCMD", 0, name="Node Control/rebirth"), ids(f"{_CMD}-ncmd-rebirth-name")),
    "rebirth false": (metric("NCMD", 0, value=False), ids(f"{_CMD}-ncmd-rebirth-value")),
}

# -- what came to it
HOST |= {
    "asks at once": (later("NCMD odd", -1900), ids(f"{_RE}-start", f"{_RE}-param")),
    "asks too late": (
        both(later("NCMD odd", 3000), later("heard odd", 3000), later("heard odd", 3000, 1)),
        ids(f"{_RE}-start", f"{_RE}-rebirth"),
    ),
    "does not ask": (
        both(drop("NCMD odd"), later("heard odd", 9000), later("heard odd", 9000, 1)),
        ids(f"{_RE}-rebirth"),
    ),
    "asks for nothing": (copy("NCMD odd", "odd 4"), ids(f"{_RE}-success")),
}
for _what, _end in (("offline", "offline"), ("stale", "tags-stale")):
    _node = ids(f"{_DEAD}-ndeath-node-{_end}")
    HOST |= {
        f"device's death not {_what}": (drop(f"told {_what}", 0), ids(f"{_DEAD}-ddeath-devices-{_end}")),
        f"device's death {_what} at another time": (
            change(f"told {_what}", lambda s: replace(s, packet=_moved(s.packet))),
            ids(f"{_DEAD}-ddeath-devices-{_end}"),
        ),
        f"node's death not {_what}": (drop(f"told {_what}", 1), _node),
        f"node's devices not {_what}": (drop(f"told {_what}", 2), ids(f"{_DEAD}-ndeath-devices-{_end}")),
    }


def _moved(packet: object) -> Told:
    assert isinstance(packet, Told)
    return Told(packet.who, packet.what, packet.group, packet.node, packet.device, packet.at_ms + 700)
