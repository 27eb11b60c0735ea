"""Failpoints: without the variable nothing, with it a SIGKILL at exactly the time that was asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from contract import ConfigError
from ingest.failpoints import PLACES, VARIABLE, Failpoints

CODE = """
import os, sys
from ingest.failpoints import Failpoints
points = Failpoints.of(os.environ)
for number in range(5):
    points.at("before-ack")
    print(number, flush=True)
    points.at("after-write")
"""


@pytest.mark.parametrize(
    ("asked", "printed", "code"),
    [
        (None, 5, 0),
        ("", 5, 0),
        ("before-ack", 0, -signal.SIGKILL),
        ("before-ack:3", 2, -signal.SIGKILL),
        ("after-write:3", 3, -signal.SIGKILL),
        ("after-write:6", 5, 0),
        ("before-write:1", 5, 0),
    ],
)
def test_the_process_dies_where_and_when_it_is_asked_to(asked: str | None, printed: int, code: int) -> None:
    environ = {name: value for name, value in os.environ.items() if name != VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environ | ({} if asked is None else {VARIABLE: asked}),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (code, [str(number) for number in range(printed)])


@pytest.mark.parametrize("text", ["after-lunch", "before-ack:x", "before-ack:-1", "before-ack:1:2", ":3"])
def test_a_place_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="QILU_FAILPOINT") as caught:
        Failpoints.of({VARIABLE: text})
    assert all(place in str(caught.value) for place in PLACES)


def test_all_places_are_passed_by_nobody_who_has_not_asked() -> None:
    for place in PLACES:
        Failpoints().at(place)
        Failpoints.of({}).at(place)
