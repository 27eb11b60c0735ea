"""Report by exception: which samples are said, and which need not be.

What it is: compiled; one pass over the samples of a machine, in order, that carries the last values reported.
What it is not: a change of any value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@compiled
def changed(values: Floats, last: Floats, bands: Floats) -> NDArray[np.bool_]:
    """Report by exception: which samples [sensor, time] differ by more than the deadband from the last one reported.

    ``last`` holds that one for each sensor (not a number: none yet) and is carried on. With a band of 0 everything is
    reported; what is not a number never is.
    """
    mask = np.zeros(values.shape, np.bool_)
    for s in range(len(values)):
        for j in range(values.shape[1]):
            v = values[s, j]
            if not np.isnan(v) and (bands[s] == 0.0 or not abs(v - last[s]) <= bands[s] * (1 + 1e-9)):
                last[s] = v
                mask[s, j] = True
    return mask


@compiled
def report(values: Floats, last: Floats, bands: Floats, times: Ints, kept: Ints) -> int:
    """Keep what is to be reported: the first so many columns of ``values``, at the times ``kept``."""
    mask = changed(values, last, bands)
    n = 0
    for j in range(len(times)):
        some = False
        for s in range(len(values)):
            some = some or mask[s, j]
            values[s, n] = values[s, j] if mask[s, j] else np.nan
        if some:
            kept[n] = times[j]
            n += 1
    return n
