"""A run without a broker: the ledger alone, complete, readable, and the same each time."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.ledger_file import read_ledger
from contract import ConfigError
from simulator.happenings import Doing
from simulator.headless import Outcome, run_headless
from simulator.plant import DAY_NS, HOUR_NS, SECOND_NS
from simulator.settings import Settings
from simulator.speak import NAMES

START = "2026-11-20T22:30:00Z"
START_NS = 1_795_213_800 * SECOND_NS
BOOT = "0123456789abcdef"


def settings(path: Path | None = None, **changes: Any) -> Settings:
    usual = {"start": START, "history_h": 60.0, "duration_s": 0.0, "ledger": "" if path is None else str(path)}
    return Settings(**usual | changes)


def run(path: Path | None = None, boot: str = BOOT, **changes: Any) -> Outcome:
    return run_headless(settings(path, **changes), boot=boot, now_ns=0)


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_ledger_has_every_event_and_the_truth_at_every_full_day(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    outcome = run(path, duration_s=3600.0, speed=2.0)
    assert (outcome.start_ns, outcome.end_ns) == (START_NS, START_NS + 62 * HOUR_NS)
    head, *lines = lines_of(path)
    machines = head["machines"]
    assert len(machines) == outcome.machines
    assert head["doings"] == [doing.name.lower() for doing in Doing]
    ledger = read_ledger(path)
    midnight = START_NS - START_NS % DAY_NS + DAY_NS
    times = [START_NS, *(midnight + n * DAY_NS for n in range(3)), outcome.end_ns]
    assert ledger.end_ns == outcome.end_ns
    assert all([truth.t_ns for truth in truths] == times for truths in ledger.truths.values())
    assert set(machines) < set(ledger.truths)
    assert sorted({line[2] for line in lines if line[0] == "flows"}) == times
    assert [line[0] for line in lines][-1] == "end"
    tables: dict[str, dict[str, list[int]]] = {}
    for _, body in (line for line in lines if line[0] == "events"):
        for name, columns in body.items():
            start = columns.pop("t_ns")
            summed = [sum(start[: n + 1]) for n in (0, len(start) - 1)]
            assert START_NS <= summed[0] <= summed[1] < outcome.end_ns
            for column, values in columns.items():
                tables.setdefault(name, {}).setdefault(column, []).extend(values)
    counts = (outcome.states, outcome.lots, outcome.orders, outcome.shipments)
    assert (
        tuple(
            len(tables[name]["order" if name != "shipped" else "number"])
            for name in ("entered", "finished", "ordered", "shipped")
        )
        == counts
    )
    made = Counter(tables["finished"]["machine"])
    for number, machine in enumerate(machines):
        good = sum(
            g for m, g in zip(tables["finished"]["machine"], tables["finished"]["good"], strict=True) if m == number
        )
        assert good == ledger.truths[machine][-1].counts["good"]
        assert (made[number] > 0) == (good > 0)


def test_events_and_truth_agree_on_the_states(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    outcome = run(path, sector="ceramics")
    head, *lines = lines_of(path)
    times: dict[int, list[tuple[int, int]]] = {}
    for _, body in (line for line in lines if line[0] == "events"):
        entered = body.get("entered", {"t_ns": [], "machine": [], "doing": []})
        now = 0
        for step, machine, doing in zip(entered["t_ns"], entered["machine"], entered["doing"], strict=True):
            now += step
            times.setdefault(machine, []).append((now, doing))
    truths = read_ledger(path).truths
    for number, machine in enumerate(head["machines"]):
        held: Counter[str] = Counter()
        for (begin, doing), (end, _) in pairwise([*times[number], (outcome.end_ns, 0)]):
            held[NAMES[Doing(doing)]] += end - begin
        assert held == truths[machine][-1].state_ns


def test_the_same_seed_gives_the_same_bytes_but_for_the_boot(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.jsonl" for n in range(3)]
    outcomes = [run(paths[0]), run(paths[1], boot="ffff"), run(paths[2], seed=2)]
    first, second, other = (path.read_text() for path in paths)
    assert outcomes[0] == outcomes[1] != outcomes[2]
    assert second.replace('"boot":"ffff"', f'"boot":"{BOOT}"') == first != other
    assert run() == outcomes[0], "without a ledger the same happens"


def test_a_stop_leaves_a_ledger_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    asked: list[float] = []

    outcome = run_headless(settings(path), boot=BOOT, now_ns=0, stopped=lambda: len(asked) == 2, progress=asked.append)
    midnight = START_NS - START_NS % DAY_NS + DAY_NS
    assert outcome.end_ns == midnight + DAY_NS
    assert asked == pytest.approx([1.5 / 60, 25.5 / 60])
    ledger = read_ledger(path)
    assert ledger.end_ns == outcome.end_ns
    assert all(truths[-1].t_ns == outcome.end_ns for truths in ledger.truths.values())


SCENARIO = """\
id: two
name: Two works
seed: 4
start: 2026-11-21T00:00:00Z
duration: 2d
speed: max
park:
  id: east-park
  enterprises:
  - {enterprise: works-a, sector: ceramics}
  - {enterprise: works-b, sector: biomedicine, shifts: continuous}
  shared: {technicians: 2, warehouse: true}
faults:
- {kind: breakdown, enterprise: works-b, machine: MACHINE, at: 1d}
"""


def test_a_park_with_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    first = run(tmp_path / "x.jsonl", sector="biomedicine", history_h=1.0)
    machine = lines_of(tmp_path / "x.jsonl")[0]["machines"][0].split("/")[-1]
    assert first.sectors == "biomedicine"
    scenario = tmp_path / "two.yaml"
    scenario.write_text(SCENARIO.replace("MACHINE", machine))
    outcome = run_headless(Settings(scenario=str(scenario), ledger=str(path)), boot=BOOT, now_ns=0)
    assert (outcome.sectors, outcome.end_ns - outcome.start_ns) == ("ceramics+biomedicine", 2 * DAY_NS)
    head, *lines = lines_of(path)
    assert (head["seed"], head["sector"]) == (4, "ceramics+biomedicine")
    assert {machine.split("/")[0] for machine in head["machines"]} == {"works-a", "works-b"}
    (fault,) = [line[1] for line in lines if line[0] == "fault"]
    assert fault["kind"] == "breakdown" and fault["start_ns"] == outcome.start_ns + DAY_NS
    truth = read_ledger(path).truths[fault["path"]]
    assert truth[-1].counts["failures"] > truth[1].counts["failures"]
    assert {line[1] for line in lines if line[0] == "flows"} == {"works-a/east-park", "works-b/east-park"}


def test_without_a_duration_and_history_nothing_happens_and_the_ledger_says_so(tmp_path: Path) -> None:
    path = tmp_path / "l.jsonl"
    outcome = run(path, history_h=0.0)
    assert outcome.start_ns == outcome.end_ns == read_ledger(path).end_ns
    assert msgspec.structs.asdict(settings())["history_h"] == 60.0
    assert outcome.states == outcome.lots == outcome.finished_units == 0


def test_the_speed_that_is_set_is_the_pace_of_the_duration(tmp_path: Path) -> None:
    """A scenario's duration is plant time, whatever the speed that the settings put in the place of its own."""
    scenario = tmp_path / "one.yaml"
    scenario.write_text("id: one\nname: One\nsector: ceramics\nstart: 2026-11-21T00:00:00Z\nduration: 1d\nspeed: max\n")
    for speed in (1.0, 60.0):
        outcome = run_headless(Settings(scenario=str(scenario), speed=speed), boot=BOOT, now_ns=0)
        assert outcome.end_ns - outcome.start_ns == DAY_NS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sector": "ceramic"}, "did you mean ceramics"),
        ({"ledger": "/nowhere/l.jsonl"}, "cannot write the ledger"),
        ({"faults": ["jam machine=nobody-1 at=1h"]}, "no machine 'nobody-1'"),
    ],
)
def test_what_cannot_be_is_said(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(**changes)
