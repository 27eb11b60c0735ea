"""``python -m simulator``: the factory as a process of its own; what it does is ``simulator/run.py``."""

import asyncio
import logging
import os
import sys
import time
from typing import Final

from service import Broker, Program, Sections
from simulator.precompile import ready
from simulator.run import simulate
from simulator.settings import Settings

_LOG: Final = logging.getLogger("qilu.simulator")


async def serve(settings: Settings, section: Sections, stop: asyncio.Event) -> int:
    """Simulate until stopped."""
    ready(sys.stderr)  # before any connection: nobody answers the broker while the compiler works
    summary = await simulate(settings, section("broker", Broker), stop=stop)
    _LOG.info("ended: %d messages, %d acknowledged, boot %s", summary.messages, summary.acked, summary.boot)
    return 0


PROGRAM = Program(
    "simulator", "Qilu's simulated factory.", Settings, serve, flags={"ledger": "write the ledger of the truth there"}
)

if __name__ == "__main__":
    sys.exit(PROGRAM.main(sys.argv[1:], os.environ, time.time))
