"""``qilu analyze``: its flags.

What it is: what the command line knows of it without loading the analytics.
What it is not: the work (``analyze.py``).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from console.runs import DATA_DIR


def add_analyze_command(commands: Any) -> None:
    """Add the command to the command line; ``commands`` is what ``add_subparsers`` gave."""
    text = "take the figures of stored events and store them: of a range, or for as long as it runs"
    sub = commands.add_parser("analyze", help=text, description=text)
    sub.add_argument("--live", action="store_true", help="keep the open windows current until Ctrl-C")
    sub.add_argument("--from", dest="start", metavar="TIME", help="ISO 8601, or how long ago: 8h (default: the start)")
    sub.add_argument("--to", dest="end", metavar="TIME", help="ISO 8601, or how long ago (default: the newest event)")
    sub.add_argument("--store", metavar="URL", help="duckdb:PATH or influx://…; default: the newest run of the demo")
    sub.add_argument("--token-file", default="", metavar="FILE", help="of an InfluxDB store")
    sub.add_argument("--config", metavar="FILE", help="where [store] and [analytics] are read from")
    sub.add_argument(
        "--data-dir", type=Path, default=DATA_DIR, help="where runs of the demo are (default: %(default)s)"
    )
    sub.add_argument("--json", action="store_true", help="print one object")

    def run(options: argparse.Namespace) -> int:
        from console.analyze import run_analyze  # noqa: PLC0415  # each command loads only what it needs

        return run_analyze(options)

    sub.set_defaults(run=run)
