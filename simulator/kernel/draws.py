"""What chance decides in the kernel: durations, qualities and lives out of numbered draws, compiled.

What it is: the functions of ``chance.py`` for compiled code, equal to them bit by bit (a test holds them together), and
what the kernel makes of them. ``docs/design/kernel.md`` says which number of which stream serves what.
What it is not: state. Nothing here remembers anything.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Final

import numpy as np

from simulator.compiled import inlined, lean
from simulator.line import WEAR_STEEPNESS

_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_LOW: Final = np.uint64(0xFFFF)
_ONE: Final = np.uint64(1)
_BELL_MEAN: Final = 2.0 * 65535
_BELL_SD: Final = sqrt((65536**2 - 1) / 3)
_HIGHEST: Final = 1.0 - 2.0**-53
_LARGE: Final = 300.0
_FLAT: Final = exp(WEAR_STEEPNESS) - 1


@inlined
def bits(stream: int, n: int) -> int:
    """``chance.bits``; ``stream`` carries the 64 bits of the key, whatever its sign."""
    z = np.uint64(stream) + (np.uint64(n) + _ONE) * _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))  # type: ignore[return-value]  # compiled: a 64-bit number


@inlined
def uniform(stream: int, n: int) -> float:
    """``chance.uniform``."""
    return (np.float64(bits(stream, n) >> np.uint64(11)) + 0.5) * 2.0**-53


@inlined
def exponential(stream: int, n: int) -> float:
    """``chance.exponential``."""
    return -log(uniform(stream, n))


@inlined
def bell(stream: int, n: int) -> float:
    """``chance.bell``."""
    b = bits(stream, n)
    total = (b & _LOW) + (b >> np.uint64(16) & _LOW) + (b >> np.uint64(32) & _LOW) + (b >> np.uint64(48))
    return (np.float64(total) - _BELL_MEAN) / _BELL_SD


@lean
def normal(stream: int, n: int) -> float:
    """``chance.normal``."""
    return quantile(uniform(stream, n))


@lean
def quantile(u: float) -> float:
    """The inverse of the normal distribution: algorithm AS 241 (Wichura, 1988), 16 digits."""
    p = min(u, _HIGHEST)
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        num = (((((((2.50908_09287_30122_6727e+3 * r + 3.34305_75583_58812_8105e+4) * r + 6.72657_70927_00870_0853e+4) * r
            + 4.59219_53931_54987_1457e+4) * r + 1.37316_93765_50946_1125e+4) * r + 1.97159_09503_06551_4427e+3) * r
            + 1.33141_66789_17843_7745e+2) * r + 3.38713_28727_96366_6080e+0) * q  # fmt: skip
        den = (((((((5.22649_52788_52854_5610e+3 * r + 2.87290_85735_72194_2674e+4) * r + 3.93078_95800_09271_0610e+4) * r
            + 2.12137_94301_58659_5867e+4) * r + 5.39419_60214_24751_1077e+3) * r + 6.87187_00749_20579_0830e+2) * r
            + 4.23133_30701_60091_1252e+1) * r + 1.0)  # fmt: skip
        return num / den
    r = sqrt(-log(p if q <= 0.0 else 1.0 - p))
    if r <= 5.0:
        r -= 1.6
        num = (((((((7.74545_01427_83414_07640e-4 * r + 2.27238_44989_26918_45833e-2) * r + 2.41780_72517_74506_11770e-1) * r
            + 1.27045_82524_52368_38258e+0) * r + 3.64784_83247_63204_60504e+0) * r + 5.76949_72214_60691_40550e+0) * r
            + 4.63033_78461_56545_29590e+0) * r + 1.42343_71107_49683_57734e+0)  # fmt: skip
        den = (((((((1.05075_00716_44416_84324e-9 * r + 5.47593_80849_95344_94600e-4) * r + 1.51986_66563_61645_71966e-2) * r
            + 1.48103_97642_74800_74590e-1) * r + 6.89767_33498_51000_04550e-1) * r + 1.67638_48301_83803_84940e+0) * r
            + 2.05319_16266_37758_82187e+0) * r + 1.0)  # fmt: skip
    else:
        r -= 5.0
        num = (((((((2.01033_43992_92288_13265e-7 * r + 2.71155_55687_43487_57815e-5) * r + 1.24266_09473_88078_43860e-3) * r
            + 2.65321_89526_57612_30930e-2) * r + 2.96560_57182_85048_91230e-1) * r + 1.78482_65399_17291_33580e+0) * r
            + 5.46378_49111_64114_36990e+0) * r + 6.65790_46435_01103_77720e+0)  # fmt: skip
        den = (((((((2.04426_31033_89939_78564e-15 * r + 1.42151_17583_16445_88870e-7) * r + 1.84631_83175_10054_68180e-5) * r
            + 7.86869_13114_56132_59100e-4) * r + 1.48753_61290_85061_48525e-2) * r + 1.36929_88092_27358_05310e-1) * r
            + 5.99832_20655_58879_37690e-1) * r + 1.0)  # fmt: skip
    x = num / den
    return -x if q < 0.0 else x


@lean
def lognormal(stream: int, n: int, mean: float, sigma: float) -> float:
    """``chance.lognormal``; without spread the mean itself."""
    if sigma == 0.0:
        return mean
    return mean * exp(sigma * normal(stream, n) - sigma * sigma / 2)


@inlined
def duration(value: float) -> int:
    """A drawn time in whole ns, at least 1."""
    return max(1, round(value))


@lean
def binomial(u: float, n: int, p: float) -> int:
    """How many of ``n`` with probability ``p`` each, by the uniform ``u``: the inverse of the distribution.

    Where the expected number is beyond 300 the recursion would underflow; a normal of the same mean and variance by
    the same ``u`` takes its place.
    """
    if n <= 0 or p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    if n == 1:
        return 1 if u < p else 0
    if p > 0.5:
        return n - _few(1.0 - u, n, 1.0 - p)
    return _few(u, n, p)


@lean
def _few(u: float, n: int, p: float) -> int:
    """``binomial`` for ``p`` of at most a half."""
    if n * p > _LARGE:
        spread = sqrt(n * p * (1.0 - p))
        return min(n, max(0, round(n * p + spread * quantile(u))))
    term = (1.0 - p) ** n
    ratio = p / (1.0 - p)
    k = 0
    while u >= term and k < n:
        u -= term
        term *= ratio * (n - k) / (k + 1)
        k += 1
    return k


@lean
def weibull(stream: int, n: int, scale: float, shape: float) -> float:
    """``chance.weibull``."""
    return float(scale * exponential(stream, n) ** (1.0 / shape))


@inlined
def severity(wear: int, visible_ns: int, age_ns: int, life_ns: int) -> float:
    """``line.severity``: how much of a coming failure shows, 0 to 1."""
    begin = max(life_ns // 2, life_ns - visible_ns)
    if age_ns <= begin:
        return 0.0
    u = min(1.0, (age_ns - begin) / (life_ns - begin))
    if wear:
        return (exp(WEAR_STEEPNESS * u) - 1) / _FLAT
    return u
