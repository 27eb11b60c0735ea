"""``qilu sparkplug check``: is what passes over this broker Sparkplug B 3.0?

What it is: the command. It stands as a tap between the clients and the broker until it is stopped, or reads a recorded
trace, and reports each assertion of the specification by its id.
What it is not: the checks (``sparkplug_checks_*.py``), which are pure.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from console.sparkplug_mqtt import Publish
from console.sparkplug_tap import Tap
from console.sparkplug_trace import line_of, read_trace
from console.sparkplug_verdict import WINDOW_MS, Report, check_trace
from console.sparkplug_world import Event
from contract import ConfigError
from service import Broker

MAX_EVENTS: Final = 1_000_000
MAX_BYTES: Final = 512 * 1024 * 1024
"""A tap stops taking notes for the verdict at so many packets, or bytes of payload, and says so."""


def run_check(
    *,
    trace: Path | None = None,
    broker: str = "mqtt://127.0.0.1:1883",
    listen: str = "127.0.0.1:1884",
    record: Path | None = None,
    duration_s: float | None = None,
    instruments: tuple[str, ...] = (),
    window_s: float = WINDOW_MS / 1000,
    reorder_s: float | None = None,
    every: bool = False,
    as_json: bool = False,
) -> int:
    """The command; exit code 0 when no assertion failed, 1 when one did.

    Args:
        trace: a recorded file to check; without it the command listens.
        broker: where the tap sends what comes to it.
        listen: ``host:port`` at which the tap waits for the clients.
        record: a file to write the packets to.
        duration_s: stop listening after this; without it at Ctrl-C or SIGTERM.
        instruments: client identifiers that are not judged.
        window_s: how far a time stamp may be from our clock.
        reorder_s: the reorder timeout of the hosts, where they do not tell it.
        every: list every assertion, not only those that did not pass.
        as_json: print one object.

    Raises:
        ConfigError: a flag or the file is wrong.
        LinkError: the tap cannot listen there.
    """
    if trace is not None:
        events = list(read_trace(trace))
    else:
        host, port = _address(listen)
        server = Broker(url=broker)
        events = asyncio.run(_listen((server.host, server.port), (host, port), record, duration_s))
    report = check_trace(events, instruments=instruments, window_ms=round(window_s * 1000), reorder_s=reorder_s)
    _print(report, every=every, as_json=as_json)
    return 0 if report.ok else 1


def _print(report: Report, *, every: bool, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report.as_json())).decode())
    else:
        print(report.as_text(every=every))


async def _listen(
    broker: tuple[str, int], listen: tuple[str, int], record: Path | None, duration_s: float | None
) -> list[Event]:
    """Stand between until it is time."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with contextlib.ExitStack() as stack:
        file = _opened(record, stack)
        notes = _Notes(file)
        async with Tap(*broker, notes.take, listen_host=listen[0], listen_port=listen[1]):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), duration_s)
    if notes.full:
        raise ConfigError(
            "more packets than can be kept: listen for a shorter time, or check a part of the recorded file"
        )
    return notes.events


def _opened(record: Path | None, stack: contextlib.ExitStack) -> BinaryIO | None:
    if record is None:
        return None
    try:
        return stack.enter_context(record.open("wb"))
    except OSError as error:
        raise ConfigError(f"{record}: {error.strerror}") from None


class _Notes:
    """The packets so far, in memory up to the limits, and all of them in the file, if there is one."""

    def __init__(self, file: BinaryIO | None) -> None:
        self.events: list[Event] = []
        self.full = False
        self._bytes = 0
        self._file = file

    def take(self, event: Event) -> None:
        if self._file is not None:
            self._file.write(line_of(event))
        if isinstance(event.packet, Publish):
            self._bytes += len(event.packet.payload)
        self.full = self.full or self._bytes > MAX_BYTES or len(self.events) >= MAX_EVENTS
        if not self.full:
            self.events.append(event)


def _address(text: str) -> tuple[str, int]:
    """``host:port``; raises ConfigError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"--listen {text[:80]!r}: expected HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)
