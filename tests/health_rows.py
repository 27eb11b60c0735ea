"""Rows for the tests of health: healthy ones that move together, any cut of a stream, and what came of it.

What it is: drawn from a generator with a fixed seed.
What it is not: a machine; those are in ``test_health_simulator.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.health import Detector, Scored

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
Floats = NDArray[np.float64]
Times = NDArray[np.int64]


def healthy(rows: int, columns: int = 4, seed: int = 1) -> Floats:
    """A common load and noise of each, at different levels and widths."""
    draw = np.random.default_rng(seed)
    load = draw.uniform(-1.0, 1.0, (rows, 1))
    level = 10.0 ** np.arange(columns)
    return np.asarray(level * (5.0 + load * 0.5 + 0.1 * draw.normal(size=(rows, columns))))


def minutes(rows: int) -> Times:
    return np.arange(rows, dtype=np.int64) * MINUTE_NS


def with_holes(values: Floats, share: float = 0.1, seed: int = 2) -> Floats:
    draw = np.random.default_rng(seed)
    return np.where(draw.uniform(size=values.shape) < share, np.nan, values)


def cut_up(cuts: Sequence[int], length: int) -> list[slice]:
    edges = sorted({0, length, *(cut % (length + 1) for cut in cuts)})
    return [slice(a, b) for a, b in pairwise(edges)]


def in_pieces(
    make: Callable[[], Detector], times: Times, values: Floats, cuts: Sequence[int], *, saved: bool = False
) -> Scored:
    """The stream in chunks; ``saved``: before each chunk the detector goes through JSON into a new one."""
    detector, parts = make(), []
    for piece in cut_up(cuts, len(times)):
        if saved:
            state = json.loads(json.dumps(detector.state(), allow_nan=False))
            detector = make()
            detector.load(state)
        parts.append(detector.update(times[piece], values[piece]))
    return Scored(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("times", "scores", "shares")))


def same(a: Any, b: Any) -> bool:
    """To the bit."""
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("times", "scores", "shares"))
