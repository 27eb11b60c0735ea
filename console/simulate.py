"""``qilu simulate``: the factory alone, against a broker or, with ``--dry-run``, into a ledger.

What it is: flags to settings, a progress bar, and a summary at the end.
What it is not: ingest, store or page; ``qilu demo`` runs all of it.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from console.catalogue_commands import own_folder
from console.terminal import Bar
from contract import ConfigError
from service import Broker, configure_logging, run_until_signalled
from simulator.catalogue import Catalogue
from simulator.headless import Outcome, run_headless
from simulator.precompile import ready
from simulator.run import Progress, simulate
from simulator.settings import Settings
from simulator.setup import load_scenario, merged, setup

_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class SimulateOptions:
    """The flags of the command; what is None is the scenario's, or the default.

    ``duration_s`` is plant time, ``wall_s`` (of the demo) wall time unless the speed is ``max``.
    """

    sector: str | None = None
    scenario: str | None = None
    seed: int | None = None
    speed: float | str | None = None
    duration_s: float | None = None
    wall_s: float | None = None
    history_s: float | None = None
    start: str = ""
    shifts: str | None = None
    faults: tuple[str, ...] = ()
    catalogue: Path | None = None
    enterprise: str | None = None
    ledger: Path | None = None
    wire: str | None = None
    broker: str = "mqtt://127.0.0.1:1883"
    dry_run: bool = False
    as_json: bool = False


def settings_of(options: SimulateOptions) -> Settings:
    """The simulator's settings: the flags that are given, then the scenario, then the defaults.

    Raises:
        ConfigError: flags that exclude each other, or a scenario that is not there or wrong.
    """
    if options.sector and options.scenario:
        raise ConfigError("--sector and --scenario exclude each other: the scenario names its sectors")
    folder = own_folder(options.catalogue)
    settings = Settings(history_h=0.0, catalogue=str(folder or ""))  # a run of its own has no history by default
    if options.scenario:
        settings = merged(Settings(catalogue=settings.catalogue), load_scenario(options.scenario, Catalogue(folder)))
        settings = msgspec.structs.replace(settings, scenario=options.scenario, scenario_first=False)
    speed = settings.speed if options.speed is None else options.speed
    given: dict[str, Any] = {
        "sector": options.sector,
        "seed": options.seed,
        "speed": options.speed,
        "shifts": options.shifts,
        "enterprise": options.enterprise,
        "start": options.start or None,
        "ledger": str(options.ledger) if options.ledger else None,
        "wire": options.wire,
        "faults": list(options.faults),
        "history_h": None if options.history_s is None else options.history_s / 3600,
        "duration_s": _wall_s(options.duration_s, speed) if options.wall_s is None else options.wall_s,
    }
    if given["duration_s"] is None and options.speed is not None and settings.duration_s:
        given["duration_s"] = _wall_s(settings.duration_s * _pace(settings.speed), speed)
    return msgspec.structs.replace(settings, **{name: value for name, value in given.items() if value is not None})


def _pace(speed: float | str) -> float:
    return 1.0 if isinstance(speed, str) else float(speed)


def _wall_s(plant_s: float | None, speed: float | str) -> float | None:
    """``--for`` is plant time; the setting counts wall seconds where there is a pace."""
    return None if plant_s is None else plant_s / _pace(speed)


def run_simulate(options: SimulateOptions) -> int:
    """The command; returns the exit code."""
    configure_logging("WARNING")
    settings = settings_of(options)
    setup(settings)  # what is wrong is told before anything is compiled
    ready(sys.stderr)
    if options.dry_run:
        return _dry(settings, options)

    async def main(stop: asyncio.Event) -> int:
        progress = Progress()
        bar = Bar("simulate")
        watcher = asyncio.create_task(_watch(progress, bar))
        try:
            summary = await simulate(
                settings,
                Broker(url=options.broker),
                stop=stop,
                boot=secrets.token_hex(8),
                progress=progress,
                keep_trying=False,
            )
        finally:
            watcher.cancel()
            bar.close()
        _show(asdict(summary), f"{summary.messages:,} messages sent, {summary.acked:,} acknowledged", options)
        return 0

    return run_until_signalled(main)


async def _watch(progress: Progress, bar: Bar) -> None:
    while True:
        bar.show(progress.history_fraction, f"{progress.phase}, {progress.acked:,} messages")
        await asyncio.sleep(_EVERY_S)


def _dry(settings: Settings, options: SimulateOptions) -> int:
    """Without a broker; Ctrl-C ends it after the slice at hand, with a valid ledger."""
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    bar = Bar("simulate")
    begin = time.perf_counter()
    try:
        outcome = run_headless(
            settings,
            boot=secrets.token_hex(8),
            now_ns=time.time_ns(),
            stopped=lambda: stopped,
            progress=bar.show,
        )
    finally:
        bar.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    taken = time.perf_counter() - begin
    body = asdict(outcome) | {"seconds": round(taken, 3), "stopped": stopped, "ledger": settings.ledger}
    _show(body, _told(outcome, taken, settings, stopped=stopped), options)
    return 0


def _told(outcome: Outcome, taken: float, settings: Settings, *, stopped: bool) -> str:
    days = (outcome.end_ns - outcome.start_ns) / 86_400e9
    lines = [
        f"{outcome.sectors}, seed {outcome.seed}: {days:g} days of {outcome.machines} machines in {taken:.1f} s"
        + (" (stopped)" if stopped else ""),
        f"{outcome.lots:,} machine-cycles, {outcome.states:,} states, {outcome.orders:,} order events,"
        f" {outcome.shipments:,} shipment events",
        f"{outcome.finished_units:,} units of finished orders",
    ]
    if settings.ledger:
        lines.append(f"ledger: {settings.ledger}")
    return "\n".join(lines)


def _show(body: dict[str, Any], text: str, options: SimulateOptions) -> None:
    print(msgspec.json.encode(body).decode() if options.as_json else text)
