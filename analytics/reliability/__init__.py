"""Reliability: how long machines run, how long they stand, and what can be said of the time to the next failure.

What it is: pure functions. States become runs, repairs and an exposure that adds (``runs.py``, ``exposure.py``); from
these come MTBF and MTTR with bounds, availability, Weibull and Kaplan-Meier lives, tests for a trend, systems, a Pareto
of causes.
What it is not: a reader of the historian, nor a detector on sensor data.

A value that is not defined is None. ``docs/reliability.md`` shows the use.
"""

from analytics.reliability.causes import Bar, Loss, Pareto, losses_of, pareto
from analytics.reliability.exposure import (
    Bounds,
    Exposure,
    availability_bounds,
    corrective_maintenance_ratio,
    inherent_availability,
    mtbf_bounds_ns,
    mtbf_ns,
    mttr_ns,
    pooled,
)
from analytics.reliability.runs import (
    History,
    Lifetimes,
    Repair,
    Run,
    failure_times,
    history,
    history_of_rows,
    lifetimes,
    mean_completed_ns,
)
from analytics.reliability.survival import Step, kaplan_meier, median_life, survival_at
from analytics.reliability.system import k_of_n, parallel, series
from analytics.reliability.trend import Trend, laplace, mil_hdbk_189
from analytics.reliability.weibull import Fitted, Weibull, WeibullFit, fit_weibull

__all__ = [
    "Bar",
    "Bounds",
    "Exposure",
    "Fitted",
    "History",
    "Lifetimes",
    "Loss",
    "Pareto",
    "Repair",
    "Run",
    "Step",
    "Trend",
    "Weibull",
    "WeibullFit",
    "availability_bounds",
    "corrective_maintenance_ratio",
    "failure_times",
    "fit_weibull",
    "history",
    "history_of_rows",
    "inherent_availability",
    "k_of_n",
    "kaplan_meier",
    "laplace",
    "lifetimes",
    "losses_of",
    "mean_completed_ns",
    "median_life",
    "mil_hdbk_189",
    "mtbf_bounds_ns",
    "mtbf_ns",
    "mttr_ns",
    "parallel",
    "pareto",
    "pooled",
    "series",
    "survival_at",
]
