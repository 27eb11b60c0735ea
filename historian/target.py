"""Where an InfluxDB is: the parts of an ``influx://`` URL.

What it is: parsing, with errors that say what to write.
What it is not: a connection.

>>> parse_influx("influx://127.0.0.1:8086/qilu?org=acme")
InfluxTarget(host='127.0.0.1', port=8086, bucket='qilu', org='acme', gzip=False)
>>> parse_influx("influx://127.0.0.1:8086?org=acme")
Traceback (most recent call last):
contract.errors.ConfigError: store.url 'influx://127.0.0.1:8086?org=acme' names no bucket; write influx://HOST:PORT/BUCKET?org=ORG
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from contract import ConfigError

_INFLUX_FORM: Final = "write influx://HOST:PORT/BUCKET?org=ORG"


@dataclass(frozen=True, slots=True)
class InfluxTarget:
    """An InfluxDB server and the bucket in it (on 1.8: the database, or ``database/retention-policy``).

    ``gzip``: whether writes are compressed. It makes them three times smaller for half a microsecond of ours for each
    value, and some of the server's: right where the network is the limit, wrong on one machine.
    """

    host: str
    port: int
    bucket: str
    org: str
    gzip: bool = False

    @property
    def base(self) -> str:
        """The root of the server's HTTP interface."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def parse_influx(url: str) -> InfluxTarget:
    """The parts of an ``influx://`` URL; raises ConfigError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise ConfigError(f"store.url {url!r}: {error}; {_INFLUX_FORM}") from None
    if parts.username is not None or "token" in query:
        # The URL itself is not repeated: it holds the secret, and this line will be logged.
        raise ConfigError("store.url holds a secret; put the token into a file and name it in store.token_file")
    if not host or not url.startswith("influx://"):
        raise ConfigError(f"store.url {url!r} names no host; {_INFLUX_FORM}")
    bucket = unquote(parts.path).strip("/")
    if not bucket:
        raise ConfigError(f"store.url {url!r} names no bucket; {_INFLUX_FORM}")
    unknown = sorted(query.keys() - {"org", "gzip"})
    if unknown or parts.fragment:
        raise ConfigError(f"store.url {url!r}: unknown part {(unknown or [parts.fragment])[0]!r}; {_INFLUX_FORM}")
    gzip = query.get("gzip", ["off"])[0]
    if gzip not in ("on", "off"):
        raise ConfigError(f"store.url {url!r}: gzip is on or off; {_INFLUX_FORM}")
    return InfluxTarget(host, port or 8086, bucket, query.get("org", ["-"])[0], gzip == "on")
