"""The walls of the house: who may import whom, and where each foreign client library may be used."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "contract": set(),
    "service": {"contract"},
    "simulator": {"contract", "service"},
    "historian": {"contract"},
    "ingest": {"contract", "service", "historian"},
    "analytics": {"contract", "service", "historian"},
    "console": {"contract", "service", "simulator", "historian", "ingest", "analytics"},
}
ROOMS = set(ALLOWED)
CLIENTS = {
    "aiomqtt": {"simulator/mqtt_client.py", "simulator/sparkplug_client.py"},
    "paho": {"simulator/mqtt_client.py", "simulator/sparkplug_client.py"},
    "sqlite3": {"simulator/outbox.py", "simulator/outbox_file.py"},
    "google": {"contract/sparkplug_payload.py"},
    "prometheus_client": {"ingest/metrics.py", "ingest/monitor.py", "ingest/web.py"},
    "zstandard": {"contract/compression.py"},
    "influxdb_client": {"historian/influx.py"},
    "duckdb": {"historian/duck.py"},
    "iotcore": {"console/embedded_broker.py"},
    "aiohttp": {"historian/influx.py", "console/web.py"},
    "numba": {"simulator/compiled.py"},
    "sklearn": {"analytics/health/learned.py"},
}
# Files that own a loop, a connection, a file or the clock. Everything else is pure.
SHELLS = {
    "service/process.py",
    "service/program.py",
    "service/settings.py",
    "service/datafiles_io.py",
    "simulator/run.py",
    "simulator/mqtt_client.py",
    "simulator/outbox.py",
    "simulator/publisher.py",
    "simulator/sparkplug_client.py",
    "simulator/sparkplug_numbers.py",
    "simulator/sparkplug_publisher.py",
    "simulator/outbox_file.py",
    "simulator/outboxes.py",
    "simulator/resend.py",
    "simulator/ledger.py",
    "simulator/span.py",
    "simulator/links.py",
    "simulator/compiled.py",  # the cache of machine code is a folder
    "simulator/precompile.py",
    "simulator/__main__.py",
    "historian/influx.py",
    "historian/duck.py",
    "historian/store.py",
    "historian/checks.py",
    "historian/base.py",
    "ingest/run.py",
    "ingest/carrier.py",
    "ingest/door.py",
    "ingest/doors.py",
    "ingest/admission.py",
    "ingest/gap_check.py",
    "ingest/gap_watch.py",
    "ingest/herald.py",
    "ingest/memory.py",
    "ingest/seats.py",
    "ingest/sparkplug_door.py",
    "ingest/failpoints.py",
    "ingest/subscriber.py",
    "ingest/deadletter.py",
    "ingest/web.py",
    "ingest/__main__.py",
    "analytics/run.py",
    "analytics/__main__.py",
}
IMPURE = {"asyncio", "socket", "time", "random", "secrets", "subprocess", "threading", "os", "tempfile", "uuid"}


def _files() -> list[Path]:
    return [path for room in sorted(ROOMS) for path in sorted((ROOT / room).rglob("*.py"))]


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; name the room"
            found.add(node.module or "")
    return found


def _tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in _imports(path)}


@pytest.mark.parametrize("path", _files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_wall_is_broken(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    strangers = (_tops(path) & ROOMS) - ALLOWED[room] - {room}
    assert not strangers, f"{room} may not import {sorted(strangers)}"


@pytest.mark.parametrize("path", _files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_each_client_library_is_used_in_one_place(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    for client in _tops(path) & CLIENTS.keys():
        assert name in CLIENTS[client], f"{client} belongs to {sorted(CLIENTS[client])} alone"


@pytest.mark.parametrize("path", _files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_pure_files_take_time_randomness_and_bytes_as_arguments(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name in SHELLS or name.startswith("console/"):
        return
    assert not _tops(path) & IMPURE, f"{name} is pure: hand it in from the room's run.py"
    text = path.read_text(encoding="utf-8")
    for call in ("datetime.now(", "datetime.utcnow(", "np.random.seed(", "np.random.rand", ".default_rng()"):
        assert call not in text, f"{name} is pure, but calls {call}…)"


@pytest.mark.parametrize("path", _files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_file_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} opens without a docstring"


@pytest.mark.parametrize("room", sorted(ROOMS - {"console"}))
def test_public_names_are_listed(room: str) -> None:
    tree = ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))
    names = [getattr(target, "id", "") for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    assert "__all__" in names, f"{room}/__init__.py lists no public names"
