"""The whole line in one process for sectors and scenarios that differ much, and ``qilu verify`` of each.

A batch works, one with large lots, one with many machines; a park; and a network on which all goes wrong that can.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from console.cli import main
from console.demo import DemoOptions, demo
from console.runs import newest_run
from console.simulate import SimulateOptions
from console.verify import Report, verify

ROUGH = """\
id: rough
name: A rough network in six hours
seed: 3
start: '2026-03-03T08:00:00+08:00'
history: 2h
duration: 4h
speed: max
sector: electronics
faults:
- {kind: delay, machine: reflow-1, at: 10m, for: 1h, magnitude: 90}
- {kind: duplicate, at: 20m, for: 2h, magnitude: 0.2}
- {kind: reorder, machine: place-1, at: 30m, for: 2h, magnitude: 0.3}
- {kind: drop_telemetry, machine: aoi-1, at: 50m, for: 30m}
- {kind: outage, at: 100m, for: 40m}
- {kind: counter_reset, machine: test-3, at: 150m}
- {kind: dropout, machine: reflow-1, sensor: o2, at: 1h, for: 1h}
"""


def run(data_dir: Path, factory: SimulateOptions) -> Report:
    """A run, and the comparison of what was stored and computed with the truth."""
    options = DemoOptions(replace(factory, speed="max"), port=0, browser=False, data_dir=data_dir)
    asyncio.run(demo(options, asyncio.Event()))
    kept = newest_run(data_dir)
    return asyncio.run(verify(kept.ledger, kept.store_url))


@pytest.mark.parametrize("sector", ["ceramics", "biomedicine", "energy"])
def test_a_sector_from_the_machines_to_the_figures(tmp_path: Path, sector: str) -> None:
    report = run(tmp_path, SimulateOptions(sector=sector, duration_s=600.0, history_s=6 * 3600.0))
    assert report.ok, report.as_text()
    assert report.figures.compared > 10_000
    assert main(["verify", "--data-dir", str(tmp_path)]) == 0


def test_a_park_with_shifts_from_the_machines_to_the_figures(tmp_path: Path) -> None:
    """It begins at midnight: most machines are closed for the first hours, and nobody is paid for them."""
    report = run(tmp_path, SimulateOptions(scenario="industrial-park", duration_s=3600.0, history_s=9 * 3600.0))
    assert report.ok, report.as_text()
    assert report.figures.compared > 50_000


def test_on_a_rough_network_nothing_is_lost_and_every_figure_is_true(tmp_path: Path) -> None:
    """Late, twice, out of order, after an outage, and over a meter that began again: the same figures."""
    file = tmp_path / "rough.yaml"
    file.write_text(ROUGH)
    report = run(tmp_path / "data", SimulateOptions(scenario=str(file)))
    assert (report.messages.lost, report.messages.duplicated, report.messages.unexpected) == (0, 0, 0)
    assert report.ok, report.as_text()


def test_a_wrong_clock_loses_nothing_and_is_found(tmp_path: Path) -> None:
    """What is dated wrongly is counted in the wrong hour: messages are all there, and ``verify`` says which figures."""
    file = tmp_path / "rough.yaml"
    file.write_text(ROUGH + "- {kind: clock_skew, machine: tht-1, at: 30m, for: 2h, magnitude: 45}\n")
    report = run(tmp_path / "data", SimulateOptions(scenario=str(file)))
    assert (report.messages.lost, report.messages.duplicated, report.messages.unexpected) == (0, 0, 0)
    assert not report.ok
    assert all("/tht-1 in" in example or "/line-1 in" in example for example in report.figures.examples)
