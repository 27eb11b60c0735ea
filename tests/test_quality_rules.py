"""Run rules: against their definitions, read window by window, against another package, and as a stream."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.quality import COUNTS, NELSON, WESTERN_ELECTRIC, Rule, RunRules, run_rules

EVERY = NELSON | WESTERN_ELECTRIC
# Halves, so that points on the lines and ties are frequent; runs, so that long patterns come up.
POINTS = st.one_of(
    st.lists(st.integers(-8, 8).map(lambda half: half / 2), max_size=40),
    st.lists(st.sampled_from([-1.5, -0.5, 0.5, 1.5]), max_size=40),
    st.lists(st.tuples(st.integers(1, 16), st.sampled_from([-2.5, -1.5, -0.5, 0.25, 0.5, 1.5, 2.5])), max_size=6).map(
        lambda runs: [value for length, value in runs for _ in range(length)]
    ),
    st.lists(st.floats(-4, 4), max_size=40),
)


def by_definition(z: list[float], i: int) -> set[Rule]:
    """Every rule at point i, each read from its sentence, over slices."""

    def row(length: int) -> list[float]:
        return z[i - length + 1 : i + 1] if i + 1 >= length else []

    def one_side(length: int) -> bool:
        w = row(length)
        return bool(w) and (all(x > 0 for x in w) or all(x < 0 for x in w))

    def k_of_m(k: int, m: int, sigma: float) -> bool:
        w = z[max(0, i - m + 1) : i + 1]
        up, down = [x > sigma for x in w], [x < -sigma for x in w]
        return (sum(up) >= k and up[-1]) or (sum(down) >= k and down[-1])

    def steps(length: int) -> list[float]:
        return [b - a for a, b in itertools.pairwise(row(length))]

    found = set()
    if abs(z[i]) > 3:
        found |= {Rule.NELSON_1, Rule.WECO_1}
    if one_side(9):
        found.add(Rule.NELSON_2)
    if one_side(8):
        found.add(Rule.WECO_4)
    if (d := steps(6)) and (all(x > 0 for x in d) or all(x < 0 for x in d)):
        found.add(Rule.NELSON_3)
    if (d := steps(14)) and all((a > 0 > b) or (a < 0 < b) for a, b in itertools.pairwise(d)):
        found.add(Rule.NELSON_4)
    if k_of_m(2, 3, 2):
        found |= {Rule.NELSON_5, Rule.WECO_2}
    if k_of_m(4, 5, 1):
        found |= {Rule.NELSON_6, Rule.WECO_3}
    if (w := row(15)) and all(abs(x) <= 1 for x in w):
        found.add(Rule.NELSON_7)
    if (w := row(8)) and all(abs(x) > 1 for x in w) and min(w) < 0 < max(w):
        found.add(Rule.NELSON_8)
    return found


@given(POINTS)
def test_rules_are_what_their_sentences_say(z: list[float]) -> None:
    assert [set(fired) for fired in run_rules(z, 0.0, 1.0, EVERY)] == [by_definition(z, i) for i in range(len(z))]


PATTERNS: dict[Rule, list[float]] = {
    Rule.NELSON_1: [3.5],
    Rule.NELSON_2: [0.5, 0.2, 0.4, 0.1, 0.6, 0.3, 0.5, 0.2, 0.4],
    Rule.NELSON_3: [-0.9, -0.5, -0.1, 0.2, 0.5, 0.8],
    Rule.NELSON_4: [0.5, -0.5] * 7,
    Rule.NELSON_5: [2.5, 0.0, 2.5],
    Rule.NELSON_6: [1.5, 1.2, 0.0, 1.5, 1.3],
    Rule.NELSON_7: [0.5, -0.2, -0.4, 0.3, 0.6, -0.1, 0.2, 0.7, -0.5, -0.8, 0.1, 0.4, -0.3, -0.6, 0.2],
    Rule.NELSON_8: [1.5, 1.2, -1.4, -1.1, 1.3, 1.6, -1.2, -1.7],
    Rule.WECO_1: [-3.5],
    Rule.WECO_2: [-2.5, -2.2],
    Rule.WECO_3: [-1.5, -1.2, -1.7, -1.3],
    Rule.WECO_4: [-0.5, -0.2, -0.4, -0.1, -0.6, -0.3, -0.5, -0.2],
}


def test_there_is_a_pattern_for_every_run_rule() -> None:
    assert set(PATTERNS) == EVERY == set(Rule) - {Rule.ABOVE_UPPER, Rule.BELOW_LOWER}
    assert len(NELSON) == 8
    assert len(WESTERN_ELECTRIC) == 4
    assert COUNTS < NELSON


@pytest.mark.parametrize("rule", sorted(PATTERNS))
def test_a_rule_fires_at_the_last_point_of_its_pattern_and_not_before(rule: Rule) -> None:
    fired = [rule in rules for rules in run_rules(PATTERNS[rule], 0.0, 1.0, frozenset({rule}))]
    assert fired == [False] * (len(fired) - 1) + [True]


@pytest.mark.parametrize(
    ("rule", "points"),
    [
        (Rule.NELSON_1, [3.0]),  # on the limit is not beyond it
        (Rule.NELSON_2, [0.5] * 4 + [0.0] + [0.5] * 4),  # on the center line is on neither side
        (Rule.NELSON_3, [-0.9, -0.5, -0.5, 0.2, 0.5, 0.8]),  # a tie is not steady
        (Rule.NELSON_4, [0.5, -0.5] * 6 + [0.5, 0.5]),
        (Rule.NELSON_5, [2.5, 0.0, -2.5]),  # one on each side
        (Rule.NELSON_5, [2.5, 0.0, 0.0, 2.5]),
        (Rule.NELSON_6, [1.5, 1.5, 0.0, 0.0, 1.5]),
        (Rule.NELSON_7, [0.5, -0.2] * 7 + [1.1]),
        (Rule.NELSON_8, [1.5] * 8),  # eight on one side are Western Electric's fourth rule, not a mixture
        (Rule.WECO_4, [0.5] * 7),
    ],
)
def test_a_rule_does_not_fire_on_what_only_looks_like_its_pattern(rule: Rule, points: list[float]) -> None:
    assert not any(run_rules(points, 0.0, 1.0, frozenset({rule})))


def test_a_point_carries_all_its_rules() -> None:
    last = run_rules([1.2, 1.4, 1.6, 1.8, 2.1, 2.3, 2.5, 2.7, 3.1], 0.0, 1.0, EVERY)[-1]
    nelson = {Rule.NELSON_1, Rule.NELSON_2, Rule.NELSON_3, Rule.NELSON_5, Rule.NELSON_6}
    assert last == nelson | WESTERN_ELECTRIC


@given(POINTS, st.integers(0, 40), st.sampled_from([0.5, 1.0, 4.0]), st.sampled_from([-8.0, 0.0, 3.0]))
def test_the_batch_is_the_stream_also_over_a_restart_and_in_other_units(
    z: list[float], at: int, scale: float, shift: float
) -> None:
    z = [round(x * 64) / 64 for x in z]  # exact under the change of unit
    run = RunRules(shift, scale, EVERY)
    head = [run.update(x * scale + shift) for x in z[:at]]
    again = pickle.loads(pickle.dumps(run))
    assert (*head, *(again.update(x * scale + shift) for x in z[at:])) == run_rules(z, 0.0, 1.0, EVERY)


@given(POINTS)
def test_mirrored_points_fire_the_same_rules(z: list[float]) -> None:
    assert run_rules([-x for x in z], 0.0, 1.0, EVERY) == run_rules(z, 0.0, 1.0, EVERY)


@given(POINTS)
def test_each_rule_is_tested_by_itself(z: list[float]) -> None:
    together = run_rules(z, 0.0, 1.0, EVERY)
    for rule in EVERY:
        assert [rule in fired for fired in together] == [bool(f) for f in run_rules(z, 0.0, 1.0, frozenset({rule}))]


@given(st.lists(st.floats(-4, 4), min_size=16, max_size=16), st.lists(st.floats(-4, 4), max_size=30))
def test_memory_is_bounded_and_no_rule_looks_further_back(recent: list[float], past: list[float]) -> None:
    run, fresh = RunRules(0.0, 1.0, EVERY), RunRules(0.0, 1.0, EVERY)
    for x in past:
        run.update(x)
    for x in recent:
        last, alone = run.update(x), fresh.update(x)
    assert last == alone
    registers = [getattr(run, name) for name in RunRules.__slots__ if name not in {"_last", "_levels", "_tests"}]
    assert all(isinstance(register, int) and 0 <= register < 2**15 for register in registers)


def test_no_points_and_wrong_arguments() -> None:
    assert run_rules([], 0.0, 1.0) == ()
    for center, sigma in ((float("nan"), 1.0), (0.0, 0.0), (0.0, -1.0), (0.0, float("inf"))):
        with pytest.raises(ValueError, match=r"center|sigma"):
            RunRules(center, sigma)
    with pytest.raises(ValueError, match="above_upper"):
        RunRules(0.0, 1.0, frozenset({Rule.ABOVE_UPPER}))


def test_a_refused_point_leaves_the_state_as_it_was() -> None:
    run = RunRules(0.0, 1.0)
    run.update(2.5)
    with pytest.raises(ValueError, match="finite"):
        run.update(float("nan"))
    assert Rule.NELSON_5 in run.update(2.5)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (WESTERN_ELECTRIC, 91.75),  # Champ and Woodall, Technometrics 29 (1987), by a Markov chain
        (frozenset({Rule.NELSON_1}), 370.4),  # 1 / P(|N| > 3)
        (frozenset({Rule.WECO_1, Rule.WECO_2}), 225.44),  # the same table
        (NELSON, 73),  # what docs/quality.md says; no source was found
    ],
)
def test_points_between_false_alarms_are_those_that_are_published(rules: frozenset[Rule], expected: float) -> None:
    draws = iter(np.random.default_rng(20261122).standard_normal(60_000).tolist())
    lengths, run, begun = [], RunRules(0.0, 1.0, rules), 0
    for count, x in enumerate(draws, 1):
        if run.update(x):
            lengths.append(count - begun)
            run, begun = RunRules(0.0, 1.0, rules), count
    assert np.mean(lengths) == pytest.approx(expected, abs=3.3 * expected / np.sqrt(len(lengths)))


def judged(z: list[float], ruleset: str) -> dict[int, int]:
    """Point (from 0) -> the one rule that mfgqc keeps for it, the lowest."""
    theirs: Any = pytest.importorskip("mfgqc.control_charts")
    found = theirs._apply_rules(np.array(z), 0.0, 1.0, ruleset, "location")
    return {violation.point - 1: int(violation.rule[-1]) for violation in found}


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=40))
def test_mfgqc_agrees_where_it_is_right(z: list[float]) -> None:
    """It keeps one rule per point, and 5, 6 and 8 are looser there: any side completes, and one side is a mixture."""
    theirs, ours = judged(z, "nelson"), run_rules(z, 0.0, 1.0)
    exact = [Rule.NELSON_1, Rule.NELSON_2, Rule.NELSON_3, Rule.NELSON_4]
    for i, fired in enumerate(ours):
        lowest = next((n for n, rule in enumerate(exact, 1) if rule in fired), None)
        assert (theirs.get(i) if theirs.get(i, 9) <= 4 else None) == lowest
        if lowest is None and i >= 4 and fired:
            assert i in theirs
    for i, number in theirs.items():
        if number not in {5, 6, 8}:
            assert Rule(f"nelson_{number}") in ours[i]


@given(st.lists(st.floats(0.001, 4), min_size=1, max_size=40))
def test_mfgqc_agrees_on_one_side_of_the_center_line(z: list[float]) -> None:
    theirs, ours = judged(z, "western_electric"), run_rules(z, 0.0, 1.0, WESTERN_ELECTRIC)
    for i, fired in enumerate(ours):
        lowest = min((int(rule.value[-1]) for rule in fired), default=None)
        early = (i < 2 and Rule.WECO_2 in fired) or (i < 4 and Rule.WECO_3 in fired)
        assert early or theirs.get(i) == lowest
