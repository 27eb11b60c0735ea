"""The whole Sparkplug path on a real Mosquitto, behind the tap: 143 of 143 edge and 91 of 91 host assertions.

The simulator is the edge node, over MQTT 5 and 3.1.1; the ingester's host is the host application, over both. Births,
data, history, wraps of the sequence number, rebirths, commands, deaths by farewell and by SIGKILL, restarts, a host
that is called offline, messages out of order and messages missing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from servers import ROOT, Mosquitto
from sparkplug_wire_clients import INSTRUMENT, IngesterHost, Instrument, Operator

from console.sparkplug_mqtt import Publish
from console.sparkplug_tap import Tap
from console.sparkplug_trace import line_of, read_trace
from console.sparkplug_verdict import check_trace
from console.sparkplug_world import Event, Topic
from contract import Address

PATIENCE_S = 60.0
ONE = Address("one", "plant-1", "production", "line-1", "stamp-1")
GATEWAY = Address("one", "plant-1", "production", "line-1", "gateway")


class Stage:
    """The broker, the tap before it in a loop of its own, and what has passed so far."""

    def __init__(self, mosquitto: Mosquitto, folder: Path) -> None:
        self.events: list[Event] = []
        self.port = 0
        self._folder = folder
        self._broker = mosquitto
        self._stop: asyncio.Event | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)

    def __enter__(self) -> Stage:
        self._thread.start()
        self.until(lambda: self.port > 0, "tap")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        async with Tap("127.0.0.1", self._broker.port, self.events.append) as tap:
            self.port = tap.port
            await self._stop.wait()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, f"no {what} within {PATIENCE_S:.0f} s"
            time.sleep(0.02)

    def count(self, type_: str, group: str = "", since: int = 0, side: str = "client") -> int:
        """Sparkplug messages of a type that passed."""
        found = 0
        for event in list(self.events[since:]):
            if isinstance(event.packet, Publish) and event.side == side:
                topic = Topic.of(event.packet.topic)
                found += topic.type == type_ and group in ("", topic.group)
        return found

    @contextmanager
    def plant(self, enterprise: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
        """``python -m simulator`` as an edge node."""
        fields = {
            "wire": "sparkplug",
            "sparkplug_memory": str(self._folder / f"{enterprise}.numbers"),
            "memory": str(self._folder / f"{enterprise}.told"),
            "enterprise": enterprise,
            "client_id": f"plant-{enterprise}",
            "history_h": "1",
            "history_telemetry_s": "10",
            "speed": "10",
        } | settings
        environ = {name: value for name, value in os.environ.items() if not name.startswith("QILU_")}
        environ |= {"QILU_BROKER_URL": f"mqtt://127.0.0.1:{self.port}"}
        environ |= {f"QILU_SIMULATOR_{name.upper()}": value for name, value in fields.items()}
        with (self._folder / f"{enterprise}.log").open("ab") as log:
            command = [sys.executable, "-m", "simulator"]
            process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


def edges_and_host(stage: Stage, operator: Operator) -> None:
    """Two plants; the first is killed and comes again, the second speaks MQTT 3.1.1."""
    with stage.plant("one") as one, stage.plant("two", sparkplug_mqtt="3.1.1") as two:
        stage.until(lambda: min(stage.count("DDATA", "one"), stage.count("DDATA", "two")) > 300, "data of both")
        since = len(stage.events)
        operator.ask(GATEWAY, "rebirth")
        stage.until(lambda: stage.count("NBIRTH", "one", since) == 1, "rebirth")
        stage.until(lambda: stage.count("DDATA", "one", since) > 20, "data after the rebirth")
        operator.ask(ONE, "maintain")
        stage.until(lambda: stage.count("DCMD", "one", since, side="broker") == 2, "command")
        stage.until(lambda: "test-2" in operator.answered, "reply")
        one.send_signal(signal.SIGKILL)
        stage.until(lambda: stage.count("NDEATH", "one", since, side="broker") > 0, "death")
        end(two)
    since = len(stage.events)
    with stage.plant("one") as one:
        stage.until(lambda: stage.count("DDATA", "one", since) > 20, "data after the restart")
        end(one)


def trouble(stage: Stage, reorder_s: float) -> None:
    """The host is called offline; a foreign node's messages come in disorder, and one does not come at all."""
    instrument = Instrument(stage.port)
    since = len(stage.events)
    instrument.slander()
    stage.until(lambda: stage.count("STATE", since=since) >= 2, "the host's answer")
    for type_, seq in (("NBIRTH", 0), ("NDATA", 1), ("NDATA", 3), ("NDATA", 2), ("NDATA", 4)):
        instrument.node(type_, seq)
    time.sleep(reorder_s + 2)
    since = len(stage.events)
    instrument.node("NDATA", 6)
    stage.until(lambda: stage.count("NCMD", since=since) >= 1, "rebirth request")
    instrument.node("NBIRTH", 0)
    time.sleep(0.5)
    instrument.close()


def play(mosquitto: Mosquitto, folder: Path) -> list[Event]:
    """The whole scenario; returns what passed."""
    with Stage(mosquitto, folder) as stage:
        host = partial(IngesterHost, stage.port, stage.events.append)
        with host(folder / "first", reorder_s=1.0):
            operator = Operator(mosquitto.port)
            edges_and_host(stage, operator)
            operator.close()
            trouble(stage, 1.0)
        with host(folder / "second", mqtt="3.1.1", reorder_s=0.5, disconnect=False):
            time.sleep(1.5)  # a farewell's time stamp is to differ from that of the birth
        time.sleep(0.5)
    return stage.events


@pytest.mark.slow
def test_every_core_assertion_holds_on_the_wire(mosquitto: Mosquitto, tmp_path: Path) -> None:
    trace = play(mosquitto, tmp_path)
    report = check_trace(trace, instruments=[INSTRUMENT])
    assert report.ok, report.as_text()
    assert (report.count("edge"), report.count("host")) == (143, 91), report.as_text()
    file = tmp_path / "trace.jsonl"
    file.write_bytes(b"".join(map(line_of, trace)))
    again = check_trace(read_trace(file), instruments=[INSTRUMENT])
    assert again.as_json() == report.as_json(), "a recorded run gives the same report"


@pytest.mark.slow
def test_a_broker_that_is_killed_breaks_no_assertion_of_the_edge(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Lost connections, attempts while nobody is there, and births anew."""
    with Stage(mosquitto, tmp_path) as stage:
        with stage.plant("one", history_h="0", speed="60") as plant:
            stage.until(lambda: stage.count("DDATA") > 100, "data")
            mosquitto.kill()
            time.sleep(1.5)
            since = len(stage.events)
            mosquitto.start()
            stage.until(lambda: stage.count("DDATA", since=since) > 100, "data after the broker's restart")
            end(plant)
        time.sleep(0.5)
    report = check_trace(stage.events)
    assert report.ok, report.as_text()
    assert stage.count("NBIRTH") >= 2
    assert "topics-nbirth-bdseq-increment" in report.ids("edge", "passed")
