"""``qilu deadletter`` and ``qilu gaps``: what was refused, what is missing, and how it comes back.

What it is: the flags of both commands, and which file does the work.
What it is not: the work: ``deadletter.py`` (list, show), ``deadletter_replay.py``, ``gaps.py``.

Exit codes: 0 all is well; 1 something is left, or missing; 2 wrong usage, or no such letter, file or server.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from console.runs import DATA_DIR

_DEADLETTER: Final = "messages that could not be stored: list, show, replay"
_GAPS: Final = "which messages the store has not, by address, boot and seq"
_Seconds = Callable[[str], float]


def add_delivery_commands(commands: Any, seconds: _Seconds) -> None:
    """Add both commands to the command line.

    Args:
        commands: what ``add_subparsers`` gave.
        seconds: reads a length of time.
    """
    actions = commands.add_parser("deadletter", help=_DEADLETTER, description=_DEADLETTER).add_subparsers(
        title="actions", metavar="ACTION", required=True
    )
    _list(actions.add_parser("list", help="the newest letters, one a line"))
    _show(actions.add_parser("show", help="one letter in full"))
    _replay(actions.add_parser("replay", help="send letters again, once their cause is mended"), seconds)
    _gaps(commands.add_parser("gaps", help=_GAPS, description=_GAPS), seconds)


def _list(sub: argparse.ArgumentParser) -> None:
    _choice(sub)
    sub.add_argument("--limit", type=_limit, default=50, metavar="N", help="the newest N (default: %(default)s)")

    def run(options: argparse.Namespace) -> int:
        from console.deadletter import run_list  # noqa: PLC0415  # each command loads only what it needs

        return run_list(options)

    _where(sub, run)


def _show(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("id", metavar="ID", help="as `qilu deadletter list` has it, such as 3:17")

    def run(options: argparse.Namespace) -> int:
        from console.deadletter import run_show  # noqa: PLC0415

        return run_show(options)

    _where(sub, run)


def _replay(sub: argparse.ArgumentParser, seconds: _Seconds) -> None:
    sub.add_argument("ids", nargs="*", metavar="ID", help="letters, such as 3:17")
    sub.add_argument("--all", action="store_true", help="every letter")
    _choice(sub)
    _broker(sub, seconds)

    def run(options: argparse.Namespace) -> int:
        from console.deadletter_replay import run_replay  # noqa: PLC0415

        return run_replay(options)

    _where(sub, run)


def _gaps(sub: argparse.ArgumentParser, seconds: _Seconds) -> None:
    sub.add_argument("--store", metavar="URL", help="duckdb:PATH or influx://…; default: the newest run of the demo")
    sub.add_argument("--token-file", default="", metavar="FILE", help="of an InfluxDB store")
    sub.add_argument("--from", dest="start", metavar="TIME", help="ISO 8601, or how long ago: 2h (default: the start)")
    sub.add_argument("--to", dest="end", metavar="TIME", help="ISO 8601, or how long ago (default: the end)")
    sub.add_argument("--resend", action="store_true", help="ask the gateways to send what is missing again")
    sub.add_argument("--config", metavar="FILE", help="TOML document that names the broker; default: QILU_CONFIG")
    _broker(sub, seconds)
    sub.add_argument("--data-dir", type=Path, default=DATA_DIR, help="where runs are kept (default: %(default)s)")
    sub.add_argument("--json", action="store_true", help="print the result as one JSON object")

    def run(options: argparse.Namespace) -> int:
        from console.gaps import run_gaps  # noqa: PLC0415

        return run_gaps(options)

    sub.set_defaults(run=run)


def _choice(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--reason", metavar="R", help="only letters of this reason, such as store-refused")
    sub.add_argument("--topic", metavar="FILTER", help="only letters whose topic fits this MQTT filter")
    sub.add_argument("--since", metavar="TIME", help="only letters since then: ISO 8601, or how long ago: 2h")
    sub.add_argument("--replayed", action="store_true", help="those that were replayed as well")


def _where(sub: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int]) -> None:
    sub.add_argument("--directory", type=Path, metavar="DIR", help="of the letters; default: of the configuration")
    sub.add_argument("--config", metavar="FILE", help="TOML document; default: QILU_CONFIG, or the newest demo run")
    sub.add_argument("--data-dir", type=Path, default=DATA_DIR, help="where runs are kept (default: %(default)s)")
    sub.add_argument("--json", action="store_true", help="print the result as one JSON object")
    sub.set_defaults(run=run)


def _broker(sub: argparse.ArgumentParser, seconds: _Seconds) -> None:
    sub.add_argument("--broker", metavar="URL", help="default: of the configuration, or mqtt://127.0.0.1:1883")
    sub.add_argument("--username", default="", help="of the broker")
    sub.add_argument("--password-file", default="", metavar="FILE", help="of the broker")
    sub.add_argument(
        "--wait", type=seconds, default=10.0, metavar="TIME", help="how long the other side may take (default: 10s)"
    )


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no number of letters: use 1 to 100000")
    return int(text)
