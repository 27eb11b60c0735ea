"""What an NBIRTH or DBIRTH of ours declares.

What it is: pure. A birth holds every metric that its thing will ever report, with type and current value (Sparkplug
3.0, 5.16), and the contract's birth whole as ``Qilu/birth``, so that a reader gets it back to the byte.
What it is not: the metrics of data (``sparkplug_metrics.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from contract.messages import Birth
from contract.sparkplug_names import ALWAYS, BD_SEQ, BIRTH, BOOT, GATEWAY, KIND, REBIRTH, SEQ, said_name
from contract.sparkplug_payload import DataType, Metric, Value

Current = Mapping[str, tuple[Value, int]]
"""The last value of each metric, with the time in ms at which it was captured."""
_MS: Final = 1_000_000


def declared(birth: Birth) -> dict[str, DataType]:
    """Every metric that a thing may report, with its data type."""
    sensors = {f"telemetry/{said_name(name)}": DataType.Double for name in birth.sensors}
    counters = {f"meter/{said_name(name)}": DataType.Int64 for name in birth.counters}
    return ALWAYS | sensors | counters


def birth_metrics(
    birth: Birth,
    boot: str,
    seq: int,
    payload_json: bytes,
    *,
    now_ms: int | None = None,
    current: Current | None = None,
    more: Mapping[str, DataType] | None = None,
) -> tuple[Metric, ...]:
    """The metrics of a DBIRTH, and those of an NBIRTH that every thing of ours has (``node_metrics`` adds the rest).

    They are in the order of time, as 5.16 demands: a current value keeps the time at which it was captured.

    Args:
        birth: the contract's birth.
        boot: of the messages that follow.
        seq: the number of the thing's last message so far; at first that of the birth itself. What is missing at a
            reader after a gap ends here.
        payload_json: the birth's JSON as it is, for ``Qilu/birth``.
        now_ms: when the birth is sent; None: the time that it states.
        current: the last value of each metric and its time in ms; what is absent is null.
        more: metrics that are reported though the contract's birth does not name them.
    """
    now_ms = birth.t // _MS if now_ms is None else now_ms
    known: dict[str, tuple[Value, int]] = {KIND: ("birth", now_ms), **(current or {})}
    known |= {BOOT: (boot, now_ms), SEQ: (seq, now_ms), BIRTH: (payload_json.decode(), now_ms)}
    names = declared(birth) | dict(more or {})
    said = [(name, datatype, *known.get(name, (None, now_ms))) for name, datatype in names.items()]
    said = [(name, datatype, value, min(t_ms, now_ms)) for name, datatype, value, t_ms in said]
    said.sort(key=lambda one: one[3])
    return tuple(Metric(name, datatype, value, timestamp_ms=t_ms) for name, datatype, value, t_ms in said)


def node_metrics(bd_seq: int, gateway: str, now_ms: int) -> tuple[Metric, ...]:
    """What an NBIRTH has beyond ``birth_metrics`` (Sparkplug 3.0, 4.2.1); ``gateway`` is its ``device_of``."""
    return (
        Metric(BD_SEQ, DataType.Int64, bd_seq, timestamp_ms=now_ms),
        Metric(REBIRTH, DataType.Boolean, False, timestamp_ms=now_ms),
        Metric(GATEWAY, DataType.String, gateway, timestamp_ms=now_ms),
    )
