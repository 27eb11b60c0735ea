"""Random numbers by counting: number ``n`` of a stream is a pure function of the stream's key and ``n``.

What it is: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) read at any place. A stream belongs to one machine and one
purpose and is keyed by their names, so that another machine, another order of events or another cut of time disturbs
no draw; the whole state of a stream is the number of the next draw, an integer that can be copied.
What it is not: fit for secrets.

>>> uniform(key(42, "stamp-1", "life"), 0) == uniform(key(42, "stamp-1", "life"), 0)
True
>>> key(42, "stamp-1", "life") == key(42, "stamp-1", "repair")
False
"""

from __future__ import annotations

from hashlib import blake2b
from math import exp, log, sqrt
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MASK: Final = 2**64 - 1
_GAMMA: Final = 0x9E3779B97F4A7C15
_MIX_1: Final = 0xBF58476D1CE4E5B9
_MIX_2: Final = 0x94D049BB133111EB
_NORMAL: Final = NormalDist()

# Four 16-bit uniforms summed (Irwin and Hall): mean 2 * 65535, variance (65536**2 - 1) / 3.
_BELL_MEAN: Final = 2.0 * 65535
_BELL_SD: Final = sqrt((65536**2 - 1) / 3)


def key(seed: int, *names: str) -> int:
    """The key of the stream that belongs to these names under a seed: 64 bits."""
    return int.from_bytes(blake2b("\x1f".join([str(seed), *names]).encode(), digest_size=8).digest())


def bits(stream: int, n: int) -> int:
    """64 random bits."""
    z = (stream + (n + 1) * _GAMMA) & _MASK
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


def uniform(stream: int, n: int) -> float:
    """A number strictly between 0 and 1."""
    return ((bits(stream, n) >> 11) + 0.5) * 2.0**-53


def exponential(stream: int, n: int) -> float:
    """Exponential with mean 1."""
    return -log(uniform(stream, n))


def normal(stream: int, n: int) -> float:
    """Normal with mean 0 and standard deviation 1."""
    return _NORMAL.inv_cdf(min(uniform(stream, n), 1.0 - 2.0**-53))


def lognormal(stream: int, n: int, mean: float, sigma: float) -> float:
    """Lognormal with the given mean; ``sigma`` is the standard deviation of the logarithm."""
    return mean * exp(sigma * normal(stream, n) - sigma * sigma / 2)


def weibull(stream: int, n: int, scale: float, shape: float) -> float:
    """Weibull: the life of a part with an increasing (``shape`` > 1), constant (1) or falling failure rate."""
    return float(scale * exponential(stream, n) ** (1.0 / shape))


def bell(stream: int, n: int) -> float:
    """Bell-shaped with mean 0 and standard deviation 1, never beyond ±3.47: the sum of four uniforms.

    Made of additions and one product only, so that it is the same on every machine, one by one or by the array.
    """
    b = bits(stream, n)
    return ((b & 0xFFFF) + (b >> 16 & 0xFFFF) + (b >> 32 & 0xFFFF) + (b >> 48) - _BELL_MEAN) / _BELL_SD


def bells(stream: int, n: NDArray[np.int64]) -> NDArray[np.float64]:
    """``bell`` of many numbers at once."""
    b = _bits(stream, n)
    low = np.uint64(0xFFFF)
    total = (b & low) + (b >> np.uint64(16) & low) + (b >> np.uint64(32) & low) + (b >> np.uint64(48))
    return np.asarray((total.astype(np.float64) - _BELL_MEAN) / _BELL_SD, np.float64)


def uniforms(stream: int, n: NDArray[np.int64]) -> NDArray[np.float64]:
    """``uniform`` of many numbers at once."""
    return ((_bits(stream, n) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _bits(stream: int, n: NDArray[np.int64]) -> NDArray[np.uint64]:
    z = (n.astype(np.uint64) + np.uint64(1)) * np.uint64(_GAMMA) + np.uint64(stream)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_MIX_1)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_MIX_2)
    return z ^ (z >> np.uint64(31))
