"""``python -m ingest`` as a process of the test's: started, killed, stopped in time, asked, and ended.

What it is: the process, its heartbeat, its log and its memory; and the watch over the law of its counters.
What it is not: the judge of what it stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Beat:
    """One heartbeat, and the resident memory of the process then, in MiB."""

    at_s: float
    status: Mapping[str, Any]
    rss_mib: float

    def __getitem__(self, name: str) -> int:
        return _count(self.status.get(name, 0))


def _count(value: object) -> int:
    return sum(map(int, value.values())) if isinstance(value, dict) else int(value or 0)  # type: ignore[call-overload]


def lawful(status: Mapping[str, Any]) -> bool:
    """Whether ``received = written + duplicate + dead_lettered + buffered``, exactly."""
    parts = ("written", "duplicate", "dead_lettered", "buffered")
    return _count(status["received"]) == sum(_count(status[part]) for part in parts)


def memory_mib(process: int | str, key: str = "VmRSS") -> float:
    """The resident memory of a process (``self``: of this one), in MiB; 0 when it is gone."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


@dataclass
class Watch:
    """Every heartbeat that was seen, and those that broke the law."""

    beats: list[Beat] = field(default_factory=list)
    broken: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def peak_rss_mib(self) -> float:
        """The most memory at any beat."""
        return max((beat.rss_mib for beat in self.beats), default=0.0)

    def since(self, at_s: float) -> list[Beat]:
        """The beats after a moment (monotonic seconds)."""
        return [beat for beat in self.beats if beat.at_s > at_s]


class Worker:
    """The ingester as a process; ``settings`` are keys of its section, ``environ`` whatever else it should find."""

    def __init__(
        self,
        broker_url: str,
        store_url: str,
        folder: Path,
        settings: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        own: dict[str, object]
        folder.mkdir(parents=True, exist_ok=True)
        self.dead = folder / "dead"
        self.heartbeat = folder / "heartbeat"
        self.watch = Watch()
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        own = {"dead_letters": self.dead, "heartbeat": self.heartbeat, "memory": folder / "memory"}
        own |= settings or {}
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("QILU_")}
        self.environ |= {"QILU_BROKER_URL": broker_url, "QILU_STORE_URL": store_url}
        self.environ |= {f"QILU_INGEST_{name.upper()}": str(value) for name, value in own.items()} | dict(environ or {})

    async def start(self, wait: Callable[[Mapping[str, Any]], bool] | None = None) -> float:
        """Start it and wait until it is connected, or ``wait`` holds; returns how long that took."""
        began = time.monotonic()
        self.launch()
        await self.until(wait or (lambda status: bool(status["connected"])))
        return time.monotonic() - began

    def launch(self) -> None:
        """Start it, and do not wait."""
        self.heartbeat.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ingest"], env=self.environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and wait; nothing happens when it is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    async def died(self, timeout_s: float = _PATIENCE_S) -> int:
        """Wait until it ends by itself; returns its exit code."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, timeout_s)

    async def end(self, within_s: float = 10.0) -> float:
        """SIGTERM; its exit code must be 0 within ten seconds. Returns how long it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(self.process.wait, 30)
        took_s = time.monotonic() - began
        assert code == 0, self.log()
        assert took_s <= within_s, f"{took_s:.1f} s"
        return took_s

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def log(self) -> str:
        """The end of what it logged."""
        return self._log.read_text(errors="replace")[-6000:] if self._log.exists() else ""

    def status(self) -> dict[str, Any] | None:
        """The newest heartbeat; None before the first."""
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads(self.heartbeat.read_bytes())
            return found
        return None

    def rss_mib(self, key: str = "VmRSS") -> float:
        """Its resident memory now (``VmHWM``: at its highest), in MiB; 0 when it is gone."""
        return memory_mib(self.process.pid, key) if self.process is not None else 0.0

    async def until(self, condition: Callable[[Mapping[str, Any]], bool], timeout_s: float = _PATIENCE_S) -> None:
        """Wait for a heartbeat of which something holds."""
        deadline = time.monotonic() + timeout_s
        while True:
            status = self.status()
            if status is not None and condition(status):
                return
            assert self.alive, f"the ingester ended by itself:\n{self.log()}"
            assert time.monotonic() < deadline, f"{status}\n{self.log()}"
            await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[Watch]:
        """Look at every heartbeat until the end of the block."""
        task = asyncio.create_task(self._look())
        try:
            yield self.watch
        finally:
            task.cancel()
            self.kill()

    async def _look(self) -> None:
        newest = None
        while True:
            status = self.status()
            if status is not None and status["time"] != newest:
                newest = status["time"]
                self.watch.beats.append(Beat(time.monotonic(), status, self.rss_mib()))
                if not lawful(status):
                    self.watch.broken.append(status)
            await asyncio.sleep(0.2)
