"""The physics of a line: takt, batches, work in process and throughput.

What it is: the textbook relations, as functions of what is given. Durations in ns unless said otherwise; a float means
the decimal that was written, sums and quotients are exact until the result.
What it is not: a measurement. Setup and run times, stations and demand come from the model or from ``Elements``; the
changeover ratio of what has happened is the setup ratio of ISO 22400-2 (``analytics/kpi.py``).

Sources: Little's law; practical worst case, bottleneck rate, raw process time and critical WIP: Hopp and Spearman,
Factory Physics, chapter 7; every part every interval (EPEI): Rother and Shook, Learning to See.

>>> line = Limits.of([Station(1, 2), Station(2, 5), Station(6, 10), Station(2, 3)])
>>> float(line.rate), float(line.raw_time), float(line.critical_wip), line.practical_worst_rate(8)
(0.4, 20.0, 8.0, 0.21333333333333335)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final, NamedTuple

from analytics.cost import HOUR_NS, Number, fraction, to_float
from analytics.trade.distribution import quotient

_ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class Takt:
    """The beat that demand asks for, and whether a line can keep it; None where it is undefined.

    Attributes:
        takt: available time per unit of demand.
        rate: units per time that demand asks for.
        capacity: units that fit in the available time.
        utilisation: cycle / takt, the share of the time that demand needs.
    """

    takt: float | None
    rate: float | None
    capacity: float | None
    utilisation: float | None

    @property
    def meets_demand(self) -> bool | None:
        """Whether demand fits in the time."""
        return None if self.utilisation is None else self.utilisation <= 1


def takt(available: Number, demand: Number, cycle: Number) -> Takt:
    """The takt of a stretch of time.

    Args:
        available: time for production, in any unit.
        demand: units that are wanted in it.
        cycle: time per unit, in the same unit.

    Raises:
        ValueError: one of them is negative.
    """
    time, units, each = _not_negative(available=available, demand=demand, cycle=cycle)
    return Takt(quotient(time, units), quotient(units, time), quotient(time, each), quotient(each * units, time))


@dataclass(frozen=True, slots=True)
class Batch:
    """Batches of one setup and equal runs: size against throughput.

    Attributes:
        setup_ns: per batch, 0 or more.
        run_ns: per unit, more than 0.

    Raises:
        ValueError: the setup is negative, or the run is not positive.
    """

    setup_ns: Number
    run_ns: Number

    def __post_init__(self) -> None:
        _, run = _not_negative(setup=self.setup_ns, run=self.run_ns)
        if not run:
            raise ValueError("run time per unit must be more than 0")

    def units_per_hour(self, size: int) -> float | None:
        """B / (S + B·t); with size 1 the throughput of making each unit for itself.

        Raises:
            ValueError: the size is less than 1.
        """
        return quotient(size * HOUR_NS, self._batch_ns(size))

    def changeover_ratio(self, size: int) -> float | None:
        """S / (S + B·t), the setup ratio of ISO 22400-2.

        Raises:
            ValueError: the size is less than 1.
        """
        return quotient(self.setup_ns, self._batch_ns(size))

    @property
    def mass_per_hour(self) -> float | None:
        """1 / t, what endless batches come near to."""
        return quotient(HOUR_NS, self.run_ns)

    def setup_needed_ns(self, share: Number) -> float | None:
        """t·(1/f - 1): the setup time at which single units reach this share of the mass rate.

        Raises:
            ValueError: the share is not above 0 and at most 1.
        """
        f = fraction(share)
        if not 0 < f <= 1:
            raise ValueError(f"share {share} is not above 0 and at most 1")
        return to_float(fraction(self.run_ns) * (1 / f - 1))

    def smallest_size(self, share: Number) -> int:
        """⌈S·f / (t·(1 - f))⌉, at least 1: the smallest batch that reaches this share of the mass rate.

        Raises:
            ValueError: the share is not from 0 to below 1.
        """
        f = fraction(share)
        if not 0 <= f < 1:
            raise ValueError(f"share {share} is not from 0 to below 1")
        return max(1, ceil(fraction(self.setup_ns) * f / (fraction(self.run_ns) * (1 - f))))

    def _batch_ns(self, size: int) -> Fraction:
        if size < 1:
            raise ValueError(f"batch size {size} is less than 1")
        return fraction(self.setup_ns) + size * fraction(self.run_ns)


def epei(setups: Sequence[Number], available: Number, run: Number) -> float | None:
    """Every part every interval: the periods in which each part can be made once, Σ setup / (available - run).

    Args:
        setups: one changeover time for each part.
        available: time in a period (a day, say).
        run: time that the demand of a period runs.

    Returns:
        Periods; None when the demand leaves no time for setups.
    """
    free = fraction(available) - fraction(run)
    return quotient(sum(map(fraction, setups), _ZERO), free) if free > 0 else None


class Station(NamedTuple):
    """Parallel machines with one process time, in any unit of time."""

    machines: int
    time: Number


@dataclass(frozen=True, slots=True)
class Limits:
    """What a line can do at best, at worst, and in the practical worst case, by its work in process (WIP).

    A WIP below 1 is refused with a ValueError.

    Attributes:
        rates: units per time of each station.
        raw_time: Σ process times, T_0.
    """

    rates: tuple[Fraction, ...]
    raw_time: Fraction

    @classmethod
    def of(cls, stations: Sequence[Station]) -> Limits:
        """The limits of a serial line.

        Raises:
            ValueError: no station, one without machines, or a process time that is not positive.
        """
        times = [fraction(station.time) for station in stations]
        if not stations or any(station.machines < 1 for station in stations) or any(time <= 0 for time in times):
            raise ValueError("a line needs stations with at least one machine and a positive process time")
        rates = tuple(station.machines / time for station, time in zip(stations, times, strict=True))
        return cls(rates, sum(times, _ZERO))

    @property
    def rate(self) -> Fraction:
        """Of the bottleneck, r_b."""
        return min(self.rates)

    @property
    def critical_wip(self) -> Fraction:
        """W_0 = r_b · T_0: with less, the bottleneck starves even without any spread."""
        return self.rate * self.raw_time

    @property
    def worst_rate(self) -> Fraction:
        """1 / T_0: everything waits for everything."""
        return 1 / self.raw_time

    def best_rate(self, wip: Number) -> float:
        """min(w / T_0, r_b), in units per time."""
        return float(min(_wip(wip) / self.raw_time, self.rate))

    def practical_worst_rate(self, wip: Number) -> float:
        """r_b · w / (W_0 + w - 1), in units per time: a balanced line of single machines with random times."""
        w = _wip(wip)
        return float(self.rate * w / (self.critical_wip + w - 1))

    def practical_worst_time(self, wip: Number) -> float:
        """T_0 + (w - 1) / r_b, the time in the line in the practical worst case."""
        return float(self.raw_time + (_wip(wip) - 1) / self.rate)


def little_wip(rate: Number, time: Number) -> float | None:
    """WIP = throughput · time in the line; long-run means over one boundary."""
    return to_float(fraction(rate) * fraction(time))


def little_rate(wip: Number, time: Number) -> float | None:
    """Throughput = WIP / time in the line; None for no time."""
    return quotient(wip, time)


def little_time(wip: Number, rate: Number) -> float | None:
    """Time in the line = WIP / throughput; None when nothing leaves."""
    return quotient(wip, rate)


def _wip(wip: Number) -> Fraction:
    w = fraction(wip)
    if w < 1:
        raise ValueError(f"work in process {wip} is less than 1")
    return w


def _not_negative(**given: Number) -> list[Fraction]:
    values = {name: fraction(value) for name, value in given.items()}
    for name, value in values.items():
        if value < 0:
            raise ValueError(f"{name} is negative")
    return list(values.values())
