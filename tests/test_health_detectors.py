"""What all detectors promise, whatever their model: bits, chunks, states, absences, explanations."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from health_rows import MINUTE_NS, healthy, in_pieces, minutes, same, with_holes
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.health import Pca, Robust, Trained
from analytics.health.learned import Forest

Make = Callable[..., Trained]
MAKES: list[Make] = [Pca, Robust, partial(Forest, trees=20)]
every = pytest.mark.parametrize("make", MAKES, ids=["pca", "robust", "forest"])
TRAIN = 400


def trained(make: Make, values: np.ndarray | None = None, **more: int) -> Trained:
    rows = healthy(TRAIN) if values is None else values
    detector = make(rows.shape[1] - more.get("contexts", 0), train=TRAIN, **more)
    assert len(detector.update(minutes(TRAIN), rows).times) == 0
    assert not detector.learning
    return detector


def after(rows: int) -> np.ndarray:
    return minutes(rows) + TRAIN * MINUTE_NS


@every
@pytest.mark.parametrize("refit", [0, 150])
def test_chunks_and_saved_states_do_not_matter_to_the_bit(make: Make, refit: int) -> None:
    values = np.concatenate([healthy(TRAIN), healthy(700, seed=5)])
    values[900:, 2] *= 1.2
    values = with_holes(values)
    values[:, 0] = np.where(np.isnan(values).all(axis=1), 5.0, values[:, 0])
    times = minutes(len(values))
    whole = make(4, train=TRAIN, refit=refit).update(times, values)
    assert len(whole.times) == 700
    assert np.max(whole.scores) > 1.0

    @settings(max_examples=8, deadline=None)
    @given(cuts=st.lists(st.integers(0, 1100), max_size=12), saved=st.booleans())
    def cut(cuts: list[int], saved: bool) -> None:
        found = in_pieces(lambda: make(4, train=TRAIN, refit=refit), times, values, cuts, saved=saved)
        assert same(found, whole)

    cut()
    rows_alone = in_pieces(lambda: make(4, train=TRAIN, refit=refit), times, values, range(380, 520))
    assert same(rows_alone, whole)


@every
def test_a_sensor_that_leaves_is_found_and_named(make: Make) -> None:
    detector = trained(make)
    values = healthy(300, seed=7)
    values[200:, 1] += 0.08 * values[:, 1].mean() * np.arange(1, 101) / 10
    found = detector.update(after(300), values)
    assert np.mean(found.scores[:200] > 1.0) < 0.03
    assert np.mean(found.scores[250:] > 1.0) > 0.9
    beyond = found.scores > 1.0
    beyond[:250] = False
    assert np.mean(np.argmax(found.shares[beyond], axis=1) == 1) > 0.8


@every
def test_shares_add_to_one_beyond_the_limit_and_are_nothing_within(make: Make) -> None:
    detector = trained(make)
    values = with_holes(healthy(500, seed=9))
    values[100:200] *= 1.1
    values[200:300, 3] *= 0.8
    found = detector.update(after(500), values)
    beyond = found.scores > 1.0
    assert beyond.any() and not beyond.all()
    assert found.shares[beyond].sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert (found.shares >= 0.0).all()
    assert not found.shares[~beyond].any()
    assert np.isfinite(found.scores).all() and (found.scores >= 0.0).all()


@every
def test_units_do_not_matter(make: Make) -> None:
    factor, offset = 2.0 ** np.array([3, -2, 0, 5]), np.array([0.0, 0.0, 64.0, 0.0])
    values = np.concatenate([healthy(TRAIN), healthy(200, seed=3) * 1.05])
    times = minutes(len(values))
    plain = make(4, train=TRAIN).update(times, values)
    other = make(4, train=TRAIN).update(times, values * factor + offset)
    # The trees round to 32 bits, so there a value may fall on the other side of a cut.
    close = np.isclose(other.scores, plain.scores, rtol=1e-6)
    assert np.mean(close) > 0.95
    assert np.array_equal(other.scores > 1.0, plain.scores > 1.0) or isinstance(make, partial)


@every
def test_what_comes_twice_or_late_is_not_judged_again(make: Make) -> None:
    values, times = healthy(100, seed=3), after(100)
    once = trained(make).update(times, values)
    detector = trained(make)
    doubled = np.repeat(np.arange(100), 2)
    twice = detector.update(times[doubled], values[doubled])
    assert same(twice, once)
    assert len(detector.update(times, values).times) == 0


@every
def test_absent_values(make: Make) -> None:
    detector = trained(make)
    values = healthy(50, seed=4)
    values[:10] = np.nan  # of nothing there is nothing to say
    values[10:, 0] = np.nan
    found = detector.update(after(50), values)
    assert found.times.tolist() == after(50)[10:].tolist()
    assert np.mean(found.scores > 1.0) < 0.1
    assert not found.shares[:, 0].any()


@every
def test_a_constant_or_absent_column_says_nothing(make: Make) -> None:
    rows = healthy(TRAIN)
    rows[:, 0] = 3.0
    rows[50:, 3] = np.nan
    detector = trained(make, rows)
    later = healthy(100, seed=2)
    later[:, 0], later[:, 3] = np.arange(100), 1e9
    found = detector.update(after(100), later)
    assert np.mean(found.scores > 1.0) < 0.1
    alone = later.copy()
    alone[:, [1, 2]] = np.nan  # nothing usable is left
    assert len(detector.update(after(100) + 100 * MINUTE_NS, alone).times) == 0


@every
def test_no_usable_column_judges_nothing(make: Make) -> None:
    detector = trained(make, np.full((TRAIN, 2), 7.0))
    assert len(detector.update(after(3), np.arange(6.0).reshape(3, 2)).times) == 0
    assert json.dumps(detector.state(), allow_nan=False)


@every
def test_context_is_taken_off(make: Make) -> None:
    draw = np.random.default_rng(1)
    load = draw.uniform(-1.0, 1.0, 2 * TRAIN)
    load[TRAIN:] += 2.0  # a load never seen before
    values = np.column_stack([k * load + 0.1 * draw.normal(size=2 * TRAIN) for k in (3.0, 0.0, -1.0)])
    times = minutes(2 * TRAIN)
    blind = make(3, train=TRAIN).update(times, values)
    aware = make(3, 1, train=TRAIN).update(times, np.column_stack([values, load]))
    assert np.mean(aware.scores > 1.0) < 0.08
    assert np.mean(blind.scores > 1.0) > 0.2
    unknown = np.column_stack([values, np.full(2 * TRAIN, np.nan)])
    assert make(3, 1, train=TRAIN).update(times, unknown).scores.size == 0


@every
def test_slow_adaptation_follows_a_slow_shift_and_a_frozen_one_does_not(make: Make) -> None:
    values = healthy(8000, seed=6)
    values[:, 1] += np.arange(8000) / 8000 * values[:, 1].mean() * 0.25
    frozen = trained(make).update(after(8000), values)
    slow = trained(make, refit=50).update(after(8000), values)
    assert np.mean(frozen.scores[-1000:] > 1.0) > 0.7
    assert np.mean(slow.scores[-1000:] > 1.0) < 0.3


@every
def test_memory_does_not_grow_with_the_stream(make: Make) -> None:
    detector = trained(make, refit=100)
    sizes = []
    for part in range(4):
        detector.update(after(500) + part * 500 * MINUTE_NS, healthy(500, seed=part))
        sizes.append(len(json.dumps(detector.state())))
    assert max(sizes) < 1.3 * min(sizes)


@every
def test_training_with_wild_rows_still_finds_the_next_ones(make: Make) -> None:
    rows = healthy(TRAIN)
    rows[::100] *= 3.0
    detector = trained(make, rows)
    found = detector.update(after(200), healthy(200, seed=8))
    assert np.mean(found.scores > 1.0) < 0.05
    assert not isinstance(detector, Pca) or np.isfinite(found.scores).all()


@every
def test_wrong_arguments_are_named(make: Make) -> None:
    detector = make(2, train=32)
    with pytest.raises(ValueError, match="shape"):
        detector.update(minutes(3), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="infinite"):
        detector.update(minutes(1), np.array([[np.inf, 0.0]]))
    with pytest.raises(ValueError, match="order of time"):
        detector.update(minutes(2)[::-1], np.zeros((2, 2)))
    with pytest.raises(ValueError, match="whole nanoseconds"):
        detector.update(np.array([0.5]), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="train of at least 32"):
        make(2, train=31)
    with pytest.raises(ValueError, match="alpha"):
        make(2, alpha=0.5)


def test_wrong_arguments_of_one_detector() -> None:
    with pytest.raises(ValueError, match="limits"):
        Pca(2, limits="none")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="odd window"):
        Robust(2, window=4)
    with pytest.raises(ValueError, match="margin"):
        Robust(2, margin=0.9)
    with pytest.raises(ValueError, match="tree"):
        Forest(2, trees=0)
