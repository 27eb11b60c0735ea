"""Systems of parts, and the Pareto of causes: by hand, by enumeration, by laws."""

from __future__ import annotations

import math
from itertools import pairwise, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analytics.reliability import Loss, Repair, k_of_n, losses_of, parallel, pareto, series

PARTS = st.lists(st.floats(0, 1), min_size=1, max_size=7)
LOSSES = st.lists(st.builds(Loss, st.sampled_from(["", "belt", "jam", "motor"]), st.integers(0, 50), st.integers(0, 5)))


def enumerated(k: int, parts: list[float]) -> float:
    """The probability that at least k work, by going through every outcome."""
    return math.fsum(
        math.prod(r if works else 1 - r for works, r in zip(outcome, parts, strict=True))
        for outcome in product((False, True), repeat=len(parts))
        if sum(outcome) >= k
    )


def test_by_hand() -> None:
    assert series([0.9, 0.8, 0.5]) == pytest.approx(0.36)
    assert parallel([0.9, 0.8, 0.5]) == pytest.approx(1 - 0.1 * 0.2 * 0.5)
    assert k_of_n(2, [0.9, 0.8, 0.5]) == pytest.approx(
        0.9 * 0.8 * 0.5 + 0.9 * 0.8 * 0.5 + 0.9 * 0.2 * 0.5 + 0.1 * 0.8 * 0.5
    )
    assert parallel([1e-20, 1e-20]) == pytest.approx(2e-20, rel=1e-12)  # 1 − Π(1 − R) would give 0
    # A bridge of two halves in series, each of two in parallel:
    assert series([parallel([0.9, 0.9]), parallel([0.8, 0.8])]) == pytest.approx(0.99 * 0.96)


def test_what_is_not_defined_stays_so() -> None:
    for system in (series, parallel, lambda parts: k_of_n(1, parts)):
        assert system([]) is None
        assert system([0.5, None]) is None


def test_wrong_arguments_are_named() -> None:
    for system in (series, parallel, lambda parts: k_of_n(1, parts)):
        for wrong in (1.1, -0.1, math.nan):
            with pytest.raises(ValueError, match="reliability"):
                system([0.5, wrong])
    for k in (0, 3):
        with pytest.raises(ValueError, match="k must"):
            k_of_n(k, [0.5, 0.5])
    with pytest.raises(ValueError, match="by must"):
        pareto([], "money")
    with pytest.raises(ValueError, match="negative"):
        pareto([Loss("jam", -1, 1)])
    with pytest.raises(ValueError, match="share"):
        pareto([]).vital_few(0.0)


@given(PARTS, st.data())
def test_k_of_n_is_the_enumeration(parts: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(parts)))
    assert k_of_n(k, parts) == pytest.approx(enumerated(k, parts), abs=1e-12)


@given(st.floats(0, 1), st.integers(1, 60), st.data())
def test_k_of_n_of_equal_parts_is_binomial(part: float, size: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, size))
    assert k_of_n(k, [part] * size) == pytest.approx(float(stats.binom.sf(k - 1, size, part)), abs=1e-12)


@given(PARTS, st.randoms())
def test_laws_of_systems(parts: list[float], random) -> None:
    chain = [k_of_n(k, parts) for k in range(1, len(parts) + 1)]
    assert chain[0] == pytest.approx(parallel(parts), abs=1e-12)
    assert chain[-1] == pytest.approx(series(parts), abs=1e-12)
    assert all(a >= b - 1e-15 for a, b in pairwise(chain))
    assert 0 <= series(parts) <= min(parts) <= max(parts) <= parallel(parts) + 1e-15
    assert all(0 <= value <= 1 for value in (*chain, parallel(parts)))
    assert parallel(parts) == pytest.approx(1 - series([1 - r for r in parts]), abs=1e-12)  # De Morgan
    mixed = random.sample(parts, len(parts))
    assert series(mixed) == pytest.approx(series(parts), rel=1e-12)
    assert parallel(mixed) == pytest.approx(parallel(parts), rel=1e-12)


def test_pareto_by_time_and_by_count() -> None:
    losses = [Loss("belt", 40, 1), Loss("jam", 30, 6), Loss("belt", 20, 1), Loss("motor", 10, 2)]
    by_time, by_count = pareto(losses), pareto(losses, "count")
    assert [(bar.cause, bar.time_ns, bar.share, bar.cumulative) for bar in by_time.bars] == [
        ("belt", 60, 0.6, 0.6),
        ("jam", 30, 0.3, 0.9),
        ("motor", 10, 0.1, 1.0),
    ]
    assert [(bar.cause, bar.count, bar.cumulative) for bar in by_count.bars] == [
        ("jam", 6, 0.6),
        ("belt", 2, 0.8),  # as often as the motor: by name
        ("motor", 2, 1.0),
    ]
    assert (by_time.total, by_count.total) == (100, 10)
    assert by_time.vital_few() == ("belt", "jam")
    assert by_count.vital_few() == ("jam", "belt")
    assert by_time.vital_few(1.0) == ("belt", "jam", "motor")


def test_no_loss_has_no_share() -> None:
    assert pareto([]).bars == ()
    assert pareto([]).vital_few() is None
    counted = pareto([Loss("jam", 0, 2)])
    assert (counted.bars[0].share, counted.bars[0].cumulative, counted.vital_few()) == (None, None, None)
    assert pareto([Loss("jam", 0, 2)], "count").vital_few() == ("jam",)


@given(LOSSES, st.sampled_from(["time", "count"]), st.randoms())
def test_laws_of_the_pareto(losses: list[Loss], by: str, random) -> None:
    found = pareto(losses, by)
    assert pareto(random.sample(losses, len(losses)), by) == found
    assert sum(bar.time_ns for bar in found.bars) == sum(loss.time_ns for loss in losses)
    assert sum(bar.count for bar in found.bars) == sum(loss.count for loss in losses)
    values = [bar.time_ns if by == "time" else bar.count for bar in found.bars]
    assert values == sorted(values, reverse=True)
    assert found.total == sum(values)
    if found.total:
        cumulative = [bar.cumulative for bar in found.bars]
        assert cumulative == sorted(cumulative)
        assert cumulative[-1] == 1.0
        few = found.vital_few(0.8)
        assert sum(values[: len(few)]) >= 0.8 * found.total - 1e-9
        assert sum(values[: len(few) - 1]) < 0.8 * found.total
    else:
        assert found.vital_few() is None


def test_ties_do_not_depend_on_the_order() -> None:
    losses = [Loss(cause, 5, 1) for cause in ("c", "a", "b")]
    assert {tuple(bar.cause for bar in pareto(order).bars) for order in permutations(losses)} == {("a", "b", "c")}


def test_breakdowns_are_losses_counted_where_they_began() -> None:
    carried, begun = Repair(0, 10, 10, "belt", False, True), Repair(50, 70, 15, "belt", True, True)
    found = pareto(losses_of([carried, begun]))
    assert [(bar.cause, bar.time_ns, bar.count) for bar in found.bars] == [("belt", 25, 1)]
