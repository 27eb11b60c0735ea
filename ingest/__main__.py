"""``python -m ingest``: the ingester as a process of its own.

What it is: flags, configuration, signals and the exit code (0 in peace, 2 for a configuration that cannot work).
What it is not: the ingester, which is ``ingest/run.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from typing import Final

from contract import ConfigError
from historian import open_store
from ingest.run import ingest
from ingest.settings import Settings
from service import Broker, Store, configure_logging, heartbeat_problem, load, read_document, run_until_signalled
from service.settings import CONFIG_VARIABLE, check_environment

SECTIONS: Final = ("broker", "store", "simulator", "ingest", "analytics", "page")


def main(arguments: list[str] | None = None) -> int:
    """Run the ingester, or check the health of one; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ingest", description="Carry messages from MQTT to the historian.")
    parser.add_argument("--config", metavar="FILE", default=os.environ.get(CONFIG_VARIABLE), help="TOML configuration")
    parser.add_argument("--health", action="store_true", help="exit 0 when the running ingester is well, 1 when not")
    flags = parser.parse_args(arguments)
    try:
        check_environment(os.environ, SECTIONS)
        document = read_document(flags.config, SECTIONS)
        settings = load("ingest", Settings, document, os.environ)
        if flags.health:
            return _health(settings)
        broker = load("broker", Broker, document, os.environ)
        store = load("store", Store, document, os.environ)
        configure_logging()
        return run_until_signalled(lambda stop: _serve(settings, broker, store, stop))
    except ConfigError as error:
        print(f"ingest: {error}", file=sys.stderr)  # noqa: T201  # the one line that the user gets
        return 2


def _health(settings: Settings) -> int:
    if not settings.heartbeat:
        raise ConfigError("--health needs ingest.heartbeat, the file that the running ingester rewrites")
    problem = heartbeat_problem(settings.heartbeat, time.time())
    if problem is not None:
        print(problem, file=sys.stderr)  # noqa: T201
    return 0 if problem is None else 1


async def _serve(settings: Settings, broker: Broker, store: Store, stop: asyncio.Event) -> int:
    async with open_store(store.url, token=store.token()) as historian:
        await ingest(settings, broker, historian, stop=stop, clock_ns=time.time_ns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
