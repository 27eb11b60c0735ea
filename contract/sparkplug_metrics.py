"""The messages of the contract as Sparkplug metrics, and back, without loss.

What it is: pure. A data message becomes one list of metrics: first ``Qilu/seq``, ``Qilu/kind`` and ``Qilu/boot``, then
row after row, each begun by ``<kind>/t`` (ns) and followed by the fields of the row; telemetry as ``telemetry/t`` and
the sensors sampled at that time.
What it is not: bytes (``sparkplug_payload.py``), topics (``sparkplug.py``), what a birth declares
(``sparkplug_births.py``), or a session: who counts ``seq`` and ``bdSeq`` is not known here.

A sensor or counter with the name ``t`` is said as ``_t``, for ``<kind>/t`` is the time. A column of telemetry without
any value is said once as null, so that it comes back. A message whose metrics would be larger than a payload may be
goes as its JSON in ``Qilu/message``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import Any, Final, NamedTuple

import msgspec

from contract.errors import ContractError
from contract.messages import KINDS, MAX_ROWS, Birth, Command, Message, Telemetry
from contract.parts import MAX_NAMES
from contract.sparkplug_names import BIRTH, BOOT, FIELDS, GATEWAY, KIND, MESSAGE, SEQ, Field, meant_name, said_name
from contract.sparkplug_payload import DataType, Metric, Value
from contract.wire_json import MAX_BYTES, decode, encode

HISTORICAL_MS: Final = 60_000
"""A value older than this when it is sent is historical: it does not become the current one (Sparkplug 3.0, 6.4.6)."""
MAX_METRICS_BYTES: Final = 3 * MAX_BYTES // 2
"""From this estimate on a message goes as its JSON: brokers that take what JSON needs take every payload of ours."""
_METRIC_BYTES: Final = 30
"""What a metric takes beside its name and its text: tags, lengths, time, flags and a number of 8 to 10 bytes."""
_MS: Final = 1_000_000
_LAST_MS: Final = 2**63 // _MS

Row = tuple[int | None, list[tuple[str, Value]]]


class Head(NamedTuple):
    """What a message says of itself: each is None where it says nothing."""

    kind: str | None
    boot: str | None
    seq: int | None


def metrics_of(message: Message, *, now_ms: int | None = None) -> tuple[Metric, ...]:
    """A message as the metrics of one DDATA or NDATA (a device's death: of its DDEATH).

    Args:
        message: anything but a birth.
        now_ms: when it is sent; what is older than a minute is marked historical, and no metric is of later: plant
            time may run ahead, and hosts take a time to come for a mistake. None: as it is.

    Raises:
        ContractError: ``unknown-kind`` for a birth, which is said by ``birth_metrics``.
    """
    kind = _KIND_OF.get(type(message))
    if kind is None or isinstance(message, Birth):
        raise ContractError("unknown-kind", f"a {type(message).__name__} is not said as data")
    rows = list(_telemetry_rows(message) if isinstance(message, Telemetry) else _rows(kind, message))
    head: list[tuple[str, Value]] = [(SEQ, message.seq), (KIND, kind), (BOOT, message.boot)]
    size = sum(_METRIC_BYTES + len(name) + _text_bytes(value) for _, row in rows for name, value in row)
    if size > MAX_METRICS_BYTES:
        rows = [(rows[0][0], [(MESSAGE, encode(message).decode())])]
    no_time_ms = now_ms or 0  # of a death that has none
    last_ms = _LAST_MS if now_ms is None else now_ms
    said = [
        (name, value, no_time_ms if t is None else min(t // _MS, last_ms))
        for t, row in [(rows[0][0], head), *rows]  # the head stands at the first time: the list is in order
        for name, value in row
    ]
    old_ms = -1 if now_ms is None else now_ms - HISTORICAL_MS
    return tuple(
        Metric(name, None, value, timestamp_ms=t_ms, is_historical=t_ms < old_ms) for name, value, t_ms in said
    )


def message_of(kind: str, boot: str, seq: int, metrics: Iterable[Metric]) -> Message:
    """The message that ``metrics_of`` has said; it is checked like one that came as JSON.

    Args:
        kind: its kind (``head_of``); of a birth, the metrics are those of NBIRTH or DBIRTH.
        boot: its boot (``head_of``).
        seq: its number (``head_of``).
        metrics: all metrics of the payload.

    Raises:
        ContractError: ``unknown-kind``, ``invalid`` or ``inconsistent``.
    """
    if kind not in KINDS:
        raise ContractError("unknown-kind", f"{kind[:80]!r} is not one of {', '.join(KINDS)}")
    if kind == "birth":
        return birth_of(metrics)[0]
    said = [metric for metric in metrics if metric.name not in _HEAD]
    if len(said) == 1 and said[0].name == MESSAGE:
        return decode(kind, _text(said[0]).encode())
    body = _telemetry_body(said) if kind == "telemetry" else _rows_body(kind, said)
    try:
        message = msgspec.convert({"boot": boot, "seq": seq, **body}, KINDS[kind])
        message.check()
    except msgspec.ValidationError as error:
        raise ContractError("invalid", str(error)[:300]) from None
    except ValueError as error:
        raise ContractError("inconsistent", str(error)[:300]) from None
    return message


def head_of(metrics: Iterable[Metric]) -> Head:
    """Kind, boot and number that the metrics of a payload name; raises ContractError (``invalid``)."""
    found = {metric.name: metric.value for metric in metrics if metric.name in _HEAD}
    kind, boot, seq = found.get(KIND), found.get(BOOT), found.get(SEQ)
    if not isinstance(kind, str | None) or not isinstance(boot, str | None) or type(seq) not in (int, type(None)):
        raise ContractError("invalid", f"{KIND}, {BOOT} or {SEQ} is of a wrong type")
    return Head(kind, boot, seq)  # type: ignore[arg-type]


def birth_of(metrics: Iterable[Metric]) -> tuple[Birth, bytes]:
    """The contract's birth inside an NBIRTH or DBIRTH of ours, and its JSON; raises ContractError for one without."""
    payload = next((_text(metric) for metric in metrics if metric.name == BIRTH), None)
    if payload is None:
        raise ContractError("invalid", f"a birth without {BIRTH}")
    birth = decode("birth", payload.encode())
    assert isinstance(birth, Birth)
    return birth, payload.encode()


def command_of(metrics: Sequence[Metric], sent_ms: int) -> Command:
    """The command of a DCMD or NCMD.

    A host that knows nothing of the contract may write ``command/action`` alone: time and name of the command are then
    those of the payload, boot and number zero.

    Args:
        metrics: those of the payload.
        sent_ms: the payload's time.

    Raises:
        ContractError: as ``message_of``.
    """
    head = head_of(metrics)
    boot, seq = head.boot or "00000000", head.seq or 0
    if any(metric.name in ("command/t", MESSAGE) for metric in metrics):
        message = message_of("command", boot, seq, metrics)
    else:
        given = {metric.name for metric in metrics}
        start = [Metric("command/t", None, sent_ms * _MS)]
        if "command/command" not in given:
            start.append(Metric("command/command", None, f"dcmd-{sent_ms}"))
        message = message_of("command", boot, seq, [*start, *metrics])
    assert isinstance(message, Command)
    return message


def _telemetry_rows(message: Telemetry) -> Iterator[Row]:
    columns = [(f"telemetry/{said_name(name)}", column) for name, column in message.values.items()]
    empty = {name for name, column in columns if all(value is None for value in column)}
    for index, t in enumerate(message.t):
        row: list[tuple[str, Value]] = [("telemetry/t", t)]
        for name, column in columns:
            value = column[index]
            if value is not None:
                row.append((name, float(value)))
            elif index == 0 and name in empty:
                row.append((name, None))
        yield t, row


def _rows(kind: str, message: Message) -> Iterator[Row]:
    rows: Sequence[Any] = getattr(message, "rows", None) or [message]  # a death is its own row
    fields = FIELDS[kind]
    for row in rows:
        said: list[tuple[str, Value]] = [(f"{kind}/t", row.t)]
        if kind == "meter":
            said += [(f"meter/{said_name(name)}", value) for name, value in row.counters.items()]
        else:
            said += [(f"{kind}/{field.name}", _value(getattr(row, field.name), field)) for field in fields]
        yield row.t, said


def _value(value: Any, field: Field) -> Value:
    if value is None:
        return None
    if field.parts:
        return msgspec.json.encode(value).decode()
    if field.datatype is DataType.Double:
        return float(value)
    return str(value) if field.datatype is DataType.String else int(value)


def _telemetry_body(metrics: Iterable[Metric]) -> dict[str, Any]:
    times: list[Value] = []
    columns: dict[str, dict[int, Value]] = {}
    for name, value in _named("telemetry", metrics):
        if name == "t":
            times.append(value)
        elif not times:
            raise ContractError("invalid", "a value before the first telemetry/t")
        else:
            columns.setdefault(meant_name(name), {})[len(times) - 1] = value
    if len(times) > MAX_ROWS or len(columns) > MAX_NAMES:  # before the table is made: it may be large
        raise ContractError("inconsistent", f"{len(times)} times of {len(columns)} sensors")
    values = {name: [column.get(index) for index in range(len(times))] for name, column in columns.items()}
    return {"t": times, "values": values}


def _rows_body(kind: str, metrics: Iterable[Metric]) -> dict[str, Any]:
    parts = {field.name for field in FIELDS[kind] if field.parts}
    rows: list[dict[str, Any]] = []
    for name, value in _named(kind, metrics):
        if name == "t":
            rows.append({"t": value, "counters": {}} if kind == "meter" else {"t": value})
        elif not rows:
            raise ContractError("invalid", f"a value before the first {kind}/t")
        elif kind == "meter":
            rows[-1]["counters"][meant_name(name)] = value
        else:
            rows[-1][name] = _parts(value) if name in parts else value
    if kind != "death":
        return {"rows": rows}
    if len(rows) != 1:
        raise ContractError("invalid", f"{len(rows)} deaths in one message")
    return rows[0]


def _named(kind: str, metrics: Iterable[Metric]) -> Iterator[tuple[str, Value]]:
    """Names without the kind in front, and values that a JSON message could have."""
    prefix = f"{kind}/"
    for metric in metrics:
        if metric.name is None or not metric.name.startswith(prefix):
            raise ContractError("invalid", f"the metric {str(metric.name)[:80]!r} in a message of kind {kind}")
        if isinstance(metric.value, float) and not isfinite(metric.value):
            raise ContractError("invalid", f"{metric.name[:80]} has the value {metric.value}")
        yield metric.name[len(prefix) :], metric.value


def _parts(value: Value) -> Any:
    try:
        return msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise ContractError("invalid", f"a table that is no JSON: {error}"[:300]) from None


def _text(metric: Metric) -> str:
    if not isinstance(metric.value, str):
        raise ContractError("invalid", f"{metric.name} is no text")
    return metric.value


def _text_bytes(value: Value) -> int:
    return len(value.encode()) if isinstance(value, str) else 0


_KIND_OF: Final = {type_: kind for kind, type_ in KINDS.items()}
_HEAD: Final = frozenset({BOOT, SEQ, KIND, BIRTH, GATEWAY})
