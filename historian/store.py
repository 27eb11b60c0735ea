"""Which historian a URL means.

What it is: the one place that chooses a back end. A client library is imported when its
back end is asked for, so that a lean installation needs neither.
What it is not: a connection; nothing is opened over the network before the first read or write.
"""

from __future__ import annotations

from typing import Final

from contract import ConfigError
from historian.base import Historian
from historian.target import InfluxTarget, parse_influx

_DUCKDB: Final = "duckdb:"


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
