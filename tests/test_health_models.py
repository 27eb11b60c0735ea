"""The models inside the detectors, each beside an oracle or a value worked by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from health_rows import MINUTE_NS, healthy, minutes

from analytics.health import Pca, Robust, q_limit, t2_limit
from analytics.health.gaps import filled
from analytics.health.learned import Forest
from analytics.health.rowwise import array_of, median, plain, product, shared, slots, sums


@pytest.mark.parametrize(("k", "n", "alpha"), [(1, 50, 0.05), (3, 1440, 0.001), (10, 200, 0.01)])
def test_the_limit_of_t2_is_that_of_f(k: int, n: int, alpha: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    expected = k * (n - 1) * (n + 1) / (n * (n - k)) * stats.f.ppf(1 - alpha, k, n - k)
    assert t2_limit(k, n, alpha) == pytest.approx(expected, rel=1e-12)


def test_the_limit_of_q_holds_for_sums_of_squares() -> None:
    stats = pytest.importorskip("scipy.stats")
    for degrees in (3, 10, 40):  # equal eigenvalues: χ² itself
        assert q_limit(np.ones(degrees), 0.01) == pytest.approx(stats.chi2.ppf(0.99, degrees), rel=0.01)
    left = np.array([1.0, 0.5, 0.2, 0.1])
    draws = np.random.default_rng(1).normal(size=(200_000, 4)) ** 2 @ left
    assert np.mean(draws > q_limit(left, 0.01)) == pytest.approx(0.01, abs=0.004)
    assert q_limit(left * 7.0, 0.01) == pytest.approx(7.0 * q_limit(left, 0.01), rel=1e-12)


def test_q_limit_where_jackson_and_mudholkar_do_not_reach() -> None:
    left = np.array([10.0, *([0.4] * 40)])  # h0 is below 0: Box's χ²
    one, two, three = (np.sum(left**power) for power in (1, 2, 3))
    assert 1 - 2 * one * three / (3 * two * two) < 0
    draws = np.random.default_rng(1).normal(size=(100_000, len(left))) ** 2 @ left
    assert np.mean(draws > q_limit(left, 0.05)) == pytest.approx(0.05, abs=0.03)


def test_false_alarms_of_independent_normal_rows_are_as_alpha_says() -> None:
    draw = np.random.default_rng(4)
    mix = draw.normal(size=(3, 6))
    rows = draw.normal(size=(42_000, 3)) @ mix + 0.3 * draw.normal(size=(42_000, 6))
    pca = Pca(6, train=2000, alpha=0.01, limits="formula", explained=0.95)
    found = pca.update(minutes(len(rows)), rows)
    assert 0.01 < np.mean(found.scores > 1.0) < 0.03  # either of two statistics, each with 1 %


@pytest.mark.parametrize("limits", ["formula", "empirical", "larger"])
def test_limits(limits: str) -> None:
    rows = healthy(500)
    pca = Pca(4, train=500, limits=limits)  # type: ignore[arg-type]
    pca.update(minutes(500), rows)
    model = pca.state()["model"]
    by = {}
    for one in ("formula", "empirical"):
        other = Pca(4, train=500, limits=one)  # type: ignore[arg-type]
        other.update(minutes(500), rows)
        by[one] = other.state()["model"]
    if limits == "larger":
        for name in ("t2_limit", "q_limit"):
            assert model[name] == max(by["formula"][name], by["empirical"][name])
    else:
        assert model == by[limits]


def test_statistics_of_pca_are_those_of_linear_algebra() -> None:
    pca = Pca(4, train=500, explained=0.6)
    pca.update(minutes(500), healthy(500))
    model = pca.state()["model"]
    z = np.random.default_rng(2).normal(size=(50, 4))
    t2, q = pca.statistics(z)
    axes, centred = np.array(model["axes"]).reshape(4, -1), z - np.array(model["centre"])
    t = centred @ axes
    assert t2 == pytest.approx(np.sum(t**2 / np.array(model["variances"]), axis=1))
    assert q == pytest.approx(np.sum((centred - t @ axes.T) ** 2, axis=1))
    assert axes.T @ axes == pytest.approx(np.eye(axes.shape[1]))
    # Both together are all there is: Σ z² = Σ t² + Q.
    assert np.sum(centred**2, axis=1) == pytest.approx(np.sum(t**2, axis=1) + q)


def test_pca_of_one_column_and_of_columns_that_determine_each_other() -> None:
    one = Pca(1, train=100)
    one.update(minutes(100), healthy(100, 1))
    later = minutes(1) + 100 * MINUTE_NS
    assert one.update(later, np.array([[50.0]])).scores[0] > 1.0
    base = healthy(100, 1)
    twins = Pca(2, train=100, explained=1.0)
    twins.update(minutes(100), np.column_stack([base, 3 * base]))
    assert twins.update(later, np.array([[5.0, 15.0]])).scores[0] < 1.0
    broken = twins.update(later + MINUTE_NS, np.array([[5.0, 15.5]]))
    assert broken.scores[0] > 1.0 and broken.shares[0].sum() == pytest.approx(1.0)


def test_ewma_by_hand() -> None:
    draw = np.random.default_rng(3)
    robust = Robust(1, train=200, weight=0.3, clip=3.0, window=3)
    rows = draw.normal(size=(200, 1))
    robust.update(minutes(200), rows)
    state = robust.state()
    centre, spread = state["scale"]["centre"][0], state["scale"]["spread"][0]
    assert centre == pytest.approx(np.median(rows))
    assert spread == pytest.approx(1.4826 * np.median(np.abs(rows - np.median(rows))))
    limit = state["model"]["mean_limits"][0]
    assert limit >= 3.29 * sqrt(0.3 / 1.7) * 0.99
    shift = np.full((40, 1), centre + 2.5 * spread)
    found = robust.update(minutes(40) + 200 * MINUTE_NS, shift)
    ewma = 0.0
    for value in rows[:, 0]:
        ewma += 0.3 * (np.clip((value - centre) / spread, -3, 3) - ewma)
    means = []
    for _ in range(40):
        ewma += 0.3 * (2.5 - ewma)
        means.append(abs(ewma) / limit)
    assert found.scores[5:] == pytest.approx(means[5:])  # by then the window's median has followed: no spike


def test_hampel_finds_the_lonely_and_not_the_slow() -> None:
    rows = healthy(400, 1)
    robust = Robust(1, train=400, weight=1e-6, window=11)  # the EWMA does not move
    robust.update(minutes(400), rows)
    spread = robust.state()["scale"]["spread"][0]
    later = np.full((300, 1), rows.mean()) + np.linspace(0, 60, 300)[:, np.newaxis] * spread
    later[150] += 20 * spread
    found = robust.update(minutes(300) + 400 * MINUTE_NS, later)
    assert np.flatnonzero(found.scores > 1.0).tolist() == [150]


def test_the_forest_is_scikit_learns() -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    forest = Forest(3, train=600, trees=30, seed=5)
    rows = healthy(600, 3)
    forest.update(minutes(600), rows)
    scale, model = forest.state()["scale"], forest.state()["model"]
    z = (rows - np.array(scale["centre"])) / np.array(scale["spread"])
    turned = product(np.clip(z, -6, 6), np.array(model["turn"]))
    oracle = ensemble.IsolationForest(n_estimators=30, random_state=5).fit(turned)
    new = np.random.default_rng(1).normal(size=(400, 3)) * 2
    assert forest.unusual(new) == pytest.approx(-oracle.score_samples(product(new, np.array(model["turn"]))), abs=1e-9)


def test_a_forest_of_one_column_explains_by_it() -> None:
    forest = Forest(1, train=300)
    rows = healthy(300, 1)
    forest.update(minutes(300), rows)
    far = forest.update(minutes(1) + 300 * MINUTE_NS, rows[:1] + 10.0)
    assert far.scores[0] > 1.0
    assert far.shares.tolist() == [[1.0]]


def test_expected_values_of_absent_ones() -> None:
    draw = np.random.default_rng(1)
    root = draw.normal(size=(4, 4))
    covariance = root @ root.T
    z = draw.normal(size=(1, 4))
    z[0, [1, 3]] = np.nan
    here, gone = [0, 2], [1, 3]
    expected = covariance[np.ix_(gone, here)] @ np.linalg.solve(covariance[np.ix_(here, here)], z[0, here])
    assert filled(z, np.zeros(4), covariance)[0, gone] == pytest.approx(expected)
    assert np.array_equal(filled(z, np.zeros(4), covariance)[0, here], z[0, here])


def test_medians_and_sums() -> None:
    rows = np.array([[1.0, np.nan, 5.0], [9.0, np.nan, np.nan], [2.0, np.nan, 7.0]])
    assert np.array_equal(median(rows), [2.0, np.nan, 6.0], equal_nan=True)
    many = np.random.default_rng(1).normal(size=(30, 5))
    assert median(many) == pytest.approx(np.median(many, axis=0))
    assert sums(many) == pytest.approx(many.sum(axis=1))
    assert product(many, many[:5]) == pytest.approx(many @ many[:5])
    assert shared(np.array([[1.0, 3.0], [0.0, 0.0]])).tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert np.array_equal(array_of(plain(rows), 3), rows, equal_nan=True)


def test_random_places_are_even_and_of_the_row_alone() -> None:
    drawn = slots(3, 0, 100_000, 10)
    assert np.bincount(drawn, minlength=10) == pytest.approx(np.full(10, 10_000), rel=0.05)
    assert np.array_equal(drawn[500:700], slots(3, 500, 200, 10))
    assert not np.array_equal(drawn[:100], slots(4, 0, 100, 10))
