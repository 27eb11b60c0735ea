"""The whole line as in production: three services in processes of their own, a real Mosquitto, a real InfluxDB.

The ingester is killed on the way, as in life; ``qilu verify`` then finds nothing lost and every figure true.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import Mosquitto

from console.cli import main
from console.verify import verify
from service import heartbeat_problem

TIMEOUT_S = 90.0


class Services:
    """``python -m ROOM``, each with its heartbeat and its log."""

    def __init__(self, folder: Path, broker_url: str, store_url: str) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("QILU_")} | {
            "QILU_BROKER_URL": broker_url,
            "QILU_STORE_URL": store_url,
            "QILU_INGEST_DEAD_LETTERS": str(folder / "dead-letters"),
            "QILU_SIMULATOR_HISTORY_H": "2",
            "QILU_SIMULATOR_SPEED": "60",
            "QILU_SIMULATOR_DURATION_S": "8",
        }

    def start(self, room: str, *flags: str) -> None:
        """Start one, and wait until it is well."""
        beat = self.folder / f"{room}.beat"
        beat.unlink(missing_ok=True)
        environ = self._environ | {f"QILU_{room.upper()}_HEARTBEAT": str(beat)}
        with (self.folder / f"{room}.log").open("ab") as log:
            self.running[room] = subprocess.Popen(
                [sys.executable, "-m", room, *flags], env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.until(lambda: heartbeat_problem(str(beat), time.time()) is None, f"{room} is well")

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Wait for something, while nothing that should run has ended."""
        deadline = time.monotonic() + TIMEOUT_S
        while not reached():
            assert time.monotonic() < deadline, f"not within {TIMEOUT_S:.0f} s: {what}; logs in {self.folder}"
            time.sleep(0.1)

    def stop(self, room: str, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        process = self.running.pop(room)
        process.send_signal(how)
        return process.wait(TIMEOUT_S)

    def kill_all(self) -> None:
        """Leave nothing behind."""
        for process in self.running.values():
            process.kill()
            process.wait()


@pytest.mark.slow
def test_three_services_two_servers_one_kill_nothing_lost_everything_true(
    mosquitto: Mosquitto, influx_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    services = Services(tmp_path, mosquitto.url, influx_url)
    try:
        services.start("ingest")
        services.start("analytics")
        services.start("simulator", "--ledger", str(ledger))
        assert services.stop("ingest", signal.SIGKILL) == -signal.SIGKILL
        services.start("ingest")
        assert services.running.pop("simulator").wait(TIMEOUT_S) == 0

        def messages_are_stored() -> bool:
            report = asyncio.run(verify(ledger, influx_url))
            return report.messages.lost == 0

        services.until(messages_are_stored, "every message that Mosquitto acknowledged is in InfluxDB")
        assert services.stop("ingest") == 0
        assert services.stop("analytics") == 0
    finally:
        services.kill_all()
    assert main(["verify", "--ledger", str(ledger), "--store", influx_url]) == 0, capsys.readouterr().out
    said = capsys.readouterr().out
    assert "lost: 0   duplicated: 0   unexpected: 0" in said
    assert "verified: nothing lost, every figure true" in said
