"""Energy and carbon: peak demand, idle energy, baselines after ISO 50006, and emissions by scope.

What it is: pure functions over meter readings, samples of power and sums; energies in whole Wh and exact fractions.
What it is not: the tariff (``analytics/tariff.py``) and the energy line of the ledger (``analytics/cost.py``).
"""

from analytics.energy.baseline import Baseline, Performance, evaluate, fit
from analytics.energy.carbon import Carbon, Factor, carbon, grid_factor
from analytics.energy.demand import (
    Grid,
    Peak,
    Profile,
    billed_kw,
    coincident_shares,
    demand_charge,
    own_peak_shares,
    profile_of,
    together,
)
from analytics.energy.power import EnergyByElement, Integral, Sample, energy_by_element, integrate

__all__ = [
    "Baseline",
    "Carbon",
    "EnergyByElement",
    "Factor",
    "Grid",
    "Integral",
    "Peak",
    "Performance",
    "Profile",
    "Sample",
    "billed_kw",
    "carbon",
    "coincident_shares",
    "demand_charge",
    "energy_by_element",
    "evaluate",
    "fit",
    "grid_factor",
    "integrate",
    "own_peak_shares",
    "profile_of",
    "together",
]
