"""Alarms: n of m by hand, hysteresis, explanation, and cuts that do not matter."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from health_rows import cut_up
from hypothesis import given
from hypothesis import strategies as st

from analytics.health import Alarm, Alarms, Scored


def scored(scores: list[float], shares: list[list[float]] | None = None, start: int = 0) -> Scored:
    values = np.array(scores, np.float64)
    parts = np.array([[1.0, 0.0]] * len(scores) if shares is None else shares, np.float64).reshape(len(scores), 2)
    return Scored(np.arange(start, start + len(scores), dtype=np.int64), values, parts * (values > 1.0)[:, np.newaxis])


def alarms(**more: Any) -> Alarms:
    return Alarms(["a", "b"], **({"needed": 3, "among": 5, "clear": 0, "quiet": 4} | more))


def test_n_of_m_begins_and_quiet_ends() -> None:
    watch = alarms()
    found = watch.update(scored([0, 2, 0, 2, 0, 0, 2, 0, 2, 2, 0, 0, 3, 0, 0, 0, 0, 0]))
    begun, ended = found
    assert (begun.first_ns, begun.begin_ns, begun.end_ns) == (6, 9, None)
    assert (ended.first_ns, ended.begin_ns, ended.end_ns) == (6, 9, 16)
    assert (begun.score, ended.score) == (2.0, 3.0)
    assert watch.open is None


def test_two_of_five_is_no_alarm() -> None:
    assert alarms().update(scored([2, 0, 0, 2, 0, 0] * 50)) == ()


def test_an_alarm_that_lasts_is_open_and_counts_on() -> None:
    watch = alarms()
    (begun,) = watch.update(scored([5, 5, 5]))
    assert begun == watch.open
    assert begun.severity == "critical"
    assert watch.update(scored([1.5] * 50, start=3)) == ()
    assert watch.open is not None and watch.open.severity == "notice" and watch.open.score == 5.0
    (ended,) = watch.update(scored([0.5] * 4, start=53))
    assert ended.end_ns == 56
    assert watch.update(scored([5, 5], start=57)) == ()  # what belonged to the last one does not begin the next
    assert len(watch.update(scored([5], start=59))) == 1


def test_severity_is_that_of_the_typical_row() -> None:
    assert alarms().update(scored([1.1, 2.5, 9.0]))[0].severity == "warning"
    assert alarms().update(scored([1.1, 1.2, 9.0]))[0].severity == "notice"
    assert alarms().update(scored([4.0, 4.0, 1.5]))[0].severity == "critical"


def test_shares_are_means_and_by_sensor() -> None:
    rows = [[0.5, 0.5], [0.0, 1.0], [0.1, 0.9]]
    (begun,) = alarms().update(scored([2, 2, 2], rows))
    assert [name for name, _ in begun.shares] == ["b", "a"]
    assert [share for _, share in begun.shares] == pytest.approx([0.8, 0.2])
    both = Alarms(["a"], needed=3, among=5, clear=0, quiet=4, sensor_of=[0, 0])
    assert both.update(scored([2, 2, 2], rows))[0].shares == (("a", 1.0),)
    tie = alarms().update(scored([2, 2, 2], [[0.5, 0.5]] * 3))[0]
    assert [name for name, _ in tie.shares] == ["a", "b"]


levels = st.lists(st.sampled_from([0.0, 0.9, 1.0, 1.5, 3.0, 8.0]), max_size=80)


@given(scores=levels, cuts=st.lists(st.integers(0, 80), max_size=8), saved=st.booleans(), seed=st.integers(0, 99))
def test_chunks_and_states_do_not_matter(scores: list[float], cuts: list[int], saved: bool, seed: int) -> None:
    share = np.random.default_rng(seed).uniform(size=len(scores))
    rows = scored(scores, [[s, 1 - s] for s in share.tolist()])
    whole = alarms().update(rows)
    watch, found = alarms(), []
    for piece in cut_up(cuts, len(scores)):
        if saved:
            state = json.loads(json.dumps(watch.state(), allow_nan=False))
            watch = alarms()
            watch.load(state)
        found += watch.update(Scored(rows.times[piece], rows.scores[piece], rows.shares[piece]))
    assert tuple(found) == whole


@given(scores=levels)
def test_laws(scores: list[float]) -> None:
    found = alarms().update(scored(scores, [[0.3, 0.7]] * len(scores)))
    open_: Alarm | None = None
    for alarm in found:
        assert sum(share for _, share in alarm.shares) == pytest.approx(1.0, abs=1e-12)
        assert alarm.first_ns <= alarm.begin_ns
        assert alarm.score > 1.0
        if alarm.end_ns is None:
            assert open_ is None  # at most one at a time
            open_ = alarm
        else:
            assert open_ is not None and alarm.begin_ns == open_.begin_ns and alarm.end_ns > alarm.begin_ns
            open_ = None


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="needed <= among"):
        alarms(needed=6)
    with pytest.raises(ValueError, match="clear < quiet"):
        alarms(clear=4)
    with pytest.raises(ValueError, match="sensor_of"):
        Alarms(["a"], sensor_of=[1])
    with pytest.raises(ValueError, match="columns"):
        Alarms(["a"]).update(scored([2.0]))
