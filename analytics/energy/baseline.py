"""Energy baseline and performance: what a plant would have used, and what it saved.

What it is: an ordinary least squares model of energy over output and other relevant variables, with its coefficient of
determination and the p-value of each term; predictions for a later period, their savings, the running sum (CUSUM) and
the energy performance indicator (EnPI) actual / predicted.
What it is not: energy per unit. That moves with the volume alone, because of the base load; the model takes that out.

Standard: ISO 50006 (energy baselines and EnPIs), for clauses 6.3 to 6.5 and 9.1 of ISO 50001. Its practice, here as
marks and not as conditions: R² of 0.75 or more, at least 10 to 12 points. Linear algebra by numpy (least squares by
singular values, on centred and scaled columns), Student's distribution by scipy. The rows are put in one order before
the fit, so the order in which they are given does not change a bit.

>>> model = fit({"output": [100, 120, 140, 160]}, [510, 570, 630, 690])
>>> round(model.intercept, 6), round(model.slopes[0], 6), model.enough_points
(210.0, 3.0, False)
>>> later = evaluate(model, {"output": [150]}, [640])
>>> round(later.savings[0], 6), round(later.enpi, 6)
(20.0, 0.969697)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import fsum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

R2_ADVISED: Final = 0.75
POINTS_ADVISED: Final = 10
"""The lower end of the 10 to 12 that are advised."""

_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Baseline:
    """energy = intercept + Σ slope · variable.

    Attributes:
        names: of the variables, in the order of the slopes.
        intercept: the base load per period, in the unit of the energy.
        slopes: energy per unit of each variable.
        points: periods that it was fitted to.
        r2: coefficient of determination; None when the energy never changed.
        r2_adjusted: the same, charged for each variable; None also without degrees of freedom.
        p_values: of the intercept and of each slope, two-sided, that it is zero; None without degrees of freedom.
        ranges: of each variable, the least and the greatest value that the model has seen.
    """

    names: tuple[str, ...]
    intercept: float
    slopes: tuple[float, ...]
    points: int
    r2: float | None
    r2_adjusted: float | None
    p_values: tuple[float | None, ...]
    ranges: tuple[tuple[float, float], ...]

    @property
    def enough_points(self) -> bool:
        """Whether there are as many points as is advised."""
        return self.points >= POINTS_ADVISED

    @property
    def explains(self) -> bool:
        """Whether R² is as high as is advised."""
        return self.r2 is not None and self.r2 >= R2_ADVISED

    def predict(self, variables: Mapping[str, Sequence[float]]) -> tuple[float, ...]:
        """The energy of each period under these variables.

        Raises:
            ValueError: a variable is missing or unknown, one is not finite, or they differ in length.
        """
        table = _table(variables, self.names)
        return tuple(
            fsum((self.intercept, *(s * x for s, x in zip(self.slopes, row, strict=True)))) for row in table.tolist()
        )

    def extrapolated(self, variables: Mapping[str, Sequence[float]]) -> tuple[bool, ...]:
        """For each period, whether a variable leaves the range that the model has seen.

        Raises:
            ValueError: as in ``predict``.
        """
        table = _table(variables, self.names).tolist()
        return tuple(
            any(not low <= x <= high for (low, high), x in zip(self.ranges, row, strict=True)) for row in table
        )


def fit(variables: Mapping[str, Sequence[float]], energy: Sequence[float]) -> Baseline | None:
    """The baseline of these periods.

    Args:
        variables: name -> one value per period: output, degree days, shifts.
        energy: what was used in each period, in any unit.

    Returns:
        The model; None when the periods do not determine one: fewer than terms, or variables that depend on each other.

    Raises:
        ValueError: there is no variable, lengths differ, or a value is not finite.
    """
    names = tuple(variables)
    if not names:
        raise ValueError("a baseline needs at least one variable")
    x, y = _table(variables, names), _column("energy", energy)
    if len(x) != len(y):
        raise ValueError(f"{len(x)} periods of variables, {len(y)} of energy")
    if len(y) <= len(names):
        return None
    order = np.lexsort((y, *x.T[::-1]))
    x, y = x[order], y[order]
    x_mean, y_mean = x.mean(axis=0), float(y.mean())
    if (x.min(axis=0) == x.max(axis=0)).any():
        return None  # a variable that never changed says nothing beside the base load
    centred = x - x_mean
    scale = np.abs(centred).max(axis=0)
    unit = centred / scale
    solution, _, rank, _ = np.linalg.lstsq(unit, y - y_mean)
    if rank < len(names):
        return None
    slopes = solution / scale
    residual = (y - y_mean) - unit @ solution
    rss, tss = float(residual @ residual), float((y - y_mean) @ (y - y_mean))
    free = len(y) - len(names) - 1
    r2 = max(0.0, 1 - rss / tss) if tss and y.min() < y.max() else None
    intercept = y_mean - float(slopes @ x_mean)
    # A t value is the same in scaled columns, where cov(slopes) = s² (UᵀU)⁻¹; the intercept adds the mean's own spread.
    inverse, mean = np.linalg.inv(unit.T @ unit), x_mean / scale
    spread = np.concatenate(([1 / len(y) + mean @ inverse @ mean], np.diag(inverse)))
    return Baseline(
        names=names,
        intercept=intercept,
        slopes=tuple(slopes.tolist()),
        points=len(y),
        r2=r2,
        r2_adjusted=1 - (1 - r2) * (len(y) - 1) / free if r2 is not None and free else None,
        p_values=_p_values(np.array([intercept, *solution.tolist()]), spread, rss, free),
        ranges=tuple(zip(x.min(axis=0).tolist(), x.max(axis=0).tolist(), strict=True)),
    )


def _p_values(terms: _Floats, spread: _Floats, rss: float, free: int) -> tuple[float | None, ...]:
    if not free:
        return (None,) * len(terms)
    errors = np.sqrt(spread * rss / free)
    found: list[float | None] = []
    for term, error in zip(terms.tolist(), errors.tolist(), strict=True):
        if error:
            found.append(float(2 * stdtr(free, -abs(term / error))))
        else:
            found.append(0.0 if term else None)  # an exact fit: any term but zero is certain
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Performance:
    """A later period against the baseline, one value per period in the order given.

    Attributes:
        actual: energy used.
        predicted: energy that the baseline expects.
        savings: predicted - actual.
        cusum: the running sum of the savings.
        extrapolated: whether the baseline was asked beyond what it has seen.
    """

    actual: tuple[float, ...]
    predicted: tuple[float, ...]
    savings: tuple[float, ...]
    cusum: tuple[float, ...]
    extrapolated: tuple[bool, ...]

    @property
    def enpi(self) -> float | None:
        """Σ actual / Σ predicted; None where nothing is expected."""
        expected = fsum(self.predicted)
        return fsum(self.actual) / expected if expected > 0 else None

    @property
    def improvement(self) -> float | None:
        """1 - EnPI: the share saved."""
        enpi = self.enpi
        return None if enpi is None else 1 - enpi


def evaluate(baseline: Baseline, variables: Mapping[str, Sequence[float]], energy: Sequence[float]) -> Performance:
    """What was used against what the baseline expects.

    Args:
        baseline: the model.
        variables: name -> one value per period, for every name of the model.
        energy: what was used in each period, in the unit of the model.

    Raises:
        ValueError: a variable is missing or unknown, lengths differ, or a value is not finite.
    """
    predicted, actual = baseline.predict(variables), tuple(_column("energy", energy).tolist())
    if len(predicted) != len(actual):
        raise ValueError(f"{len(predicted)} periods of variables, {len(actual)} of energy")
    savings = tuple(p - a for p, a in zip(predicted, actual, strict=True))
    return Performance(actual, predicted, savings, tuple(accumulate(savings)), baseline.extrapolated(variables))


def _table(variables: Mapping[str, Sequence[float]], names: Sequence[str]) -> _Floats:
    """One row per period, one column per name."""
    if set(variables) != set(names):
        raise ValueError(f"variables {sorted(variables)}, but the model has {sorted(names)}")
    columns = [_column(name, variables[name]) for name in names]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"variables {list(names)} differ in length")
    return np.column_stack(columns)


def _column(name: str, values: Sequence[float]) -> _Floats:
    column = np.array(values, dtype=np.float64)
    if column.ndim != 1 or not np.isfinite(column).all():
        raise ValueError(f"{name}: values are finite numbers, one per period")
    return column
