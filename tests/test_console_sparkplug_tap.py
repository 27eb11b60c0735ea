"""The tap: what passes is unchanged and written down; and the command around it."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import pytest
from sparkplug_maker import good
from test_console_sparkplug_wire import CONNECT_311, packet, text

from console.sparkplug_check import run_check
from console.sparkplug_commands import add_sparkplug_commands
from console.sparkplug_mqtt import Closed, Connack, Connect, Garbled, Publish
from console.sparkplug_tap import Tap
from console.sparkplug_trace import line_of, read_trace
from console.sparkplug_world import Event
from contract import ConfigError, LinkError

CONNACK = packet(0x20, b"\x00\x00")
PUBLISH = packet(0x30, text("a/b") + b"hello")


class Echo:
    """A broker that takes a connection, says CONNACK, and keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> Echo:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK)
        try:
            while data := await reader.read(4096):
                self.heard += data
        except OSError:
            pass
        writer.close()
        self.ended.set()


def kinds(events: list[Event]) -> list[tuple[int, str, type]]:
    return [(event.link, event.side, type(event.packet)) for event in events]


async def _pass(events: list[Event], *, reset: bool, data: bytes = PUBLISH) -> Echo:
    async with Echo() as broker, Tap("127.0.0.1", broker.port, events.append, clock_ms=lambda: 5) as tap:
        reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
        writer.write(CONNECT_311)
        assert await reader.readexactly(len(CONNACK)) == CONNACK
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.05)
        if reset:
            writer.transport.abort()
        else:
            writer.close()
        await asyncio.wait_for(broker.ended.wait(), 5)
    return broker


@pytest.mark.parametrize("reset", [False, True])
def test_bytes_pass_unchanged_and_are_written_down(reset: bool) -> None:
    events: list[Event] = []
    broker = asyncio.run(_pass(events, reset=reset))
    assert broker.heard == CONNECT_311 + PUBLISH
    assert sorted(kinds(events[:2]), key=str) == sorted([(1, "client", Connect), (1, "broker", Connack)], key=str)
    assert kinds(events[2:]) == [(1, "client", Publish), (1, "client", Closed)]
    assert events[2] == Event(5, 1, "client", Publish("a/b", b"hello"))


def test_what_is_no_mqtt_passes_and_is_said_to_be_none() -> None:
    events: list[Event] = []
    garbage = b"\x30\xff\xff\xff\xff\xff" + b"x" * 100
    broker = asyncio.run(_pass(events, reset=False, data=garbage))
    assert broker.heard == CONNECT_311 + garbage
    assert [one.packet for one in events if isinstance(one.packet, Garbled)]


def test_an_attempt_counts_though_no_broker_is_there() -> None:
    events: list[Event] = []

    async def attempt() -> None:
        async with Tap("127.0.0.1", 1, events.append) as tap:
            reader, writer = await asyncio.open_connection("127.0.0.1", tap.port)
            writer.write(CONNECT_311)
            assert await reader.read() == b""
            writer.close()

    asyncio.run(attempt())
    assert kinds(events) == [(1, "client", Connect), (1, "broker", Closed)]


def test_the_command_checks_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = good()
    file = tmp_path / "trace.jsonl"
    file.write_bytes(b"".join(line_of(step.event()) for step in steps))
    assert run_check(trace=file) == 0
    out = capsys.readouterr().out
    assert "edge: 143 of 143 assertions passed" in out and "host: 91 of 91 assertions passed" in out
    assert run_check(trace=file, every=True) == 0
    assert "passed    edge  MUST        intro-group-id-chars" in capsys.readouterr().out
    file.write_bytes(b"".join(line_of(step.event()) for step in steps if step.name != "DBIRTH"))
    assert run_check(trace=file, as_json=True) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False and report["edge"]["failed"] > 0


def test_the_command_listens_and_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.jsonl"
    assert run_check(broker="mqtt://127.0.0.1:1", listen="127.0.0.1:0", record=file, duration_s=0.05) == 0
    assert "0 packets" in capsys.readouterr().out
    assert list(read_trace(file)) == []


@pytest.mark.parametrize("listen", ["1884", "host:99999", "host:", "host:x"])
def test_a_bad_address_is_refused(listen: str) -> None:
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        run_check(listen=listen, duration_s=0.01)


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    async def twice() -> None:
        async with Echo() as busy:
            await Tap("127.0.0.1", 1, print, listen_port=busy.port).__aenter__()

    with pytest.raises(LinkError, match="cannot listen"):
        asyncio.run(twice())


def test_the_flags_reach_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trace.jsonl"
    steps = [step for step in good() if step.name not in ("told setting", "NDEATH")]
    file.write_bytes(b"".join(line_of(step.event()) for step in steps))
    top = argparse.ArgumentParser()
    add_sparkplug_commands(top.add_subparsers(), float)
    options = top.parse_args(["sparkplug", "check", "--trace", str(file), "--reorder-s", "2", "--json"])
    assert options.run(options) == 1, "a node that leaves without a word"
    report = json.loads(capsys.readouterr().out)
    assert report["host"]["passed"] == 91 and report["edge"]["failed"] > 0
    options = top.parse_args(["sparkplug", "check", "--trace", str(file), "--instrument", "edge-n1"])
    assert options.run(options) == 0
