"""The real simulator with its edge buffer as a process, what its ledger says, and ``qilu gaps``.

What it is: what the tests of ``test_chaos_edge.py`` share.
What it is not: a fault.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from influx_oracle import ask, count_rows
from scene import Stage

from contract import KINDS, LEVELS

Name = tuple[str, str, int]
"""Path, boot, seq."""


class Simulator:
    """``python -m simulator`` with an edge buffer."""

    def __init__(self, stage: Stage, broker_url: str | None = None, **settings: object) -> None:
        self.ledger = stage.folder / "ledger"
        self._folder = stage.folder
        own = {"seed": stage.seed, "outbox": stage.folder / "outbox", "ledger": self.ledger, "shifts": "continuous"}
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("QILU_")}
        self._environ["QILU_BROKER_URL"] = broker_url or stage.broker.url
        for name, value in (own | settings).items():
            self._environ[f"QILU_SIMULATOR_{name.upper()}"] = str(value)
        self.process: subprocess.Popen[bytes] | None = None
        self._mark = 0

    def start(self, **settings: object) -> None:
        if self.process is not None:
            self._mark = len(self.log())
        for name, value in settings.items():
            self._environ[f"QILU_SIMULATOR_{name.upper()}"] = str(value)
        with (self._folder / "simulator-log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "simulator"], env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    async def end(self) -> None:
        """SIGTERM: last readings and deaths."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(self.process.wait, 60)
        assert code == 0, self.log()

    async def live(self, timeout_s: float = 90) -> None:
        """Wait until the history is told."""
        deadline = time.monotonic() + timeout_s
        while "live at speed" not in self.log()[self._mark :]:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            await asyncio.sleep(0.1)

    def log(self) -> str:
        return (self._folder / "simulator-log").read_text(errors="replace")

    async def acked(self, count: float, timeout_s: float = 90) -> None:
        """Wait until the broker has acknowledged so many messages, by the ledger."""
        deadline = time.monotonic() + timeout_s
        while len(said(self.ledger, "a")) < count:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            await asyncio.sleep(0.1)


def said(ledger: Path, word: str) -> set[Name]:
    """What a ledger says was tried (``p``) or acknowledged (``a``); a line that is being written is passed over."""
    found: set[Name] = set()
    boot = ""
    for line in ledger.read_bytes().splitlines() if ledger.exists() else []:
        if line.startswith(b'{"ledger"'):
            boot = json.loads(line)["boot"]
        elif line.startswith(b'["%s"' % word.encode()) and line.endswith(b"]"):
            parts = json.loads(line)
            found.add((parts[1], boot, parts[4] if word == "p" else parts[3]))
    return found


def stored(stage: Stage) -> set[Name]:
    """What the store has of the publishers, by name; wills, which nobody counts, and commands left out."""
    found: set[Name] = set()
    for kind in KINDS.keys() - {"command"}:
        for series in ask(stage.influxd, stage.bucket, f'SELECT _boot, _seq FROM "{kind}" GROUP BY *'):
            path = "/".join(series["tags"][level] for level in LEVELS)
            found |= {(path, boot, seq) for _, boot, seq in series["values"] if boot and seq}
            # (What is being written is half there for a moment: a point may have no ``_seq`` yet.)
    return found


def rows(stage: Stage) -> int:
    """How many points the store has."""
    return count_rows(stage.influxd, stage.bucket, KINDS)


async def quiet(stage: Stage, still_s: float = 1.5, timeout_s: float = 60) -> None:
    """Wait until the store grows no more."""
    count, since = -1, time.monotonic()
    deadline = since + timeout_s
    while time.monotonic() - since < still_s and time.monotonic() < deadline:
        now = await asyncio.to_thread(rows, stage)
        if now != count:
            count, since = now, time.monotonic()
        await asyncio.sleep(0.2)


async def gaps(stage: Stage, *flags: str) -> dict[str, Any]:
    """``qilu gaps --json``."""
    command = [sys.executable, "-m", "console", "gaps", "--store", stage.store_url, "--json", *flags]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode in (0, 1), error.decode()
    assert out, error.decode()
    report: dict[str, Any] = json.loads(out)
    return report


def named(report: dict[str, Any]) -> set[Name]:
    """The messages that a report of gaps names."""
    names: set[Name] = set()
    for gap in report["gaps"]:
        for part in gap["seqs"].split(","):
            first, _, last = part.partition("-")
            names |= {(gap["address"], gap["boot"], seq) for seq in range(int(first), int(last or first) + 1)}
    return names


def silent(lost: set[Name], has: set[Name]) -> set[Name]:
    """What nobody can know of yet: later than all that came from the same address."""
    newest: defaultdict[tuple[str, str], int] = defaultdict(int)
    for path, boot, seq in has:
        newest[path, boot] = max(newest[path, boot], seq)
    return {name for name in lost if name[2] > newest[name[:2]]}
