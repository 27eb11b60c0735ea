"""``qilu sparkplug``: the flags of its actions.

What it is: flags to values. ``check`` is all there is so far.
What it is not: the work (``sparkplug_check.py``).

Exit codes: 0 nothing failed; 1 an assertion failed; 2 wrong usage, or no such file or address.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_HELP: Final = "Sparkplug B: check what passes over a broker against the specification"


def add_sparkplug_commands(commands: Any, duration: Callable[[str], float]) -> None:
    """Add the command to the command line.

    Args:
        commands: what ``add_subparsers`` gave.
        duration: reads a time such as ``90s``.
    """
    actions = commands.add_parser("sparkplug", help=_HELP, description=_HELP).add_subparsers(
        title="actions", metavar="ACTION", required=True
    )
    _check(actions.add_parser("check", help="listen between clients and broker, or read a trace"), duration)


def _check(sub: argparse.ArgumentParser, duration: Callable[[str], float]) -> None:
    broker, listen = "mqtt://127.0.0.1:1883", "127.0.0.1:1884"
    sub.add_argument("--trace", type=Path, metavar="FILE", help="check a recorded trace instead of listening")
    sub.add_argument("--broker", default=broker, metavar="URL", help="where the clients' traffic goes on to")
    sub.add_argument(
        "--listen", default=listen, metavar="HOST:PORT", help="where clients connect (default: %(default)s)"
    )
    sub.add_argument("--record", type=Path, metavar="FILE", help="write the packets there")
    sub.add_argument("--for", dest="duration_s", type=duration, metavar="TIME", help="listen so long (default: Ctrl-C)")
    sub.add_argument(
        "--instrument", action="append", default=[], metavar="CLIENT", help="a client identifier that is not judged"
    )
    sub.add_argument(
        "--window", type=duration, default=60.0, metavar="TIME", help="error of time stamps (default: 60s)"
    )
    sub.add_argument("--reorder-s", type=float, metavar="S", help="the hosts' reorder timeout, if they do not tell it")
    sub.add_argument("--all", action="store_true", help="list every assertion, not only those that did not pass")
    sub.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def run(options: argparse.Namespace) -> int:
        from console.sparkplug_check import run_check  # noqa: PLC0415  # each command loads only what it needs

        return run_check(
            trace=options.trace,
            broker=options.broker,
            listen=options.listen,
            record=options.record,
            duration_s=options.duration_s,
            instruments=tuple(options.instrument),
            window_s=options.window,
            reorder_s=options.reorder_s,
            every=options.all,
            as_json=options.json,
        )

    sub.set_defaults(run=run)
