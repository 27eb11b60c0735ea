"""The fixtures themselves: a server that comes back after a kill keeps its port and its data."""

from __future__ import annotations

import socket

from servers import Influxd, Mosquitto


def test_influxd_makes_databases(influxd: Influxd, influx_url: str) -> None:
    bucket = influx_url.rpartition("/")[2].partition("?")[0]
    assert bucket.encode() in influxd.query("SHOW DATABASES")
    assert str(influxd.port) in influx_url


def test_mosquitto_comes_back_on_its_port(mosquitto: Mosquitto) -> None:
    port = mosquitto.port
    mosquitto.kill()
    mosquitto.start()
    assert mosquitto.port == port
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        assert mosquitto.url == f"mqtt://127.0.0.1:{port}"
