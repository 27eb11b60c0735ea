"""Run rules on a control chart, one point at a time: Nelson's eight and Western Electric's four.

What it is: for each point all rules whose pattern it completes. The state is a handful of small integers, whatever the
length of the stream: each is a shift register with one bit per point, as long as the longest pattern needs. A batch is
the stream, folded.
What it is not: an estimate of center and sigma (``analytics/quality/limits.py``), and not a remedy for autocorrelated
data: the rules assume independent points that are roughly normal.

Sources: L. S. Nelson, "The Shewhart control chart: tests for special causes", Journal of Quality Technology 16 (1984);
Western Electric, Statistical Quality Control Handbook (1956); NIST/SEMATECH e-Handbook, 6.3.2.

Readings that the sources leave open, taken here: "beyond" is strict, and every other point is within, so each point is
in one zone; a point on the center line is on neither side, and equal neighbours are neither rising nor falling;
"k of m" fires as soon as k points are there, also among the first m - 1 of a stream, and only on a point that is itself
beyond; rule 8 needs points on both sides, for eight on one side are another pattern.

>>> [sorted(fired) for fired in run_rules([0.3, -0.5, 2.3, 0.4, 2.1], 0.0, 1.0)][-1]
[<Rule.NELSON_5: 'nelson_5'>]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final


class Rule(StrEnum):
    """What a point of a chart may signal."""

    NELSON_1 = "nelson_1"
    """One point beyond 3 sigma."""
    NELSON_2 = "nelson_2"
    """Nine points in a row on one side of the center line."""
    NELSON_3 = "nelson_3"
    """Six points in a row steadily rising or falling."""
    NELSON_4 = "nelson_4"
    """Fourteen points in a row alternating up and down."""
    NELSON_5 = "nelson_5"
    """Two of three points in a row beyond 2 sigma on the same side."""
    NELSON_6 = "nelson_6"
    """Four of five points in a row beyond 1 sigma on the same side."""
    NELSON_7 = "nelson_7"
    """Fifteen points in a row within 1 sigma of the center line."""
    NELSON_8 = "nelson_8"
    """Eight points in a row beyond 1 sigma, on both sides."""
    WECO_1 = "weco_1"
    """One point beyond 3 sigma."""
    WECO_2 = "weco_2"
    """Two of three points in a row beyond 2 sigma on the same side."""
    WECO_3 = "weco_3"
    """Four of five points in a row beyond 1 sigma on the same side."""
    WECO_4 = "weco_4"
    """Eight points in a row on one side of the center line."""
    ABOVE_UPPER = "above_upper"
    """A point above the upper limit of a chart without zones (ranges, EWMA, CUSUM)."""
    BELOW_LOWER = "below_lower"
    """A point below the lower limit of a chart without zones."""


NELSON: Final = frozenset(rule for rule in Rule if rule.value.startswith("nelson"))
"""Nelson's eight rules."""
WESTERN_ELECTRIC: Final = frozenset(rule for rule in Rule if rule.value.startswith("weco"))
"""Western Electric's four zone rules."""
COUNTS: Final = frozenset({Rule.NELSON_1, Rule.NELSON_2, Rule.NELSON_3, Rule.NELSON_4})
"""The rules without zones of 1 and 2 sigma: those that suit counts and proportions, which are skewed."""
NO_RULES: Final[frozenset[Rule]] = frozenset()

_KEPT: Final = 0x7FFF
"""The last fifteen points: rule 7 looks back that far, and none further."""


def _full(register: int, length: int) -> bool:
    ones = (1 << length) - 1
    return register & ones == ones


def _some(register: int, k: int, m: int) -> bool:
    return register & 1 == 1 and (register & (1 << m) - 1).bit_count() >= k


class RunRules:
    """The rules over a stream of points.

    Args:
        center: the center line, in units of the points.
        sigma: standard deviation of a point; > 0.
        rules: which to test; ``NELSON`` by default.

    Raises:
        ValueError: sigma is not a positive number, the center is not finite, or a rule is not a run rule.
    """

    __slots__ = (
        "_above_0",
        "_above_1",
        "_above_2",
        "_below_0",
        "_below_1",
        "_below_2",
        "_falls",
        "_last",
        "_levels",
        "_rises",
        "_tests",
        "_turns",
        "_within_1",
    )

    def __init__(self, center: float, sigma: float, rules: frozenset[Rule] = NELSON) -> None:
        if not math.isfinite(center):
            raise ValueError(f"center must be finite, not {center}")
        if not (math.isfinite(sigma) and sigma > 0):
            raise ValueError(f"sigma must be a positive number, not {sigma}")
        if strange := rules - _TESTS.keys():
            raise ValueError(f"not run rules: {', '.join(sorted(strange))}")
        self._levels = tuple(center + k * sigma for k in (-3, -2, -1, 0, 1, 2, 3))
        self._tests = tuple((rule, _TESTS[rule]) for rule in Rule if rule in rules)
        self._last: float | None = None
        # One bit per point, the newest lowest: beyond so many sigma on a side, or within 1 sigma.
        self._above_2 = self._above_1 = self._above_0 = self._within_1 = 0
        self._below_2 = self._below_1 = self._below_0 = 0
        # One bit per step from point to point, and per change of direction.
        self._rises = self._falls = self._turns = 0

    def update(self, x: float) -> frozenset[Rule]:
        """All rules whose pattern the point ``x`` completes; empty when there is none.

        Raises:
            ValueError: x is not finite; the state stays as it was.
        """
        if not math.isfinite(x):
            raise ValueError(f"a point must be finite, not {x}")
        _, low2, low1, center, up1, up2, _ = self._levels
        upper, lower = x > up1, x < low1
        self._above_2 = (self._above_2 << 1 | (x > up2)) & _KEPT
        self._below_2 = (self._below_2 << 1 | (x < low2)) & _KEPT
        self._above_1 = (self._above_1 << 1 | upper) & _KEPT
        self._below_1 = (self._below_1 << 1 | lower) & _KEPT
        self._above_0 = (self._above_0 << 1 | (x > center)) & _KEPT
        self._below_0 = (self._below_0 << 1 | (x < center)) & _KEPT
        self._within_1 = (self._within_1 << 1 | (not upper and not lower)) & _KEPT
        if self._last is not None:
            rise, fall = x > self._last, x < self._last
            turn = (rise and self._falls & 1) or (fall and self._rises & 1)
            self._rises = (self._rises << 1 | rise) & _KEPT
            self._falls = (self._falls << 1 | fall) & _KEPT
            self._turns = (self._turns << 1 | bool(turn)) & _KEPT
        self._last = x
        fired = [rule for rule, test in self._tests if test(self)]
        return frozenset(fired) if fired else NO_RULES

    def _beyond_three(self) -> bool:
        return self._last is not None and not self._levels[0] <= self._last <= self._levels[-1]

    def _eight(self) -> bool:
        return _full(self._above_0, 8) or _full(self._below_0, 8)

    def _nine(self) -> bool:
        return _full(self._above_0, 9) or _full(self._below_0, 9)

    def _steady(self) -> bool:
        return _full(self._rises, 5) or _full(self._falls, 5)  # six points are five steps

    def _alternating(self) -> bool:
        return _full(self._turns, 12)  # fourteen points are thirteen steps, and twelve turns

    def _two_of_three(self) -> bool:
        return _some(self._above_2, 2, 3) or _some(self._below_2, 2, 3)

    def _four_of_five(self) -> bool:
        return _some(self._above_1, 4, 5) or _some(self._below_1, 4, 5)

    def _stratified(self) -> bool:
        return _full(self._within_1, 15)

    def _mixture(self) -> bool:
        return _full(self._above_1 | self._below_1, 8) and not self._eight()


_TESTS: Final[dict[Rule, Callable[[RunRules], bool]]] = {
    Rule.NELSON_1: RunRules._beyond_three,
    Rule.NELSON_2: RunRules._nine,
    Rule.NELSON_3: RunRules._steady,
    Rule.NELSON_4: RunRules._alternating,
    Rule.NELSON_5: RunRules._two_of_three,
    Rule.NELSON_6: RunRules._four_of_five,
    Rule.NELSON_7: RunRules._stratified,
    Rule.NELSON_8: RunRules._mixture,
    Rule.WECO_1: RunRules._beyond_three,
    Rule.WECO_2: RunRules._two_of_three,
    Rule.WECO_3: RunRules._four_of_five,
    Rule.WECO_4: RunRules._eight,
}


def run_rules(
    points: Iterable[float], center: float, sigma: float, rules: frozenset[Rule] = NELSON
) -> tuple[frozenset[Rule], ...]:
    """The rules that fire at each point: ``RunRules`` folded over the points, in their order.

    Raises:
        ValueError: as ``RunRules`` and its ``update``.
    """
    run = RunRules(center, sigma, rules)
    return tuple(run.update(x) for x in points)
