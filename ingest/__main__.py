"""``python -m ingest``: the ingester as a process of its own; what it does is ``ingest/run.py``."""

import asyncio
import os
import sys
import time

from historian import open_store
from ingest.run import ingest
from ingest.settings import Settings
from service import Broker, Program, Sections, Store


async def serve(settings: Settings, section: Sections, stop: asyncio.Event) -> int:
    """Carry messages until stopped."""
    broker, store = section("broker", Broker), section("store", Store)
    async with open_store(store.url, token=store.token()) as historian:
        await ingest(settings, broker, historian, stop=stop, clock_ns=time.time_ns)
    return 0


PROGRAM = Program("ingest", "Carry messages from MQTT to the historian.", Settings, serve)

if __name__ == "__main__":
    sys.exit(PROGRAM.main(sys.argv[1:], os.environ, time.time))
