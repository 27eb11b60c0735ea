"""``qilu gaps``: which messages the store has not, and, when asked to, the commands that bring them.

What it is: the exact report out of the store. ``seq`` counts up by one within ``(address, boot)``, so what is missing
between 1 and the greatest number is known without any other testimony.
What it is not: able to see the end of a stream: what was lost after the last message that came has no number yet. And a
message that lies among the dead letters is not in the store either.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from console.deadletter import broker_of, document_of
from console.gap_resend import Resent, gateways_of, resend
from console.progress import Told, untold
from console.runs import newest_run
from console.shown import as_json, shown, when_ns
from console.terminal import Bar
from contract import Address, ConfigError, ContractError, LinkError, WriteError
from historian import Historian, open_store
from ingest.gap_check import confirm, holes, stored_streams
from ingest.gaps import Missing
from ingest.ranges import count, text
from service import Store, configure_logging, load
from service.settings import CONFIG_VARIABLE

_DUCKDB: Final = "duckdb:"
_SHOWN: Final = 50
_SEQS_CHARS: Final = 120
_READING: Final = 0.9
"""The share of the time that the first reading takes; the rest is asking again."""


@dataclass(slots=True)
class GapReport:
    """What ``qilu gaps`` found."""

    store: str
    streams: int
    messages: int
    missing: list[Missing]
    resent: Resent | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing

    @property
    def total(self) -> int:
        """How many messages are missing."""
        return sum(count(one.ranges) for one in self.missing)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        gaps = [
            {"address": one.address.path, "boot": one.boot, "missing": count(one.ranges), "seqs": text(one.ranges)}
            for one in self.missing
        ]
        told = {"ok": self.ok, "store": self.store, "streams": self.streams, "messages": self.messages}
        resent = None if self.resent is None else self.resent.as_json()
        return {**told, "missing": self.total, "gaps": gaps, "resent": resent}

    def as_text(self) -> str:
        """For people."""
        lines = [f"store   {shown(self.store, 200)}: {self.messages} messages in {self.streams} streams"]
        for one in self.missing[:_SHOWN]:
            seqs = shown(text(one.ranges), _SEQS_CHARS)
            lines.append(f"  {shown(one.address.path, 400)} boot {one.boot}: {count(one.ranges)} missing: {seqs}")
        if len(self.missing) > _SHOWN:
            lines.append(f"  … and {len(self.missing) - _SHOWN} more streams (--json names all)")
        lines.append(
            f"missing: {self.total} messages of {len(self.missing)} streams" if self.missing else "nothing is missing"
        )
        if self.resent is not None:
            lines += self.resent.lines()
        return "\n".join(lines)


def run_gaps(options: argparse.Namespace) -> int:
    """The command; 0 when nothing is missing, 1 otherwise."""
    configure_logging("ERROR")
    now_ns = time.time_ns()
    place = store_of(options)
    start_ns = None if options.start is None else when_ns("--from", options.start, now_ns)
    end_ns = None if options.end is None else when_ns("--to", options.end, now_ns)
    if start_ns is not None and end_ns is not None and end_ns <= start_ns:
        raise ConfigError("--to is not after --from")
    broker = broker_of(options) if options.resend else None

    async def main() -> GapReport:
        async with open_store(place.url, place.token()) as store:
            with closing(Bar("gaps")) as bar:
                report = await find(store, place.url, start_ns, end_ns, told=bar.show)
            gateways = await gateways_of(store) if broker and report.missing else []
        if broker and report.missing:  # the store is closed: the ingester may need it to itself
            report.resent = await resend(report.missing, gateways, broker, wait_s=options.wait)
        return report

    try:
        report = asyncio.run(main())
    except WriteError as error:
        raise LinkError(f"the store does not answer: {error}") from None
    print(as_json(report.as_json()) if options.json else report.as_text())
    return 0 if report.ok else 1


def store_of(options: argparse.Namespace) -> Store:
    """The store of the flag, of the configuration, or of the newest run of the demo; raises ConfigError."""
    if options.store is None and (options.config or CONFIG_VARIABLE in os.environ or "QILU_STORE_URL" in os.environ):
        found = load("store", Store, document_of(options), os.environ)
    elif options.store is None:
        try:
            found = Store(url=newest_run(options.data_dir).store_url)
        except ConfigError:
            raise ConfigError(f"no run in {options.data_dir}: run qilu demo first, or name --store") from None
    else:
        found = Store(url=options.store)
    path = found.url.removeprefix(_DUCKDB)
    if found.url.startswith(_DUCKDB) and not Path(path).is_file():  # opening it would make an empty one
        raise ConfigError(f"no such store: {found.url}")
    return found if not options.token_file else Store(url=found.url, token_file=options.token_file)


async def find(
    store: Historian, url: str, start_ns: int | None = None, end_ns: int | None = None, *, told: Told = untold
) -> GapReport:
    """What is missing.

    Args:
        store: where to look.
        url: how it is named in the report.
        start_ns: look at messages with points from this time on; then from the lowest number that is there.
        end_ns: look at messages with points before it.
        told: told how much is done, 0 to 1.

    Raises:
        RetryLater: the store does not answer.
    """
    stored = await stored_streams(store, start_ns, end_ns, lambda done: told(done * _READING))
    whole = start_ns is None and end_ns is None
    missing = []
    candidates = sorted(holes(stored, from_first=whole).items())
    for number, ((levels, boot), ranges) in enumerate(candidates):
        try:
            address = Address(*levels)
        except ContractError:
            continue  # somebody else's points
        # Kind after kind was read, and others may have written meanwhile; only a file is ours alone. And a message may
        # have all its points outside the span.
        alone = whole and url.startswith(_DUCKDB)
        if absent := ranges if alone else await confirm(store, address, boot, ranges):
            missing.append(Missing(address, boot, absent))
        told(_READING + (1 - _READING) * (number + 1) / len(candidates))
    return GapReport(url, len(stored), sum(map(count, stored.values())), missing)
