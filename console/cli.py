"""The ``qilu`` command.

What it is: flags to values, errors to one line and an exit code. Each subcommand's work stands in a file of its own.
What it is not: a place for logic.

Exit codes: 0 all is well; 1 the command ran and found something wrong (``verify``); 2 the command was not started,
because a flag, a file or the configuration is wrong; 130 Ctrl-C before the demo was up, or in another command.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NoReturn

from console.catalogue_commands import add_catalogue_commands
from console.runs import DATA_DIR
from contract import ConfigError, LinkError

_INTERRUPTED = 128 + 2  # what shells say of SIGINT
_SEEDS = 2**53  # as in simulator.settings
_SHIFTS_HELP = "the sector's working hours, or around the clock (default; of a scenario: its own)"
_HISTORY_HELP = "plant time to back-fill before going live (default: 24h)"
_FAULT_HELP = "inject a fault: 'KIND key=value …', such as 'stuck machine=stamp-1 sensor=press_force at=2h for=30m'"
_DAY_S = 86_400.0
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
    top = _Parser(prog="qilu", description="A simulated industrial-internet platform that knows the truth.")
    top.add_argument("--version", action="version", version=f"qilu {version('qilu')}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    _demo(commands.add_parser("demo", help="run a whole factory here: broker, machines, ingest, store, figures, page"))
    _simulate(commands.add_parser("simulate", help="run the factory alone: to a broker, or into a ledger"))
    _command(commands.add_parser("command", help="send a command to a running plant and wait for the reply"))
    _verify(commands.add_parser("verify", help="compare what happened with what was stored and computed"))
    _replay(commands.add_parser("replay", help="make a device out of a CSV of readings"))
    add_catalogue_commands(commands)
    _config(commands.add_parser("config", help="print the effective configuration, commented"))
    return top


def _demo(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--sector", help="which factory (default: home_appliances)")
    sub.add_argument("--scenario", metavar="NAME|FILE", help="what to run instead: sectors, policies, faults")
    sub.add_argument("--shifts", choices=("sector", "continuous"), help=_SHIFTS_HELP)
    sub.add_argument("--history", dest="history_s", type=_duration, metavar="TIME", help=_HISTORY_HELP)
    sub.add_argument("--fault", dest="faults", action="append", default=[], metavar="TEXT", help=_FAULT_HELP)
    sub.add_argument("--catalogue", type=Path, metavar="DIR", help="models and sectors of your own")
    sub.add_argument("--seed", type=_seed, help="same seed, same factory (default: 1)")
    sub.add_argument("--speed", type=_speed, help="plant seconds per second: 1, 60, … or max (default: 1)")
    sub.add_argument("--for", dest="duration_s", type=_duration, metavar="TIME", help="end after 60s, 5m, 2h, …")
    sub.add_argument("--port", type=_port, default=8080, help="of the page on 127.0.0.1 (default: %(default)s)")
    sub.add_argument("--no-browser", action="store_true", help="do not open the page")
    sub.add_argument("--data-dir", type=Path, default=DATA_DIR, help="where runs are kept (default: %(default)s)")
    sub.add_argument("--ledger", type=Path, metavar="FILE", help="the truth; default: ledger.jsonl of the run")
    sub.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def run(options: argparse.Namespace) -> int:
        from console.demo import DemoOptions, run_demo  # noqa: PLC0415  # each command loads only what it needs

        return run_demo(
            DemoOptions(
                sector=options.sector,
                seed=options.seed,
                speed=options.speed,
                duration_s=options.duration_s,
                port=options.port,
                browser=not options.no_browser,
                data_dir=options.data_dir,
                ledger=options.ledger,
                as_json=options.json,
                history_h=None if options.history_s is None else options.history_s / 3600,
                scenario=options.scenario,
                shifts=options.shifts,
                faults=tuple(options.faults),
                catalogue=options.catalogue,
            )
        )

    sub.set_defaults(run=run)


def _simulate(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--sector", help="which factory (default: home_appliances)")
    sub.add_argument("--scenario", metavar="NAME|FILE", help="what to run instead: sectors, policies, demand, faults")
    sub.add_argument("--seed", type=_seed, help="same seed, same factory (default: 1)")
    sub.add_argument("--for", dest="duration_s", type=_duration, metavar="TIME", help="plant time: 60s, 12h, 30d, …")
    sub.add_argument(
        "--history", dest="history_s", type=_duration, metavar="TIME", help="plant time to back-fill first"
    )
    sub.add_argument("--start", default="", metavar="TIME", help="ISO 8601 time at which plant time begins")
    sub.add_argument("--speed", type=_speed, help="plant seconds per second, or max (default: 1)")
    sub.add_argument("--shifts", choices=("sector", "continuous"), help="default: sector")
    sub.add_argument("--fault", dest="faults", action="append", default=[], metavar="TEXT", help=_FAULT_HELP)
    sub.add_argument("--catalogue", type=Path, metavar="DIR", help="models and sectors of your own (default: ./qilu)")
    sub.add_argument("--enterprise", help="first level of every address")
    sub.add_argument("--ledger", type=Path, metavar="FILE", help="write the truth there")
    sub.add_argument("--broker", default="mqtt://127.0.0.1:1883", metavar="URL", help="default: %(default)s")
    sub.add_argument("--dry-run", action="store_true", help="no broker: events and truth go into the ledger alone")
    sub.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def run(options: argparse.Namespace) -> int:
        from console.simulate import SimulateOptions, run_simulate  # noqa: PLC0415

        return run_simulate(
            SimulateOptions(
                sector=options.sector,
                scenario=options.scenario,
                seed=options.seed,
                speed=options.speed,
                duration_s=options.duration_s,
                history_s=options.history_s,
                start=options.start,
                shifts=options.shifts,
                faults=tuple(options.faults),
                catalogue=options.catalogue,
                enterprise=options.enterprise,
                ledger=options.ledger,
                broker=options.broker,
                dry_run=options.dry_run,
                as_json=options.json,
            )
        )

    sub.set_defaults(run=run)


def _command(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("machine", metavar="ADDRESS", help="enterprise/site/production/line/machine, or …/gateway")
    sub.add_argument("action", help="fault, maintain, stop, start, set_dispatch or set_priority")
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
