"""The checks of a host application: which judge answers which assertion, and when it is asked.

What it is: a table, like that of the edge node.
What it is not: the judges (``sparkplug_judges_host.py``).
"""

from __future__ import annotations

from typing import Final

from console import sparkplug_judges_host as host
from console.sparkplug_judges import (
    Check,
    Judge,
    checks,
    clean,
    device_named,
    has_form,
    namespace,
    no_device,
    no_seq,
    qos_is,
    retain_is,
    sent_plainly,
    shape,
    stamped,
)

_ALL: Final = "online offline NCMD DCMD"
_PHID: Final = "host-topic-phid"
_APP: Final = "operational-behavior-host-application"
_FLOW: Final = "message-flow-phid-sparkplug"
_COMMANDS: Final = "operational-behavior-data-commands"
_REORDER: Final = "operational-behavior-host-reordering"
_DEATHS: Final = "operational-behavior-edge-node-termination-host-action"


def _host(on: str, judge: Judge, *ids: str) -> Check:
    return checks("host", on, judge, *ids)


_WILL: Final = (
    _host("connect", clean(4), f"{_FLOW}-clean-session-311"),
    _host("connect", clean(5), f"{_FLOW}-clean-session-50"),
    _host("connect", host.has_will, f"{_APP}-connect-will", f"{_PHID}-death-required", "payloads-state-will-message"),
    _host("connect", host.of_will(has_form("STATE")), f"{_APP}-connect-will-topic", f"{_PHID}-death-topic"),
    _host("connect", host.of_will(host.state_is(False)), f"{_APP}-connect-will-payload", f"{_PHID}-death-payload"),
    _host("connect", host.of_will(host.state_is(False)), "payloads-state-will-message-payload"),
    _host("connect", host.of_will(host.stamp_is_now), f"{_PHID}-death-payload-timestamp-connect"),
    _host("connect", host.of_will(qos_is(1)), f"{_APP}-connect-will-qos", f"{_PHID}-death-qos"),
    _host("connect", host.of_will(qos_is(1)), "payloads-state-will-message-qos"),
    _host("connect", host.of_will(retain_is(True)), f"{_APP}-connect-will-retained", f"{_PHID}-death-retain"),
    _host("connect", host.of_will(retain_is(True)), "payloads-state-will-message-retain"),
)

_BIRTH: Final = (
    _host(f"{_ALL} silent", host.birth_first, f"{_PHID}-birth-message", "principles-birth-certificates-order"),
    _host(f"{_ALL} silent", host.birth_first, f"{_APP}-connect-birth", f"{_FLOW}-state-publish"),
    _host("online", has_form("STATE"), f"{_PHID}-birth-topic", f"{_APP}-connect-birth-topic"),
    _host("online", qos_is(1), f"{_PHID}-birth-qos", f"{_APP}-connect-birth-qos"),
    _host("online", retain_is(True), f"{_PHID}-birth-retain", f"{_APP}-connect-birth-retained"),
    _host("online", lambda m: qos_is(1)(m) or retain_is(True)(m), "payloads-state-birth"),
    _host("online", host.state_is(True), f"{_PHID}-birth-payload", f"{_APP}-connect-birth-payload"),
    _host("online", host.state_is(True), f"{_FLOW}-state-publish-payload", "payloads-state-birth-payload"),
    _host("online", host.stamp_of_will, f"{_PHID}-birth-payload-timestamp", f"{_FLOW}-state-publish-payload-timestamp"),
    _host("online", host.listens_to_itself, "payloads-state-subscribe"),
    _host("online silent", host.listens_to_itself, f"{_PHID}-birth-required"),
    _host("online", host.listens, f"{_PHID}-birth-sub-required"),
    _host(_ALL, host.listens_first, f"{_FLOW}-subscription"),
    _host("online", host.only_holder, f"{_APP}-host-id"),
    _host("doubted", host.insists, "message-flow-hid-sparkplug-state-message-delivered"),
    _host(f"{_ALL} disconnect", host.states_itself, "intro-sparkplug-host-state", "components-ph-state"),
    _host("online offline disconnect", host.states_itself, "conformance-primary-host"),
)

_DEATH: Final = (
    _host("disconnect", host.says_goodbye, f"{_APP}-termination"),
    _host("offline", has_form("STATE"), f"{_APP}-death-topic"),
    _host("offline", host.state_is(False), f"{_APP}-death-payload"),
    _host("offline", qos_is(1), f"{_APP}-death-qos"),
    _host("offline", retain_is(True), f"{_APP}-death-retained"),
    _host("disconnect", host.goodbye_before_disconnect, f"{_PHID}-death-payload-timestamp-disconnect-clean"),
    _host(
        "closed",
        host.goodbye_without_disconnect,
        f"{_PHID}-death-payload-timestamp-disconnect-with-no-disconnect-packet",
    ),
    _host("disconnect", host.disconnects_at_once, f"{_APP}-disconnect-intentional"),
)

_SENT: Final = (
    _host(_ALL, shape, "topic-structure"),
    _host(_ALL, namespace, "topic-structure-namespace-a"),
    _host(_ALL, device_named, "topic-structure-namespace-device-id-associated-message-types"),
    _host(_ALL, no_device, "topic-structure-namespace-device-id-non-associated-message-types"),
    *(
        one
        for type_ in ("NCMD", "DCMD")
        for name in [type_.lower()]
        for one in (
            _host(type_, has_form(type_), f"topics-{name}-topic"),
            _host(type_, sent_plainly, f"topics-{name}-mqtt"),
            _host(type_, qos_is(0), f"payloads-{name}-qos"),
            _host(type_, retain_is(False), f"payloads-{name}-retain"),
            _host(type_, stamped, f"{{topics,payloads}}-{name}-timestamp"),
            _host(type_, no_seq, f"payloads-{name}-seq"),
            _host(type_, host.command_says_something, f"topics-{name}-payload"),
            _host(type_, host.metric_known, f"{_COMMANDS}-{name}-metric-name"),
            _host(type_, host.metric_fits, f"{_COMMANDS}-{name}-metric-value"),
        )
    ),
    _host("NCMD DCMD", host.node_verb, f"{_COMMANDS}-ncmd-verb"),
    _host("NCMD DCMD", host.device_verb, f"{_COMMANDS}-dcmd-verb"),
    _host("NCMD DCMD", host.rebirth_verb, f"{_COMMANDS}-ncmd-rebirth-verb"),
    _host("NCMD DCMD", host.rebirth_named, f"{_COMMANDS}-ncmd-rebirth-name"),
    _host("NCMD", host.rebirth_true, f"{_COMMANDS}-ncmd-rebirth-value"),
    _host("NCMD DCMD", host.dated_metric, "payloads-name-cmd-requirement"),
)

_HEARD: Final = (
    _host("gap", host.timeout_holds, f"{_REORDER}-param"),
    _host("gap gap-closed", host.waits, f"{_REORDER}-start"),
    _host("gap", host.asks, f"{_REORDER}-rebirth"),
    _host("gap-closed", host.goes_on, f"{_REORDER}-success"),
    _host("node-death", host.notes("offline"), f"{_DEATHS}-ndeath-node-offline"),
    _host("node-death", host.notes("stale"), f"{_DEATHS}-ndeath-node-tags-stale"),
    _host("node-death-of-device", host.notes("offline"), f"{_DEATHS}-ndeath-devices-offline"),
    _host("node-death-of-device", host.notes("stale"), f"{_DEATHS}-ndeath-devices-tags-stale"),
    _host("device-death", host.notes("offline"), f"{_DEATHS}-ddeath-devices-offline"),
    _host("device-death", host.notes("stale"), f"{_DEATHS}-ddeath-devices-tags-stale"),
)

HOST: Final[tuple[Check, ...]] = _WILL + _BIRTH + _DEATH + _SENT + _HEARD
