"""Real servers for tests and benchmarks: start, stop and kill an ``influxd`` 1.8 or a ``mosquitto`` of our own.

What it is: processes with a throw-away directory and a free port of 127.0.0.1 each, so that any number can run at once.
What it is not: part of Qilu; nothing in a package imports this.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PLACES = (ROOT / ".servers" / "bin", Path("/usr/sbin"), Path("/usr/local/sbin"))
_PATIENCE_S = 30.0


class NotStarted(Exception):
    """The program is there but does not come up; the message holds the end of its log."""


def find_program(name: str) -> str | None:
    """The path of a server program: the PATH, then ``.servers/bin`` of the repository, then the system's."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, _PLACES)))


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One process with a directory of its own; keeps its port and its data over ``stop`` or ``kill`` and ``start``."""

    def __init__(self, program: str, directory: Path) -> None:
        self.program = program
        self.directory = directory
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start and wait until the server answers; raises NotStarted."""
        fresh = self.port == 0
        for attempt in range(3):
            if fresh:
                self.port = free_port()
            try:
                self._start_once()
                return
            except NotStarted:
                self.kill()
                if not fresh or attempt == 2:  # a fresh port may have been taken by somebody else meanwhile
                    raise

    def stop(self) -> None:
        """End with SIGTERM and wait; does nothing when the server is down."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End with SIGKILL and wait: what is not on disk is gone."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop its clock with SIGSTOP: connections stay, nothing answers; ``resume`` before ``stop``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        """The last lines that the server wrote."""
        with contextlib.suppress(FileNotFoundError):
            return (self.directory / "log").read_text(errors="replace")[-3000:]
        return ""

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _start_once(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process = self._process
        wait_until(lambda: process.poll() is not None or self._answers(), f"{self.program}: no answer", self.log)
        if process.poll() is not None:
            raise NotStarted(f"{self.program} ended with {process.returncode}:\n{self.log()}")

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Mosquitto(Server):
    """A Mosquitto broker that queues without limit and keeps its sessions on disk; ``url`` is for ``broker.url``.

    ``options`` replaces lines of its configuration (keyword -> value), ``data`` is where its sessions are kept.
    """

    def __init__(self, program: str, directory: Path, options: Mapping[str, str] | None = None) -> None:
        super().__init__(program, directory)
        self.options = dict(options or {})
        self.data = directory / "data"

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def _command(self) -> list[str]:
        self.data.mkdir(exist_ok=True)
        options = {
            "listener": f"{self.port} 127.0.0.1",  # first: what follows is about this listener
            "allow_anonymous": "true",
            "persistence": "true",
            "persistence_location": f"{self.data}/",
            "max_queued_messages": "0",  # 0: no limit; the default of 1000 drops the rest in silence
            "max_inflight_messages": "1000",
            "connection_messages": "false",
            "log_dest": "stderr",
        }
        if os.geteuid() == 0:
            options["user"] = "root"  # it would change to the user mosquitto, who may not write here
        lines = [f"{name} {value}" for name, value in (options | self.options).items()]
        config = self.directory / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return [self.program, "-c", str(config)]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False


class Influxd(Server):
    """An InfluxDB 1.8 that keeps no statistics of itself; each ``bucket`` is a new database."""

    _buckets = 0

    def __init__(self, program: str, directory: Path, data: Path | None = None) -> None:
        super().__init__(program, directory)
        self.data = data or directory  # a disk of its own, that may be full

    def new_bucket(self) -> str:
        """Create an empty database; returns its name (in the 2.x write API: its bucket)."""
        self._buckets += 1
        name = f"qilu_{self._buckets}"
        self.query(f'CREATE DATABASE "{name}"')
        return name

    def drop_bucket(self, name: str) -> None:
        """Forget a database and all that is in it."""
        self.query(f'DROP DATABASE "{name}"')

    def url(self, bucket: str) -> str:
        """What goes into ``store.url`` for this bucket."""
        return f"influx://127.0.0.1:{self.port}/{bucket}?org=qilu"

    def query(self, text: str) -> bytes:
        """Run an InfluxQL statement; returns the body of the answer."""
        body = urllib.parse.urlencode({"q": text}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/query", body, timeout=30) as answer:
            content: bytes = answer.read()
            return content

    def write(self, bucket: str, lines: bytes) -> None:
        """Store line protocol as it is."""
        url = f"http://127.0.0.1:{self.port}/write?db={bucket}"
        with urllib.request.urlopen(url, lines, timeout=30) as answer:
            assert answer.status == 204, answer.status

    def _command(self) -> list[str]:
        config = self.directory / "influxdb.conf"
        config.write_text(
            f"""
reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{self.directory}/meta"
logging-enabled = false
[data]
dir = "{self.data}/data"
wal-dir = "{self.data}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
[logging]
suppress-logo = true
level = "warn"
"""
        )
        return [self.program, "run", "-config", str(config)]

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError),  # URLError is one
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer,
        ):
            ok: bool = answer.status == 200
            return ok
        return False


def wait_until(condition: Callable[[], bool], what: str, log: Callable[[], str]) -> None:
    """Ask every 20 ms until it is true; raises NotStarted with the log after half a minute."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise NotStarted(f"{what} after {_PATIENCE_S:.0f} s:\n{log()}")
        time.sleep(0.02)
