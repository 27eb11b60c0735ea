"""Peak demand: the load of clock-aligned intervals, the bill, and who pays which part of it.

What it is: energies of metering intervals (15 minutes, or any other length) out of cumulative counters, in whole Wh;
they add over machines interval by interval, and the peak is taken of the sum.
What it is not: a peak of instantaneous power, and not a sum of each machine's own peak: both overstate the demand.

The rule of utilities: billed demand is the highest mean power of the intervals of a billing period, once per period.
The intervals follow the clock; ``anchor_ns`` shifts them for a zone whose offset is no multiple of the interval.

>>> quarter = 15 * 60 * 10**9
>>> site = Profile(Grid(0, quarter, 3), (20_000, 30_000, 10_000), (0, 0, 0))
>>> float(site.peak.kw), site.peak.start_ns == quarter, site.load_factor
(120.0, True, 0.6666666666666666)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from analytics.cost import HOUR_NS, WH_PER_KWH, exact
from analytics.events import MachineEvents, coverage, said_in
from analytics.fold import Counter

QUARTER_HOUR_NS: Final = HOUR_NS // 4
_ZERO: Final = Fraction(0)


@dataclass(frozen=True, slots=True)
class Grid:
    """Consecutive metering intervals: ``count`` of ``interval_ns`` each from ``start_ns`` on.

    Raises:
        ValueError: the interval is not positive, or the count is negative.
    """

    start_ns: int
    interval_ns: int
    count: int

    def __post_init__(self) -> None:
        if self.interval_ns < 1 or self.count < 0:
            raise ValueError("an interval is positive, and there are none or more of them")

    @classmethod
    def within(cls, start_ns: int, end_ns: int, interval_ns: int = QUARTER_HOUR_NS, anchor_ns: int = 0) -> Grid:
        """The intervals that lie whole in ``[start_ns, end_ns)``, aligned to the clock.

        Args:
            start_ns: of the stretch of time, ns since the epoch.
            end_ns: its end.
            interval_ns: how long an interval is.
            anchor_ns: a time at which an interval begins; 0 aligns them to UTC.

        Raises:
            ValueError: the interval is not positive.
        """
        if interval_ns < 1:
            raise ValueError("an interval is positive")
        first = start_ns + (anchor_ns - start_ns) % interval_ns
        return cls(first, interval_ns, max(0, (end_ns - first) // interval_ns))

    @property
    def bounds(self) -> range:
        """Where the intervals begin, and where the last one ends."""
        return range(self.start_ns, self.start_ns + self.count * self.interval_ns + 1, self.interval_ns)


class Peak(NamedTuple):
    """The highest mean power of an interval, and the first interval that has it."""

    kw: Fraction
    start_ns: int


@dataclass(frozen=True, slots=True)
class Profile:
    """The load of a machine, or of several together.

    Attributes:
        grid: the intervals.
        wh: energy in each.
        unread: how many machines were not read throughout each interval; their energy may be missing.

    Raises:
        ValueError: there is not one value per interval.
    """

    grid: Grid
    wh: tuple[int, ...]
    unread: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.wh) == len(self.unread) == self.grid.count:
            raise ValueError(f"{len(self.wh)} energies and {len(self.unread)} marks for {self.grid.count} intervals")

    @classmethod
    def zero(cls, grid: Grid) -> Profile:
        """No load: what adds nothing."""
        return cls(grid, (0,) * grid.count, (0,) * grid.count)

    def __add__(self, other: Profile) -> Profile:
        return together(self.grid, (self, other))

    @property
    def total_wh(self) -> int:
        """The energy of all intervals."""
        return sum(self.wh)

    @property
    def complete(self) -> bool:
        """Whether every machine was read throughout: if not, the peak may be too low."""
        return not any(self.unread)

    @property
    def peak(self) -> Peak | None:
        """The demand; None without intervals."""
        if not self.wh:
            return None
        wh = max(self.wh)
        start_ns = self.grid.bounds[self.wh.index(wh)]
        return Peak(Fraction(wh * HOUR_NS, WH_PER_KWH * self.grid.interval_ns), start_ns)

    @property
    def load_factor(self) -> float | None:
        """Mean power / peak power; None without load."""
        return self.total_wh / (self.grid.count * max(self.wh)) if self.total_wh else None


def together(grid: Grid, profiles: Iterable[Profile]) -> Profile:
    """The simultaneous load of all profiles.

    Raises:
        ValueError: a profile has other intervals.
    """
    wh, unread = [0] * grid.count, [0] * grid.count
    for profile in profiles:
        if profile.grid != grid:
            raise ValueError("profiles of different intervals do not add")
        wh = [a + b for a, b in zip(wh, profile.wh, strict=True)]
        unread = [a + b for a, b in zip(unread, profile.unread, strict=True)]
    return Profile(grid, tuple(wh), tuple(unread))


def profile_of(events: MachineEvents, grid: Grid, until_ns: int | None = None) -> Profile:
    """The load of one machine out of its cumulative counter.

    A reading within an interval is interpolated to its edges in whole Wh, and a fall of the counter is a reset to zero,
    as in the fold of elements: the intervals sum to the energy of the elements of the same time.

    Args:
        events: the events of the machine in any order.
        grid: the intervals.
        until_ns: up to when anything is known.
    """
    readings = said_in(coverage(events), events.readings)
    counter = Counter(readings, until_ns)
    wh = tuple(b - a for a, b in pairwise(counter.at(bound) for bound in grid.bounds))
    if not readings:
        return Profile(grid, wh, (1,) * grid.count)
    first, last = readings[0].t, readings[-1].t if until_ns is None else min(readings[-1].t, until_ns)
    return Profile(grid, wh, tuple(int(not first <= a < b <= last) for a, b in pairwise(grid.bounds)))


def billed_kw(peak: Fraction, *, earlier: Iterable[Fraction] = (), ratchet: float = 0.0) -> Fraction:
    """The power that is charged: the peak, or the ratchet's share of the highest earlier one where that is more.

    Args:
        peak: of the billing period, kW.
        earlier: peaks of the billing periods to which the ratchet looks back, kW.
        ratchet: the share of them that is charged at least; 0 where the tariff has none.

    Raises:
        ValueError: the ratchet is not from 0 to 1.
    """
    if not 0 <= ratchet <= 1:
        raise ValueError(f"ratchet {ratchet} is not from 0 to 1")
    return max([peak, *(exact(ratchet) * one for one in earlier)])


def demand_charge(kw: Fraction, price_per_kw: float) -> Fraction:
    """The bill for the demand of one billing period, in the currency of the price."""
    return kw * exact(price_per_kw)


def coincident_shares(profiles: Mapping[str, Profile], bill: Fraction) -> dict[str, Fraction] | None:
    """The bill divided by each machine's energy in the interval of the site's peak; the parts add to it exactly.

    None where there is no load to divide it by.

    Raises:
        ValueError: the profiles have different intervals.
    """
    if not profiles:
        return None
    grid = next(iter(profiles.values())).grid
    peak = together(grid, profiles.values()).peak
    if peak is None:
        return None
    number = grid.bounds.index(peak.start_ns)
    return _shares({name: profile.wh[number] for name, profile in profiles.items()}, bill)


def own_peak_shares(profiles: Mapping[str, Profile], bill: Fraction) -> dict[str, Fraction] | None:
    """The bill divided by each machine's own peak, whenever it was; the parts add to it exactly.

    None where there is no load to divide it by.

    Raises:
        ValueError: the profiles have different intervals.
    """
    if len({profile.grid for profile in profiles.values()}) > 1:
        raise ValueError("profiles of different intervals do not compare")
    return _shares({name: max(profile.wh, default=0) for name, profile in profiles.items()}, bill)


def _shares(weights: Mapping[str, int], bill: Fraction) -> dict[str, Fraction] | None:
    total = sum(weights.values())
    return {name: bill * Fraction(weight, total) for name, weight in weights.items()} if total else None
