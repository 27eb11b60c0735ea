"""The reliability of systems from that of their parts.

What it is: series, parallel and k of n, with parts that may differ; for probabilities at one age or for availabilities.
What it is not: right for parts that fail together. Parts are independent here (assumption): a common supply, a shared
crew or one bad batch makes redundancy worth less than this says. Buffers between machines are no redundancy either.

Source: Barlow and Proschan, Statistical Theory of Reliability and Life Testing, 2; the k of n by the Poisson binomial
recursion.

>>> series([0.9, 0.8])
0.7200000000000001
>>> parallel([0.9, 0.8])
0.98
>>> round(k_of_n(2, [0.9, 0.9, 0.9]), 3)
0.972
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from analytics.kpi import Value


def series(parts: Sequence[Value]) -> Value:
    """Π R: the system works while all parts do. None without parts, or where the reliability of one is not defined.

    Raises:
        ValueError: a reliability is not within 0 and 1.
    """
    known = _known(parts)
    return math.prod(known) if known else None


def parallel(parts: Sequence[Value]) -> Value:
    """1 − Π (1 − R): the system works while at least one part does; None and errors as ``series``."""
    known = _known(parts)
    if not known:
        return None
    works = 0.0
    for part in known:
        works += (1 - works) * part  # 1 − Π would lose the digits of small values
    return works


def k_of_n(k: int, parts: Sequence[Value]) -> Value:
    """The probability that at least ``k`` of the parts work, however they differ; None as ``series``.

    Raises:
        ValueError: ``k`` is not within 1 and the number of parts, or a reliability not within 0 and 1.
    """
    if parts and not 1 <= k <= len(parts):
        raise ValueError(f"k must lie within 1 and {len(parts)}, not {k}")
    known = _known(parts)
    if not known:
        return None
    exactly = [1.0] + [0.0] * len(known)  # the probability that so many of the parts so far work
    for count, part in enumerate(known, start=1):
        for works in range(count, 0, -1):
            exactly[works] += part * (exactly[works - 1] - exactly[works])
        exactly[0] *= 1 - part
    return min(1.0, math.fsum(exactly[k:]))  # rounding alone can pass 1


def _known(parts: Sequence[Value]) -> list[float]:
    """The parts, or none when one is not defined."""
    if strange := [part for part in parts if part is not None and not 0 <= part <= 1]:
        raise ValueError(f"a reliability lies within 0 and 1, not {strange[0]}")
    known = [part for part in parts if part is not None]
    return known if len(known) == len(parts) else []
