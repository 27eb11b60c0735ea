"""Edge nodes of others: their metrics as the contract's births and telemetry.

What it is: pure. A node or device of another vendor becomes a machine whose sensors are its numeric and boolean
metrics, under names that the contract allows; each value keeps the time of its metric.
What it is not: a place for text. The contract's telemetry is numbers; text, bytes, tables and metrics that the sender
calls transient (not to be stored: Sparkplug 3.0, 6.4, metric) are counted and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import isfinite
from typing import Final

from contract import MAX_NAMES, MAX_ROWS, Birth, ContractError, Sensor, Telemetry
from contract.parts import RESERVED_NAMES
from contract.sparkplug import BD_SEQ
from contract.sparkplug_payload import DataType, Metric, Payload, as_declared
from ingest.sparkplug_heard import Counters

NUMERIC: Final = frozenset(
    {
        *(DataType.Int8, DataType.Int16, DataType.Int32, DataType.Int64, DataType.Float, DataType.Double),
        *(DataType.UInt8, DataType.UInt16, DataType.UInt32, DataType.UInt64, DataType.Boolean),
    }
)
CONTROL: Final = ("Node Control/", "Device Control/")
"""Metrics that are switches for a host to throw, not measurements."""
MAX_NAME_CHARS: Final = 55
"""A name may have 63 characters; the rest is for the number that tells two of one name apart."""
MAX_METRIC_NAME_CHARS: Final = 200
"""Metrics with longer names are left out: every name of every birth is kept in memory."""
MAX_MS: Final = (2**63 - 1) // 1_000_000
MAX_CELLS: Final = 10_000
"""Rows times columns of one telemetry message: a table of metrics that were all sampled apart is nearly empty."""

_NO_NAME_CHAR: Final = re.compile(r"[^a-z0-9]+")


@dataclass(slots=True)
class Known:
    """What a birth declared: data type and sensor's name of each metric, by name and alias; no sensor: left out."""

    metrics: dict[str, tuple[int, str]] = field(default_factory=dict)
    aliases: dict[int, str] = field(default_factory=dict)

    def of(self, metric: Metric) -> tuple[int, str] | None:
        """The declaration of a metric; None: there is none."""
        name = metric.name
        if name is None and metric.alias is not None:
            name = self.aliases.get(metric.alias)
        return None if name is None else self.metrics.get(name)


def boot_of(group: str, node: str, bd_seq: int | None, birth_ms: int) -> str:
    """The boot of a foreign session: hexadecimal, the same for everybody who saw its birth."""
    return blake2b(f"{group}/{node}/{bd_seq}/{birth_ms}".encode(), digest_size=8).hexdigest()


def sensor_name(name: str, taken: Iterable[str]) -> str:
    """A metric's name in the contract's form; ``taken`` names get a number.

    >>> sensor_name("Inputs/Temp °C", set())
    'inputs_temp_c'
    >>> sensor_name("inputs temp C", {"inputs_temp_c"})
    'inputs_temp_c_2'
    """
    plain = _NO_NAME_CHAR.sub("_", name.lower()).strip("_")[:MAX_NAME_CHARS].strip("_")
    if not plain[:1].isalpha() or plain in RESERVED_NAMES:
        plain = f"m_{plain}".rstrip("_")
    chosen, number = plain, 1
    while chosen in taken:
        number += 1
        chosen = f"{plain}_{number}"
    return chosen


def learn(metrics: Sequence[Metric]) -> Known:
    """What a birth declares; only the first ``MAX_NAMES`` numeric metrics become sensors."""
    known = Known()
    taken: set[str] = set()
    for metric in metrics:
        name = metric.name
        if name is None or name in known.metrics or len(name) > MAX_METRIC_NAME_CHARS:
            continue
        sensor = ""
        if metric.datatype in NUMERIC and not metric.is_transient and not _internal(name) and len(taken) < MAX_NAMES:
            sensor = sensor_name(name, taken)
            taken.add(sensor)
        known.metrics[name] = (metric.datatype or 0, sensor)
        if metric.alias is not None:
            known.aliases[metric.alias] = name
    return known


def _internal(name: str | None) -> bool:
    return name == BD_SEQ or (name or "").startswith(CONTROL)


def birth_message(known: Known, *, boot: str, seq: int, t_ns: int, model: str) -> Birth:
    """The contract's birth of a foreign node or device."""
    sensors = {sensor: Sensor(unit="") for _, sensor in known.metrics.values() if sensor}
    return Birth(boot=boot, seq=seq, t=t_ns, role="machine", model=model[:200], version="spBv1.0", sensors=sensors)


Values = dict[int, dict[str, float]]
"""Time in ns -> sensor -> value."""


def values_of(payload: Payload, known: Known, received_ms: int, counters: Counters) -> tuple[Values, bool]:
    """The measurements of a payload by time, and whether all its metrics are declared.

    Two values of one sensor at one millisecond stay two values: the later in the list is one nanosecond later.
    """
    table: Values = {}
    times: dict[tuple[str, int], int] = {}
    all_known = True
    otherwise_ms = received_ms if payload.timestamp_ms is None else payload.timestamp_ms
    for metric in payload.metrics:
        declared = known.of(metric)
        if declared is None and len(metric.name or "") <= MAX_METRIC_NAME_CHARS:
            all_known = False
            counters.unknown += 1
            continue
        datatype, sensor = declared or (0, "")
        if not sensor or metric.is_transient:
            counters.left_out += not _internal(metric.name)
            continue
        if metric.value is None:
            continue  # null: there is no value, which is no error
        value = _number(metric, datatype)
        t_ms = otherwise_ms if metric.timestamp_ms is None else metric.timestamp_ms
        if value is None or t_ms >= MAX_MS:
            counters.bad_values += 1
            continue
        times[sensor, t_ms] = after = times.get((sensor, t_ms), -1) + 1
        table.setdefault(t_ms * 1_000_000 + after, {})[sensor] = value
    return table, all_known


def _number(metric: Metric, datatype: int) -> float | None:
    try:
        value = as_declared(metric.value, datatype)
    except ContractError:
        return None
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


def telemetry_messages(table: Values, *, boot: str, first_seq: int) -> list[Telemetry]:
    """Measurements as messages of the contract, in order of time, each within the contract's limits."""
    times = sorted(table)
    columns = len({sensor for row in table.values() for sensor in row})
    rows = max(1, min(MAX_ROWS, MAX_CELLS // max(1, columns)))
    said: list[Telemetry] = []
    for start in range(0, len(times), rows):
        part = times[start : start + rows]
        sensors = dict.fromkeys(sensor for t in part for sensor in table[t])
        values: dict[str, list[float | None]] = {sensor: [table[t].get(sensor) for t in part] for sensor in sensors}
        said.append(Telemetry(boot=boot, seq=first_seq + len(said), t=part, values=values))
    return said
