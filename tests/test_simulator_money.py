"""The money of the ledger is exact, however short the stretch between two of its lines."""

from __future__ import annotations

from fractions import Fraction

from simulator.factory import Factory
from simulator.plant import HOUR_NS, MINUTE_NS, operators_of
from simulator.run import site_of
from simulator.settings import Settings

START_NS = 1_795_305_600 * 10**9


def test_a_microsecond_after_three_hours_costs_a_microsecond() -> None:
    site = site_of(Settings())
    factory = Factory(site, "5eed5eed", START_NS)
    factory.advance(START_NS + 3 * HOUR_NS, MINUTE_NS)
    before = dict(factory.truth())
    factory.advance(START_NS + 3 * HOUR_NS + 1000, MINUTE_NS)
    after = dict(factory.truth())
    for address, step in site.machines:
        spent = {
            line: Fraction(amount) - Fraction(before[address.path]["money"][line])
            for line, amount in after[address.path]["money"].items()
        }
        hour = Fraction(1000, HOUR_NS)
        assert spent["depreciation"] == Fraction(repr(step.depreciation_per_h)) * hour
        assert spent["labour"] == Fraction(repr(operators_of(step))) * Fraction(repr(site.wage_per_h)) * hour
        assert spent["energy"] >= 0
