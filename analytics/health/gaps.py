"""Absent values as the present ones let expect them.

What it is: the conditional mean of a normal distribution, pattern of absence by pattern.
What it is not: a value that counts as measured: no share of an alarm is put on it.

Source: Nelson, Taylor & MacGregor 1996, "Missing data methods in PCA and PLS", Chemom. Intell. Lab. Syst. 35.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analytics.health.rowwise import Floats, product

_RANK: Final = 1e-6
"""Directions narrower than this share of the widest do not count: columns may determine each other."""


def filled(z: Floats, centre: Floats, covariance: Floats) -> Floats:
    """Rows [row, column] without not-a-number, each of which has at least one value.

    >>> filled(np.array([[2.0, np.nan]]), np.zeros(2), np.array([[1.0, 0.5], [0.5, 1.0]]))
    array([[2., 1.]])
    """
    absent = np.isnan(z)
    if not absent.any():
        return z
    made = z.copy()
    patterns, which = np.unique(absent, axis=0, return_inverse=True)
    for number, gone in enumerate(patterns):
        if gone.any():
            rows = np.flatnonzero(which.reshape(-1) == number)
            here = ~gone
            inverse = np.linalg.pinv(covariance[np.ix_(here, here)], rcond=_RANK, hermitian=True)
            weights = np.ascontiguousarray((covariance[np.ix_(gone, here)] @ inverse).T)
            made[np.ix_(rows, gone)] = centre[gone] + product(z[np.ix_(rows, here)] - centre[here], weights)
    return made
