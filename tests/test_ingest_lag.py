from __future__ import annotations

from ingest.lag import FORGET_NS, RECENT_NS, Lags, Line

S = 1_000_000_000
NOW = 1_760_000_000 * S


def line(number: int = 1) -> Line:
    return ("acme", "plant-1", "production", f"line-{number}")


def test_both_lags_are_those_of_the_newest_row_of_the_newest_batch() -> None:
    lags = Lags()
    lags.settle([(line(), NOW, NOW + S)], NOW + 2 * S)
    newest = [(line(), NOW, NOW + 4 * S), (line(), NOW + 3 * S, NOW + 5 * S), (line(), NOW, NOW + 6 * S)]
    lags.settle(newest, NOW + 8 * S)
    (one,) = lags.streams(NOW + 9 * S)
    assert (one.name, one.event_lag_s, one.store_lag_s) == ("acme/plant-1/production/line-1", 2.0, 3.0)


def test_late_data_shows_as_lag_in_its_batch_alone() -> None:
    lags = Lags()
    for event_ns, lag_s in ((NOW, 0.0), (NOW - 86_400 * S, 86_400.0), (NOW, 0.0)):
        lags.settle([(line(), event_ns, NOW)], NOW)
        assert [one.event_lag_s for one in lags.streams(NOW)] == [lag_s]


def test_lines_beyond_the_cap_share_one_place() -> None:
    lags = Lags(streams=2)
    lags.settle([(line(number), NOW, NOW + number * S) for number in (1, 2, 3, 4)], NOW + 9 * S)
    lags.settle([(line(number), NOW + S, NOW + 2 * S) for number in (1, 5, 6)], NOW + 9 * S)
    assert [one.name.rsplit("/", 1)[-1] for one in lags.streams(NOW + 9 * S)] == ["line-1", "line-2", "other"]
    assert [one.event_lag_s for one in lags.streams(NOW + 9 * S)] == [1.0, 2.0, 1.0]


def test_a_line_that_is_silent_for_an_hour_gives_its_place_away() -> None:
    lags = Lags(streams=1)
    lags.settle([(line(1), NOW, NOW), (line(2), NOW, NOW)], NOW)
    assert [one.name for one in lags.streams(NOW + FORGET_NS)] == ["acme/plant-1/production/line-1", "other"]
    later_ns = NOW + FORGET_NS + 1
    assert lags.streams(later_ns) == []
    lags.settle([(line(2), later_ns, later_ns)], later_ns)
    assert [one.name for one in lags.streams(later_ns)] == ["acme/plant-1/production/line-2"]


def test_a_hundred_thousand_invented_lines_leave_memory_flat() -> None:
    lags = Lags(streams=10)
    for number in range(100_000):
        lags.settle([(line(number), NOW, NOW)], NOW)
    assert len(lags.streams(NOW)) == 11


def test_a_clock_that_is_ahead_is_named_and_forgotten_when_it_is_silent() -> None:
    lags = Lags()
    assert lags.ahead(NOW) == (0.0, "")
    lags.settle([(line(1), NOW - S, NOW), (line(2), NOW + 600 * S, NOW), (line(3), NOW + 9 * S, NOW)], NOW)
    assert lags.ahead(NOW) == (600.0, "acme/plant-1/production/line-2")
    assert lags.ahead(NOW + RECENT_NS + 1) == (0.0, "")
    lags.settle([(line(1), NOW - S, NOW)], NOW + RECENT_NS + 1)
    assert lags.ahead(NOW + RECENT_NS + 1) == (0.0, "")
