"""The shell: history, pace, a clean end and the ledger, on a real broker; plant time never asks the wall."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest
from factory_runs import factory, park_of

from console.embedded_broker import EmbeddedBroker
from contract import Address, Command, CommandRow, ConfigError, LinkError, decode, encode
from service import Broker
from simulator.__main__ import PROGRAM
from simulator.plant import HOUR_NS, MINUTE_NS, SECOND_NS
from simulator.run import Progress, Summary, simulate
from simulator.settings import Settings

ROOT = Path(__file__).parents[1]
START = "2026-11-20T23:58:30Z"
START_NS = 1_795_219_110 * SECOND_NS
BOOT = "0123456789abcdef"
TIMEOUT_S = 60.0
Heard = list[tuple[str, bytes]]
SITES = count(1)
SPEAKERS = len(factory(park_of("home_appliances")).opening())


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with EmbeddedBroker() as running:
        yield Broker(url=running.url)


def run_program(argv: list[str], environ: Mapping[str, str]) -> int:
    return PROGRAM.main(argv, environ, time.time)


def settings(**changes: Any) -> Settings:
    return Settings(**{"start": START, "history_h": 0.05, "duration_s": 180.0, "speed": "max"} | changes)


async def overheard(broker: Broker, *runs: Settings, **arguments: Any) -> tuple[list[Summary], list[Heard]]:
    """Run one after the other, at a site where nobody was before; what each has published, as it arrived."""
    summaries, heard = [], []
    site = f"site-{next(SITES)}"
    gateway = Address("qingdao-appliances", site, "production", "line-1", "gateway")
    async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe(f"qilu/v1/+/{site}/#", qos=1)
        for settings in runs:
            here = msgspec.structs.replace(settings, site=site)
            summaries.append(await simulate(here, broker, stop=asyncio.Event(), boot=BOOT, **arguments))
            got: Heard = []
            async for message in client.messages:
                got.append((str(message.topic), bytes(message.payload)))
                if got[-1][0] == gateway.topic("death"):
                    break
            heard.append(got)
    return summaries, heard


def run(coroutine: Any) -> Any:
    return asyncio.run(asyncio.wait_for(coroutine, TIMEOUT_S))


def test_the_same_seed_boot_and_start_give_the_same_bytes(broker: Broker) -> None:
    summaries, (first, second) = run(overheard(broker, settings(), settings()))
    assert first == second
    assert summaries[0] == summaries[1]
    summary = summaries[0]
    assert summary.messages == summary.acked == len(first)
    assert (summary.start_ns, summary.end_ns) == (START_NS, START_NS + 6 * MINUTE_NS)
    counted: Counter[str] = Counter()
    for topic, payload in first:
        _, kind = Address.of_topic(topic)
        counted[kind] += len(decode(kind, payload).times)
    assert counted == summary.rows
    assert summary.rows["birth"] == summary.rows["death"] == SPEAKERS
    _, (other,) = run(overheard(broker, settings(seed=2)))
    assert [payload for _, payload in other] != [payload for _, payload in first]


def test_the_ledger_has_every_message_and_the_truth_at_every_hour(broker: Broker, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    (summary,), (heard,) = run(overheard(broker, settings(ledger=str(ledger), history_h=2.0)))
    header, *lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    machines, doings = header.pop("machines"), header.pop("doings")
    assert header == {"ledger": 1, "seed": 1, "sector": "home_appliances", "start_ns": START_NS, "boot": BOOT}
    assert (len(machines), doings[0]) == (22, "running")
    promised = {(path, boot, seq): (kind, rows) for word, path, kind, boot, seq, rows in _of(lines, "p")}
    acked = [(path, boot, seq) for word, path, boot, seq in _of(lines, "a")]
    assert len(promised) == len(_of(lines, "p")) == summary.messages
    assert sorted(acked) == sorted(promised)
    for topic, payload in heard:
        address, kind = Address.of_topic(topic)
        message = decode(kind, payload)
        assert promised[address.path, message.boot, message.seq] == (kind, len(message.times))
    truths: dict[int, dict[str, Any]] = defaultdict(dict)
    for _, path, t_ns, body in _of(lines, "truth"):
        truths[t_ns][path] = body
    midnight = START_NS + 90 * SECOND_NS
    assert list(truths) == [START_NS, midnight, midnight + HOUR_NS, midnight + 2 * HOUR_NS, summary.end_ns]
    assert {len(bodies) for bodies in truths.values()} == {23}
    assert all(body["energy_wh"] == 0 and body["state_ns"] == {} for body in truths[START_NS].values())
    flows = _of(lines, "flows")
    assert [t_ns for _, _, t_ns, _ in flows] == list(truths)
    assert flows[-1][3]["orders"] == sum(row.quantity > 0 for row in _rows(heard, "order"))
    finished = [sum(body["finished"]["good"]) for _, body in _of(lines, "events") if "finished" in body]
    assert sum(finished) == sum(row.good for row in _rows(heard, "cycle"))
    assert lines[-1] == ["end", summary.end_ns]


def _of(lines: list[list[Any]], word: str) -> list[list[Any]]:
    return [line for line in lines if line[0] == word]


def _rows(heard: Heard, kind: str) -> list[Any]:
    return [row for topic, payload in heard if topic.endswith(f"/{kind}") for row in decode(kind, payload).rows]


def test_faults_of_the_wire_and_the_ledger(broker: Broker, tmp_path: Path) -> None:
    """What is sent twice is promised once, what is dropped is never promised, and each fault is on record."""
    ledger = tmp_path / "ledger.jsonl"
    faults = ["duplicate magnitude=0.5", "drop_telemetry machine=stamp-1 for=1m", "reorder machine=drum-1 magnitude=1"]
    (summary,), (heard,) = run(overheard(broker, settings(ledger=str(ledger), faults=faults)))
    _, *lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    promised = [(path, seq) for _, path, _, _, seq, _ in _of(lines, "p")]
    sent = [(Address.of_topic(topic)[0].path, decode(topic.split("/")[-1], payload).seq) for topic, payload in heard]
    assert set(promised) == set(sent) and len(set(promised)) == len(promised) < len(sent)
    assert summary.messages == summary.acked == len(sent)
    dropped = [(path, seq) for _, fault, path, kind, _, seq, _ in _of(lines, "dropped")]
    assert dropped and not set(dropped) & set(promised)
    assert {path.split("/")[-1] for path, _ in dropped} == {"stamp-1"}
    assert [line["kind"] for _, line in _of(lines, "fault")] == ["duplicate", "drop_telemetry", "reorder"]


def test_a_command_is_obeyed_and_answered_while_it_runs(broker: Broker, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    machine = Address("qingdao-appliances", "commanded", "production", "line-1", "stamp-1")
    command = Command(boot="aaaaaaaa", seq=1, rows=[CommandRow(t=1, command="c-1", action="stop")])

    async def scenario() -> None:
        stop = asyncio.Event()
        live = settings(history_h=0.0, duration_s=0.0, speed=600.0, site="commanded", ledger=str(ledger))
        async with aiomqtt.Client(broker.host, broker.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe(machine.topic("reply"), qos=1)
            await client.subscribe(machine.topic("state"), qos=1)
            running = asyncio.ensure_future(simulate(live, broker, stop=stop, boot=BOOT))
            answered = None
            async for message in client.messages:
                kind = str(message.topic).split("/")[-1]
                said = decode(kind, bytes(message.payload))
                if kind == "reply":
                    answered = said.rows[0]
                elif answered is None:
                    await client.publish(machine.topic("command"), encode(command), qos=1)
                elif any((row.reason, row.cause) == ("planned_stop", "command") for row in said.rows):
                    break
            stop.set()
            await running
            assert (answered.command, answered.status) == ("c-1", "done")

    run(scenario())
    lines = [json.loads(line) for line in ledger.read_text().splitlines()][1:]
    told = _of(lines, "command")
    assert {(path, body["asked"]["command"], body["reply"]["status"]) for _, path, _, body in told} == {
        (machine.path, "c-1", "done")
    }


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_ns = START_NS + 1000 * HOUR_NS

    def __call__(self) -> int:
        return self.now_ns

    async def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * SECOND_NS)
        await asyncio.sleep(0)


@pytest.mark.parametrize(("speed", "telemetry_s"), [(1.0, 1), (60.0, 1), (600.0, 10)])
def test_the_pace_is_the_clock_s(broker: Broker, speed: float, telemetry_s: int) -> None:
    clock, progress = Clock(), Progress()
    wall_ns = clock()
    paced = settings(history_h=0.0, duration_s=5.0, speed=speed)
    (summary,), (heard,) = run(overheard(broker, paced, clock_ns=clock, sleep=clock.sleep, progress=progress))
    assert summary.end_ns - summary.start_ns == round(5 * speed) * SECOND_NS
    assert clock() - wall_ns == 5 * SECOND_NS
    assert (progress.phase, progress.plant_now_ns, progress.acked) == ("ended", summary.end_ns, summary.messages)
    times = [
        t for topic, payload in heard if topic.endswith("stamp-1/telemetry") for t in decode("telemetry", payload).times
    ]
    assert times == list(range(START_NS, summary.end_ns, telemetry_s * SECOND_NS))


def test_a_stop_is_a_clean_end(broker: Broker) -> None:
    async def scenario() -> tuple[Summary, Progress]:
        clock, stop, progress = Clock(), asyncio.Event(), Progress()

        async def sleep(seconds: float) -> None:
            await clock.sleep(seconds)
            if clock() >= START_NS + 1000 * HOUR_NS + 3 * SECOND_NS:
                stop.set()

        endless = settings(history_h=0.0, duration_s=0.0, speed=1.0)
        return await simulate(endless, broker, stop=stop, clock_ns=clock, sleep=sleep, progress=progress), progress

    summary, progress = run(scenario())
    assert summary.end_ns == START_NS + 3 * SECOND_NS
    assert summary.rows["death"] == SPEAKERS
    assert summary.acked == summary.messages
    assert progress.phase == "ended"


def test_after_a_long_sleep_of_the_computer_a_stop_still_ends_at_once(broker: Broker) -> None:
    async def scenario() -> Summary:
        clock, stop = Clock(), asyncio.Event()

        class Watching(Progress):
            """Somebody stops the run as soon as the plant has begun to make up for the lost time."""

            def __setattr__(self, name: str, value: Any) -> None:
                super().__setattr__(name, value)
                if name == "acked" and self.phase == "live":
                    stop.set()

        async def sleep(seconds: float) -> None:
            await clock.sleep(seconds + 24 * 3600)

        live = settings(history_h=0.0, duration_s=0.0, speed=1.0, telemetry_s=600)
        return await simulate(live, broker, stop=stop, clock_ns=clock, sleep=sleep, progress=Watching())

    summary = run(scenario())
    assert START_NS < summary.end_ns <= START_NS + HOUR_NS
    assert summary.rows["death"] == SPEAKERS
    assert summary.acked == summary.messages


def test_history_ends_now_and_at_speed_1_plant_time_is_wall_time(broker: Broker) -> None:
    async def scenario() -> None:
        clock, stop = Clock(), asyncio.Event()

        class Slow(Progress):
            """The wall goes on while the history is sent."""

            def __setattr__(self, name: str, value: Any) -> None:
                super().__setattr__(name, value)
                if name == "history_fraction" and value:
                    clock.now_ns += 7 * SECOND_NS
                elif name == "phase" and value == "live":
                    assert clock() - self.plant_now_ns < SECOND_NS
                    stop.set()

        live = Settings(history_h=1.0, speed=1.0)
        begin_ns = clock() - HOUR_NS
        summary = await simulate(live, broker, stop=stop, clock_ns=clock, sleep=clock.sleep, progress=Slow())
        assert summary.start_ns == begin_ns
        assert summary.end_ns >= begin_ns + HOUR_NS + 7 * SECOND_NS

    run(scenario())


def test_no_broker(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        with pytest.raises(LinkError, match="no MQTT broker"):
            await simulate(settings(), Broker(url=url), stop=asyncio.Event(), keep_trying=False)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.1, stop.set)
        with pytest.raises(LinkError, match="stopped"):
            await simulate(settings(), Broker(url=url), stop=stop)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        run(scenario(f"mqtt://127.0.0.1:{taken.getsockname()[1]}"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sector": "home_aplliances"}, "did you mean home_appliances"),
        ({"start": "yesterday"}, "simulator.start: expected an ISO 8601 time .* found 'yesterday'"),
        ({"start": "1969-12-31T00:00:00Z"}, "simulator.start: expected a time from 1970 to 2200"),
        ({"start": "9999-12-31T00:00:00Z"}, "from 1970 to 2200, found '9999-12-31T00:00:00Z'"),
        ({"line": "a/b"}, "line 'a/b' holds the character '/'"),
        ({"ledger": "/nowhere/l.jsonl"}, "cannot write the ledger /nowhere/l.jsonl"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_sent(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(simulate(settings(**changes), Broker(url="mqtt://127.0.0.1:1"), stop=asyncio.Event()))


def test_a_ledger_that_cannot_go_on_is_told_and_nothing_more_is_sent(broker: Broker) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    progress = Progress()
    with pytest.raises(ConfigError, match="cannot write the ledger /dev/full: No space left"):
        run(simulate(settings(ledger="/dev/full"), broker, stop=asyncio.Event(), progress=progress))
    assert progress.acked == 0


def test_the_command_refuses_with_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run_program([], {"QILU_SIMULATOR_SPED": "2"}) == 2
    assert capsys.readouterr().err.strip().endswith("did you mean QILU_SIMULATOR_SPEED?")
    for endless in ("SPEED", "HISTORY_H", "DURATION_S"):
        assert run_program([], {f"QILU_SIMULATOR_{endless}": "inf"}) == 2
        assert "Expected `float` <= " in capsys.readouterr().err
    config = tmp_path / "qilu.toml"
    config.write_text('[simulator]\nspeed = "fast"\n')
    assert run_program(["--config", str(config)], {}) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert run_program(["--health"], {}) == 2
    assert "--health needs simulator.heartbeat" in capsys.readouterr().err
    assert run_program(["--health"], {"QILU_SIMULATOR_HEARTBEAT": str(tmp_path / "none")}) == 1
    assert "no heartbeat" in capsys.readouterr().err


def test_the_service_ends_cleanly_at_sigterm(broker: Broker, tmp_path: Path) -> None:
    ledger, heartbeat = tmp_path / "ledger.jsonl", tmp_path / "beat.json"
    environ = os.environ | {
        "QILU_BROKER_URL": broker.url,
        "QILU_SIMULATOR_HISTORY_H": "0.1",
        "QILU_SIMULATOR_CLIENT_ID": "sigterm",
        "QILU_SIMULATOR_HEARTBEAT": str(heartbeat),
    }
    command = [sys.executable, "-m", "simulator", "--ledger", str(ledger)]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if "live at speed" in line:
                    break
            assert run_program(["--health"], environ) == 0
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_S) == 0
        finally:
            process.kill()
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert lines[-1][0] == "end"
    assert len(_of(lines[1:], "p")) == len(_of(lines[1:], "a")) > 0
