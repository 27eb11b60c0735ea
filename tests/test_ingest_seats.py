"""Seats: every one is somebody's, nobody's twice, and those of the dead are taken over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contract import ConfigError
from ingest.doors import division
from ingest.seats import OwnSeats, Seats
from ingest.settings import Settings


def settle(workers: list[Seats]) -> None:
    for _ in range(40):
        for one in workers:
            if (seat := one.surplus()) is not None:
                one.release(seat)
            one.claim()


@pytest.mark.parametrize(("seats", "workers"), [(1, 3), (3, 3), (4, 3), (8, 3), (5, 1)])
def test_seats_are_divided_evenly(tmp_path: Path, seats: int, workers: int) -> None:
    crew = [Seats(tmp_path, seats) for _ in range(workers)]
    settle(crew)
    held = sorted(seat for one in crew for seat in one.held)
    assert held == list(range(seats))
    sizes = [len(one.held) for one in crew]
    assert max(sizes) - min(sizes) <= 1
    for one in crew:
        one.close()


def test_who_comes_later_gets_a_part_and_who_goes_leaves_one(tmp_path: Path) -> None:
    first = Seats(tmp_path, 6)
    settle([first])
    assert first.held == set(range(6))
    second = Seats(tmp_path, 6)
    assert second.claim() is None, "nobody is thrown out"
    settle([first, second])
    assert (len(first.held), len(second.held)) == (3, 3)
    first.close()
    settle([second])
    assert second.held == set(range(6))
    assert (first.worker, second.worker) == (0, 1)
    second.close()


def test_the_seats_of_a_killed_process_are_free_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from ingest.seats import Seats; s = Seats(sys.argv[1], 3)\n"
        "while s.claim() is not None: pass\n"
        "print(sorted(s.held), flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "[0, 1, 2]\n"
    ours = Seats(tmp_path, 3)
    assert ours.claim() is None
    other.kill()
    other.wait()
    settle([ours])
    assert ours.held == {0, 1, 2}
    ours.close()


def test_a_seat_that_was_ever_opened_is_kept_open(tmp_path: Path) -> None:
    """The broker still gives it its part, so whoever says fewer takes it as well, from now on or while it runs."""
    few = Seats(tmp_path, 3)
    settle([few])
    many = Seats(tmp_path, 5)
    settle([few, many])
    assert sorted(few.held | many.held) == [0, 1, 2, 3, 4]
    many.close()
    settle([few])
    assert few.held == {0, 1, 2, 3, 4}
    few.close()
    (tmp_path / "seat-99999").touch()
    (tmp_path / "seat-x").touch()
    again = Seats(tmp_path, 3)
    assert again.count == 5
    again.close()


def test_seats_that_are_fixed_are_never_more(tmp_path: Path) -> None:
    (tmp_path / "seat-7").touch()
    seats = Seats(tmp_path, 2, fixed=True)
    settle([seats])
    assert (seats.count, seats.held) == (2, {0, 1})
    seats.close()


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"ingest\.seats_directory: cannot use"):
        Seats(tmp_path / "file", 2)


def test_seats_that_are_given() -> None:
    own = OwnSeats([2, 0, 2], 3)
    assert [own.claim(), own.claim(), own.claim()] == [0, 2, None]
    assert own.surplus() is None
    with pytest.raises(ConfigError, match=r"ingest\.own_seats: there is no seat 3"):
        OwnSeats([3], 3)


def test_how_the_messages_are_divided(tmp_path: Path) -> None:
    assert division(Settings(), ["tele/#"]) == (None, [])
    seats, parts = division(Settings(partitions=["a/# b/#", "c/#"], seats_directory=str(tmp_path / "p")), ["tele/#"])
    assert seats is not None
    assert (seats.count, parts) == (2, [["a/#", "b/#", "tele/#"], ["c/#"]])
    seats.close()
    seats, parts = division(Settings(share="crew", seats=4, own_seats=[1, 3]), [])
    assert isinstance(seats, OwnSeats)
    assert (seats.count, parts) == (4, [])
    for wrong in (Settings(partitions=["a/#"], share="crew"), Settings(partitions=["a/#", " "])):
        with pytest.raises(ConfigError, match=r"ingest\.partitions"):
            division(wrong, [])
