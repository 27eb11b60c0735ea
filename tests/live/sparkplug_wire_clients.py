"""The clients of the Sparkplug scenario: the ingester as host, an operator, and a misbehaving foreign node.

What it is: ``python -m ingest`` with the host switched on, whose log says what no wire can show; who commands over the
contract's own topics; and the instrument, which sends what a good client never would.
What it is not: judged by the checker (the operator and the instrument).
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from servers import ROOT

from console.sparkplug_hearing import SETTING
from console.sparkplug_mqtt import Told
from console.sparkplug_world import Event
from contract import Address, Command, CommandRow, Message, Reply, decode, encode
from contract.sparkplug_payload import DataType, Metric, Payload, encode_payload
from historian import Query, Table, open_store

HOST_ID = "qilu-test"
INSTRUMENT = "instrument"
_HOST = re.compile(r"Sparkplug host '([^']*)' with a reorder timeout of (\S+) s")
_MARK = re.compile(r"Sparkplug: ([a-z ]+): '([^']*)' (\[.*\])$")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class IngesterHost:
    """``python -m ingest`` as a host application; a context manager that leaves as ``disconnect`` says.

    What it logs of itself becomes ``Told`` events.
    """

    def __init__(
        self,
        port: int,
        record: Callable[[Event], object],
        folder: Path,
        *,
        mqtt: str = "5",
        reorder_s: float = 2.0,
        disconnect: bool = True,
        **settings: str,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.store = f"duckdb:{folder / 'plant.duckdb'}"
        self.log: list[str] = []
        self._record = record
        self._online = threading.Event()
        fields = {
            "sparkplug_host": HOST_ID,
            "sparkplug_mqtt": mqtt,
            "sparkplug_reorder_s": str(reorder_s),
            "dead_letters": str(folder / "dead"),
            "heartbeat": str(folder / "heartbeat.json"),
        } | settings
        self._heartbeat = Path(fields["heartbeat"])
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("QILU_")}
        self._environ |= {"QILU_BROKER_URL": f"mqtt://127.0.0.1:{port}", "QILU_STORE_URL": self.store}
        self._environ |= {f"QILU_INGEST_{name.upper()}": value for name, value in fields.items()}
        if not disconnect:
            self._environ["QILU_FAILPOINT"] = "after-offline"
        self._exit_code = 0 if disconnect else -signal.SIGKILL

    def __enter__(self) -> IngesterHost:
        command = [sys.executable, "-m", "ingest"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environ, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if self._environ["QILU_INGEST_SPARKPLUG_HOST"]:
            assert self._online.wait(30), self.log
        else:
            self._wait_for_connection()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(20)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(10)
        assert code == self._exit_code, self.log

    def status(self) -> dict[str, Any]:
        """What it says of itself, a second old at most."""
        told: dict[str, Any] = json.loads(self._heartbeat.read_text())
        return told

    def _wait_for_connection(self) -> None:
        deadline = time.monotonic() + 30
        while not (self._heartbeat.exists() and self.status()["connected"]):
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            for told in _told(line):
                self._record(Event(now_ms(), 0, "told", told))
            if "Sparkplug: connected" in line:
                self._online.set()


def _told(line: str) -> Iterator[Told]:
    """What a line of the log says of nodes, devices and settings."""
    if host := _HOST.search(line):
        yield Told(host[1], "setting", name=SETTING, value=float(host[2]))
    if mark := _MARK.search(line):
        group, node = mark[2].split("/")
        for device, at in ast.literal_eval(mark[3]):
            at_ms = round(datetime.fromisoformat(at).timestamp() * 1000)
            for what in mark[1].split(" and "):
                yield Told(HOST_ID, what, group, node, device, at_ms)


def stored(url: str, kind: str, *fields: str, **where: str) -> Table:
    """What a store holds of a kind."""

    async def read() -> Table:
        async with open_store(url) as store:
            return await store.read(Query(kind, fields, where))

    return asyncio.run(read())


class Operator:
    """Commands by the contract's own topics, as ``qilu command`` sends them."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, "operator")
        self._client.on_message = lambda _client, _userdata, message: self.replies.append(
            decode("reply", message.payload)
        )
        self.replies: list[Message] = []
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("qilu/v1/+/+/+/+/+/reply", qos=1)
        self._client.loop_start()
        self._seq = 0

    def ask(self, address: Address, action: str) -> None:
        self._seq += 1
        row = CommandRow(t=time.time_ns(), command=f"test-{self._seq}", action=action)
        payload = encode(Command(boot="f" * 16, seq=self._seq, rows=[row]))
        self._client.publish(address.topic("command"), payload, qos=1).wait_for_publish(10)

    @property
    def answered(self) -> set[str]:
        """The names of the commands that were replied to."""
        return {row.command for reply in self.replies if isinstance(reply, Reply) for row in reply.rows}

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Instrument:
    """Says what it is told to, true or false."""

    def __init__(self, port: int) -> None:
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, INSTRUMENT)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def slander(self) -> None:
        """Call the host offline."""
        said = json.dumps({"online": False, "timestamp": now_ms()})
        self._client.publish(f"spBv1.0/STATE/{HOST_ID}", said, qos=1, retain=True).wait_for_publish(10)

    def node(self, type_: str, seq: int) -> None:
        """A message of a foreign edge node with this sequence number."""
        at_ms = now_ms()
        level = Metric("level", DataType.Double, float(seq), at_ms)
        first = (
            Metric("bdSeq", DataType.Int64, 0, at_ms),
            Metric("Node Control/Rebirth", DataType.Boolean, False, at_ms),
        )
        metrics = (*first, level) if type_ == "NBIRTH" else (Metric("level", None, float(seq), at_ms),)
        topic = f"spBv1.0/elsewhere/{type_}/odd"
        self._client.publish(topic, encode_payload(Payload(at_ms, seq, metrics))).wait_for_publish(10)
