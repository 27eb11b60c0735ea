"""The whole Sparkplug line against its ledger: simulator, Mosquitto, ingester, DuckDB; and what a lossy link costs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from servers import ROOT, Mosquitto
from sparkplug_lossy import LossyLink
from sparkplug_wire_clients import HOST_ID, IngesterHost

from analytics import analyse
from analytics.settings import Settings as AnalyticsSettings
from console.gaps import find
from console.ledger_file import read_ledger
from console.verify import verify
from contract import KINDS, LEVELS
from historian import Query, open_store

PATIENCE_S = 60.0
DAY = {
    "history_h": "24",
    "history_telemetry_s": "300",
    "start": "2026-03-02T00:00:00Z",
    "speed": "1",
    "duration_s": "3",
}


@contextmanager
def plant(port: int, folder: Path, wire: str, **settings: str) -> Iterator[Path]:
    """``python -m simulator``, to its end; gives its ledger."""
    ledger = folder / f"{wire}.ledger.jsonl"
    fields = {"wire": wire, "ledger": str(ledger), "client_id": f"plant-{wire}"} | settings
    environ = {name: value for name, value in os.environ.items() if not name.startswith("QILU_")}
    environ |= {"QILU_BROKER_URL": f"mqtt://127.0.0.1:{port}"}
    environ |= {f"QILU_SIMULATOR_{name.upper()}": value for name, value in fields.items()}
    process = subprocess.Popen([sys.executable, "-m", "simulator"], cwd=ROOT, env=environ)
    try:
        yield ledger
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], what: str, host: IngesterHost) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"no {what}: {host.status()} {host.log}"
        time.sleep(0.05)


def settled(host: IngesterHost, at_least: int) -> bool:
    """Whether all that was said is stored: the node's farewell is the last word of its connection."""
    status = host.status()
    done = status["written"] + status["duplicate"] + status["dead_lettered"]
    nodes = status["sparkplug"]["nodes_online"] if status["sparkplug"] else 0
    return not nodes and not status["buffered"] and done >= at_least


async def points(url: str) -> Counter[Any]:
    """Everything that a store holds of the plant, but the names that a start gives to its messages."""
    found: Counter[Any] = Counter()
    async with open_store(url) as store:
        for kind in KINDS:
            table = await store.read(Query(kind))
            names = [name for name in sorted(table.fields) if name not in ("_boot", "_seq", "body")]
            columns = [table.fields[name] for name in names]
            tags = zip(*(table.tags[level] for level in LEVELS), strict=True)
            for at, (where, time_ns) in enumerate(zip(tags, table.time_ns, strict=True)):
                values = tuple((name, column[at]) for name, column in zip(names, columns, strict=True))
                found[kind, where, time_ns, tuple(one for one in values if one[1] is not None)] += 1
    return found


async def figures(url: str) -> None:
    """What the analytics have to say of all that is stored."""
    stop = asyncio.Event()
    stop.set()
    async with open_store(url) as store:
        status = await analyse(AnalyticsSettings(), store, stop=stop)
    assert status.last_error is None


@pytest.mark.slow
def test_a_day_over_sparkplug_is_the_same_as_over_json(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """A day of history and three live seconds: nothing lost by the ledger, and the same points on either wire."""
    quiet = partial(IngesterHost, mosquitto.port, lambda _: None)
    json = quiet(tmp_path / "json", client_id="json", sparkplug_host="")
    sparkplug = quiet(tmp_path / "sparkplug", client_id="sparkplug", topics='["qilu/none"]')
    run = partial(plant, mosquitto.port, tmp_path)
    with json, ExitStack() as late:
        # The edge node is there before its host, and keeps silent until it comes.
        with run("sparkplug", sparkplug_primary_host=HOST_ID, **DAY) as ledger, run("json", **DAY) as other:
            time.sleep(1.0)
            late.enter_context(sparkplug)
        until(partial(settled, sparkplug, len(read_ledger(ledger).acked)), "end", sparkplug)
        until(partial(settled, json, len(read_ledger(other).acked)), "end", json)
    asyncio.run(figures(sparkplug.store))
    report = asyncio.run(verify(ledger, sparkplug.store))
    assert report.ok, report.as_text()
    assert report.messages.published == report.messages.acknowledged == report.messages.stored > 100
    one, two = asyncio.run(points(sparkplug.store)), asyncio.run(points(json.store))
    assert one == two, list((one - two) + (two - one))[:5]


@pytest.mark.slow
def test_what_a_lossy_link_has_lost_is_known_exactly(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Of four messages in a row nothing is left: one rebirth is asked for, and these four are missing, no others."""
    with (
        LossyLink(mosquitto.port, drop=range(60, 64)) as link,
        IngesterHost(
            mosquitto.port, lambda _: None, tmp_path / "host", reorder_s=0.5, gap_grace_s="1", resend="false"
        ) as host,
    ):
        settings = {"history_h": "2", "history_telemetry_s": "60", "speed": "1", "duration_s": "4"}
        with plant(link.port, tmp_path, "sparkplug", **settings):
            pass
        until(lambda: settled(host, 1), "end", host)
        until(lambda: host.status()["gaps_missing"] == len(link.dropped), "gap report", host)
        counters = host.status()["sparkplug"]
    assert (counters["gaps"], counters["rebirths"]) == (4, 1)
    assert link.rebirths == 1
    assert any(f"{len(link.dropped)} messages are missing" in line for line in host.log)

    async def missing() -> set[tuple[str, str, int]]:
        async with open_store(host.store) as store:
            report = await find(store, host.store)
        return {
            (one.address.path, one.boot, seq)
            for one in report.missing
            for first, last in one.ranges
            for seq in range(first, last + 1)
        }

    assert asyncio.run(missing()) == link.dropped
