"""Which historian a URL means.

What it is: the two URL forms, and the one place that chooses a back end. A client library is imported when its
back end is asked for, so that a lean installation needs neither.
What it is not: a connection; nothing is opened over the network before the first read or write.

>>> parse_influx("influx://127.0.0.1:8086/qilu?org=acme")
InfluxTarget(host='127.0.0.1', port=8086, bucket='qilu', org='acme')
>>> parse_influx("influx://127.0.0.1:8086?org=acme")
Traceback (most recent call last):
contract.errors.ConfigError: store.url 'influx://127.0.0.1:8086?org=acme' names no bucket; write influx://HOST:PORT/BUCKET?org=ORG
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from contract import ConfigError
from historian.base import Historian

_DUCKDB: Final = "duckdb:"
_INFLUX_FORM: Final = "write influx://HOST:PORT/BUCKET?org=ORG"


@dataclass(frozen=True, slots=True)
class InfluxTarget:
    """An InfluxDB server and the bucket in it (on 1.8: the database, or ``database/retention-policy``)."""

    host: str
    port: int
    bucket: str
    org: str

    @property
    def base(self) -> str:
        """The root of the server's HTTP interface."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def open_store(url: str, token: str | None = None) -> Historian:
    """The historian at ``url``, to be used as an asynchronous context manager.

    Args:
        url: ``influx://HOST:PORT/BUCKET?org=ORG``, ``duckdb:PATH`` or ``duckdb::memory:``. A file is opened (and made)
            at once; the same file may be opened many times in one process, and by one process at a time.
        token: InfluxDB's token (on 1.8 with authentication: ``user:password``).

    Raises:
        ConfigError: a URL of another form, a library that is not installed, or a file that cannot be opened.
    """
    if url.startswith(_DUCKDB):
        return _open_duckdb(url.removeprefix(_DUCKDB))
    if url.startswith("influx:"):
        return _open_influx(parse_influx(url), token)
    raise ConfigError(f"store.url {url!r} is neither influx://HOST:PORT/BUCKET?org=ORG nor duckdb:PATH")


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
    unknown = sorted(query.keys() - {"org"})
    if unknown or parts.fragment:
        raise ConfigError(f"store.url {url!r}: unknown part {(unknown or [parts.fragment])[0]!r}; {_INFLUX_FORM}")
    return InfluxTarget(host, port or 8086, bucket, query.get("org", ["-"])[0])


def _open_influx(target: InfluxTarget, token: str | None) -> Historian:
    try:
        from historian.influx import InfluxHistorian  # noqa: PLC0415  # the library is optional
    except ModuleNotFoundError as error:
        raise _missing(error, "influx", "an influx:// store") from None
    return InfluxHistorian(target, token)


def _open_duckdb(path: str) -> Historian:
    try:
        from historian.duck import DuckHistorian  # noqa: PLC0415  # the library is optional
    except ModuleNotFoundError as error:
        raise _missing(error, "embedded", "a duckdb: store") from None
    return DuckHistorian(path)


def _missing(error: ModuleNotFoundError, extra: str, what: str) -> ConfigError:
    if error.name is not None and error.name.split(".", maxsplit=1)[0] in ("historian", "contract"):
        raise error  # a bug of ours, not a missing installation
    return ConfigError(f"{what} needs the package that provides {error.name!r}: pip install 'qilu[{extra}]'")
