"""``python page_process.py STORE FILE``: the page over a store, in a process of its own; its URL goes into FILE."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from console.page_data import Pipeline
from console.settings import Page
from console.web import serve
from historian import open_store


async def main(store_url: str, file: Path) -> None:
    """Serve until killed."""
    async with open_store(store_url) as store:
        await serve(
            Page(port=0),
            store,
            lambda: Pipeline(plant_now_ns=time.time_ns(), speed=1.0, phase="live"),
            stop=asyncio.Event(),
            on_ready=lambda url: file.write_text(url) and None,
        )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
