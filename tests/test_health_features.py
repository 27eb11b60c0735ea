"""Context, buckets, and the whole watch of a machine: values by hand, and cuts that do not matter."""

from __future__ import annotations

import json
from functools import partial
from math import exp
from typing import Any

import numpy as np
import pytest
from health_rows import HOUR_NS, MINUTE_NS, SECOND_NS, Floats, Times, cut_up, with_holes
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.health import REST, Buckets, Context, Pca, Robust, Watch


def test_warmth_goes_with_running_and_the_start_is_left_out() -> None:
    context = Context(settle_ns=20 * SECOND_NS, warm_ns=10 * MINUTE_NS, daily=False)
    assert context.names == ("warmth",)
    changed = np.array([0, 5, 15]) * MINUTE_NS
    times = np.array([0, 4 * MINUTE_NS, 10 * MINUTE_NS, 15 * MINUTE_NS, 15 * MINUTE_NS + 20 * SECOND_NS, HOUR_NS])
    modes, columns = context.update(changed, [0, REST, 2], times)
    assert modes.tolist() == [0, 0, REST, REST, 2, 2]
    cold = exp(-1.0)
    expected = [1.0, 1.0, exp(-0.5), cold, 1 - (1 - cold) * exp(-1 / 30), 1 - (1 - cold) * exp(-4.5)]
    assert columns[:, 0] == pytest.approx(expected)


def test_the_hour_of_the_day() -> None:
    context = Context(warm_ns=0)
    assert context.names == ("day_sin", "day_cos")
    _, columns = context.update([], [], np.array([0, 6 * HOUR_NS, 30 * HOUR_NS]))
    assert columns == pytest.approx(np.array([[0, 1], [1, 0], [1, 0]]), abs=1e-12)


def test_nothing_is_judged_before_a_state_is_known_and_wrong_changes_are_named() -> None:
    context = Context()
    assert context.update([50], [1], np.array([10, 60]))[0].tolist() == [REST, 1]
    with pytest.raises(ValueError, match="order of time"):
        context.update([40], [1], np.array([70]))
    with pytest.raises(ValueError, match="before the last change"):
        context.update([], [], np.array([49]))
    with pytest.raises(ValueError, match="-1 or above"):
        context.update([80], [-2], np.array([90]))
    with pytest.raises(ValueError, match="shape"):
        context.update([80], [], np.array([90]))
    with pytest.raises(ValueError, match="settle_ns"):
        Context(settle_ns=-1)


def test_a_bucket_is_what_numpy_says() -> None:
    draw = np.random.default_rng(1)
    values = with_holes(draw.normal(1e6, 1.0, (600, 3)), 0.3)
    times = np.arange(600, dtype=np.int64) * SECOND_NS
    buckets = Buckets(["a", "b"], 1, width_ns=MINUTE_NS, least=5)
    ends, rows, modes = buckets.update(times, values, np.zeros(600, np.int64))
    assert ends.tolist() == [(60 * k + 59) * SECOND_NS for k in range(9)]  # the tenth is still open
    assert modes.tolist() == [0] * 9
    for k in range(9):
        part = values[60 * k : 60 * k + 60]
        mean, own = np.nanmean(part, axis=0), part[:, :2]
        assert rows[k, :2] == pytest.approx(mean[:2], rel=1e-12)
        assert rows[k, 2:4] == pytest.approx(np.nanstd(own, axis=0, ddof=1), rel=1e-6)
        assert rows[k, 4:6] == pytest.approx(np.nanmax(np.abs(own - mean[:2]), axis=0), rel=1e-6)
        assert rows[k, 6] == pytest.approx(mean[2], rel=1e-12)
    assert buckets.names[:3] == ("mean(a)", "mean(b)", "spread(a)")
    assert buckets.sensor_of.tolist() == [0, 1, 0, 1, 0, 1]


def test_few_rows_and_many_give_the_same_bucket_to_the_bit() -> None:
    values = with_holes(np.random.default_rng(2).normal(1e3, 7.0, (400, 3)), 0.3)
    times = np.arange(400, dtype=np.int64) * SECOND_NS
    modes = np.zeros(400, np.int64)
    many = Buckets(["a", "b"], 1, least=5).update(times, values, modes)
    for size in (1, 2, 7, 16, 17, 61):
        buckets, found = Buckets(["a", "b"], 1, least=5), []
        for at in range(0, 400, size):
            piece = slice(at, at + size)
            found.append(buckets.update(times[piece], values[piece], modes[piece]))
        for k in range(3):
            assert np.array_equal(np.concatenate([part[k] for part in found]), many[k], equal_nan=True)


def test_rest_does_not_end_a_bucket_another_mode_does_and_small_ones_are_left_out() -> None:
    times = np.arange(30, dtype=np.int64) * SECOND_NS
    modes = np.repeat([0, REST, 0, 1, 0], [5, 5, 5, 12, 3])
    values = np.arange(30.0)[:, np.newaxis]
    ends, rows, found = Buckets(["a"], least=10).update(
        np.append(times, HOUR_NS), np.append(values, [[0.0]], axis=0), np.append(modes, 0)
    )
    assert found.tolist() == [0, 1]
    assert ends.tolist() == [14 * SECOND_NS, 26 * SECOND_NS]
    assert rows[0, 0] == np.mean([*range(5), *range(10, 15)])


def test_a_sensor_with_few_values_has_a_mean_and_no_spread() -> None:
    values = np.full((61, 2), np.nan)
    values[:, 0] = np.arange(61)
    values[7, 1] = 3.0
    _, rows, _ = Buckets(["a", "b"]).update(np.arange(61) * SECOND_NS, values, np.zeros(61, np.int64))
    assert rows[0, 1] == 3.0
    assert np.isnan(rows[0, [3, 5]]).all()
    assert np.isfinite(rows[0, [0, 2, 4]]).all()


def machine(rows: int = 20_000, step_ns: int = 5 * SECOND_NS) -> tuple[Times, Floats, Times, Times]:
    """A machine that stops now and then, with two products, whose second sensor leaves at the end."""
    draw = np.random.default_rng(1)
    times = np.arange(rows, dtype=np.int64) * step_ns
    changed = np.sort(draw.choice(times[1:], 300, replace=False)) + draw.integers(0, step_ns, 300)
    changed = np.concatenate([[0], changed])
    modes = np.where(np.arange(301) % 3 == 2, REST, (np.arange(301) // 60) % 2)
    load = draw.uniform(-1, 1, (rows, 1))
    values = np.array([50.0, 7.0, 900.0]) * (1 + 0.1 * load + 0.02 * draw.normal(size=(rows, 3)))
    values[-4000:, 1] *= 1.3
    return times, with_holes(values, 0.05), changed, modes


def fed(watch: Watch, piece: slice, data: tuple[Times, Floats, Times, Times]) -> Any:
    times, values, changed, modes = data
    begin = -1 if piece.start == 0 else times[piece.start - 1]
    told = (changed > begin) & (changed <= times[piece.stop - 1])
    return watch.update(times[piece], values[piece], changed[told], modes[told])


@pytest.mark.parametrize("make", [partial(Pca, train=200), partial(Robust, train=200, refit=100)])
def test_a_watch_is_the_same_however_it_is_fed(make: Any) -> None:
    data = machine()
    new = partial(Watch, ["a", "b", "c"], make, least=6)
    whole = fed(new(), slice(0, 20_000), data)
    assert len(whole.alarms) >= 1
    assert {name for alarm in whole.alarms for name, _ in alarm.shares[:1]} == {"b"}

    @settings(max_examples=6, deadline=None)
    @given(cuts=st.lists(st.integers(0, 20_000), max_size=10), saved=st.booleans())
    def cut(cuts: list[int], saved: bool) -> None:
        watch, alarms, scores, shares, times = new(), [], [], [], []
        for piece in cut_up(cuts, 20_000):
            if saved:
                state = json.loads(json.dumps(watch.state(), allow_nan=False))
                watch = new()
                watch.load(state)
            found = fed(watch, piece, data)
            alarms += found.alarms
            scores.append(found.scored.scores)
            shares.append(found.scored.shares)
            times.append(found.times)
        assert tuple(alarms) == whole.alarms
        assert np.array_equal(np.concatenate(scores), whole.scored.scores)
        assert np.array_equal(np.concatenate(shares), whole.scored.shares)
        assert np.array_equal(np.concatenate(times), whole.times)

    cut()


def test_each_mode_has_a_detector_of_its_own_and_only_so_many() -> None:
    data = machine()
    both = fed(Watch(["a", "b", "c"], partial(Pca, train=200), least=6), slice(0, 20_000), data)
    one = fed(Watch(["a", "b", "c"], partial(Pca, train=200), least=6, most_modes=1), slice(0, 20_000), data)
    assert len(one.scored.times) < len(both.scored.times)
    assert len(one.times) == len(both.times)
    with pytest.raises(ValueError, match="most_modes"):
        Watch(["a"], Pca, most_modes=0)


def test_nothing_and_nothing_new() -> None:
    watch = Watch(["a"], Pca)
    empty = watch.update(np.empty(0, np.int64), np.empty((0, 1)))
    assert empty.alarms == () and len(empty.scored.times) == len(empty.times) == 0
    assert watch.alarm is None
    with pytest.raises(ValueError, match="shape"):
        watch.update(np.arange(2), np.zeros((2, 2)))
