"""``qilu command``: to a plant that runs against a broker, and what the ledger of that plant says of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.embedded_broker import EmbeddedBroker
from console.ledger_file import read_ledger

LINE = "acme/plant-1/production/line-1"
MINUTE_NS = 60 * 10**9
TIMEOUT_S = 60.0


@dataclass
class Plant:
    """``qilu simulate`` in a process of its own, one plant minute a second."""

    broker: str
    ledger: Path
    process: subprocess.Popen[str]

    def lines(self, kind: str) -> list[Any]:
        """What its ledger says of a kind, so far."""
        whole = [line for line in self.ledger.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        return [line for line in map(json.loads, whole[1:]) if line[0] == kind]

    def until(self, reached: Any) -> Any:
        """Wait for something that the ledger shows."""
        deadline = time.monotonic() + TIMEOUT_S
        while not (found := reached()):
            assert time.monotonic() < deadline
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One for all: no test asks for what another one changes."""
    ledger = tmp_path_factory.mktemp("plant") / "ledger.jsonl"
    with EmbeddedBroker() as broker:
        command = [sys.executable, "-m", "console", "simulate", "--sector", "mould", "--enterprise", "acme"]
        flags = ["--speed", "60", "--seed", "3", "--broker", broker.url, "--ledger", str(ledger)]
        fault = ["--fault", "jam machine=rough-8 cause=first"]
        with subprocess.Popen(
            [*command, *flags, *fault], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                running = Plant(broker.url, ledger, process)
                running.until(lambda: ledger.exists() and ledger.stat().st_size and len(running.lines("a")) > 100)
                yield running
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=TIMEOUT_S)
            finally:
                process.kill()
        assert process.returncode == 0, err
        assert "Traceback" not in err
    after = read_ledger(ledger)
    assert after.end_ns is not None
    assert after.acked == set(after.published), "the replies among them"


def ask(plant: Plant, capsys: pytest.CaptureFixture[str], machine: str, *words: str) -> tuple[int, str]:
    """Exit code and what is printed."""
    code = main(["command", f"{LINE}/{machine}", *words, "--broker", plant.broker])
    said = capsys.readouterr()
    assert not said.err
    return code, said.out.strip()


def test_a_fault_is_accepted_begins_now_and_is_in_the_ledger(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fault", "kind=slow", "for=30m", "magnitude=0.5", "cause=coolant thin"]
    assert ask(plant, capsys, "rough-1", *words) == (0, "accepted")
    _, fault = plant.until(lambda: [line for line in plant.lines("fault") if line[1]["kind"] == "slow"])[0]
    assert (fault["path"], fault["magnitude"], fault["cause"]) == (f"{LINE}/rough-1", 0.5, "coolant thin")
    assert fault["origin"] == "mqtt"
    assert fault["end_ns"] - fault["start_ns"] == 30 * MINUTE_NS
    asked = next(line for line in plant.lines("command") if line[3]["asked"]["action"] == "fault")
    assert asked[1] == f"{LINE}/rough-1"
    assert asked[3]["asked"]["arguments"]["cause"] == "coolant thin"
    assert fault["start_ns"] == asked[2], "plant time, not ours"


def test_the_gateway_takes_faults_of_others(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fault", "kind=supplier_down", "supplier=steel", "for=1h", "cause=strike"]
    assert ask(plant, capsys, "gateway", *words) == (0, "accepted")
    (fault,) = plant.until(lambda: [line[1] for line in plant.lines("fault") if line[1]["kind"] == "supplier_down"])
    assert fault["path"] == "acme/plant-1/supply/steel/shipments"


def test_a_machine_is_stopped_and_started(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(plant, capsys, "rough-2", "stop") == (0, "done")
    code, said = ask(plant, capsys, "rough-2", "start", "--json")
    assert code == 0
    reply = json.loads(said)
    assert reply["status"] == "done"
    assert reply["command"].startswith("cli-")


def test_the_rule_of_a_step_is_changed(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(plant, capsys, "rough-3", "set_dispatch", "rule=fifo") == (0, "done")


REFUSED = {
    "no such action": ("rough-4", ["mantain"], "did you mean maintain?"),
    "no such rule": ("rough-4", ["set_dispatch", "rule=fife"], "did you mean fifo?"),
    "no such argument": ("rough-4", ["stop", "now=yes"], "unknown argument"),
    "no such fault": ("rough-4", ["fault", "kind=slo"], "did you mean slow?"),
    "another machine": ("rough-4", ["fault", "kind=jam", "machine=rough-5"], "name another at the gateway"),
    "no such machine": ("rough-99", ["stop"], "no machine at this address"),
    "no such order": ("rough-4", ["set_priority", "order=o-999999", "priority=1"], "no open order"),
    "no such interlock": ("rough-4", ["stop", "--interlock", "not_runing"], "known: not_running"),
}


@pytest.mark.parametrize(("machine", "words", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_with_the_reason(
    plant: Plant, capsys: pytest.CaptureFixture[str], machine: str, words: list[str], reason: str
) -> None:
    code, said = ask(plant, capsys, machine, *words)
    assert code == 1
    assert said.startswith("refused: ")
    assert reason in said


def test_nobody_there_is_no_success(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(
        ["command", "acme/elsewhere/production/line-1/rough-1", "stop", "--wait", "1s", "--broker", plant.broker]
    )
    assert code == 1
    assert "no reply within 1 s" in capsys.readouterr().out


WRONG = {
    "four levels": (["acme/plant-1/production/line-1", "stop"], "has 4 levels, not 5"),
    "no equals sign": ([f"{LINE}/rough-1", "fault", "jam"], "argument 'jam': expected KEY=VALUE"),
    "no broker": ([f"{LINE}/rough-1", "stop"], "no MQTT broker 127.0.0.1:9"),
    "no time": ([f"{LINE}/rough-1", "stop", "--wait", "soon"], "no time"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_sent_is_one_clear_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["command", *words, "--broker", "mqtt://127.0.0.1:9"]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
