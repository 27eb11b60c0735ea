"""An MQTT 5 broker inside the command: rumqttd (package ``iotcore``) in a child process.

What it is: the broker of the mode without Docker. It listens on 127.0.0.1 alone, speaks MQTT 5 (OASIS, 2019), knows
QoS 0 to 2, retained messages, wills and persistent sessions, and ends with its parent, however that ends.
What it is not: a broker for a plant. Everything rests in memory and is gone at the end; nobody logs in; and for each
topic filter it keeps the newest ``log_bytes`` of messages, delivered or not: a subscriber that lags by more loses the
oldest without a word, and the process grows to about that size. Two more limits stand in ``docs/ingest.md``.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from contract import MAX_BYTES, ConfigError, LinkError

HOST: Final = "127.0.0.1"
MAX_PAYLOAD_BYTES: Final = 2 * MAX_BYTES
LOG_BYTES: Final = 256 * 1024 * 1024
START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = 5.0

_SEGMENTS: Final = 16
_POLL_S: Final = 0.02
_ATTEMPTS: Final = 5

# Only MQTT 5 has reason codes, session expiry and a receive maximum, so there is no listener for the older version.
# max_inflight_count is the broker's own window per subscriber: rumqttd does not read the client's receive maximum.
_TEMPLATE: Final = """\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = {segment_bytes}
max_segment_count = {segments}

[v5.1]
name = "mqtt5"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = {payload_bytes}
max_inflight_count = 1000
dynamic_filters = false
"""

_CHILD: Final = "import sys; from console.embedded_broker import _serve; _serve(sys.argv[1])"


class EmbeddedBroker:
    """A broker on 127.0.0.1, running from ``__enter__`` to ``__exit__``.

    Example::

        with EmbeddedBroker() as broker:
            print(broker.url)  # mqtt://127.0.0.1:41873
    """

    def __init__(self, port: int = 0, log_bytes: int = LOG_BYTES) -> None:
        """Prepare a broker; nothing runs yet.

        Args:
            port: where to listen; 0 takes a free port.
            log_bytes: how much of each topic filter's newest messages to hold for subscribers that lag.
        """
        self._wanted = port
        self._log_bytes = log_bytes
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port in use; 0 while the broker is not running."""
        return self._port

    @property
    def url(self) -> str:
        """``mqtt://127.0.0.1:PORT``."""
        return f"mqtt://{HOST}:{self._port}"

    @property
    def is_running(self) -> bool:
        """Whether the child process lives."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> EmbeddedBroker:
        """Start the broker and wait until it takes connections.

        Raises:
            ConfigError: the port is taken or may not be used.
            LinkError: the broker did not come up.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            port = _claim(self._wanted)
            try:
                self._start(port)
            except LinkError:
                # A free port can be lost to another program between our look and the child's; a wanted one cannot
                # be exchanged.
                if self._wanted or attempt == _ATTEMPTS:
                    raise
                continue
            break
        return self

    def __exit__(self, *error: object) -> None:
        """End the child process; safe to call twice."""
        process, self._process, self._port = self._process, None, 0
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)
        if process.stdin is not None:
            process.stdin.close()

    def _start(self, port: int) -> None:
        with tempfile.TemporaryDirectory(prefix="qilu-broker-") as folder:
            configuration = Path(folder) / "rumqttd.toml"
            configuration.write_text(
                _TEMPLATE.format(
                    host=HOST,
                    port=port,
                    segment_bytes=max(self._log_bytes // _SEGMENTS, MAX_PAYLOAD_BYTES),
                    segments=_SEGMENTS,
                    payload_bytes=MAX_PAYLOAD_BYTES,
                ),
                encoding="utf-8",
            )
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter, our own file
                [sys.executable, "-P", "-c", _CHILD, str(configuration)],
                stdin=subprocess.PIPE,  # the child ends when this end of the pipe closes, even by SIGKILL
                stdout=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)},
                start_new_session=True,  # Ctrl-C is for the command; the broker must outlive the last messages
            )
            self._port = port
            self._await_listener(self._process)

    def _await_listener(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection((HOST, self._port), timeout=1.0):
                return
            time.sleep(_POLL_S)
        code, port = process.poll(), self._port
        self.__exit__()
        reason = f"did not listen within {START_TIMEOUT_S:.0f} s" if code is None else f"ended with code {code}"
        raise LinkError(f"the embedded broker on port {port} {reason}; is package iotcore installed and intact?")


def _claim(port: int) -> int:
    """The port itself when it can be bound, or a free one for 0."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the broker does: a port that only waits for its last connections to time out is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            why = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            raise ConfigError(f"broker port {port} on {HOST} {why}; choose another one, or 0 for a free one") from None
        except OverflowError:
            raise ConfigError(f"broker port {port} is not between 0 and 65535") from None
        return int(probe.getsockname()[1])


def _serve(configuration: str) -> None:
    """The child process: run rumqttd until the parent's end of standard input closes."""
    from iotcore import IotCoreBroker  # noqa: PLC0415  # the parent needs no broker library in its memory

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # rumqttd has no shutdown; it holds nothing that could be saved
    # rumqttd opens a span of level ERROR per packet; through Python's logging each would be an error record.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    threading.Thread(target=end_with_parent, daemon=True).start()
    IotCoreBroker(config_path=configuration).run_forever()
