"""Which messages are missing: exactly the holes, in any order, with repetitions; bounded; kept over a restart."""

from __future__ import annotations

import doctest
import json
import timeit
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import Address
from ingest.gap_commands import MAX_SEQS_CHARS, resend_commands
from ingest.gaps import GapLimits, Gaps, Missing
from ingest.ranges import Ranges, both, count, parse, ranges_of, text, texts, union, without

A = Address("acme", "plant-1", "production", "line-1", "stamp-1")
B = Address("acme", "plant-1", "production", "line-1", "drum-1")
BOOT = "00ff00ff"
NUMBERS = st.sets(st.integers(1, 60))


def numbers(ranges: Ranges) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


def fed(seqs: list[int], limits: GapLimits | None = None) -> Gaps:
    gaps = Gaps(limits)
    for seq in seqs:
        gaps.came(A, BOOT, seq, 0.0)
    return gaps


def found(listed: list[Missing]) -> set[int]:
    assert all((one.address, one.boot) == (A, BOOT) for one in listed)
    assert len(listed) <= 1
    return {number for one in listed for number in numbers(one.ranges)}


# Ranges -------------------------------------------------------------------------------------------------------------


@given(NUMBERS, NUMBERS)
def test_ranges_are_sets(one: set[int], other: set[int]) -> None:
    a, b = ranges_of(one), ranges_of(other)
    assert numbers(a) == one
    assert count(a) == len(one)
    assert numbers(union([*a, *b])) == one | other
    assert numbers(without(a, b)) == one - other
    assert numbers(both(a, b)) == one & other
    assert parse(text(a)) == a
    pieces = list(texts(a, 8))
    assert union(pair for piece in pieces for pair in parse(piece)) == a
    assert all(len(piece) <= 8 for piece in pieces)
    for ranges in (a, b, without(a, b), both(a, b), union([*a, *b])):
        assert all(left[1] + 1 < right[0] for left, right in pairwise(ranges))


@pytest.mark.parametrize("written", ["1-", "a", "-1", "2-1", "1,,2", "1 -2", "٣", "1" * 20, ",", "1\n"])
def test_what_is_no_range_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"range|begins"):
        parse(written)


def test_a_long_text_is_refused_unread() -> None:
    with pytest.raises(ValueError, match="characters of ranges"):
        parse("1," * 600_000)


# Holes --------------------------------------------------------------------------------------------------------------


@st.composite
def streams(draw: st.DrawFn) -> tuple[set[int], list[int]]:
    """What is lost of a stream that begins at 1, and what comes: any order, any number of times."""
    top = draw(st.integers(2, 60))
    lost = draw(st.sets(st.integers(2, top - 1))) if top > 2 else set()
    kept = sorted(set(range(1, top + 1)) - lost)
    again = draw(st.lists(st.sampled_from(kept), max_size=30))
    order = draw(st.permutations(kept + again))
    return lost, [0, *order] if draw(st.booleans()) else order


@settings(max_examples=300)
@given(streams())
def test_any_order_with_repetitions_gives_exactly_the_holes(stream: tuple[set[int], list[int]]) -> None:
    lost, order = stream
    gaps = fed(order)
    missing, unsure = found(gaps.missing(1.0, 0.5)), found(gaps.unsure(1.0, 0.5))
    assert missing | unsure == lost
    assert not missing & unsure
    first = next(seq for seq in order if seq)
    assert unsure <= set(range(1, first)), "only what is below the number that came first"
    assert gaps.totals.missing + gaps.totals.unsure == len(lost)
    if unsure:
        gaps.settle(A, BOOT, ranges_of(unsure), ranges_of(unsure))
        assert found(gaps.missing(1.0, 0.5)) == lost
        assert gaps.unsure(1.0, 0.5) == []
        asked = found(gaps.unconfirmed(1.0, 0.5))
        assert asked == missing, "what the store has answered is not asked again"


@given(streams(), st.integers(1, 100), st.integers(0, 20))
def test_a_message_that_comes_again_is_known_for_certain_or_not_at_all(
    stream: tuple[set[int], list[int]], room: int, cut: int
) -> None:
    _, order = stream
    whole, small = Gaps(), Gaps(GapLimits(holes_per_stream=room))
    seen: set[int] = set()
    for number, seq in enumerate(order):
        if number == cut:
            whole, small = (Gaps.from_state(gaps.state(), 0.0) for gaps in (whole, small))
        assert whole.came(A, BOOT, seq, 0.0) is (seq in seen and seq > 0)
        assert not small.came(A, BOOT, seq, 0.0) or seq in seen
        seen.add(seq)


@settings(max_examples=200)
@given(streams(), st.integers(1, 4))
def test_without_room_nothing_that_is_missing_is_left_out(stream: tuple[set[int], list[int]], room: int) -> None:
    lost, order = stream
    gaps = fed(order, GapLimits(holes_per_stream=room))
    missing, unsure = found(gaps.missing(1.0, 0.5)), found(gaps.unsure(1.0, 0.5))
    assert missing <= lost, "what is said for sure is true"
    assert lost <= missing | unsure
    assert sum(len(one.ranges) for one in gaps.missing(1.0, 0.5) + gaps.unsure(1.0, 0.5)) <= room


def test_all_streams_together_have_so_many_holes_at_most() -> None:
    gaps = Gaps(GapLimits(holes=10))
    for machine in range(10):
        address = Address("acme", "plant-1", "production", "line-1", f"m-{machine}")
        for seq in range(1, 200, 2):
            gaps.came(address, BOOT, seq, 0.0)
    listed = gaps.missing(1.0, 0.0) + gaps.unsure(1.0, 0.0)
    assert sum(len(one.ranges) for one in listed) <= 10 + 10
    assert len({one.address for one in listed}) == 10, "no stream is silent about its holes"


def test_the_grace_is_waited_for() -> None:
    gaps = Gaps()
    gaps.came(A, BOOT, 1, 10.0)
    gaps.came(A, BOOT, 5, 20.0)
    gaps.came(A, BOOT, 9, 30.0)
    assert gaps.missing(30.0, 10.0) == []
    assert gaps.missing(30.1, 10.0) == [Missing(A, BOOT, ((2, 4),))]
    gaps.came(A, BOOT, 3, 30.2)
    assert gaps.missing(40.1, 10.0) == [Missing(A, BOOT, ((2, 2), (4, 4), (6, 8)))], (
        "as old as when it was first missed"
    )
    assert gaps.totals.healed == 1
    gaps.came(A, BOOT, 20, 50.0)
    gaps.came(A, BOOT, 15, 51.0)
    assert gaps.missing(60.0, 10.0) == [Missing(A, BOOT, ((2, 2), (4, 4), (6, 8)))]
    assert gaps.missing(60.1, 10.0)[0].ranges[3:] == ((10, 14), (16, 19))


def test_streams_are_apart_by_address_and_by_boot() -> None:
    gaps = Gaps()
    for address, boot, seqs in ((A, "01010101", (1, 3)), (A, "02020202", (1, 2, 4)), (B, "01010101", (1, 2))):
        for seq in seqs:
            gaps.came(address, boot, seq, 0.0)
    listed = {(one.address, one.boot): one.ranges for one in gaps.missing(1.0, 0.0)}
    assert listed == {(A, "01010101"): ((2, 2),), (A, "02020202"): ((3, 3),)}


def test_a_will_alone_is_no_gap_and_no_stream() -> None:
    gaps = fed([0, 0])
    assert gaps.totals.streams == 0


# Doubt --------------------------------------------------------------------------------------------------------------


def test_a_stream_joined_in_the_middle_is_unsure_and_the_store_decides() -> None:
    gaps = fed([100, 101, 103])
    assert found(gaps.missing(1.0, 0.0)) == {102}
    assert found(gaps.unsure(1.0, 0.0)) == set(range(1, 100))
    gaps.came(A, BOOT, 7, 0.5)
    asked = ranges_of(range(1, 100))  # asked before 7 came
    gaps.settle(A, BOOT, asked, ranges_of([7, 8, 40]))
    assert found(gaps.missing(1.0, 0.0)) == {8, 40, 102}
    assert gaps.unsure(1.0, 0.0) == []


def test_what_was_not_asked_stays_unsure() -> None:
    gaps = fed([50])
    gaps.settle(A, BOOT, ((1, 10),), ((3, 3),))
    assert found(gaps.missing(1.0, 0.0)) == {3}
    assert found(gaps.unsure(1.0, 0.0)) == set(range(11, 50))


def test_an_answer_without_room_leaves_the_doubt() -> None:
    gaps = fed([50], GapLimits(holes_per_stream=3))
    every_second = ranges_of(range(1, 50, 2))
    gaps.settle(A, BOOT, ((1, 49),), every_second)
    assert found(gaps.unsure(1.0, 0.0)) == set(range(1, 50))


@settings(max_examples=200)
@given(streams(), st.integers(1, 60), st.integers(0, 60))
def test_after_a_restart_from_an_older_state_nothing_that_came_is_said_to_be_missing(
    stream: tuple[set[int], list[int]], saved: int, more: int
) -> None:
    lost, order = stream
    kept = sorted(set(order) - {0})
    before, after = kept[:saved], kept[saved + more :]  # what is between came when no state was taken any more
    gaps = Gaps.from_state(json.loads(json.dumps(fed(before).state())), 0.0)
    for seq in after:
        gaps.came(A, BOOT, seq, 0.0)
    top = max(after or before)
    missing, unsure = found(gaps.missing(1.0, 0.0)), found(gaps.unsure(1.0, 0.0))
    assert missing <= lost
    assert {seq for seq in lost if seq < top} <= missing | unsure


def test_the_state_comes_back_whole() -> None:
    gaps = fed([5, 9, 7, 12])
    again = Gaps.from_state(json.loads(json.dumps(gaps.state())), 0.0)
    assert again.state() == gaps.state()
    assert again.missing(1.0, 0.0) == gaps.missing(1.0, 0.0)
    assert again.unsure(1.0, 0.0) == gaps.unsure(1.0, 0.0)
    again.came(A, BOOT, 13, 0.0)
    again.came(A, BOOT, 20, 0.0)
    assert found(again.unsure(1.0, 0.0)) >= set(range(14, 20)), "the first jump after a restart"
    again.came(A, BOOT, 22, 0.0)
    assert 21 in found(again.missing(1.0, 0.0)), "from then on as ever"


@pytest.mark.parametrize(
    "state",
    [
        7,
        [7],
        [["a/b", BOOT, 3, "", ""]],
        [[A.path, BOOT, "3", "", ""]],
        [[A.path, BOOT, 3, "4", ""]],
        [[A.path, BOOT, 3, "1", "1"]],
        [[A.path, BOOT, 3, "x", ""]],
        [[A.path, BOOT, 3, "0-1", ""]],
        [[A.path, 3, 3, "", ""]],
        [[A.path, BOOT, 3, "", None]],
    ],
)
def test_a_damaged_state_is_refused(state: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        Gaps.from_state(state, 0.0)


# Bounds -------------------------------------------------------------------------------------------------------------


def test_streams_without_holes_make_room_and_come_back_in_doubt() -> None:
    gaps = Gaps(GapLimits(streams=3))
    machines = [Address("acme", "plant-1", "production", "line-1", f"m-{n}") for n in range(5)]
    gaps.came(machines[0], BOOT, 1, 0.0)
    gaps.came(machines[0], BOOT, 3, 0.0)
    for address in machines[1:]:
        gaps.came(address, BOOT, 1, 0.0)
    totals = gaps.totals
    assert (totals.streams, totals.forgotten, totals.unfollowed) == (3, 2, 0)
    assert gaps.missing(1.0, 0.0) == [Missing(machines[0], BOOT, ((2, 2),))], "a hole is not forgotten"
    gaps.came(machines[1], BOOT, 2, 0.0)
    assert Missing(machines[1], BOOT, ((1, 1),)) in gaps.unsure(1.0, 0.0)


def test_streams_beyond_all_room_are_counted() -> None:
    gaps = Gaps(GapLimits(streams=2))
    for machine in range(4):
        address = Address("acme", "plant-1", "production", "line-1", f"m-{machine}")
        gaps.came(address, BOOT, 1, 0.0)
        gaps.came(address, BOOT, 3, 0.0)
    assert (gaps.totals.streams, gaps.totals.unfollowed, gaps.totals.missing) == (2, 4, 2)


def test_the_next_message_costs_less_than_a_microsecond() -> None:
    gaps = Gaps()
    addresses = [Address("acme", "plant-1", "production", "line-1", f"m-{n}") for n in range(100)]
    # Equal addresses that are not the same object, as topics of different kinds give them.
    others = [Address(*address.levels) for address in addresses]
    for address in addresses:
        gaps.came(address, BOOT, 1, 0.0)
    came = [(address, seq) for seq in range(2, 102) for address in others]

    def run() -> None:
        for address, seq in came:
            gaps.came(address, BOOT, seq, 0.0)

    began = timeit.default_timer()
    run()
    first_us = (timeit.default_timer() - began) / len(came) * 1e6
    assert gaps.totals.missing == 0
    assert first_us < 5, f"{first_us:.2f} µs; a busy machine may be several times slower than the 0.5 µs it takes"


# Resending ----------------------------------------------------------------------------------------------------------


def test_commands_go_to_the_gateway_of_the_line_or_to_those_of_the_site() -> None:
    first = Address("acme", "plant-1", "production", "line-1", "gateway")
    second = Address("acme", "plant-1", "production", "line-2", "gateway")
    elsewhere = Address("other", "plant-1", "production", "line-1", "gateway")
    shop = Address("acme", "plant-1", "market", "web", "consumers")
    nobody = Address("nobody", "plant-1", "production", "line-1", "m-1")
    missing = [Missing(one, BOOT, ((5, 9), (12, 12))) for one in (A, shop, first, nobody)]
    commands = resend_commands(missing, {first, second, elsewhere})
    said = [(gateway, arguments["address"]) for gateway, arguments in commands]
    assert said == [
        (first, "production/line-1/stamp-1"),
        (first, "market/web/consumers"),
        (second, "market/web/consumers"),
        (first, "production/line-1/gateway"),
    ]
    assert {arguments["seqs"] for _, arguments in commands} == {"5-9,12"}
    assert {arguments["boot"] for _, arguments in commands} == {BOOT}


def test_no_argument_is_longer_than_a_command_may_say() -> None:
    gateway = Address("acme", "plant-1", "production", "line-1", "gateway")
    ranges = ranges_of(range(10**9, 10**9 + 2000, 2))
    commands = resend_commands([Missing(A, BOOT, ranges)], [gateway])
    assert all(len(value) <= MAX_SEQS_CHARS for _, arguments in commands for value in arguments.values())
    assert union(pair for _, arguments in commands for pair in parse(arguments["seqs"])) == ranges


def test_the_example_on_the_page() -> None:
    page = Path(__file__).parents[1] / "docs" / "gaps.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert result.attempted > 3
    assert result.failed == 0


def test_a_publisher_that_says_how_far_it_has_counted() -> None:
    """A lost tail shows as soon as the publisher names it, not only with the next message."""
    gaps = fed([1, 2, 3])
    gaps.upto(A, BOOT, 3, 10.0)
    gaps.upto(A, BOOT, 2, 10.0)
    assert gaps.unsure(99.0, 0.0) == []
    gaps.upto(A, BOOT, 6, 10.0)
    assert gaps.unsure(99.0, 0.0) == [Missing(A, BOOT, ((4, 6),))]
    again = Gaps.from_state(json.loads(json.dumps(gaps.state())), 20.0)
    assert again.unsure(99.0, 0.0) == [Missing(A, BOOT, ((4, 6),))]
    assert not gaps.came(A, BOOT, 7, 11.0)
    assert not gaps.came(A, BOOT, 5, 11.0)
    assert gaps.unsure(99.0, 0.0) == [Missing(A, BOOT, ((4, 4), (6, 6)))]
    gaps.settle(A, BOOT, ((4, 4), (6, 6)), ((6, 6),))
    assert gaps.missing(99.0, 0.0) == [Missing(A, BOOT, ((6, 6),))]


def test_a_stream_that_is_first_heard_of_by_how_far_it_has_counted() -> None:
    gaps = Gaps()
    gaps.upto(A, BOOT, 0, 0.0)
    assert gaps.totals.streams == 0
    gaps.upto(A, BOOT, 2, 0.0)
    assert gaps.unsure(9.0, 0.0) == [Missing(A, BOOT, ((1, 2),))]
    assert not gaps.came(A, BOOT, 1, 0.0)
    assert not gaps.came(A, BOOT, 3, 0.0)
    assert gaps.came(A, BOOT, 1, 0.0)
    assert gaps.unsure(9.0, 0.0) == [Missing(A, BOOT, ((2, 2),))]
