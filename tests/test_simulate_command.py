"""``qilu simulate``: without a broker, against one, interrupted, and with wrong flags and files."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.cli import main
from console.embedded_broker import EmbeddedBroker
from console.ledger_file import read_ledger

START = "2026-03-02T00:00:00+08:00"
START_NS = 1_772_380_800 * 10**9
DAY_NS = 86_400 * 10**9
FIXED = ["--seed", "5", "--start", START]


def run(capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, Any]:
    """A run that goes well, as JSON."""
    assert main(["simulate", *flags, "--json"]) == 0, capsys.readouterr().err
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


# Without a broker


def test_a_sector_without_a_broker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ledger.jsonl"
    said = run(capsys, "--sector", "mould", "--for", "2d", "--speed", "max", "--dry-run", "--ledger", str(path), *FIXED)
    assert (said["start_ns"], said["end_ns"]) == (START_NS, START_NS + 2 * DAY_NS)
    assert (said["sectors"], said["machines"], said["stopped"]) == ("mould", 50, False)
    assert said["lots"] > 20, "of a shop that makes two moulds a day"
    ledger = read_ledger(path)
    assert (ledger.seed, ledger.sector, ledger.end_ns) == (5, "mould", START_NS + 2 * DAY_NS)
    assert not ledger.published, "nothing was said to anybody"
    assert len(ledger.truths) == 50 + 1, "the machines and the site's meter"
    told = [line[1] for line in lines_of(path) if isinstance(line, list) and line[0] == "events"]
    assert sum(len(part["entered"]["t_ns"]) for part in told if "entered" in part) == said["states"]
    assert sum(len(part["finished"]["t_ns"]) for part in told if "finished" in part) == said["lots"]


def test_the_text_says_how_much_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ledger.jsonl"
    assert main(["simulate", "--sector", "mould", "--for", "6h", "--dry-run", "--ledger", str(path), *FIXED]) == 0
    out = capsys.readouterr().out
    assert out.startswith("mould, seed 5: 0.25 days of 50 machines in ")
    assert out.endswith(f"ledger: {path}\n")


def test_a_park_without_a_broker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ledger.jsonl"
    said = run(capsys, "--scenario", "industrial-park", "--for", "2d", "--dry-run", "--ledger", str(path))
    assert said["sectors"] == "home_appliances+electronics+ceramics"
    ledger = read_ledger(path)
    assert {name.partition("/")[0] for name in ledger.truths} == {
        "qingdao-appliances",
        "weifang-electronics",
        "boshan-ceramics",
    }
    assert ledger.start_ns == START_NS, "the scenario's"
    assert ledger.end_ns == START_NS + 3 * DAY_NS, "a day of history, and two"
    assert ledger.others["fault"] == 4


def test_what_is_given_wins_over_the_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--for`` is plant time whatever the pace, and a flag that happens to be the usual value is still a flag."""
    file, path = tmp_path / "own.yaml", tmp_path / "ledger.jsonl"
    file.write_text(
        f"id: own\nname: Own\nsector: mould\nseed: 7\nspeed: 60\nstart: {START}\nhistory: 1h\nduration: 5h\n"
    )
    flags = ["--scenario", str(file), "--dry-run", "--ledger", str(path)]
    for more, seed, hours in (
        ([], 7, 6),
        (["--for", "2h"], 7, 3),
        (["--speed", "10"], 7, 6),
        (["--speed", "max"], 7, 6),
        (["--for", "2h", "--speed", "10"], 7, 3),
        (["--seed", "1"], 1, 6),
        (["--history", "24h"], 7, 29),
    ):
        run(capsys, *flags, *more)
        ledger = read_ledger(path)
        assert (ledger.seed, ledger.end_ns) == (seed, START_NS + hours * DAY_NS // 24), more


def test_the_same_seed_and_start_give_the_same_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def ledger(name: str, *flags: str) -> list[Any]:
        path = tmp_path / name
        run(capsys, "--sector", "machinery", "--for", "3d", "--dry-run", "--ledger", str(path), *flags)
        lines = lines_of(path)
        del lines[0]["boot"]
        return lines

    fault = ["--fault", "breakdown machine=grind-1 at=1d cause=test"]
    same = [ledger(name, *FIXED, *fault) for name in ("a", "b")]
    assert same[0] == same[1]
    assert ledger("c", *FIXED) != same[0]
    assert ledger("d", "--seed", "6", "--start", START, *fault) != same[0]


def test_a_fault_of_the_command_line_is_in_the_ledger_and_happens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.jsonl"
    fault = "supplier_down supplier=steel at=2h for=30m cause='lorry lost'"
    run(capsys, "--sector", "mould", "--for", "1d", "--dry-run", "--ledger", str(path), "--fault", fault, *FIXED)
    (said,) = [line[1] for line in lines_of(path) if isinstance(line, list) and line[0] == "fault"]
    hour_ns = DAY_NS // 24
    assert (said["kind"], said["cause"], said["origin"]) == ("supplier_down", "lorry lost", "command line")
    assert (said["start_ns"], said["end_ns"]) == (START_NS + 2 * hour_ns, START_NS + 2 * hour_ns + hour_ns // 2)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_leaves_a_valid_ledger(tmp_path: Path, how: signal.Signals) -> None:
    path = tmp_path / "ledger.jsonl"
    command = [
        sys.executable,
        "-m",
        "console",
        "simulate",
        "--sector",
        "mould",
        "--for",
        "3600d",
        "--dry-run",
        "--json",
    ]
    with subprocess.Popen(
        [*command, "--ledger", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while not path.exists() or path.stat().st_size < 100_000:
                assert time.monotonic() < deadline
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
            process.send_signal(how)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    said = json.loads(out)
    assert said["stopped"] is True
    ledger = read_ledger(path)
    assert ledger.end_ns == said["end_ns"] > ledger.start_ns
    assert {truths[-1].t_ns for truths in ledger.truths.values()} == {ledger.end_ns}


# Against a broker


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with EmbeddedBroker() as embedded:
        yield embedded.url


def test_everything_that_is_sent_is_acknowledged(
    broker: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.jsonl"
    sent = ["--sector", "mould", "--for", "2h", "--speed", "max", "--broker", broker, "--ledger", str(path), *FIXED]
    said = run(capsys, *sent)
    assert said["messages"] == said["acked"] > 100
    ledger = read_ledger(path)
    assert len(ledger.published) == len(ledger.acked) == said["messages"]
    assert sum(rows for _, rows in ledger.published.values()) == sum(said["rows"].values())
    assert ledger.end_ns == said["end_ns"] == START_NS + DAY_NS // 12


def test_what_happens_is_the_same_with_and_without_a_broker(
    broker: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The plant does not know who listens: the last truth of all machines is equal."""
    last = []
    for name, flags in (("dry", ["--dry-run"]), ("sent", ["--speed", "max", "--broker", broker])):
        path = tmp_path / name
        run(capsys, "--sector", "machinery", "--for", "5h", "--ledger", str(path), *FIXED, *flags)
        last.append({address: truths[-1] for address, truths in read_ledger(path).truths.items()})
    assert last[0] == last[1]


def test_a_paced_run_keeps_its_pace(broker: str, capsys: pytest.CaptureFixture[str]) -> None:
    begin = time.monotonic()
    said = run(capsys, "--sector", "mould", "--for", "60s", "--speed", "60", "--broker", broker, *FIXED)
    assert said["end_ns"] - said["start_ns"] == 60 * 10**9
    assert time.monotonic() - begin >= 1.0


# What is wrong

WRONG = {
    "no such sector": (["--sector", "ceramic"], "did you mean ceramics?"),
    "no such scenario": (["--scenario", "rush-saison"], "did you mean rush-season?"),
    "two things to run": (["--sector", "mould", "--scenario", "rush-season"], "exclude each other"),
    "no such fault": (["--fault", "stuk machine=rough-1 sensor=x"], "did you mean stuck?"),
    "no such machine": (["--sector", "mould", "--fault", "jam machine=rough-99"], "did you mean rough-9?"),
    "a key without a value": (["--fault", "jam machine"], "expected key=value"),
    "an unknown key of a fault": (["--fault", "jam machin=stamp-1"], "did you mean machine?"),
    "no length": (["--fault", "outage"], "for: the key is missing"),
    "no time": (["--start", "soon"], "ISO 8601"),
    "no name": (["--enterprise", "a+b"], "+"),
    "a ledger that cannot be": (["--ledger", "/proc/none/ledger"], "cannot write the ledger"),
    "no folder": (["--scenario", "./none/own.yaml"], "none/own.yaml"),
}


@pytest.mark.parametrize(("flags", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_clear_line(flags: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--dry-run", "--for", "1h", *flags]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
    assert err.startswith("qilu: ")


def test_a_wrong_key_of_a_scenario_is_named_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("id: own\nname: Own\nsector: mould\nduraton: 3d\n")
    assert main(["simulate", "--scenario", str(file), "--dry-run"]) == 2
    assert capsys.readouterr().err == f"qilu: {file}:4: duraton: unknown key; did you mean duration?\n"


def test_no_broker_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--sector", "mould", "--for", "1h", "--broker", "mqtt://127.0.0.1:9"]) == 2
    err = capsys.readouterr().err
    assert "no MQTT broker 127.0.0.1:9" in err
    assert len(err.splitlines()) == 1
