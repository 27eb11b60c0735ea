"""Energy in time: out of samples of power, and out of counters by what the machine was doing.

What it is: the integral of irregular samples, held until the next or joined by straight lines, exact, so that windows
add; the mean weighted by time; and the counter's energy divided over the time elements of ISO 22400, with its idle
share.
What it is not: a mean of samples. That weighs a sample of a second as much as one of an hour.

Rules: nothing is known before the first sample and after the last, so that time is covered by no energy and by no mean.
Idle energy is what was used in any known state but actual production (APT): setups, stops, waiting, off.

>>> hour = 3600 * 10**9
>>> found = integrate([Sample(0, 10.0), Sample(hour, 50.0), Sample(2 * hour, 0.0)], 0, 2 * hour, "step")
>>> float(found.kwh), found.mean_kw
(60.0, 30.0)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from analytics.cost import HOUR_NS, exact, to_float
from analytics.events import MachineEvents, check_bounds, coverage
from analytics.fold import Fold

Rule = Literal["step", "trapezoid"]
_ZERO: Final = Fraction(0)


class Sample(NamedTuple):
    """Power at a time; ``t`` in ns."""

    t: int
    kw: float


@dataclass(frozen=True, slots=True)
class Integral:
    """Energy over the time that samples cover; consecutive windows add.

    Attributes:
        kwh: ∫ P dt.
        covered_ns: of the window, the time between samples.
    """

    kwh: Fraction = _ZERO
    covered_ns: int = 0

    def __add__(self, other: Integral) -> Integral:
        return Integral(self.kwh + other.kwh, self.covered_ns + other.covered_ns)

    @property
    def mean_kw(self) -> float | None:
        """The mean weighted by time; None where nothing is covered."""
        return to_float(self.kwh * HOUR_NS / self.covered_ns) if self.covered_ns else None


def integrate(samples: Iterable[Sample], start_ns: int, end_ns: int, rule: Rule) -> Integral:
    """The energy in ``[start_ns, end_ns)``; a sample from before the window is carried in.

    Args:
        samples: in any order; of two at one time the greater stays.
        start_ns: where the window begins.
        end_ns: where it ends.
        rule: ``step`` holds a sample until the next, ``trapezoid`` joins them by straight lines.

    Raises:
        ValueError: no such rule, the window ends before it begins, or a power is not finite.
    """
    if rule not in ("step", "trapezoid"):
        raise ValueError(f"no rule {rule!r}: step or trapezoid")
    if end_ns < start_ns:
        raise ValueError("the window ends before it begins")
    power = {sample.t: exact(float(sample.kw)) for sample in sorted(samples)}
    energy, covered = _ZERO, 0
    for (t0, p0), (t1, p1) in pairwise(power.items()):
        a, b = max(t0, start_ns), min(t1, end_ns)
        if a >= b:
            continue
        covered += b - a
        mean = p0 if rule == "step" else p0 + (p1 - p0) * Fraction(a + b - 2 * t0, 2 * (t1 - t0))
        energy += mean * (b - a)
    return Integral(energy / HOUR_NS, covered)


@dataclass(frozen=True, slots=True)
class EnergyByElement:
    """Wh by the time element of ISO 22400 in which it was used; they add over time and machines.

    Attributes:
        apt: in actual production.
        aust, adet, adot, pdot: in setups, delays with minor stops, down time and planned down time.
        off: outside the shifts.
        unknown: while nothing was known of the machine but its counter.
    """

    apt: int = 0
    aust: int = 0
    adet: int = 0
    adot: int = 0
    pdot: int = 0
    off: int = 0
    unknown: int = 0

    def __add__(self, other: EnergyByElement) -> EnergyByElement:
        return EnergyByElement(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def total(self) -> int:
        """All of it, Wh."""
        return sum(getattr(self, f.name) for f in fields(self))

    @property
    def idle_share(self) -> float | None:
        """Of the energy in known states the part outside actual production; None without such energy."""
        known = self.total - self.unknown
        return (known - self.apt) / known if known else None


def energy_by_element(
    events: MachineEvents, bounds: Sequence[int], *, until_ns: int | None = None
) -> list[EnergyByElement]:
    """The energy of one machine in each window ``[a, b)`` between consecutive bounds, by what it was doing.

    The counter is cut at every change of state, interpolated in whole Wh; each window sums to the energy of its
    ``Elements`` exactly.

    Args:
        events: the events of the machine in any order.
        bounds: two or more times in ns, strictly increasing.
        until_ns: up to when anything is known.

    Raises:
        ValueError: the bounds do not increase.
    """
    check_bounds(bounds)
    spans = coverage(events, until_ns)
    changes = {row.t for row in events.states} | {t for span in spans for t in (span.start, span.end)}
    cuts = sorted({*bounds, *(t for t in changes if bounds[0] < t < bounds[-1])})
    result = [EnergyByElement()] * (len(bounds) - 1)
    for start, found in zip(cuts, Fold(events, until_ns).windows(cuts), strict=False):
        if found.energy_wh:
            name = next(f.name for f in fields(EnergyByElement) if getattr(found, f"{f.name}_ns"))
            number = bisect_right(bounds, start) - 1
            result[number] += EnergyByElement(**{name: found.energy_wh})
    return result
