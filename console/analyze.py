"""``qilu analyze``: the figures of stored events, taken and stored.

What it is: the command: of a range, by ``analytics.batch``, or for as long as it runs, by the loop of the service
(``analytics.run``). Both write the same points, to the bit.
What it is not: a report; ``qilu report`` prints figures and writes none.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from contextlib import closing
from dataclasses import asdict

from analytics.batch import recompute
from analytics.run import analyse
from analytics.settings import Settings
from console.asked_range import asked_range
from console.deadletter import document_of
from console.gaps import store_of
from console.shown import as_json, utc
from console.terminal import Bar
from contract import ConfigError, LinkError, WriteError
from historian import open_store
from service import Store, configure_logging, load, run_until_signalled


def run_analyze(options: argparse.Namespace) -> int:
    """The command; 0, 1 when the last pass of the loop failed, or 2 with an error."""
    configure_logging("WARNING" if options.live else "ERROR")
    settings = load("analytics", Settings, document_of(options), os.environ)
    place = store_of(options)
    if options.live:
        if options.start or options.end:
            raise ConfigError("--live knows no --from and no --to: it goes on from where the stored figures end")
        return run_until_signalled(lambda stop: _live(settings, place, stop, as_object=options.json))
    try:
        return asyncio.run(_range(settings, place, options))
    except WriteError as error:
        raise LinkError(f"the store does not answer: {error}") from None


async def _live(settings: Settings, place: Store, stop: asyncio.Event, *, as_object: bool) -> int:
    async with open_store(place.url, place.token()) as store:
        status = await analyse(settings, store, stop=stop)
    if as_object:
        print(as_json({"store": place.url, **asdict(status)}))
    else:
        known = utc(status.until_ns) if status.until_ns else "nothing"
        print(
            f"figures up to {known}: {status.windows_written} windows written, {status.late_recomputed} for late data"
        )
        if status.last_error is not None:
            print(f"the last pass failed: {status.last_error}")
    return 0 if status.last_error is None else 1


async def _range(settings: Settings, place: Store, options: argparse.Namespace) -> int:
    async with open_store(place.url, place.token()) as store:
        start_ns, end_ns = await asked_range(store, options)
        with closing(Bar("analyze")) as bar:
            written = await recompute(store, settings, start_ns, end_ns, offload=asyncio.to_thread, progress=bar.show)
    if options.json:
        print(as_json({"store": place.url, "start_ns": start_ns, "end_ns": end_ns, "windows": written}))
    else:
        shortest = f"{settings.windows_s[0]} s"
        print(f"{utc(start_ns)} to {utc(end_ns)}: {written} windows of {shortest} and the longer ones, written anew")
    return 0
