"""The consumers: which orders are placed when, as a pure function of seed and time.

What it is: for each channel a Poisson process whose rate follows the hour, the weekday and the month of the tariff's
zone. A local day is made at a time, from streams keyed by seed, line, channel and day, and then cut; so no cut changes
an order. Arrivals are exact: exponential gaps of rate 1, read through the day's cumulative rate (the time change of
Çinlar, Introduction to Stochastic Processes, 1975, section 4.7).
What it is not: aware of whether an order is accepted (the kernel) or of what is said about it (``commerce.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import isfinite, sqrt
from statistics import NormalDist
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from simulator import chance
from simulator.happenings import NEVER, Rows
from simulator.limits import fits
from simulator.sector_model import Channel, Demand, Option, Product
from simulator.variants import Ints, Variants

SECOND_NS: Final = 10**9
HOUR_NS: Final = 3600 * SECOND_NS
DAY_NS: Final = 24 * HOUR_NS
_BLOCK_NS: Final = 15 * 60 * SECOND_NS  # zones change at full quarters of an hour
SIZE_SIGMA: Final = 0.9
"""Standard deviation of the logarithm of a lognormal order size (assumption)."""
SIZE_CAP: Final = 20
"""No order is larger than this many times the channel's mean size (assumption)."""
DAY_ORDERS: Final = 10**6
"""More orders than this have no numbers in a day: number = proleptic day number * ``DAY_ORDERS`` + place in the day."""
_MOST_A_DAY: Final = 900_000
_LOOK_BACK_DAYS: Final = 400
_DAYS_KEPT: Final = 4
_GRID: Final = 2**16
_NORMAL: Final = NormalDist()

PLACED: Final = np.dtype(
    [("line", np.int64), ("t_ns", np.int64), ("release_ns", np.int64), ("due_ns", np.int64), ("cancel_ns", np.int64)]
    + [(name, np.int64) for name in ("variant", "units", "priority", "channel", "number")]
)
"""An order. ``cancel_ns`` is ``NEVER`` for who keeps to it, ``priority`` 1 where a consumer waits for it (0: stock),
``channel`` its place in ``demand.channels``; ``number`` is unique in its market and grows with time."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Flow:
    """One channel with what follows from it: orders a day, and cumulative probabilities of each option's choices."""

    place: int
    channel: Channel
    orders_per_day: float
    choices: tuple[Floats, ...]


class Market:
    """The consumers of one line.

    Args:
        demand: how much, when and through which channels.
        options: what can be chosen.
        product: what is ordered.
        zone: IANA name of the time zone whose hours, weekdays and months ``demand`` weighs.
        seed: decides everything that chance decides.
        line: the number of the line in its world; another line has other orders.
        factor: multiplies the demand (scenario).
        personalised: the share of all units that is ordered personalised; ``None`` leaves the channels' own shares.
        stock_cover: stock is ordered only in the fewest choices of an option that together have this share of its
            weight, for nobody stores what hardly anyone wants (assumption); personalised orders draw from all.

    Raises:
        ValueError: an unknown zone, a factor, a share or a time out of range, or more orders a day than numbers.
    """

    def __init__(
        self,
        demand: Demand,
        options: Sequence[Option],
        product: Product,
        zone: str,
        seed: int,
        *,
        line: int = 0,
        factor: float = 1.0,
        personalised: float | None = None,
        stock_cover: float = 0.8,
    ) -> None:
        if not (isfinite(factor) and factor >= 0):
            raise ValueError(f"demand factor {factor}: a number from 0 on was expected")
        try:
            self._zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"no time zone {zone[:80]!r}") from None
        self.variants = Variants(options, product)
        self._demand, self._seed, self._line = demand, seed, line
        self._hours, self._weekdays, self._season = (
            np.array(weights) / np.mean(weights) for weights in (demand.hours, demand.weekdays, demand.season)
        )
        shares = channel_shares(demand.channels, personalised)
        self._flows = []
        for place, (channel, share) in enumerate(zip(demand.channels, shares, strict=True)):
            cover = 1.0 if channel.personalised else stock_cover
            choices = tuple(_cumulative(option.weights, cover) for option in options)
            rate = demand.units_per_day * factor * share / mean_size(channel)
            self._flows.append(_Flow(place, channel, rate, choices))
        peak = max(self._weekdays) * max(self._season) * (1 + max(self._hours) / 24)  # 25 hours
        if sum(flow.orders_per_day for flow in self._flows) * peak > _MOST_A_DAY:
            raise ValueError(f"demand: more than {_MOST_A_DAY} orders a day")
        fits({"demand.planning_h, in ns": round(demand.planning_h * HOUR_NS)})
        fits({f"channel {c.id}: quoted_days, in ns": round(c.quoted_days * DAY_NS) for c in demand.channels})
        self._days: dict[int, Rows] = {}

    def orders(self, from_ns: int, until_ns: int) -> Rows:
        """The orders (``PLACED``) with ``from_ns <= t_ns < until_ns``, in strictly increasing time."""
        parts: list[Rows] = []
        if from_ns < until_ns:
            for day in range(self._day_at(from_ns), self._day_at(until_ns - 1) + 1):
                rows = self._day(day)
                first, last = np.searchsorted(rows["t_ns"], [from_ns, until_ns])
                parts.append(rows[first:last])
        return _joined(parts)

    def initial_orders(self, start_ns: int, units: int) -> Rows:
        """The book at the start: the latest orders before it that add up to at least ``units`` units.

        They are those that ``orders`` tells of the time before ``start_ns``, without who has cancelled by then; fewer
        than asked for when there were not so many in the 400 days before.
        """
        parts: list[Rows] = []
        wanted, until_ns = units, start_ns
        last = self._day_at(start_ns)
        for day in range(last, last - _LOOK_BACK_DAYS, -1):
            if wanted <= 0:
                break
            rows = self.orders(min(self._midnight(day), until_ns), until_ns)
            rows = rows[rows["cancel_ns"] >= start_ns]
            wanted -= int(rows["units"].sum())
            parts.append(rows)
            until_ns = self._midnight(day)
        rows = _joined(parts[::-1])
        behind = np.cumsum(rows["units"][::-1])[::-1] - rows["units"]  # units of the later orders
        kept: Rows = rows[behind < units]
        return kept

    def _day_at(self, t_ns: int) -> int:
        day = datetime.fromtimestamp(t_ns // SECOND_NS, self._zone).toordinal()
        while self._midnight(day) > t_ns:  # clocks that go back over midnight make an hour of the old date again
            day -= 1
        while self._midnight(day + 1) <= t_ns:
            day += 1
        return day

    def _midnight(self, day: int) -> int:
        """When a local day begins: one instant even where midnight comes twice (the first) or never (the change)."""
        local = datetime.combine(date.fromordinal(day), datetime.min.time(), self._zone)
        return int(local.timestamp()) * SECOND_NS

    def _day(self, day: int) -> Rows:
        rows = self._days.get(day)
        if rows is None:
            if len(self._days) >= _DAYS_KEPT:
                del self._days[next(iter(self._days))]
            rows = self._days[day] = self._make_day(day)
        return rows

    def _make_day(self, day: int) -> Rows:
        start_ns, end_ns = self._midnight(day), self._midnight(day + 1)
        edges_ns, cumulative = self._shape(day, start_ns, end_ns)
        parts: list[Rows] = []
        for flow in self._flows:
            stream = self._stream(flow, day, "arrivals")
            arrivals = _arrivals(stream, flow.orders_per_day * float(cumulative[-1]))
            if len(arrivals):
                since_ns = np.interp(arrivals / flow.orders_per_day, cumulative, edges_ns)
                parts.append(self._choose(flow, day, start_ns + since_ns.astype(np.int64)))
        rows = _joined(parts)
        rows = rows[np.argsort(rows["t_ns"], kind="stable")]
        t_ns = _apart(rows["t_ns"], end_ns)
        late_ns = t_ns - rows["t_ns"]
        for name in ("t_ns", "release_ns", "due_ns"):
            rows[name] += late_ns
        rows["cancel_ns"] += np.where(rows["cancel_ns"] == NEVER, 0, late_ns)
        rows["number"] = day * DAY_ORDERS + np.arange(len(rows))
        return rows

    def _shape(self, day: int, start_ns: int, end_ns: int) -> tuple[Ints, Floats]:
        """The day in quarters of an hour: the edges in ns since it began, and the mean days of demand up to each."""
        edges_ns = np.append(np.arange(0, end_ns - start_ns, _BLOCK_NS), end_ns - start_ns)
        seconds = ((start_ns + edges_ns[:-1]) // SECOND_NS).tolist()
        hours = [datetime.fromtimestamp(second, UTC).astimezone(self._zone).hour for second in seconds]
        here = date.fromordinal(day)
        weight = float(self._weekdays[here.weekday()] * self._season[here.month - 1])
        demand = self._hours[hours] * weight * np.diff(edges_ns) / DAY_NS if hours else np.zeros(0)
        return edges_ns, np.concatenate([[0.0], np.cumsum(demand)])

    def _choose(self, flow: _Flow, day: int, t_ns: Ints) -> Rows:
        """What the orders of a channel that arrive at these times are for."""
        stream, channel = self._stream(flow, day, "choices"), flow.channel
        width = 3 + len(flow.choices)
        first = np.arange(len(t_ns)) * width
        rows = np.zeros(len(t_ns), PLACED)
        quoted_ns = max(2, round(channel.quoted_days * DAY_NS))
        rows["line"], rows["channel"], rows["priority"] = self._line, flow.place, int(channel.personalised)
        rows["t_ns"] = t_ns
        rows["release_ns"] = t_ns + round(self._demand.planning_h * HOUR_NS)
        rows["due_ns"] = t_ns + quoted_ns
        rows["units"] = order_sizes(channel, chance.uniforms(stream, first))
        gives_up = chance.uniforms(stream, first + 1) < channel.cancel_pct / 100
        after_ns = 1 + (chance.uniforms(stream, first + 2) * (quoted_ns - 1)).astype(np.int64)
        rows["cancel_ns"] = np.where(gives_up, t_ns + np.minimum(after_ns, quoted_ns - 1), NEVER)
        columns = [
            np.searchsorted(cumulative, chance.uniforms(stream, first + place), side="right")
            for place, cumulative in enumerate(flow.choices, start=3)
        ]
        rows["variant"] = self.variants.numbers(columns)
        return rows

    def _stream(self, flow: _Flow, day: int, purpose: str) -> int:
        return chance.key(self._seed, "market", str(self._line), flow.channel.id, str(day), purpose)


def channel_shares(channels: Sequence[Channel], personalised: float | None = None) -> list[float]:
    """The share of all units that comes through each channel, with the personalised ones together re-weighed.

    Raises:
        ValueError: the share is not within 0 to 1, or there is no channel that could have it.
    """
    shares = [channel.share for channel in channels]
    if personalised is None:
        return shares
    if not 0 <= personalised <= 1:
        raise ValueError(f"personalised share {personalised}: a number from 0 to 1 was expected")
    now = sum(channel.share for channel in channels if channel.personalised)
    rest = sum(channel.share for channel in channels if not channel.personalised)
    if (personalised > 0 and not now) or (personalised < 1 and not rest):
        raise ValueError(f"personalised share {personalised}: the channels are all of one sort")
    made, stock = (personalised / now if now else 0.0), ((1 - personalised) / rest if rest else 0.0)
    return [channel.share * (made if channel.personalised else stock) for channel in channels]


def order_sizes(channel: Channel, u: Floats) -> Ints:
    """Sizes of orders in units, from numbers uniform in (0, 1): whole, at least 1, at most ``SIZE_CAP`` means."""
    mean = channel.mean_units
    if channel.size == "one" or (channel.size == "geometric" and mean <= 1):
        return np.ones(len(u), np.int64)
    if channel.size == "geometric":
        sizes: Floats = 1 + np.floor(np.log(u) / np.log1p(-1 / mean))
    elif channel.size == "lognormal":
        normal = np.fromiter(map(_NORMAL.inv_cdf, np.minimum(u, 1 - 2.0**-53).tolist()), np.float64, len(u))
        sizes = np.rint(mean * np.exp(SIZE_SIGMA * normal - SIZE_SIGMA**2 / 2))
    else:
        sizes = np.rint(mean * (0.5 + u))
    return np.asarray(np.clip(sizes, 1, int(SIZE_CAP * mean)), np.int64)


def mean_size(channel: Channel) -> float:
    """The mean of ``order_sizes``: rounding and the limits move it away from ``mean_units`` where that is small."""
    return float(order_sizes(channel, (np.arange(_GRID) + 0.5) / _GRID).mean())


def _joined(parts: Sequence[Rows]) -> Rows:
    """A copy of all rows: a caller may change what it gets."""
    return np.concatenate([np.empty(0, PLACED), *parts])


def _arrivals(stream: int, total: float) -> Floats:
    """The arrivals of a Poisson process of rate 1 before ``total``."""
    n = int(total + 8 * sqrt(total) + 20)
    while total > 0:
        arrivals = np.cumsum(-np.log(chance.uniforms(stream, np.arange(n))))
        if arrivals[-1] >= total:
            return arrivals[: int(np.searchsorted(arrivals, total))]
        n *= 2
    return np.zeros(0)


def _apart(t_ns: Ints, end_ns: int) -> Ints:
    """Sorted times moved as little as makes them strictly increase and stay before the end."""
    place = np.arange(len(t_ns))
    later: Any = np.maximum.accumulate(t_ns - place) + place
    return np.asarray(np.minimum(later, end_ns - len(t_ns) + place), np.int64)


def _cumulative(weights: Sequence[float], cover: float) -> Floats:
    """Upper limits of each choice but the last in (0, 1); a choice beyond the cover has no room."""
    kept = np.array(weights, np.float64)
    order = np.argsort(-kept, kind="stable")
    reached = np.cumsum(kept[order])
    kept[order[1:][reached[:-1] >= cover * reached[-1] * (1 - 1e-12)]] = 0.0
    cumulative = np.cumsum(kept)
    return np.asarray(cumulative[:-1] / cumulative[-1], np.float64)
