"""The reordering window: any order that it can mend comes out right, and what it cannot mend is counted, not lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.sparkplug_reorder import Window

WAIT = 2000


def window(start: int = 0, limit: int = 100) -> Window[int]:
    fresh: Window[int] = Window(WAIT, limit)
    fresh.restart(start, 0, 0)
    return fresh


@given(st.integers(0, 255), st.permutations(range(60)))
def test_any_order_inside_the_window_comes_out_in_order(start: int, order: list[int]) -> None:
    one = window(start)
    out: list[int] = []
    for number in order:
        release = one.take((start + 1 + number) % 256, 10 + number, 100, number)
        assert (release.missing, release.late) == (0, False)
        out += release.items
    assert out == list(range(60))
    assert len(one) == 0
    assert one.due_ms is None


@given(st.lists(st.integers(0, 7), min_size=700, max_size=700))
def test_local_disorder_over_several_wraps_needs_no_birth(jitter: list[int]) -> None:
    """Each message is up to seven places late, over 700 messages: the number wraps twice."""
    order = sorted(range(700), key=lambda n: n + jitter[n])
    one = window()
    out: list[int] = []
    for place, number in enumerate(order):
        release = one.take((1 + number) % 256, 10 + number, 100 + place, number)
        assert release.missing == 0
        out += release.items
    assert out == list(range(700))


@given(st.data())
def test_nothing_is_lost_whatever_is_missing(data: st.DataObject) -> None:
    """Arbitrary loss, delay and waiting: each message that came goes on exactly once."""
    one: Window[int] = Window(WAIT, data.draw(st.integers(1, 150)))
    if data.draw(st.booleans()):
        one.restart(0, 0, 0)
    sent = data.draw(st.lists(st.integers(0, 600), unique=True, max_size=80))
    out: list[int] = []
    now_ms = 0
    for number in sent:
        now_ms += data.draw(st.integers(0, 900))
        if data.draw(st.integers(0, 19)) == 0:
            before, after = one.restart(number % 256, number, now_ms)
            out += [*before.items, *after.items]
        out += one.take(number % 256, number, now_ms, number).items
        out += one.due(now_ms).items
    out += one.flush().items
    assert sorted(out) == sorted(sent)
    assert len(one) == 0


def test_a_gap_waits_and_is_then_counted_once() -> None:
    one = window()
    assert one.take(1, 1, 10, 1).items == (1,)
    assert one.take(4, 4, 20, 4).items == ()
    assert one.take(5, 5, 900, 5).items == ()
    assert one.due_ms == 20 + WAIT
    assert one.due(20 + WAIT - 1).items == ()
    release = one.due(20 + WAIT)
    assert (release.items, release.missing, release.reordered) == ((4, 5), 2, 2)
    assert one.take(6, 6, 3000, 6).items == (6,)
    late = one.take(2, 2, 3001, 2)
    assert (late.items, late.missing, late.late) == ((2,), 0, True)
    assert one.take(7, 7, 3002, 7).items == (7,)


def test_each_gap_has_its_own_time() -> None:
    one = window()
    one.take(2, 2, 100, 2)
    one.take(4, 4, 1500, 4)
    first = one.due(100 + WAIT)
    assert (first.items, first.missing) == ((2,), 1)
    assert one.take(3, 3, 2500, 3).items == (3, 4)


def test_a_gap_of_more_than_half_the_numbers_is_no_late_message() -> None:
    one = window()
    one.take(1, 10, 10, 1)
    assert one.take(200, 20, 20, 200).items == ()
    release = one.due(20 + WAIT)
    assert (release.items, release.missing) == ((200,), 198)


def test_a_full_window_ends_the_waiting() -> None:
    one = window(limit=3)
    for number in (3, 4, 5):
        assert one.take(number, number, 10, number).items == ()
    release = one.take(6, 6, 10, 6)
    assert (release.items, release.missing) == ((3, 4, 5, 6), 2)


def test_no_window_is_wider_than_half_the_numbers() -> None:
    one = window(limit=1000)
    released = [one.take(number, number, 10, number).items for number in range(2, 130)]
    assert released[-1] == tuple(range(2, 130))


def test_a_birth_that_was_overtaken_finds_what_overtook_it() -> None:
    one: Window[int] = Window(WAIT, 100)
    assert one.take(2, 12, 10, 2).items == ()
    assert one.take(1, 11, 11, 1).items == ()
    before, after = one.restart(0, 10, 12)
    assert (before.items, after.items, before.missing, after.missing) == ((), (1, 2), 0, 0)


def test_what_was_sent_before_a_birth_belongs_to_the_session_before() -> None:
    one = window()
    one.take(1, 1, 1, 1)
    one.take(9, 9, 2, 9)
    before, after = one.restart(0, 20, 3)
    assert (before.items, before.missing, after.items) == ((9,), 7, ())
    assert one.take(10, 10, 4, 10).late, "sent before the birth, come after it"
    assert one.take(1, 21, 5, 11).items == (11,)


def test_a_clock_that_is_set_back_ends_the_waiting() -> None:
    one = window()
    one.take(5, 5, 1_000_000, 5)
    assert one.due(1_000_001).items == ()
    assert one.due(10).items == (5,)


def test_a_stream_joined_in_the_middle_begins_with_what_came_first_and_wraps() -> None:
    one: Window[int] = Window(WAIT, 100)
    for seq in (254, 1, 255, 253, 0):
        assert one.take(seq, 10, 10, seq).items == ()
    release = one.due(10 + WAIT)
    assert (release.items, release.missing) == ((253, 254, 255, 0, 1), 0)
