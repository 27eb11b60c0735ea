"""Energy baselines beside scipy's regression and beside exact algebra."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.energy import evaluate, fit

stats = pytest.importorskip("scipy.stats")
VALUES = st.integers(-100, 100).map(float)
ROWS = st.lists(st.tuples(VALUES, VALUES, st.integers(-1000, 1000).map(float)), min_size=5, max_size=14)


def exact_ols(columns: list[list[float]], y: list[float]) -> list[Fraction] | None:
    """Intercept and slopes by Gaussian elimination of the normal equations in fractions; None when singular."""
    x = [[Fraction(1), *map(Fraction, row)] for row in zip(*columns, strict=True)]
    size = len(x[0])
    table = [
        [sum(row[i] * row[j] for row in x) for j in range(size)]
        + [sum(row[i] * Fraction(v) for row, v in zip(x, y, strict=True))]
        for i in range(size)
    ]
    for i in range(size):
        pivot = next((r for r in range(i, size) if table[r][i]), None)
        if pivot is None:
            return None
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [value / table[i][i] for value in table[i]]
        for r in range(size):
            if r != i:
                table[r] = [a - table[r][i] * b for a, b in zip(table[r], table[i], strict=True)]
    return [row[-1] for row in table]


@given(rows=ROWS)
def test_two_variables_are_those_of_exact_algebra(rows: list[tuple[float, float, float]]) -> None:
    a, b, y = (list(column) for column in zip(*rows, strict=True))
    wanted = exact_ols([a, b], y)
    found = fit({"output": a, "degree_days": b}, y)
    assert (found is None) == (wanted is None)
    if found is None or wanted is None:
        return
    assert [found.intercept, *found.slopes] == pytest.approx([float(term) for term in wanted], rel=1e-6, abs=1e-6)
    mean = Fraction(sum(map(Fraction, y)), len(y))
    rss = sum((Fraction(v) - wanted[0] - wanted[1] * Fraction(p) - wanted[2] * Fraction(q)) ** 2 for p, q, v in rows)
    tss = sum((Fraction(v) - mean) ** 2 for v in y)
    if not tss:
        assert found.r2 is None
        return
    assert found.r2 == pytest.approx(float(1 - rss / tss), abs=1e-9)
    assert found.r2 is not None
    assert found.r2_adjusted is not None
    assert found.r2_adjusted <= found.r2 <= 1
    assert all(p is None or 0 <= p <= 1 for p in found.p_values)


@given(rows=ROWS)
def test_one_variable_is_that_of_scipy(rows: list[tuple[float, float, float]]) -> None:
    x, _, y = zip(*rows, strict=True)
    found = fit({"output": x}, y)
    if len(set(x)) == 1:
        assert found is None
        return
    wanted = stats.linregress(x, y)
    assert found is not None
    assert found.slopes[0] == pytest.approx(wanted.slope, rel=1e-7, abs=1e-7)
    assert found.intercept == pytest.approx(wanted.intercept, rel=1e-7, abs=1e-6)
    if found.r2 is not None and found.r2 < 1 - 1e-9:
        assert found.r2 == pytest.approx(wanted.rvalue**2, abs=1e-9)
        assert found.p_values[1] == pytest.approx(wanted.pvalue, rel=1e-5, abs=1e-9)
        free = len(rows) - 2
        intercept = 2 * stats.t.sf(abs(wanted.intercept / wanted.intercept_stderr), free)
        assert found.p_values[0] == pytest.approx(intercept, rel=1e-4, abs=1e-7)


@given(rows=ROWS, seed=st.integers(0, 99))
def test_the_order_of_periods_does_not_change_a_bit(rows: list[tuple[float, float, float]], seed: int) -> None:
    def fitted(some: list[tuple[float, float, float]]) -> object:
        a, b, y = zip(*some, strict=True)
        return fit({"a": a, "b": b}, y)

    mixed = list(rows)
    Random(seed).shuffle(mixed)
    assert fitted(mixed) == fitted(rows)


@given(
    x=st.lists(st.integers(0, 500).map(float), min_size=4, max_size=12, unique=True),
    scale=st.sampled_from([1e-200, 0.001, 7.0, 1000.0, 1e200]),
    shift=st.sampled_from([-50.0, 900.0]),
)
def test_units_change_the_terms_and_not_the_fit(x: list[float], scale: float, shift: float) -> None:
    y = [3 * v + (v * 37) % 11 for v in x]
    one, other = fit({"x": x}, y), fit({"x": [scale * v for v in x]}, [v + shift for v in y])
    assert one is not None
    assert other is not None
    assert other.slopes[0] * scale == pytest.approx(one.slopes[0], rel=1e-9)
    assert other.intercept == pytest.approx(one.intercept + shift, rel=1e-6, abs=1e-6)
    assert other.r2 == pytest.approx(one.r2, abs=1e-9)
    assert other.p_values[1] == pytest.approx(one.p_values[1], abs=1e-6)


@given(
    x=st.lists(st.integers(0, 500).map(float), min_size=3, max_size=12, unique=True),
    base=st.integers(0, 900),
    slope=st.integers(-9, 9),
)
def test_a_straight_line_is_found_again(x: list[float], base: int, slope: int) -> None:
    found = fit({"x": x}, [base + slope * v for v in x])
    assert found is not None
    assert found.intercept == pytest.approx(base, abs=1e-6)
    assert found.slopes[0] == pytest.approx(slope, abs=1e-8)
    assert (found.r2 is None) if slope == 0 else found.r2 == pytest.approx(1)
    later = evaluate(found, {"x": x}, [base + slope * v for v in x])
    assert later.savings == pytest.approx([0] * len(x), abs=1e-5)


def test_periods_that_determine_nothing() -> None:
    assert fit({"x": [1.0]}, [2.0]) is None
    assert fit({"x": []}, []) is None
    assert fit({"x": [4, 4, 4]}, [1, 2, 3]) is None
    assert fit({"x": [0.1] * 6}, [1, 2, 3, 4, 5, 6]) is None  # the mean of ten equal tenths is not a tenth
    assert fit({"x": [1, 2, 3, 4], "twice": [2, 4, 6, 8]}, [1, 2, 3, 5]) is None


def test_an_exact_fit_has_no_doubt_and_two_points_no_test() -> None:
    two = fit({"x": [1, 2]}, [10, 12])
    assert two is not None
    assert (two.p_values, two.r2_adjusted, two.explains, two.enough_points) == ((None, None), None, True, False)
    flat = fit({"x": [1, 2, 3]}, [5, 5, 5])
    assert flat is not None
    assert (flat.r2, flat.explains, flat.intercept, flat.slopes) == (None, False, 5, (0,))
    assert flat.p_values == (0.0, None)


def test_marks_of_good_practice() -> None:
    noise = [5, -9, 8, -4, 9, -8, 4, -7, 6, -5]
    weak = fit({"x": list(range(10))}, [100 + n for n in noise])
    assert weak is not None
    assert (weak.enough_points, weak.explains) == (True, False)
    assert weak.p_values[1] is not None
    assert weak.p_values[1] > 0.1
    strong = fit({"x": list(range(10))}, [100 + 30 * x + n for x, n in enumerate(noise)])
    assert strong is not None
    assert (strong.enough_points, strong.explains) == (True, True)
    assert strong.p_values[1] is not None
    assert strong.p_values[1] < 1e-6


def test_a_later_period_against_the_baseline() -> None:
    model = fit({"x": [0, 10, 20]}, [100, 120, 140])
    assert model is not None
    found = evaluate(model, {"x": [5, 30]}, [100, 170])
    assert found.predicted == pytest.approx((110, 160))
    assert found.savings == pytest.approx((10, -10))
    assert found.cusum == pytest.approx((10, 0), abs=1e-9)
    assert found.enpi == pytest.approx(1)
    assert found.extrapolated == (False, True)
    nothing = evaluate(model, {"x": []}, [])
    assert (nothing.enpi, nothing.improvement, nothing.cusum) == (None, None, ())


def test_wrong_arguments_are_named() -> None:
    model = fit({"x": [0, 10, 20]}, [100, 120, 141])
    assert model is not None
    wrong = {
        "at least one variable": lambda: fit({}, [1.0]),
        "2 periods of variables, 1 of energy": lambda: fit({"x": [1, 2]}, [1]),
        "differ in length": lambda: fit({"x": [1, 2], "y": [1]}, [1, 2]),
        "x: values are finite": lambda: fit({"x": [1, float("nan")]}, [1, 2]),
        "energy: values are finite": lambda: fit({"x": [1, 2]}, [1, float("inf")]),
        r"the model has \['x'\]": lambda: model.predict({"z": [1]}),
        "1 periods of variables, 2": lambda: evaluate(model, {"x": [1]}, [1, 2]),
    }
    for message, call in wrong.items():
        with pytest.raises(ValueError, match=message):
            call()
