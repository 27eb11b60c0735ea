"""The ``qilu`` command.

What it is: flags to values, errors to one line and an exit code. Each subcommand's work stands in a file of its own.
What it is not: a place for logic.

Exit codes: 0 all is well; 1 the command ran and found something wrong (``verify``); 2 the command was not started,
because a flag, a file or the configuration is wrong; 130 Ctrl-C. ``demo`` and ``simulate`` end cleanly at Ctrl-C once
they run, which is 0.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NoReturn

from console.analyze_command import add_analyze_command
from console.catalogue_commands import add_catalogue_commands
from console.delivery_commands import add_delivery_commands
from console.mapping_commands import add_mapping_commands
from console.report_command import add_report_command
from console.runs import DATA_DIR
from console.sparkplug_commands import add_sparkplug_commands
from contract import ConfigError, LinkError

if TYPE_CHECKING:
    from console.simulate import SimulateOptions

_EXIT_CODES: Final = (
    "exit codes: 0 all is well (demo and simulate: after Ctrl-C, too); 1 the command found something wrong; 2 it was "
    "not started, for a flag, a file or the configuration is wrong; 130 Ctrl-C"
)
_INTERRUPTED = 128 + 2  # what shells say of SIGINT
_SEEDS = 2**53  # as in simulator.settings
_FAULT_HELP = "inject a fault: 'KIND key=value …', such as 'stuck machine=stamp-1 sensor=press_force at=2h for=30m'"
_CATALOGUE_HELP = "models and sectors of your own (default: ./qilu where it exists)"
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    try:
        options = parser().parse_args(argv)
        return int(options.run(options))
    except (ConfigError, LinkError) as error:
        print(f"qilu: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output has gone, as in `qilu config | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:  # before the command listens for Ctrl-C itself, or in one that does not
        print("qilu: interrupted", file=sys.stderr)
        return _INTERRUPTED


def parser() -> argparse.ArgumentParser:
    """The command line as a value, for ``main`` and for the documentation."""
    top = _Parser(
        prog="qilu", description="A simulated industrial-internet platform that knows the truth.", epilog=_EXIT_CODES
    )
    top.add_argument("--version", action="version", version=f"qilu {version('qilu')}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)

    def add(name: str, flags: Callable[[argparse.ArgumentParser], None], text: str) -> None:
        flags(commands.add_parser(name, help=text, description=text))

    add("demo", _demo, "run a whole factory here: broker, machines, ingest, store, figures, page")
    add("simulate", _simulate, "run the factory alone: to a broker, or into a ledger")
    add("command", _command, "send a command to a running plant and wait for the reply")
    add("verify", _verify, "compare what happened with what was stored and computed")
    add_report_command(commands)
    add_analyze_command(commands)
    add("replay", _replay, "make a device out of a CSV of readings")
    add_delivery_commands(commands, _duration)
    add_sparkplug_commands(commands, _duration)
    add_catalogue_commands(commands)
    add_mapping_commands(commands)
    add("config", _config, "print the effective configuration, commented")
    return top


def _demo(sub: argparse.ArgumentParser) -> None:
    _factory_flags(
        sub,
        length="end after 60s, 5m, 2h, … of your time (default: at Ctrl-C)",
        history="plant time to back-fill before going live (default: 24h; of a scenario: its own)",
        shifts="the sector's working hours, or around the clock (default; of a scenario: its own)",
        ledger="the truth; default: ledger.jsonl of the run",
    )
    sub.add_argument("--port", type=_port, default=8080, help="of the page on 127.0.0.1 (default: %(default)s)")
    sub.add_argument("--no-browser", action="store_true", help="do not open the page")
    sub.add_argument("--data-dir", type=Path, default=DATA_DIR, help="where runs are kept (default: %(default)s)")

    def run(options: argparse.Namespace) -> int:
        from console.demo import DemoOptions, run_demo  # noqa: PLC0415  # each command loads only what it needs

        factory = _factory(options)
        return run_demo(
            DemoOptions(factory, port=options.port, browser=not options.no_browser, data_dir=options.data_dir)
        )

    sub.set_defaults(run=run)


def _simulate(sub: argparse.ArgumentParser) -> None:
    _factory_flags(
        sub,
        length="plant time: 60s, 12h, 30d, …",
        history="plant time to back-fill first (default: none; of a scenario: its own)",
        shifts="the sector's working hours (default; of a scenario: its own), or around the clock",
        ledger="write the truth there",
    )
    sub.add_argument("--start", default="", metavar="TIME", help="ISO 8601 time at which plant time begins")
    sub.add_argument("--enterprise", help="first level of every address")
    sub.add_argument("--broker", default="mqtt://127.0.0.1:1883", metavar="URL", help="default: %(default)s")
    sub.add_argument("--dry-run", action="store_true", help="no broker: events and truth go into the ledger alone")

    def run(options: argparse.Namespace) -> int:
        from console.simulate import run_simulate  # noqa: PLC0415

        return run_simulate(
            replace(
                _factory(options),
                start=options.start,
                enterprise=options.enterprise,
                broker=options.broker,
                dry_run=options.dry_run,
            )
        )

    sub.set_defaults(run=run)


def _factory_flags(sub: argparse.ArgumentParser, *, length: str, history: str, shifts: str, ledger: str) -> None:
    """What ``demo`` and ``simulate`` have in common, with the words in which they differ."""
    sub.add_argument("--sector", help="which factory (default: home_appliances)")
    sub.add_argument("--scenario", metavar="NAME|FILE", help="what to run instead: sectors, policies, demand, faults")
    sub.add_argument("--seed", type=_seed, help="same seed, same factory (default: 1)")
    sub.add_argument("--speed", type=_speed, help="plant seconds per second: 1, 60, … or max (default: 1)")
    sub.add_argument("--for", dest="duration_s", type=_duration, metavar="TIME", help=length)
    sub.add_argument("--history", dest="history_s", type=_duration, metavar="TIME", help=history)
    sub.add_argument("--shifts", choices=("sector", "continuous"), help=shifts)
    sub.add_argument("--fault", dest="faults", action="append", default=[], metavar="TEXT", help=_FAULT_HELP)
    sub.add_argument("--catalogue", type=Path, metavar="DIR", help=_CATALOGUE_HELP)
    sub.add_argument("--ledger", type=Path, metavar="FILE", help=ledger)
    sub.add_argument("--wire", choices=("json", "sparkplug"), help="how the factory speaks (default: json)")
    sub.add_argument("--json", action="store_true", help="print the result as one JSON object")


def _factory(options: argparse.Namespace) -> SimulateOptions:
    """The flags of ``_factory_flags`` as values."""
    from console.simulate import SimulateOptions  # noqa: PLC0415

    return SimulateOptions(
        sector=options.sector,
        scenario=options.scenario,
        seed=options.seed,
        speed=options.speed,
        duration_s=options.duration_s,
        history_s=options.history_s,
        shifts=options.shifts,
        faults=tuple(options.faults),
        catalogue=options.catalogue,
        ledger=options.ledger,
        wire=options.wire,
        as_json=options.json,
    )


def _command(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("machine", metavar="ADDRESS", help="enterprise/site/production/line/machine, or …/gateway")
    sub.add_argument("action", metavar="ACTION", help="fault, maintain, stop, start, set_dispatch or set_priority")
    sub.add_argument("arguments", nargs="*", metavar="KEY=VALUE", help="such as kind=stuck sensor=press_force for=30m")
    sub.add_argument("--broker", default="mqtt://127.0.0.1:1883", metavar="URL", help="default: %(default)s")
    sub.add_argument("--username", default="", help="of the broker")
    sub.add_argument("--password-file", default="", metavar="FILE", help="of the broker")
    sub.add_argument("--interlock", default="", help="not_running: refuse when the machine runs")
    sub.add_argument("--wait", type=_duration, default=10.0, metavar="TIME", help="for the reply (default: 10s)")
    sub.add_argument("--json", action="store_true", help="print the reply as one JSON object")

    def run(options: argparse.Namespace) -> int:
        from console.command import run_command  # noqa: PLC0415

        return run_command(options)

    sub.set_defaults(run=run)


def _verify(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--ledger", type=Path, metavar="FILE", help="default: the newest run of the demo")
    sub.add_argument("--store", metavar="URL", help="duckdb:PATH or influx://…; default: the newest run of the demo")
    sub.add_argument("--token-file", default="", metavar="FILE", help="of an InfluxDB store")
    sub.add_argument("--data-dir", type=Path, default=DATA_DIR, help="where runs are kept (default: %(default)s)")
    sub.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def run(options: argparse.Namespace) -> int:
        from console.verify import run_verify  # noqa: PLC0415

        return run_verify(
            ledger=options.ledger,
            store_url=options.store,
            token_file=options.token_file,
            data_dir=options.data_dir,
            as_json=options.json,
        )

    sub.set_defaults(run=run)


def _replay(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("file", type=Path, metavar="FILE.csv", help="timestamped readings")
    sub.add_argument("--map", type=Path, required=True, metavar="MAP.toml", help="what its columns mean")
    sub.add_argument("--broker", metavar="URL", help="publish there; without it the whole line runs embedded")
    sub.add_argument("--store", metavar="URL", help="store there instead of a new file in the data folder")
    sub.add_argument("--token-file", default="", metavar="FILE", help="of an InfluxDB store")
    sub.add_argument("--speed", type=_speed, default="max", help="file seconds per second, or max (default)")
    sub.add_argument("--data-dir", type=Path, default=DATA_DIR, help="where runs are kept (default: %(default)s)")
    sub.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def run(options: argparse.Namespace) -> int:
        from console.replay import run_replay  # noqa: PLC0415

        return run_replay(options)

    sub.set_defaults(run=run)


def _config(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--config", metavar="FILE", default=None, help="TOML document; default: QILU_CONFIG")

    def run(options: argparse.Namespace) -> int:
        from console.config import effective  # noqa: PLC0415

        print(effective(options.config, os.environ), end="")
        return 0

    sub.set_defaults(run=run)


class _Parser(argparse.ArgumentParser):
    """Wrong flags give one line, as every other error does."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see {self.prog} --help")


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= _SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r} is no seed: use a whole number from 0 to {_SEEDS - 1}")
    return int(text)


def _speed(text: str) -> float | Literal["max"]:
    """Plant seconds per second, or as fast as possible."""
    if text == "max":
        return "max"
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no speed: use a number above 0, or max")
    return value


def _duration(text: str) -> float:
    """Seconds.

    >>> _duration("90s"), _duration("1.5m"), _duration("60")
    (90.0, 90.0, 60.0)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text)
    if match is None or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: use 60s, 5m, 2h or 1d")
    return float(match[1]) * _UNITS_S[match[2] or "s"]


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: use 0 (any free one) to 65535")
    return int(text)
