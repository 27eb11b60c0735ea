"""A trace in a file: one JSON object a line, each one packet as the tap saw it.

What it is: the format, so that a run can be checked again later, or by somebody else. Payloads are Base64. An
application may append lines of its own (``told``), for what no wire can show:

    {"at_ms":1700000000000,"link":0,"side":"told","packet":{"type":"told","who":"qilu","what":"offline","group":"acme",
     "node":"plant-1","device":null,"at_ms":1700000000000}}

What it is not: the tap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from console.sparkplug_mqtt import MAX_PACKET
from console.sparkplug_world import Event
from contract import ConfigError

MAX_LINE: Final = 2 * MAX_PACKET
_DECODER: Final = msgspec.json.Decoder(Event)


def line_of(event: Event) -> bytes:
    """One line, with its end."""
    return msgspec.json.encode(event) + b"\n"


def read_trace(path: Path) -> Iterator[Event]:
    """The events of a file; raises ConfigError with the line that is none, or where the file cannot be read."""
    try:
        with path.open("rb") as file:
            yield from _events(file, path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def _events(lines: Iterable[bytes], path: Path) -> Iterator[Event]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if len(line) > MAX_LINE:
                raise ValueError(f"{len(line)} bytes, at most {MAX_LINE} are read")
            yield _DECODER.decode(line)
        except (ValueError, RecursionError, msgspec.DecodeError) as error:
            raise ConfigError(f"{path}:{number}: no packet of a trace: {str(error)[:200]}") from None
