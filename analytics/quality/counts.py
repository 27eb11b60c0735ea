"""Control charts of counts: c (defects per unit of constant size) and p (share nonconforming, samples of any size).

What it is: center lines from counts (phase I) and charts by a given center line (phase II).
What it is not: exact. Limits are the usual ± 3 sigma of the normal approximation, cut off at 0 and 1; it is poor where
fewer than about five are expected in a sample. By default only the rules without inner zones are applied.

Sources: ISO 7870-2:2013; NIST/SEMATECH e-Handbook, 6.3.3.1 (c) and 6.3.3.2 (p). A center line of 0 (or of 1 for
p) has no spread and so no limits: after a period without a single count, a center line has to be given.

>>> chart = c_chart([16, 14, 28, 29], center=16.0)
>>> chart.limits[0].lower, chart.limits[0].upper, chart.fired()
(4.0, 28.0, {<Rule.NELSON_1: 'nelson_1'>: (4,)})
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from analytics.quality.charts import Chart, location_chart
from analytics.quality.limits import NO_LIMITS, Limits, around
from analytics.quality.rules import COUNTS, NO_RULES, Rule, RunRules


def c_center(counts: Sequence[int]) -> float | None:
    """Mean count c̄; None without counts.

    Raises:
        ValueError: a count is not a whole number >= 0.
    """
    whole = _whole("count", counts)
    return sum(whole) / len(whole) if whole else None


def c_limits(center: float | None) -> Limits:
    """c̄ ± 3√c̄, not below 0; none where the center line is 0 or None.

    Raises:
        ValueError: the center line is negative or not finite.
    """
    if center is None:
        return NO_LIMITS
    if not (math.isfinite(center) and center >= 0):
        raise ValueError(f"the center line of a c chart must be finite and not negative, not {center}")
    return around(center, math.sqrt(center), floor=0.0)


def c_chart(counts: Sequence[int], center: float | None, rules: frozenset[Rule] = COUNTS) -> Chart:
    """The chart ``c`` of counts of defects, each in a unit of the same size.

    Raises:
        ValueError: a count is not a whole number >= 0, or the center line is negative or not finite.
    """
    return location_chart("c", [float(count) for count in _whole("count", counts)], c_limits(center), rules)


def p_center(nonconforming: Sequence[int], inspected: Sequence[int]) -> float | None:
    """Σ nonconforming / Σ inspected, and not the mean of the shares; None where nothing was inspected.

    Raises:
        ValueError: as ``p_chart``.
    """
    bad, sizes = _shares(nonconforming, inspected)
    return sum(bad) / sum(sizes) if sum(sizes) else None


def p_limits(center: float | None, size: int) -> Limits:
    """p̄ ± 3·sqrt(p̄(1 - p̄)/n), within 0 .. 1; none for an empty sample or a center line of 0, 1 or None.

    Raises:
        ValueError: the center line is not in 0 .. 1, or the size is not a whole number >= 0.
    """
    (n,) = _whole("sample size", [size])
    if center is None:
        return NO_LIMITS
    if not 0 <= center <= 1:
        raise ValueError(f"the center line of a p chart must be in 0 .. 1, not {center}")
    return around(center, math.sqrt(center * (1 - center) / n), floor=0.0, ceiling=1.0) if n else NO_LIMITS


def p_chart(
    nonconforming: Sequence[int],
    inspected: Sequence[int],
    center: float | None,
    rules: frozenset[Rule] = COUNTS,
) -> Chart:
    """The chart ``p`` of shares, with limits that follow the size of each sample.

    Args:
        nonconforming: per sample, in the order of time.
        inspected: size of each sample; of one of size 0 the point is None, and the rules pass over it.
        center: p̄, 0 to 1; None where it is undefined.
        rules: run rules, applied to (p - p̄) / σ, for σ is not the same for all points.

    Raises:
        ValueError: a number is not whole or negative, more are nonconforming than inspected, the lengths differ, or the
            center line is not in 0 .. 1.
    """
    bad, sizes = _shares(nonconforming, inspected)
    points = tuple(found / size if size else None for found, size in zip(bad, sizes, strict=True))
    limits = tuple(p_limits(center, size) for size in sizes)
    run = RunRules(0.0, 1.0, rules)
    signals = tuple(_standardised(run, point, of) for point, of in zip(points, limits, strict=True))
    return Chart("p", points, limits, signals)


def _standardised(run: RunRules, point: float | None, limits: Limits) -> frozenset[Rule]:
    if point is None or limits.center is None or not limits.sigma:
        return NO_RULES
    return run.update((point - limits.center) / limits.sigma)


def _shares(nonconforming: Sequence[int], inspected: Sequence[int]) -> tuple[list[int], list[int]]:
    bad, sizes = _whole("number of nonconforming", nonconforming), _whole("sample size", inspected)
    if len(bad) != len(sizes):
        raise ValueError(f"{len(bad)} numbers of nonconforming for {len(sizes)} samples")
    for index, (found, size) in enumerate(zip(bad, sizes, strict=True)):
        if found > size:
            raise ValueError(f"sample {index} has {found} nonconforming of {size}")
    return bad, sizes


def _whole(what: str, numbers: Sequence[int]) -> list[int]:
    for index, number in enumerate(numbers):
        if not (number >= 0 and number % 1 == 0):
            raise ValueError(f"{what} {index} is {number}: a whole number >= 0 is needed")
    return [int(number) for number in numbers]
