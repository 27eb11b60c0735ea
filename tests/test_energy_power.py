"""Integrals of samples beside brute force, and energy by what a machine was doing beside its elements."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from analytics_plant import BOOT, HOUR, T0, machines, shuffled, state
from hypothesis import given
from hypothesis import strategies as st

from analytics.energy import EnergyByElement, Integral, Sample, energy_by_element, integrate
from analytics.energy.power import Rule
from analytics.events import MachineEvents, Reading
from analytics.fold import fold_windows

RULES = st.sampled_from(["step", "trapezoid"])
SAMPLES = st.lists(st.builds(Sample, st.integers(0, 60), st.integers(0, 40).map(lambda n: n / 4)), max_size=12)


def brute(samples: list[Sample], start: int, end: int, rule: Rule) -> tuple[Fraction, int]:
    """Nanosecond by nanosecond, each with the power in its middle."""
    power = {t: max(s.kw for s in samples if s.t == t) for t in {s.t for s in samples}}
    total, covered = Fraction(0), 0
    for ns in range(start, end):
        before, after = [t for t in power if t <= ns], [t for t in power if t > ns]
        if before and after:
            a, b = max(before), min(after)
            p0, p1 = Fraction(power[a]), Fraction(power[b])
            total += p0 if rule == "step" else p0 + (p1 - p0) * (ns + Fraction(1, 2) - a) / (b - a)
            covered += 1
    return total / HOUR, covered


@given(samples=SAMPLES, start=st.integers(0, 60), length=st.integers(0, 60), rule=RULES)
def test_integrals_are_those_of_brute_force(samples: list[Sample], start: int, length: int, rule: Rule) -> None:
    found = integrate(samples, start, start + length, rule)
    assert (found.kwh, found.covered_ns) == brute(samples, start, start + length, rule)


@given(samples=SAMPLES, cuts=st.lists(st.integers(0, 60), min_size=2), rule=RULES, seed=st.integers(0, 99))
def test_windows_add_and_order_changes_nothing(samples: list[Sample], cuts: list[int], rule: Rule, seed: int) -> None:
    cuts.sort()
    parts = [integrate(samples, a, b, rule) for a, b in pairwise(cuts)]
    whole = integrate(samples, cuts[0], cuts[-1], rule)
    assert sum(parts, Integral()) == whole
    again = samples + samples[:3]
    Random(seed).shuffle(again)
    assert integrate(again, cuts[0], cuts[-1], rule) == whole
    if whole.mean_kw is not None:
        assert min(s.kw for s in samples) <= whole.mean_kw <= max(s.kw for s in samples)


def test_the_rules_meet_where_power_is_constant() -> None:
    samples = [Sample(0, 8.0), Sample(HOUR, 8.0), Sample(4 * HOUR, 8.0)]
    for rule in ("step", "trapezoid"):
        found = integrate(samples, 0, 4 * HOUR, rule)  # type: ignore[arg-type]
        assert (found.kwh, found.mean_kw) == (32, 8.0)


def test_time_without_samples_is_not_covered() -> None:
    samples = [Sample(HOUR, 8.0), Sample(2 * HOUR, 6.0)]
    found = integrate(samples, 0, 10 * HOUR, "step")
    assert (found.kwh, found.covered_ns, found.mean_kw) == (8, HOUR, 8.0)
    for lone in ([], samples[:1]):
        assert integrate(lone, 0, HOUR, "trapezoid") == Integral()
        assert integrate(lone, 0, HOUR, "step").mean_kw is None


@given(
    events=machines(),
    bounds=st.lists(st.integers(0, 1600), min_size=2, max_size=5, unique=True).map(sorted),
    until=st.none() | st.integers(0, 1500),
    seed=st.integers(0, 99),
)
def test_energy_by_element_is_the_energy_of_the_elements(
    events: MachineEvents, bounds: list[int], until: int | None, seed: int
) -> None:
    found = energy_by_element(events, bounds, until_ns=until)
    assert energy_by_element(shuffled(events, seed), bounds, until_ns=until) == found
    folded = fold_windows(events, bounds, until_ns=until)
    assert [part.total for part in found] == [e.energy_wh for e in folded]
    for part, e in zip(found, folded, strict=True):
        for name in ("apt", "aust", "adet", "adot", "pdot", "off"):
            assert getattr(part, name) == 0 or getattr(e, f"{name}_ns") > 0
    (whole,) = energy_by_element(events, [bounds[0], bounds[-1]], until_ns=until)
    assert sum(found, EnergyByElement()) == whole
    assert whole.idle_share is None or 0 <= whole.idle_share <= 1


def test_idle_share() -> None:
    events = MachineEvents(
        states=[state(T0, "running"), state(T0 + 2 * HOUR, "setup"), state(T0 + 3 * HOUR, "running")],
        readings=[
            Reading(T0, BOOT, 0),
            Reading(T0 + 2 * HOUR, BOOT, 8000),
            Reading(T0 + 3 * HOUR, BOOT, 9000),
            Reading(T0 + 4 * HOUR, BOOT, 13_000),
        ],
    )
    (found,) = energy_by_element(events, [T0, T0 + 4 * HOUR])
    assert found == EnergyByElement(apt=12_000, aust=1000)
    assert found.idle_share == pytest.approx(1 / 13)
    assert EnergyByElement(unknown=5).idle_share is None
    assert EnergyByElement(apt=6, adot=2, unknown=5).idle_share == 0.25


def test_energy_in_a_minor_stop_is_delay() -> None:
    events = MachineEvents(
        states=[state(T0, "minor_stop")], readings=[Reading(T0, BOOT, 0), Reading(T0 + HOUR, BOOT, 10)]
    )
    assert energy_by_element(events, [T0, T0 + HOUR]) == [EnergyByElement(adet=10)]


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="no rule 'spline'"):
        integrate([], 0, 1, "spline")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ends before"):
        integrate([], 1, 0, "step")
    with pytest.raises(ValueError, match="inf"):
        integrate([Sample(0, float("inf"))], 0, 1, "step")
    with pytest.raises(ValueError, match="strictly increase"):
        energy_by_element(MachineEvents(), [1, 1])
