"""The state table says what ISA-TR88.00.02 says."""

from __future__ import annotations

import itertools

import pytest

from contract.packml import MEANING, NUMBER, TRANSITIONS, WAITING, PackMLState, Reason, may_follow

S = PackMLState


def test_there_are_17_states_with_their_numbers() -> None:
    assert len(S) == 17
    assert (NUMBER[S.CLEARING], NUMBER[S.EXECUTE], NUMBER[S.ABORTED], NUMBER[S.COMPLETE]) == (1, 6, 9, 17)


def test_acting_states_end_in_one_way_but_for_stop_and_abort() -> None:
    for state in set(S) - WAITING:
        assert len(TRANSITIONS[state] - {S.STOPPING, S.ABORTING}) == (0 if state is S.STOPPING else 1) or state in (
            S.STOPPING,
            S.ABORTING,
        )


def test_every_state_can_be_reached_and_left() -> None:
    reached = set(itertools.chain.from_iterable(TRANSITIONS.values()))
    assert reached == set(S)
    assert all(TRANSITIONS.values())


def test_abort_is_possible_from_everywhere_but_itself() -> None:
    assert {state for state in S if S.ABORTING not in TRANSITIONS[state]} == {S.ABORTING, S.ABORTED}


def test_nothing_is_completed_without_having_run() -> None:
    assert not may_follow(S.HELD, S.COMPLETE)
    assert may_follow(S.HELD, S.EXECUTE)
    assert not may_follow(S.ABORTED, S.COMPLETE)
    assert may_follow(S.ABORTED, S.STOPPED)
    assert not may_follow(S.IDLE, S.COMPLETE)
    assert may_follow(S.SUSPENDED, S.SUSPENDED)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (S.ABORTED, S.CLEARING),
        (S.CLEARING, S.EXECUTE),
        (S.CLEARING, S.SUSPENDED),  # mended, and there is no power
        (S.HELD, S.SUSPENDED),
        (S.IDLE, S.SUSPENDED),
        (S.CLEARING, S.STOPPED),  # closed in the middle of the repair
        (S.STOPPED, S.CLEARING),  # and open again
        (S.STOPPED, S.ABORTED),
        (S.STOPPED, S.HELD),
        (S.STOPPED, S.SUSPENDED),
    ],
)
def test_states_that_take_no_time_may_be_left_out(before: PackMLState, after: PackMLState) -> None:
    assert may_follow(before, after)


def test_every_reason_says_what_it_means() -> None:
    assert set(MEANING) == set(Reason)
