"""Real servers as fixtures: ``influxd``, ``influx_url``, ``mosquitto``.

Where a program is absent the tests are skipped with the reason; with ``QILU_LIVE=required`` they fail instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from servers import Influxd, Mosquitto, find_program


def _program(name: str) -> str:
    program = find_program(name)
    if program is not None:
        return program
    reason = f"{name} is neither on the PATH nor in .servers/bin"
    if os.environ.get("QILU_LIVE") == "required":
        pytest.fail(reason + ", and QILU_LIVE=required")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    """One InfluxDB 1.8 for the whole session: ``start``, ``stop``, ``kill``, ``new_bucket``, ``url(bucket)``."""
    server = Influxd(_program("influxd"), tmp_path_factory.mktemp("influxd"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def influx_url(influxd: Influxd) -> Iterator[str]:
    """The ``store.url`` of a new, empty database."""
    bucket = influxd.new_bucket()
    yield influxd.url(bucket)
    influxd.drop_bucket(bucket)


@pytest.fixture
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    """A Mosquitto of the test's own: ``url``, ``port``, ``start``, ``stop``, ``kill``; its data outlive a restart."""
    server = Mosquitto(_program("mosquitto"), tmp_path_factory.mktemp("mosquitto"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
