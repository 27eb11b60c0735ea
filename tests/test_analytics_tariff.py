"""Which band is in force: through month ends, clock changes and odd zones."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.tariff import band_changes, band_code
from contract import Band, Tariff

S = 10**9
BANDS = {code: Band(name=code, price_per_kwh=1.0) for code in "abcdefghijklmnopqrstuvwx"}
HOURS = "abcdefghijklmnopqrstuvwx"  # every hour its own band: the code tells the local hour


def tariff(zone: str, hours: list[str] | None = None) -> Tariff:
    found = Tariff(timezone=zone, bands=BANDS, hours=hours or [HOURS] * 12)
    found.check()
    return found


def ns(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * S


def told(changes: list[tuple[int, str]]) -> list[tuple[str, str]]:
    return [(datetime.fromtimestamp(t // S, UTC).strftime("%m-%d %H:%M"), code) for t, code in changes]


def test_the_band_follows_the_local_hour() -> None:
    assert band_code(tariff("Asia/Shanghai"), ns("2026-03-01T00:30:00")) == "i"  # 08:30
    assert band_code(tariff("Asia/Kolkata"), ns("2026-03-01T00:30:00")) == "g"  # 06:00
    assert band_code(tariff("Asia/Kolkata"), ns("2026-03-01T00:30:00") - 1) == "f"


def test_a_month_ends_where_it_ends_locally() -> None:
    hours = ["a" * 24] * 2 + ["b" * 24] * 10
    zone = tariff("Asia/Shanghai", hours)
    midnight = ns("2026-03-01T00:00:00", "Asia/Shanghai")
    assert band_code(zone, midnight - 1) == "a"
    assert band_code(zone, midnight) == "b"
    assert band_changes(zone, midnight - 3600 * S, midnight + 3600 * S) == [(midnight - 3600 * S, "a"), (midnight, "b")]


def test_a_year_ends_too() -> None:
    hours = ["a" * 24] + ["b" * 24] * 11
    midnight = ns("2027-01-01T00:00:00", "America/New_York")
    assert band_changes(tariff("America/New_York", hours), midnight - S, midnight + S) == [
        (midnight - S, "b"),
        (midnight, "a"),
    ]


def test_an_hour_that_the_clock_skips_is_never_in_force() -> None:
    start = ns("2026-03-29T00:00:00")  # 01:00 in Berlin, one hour before the clock jumps from 2 to 3
    assert told(band_changes(tariff("Europe/Berlin"), start, start + 3 * 3600 * S)) == [
        ("03-29 00:00", "b"),
        ("03-29 01:00", "d"),
        ("03-29 02:00", "e"),
    ]


def test_an_hour_that_the_clock_repeats_is_in_force_twice_as_long() -> None:
    start = ns("2026-10-24T23:00:00")  # 01:00 in Berlin; 02:00 comes twice
    assert told(band_changes(tariff("Europe/Berlin"), start, start + 5 * 3600 * S)) == [
        ("10-24 23:00", "b"),
        ("10-25 00:00", "c"),
        ("10-25 02:00", "d"),
        ("10-25 03:00", "e"),
    ]


def test_a_zone_that_moves_its_clock_by_half_an_hour() -> None:
    # Lord Howe: at 02:00 on 4 October 2026 the clock goes to 02:30, from +10:30 to +11.
    start = ns("2026-10-03T14:30:00")  # 01:00
    assert told(band_changes(tariff("Australia/Lord_Howe"), start, start + 3 * 3600 * S)) == [
        ("10-03 14:30", "b"),
        ("10-03 15:30", "c"),
        ("10-03 16:00", "d"),
        ("10-03 17:00", "e"),
    ]


def test_hours_of_one_band_are_no_change() -> None:
    zone = tariff("Asia/Shanghai", ["a" * 8 + "b" * 16] * 12)
    day = ns("2026-03-01T00:00:00", "Asia/Shanghai")
    assert band_changes(zone, day, day + 48 * 3600 * S) == [
        (day, "a"),
        (day + 8 * 3600 * S, "b"),
        (day + 24 * 3600 * S, "a"),
        (day + 32 * 3600 * S, "b"),
    ]


ZONES = st.sampled_from(
    [
        "Asia/Shanghai",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "UTC",
    ]
)


@given(ZONES, st.integers(1_700_000_000, 1_900_000_000), st.lists(st.integers(0, 86_400 * S), min_size=1, max_size=20))
def test_between_two_changes_the_band_is_what_the_first_one_says(zone: str, start_s: int, after: list[int]) -> None:
    rates, start = tariff(zone), start_s * S
    changes = band_changes(rates, start, start + 86_401 * S)
    assert changes[0] == (start, band_code(rates, start))
    for moment in (start + offset for offset in after):
        code = [code for since, code in changes if since <= moment][-1]
        assert code == band_code(rates, moment)


@pytest.mark.parametrize("length", [0, 1])
def test_a_range_of_nothing_has_the_band_at_its_start(length: int) -> None:
    start = ns("2026-03-01T00:59:59")
    assert band_changes(tariff("UTC"), start, start + length) == [(start, "a")]
