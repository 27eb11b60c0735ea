"""Capability: how well a process fits its specification.

What it is: Cm and Cmk (one short run of one machine), Cp and Cpk (spread within subgroups), Pp and Ppk (spread of all
values), with confidence intervals; computed from sums that add (``analytics/quality/sample.py``), so a product made on
several machines is recomputed from the pooled values, and the worst machine is named beside it.
What it is not: a mean of Cpk values, which means nothing. Not a judgement of stability either: an index of a process
that is not in control predicts nothing, so whoever computes it says what the control chart says (``stable``). And it
assumes normal values.

Sources: ISO 22400-2:2014, KPIs 19 to 22 (Cm, Cmk, Cp, Cpk); ISO 22514-2 (Pp, Ppk) and 22514-3 (machines); NIST/SEMATECH
e-Handbook, 6.1.6 (k, one-sided specifications); intervals as in Montgomery, Introduction to Statistical Quality
Control: that of Cp by χ², that of Cpk by the normal approximation of Bissell, Applied Statistics 39 (1990). Undefined
(no spread, no limit, too few values) is None.

>>> found = indices(16.0, 2.0, Spec(lower=8.0, upper=20.0))
>>> found.potential, round(found.critical, 4), round(found.off_center, 4)
(1.0, 0.6667, 0.3333)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

from analytics.quality.constants import chi2_quantile
from analytics.quality.sample import LARGEST_VALUE, Sample, pooled

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spec:
    """Specification limits of a characteristic, in its unit; at least one of them.

    Attributes:
        lower: LSL, or None where only the upper side is specified.
        upper: USL, or None where only the lower side is specified.

    Raises:
        ValueError: no limit, a limit that is not finite, or lower >= upper.
    """

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.lower, self.upper) if limit is not None]
        if not limits:
            raise ValueError("a specification has a lower limit, an upper limit, or both")
        if any(not -LARGEST_VALUE <= limit <= LARGEST_VALUE for limit in limits):
            raise ValueError(f"specification limits must be finite: {self.lower}, {self.upper}")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError(f"the lower specification limit {self.lower} is not below the upper {self.upper}")


@dataclass(frozen=True, slots=True)
class Indices:
    """The indices of one mean and one spread; each None where it is undefined. All without unit.

    Attributes:
        potential: (USL - LSL) / 6σ: Cm, Cp or Pp, by the σ. None for a one-sided specification.
        upper: (USL - mean) / 3σ.
        lower: (mean - LSL) / 3σ.
        critical: the smaller of the two, or the one there is: Cmk, Cpk or Ppk.
        off_center: k = |middle of the specification - mean| / half its width; critical = potential · (1 - k).
        nonconforming: expected share outside the specification if values are normal, 0 to 1.
    """

    potential: float | None = None
    upper: float | None = None
    lower: float | None = None
    critical: float | None = None
    off_center: float | None = None
    nonconforming: float | None = None


def indices(mean: float | None, sigma: float | None, spec: Spec) -> Indices:
    """The indices of a process with this mean and standard deviation.

    Args:
        mean: in the unit of the specification; None where there is no value.
        sigma: standard deviation in the same unit, >= 0; None where it is undefined. With 0 the indices are undefined.
        spec: the specification.

    Raises:
        ValueError: mean or sigma is not finite or is absurdly large, or sigma is negative.
    """
    if any(value is not None and not abs(value) <= LARGEST_VALUE for value in (mean, sigma)) or (sigma or 0.0) < 0:
        raise ValueError(f"mean and sigma must be finite and sigma not negative: {mean}, {sigma}")
    if mean is None or not sigma:
        return Indices()
    # A limit that is not there is infinitely far away.
    upper = math.inf if spec.upper is None else (spec.upper - mean) / (3 * sigma)
    lower = math.inf if spec.lower is None else (mean - spec.lower) / (3 * sigma)
    potential = off_center = math.inf
    if spec.lower is not None and spec.upper is not None:
        width = spec.upper - spec.lower
        potential = width / (6 * sigma)
        off_center = abs((spec.upper - mean) - (mean - spec.lower)) / width
    return Indices(
        potential=_finite(potential),
        upper=_finite(upper),
        lower=_finite(lower),
        critical=_finite(min(upper, lower)),
        off_center=_finite(off_center),
        nonconforming=min(1.0, sum(math.erfc(3 * side / math.sqrt(2)) / 2 for side in (upper, lower))),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def machine_capability(values: Iterable[float], spec: Spec) -> Indices:
    """Cm (``potential``) and Cmk (``critical``) of a short run of one machine: its own mean and s (ddof 1).

    Args:
        values: consecutive parts, of one setting and one lot of material; 50 are customary.
        spec: the specification, in their unit.

    Raises:
        ValueError: a value is not finite.
    """
    run = Sample.subgroup(values)
    return indices(run.mean, run.sigma_overall, spec)


@dataclass(frozen=True, slots=True)
class Capability:
    """Capability of a process.

    Attributes:
        n: number of values.
        mean: their mean, in their unit.
        sigma_within: short-term standard deviation, in the same unit.
        sigma_overall: long-term standard deviation, in the same unit.
        within: indices with ``sigma_within``: Cp, Cpk.
        overall: indices with ``sigma_overall``: Pp, Ppk.
        cp_interval: confidence interval of Cp.
        cpk_interval: confidence interval of Cpk, approximate.
        pp_interval: confidence interval of Pp.
        ppk_interval: confidence interval of Ppk, approximate.
        stable: whether the control chart has no signal; None where nobody has looked.
    """

    n: int
    mean: float | None
    sigma_within: float | None
    sigma_overall: float | None
    within: Indices
    overall: Indices
    cp_interval: Interval | None
    cpk_interval: Interval | None
    pp_interval: Interval | None
    ppk_interval: Interval | None
    stable: bool | None = None

    @property
    def cp(self) -> float | None:
        """Cp, ISO 22400-2 KPI 21."""
        return self.within.potential

    @property
    def cpk(self) -> float | None:
        """Cpk, ISO 22400-2 KPI 22."""
        return self.within.critical

    @property
    def pp(self) -> float | None:
        """Pp, ISO 22514-2."""
        return self.overall.potential

    @property
    def ppk(self) -> float | None:
        """Ppk, ISO 22514-2."""
        return self.overall.critical


def capability(sample: Sample, spec: Spec, confidence: float = 0.95, stable: bool | None = None) -> Capability:
    """Cp, Cpk, Pp and Ppk of the pooled values.

    Args:
        sample: the values as sums, pooled over whatever belongs together.
        spec: the specification, in their unit.
        confidence: two-sided, strictly between 0 and 1.
        stable: what the control chart says, to be carried along.

    Raises:
        ValueError: confidence is not strictly between 0 and 1.
    """
    within = indices(sample.mean, sample.sigma_within, spec)
    overall = indices(sample.mean, sample.sigma_overall, spec)
    df_within, df_overall = sample.within_df, float(sample.n - 1)
    return Capability(
        n=sample.n,
        mean=sample.mean,
        sigma_within=sample.sigma_within,
        sigma_overall=sample.sigma_overall,
        within=within,
        overall=overall,
        cp_interval=potential_interval(within.potential, df_within, confidence),
        cpk_interval=critical_interval(within.critical, sample.n, df_within, confidence),
        pp_interval=potential_interval(overall.potential, df_overall, confidence),
        ppk_interval=critical_interval(overall.critical, sample.n, df_overall, confidence),
        stable=stable,
    )


def potential_interval(index: float | None, df: float | None, confidence: float = 0.95) -> Interval | None:
    """Confidence interval of Cp or Pp: index · sqrt(χ²/ν) at both tails, for ν = ``df`` degrees of freedom of σ.

    None without an index or a degree of freedom.

    Raises:
        ValueError: confidence is not strictly between 0 and 1.
    """
    tail = _tail(confidence)
    if index is None or df is None or df <= 0:
        return None
    low, high = (index * math.sqrt(chi2_quantile(p, df) / df) for p in (tail, 1 - tail))
    return (low, high) if math.isfinite(high) else None


def critical_interval(index: float | None, n: int, df: float | None, confidence: float = 0.95) -> Interval | None:
    """Confidence interval of Cpk or Ppk, Bissell: index ± z · sqrt(1/9n + index²/2ν).

    ``n`` values stand behind the mean, ν = ``df`` degrees of freedom behind σ. Approximate: from about n = 30 on. None
    without an index or a degree of freedom.

    Raises:
        ValueError: confidence is not strictly between 0 and 1.
    """
    tail = _tail(confidence)
    if index is None or df is None or df <= 0 or n < 1:
        return None
    half = NormalDist().inv_cdf(1 - tail) * math.sqrt(1 / (9 * n) + index * index / (2 * df))
    return (index - half, index + half) if math.isfinite(half) else None


def _tail(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be strictly between 0 and 1, not {confidence}")
    return (1 - confidence) / 2


def worst(parts: Mapping[str, Capability]) -> str | None:
    """The name of the smallest Cpk, which is what a product of several machines or characteristics is worth.

    Of equal ones the first by name; parts without a Cpk are left out, and None where none has one.
    """
    known = sorted((part.cpk, name) for name, part in parts.items() if part.cpk is not None)
    return known[0][1] if known else None


@dataclass(frozen=True, slots=True)
class ProductCapability:
    """One characteristic of a product that several machines make.

    Attributes:
        pooled: of all values together: recomputed, never a mean of indices.
        parts: of each machine by itself.
        worst: the machine with the smallest Cpk; None where none has one.
        cpk_min: its Cpk, the figure to report.
    """

    pooled: Capability
    parts: Mapping[str, Capability]
    worst: str | None
    cpk_min: float | None


def product_capability(samples: Mapping[str, Sample], spec: Spec, confidence: float = 0.95) -> ProductCapability:
    """Capability of one characteristic over its machines: pooled, by machine, and the minimum.

    Raises:
        ValueError: confidence is not strictly between 0 and 1.
    """
    parts = {name: capability(sample, spec, confidence) for name, sample in samples.items()}
    name = worst(parts)
    together = capability(pooled(samples.values()), spec, confidence)
    return ProductCapability(together, parts, name, None if name is None else parts[name].cpk)
