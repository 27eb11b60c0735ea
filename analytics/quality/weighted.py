"""Charts with a memory, for small shifts: EWMA and tabular CUSUM, one point at a time.

What it is: two small states with ``update``, and their folds over a batch. Both take single values or subgroup means.
What it is not: Shewhart charts; run rules do not apply, for neighbouring points are correlated by construction. Neither
chart resets itself after a signal; a new state is begun when the cause has been removed.

Sources: NIST/SEMATECH e-Handbook, 6.3.2.3 (CUSUM) and 6.3.2.4 (EWMA); S. W. Roberts, Technometrics 1 (1959); Lucas and
Saccucci, Technometrics 32 (1990); E. S. Page, Biometrika 41 (1954).

>>> chart = ewma_chart([10.5, 11.5, 11.5], Baseline(mean=10.0, sigma=0.5), weight=0.5)
>>> chart.points, chart.fired()
((10.25, 10.875, 11.1875), {<Rule.ABOVE_UPPER: 'above_upper'>: (2, 3)})
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.quality.charts import Chart, spread_chart
from analytics.quality.limits import NO_LIMITS, Baseline, Limits, around
from analytics.quality.rules import NO_RULES, Rule
from analytics.quality.sample import measured


@dataclass(frozen=True, slots=True)
class WeightedPoint:
    """One point of an EWMA chart.

    Attributes:
        value: the weighted average, in the unit of the values; None without a baseline.
        limits: of this point.
        signals: on which side it is out, if it is.
    """

    value: float | None
    limits: Limits
    signals: frozenset[Rule]


class Ewma:
    """Exponentially weighted moving average: z = λ·x + (1 - λ)·z, begun at the baseline's mean.

    Args:
        baseline: mean, sigma and subgroup size; points are single values (size 1) or subgroup means.
        weight: λ, above 0 and at most 1 (1 is the Shewhart chart).
        width: of the limits in standard deviations of z, > 0.
        asymptotic: one pair of limits for all points, which is too wide for the first ones; otherwise each point has
            those of its own variance, σ²·λ/(2 - λ)·(1 - (1 - λ)^2i).

    Raises:
        ValueError: weight or width is out of range.
    """

    __slots__ = ("_average", "_decay", "_known", "_weight", "_width")

    def __init__(
        self, baseline: Baseline, weight: float = 0.2, width: float = 3.0, *, asymptotic: bool = False
    ) -> None:
        if not 0 < weight <= 1:
            raise ValueError(f"weight must be above 0 and at most 1, not {weight}")
        if not (math.isfinite(width) and width > 0):
            raise ValueError(f"width must be a positive number, not {width}")
        self._weight, self._width = weight, width
        self._known = baseline.known
        self._average = self._known[0] if self._known else 0.0
        self._decay = 0.0 if asymptotic else 1.0  # (1 - λ)^2i

    def update(self, x: float) -> WeightedPoint:
        """The chart's point after the value ``x``.

        Raises:
            ValueError: x is not finite; the state stays as it was.
        """
        (x,) = measured([x])
        if self._known is None:
            return WeightedPoint(None, NO_LIMITS, NO_RULES)
        center, error = self._known
        rest = 1 - self._weight
        self._average = self._weight * x + rest * self._average
        self._decay *= rest * rest
        sigma = error * math.sqrt(self._weight / (2 - self._weight) * (1 - self._decay))
        limits = around(center, sigma, width=self._width)
        return WeightedPoint(self._average, limits, limits.beyond(self._average))


def ewma_chart(
    values: Sequence[float],
    baseline: Baseline,
    weight: float = 0.2,
    width: float = 3.0,
    *,
    asymptotic: bool = False,
) -> Chart:
    """The chart ``EWMA``: ``Ewma`` folded over the values, in their order; arguments and errors as there."""
    state = Ewma(baseline, weight, width, asymptotic=asymptotic)
    points = [state.update(x) for x in values]
    return Chart(
        "EWMA",
        tuple(point.value for point in points),
        tuple(point.limits for point in points),
        tuple(point.signals for point in points),
    )


@dataclass(frozen=True, slots=True)
class CusumDesign:
    """What a tabular CUSUM looks for, all in the unit of the points.

    Attributes:
        target: the mean in control.
        allowance: K, half the shift that is to be found; >= 0.
        decision: H, the sum at which it signals; > 0.

    Raises:
        ValueError: a number is not finite or out of range.
    """

    target: float
    allowance: float
    decision: float

    def __post_init__(self) -> None:
        measured([self.target, self.allowance, self.decision])
        if self.allowance < 0 or self.decision <= 0:
            raise ValueError(f"allowance must be >= 0 and decision > 0, not {self.allowance}, {self.decision}")


def cusum_design(baseline: Baseline, k: float = 0.5, h: float = 5.0) -> CusumDesign | None:
    """A design for a baseline: allowance k·σ and decision h·σ, with σ of a point (of a mean, for subgroups).

    With 0.5 and 5 a shift of one σ is found after about 10 points, and a false alarm comes after about 465
    (Montgomery, Introduction to Statistical Quality Control). None where the baseline is undefined.

    Raises:
        ValueError: k is negative or h is not positive.
    """
    if baseline.known is None:
        return None
    target, sigma = baseline.known
    return CusumDesign(target, k * sigma, h * sigma)


@dataclass(frozen=True, slots=True)
class CusumPoint:
    """Both sums after a point, >= 0 and in its unit, and the sides that are above the decision interval."""

    high: float
    low: float
    signals: frozenset[Rule]


class Cusum:
    """Tabular CUSUM: high = max(0, high + x - target - K), low = max(0, low + target - K - x), both begun at 0."""

    __slots__ = ("_design", "_high", "_low")

    def __init__(self, design: CusumDesign) -> None:
        self._design = design
        self._high = self._low = 0.0

    def update(self, x: float) -> CusumPoint:
        """Both sums after the value ``x``; ``ABOVE_UPPER`` is a shift upwards, ``BELOW_LOWER`` one downwards.

        Raises:
            ValueError: x is not finite; the state stays as it was.
        """
        (x,) = measured([x])
        of = self._design
        self._high = max(0.0, self._high + (x - of.target - of.allowance))
        self._low = max(0.0, self._low + (of.target - of.allowance - x))
        signals = []
        if self._high > of.decision:
            signals.append(Rule.ABOVE_UPPER)
        if self._low > of.decision:
            signals.append(Rule.BELOW_LOWER)
        return CusumPoint(self._high, self._low, frozenset(signals))


def cusum_chart(values: Sequence[float], design: CusumDesign) -> tuple[Chart, Chart]:
    """The charts ``CUSUM+`` and ``CUSUM-``: ``Cusum`` folded over the values, in their order.

    The lower sum is drawn downwards: points -low against the lower limit -H.

    Raises:
        ValueError: a value is not finite.
    """
    state = Cusum(design)
    points = [state.update(x) for x in values]
    upper, lower = Limits(0.0, None, design.decision), Limits(0.0, -design.decision, None)
    return (
        spread_chart("CUSUM+", (point.high for point in points), upper),
        spread_chart("CUSUM-", (0.0 - point.low for point in points), lower),
    )
