"""``qilu mapping``: foreign devices: check a mapping file, try it with a message.

What it is: the flags of both actions.
What it is not: the work (``mapping_check.py``).

Exit codes: 0 all is well; 1 the file is wrong, or the message is refused; 2 wrong usage, or no such file.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any


def add_mapping_commands(commands: Any) -> None:
    """Add ``mapping`` to the command line; ``commands`` is what ``add_subparsers`` gave."""
    text = "foreign devices: check a mapping file, try it with a message"
    actions = commands.add_parser("mapping", help=text, description=text).add_subparsers(
        title="actions", metavar="ACTION", required=True
    )
    _check(actions.add_parser("check", help="whether mapping files are right"))
    _try(actions.add_parser("try", help="what a file makes of one message"))


def _check(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("files", type=Path, nargs="+", metavar="FILE", help="files to check")
    sub.add_argument("--json", action="store_true", help="print the result as JSON")

    def run(options: argparse.Namespace) -> int:
        from console.mapping_check import run_check  # noqa: PLC0415  # each command loads only what it needs

        return run_check(options.files, as_json=options.json)

    sub.set_defaults(run=run)


def _try(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("file", type=Path, metavar="FILE", help="the mapping file")
    sub.add_argument("topic", metavar="TOPIC", help="as the device publishes it")
    sub.add_argument("payload", metavar="PAYLOAD", help="as the device publishes it; @FILE reads it from a file")
    sub.add_argument("--at", metavar="TIME", help="time of receipt, ISO 8601 in UTC (default: now)")
    sub.add_argument("--json", action="store_true", help="print the messages as JSON, one a line")

    def run(options: argparse.Namespace) -> int:
        from console.mapping_check import moment_ns, payload_bytes, run_try  # noqa: PLC0415

        received_ns = time.time_ns() if options.at is None else moment_ns(options.at)
        payload = payload_bytes(options.payload)
        return run_try(options.file, options.topic, payload, received_ns, as_json=options.json)

    sub.set_defaults(run=run)
