"""``python -m analytics``: the analytics as a process of its own; the loop is ``analytics/run.py``."""

import asyncio
import os
import sys
import time

from analytics.run import analyse
from analytics.settings import Settings
from historian import open_store
from service import Program, Sections, Store


async def serve(settings: Settings, section: Sections, stop: asyncio.Event) -> int:
    """Analyse until stopped; 1 when the last pass failed."""
    store = section("store", Store)
    async with open_store(store.url, token=store.token()) as historian:
        status = await analyse(settings, historian, stop=stop, clock_ns=time.time_ns)
    return 0 if status.last_error is None else 1


PROGRAM = Program("analytics", "Keep the KPIs of stored events stored.", Settings, serve)

if __name__ == "__main__":
    sys.exit(PROGRAM.main(sys.argv[1:], os.environ, time.time))
