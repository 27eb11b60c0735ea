"""Phase II: control charts of variables. Points, limits and signals.

What it is: individuals with moving range, X̄-R and X̄-S, each as points judged by the limits of a baseline.
What it is not: an estimate of the baseline (``analytics/quality/limits.py``). For a phase I chart the baseline is
estimated from the same points; whoever does so knows that outliers widen the limits that they are judged by.

Sources: ISO 7870-2:2013; NIST/SEMATECH e-Handbook, 6.3.2. Run rules are applied to X and X̄; moving ranges, R and S,
which are skewed and (moving ranges) correlated, are only compared with their limits.

>>> from analytics.quality.limits import Baseline
>>> x, mr = individuals_chart([10.25, 9.75, 13.25], Baseline(mean=10.0, sigma=1.0))
>>> x.fired()
{<Rule.NELSON_1: 'nelson_1'>: (3,)}
>>> mr.points, mr.in_control
((None, 0.5, 3.5), True)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, stdev

from analytics.quality.limits import Baseline, Limits, checked, span
from analytics.quality.rules import NELSON, NO_RULES, Rule, RunRules
from analytics.quality.sample import measured


@dataclass(frozen=True, slots=True)
class Chart:
    """Points of one chart with their limits and signals; the three are of equal length.

    Attributes:
        name: what is plotted, such as ``X``, ``MR``, ``Xbar``, ``R``, ``S``, ``EWMA``, ``c``, ``p``.
        points: in the order of time; None where a point is undefined (the first moving range, say).
        limits: of each point.
        signals: all rules that fire at each point.
    """

    name: str
    points: tuple[float | None, ...]
    limits: tuple[Limits, ...]
    signals: tuple[frozenset[Rule], ...]

    @property
    def in_control(self) -> bool | None:
        """Whether no point signals; None where no point could have, for want of limits or points."""
        judged = any(
            point is not None and limits.center is not None
            for point, limits in zip(self.points, self.limits, strict=True)
        )
        return not any(self.signals) if judged else None

    def fired(self) -> dict[Rule, tuple[int, ...]]:
        """Rule -> the points at which it fires, counted from 1; without the rules that are silent."""
        found: dict[Rule, list[int]] = {}
        for number, rules in enumerate(self.signals, start=1):
            for rule in rules:
                found.setdefault(rule, []).append(number)
        return {rule: tuple(found[rule]) for rule in Rule if rule in found}


def location_chart(name: str, points: Sequence[float], limits: Limits, rules: frozenset[Rule]) -> Chart:
    """A chart of points with one set of limits, judged by run rules; without signals where there are no limits."""
    if limits.center is None or not limits.sigma:
        signals = [NO_RULES] * len(points)
    else:
        run = RunRules(limits.center, limits.sigma, rules)
        signals = [run.update(point) for point in points]
    return Chart(name, tuple(points), (limits,) * len(points), tuple(signals))


def spread_chart(name: str, points: Iterable[float | None], limits: Limits) -> Chart:
    """A chart of points with one set of limits, compared with these and nothing else."""
    kept = tuple(points)
    return Chart(name, kept, (limits,) * len(kept), tuple(limits.beyond(point) for point in kept))


def individuals_chart(
    values: Sequence[float], baseline: Baseline, rules: frozenset[Rule] = NELSON
) -> tuple[Chart, Chart]:
    """The charts ``X`` and ``MR`` of single values.

    Args:
        values: in the order of time.
        baseline: of size 1.
        rules: run rules on X.

    Raises:
        ValueError: a value is not finite, or the baseline is of subgroups.
    """
    if baseline.size != 1:
        raise ValueError(f"individuals need a baseline of size 1, not {baseline.size}")
    x = measured(values)
    ranges = [None, *(abs(b - a) for a, b in pairwise(x))] if x else []
    return (
        location_chart("X", x, baseline.mean_limits(), rules),
        spread_chart("MR", ranges, baseline.range_limits()),
    )


def xbar_r_chart(
    subgroups: Sequence[Sequence[float]], baseline: Baseline, rules: frozenset[Rule] = NELSON
) -> tuple[Chart, Chart]:
    """The charts ``Xbar`` and ``R`` of subgroups.

    Args:
        subgroups: values by subgroup, in the order of time, all of the baseline's size.
        baseline: of the same size, >= 2.
        rules: run rules on X̄.

    Raises:
        ValueError: a value is not finite, or a subgroup is not of the baseline's size.
    """
    groups = checked(subgroups, baseline.size)
    return _means(groups, baseline, rules), spread_chart("R", map(span, groups), baseline.range_limits())


def xbar_s_chart(
    subgroups: Sequence[Sequence[float]], baseline: Baseline, rules: frozenset[Rule] = NELSON
) -> tuple[Chart, Chart]:
    """The charts ``Xbar`` and ``S`` of subgroups; arguments and errors as of ``xbar_r_chart``."""
    groups = checked(subgroups, baseline.size)
    return _means(groups, baseline, rules), spread_chart("S", map(stdev, groups), baseline.sd_limits())


def _means(groups: Sequence[Sequence[float]], baseline: Baseline, rules: frozenset[Rule]) -> Chart:
    return location_chart("Xbar", [mean(group) for group in groups], baseline.mean_limits(), rules)
