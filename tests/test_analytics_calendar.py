"""Windows of a local clock: every moment in exactly one of them, through changes of the clock."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.calendar import DAYS, HOURS, cuts, times_of_day

S = 10**9
BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # changes by half an hour
ZONES = st.sampled_from([ZoneInfo("UTC"), BERLIN, LORD_HOWE, ZoneInfo("Asia/Kathmandu")])


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * S


def hours(zone: ZoneInfo, day: str, times: tuple[str, ...]) -> list[float]:
    start = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=zone)
    end = start.replace(day=start.day + 1)
    bounds = cuts(int(start.timestamp()) * S, int(end.timestamp()) * S, zone, times)
    return [(b - a) / (3600 * S) for a, b in pairwise(bounds)]


def test_days_have_23_24_or_25_hours() -> None:
    bounds = cuts(ns("2026-03-27T23:00+00:00"), ns("2026-03-30T22:00+00:00"), BERLIN, DAYS)
    assert [(b - a) // (3600 * S) for a, b in pairwise(bounds)] == [24, 23, 24]
    bounds = cuts(ns("2026-10-23T22:00+00:00"), ns("2026-10-26T23:00+00:00"), BERLIN, DAYS)
    assert [(b - a) // (3600 * S) for a, b in pairwise(bounds)] == [24, 25, 24]


def test_shifts_over_a_change_of_the_clock() -> None:
    shifts = times_of_day("22:00, 06:00,14:00")
    assert shifts == ("06:00", "14:00", "22:00")
    assert hours(BERLIN, "2026-03-29", shifts) == [5, 8, 8, 2]
    assert hours(BERLIN, "2026-10-25", shifts) == [7, 8, 8, 2]


def test_a_time_that_the_clock_skips_is_the_change_itself() -> None:
    assert hours(BERLIN, "2026-03-29", ("02:30",)) == [2, 21]
    assert hours(LORD_HOWE, "2026-10-04", ("02:10",)) == [2, 21.5]


def test_hours_of_a_day_that_repeats_one() -> None:
    assert hours(BERLIN, "2026-10-25", HOURS) == [1, 1, 2, *[1] * 21]  # 02:00 is there twice; the first one counts
    assert hours(BERLIN, "2026-03-29", HOURS) == [1] * 23


@given(
    ZONES,
    st.integers(0, 2 * 10**9),
    st.integers(1, 40 * 86_400),
    st.sets(st.sampled_from(["00:00", "02:00", "02:10", "02:30", "06:00", "22:15"]), max_size=4),
)
def test_the_windows_are_the_range(zone: ZoneInfo, start_s: int, length_s: int, times: set[str]) -> None:
    bounds = cuts(start_s * S, (start_s + length_s) * S, zone, sorted(times))
    assert (bounds[0], bounds[-1]) == (start_s * S, (start_s + length_s) * S)
    assert all(a < b for a, b in pairwise(bounds))
    for bound in bounds[1:-1]:
        shown = f"{datetime.fromtimestamp(bound // S, zone):%H:%M}"
        assert (
            shown in times
            or datetime.fromtimestamp(bound // S - 1, zone).utcoffset()
            != datetime.fromtimestamp(bound // S, zone).utcoffset()
        )
    assert len(bounds) - 2 <= len(times) * (length_s // 86_400 + 2)
    assert len(bounds) - 2 >= len(times) * (length_s // 86_400 - 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [("6:00", "'6:00' is no time of day"), ("24:00", "'24:00' is no time"), ("", "'' is no"), ("06:00,06:00", "twice")],
)
def test_what_is_no_time_of_day(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        times_of_day(text)


def test_an_empty_range() -> None:
    with pytest.raises(ValueError, match="the range ends at 5 and begins at 5"):
        cuts(5, 5, BERLIN, DAYS)
