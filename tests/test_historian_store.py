"""URLs of stores: which back end they mean, and what is said about wrong ones."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from contract import ConfigError
from historian import open_store
from historian.target import InfluxTarget, parse_influx


def test_parts_of_an_influx_url() -> None:
    assert parse_influx("influx://db:8181/a%20b/rp?org=my%20org") == InfluxTarget("db", 8181, "a b/rp", "my org")
    assert parse_influx("influx://db/bucket") == InfluxTarget("db", 8086, "bucket", "-")
    assert parse_influx("influx://[::1]:1/b").base == "http://[::1]:1"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "neither influx://HOST:PORT/BUCKET"),
        ("sqlite:x", "neither influx://HOST:PORT/BUCKET"),
        ("influx://db:8086", "names no bucket"),
        ("influx:db/bucket", "names no host"),
        ("influx:///bucket", "names no host"),
        ("influx://db:port/bucket", "write influx://HOST:PORT/BUCKET"),
        ("influx://db:99999/bucket", "write influx://HOST:PORT/BUCKET"),
        ("influx://db/bucket?organisation=x", "unknown part 'organisation'"),
        ("influx://db/bucket#x", "unknown part 'x'"),
        ("duckdb:", "write duckdb:PATH"),
    ],
)
def test_wrong_urls(url: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        open_store(url)


@pytest.mark.parametrize("url", ["influx://ann:s3cret@db/bucket", "influx://db/bucket?token=s3cret"])
def test_a_secret_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.token_file") as caught:
        open_store(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "module", "package", "extra"),
    [
        ("influx://db/bucket", "historian.influx", "influxdb_client", "influx"),
        ("duckdb::memory:", "historian.duck", "duckdb", "embedded"),
    ],
)
def test_a_library_that_is_not_installed(
    url: str, module: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=rf"'{package}': pip install 'qilu\[{extra}\]'"):
        open_store(url)
