"""The share that survives each age, without a model of life.

What it is: the estimate of Kaplan and Meier from ages at failure and ages reached without one, with Greenwood's
variance.
What it is not: a fit; ``weibull.py`` extrapolates, this does not go past the last age.

Sources: Kaplan and Meier, J. Am. Stat. Assoc. 53 (1958) 457; Kalbfleisch and Prentice, The Statistical Analysis of
Failure Time Data (the interval of ln(−ln S), which stays between 0 and 1).

>>> [(step.age, step.at_risk, step.survival) for step in kaplan_meier([3, 5, 5], [5, 8])]
[(3, 5, 0.8), (5, 4, 0.4)]
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from analytics.kpi import Value
from analytics.reliability.exposure import NO_BOUNDS, Bounds, check_confidence


@dataclass(frozen=True, slots=True)
class Step:
    """From ``age`` to the next step the survival is constant.

    Attributes:
        age: at which the failures were.
        at_risk: how many had reached it; those censored at this very age are among them.
        failures: at this age.
        survival: the share that lives on beyond it.
        variance: Greenwood's; None where nothing survives.
        bounds: the interval of ``survival``; no bounds where nothing survives.
    """

    age: float
    at_risk: int
    failures: int
    survival: float
    variance: Value
    bounds: Bounds


def kaplan_meier(
    failures: Sequence[float], censored: Sequence[float] = (), confidence: float = 0.95
) -> tuple[Step, ...]:
    """The steps, by age; none without failures.

    Args:
        failures: ages at failure.
        censored: ages reached without failure.
        confidence: of the bounds, between 0 and 1.

    Raises:
        ValueError: an age is negative or not finite, or ``confidence`` is not between 0 and 1.
    """
    z = NormalDist().inv_cdf((1 + check_confidence(confidence)) / 2)
    if strange := [t for t in (*failures, *censored) if not 0 <= t < math.inf]:
        raise ValueError(f"ages must be finite numbers from 0 on, not {strange[0]}")
    died, left = Counter(failures), Counter(censored)
    at_risk = len(failures) + len(censored)
    survival, greenwood = 1.0, 0.0
    steps: list[Step] = []
    for age in sorted(died | left):
        dead = died[age]
        if dead:
            remain = at_risk - dead
            survival *= remain / at_risk
            if remain:
                greenwood += dead / (at_risk * remain)
                bounds = _bounds(survival, greenwood, z)
                steps.append(Step(age, at_risk, dead, survival, survival**2 * greenwood, bounds))
            else:
                steps.append(Step(age, at_risk, dead, 0.0, None, NO_BOUNDS))
        at_risk -= dead + left[age]
    return tuple(steps)


def survival_at(steps: Sequence[Step], age: float) -> float:
    """The share that lives on beyond ``age``; after the last step it stays, for nothing more is known."""
    return next((step.survival for step in reversed(steps) if step.age <= age), 1.0)


def median_life(steps: Sequence[Step]) -> Value:
    """The first age beyond which at most half survive; None where more than half survive all that was seen."""
    # Rounding: without censoring the product of (n − d)/n may miss one half by some units in the last place.
    return next((step.age for step in steps if step.survival <= 0.5 * (1 + 1e-12)), None)


def _bounds(survival: float, greenwood: float, z: float) -> Bounds:
    log_survival = math.log(survival)
    spread = math.exp(z * math.sqrt(greenwood) / -log_survival)
    return Bounds(math.exp(log_survival * spread), math.exp(log_survival / spread))
