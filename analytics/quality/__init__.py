"""Quality and process control: capability, control charts and run rules, as pure functions over plain numbers.

What it is: samples that add to the last bit, capability from them, phase I (baseline) apart from phase II (charts), and
Nelson's and Western Electric's rules, streaming; batch functions are the streaming ones, folded.
What it is not: bound to stored events, or to a clock. Undefined is None; a wrong argument is a ``ValueError``.
"""

from analytics.quality.capability import (
    Capability,
    Indices,
    ProductCapability,
    Spec,
    capability,
    critical_interval,
    indices,
    machine_capability,
    potential_interval,
    product_capability,
    worst,
)
from analytics.quality.charts import Chart, individuals_chart, xbar_r_chart, xbar_s_chart
from analytics.quality.constants import Constants, constants
from analytics.quality.counts import c_center, c_chart, c_limits, p_center, p_chart, p_limits
from analytics.quality.limits import Baseline, Limits, individuals_baseline, range_baseline, sd_baseline
from analytics.quality.rules import COUNTS, NELSON, WESTERN_ELECTRIC, Rule, RunRules, run_rules
from analytics.quality.sample import Sample, pooled
from analytics.quality.weighted import (
    Cusum,
    CusumDesign,
    CusumPoint,
    Ewma,
    WeightedPoint,
    cusum_chart,
    cusum_design,
    ewma_chart,
)

__all__ = [
    "COUNTS",
    "NELSON",
    "WESTERN_ELECTRIC",
    "Baseline",
    "Capability",
    "Chart",
    "Constants",
    "Cusum",
    "CusumDesign",
    "CusumPoint",
    "Ewma",
    "Indices",
    "Limits",
    "ProductCapability",
    "Rule",
    "RunRules",
    "Sample",
    "Spec",
    "WeightedPoint",
    "c_center",
    "c_chart",
    "c_limits",
    "capability",
    "constants",
    "critical_interval",
    "cusum_chart",
    "cusum_design",
    "ewma_chart",
    "indices",
    "individuals_baseline",
    "individuals_chart",
    "machine_capability",
    "p_center",
    "p_chart",
    "p_limits",
    "pooled",
    "potential_interval",
    "product_capability",
    "range_baseline",
    "run_rules",
    "sd_baseline",
    "worst",
    "xbar_r_chart",
    "xbar_s_chart",
]
