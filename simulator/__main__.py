"""``python -m simulator``: the factory as a service.

What it is: flags, configuration and exit codes around ``run.simulate``: 0 after a clean end, 1 when the broker was
lost, 2 when the configuration is wrong.
What it is not: the demo; ``qilu demo`` runs all rooms in one process.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from contract import ConfigError, LinkError
from service import Broker, configure_logging, heartbeat_problem, load, read_document, run_until_signalled
from service.settings import CONFIG_VARIABLE, check_environment
from simulator.run import simulate
from simulator.settings import Settings

SECTIONS: Final = ("broker", "store", "simulator", "ingest", "analytics", "page")
_LOG: Final = logging.getLogger("qilu.simulator")


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the service; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description="Qilu's simulated factory")
    parser.add_argument("--config", metavar="FILE", default=environ.get(CONFIG_VARIABLE), help="TOML configuration")
    parser.add_argument("--ledger", metavar="FILE", help="write the ledger of the truth there")
    parser.add_argument("--health", action="store_true", help="exit 0 when the running service is well, else 1")
    flags = parser.parse_args(argv)
    try:
        settings, broker = configure(flags.config, environ)
        if flags.health:
            return health(settings)
        if flags.ledger:
            settings = msgspec.structs.replace(settings, ledger=flags.ledger)
        configure_logging()
        return run_until_signalled(lambda stop: serve(settings, broker, stop))
    except ConfigError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2


def configure(path: str | None, environ: Mapping[str, str]) -> tuple[Settings, Broker]:
    """The settings out of a file and the environment; raises ConfigError."""
    check_environment(environ, SECTIONS)
    document = read_document(path, SECTIONS)
    return load("simulator", Settings, document, environ), load("broker", Broker, document, environ)


def health(settings: Settings) -> int:
    """0 when the heartbeat is fresh, else 1 and the reason; raises ConfigError when there is none to look at."""
    if not settings.heartbeat:
        raise ConfigError("--health needs simulator.heartbeat, the file that the running simulator rewrites")
    problem = heartbeat_problem(settings.heartbeat, time.time())
    if problem:
        print(problem, file=sys.stderr)  # noqa: T201
    return 1 if problem else 0


async def serve(settings: Settings, broker: Broker, stop: asyncio.Event) -> int:
    """Simulate until stopped."""
    try:
        summary = await simulate(settings, broker, stop=stop)
    except LinkError as error:
        _LOG.error("%s", error)
        return 1
    _LOG.info("ended: %d messages, %d acknowledged, boot %s", summary.messages, summary.acked, summary.boot)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
