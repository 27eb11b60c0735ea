"""The constants of control charts, from the normal distribution; and the quantile of χ² that intervals need.

What it is: d2, d3 and c4 computed, not tabulated, with what follows from them (A2, A3, B3, B4, D3, D4). The only file
of the package that uses scipy.
What it is not: rounded. Printed tables keep three decimals (d2 = 1.128 where it is 1.12838), so limits differ from
those of a table in the fourth digit.

Sources: definitions in ISO 7870-2:2013, annex of factors, and ASTM MNL 7; distribution of the range of n normal values,
P(R <= r) = n ∫ φ(x) [Φ(x + r) - Φ(x)]^(n-1) dx (Tippett, Biometrika 17 (1925)); c4 = sqrt(2/(n-1)) Γ(n/2) / Γ((n-1)/2).

>>> round(constants(5).d2, 3), round(constants(5).a2, 3), round(constants(5).d4, 3)
(2.326, 0.577, 2.114)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from scipy import special

LARGEST: Final = 1000
"""The largest subgroup that the integration is made (and tested) for."""


@dataclass(frozen=True, slots=True)
class Constants:
    """Constants for subgroups of ``n`` normal values of standard deviation σ, and for limits at three sigma.

    Attributes:
        n: size of the subgroup.
        d2: mean of the range, in σ.
        d3: standard deviation of the range, in σ.
        c4: mean of the sample standard deviation (ddof 1), in σ.
        a2: X̄ limits are x̿ ± A2·R̄.
        a3: X̄ limits are x̿ ± A3·s̄.
        b3: lower limit of S is B3·s̄.
        b4: upper limit of S is B4·s̄.
        d3_limit: lower limit of R is D3·R̄ (the capital D3; ``d3`` is the other).
        d4: upper limit of R is D4·R̄.
    """

    n: int
    d2: float
    d3: float
    c4: float
    a2: float
    a3: float
    b3: float
    b4: float
    d3_limit: float
    d4: float


@lru_cache(maxsize=64)
def constants(n: int) -> Constants:
    """The constants for subgroups of ``n`` values.

    Raises:
        ValueError: n is not in 2 .. ``LARGEST``.
    """
    if not 2 <= n <= LARGEST:
        raise ValueError(f"subgroup size must be 2 to {LARGEST}, not {n}")
    d2, d3 = _range_moments(n)
    c4 = math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))
    # 1 - c4² is about 1/2n: the difference loses three digits of sixteen at the largest n, which is harmless.
    spread_s, spread_r = 3 * math.sqrt(1 - c4 * c4) / c4, 3 * d3 / d2
    return Constants(
        n=n,
        d2=d2,
        d3=d3,
        c4=c4,
        a2=3 / (d2 * math.sqrt(n)),
        a3=3 / (c4 * math.sqrt(n)),
        b3=max(0.0, 1 - spread_s),
        b4=1 + spread_s,
        d3_limit=max(0.0, 1 - spread_r),
        d4=1 + spread_r,
    )


def _range_moments(n: int) -> tuple[float, float]:
    """Mean and standard deviation of the range of n standard normal values, by quadrature."""
    # The trapezoidal rule converges geometrically for what is smooth and vanishes at both ends; Gauss-Legendre for r.
    step = 1 / 16
    x = np.arange(-9.0, 9.0, step)
    nodes, weights = np.polynomial.legendre.leggauss(120)
    r, w = 9.0 * (nodes + 1.0), 9.0 * weights
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    within = special.ndtr(x[None, :] + r[:, None]) - special.ndtr(x)[None, :]
    beyond = 1.0 - n * step * (density * within ** (n - 1)).sum(axis=1)  # P(R > r)
    mean = float(w @ beyond)
    return mean, math.sqrt(2 * float(w @ (r * beyond)) - mean * mean)


def chi2_quantile(p: float, df: float) -> float:
    """The x with P(χ² <= x) = p for ``df`` degrees of freedom, whole or not.

    Raises:
        ValueError: p is not strictly between 0 and 1, or df is not positive.
    """
    if not df > 0:
        raise ValueError(f"degrees of freedom must be positive, not {df}")
    if not 0 < p < 1:
        raise ValueError(f"a probability must be strictly between 0 and 1, not {p}")
    return float(2 * special.gammaincinv(df / 2, p))
