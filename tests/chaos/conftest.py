"""Fixtures of the fault-injection suite, and its report.

Each test of the catalogue is named by its identifier (``test_a05_…``). With ``QILU_CHAOS_REPORT=FILE`` each appends one
JSON line to that file: what was measured, how it ended, the seed. ``python tests/chaos/table.py FILE`` makes the table.
``QILU_CHAOS_SEED`` replays a seed, ``QILU_CHAOS_LONG=1`` runs the long forms, ``QILU_LIVE=required`` fails instead of
skipping where a server is absent.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # what the tests share stands beside them

from scene import LONG, Stage, needed_program
from servers import Influxd, Mosquitto

_FIGURES = pytest.StashKey[dict[str, object]]()
_SEED = 20_261_122


@pytest.fixture
def seed() -> int:
    """The seed of a test: drawn anew only by hand, so that CI says the same twice."""
    return _seed()


def _seed() -> int:
    return int(os.environ.get("QILU_CHAOS_SEED", _SEED))


@pytest.fixture(scope="session")
def chaos_influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """One InfluxDB for all tests that do not fill its disk; a test that ends it starts it again."""
    server = Influxd(needed_program("influxd"), tmp_path_factory.mktemp("influxd"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def stage(request: pytest.FixtureRequest, chaos_influxd: Influxd, tmp_path: Path, seed: int) -> Iterator[Stage]:
    """A broker of the test's own, a new database, a folder and the seed."""
    broker = Mosquitto(needed_program("mosquitto"), tmp_path / "broker")
    broker.start()
    stage = Stage(broker, chaos_influxd, chaos_influxd.new_bucket(), tmp_path, seed)
    stage.figures = request.getfixturevalue("record_figures")
    try:
        yield stage
    finally:
        broker.stop()
        chaos_influxd.drop_bucket(stage.bucket)


@pytest.fixture
def record_figures(request: pytest.FixtureRequest) -> dict[str, object]:
    """What the report says that this test has measured."""
    return request.node.stash.setdefault(_FIGURES, {})


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """One line of the report for each test of the catalogue."""
    report = yield
    found = re.match(r"test_([abn]\d\d)", item.name)
    path = os.environ.get("QILU_CHAOS_REPORT")
    if path and found and (report.when == "call" or (report.when == "setup" and report.skipped)):
        line = {
            "id": found[1].upper(),
            "test": item.name,
            "outcome": report.outcome,
            "reason": report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else "",
            "seconds": round(report.duration, 1),
            "seed": _seed(),
            "form": "long" if LONG else "short",
            "figures": item.stash.get(_FIGURES, {}),
        }
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    return report
