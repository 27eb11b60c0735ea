from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.alarm_rules import Limits
from ingest.alarms import NAMES, TELL_EVERY_S, Alarm, Alarms
from ingest.status import Status

START_NS = 1_760_000_000_000_000_000


class Watch:
    """A status that is judged once a second, and what came of it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.status = Status()
        self.alarms = Alarms(limits)
        self.now_s = 0.0
        self.changed: list[tuple[float, Alarm]] = []
        self.told: list[tuple[float, Alarm]] = []

    def go(self, seconds: int, each: Callable[[Status], None] = lambda _: None) -> None:
        for _ in range(seconds):
            each(self.status)
            verdict = self.alarms.judge(self.status, self.now_s, START_NS + int(self.now_s * 1e9))
            self.changed += [(self.now_s, alarm) for alarm in verdict.changed]
            self.told += [(self.now_s, alarm) for alarm in verdict.tell]
            self.now_s += 1.0

    @property
    def active(self) -> list[str]:
        return [alarm.name for alarm in self.alarms.active]

    @property
    def changes(self) -> list[tuple[float, str, bool]]:
        return [(at_s, alarm.name, alarm.active) for at_s, alarm in self.changed]


def away(status: Status) -> None:
    status.link("no answer within 10 s", 0.0)


def back(status: Status) -> None:
    status.link(None, 0.0)


def test_a_healthy_ingester_has_no_alarm() -> None:
    watch = Watch()
    watch.status.window = 1000
    watch.go(100)
    assert (watch.active, watch.changed, watch.told) == ([], [], [])


def test_a_hiccup_is_no_alarm_an_outage_is_and_it_ends_when_the_link_has_stayed() -> None:
    watch = Watch()
    watch.go(10, away)
    watch.go(10, back)
    assert watch.changed == []
    watch.go(30, away)
    watch.go(5, back)
    watch.go(1, away)
    watch.go(9, back)
    assert watch.active == ["link-away"]
    watch.go(2, back)
    assert watch.changes == [(30.0, "link-away", True), (65.0, "link-away", False)]
    began, ended = (alarm for _, alarm in watch.changed)
    assert (began.since_ns, ended.since_ns) == (START_NS + 20 * 10**9, START_NS + 65 * 10**9)
    assert "broker.url" in began.sentence
    assert "over" in ended.sentence


def test_a_store_that_is_away_waits_ten_seconds_and_one_that_denies_us_does_not() -> None:
    watch = Watch()
    watch.status.store("no answer", 0.0)
    watch.go(10)
    assert watch.active == []
    watch.go(1)
    assert watch.active == ["store-away"]
    denied = Watch()
    denied.status.store("401: it wants another token", 0.0, denied=True)
    denied.go(1)
    assert denied.active == ["store-denied"]
    assert "store.token_file" in denied.alarms.active[0].sentence
    denied.go(60)
    assert denied.active == ["store-denied"]  # and not the other one as well


def stuck(watch: Watch) -> None:
    watch.status.writing_since_s = 0.0


def full(watch: Watch) -> None:
    watch.status.window, watch.status.buffered = 1000, 1001


def missing(watch: Watch) -> None:
    watch.status.gaps_missing = 7


def ahead(watch: Watch) -> None:
    watch.status.ahead_s, watch.status.ahead_stream = 301.0, "acme/p/a/line-1"


def disk(watch: Watch) -> None:
    watch.status.disks = {"the broker": 0.95, "dead letters": 0.2}


def letters_disk(watch: Watch) -> None:
    watch.status.dead_letter_bytes, watch.status.dead_letter_limit_bytes = 91, 100


def forgotten(watch: Watch) -> None:
    watch.status.sessions_forgotten = 1


def taken(watch: Watch) -> None:
    watch.status.takeovers = 1


def bomb(watch: Watch) -> None:
    watch.status.cardinality_refused = 100_000


def letters(watch: Watch) -> None:
    watch.status.dead_lettered, watch.status.dead_by_reason = 3, {"not-json": 2, "invalid": 1}


@pytest.mark.parametrize(
    ("spoil", "name", "after_s", "words"),
    [
        (stuck, "write-stuck", 61, "under way"),
        (full, "buffer-full", 30, "more than 1000 messages"),
        (missing, "messages-missing", 0, "7 messages"),
        (ahead, "clock-ahead", 0, "acme/p/a/line-1 are 301 s ahead"),
        (disk, "disk-nearly-full", 0, "the broker (95%)"),
        (letters_disk, "disk-nearly-full", 0, "dead letters (91%)"),
        (forgotten, "session-forgotten", 0, "1 times"),
        (taken, "client-id-taken", 0, "1 times"),
        (bomb, "cardinality", 0, "100000 messages"),
        (letters, "dead-letters", 0, "3 messages became dead letters: 2 not-json, 1 invalid"),
    ],
)
def test_each_state_is_an_alarm_in_its_time(
    spoil: Callable[[Watch], None], name: str, after_s: int, words: str
) -> None:
    watch = Watch()
    spoil(watch)
    watch.go(after_s)
    assert watch.active == []
    watch.go(1)
    assert watch.active == [name]
    assert words in watch.alarms.active[0].text
    assert watch.alarms.active[0].sentence.endswith(watch.alarms.active[0].step)
    assert name in NAMES


def test_what_stops_messages_is_told_apart_from_what_only_ought_to_be_known() -> None:
    watch = Watch()
    watch.status.link("away", 0.0)
    watch.status.store("denied", 0.0, denied=True)
    watch.status.writing_since_s = -100.0  # no alarm of its own, for it is known why
    for spoil in (full, missing, ahead, disk, forgotten, taken, bomb, letters):
        spoil(watch)
    watch.go(31)
    failing = [alarm.name for alarm in watch.alarms.active if alarm.failing]
    assert failing == ["link-away", "store-denied"]
    assert watch.active[:2] == failing
    assert len(watch.active) == 10


def test_a_disk_has_to_gain_room_before_it_is_well() -> None:
    watch = Watch()
    for share, expected in ((0.89, []), (0.90, ["disk-nearly-full"]), (0.86, ["disk-nearly-full"]), (0.84, [])):
        watch.status.disks = {"the broker": share}
        watch.go(20)
        assert watch.active == expected, share


def test_a_plant_that_runs_faster_than_time_has_no_clock_to_be_ahead_of() -> None:
    watch = Watch(Limits(ahead_s=inf))
    watch.status.ahead_s = 1e12
    watch.go(5)
    assert watch.active == []


def test_dead_letters_are_told_once_a_minute_however_many_there_are_and_the_text_is_the_last_word() -> None:
    watch = Watch()

    def ill(status: Status) -> None:
        status.dead_lettered += 500
        status.dead_by_reason = {"not-json": status.dead_lettered}

    watch.go(130, ill)
    watch.go(400)
    assert [(at_s, alarm.active) for at_s, alarm in watch.told] == [
        (0.0, True),
        (60.0, True),
        (120.0, True),
        (180.0, True),  # the last ten seconds of it
        (429.0, False),
    ]
    assert watch.told[-2][1].text == "65000 messages became dead letters: 65000 not-json"
    assert [alarm for _, alarm in watch.changed] == [alarm for _, alarm in watch.told]


def test_a_second_bout_is_counted_from_its_own_beginning() -> None:
    watch = Watch()
    watch.status.sessions_forgotten = 4
    watch.go(400)
    watch.status.sessions_forgotten = 6
    watch.go(1)
    assert {name for _, name, _ in watch.changes} == {"session-forgotten"}
    assert [(at_s, active) for at_s, _, active in watch.changes] == [(0.0, True), (300.0, False), (400.0, True)]
    assert "forgotten our session 2 times" in watch.changed[-1][1].text


def test_a_text_that_quotes_strangers_is_bounded_and_printable() -> None:
    watch = Watch()
    watch.status.store("\x1b[2J evil\n\u2028\ud800" + "x" * 10_000, 0.0, denied=True)
    watch.go(1)
    text = watch.alarms.active[0].text
    assert text.isprintable()
    assert len(text) <= 400
    assert "\\x1b[2J evil\\n\\u2028" in text


def test_an_alarm_is_a_point_of_its_own_series() -> None:
    watch = Watch()
    missing(watch)
    watch.go(1)
    alarm = watch.changed[0][1]
    frame = alarm.frame("one", 42)
    assert (frame.measurement, dict(frame.tags)) == ("alarm", {"client": "one", "name": "messages-missing"})
    assert {name: list(column) for name, column in frame.fields.items()} == {"active": [True], "text": [alarm.sentence]}


@given(st.lists(st.tuples(st.integers(1, 90), st.booleans(), st.integers(0, 3)), max_size=20))
def test_law_alarms_alternate_and_the_log_hears_of_each_at_most_once_a_minute(
    phases: list[tuple[int, bool, int]],
) -> None:
    watch = Watch()
    for seconds, is_away, fresh in phases:
        watch.status.link("away" if is_away else None, 0.0)
        watch.status.dead_lettered += fresh
        watch.go(seconds)
    for name in NAMES:
        own = [alarm for _, alarm in watch.changed if alarm.name == name]
        assert all(a.active or b.active for a, b in pairwise(own))  # never over twice
        assert not own or own[0].active
        told_s = [at_s for at_s, alarm in watch.told if alarm.name == name]
        assert all(b - a >= TELL_EVERY_S for a, b in pairwise(told_s))
    watch.status.link(None, 0.0)
    watch.go(1000)
    assert watch.active == []
