"""``qilu report``: its flags.

What it is: what the command line knows of the report without loading the analytics.
What it is not: the report (``report.py``).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from console.runs import DATA_DIR

_PLACES: Final = ("machine", "line", "area", "site", "enterprise")  # as analytics.rollup.LEVELS
_PROFILES: Final = ("iso22400", "vorne")  # as analytics.kpi.PROFILES
_FORMATS: Final = ("table", "json", "csv", "html")


def add_report_command(commands: Any) -> None:
    """Add the command to the command line; ``commands`` is what ``add_subparsers`` gave."""
    text = "OEE, losses, energy and cost of a range of time, by place and by hour, shift or day"
    sub = commands.add_parser("report", help=text, description=text)
    sub.add_argument("--store", metavar="URL", help="duckdb:PATH or influx://…; default: the newest run of the demo")
    sub.add_argument("--token-file", default="", metavar="FILE", help="of an InfluxDB store")
    sub.add_argument("--from", dest="start", metavar="TIME", help="ISO 8601, or how long ago: 8h (default: the start)")
    sub.add_argument("--to", dest="end", metavar="TIME", help="ISO 8601, or how long ago (default: the newest event)")
    by = f"{', '.join(_PLACES)}, and hour, shift or day: line,day (default: line)"
    sub.add_argument("--by", default="line", metavar="WORDS", help=by)
    sub.add_argument("--shifts", metavar="TIMES", help="when shifts begin: 06:00,14:00,22:00, for --by shift")
    sub.add_argument("--timezone", metavar="ZONE", help="IANA name, such as Asia/Shanghai (default: the plant's)")
    profile = "how minor stops count (default: %(default)s)"
    sub.add_argument("--profile", choices=_PROFILES, default="iso22400", help=profile)
    sub.add_argument("--format", choices=_FORMATS, default="table", help="default: %(default)s")
    sub.add_argument("--json", action="store_true", help="the same as --format json")
    sub.add_argument("--config", metavar="FILE", help="where [store] is read from")
    sub.add_argument(
        "--data-dir", type=Path, default=DATA_DIR, help="where runs of the demo are (default: %(default)s)"
    )

    def run(options: argparse.Namespace) -> int:
        from console.report import run_report  # noqa: PLC0415  # each command loads only what it needs

        return run_report(options)

    sub.set_defaults(run=run)
