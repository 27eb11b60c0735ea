"""``qilu mapping``: whether a mapping file is right, and what it makes of one message.

What it is: the work of ``check`` and ``try``; nothing is sent anywhere.
What it is not: the flags (``mapping_commands.py``), nor the rules (``ingest/mapping.py``), which the ingester reads in
the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from contract import Address, Birth, ConfigError, ContractError, Message, Meter, State, Telemetry
from ingest.mapping import Mapping, placed
from ingest.mapping_check import problems
from ingest.mapping_file import parse_file
from ingest.mapping_time import event_time_ns
from service.datafile import lines
from service.datafiles_io import read_bytes

MAX_FILTERS: Final = 20
UTC_ZONE: Final = ZoneInfo("UTC")
_UNSEEN: Final = {code: f"\\x{code:02x}" for code in [*range(0x20), *range(0x7F, 0xA0)]}


def run_check(files: Sequence[Path], *, as_json: bool) -> int:
    """The command ``check``; returns the exit code."""
    found = {file: _problems(file) for file in files}
    if as_json:
        body = [{"file": str(file), "ok": not wrong, "problems": wrong} for file, (wrong, _) in found.items()]
        print(msgspec.json.format(msgspec.json.encode(body)).decode())
    else:
        for file, (wrong, filters) in found.items():
            print("\n".join(wrong) if wrong else f"{file}: ok")
            for text in filters[:MAX_FILTERS]:
                print(f"  subscribes to {text}")
            if len(filters) > MAX_FILTERS:
                print(f"  and to {len(filters) - MAX_FILTERS} more")
    return 1 if any(wrong for wrong, _ in found.values()) else 0


def run_try(file: Path, topic: str, payload: bytes, received_ns: int, *, as_json: bool) -> int:
    """The command ``try``; returns the exit code."""
    text = _bytes(file)
    try:
        mapping = Mapping.parse(text, str(file))
    except ConfigError as error:
        print(error)
        return 1
    try:
        messages = mapping.read(topic, payload, received_ns)
        missing = list(_missing(mapping, topic, messages))
    except ContractError as refusal:
        if as_json:
            print(msgspec.json.encode({"reason": refusal.reason, "detail": refusal.detail}).decode())
        else:
            print(f"refused: {refusal}".translate(_UNSEEN))
        return 1
    if as_json:
        for address, kind, message in messages:
            print(msgspec.json.encode({"address": address.path, "kind": kind, "message": message}).decode())
        return 0
    print(messages[0][0].path.translate(_UNSEEN))
    for _, kind, message in messages:
        for t_ns, row in _rows(message):
            print(f"  {kind:<9} {_moment(t_ns)}  {row}".translate(_UNSEEN))
    if missing:
        print(f"  not in this payload: {', '.join(missing)}".translate(_UNSEEN))
    return 0


def payload_bytes(text: str) -> bytes:
    """A payload of the command line, or of the file that ``@FILE`` names; raises ConfigError."""
    return _bytes(Path(text[1:])) if text.startswith("@") else text.encode("utf-8", "surrogateescape")


def moment_ns(text: str) -> int:
    """A time of receipt of the command line; raises ConfigError."""
    try:
        return event_time_ns(text, "iso", UTC_ZONE, 0)
    except ContractError as error:
        raise ConfigError(f"--at: {error.detail}") from None


def _problems(file: Path) -> tuple[list[str], list[str]]:
    """All that is wrong with a file, and what a right one subscribes to."""
    text = _bytes(file)
    try:
        value = parse_file(text, str(file))
    except ConfigError as error:
        return [str(error)], []
    at = lines(text, str(file))
    wrong = [placed(str(file), at, key, why) for key, why in problems(value)]
    return wrong, [] if wrong else Mapping(value).filters


def _bytes(file: Path) -> bytes:
    if file == Path("-"):
        return sys.stdin.buffer.read()
    return read_bytes(file)


def _missing(mapping: Mapping, topic: str, messages: Sequence[tuple[Address, str, Message]]) -> Iterator[str]:
    """The values that the topic may tell and the message did not, with the place where they were looked for."""
    told: set[str] = set()
    for _, kind, message in messages:
        if isinstance(message, Telemetry):
            told |= {f"sensor {name}" for name in message.values}
        elif isinstance(message, Meter):
            told |= {f"counter {name}" for row in message.rows for name in row.counters}
        elif isinstance(message, State):
            told.add(kind)
    for value in mapping.route(topic).values:
        if value.what not in told:
            yield f"{value.what} ({value.rule.path or value.name})"


def _rows(message: Message) -> Iterator[tuple[int, str]]:
    """Each row of a message with its time."""
    if isinstance(message, Telemetry):
        for row, t_ns in enumerate(message.t):
            shown = {name: column[row] for name, column in message.values.items()}
            yield t_ns, ", ".join(f"{name} {value!r}" for name, value in shown.items() if value is not None)
    elif isinstance(message, Meter):
        for reading in message.rows:
            yield reading.t, ", ".join(f"{name} {value}" for name, value in reading.counters.items())
    elif isinstance(message, State):
        for entered in message.rows:
            yield entered.t, ", ".join(filter(None, (entered.state, entered.reason, entered.cause)))
    elif isinstance(message, Birth):
        units = {name: sensor.unit for name, sensor in message.sensors.items()} | message.counters
        told = ", ".join(f"{name} in {unit or '?'}" for name, unit in units.items())
        yield message.t, f"{message.role} {message.model}: {told}"


def _moment(t_ns: int) -> str:
    whole, part = divmod(t_ns, 10**9)
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{part:09d}".rstrip("0").rstrip(".") + "Z"
