"""Event times of foreign devices, to the nanosecond; local times by their zone, also when clocks go back."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import ContractError
from ingest.mapping_time import FIRST_NS, LAST_NS, event_time_ns

BERLIN = ZoneInfo("Europe/Berlin")
T = 1_795_335_310 * 10**9  # 2026-11-22 08:15:10 UTC
HOUR = 3600 * 10**9


@pytest.mark.parametrize(
    ("text", "t_ns"),
    [
        ("2026-11-22T08:15:10Z", T),
        ("2026-11-22 08:15:10Z", T),
        ("2026-11-22T09:15:10+01:00", T),
        ("2026-11-22T09:15:10.941+0100", T + 941_000_000),
        ("2026-11-22T03:15:10,5-05", T + 500_000_000),
        ("2026-11-22T13:45:10.000000001+05:30", T + 1),
        ("2026-11-22T08:15:10.1234567899Z", T + 123_456_789),
        ("2026-11-22T08:15Z", T - 10 * 10**9),
        ("2026-11-22T09:15:10", T),
        ("2026-07-22T10:15:10", 1_784_708_110 * 10**9),
    ],
)
def test_iso_8601(text: str, t_ns: int) -> None:
    assert event_time_ns(text, "iso", BERLIN, T) == t_ns


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22", "09:15:10", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-22T24:00:00Z",
        "2026-11-22T08:15:60Z", "2026-11-22T08:15:10+25:00", "2026-11-22T08:15:10+01:99", "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "٢٠٢٦-11-22T08:15:10Z", "2026-11-22T08:15:10Z ", "x" * 9999,
        "1970-01-01T00:00:07", "1999-12-31T23:59:59Z", "2200-01-01T00:00:00Z", 5, True, [], {}, Decimal("1.5"), 1e300,
    ],
)  # fmt: skip
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises(ContractError, match=r"^bad-time: "):
        event_time_ns(value, "iso", BERLIN, T)


def test_a_local_time_needs_a_zone() -> None:
    with pytest.raises(ContractError, match="names no zone; say `timezone` in the mapping"):
        event_time_ns("2026-11-22T09:15:10", "iso", None, T)


def test_the_hour_that_comes_twice_is_the_one_nearer_to_the_receipt() -> None:
    first = int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()) * 10**9  # 02:30 summer time
    for received, t_ns in ((first + 5, first), (first + HOUR + 5, first + HOUR), (first + 30 * HOUR, first + HOUR)):
        assert event_time_ns("2026-10-25T02:30:00", "iso", BERLIN, received) == t_ns
        assert event_time_ns("2026-10-25T02:30:00+02:00", "iso", BERLIN, received) == first


def test_an_hour_that_is_left_out_is_refused() -> None:
    with pytest.raises(ContractError, match="does not exist in Europe/Berlin"):
        event_time_ns("2026-03-29T02:30:00", "iso", BERLIN, T)


@pytest.mark.parametrize(
    ("form", "value", "t_ns"),
    [
        ("unix_s", 1_795_335_310, T),
        ("unix_s", Decimal("1795335310.941"), T + 941_000_000),
        ("unix_s", Decimal("1795335310.000000001"), T + 1),
        ("unix_s", "1795335310.25", T + 250_000_000),
        ("unix_ms", 1_795_335_310_941, T + 941_000_000),
        ("unix_us", 1_795_335_310_000_001, T + 1000),
        ("unix_ns", T + 7, T + 7),
    ],
)
def test_counts_since_1970(form: Any, value: Any, t_ns: int) -> None:
    assert event_time_ns(value, form, None, 0) == t_ns


@pytest.mark.parametrize(
    ("form", "value", "word"),
    [
        ("unix_ms", 1_795_335_310, "is before 2000: is the device's clock set"),
        ("unix_s", 1_795_335_310_000, "is after 2199: is the format right"),
        ("unix_s", -1, "is before 2000"),
        ("unix_s", Decimal("1e300"), "is after 2199"),
        ("unix_s", 10**63, "is after 2199"),
        ("unix_s", True, "expected a number"),
        ("unix_s", "soon", "expected a number as text"),
        ("unix_s", 10**70, "more than 64 digits"),
        ("unix_s", [1], "expected a number"),
    ],
)
def test_counts_that_are_no_times(form: Any, value: Any, word: str) -> None:
    with pytest.raises(ContractError, match=f"^bad-time: .*{word}"):
        event_time_ns(value, form, None, 0)


@given(
    st.integers(FIRST_NS, LAST_NS - 1),
    st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "Australia/Lord_Howe", "UTC"]),
)
def test_a_local_clock_is_read_back_when_the_message_comes_soon(t_ns: int, name: str) -> None:
    zone = ZoneInfo(name)
    moment = datetime.fromtimestamp(t_ns // 10**9, UTC).astimezone(zone).replace(tzinfo=None)
    text = f"{moment.isoformat()}.{t_ns % 10**9:09d}"
    assert event_time_ns(text, "iso", zone, t_ns + 10**9) == t_ns
    assert event_time_ns(text, "iso", zone, t_ns) == t_ns
