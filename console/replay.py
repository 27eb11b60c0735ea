"""``qilu replay``: a CSV of readings becomes a device that publishes like any other.

What it is: the command's work. Where no broker is named it runs the whole line here, broker, ingester and historian,
and asks the historian in the end what it has.
What it is not: a shortcut into the store. Every reading goes over MQTT, as a message of the contract.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from console.embedded_broker import EmbeddedBroker
from console.replay_device import Device, open_device
from console.replay_figures import Stored, stored
from console.replay_report import ReplayReport
from console.runs import Run, keep, new_run
from contract import ConfigError, LinkError, WriteError
from historian import Historian, Query, open_store
from ingest.run import ingest
from ingest.settings import Settings as IngestSettings
from ingest.status import Status
from service import Broker, Store, configure_logging, load, run_until_signalled

MAX_AHEAD: Final = 100
"""Messages that the device may be ahead of the ingester: the embedded broker drops the oldest beyond its memory."""
PATIENCE_S: Final = 60.0
"""How long the ingester may make no progress before what is missing counts as lost."""
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What to replay, and where to.

    Attributes:
        file: the CSV.
        map_file: what its columns mean (TOML).
        broker: publish there and do no more; None runs the whole line here.
        store: URL of the historian of the whole line; None makes a new one in the data folder.
        token_file: file with the token of an InfluxDB store.
        speed: seconds of the file per second, one message per row; None is as fast as possible, in batches.
        data_dir: where runs are kept.
    """

    file: Path
    map_file: Path
    broker: Broker | None = None
    store: str | None = None
    token_file: str = ""
    speed: float | None = None
    data_dir: Path = Path("data")


def run_replay(options: argparse.Namespace) -> int:
    """The command; returns the exit code."""
    configure_logging("WARNING")
    chosen = ReplayOptions(
        file=options.file,
        map_file=options.map,
        broker=_broker(options.broker),
        store=options.store,
        token_file=options.token_file,
        speed=None if options.speed == "max" else options.speed,
        data_dir=options.data_dir,
    )

    async def main(stop: asyncio.Event) -> int:
        report = await replay(chosen, boot=secrets.token_hex(8), stop=stop)
        print(msgspec.json.encode(report.as_json()).decode() if options.json else report.as_text())
        return exit_code(ok=report.ok, complete=report.complete, stopped=stop.is_set())

    return run_until_signalled(main)


def exit_code(*, ok: bool, complete: bool, stopped: bool) -> int:
    """0 when the store has what was published, and that is the file to its end or to where the user stopped it.

    >>> exit_code(ok=True, complete=False, stopped=True), exit_code(ok=True, complete=False, stopped=False)
    (0, 1)
    """
    return 0 if ok and (complete or stopped) else 1


def _broker(url: str | None) -> Broker | None:
    """The broker of the flag; user name and password come from ``QILU_BROKER_…`` as everywhere."""
    if url is None:
        return None
    environ = {name: value for name, value in os.environ.items() if name != "QILU_BROKER_URL"}
    return load("broker", Broker, {"broker": {"url": url}}, environ)


async def replay(options: ReplayOptions, *, boot: str, stop: asyncio.Event | None = None) -> ReplayReport:
    """Replay a file and say what became of it.

    Args:
        options: what, and where to.
        boot: names this run of the device; random hexadecimal.
        stop: set it to end early: the device says its last words at the row that it has reached.

    Raises:
        ConfigError: the file, the map or an option is wrong; nothing was published.
        LinkError: the broker or the store is not there, or stopped answering.
    """
    if options.broker is not None and options.store is not None:
        raise ConfigError("--store goes without --broker: with --broker the readings are published and no more")
    began_s = time.monotonic()
    device = open_device(options.file, options.map_file, boot=boot, speed=options.speed, stop=stop or asyncio.Event())
    await asyncio.to_thread(device.check)
    found = None
    if options.broker is not None:
        await device.publish(options.broker)
    else:
        found = await _whole_line(options, device)
    return ReplayReport(
        file=str(options.file),
        map_=device.map_,
        read=device.read,
        published=device.published,
        stored=found,
        duration_s=time.monotonic() - began_s,
    )


async def _whole_line(options: ReplayOptions, device: Device) -> Stored:
    """Broker, ingester and historian here; returns what the historian has in the end."""
    with new_run(options.data_dir / "replay", datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")) as run:
        return await _into(run, options, device)


async def _into(run: Run, options: ReplayOptions, device: Device) -> Stored:
    url = options.store or run.store_url
    settings = IngestSettings(client_id=f"replay-ingest-{device.boot}", dead_letters=str(run.dead_letters))
    status = Status()
    async with open_store(url, Store(token_file=options.token_file).token()) as store:
        try:
            await store.read(Query("birth", ("role",), device.where, last=True))  # it is there, or we need not begin
            with EmbeddedBroker() as embedded:
                keep(run)
                await _carry(device, Broker(url=embedded.url), settings, store, status)
            found = await stored(store, device.map_, device.boot, device.published)
        except WriteError as error:
            raise LinkError(f"{url}: {error}") from None
    return replace(found, store=url, dead_lettered=status.dead_lettered)


async def _carry(device: Device, broker: Broker, settings: IngestSettings, store: Historian, status: Status) -> None:
    """Publish, and return when the ingester has stored what was published."""
    enough = asyncio.Event()
    carrying = asyncio.create_task(
        ingest(settings, broker, store, stop=enough, clock_ns=time.time_ns, status=status), name="ingest"
    )

    async def settled(wanted: int) -> None:
        await _until(lambda: carrying.done() or _settled(status) >= wanted, lambda: _settled(status), status)

    try:
        await _until(lambda: carrying.done() or status.connected, lambda: _settled(status), status)
        if status.connected:
            await device.publish(broker, room=lambda: settled(device.published.messages - MAX_AHEAD))
            await settled(device.published.messages)
    finally:
        enough.set()
        await carrying


def _settled(status: Status) -> int:
    return status.written + status.duplicate + status.dead_lettered


async def _until(done: Callable[[], bool], progress: Callable[[], int], status: Status) -> None:
    """Wait until ``done``, or until ``progress`` has stood still for ``PATIENCE_S``; LinkError when it is known why."""
    seen, since_s = progress(), time.monotonic()
    while not done():
        await asyncio.sleep(_POLL_S)
        if (now := progress()) != seen:
            seen, since_s = now, time.monotonic()
        elif time.monotonic() - since_s > PATIENCE_S:
            if status.last_error is not None:
                raise LinkError(f"no progress for {PATIENCE_S:.0f} s: {status.last_error}")
            return
