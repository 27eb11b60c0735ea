"""Orders and shipments of a park: handed to the kernel before they are due, and said when they happen.

What it is: the markets and commerces of all sites, with the kernel's numbers for what each of them calls its own.
What it is not: a model: who orders is ``market.py``'s business, what becomes of it the kernel's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil
from typing import Any, Final

import numpy as np

from contract import Address
from simulator.commerce import Commerce
from simulator.happenings import Happenings, OrderEvent, Rows
from simulator.kernel import Plant, stocks, work_in_progress
from simulator.limits import refusing
from simulator.line import ORDERS
from simulator.market import PLACED, Market
from simulator.outgoing import Outgoing
from simulator.plant import DAY_NS, HOUR_NS, SECOND_NS, Park, Site
from simulator.worlds import in_process_units, load_lots, stock_numbers

FIRST_DAYS: Final = 2.0
FIRST_SHARE: Final = 0.25
"""The book at the start holds what is on the line, and the demand of so many days, but of no more than this share of
the shortest time that is promised (an assumption)."""
_OVER: Final = (OrderEvent.REFUSED, OrderEvent.FINISHED, OrderEvent.CANCELLED)


class Bookings:
    """The books of orders of all sites of a park.

    Args:
        park: whose.
        boot: of this start.
        start_ns: of the run.

    Raises:
        ConfigError: a demand that cannot be simulated.
    """

    def __init__(self, park: Park, boot: str, start_ns: int) -> None:
        self._park = park
        self._boot = boot
        self._markets = [_market(site, number) for number, site in enumerate(park.sites)]
        self._commerces: list[Commerce] = []
        self._placed_ns = start_ns
        self._next = 0
        self._site_of: dict[int, int] = {}
        self._new: list[list[Rows]] = [[] for _ in park.sites]
        numbers = stock_numbers(park)
        self._owner: dict[int, tuple[int, int]] = {}
        for number, site in enumerate(park.sites):
            for place, material in enumerate(site.sector.materials):
                self._owner.setdefault(numbers[site.enterprise, material.id], (number, place))

    def speak(self, next_seqs: Iterable[Callable[[Address], int]]) -> None:
        """Give each site its counter of messages."""
        self._commerces = [
            Commerce(site.sector, site.enterprise, site.site, self._boot, seed=site.seed, next_seq=next_seq)
            for site, next_seq in zip(self._park.sites, next_seqs, strict=True)
        ]

    def addresses(self, site: int) -> Sequence[Address]:
        """Who speaks of a site's orders and shipments."""
        return self._commerces[site].addresses

    def owner(self, order: int) -> int | None:
        """The number of the site of an order that is not over; None: no such order."""
        return self._site_of.get(order)

    def births(self, t_ns: int) -> list[Outgoing]:
        """The consumers and the suppliers are here."""
        return [out for commerce in self._commerces for out in commerce.births(t_ns)]

    def first(self, start_ns: int) -> Rows:
        """The book at the start: orders of the days before, due no earlier than half of what was promised."""
        parts = []
        for site, market in zip(self._park.sites, self._markets, strict=True):
            demand = site.sector.demand
            days = min(FIRST_DAYS, FIRST_SHARE * min(channel.quoted_days for channel in demand.channels))
            units = in_process_units(site) + ceil(demand.units_per_day * site.demand_factor * days)
            rows = market.initial_orders(start_ns, units)
            rows = rows[rows["t_ns"] >= start_ns - round((days + _process_days(site)) * DAY_NS)]
            promised = rows["due_ns"] - rows["t_ns"]
            rows["due_ns"] = np.maximum(rows["due_ns"], start_ns + promised // 2)
            rows["cancel_ns"] = np.maximum(rows["cancel_ns"], start_ns)
            rows["t_ns"] = rows["release_ns"] = start_ns
            parts.append(rows)
        return self._numbered(parts)

    def until(self, until_ns: int) -> Iterator[Rows]:
        """The orders that the kernel must know before it runs to a time, whole hours of them."""
        while self._placed_ns < until_ns:
            to_ns = min(self._placed_ns - self._placed_ns % HOUR_NS + HOUR_NS, self._placed_ns + DAY_NS)
            orders = self._numbered([market.orders(self._placed_ns, to_ns) for market in self._markets])
            self._placed_ns = to_ns
            if len(orders):
                yield orders

    def hear(self, from_ns: int, until_ns: int, happened: Happenings) -> None:
        """What happened in a stretch of time: it is counted, and kept until it is said."""
        for commerce, rows in self._shares(happened):
            commerce.hear(from_ns, until_ns, *rows)

    def say(self) -> list[Outgoing]:
        """Everything heard that is not yet said."""
        return [out for commerce in self._commerces for out in commerce.say()]

    def skip(self, from_ns: int, until_ns: int, happened: Happenings) -> None:
        """Count what happened, and say nothing of it."""
        for commerce, rows in self._shares(happened):
            commerce.skip(from_ns, until_ns, *rows)

    def _shares(self, happened: Happenings) -> Iterator[tuple[Commerce, tuple[Rows, Rows, Rows]]]:
        """Each site's commerce with what concerns it: new orders, and what happened to orders and shipments."""
        ordered, shipped = self._ordered(happened.ordered), self._shipped(happened.shipped)
        for number, commerce in enumerate(self._commerces):
            yield commerce, (self._handed(number), ordered[number], shipped[number])

    def truth(self, plant: Plant) -> list[tuple[str, dict[str, Any]]]:
        """(site, its orders and shipments since the start, and what lies on its line and in its stocks now)."""
        held, on_line = stocks(plant), work_in_progress(plant)
        lines = []
        for number, (site, commerce) in enumerate(zip(self._park.sites, self._commerces, strict=True)):
            body: dict[str, Any] = commerce.truth()
            body["work_in_progress_units"] = on_line[number]
            body["stock_u"] = {
                site.sector.materials[place].id: held[stock]
                for stock, (owner, place) in self._owner.items()
                if owner == number
            }
            lines.append((f"{site.enterprise}/{site.site}", body))
        return lines

    def _numbered(self, parts: Sequence[Rows]) -> Rows:
        """Orders of all sites in the order of time, with the numbers that the kernel will give them."""
        both = np.concatenate(parts) if parts else np.zeros(0, PLACED)
        both = both[np.lexsort((both["line"], both["t_ns"]))]
        both["number"] = np.arange(self._next, self._next + len(both))
        self._next += len(both)
        for number in range(len(self._park.sites)):
            mine = both[both["line"] == number]
            if len(mine):
                self._new[number].append(mine)
        self._site_of.update(zip(both["number"].tolist(), both["line"].tolist(), strict=True))
        orders = np.zeros(len(both), ORDERS)
        for name in ORDERS.names or ():
            orders[name] = both[name]
        return orders

    def _handed(self, number: int) -> Rows:
        new, self._new[number] = self._new[number], []
        return np.concatenate(new) if new else np.zeros(0, PLACED)

    def _ordered(self, rows: Rows) -> list[Rows]:
        sites = np.array([self._site_of[order] for order in rows["order"].tolist()], np.int64)
        for order in rows["order"][np.isin(rows["what"], _OVER)].tolist():
            del self._site_of[order]
        return [rows[sites == number] for number in range(len(self._park.sites))]

    def _shipped(self, rows: Rows) -> list[Rows]:
        owners = [self._owner[material] for material in rows["material"].tolist()]
        rows = rows.copy()
        rows["material"] = [place for _, place in owners]
        sites = np.array([owner for owner, _ in owners], np.int64)
        return [rows[sites == number] for number in range(len(self._park.sites))]


def _process_days(site: Site) -> float:
    """How long an order is on the line: as long as its loads take, and what its other places hold lasts.

    A step with more room than its share of the demand needs (40 tanks, of which 26 are in use) is not full: by Little's
    law it holds the demand of its running time.
    """
    sector = site.sector
    per_day = sector.demand.units_per_day * site.demand_factor
    held = float(in_process_units(site))
    days = 0.0
    for step in sector.steps:
        if lots := load_lots(site, step):
            full = step.machines * lots * sector.lot_units
            held -= full
            days += min(full / per_day, step.cycle_s * SECOND_NS / DAY_NS)
    return days + held / per_day


def _market(site: Site, number: int) -> Market:
    sector = site.sector
    with refusing(f"sector {sector.id}"):
        return Market(
            sector.demand,
            sector.options,
            sector.product,
            site.tariff.timezone,
            site.seed,
            line=number,
            factor=site.demand_factor,
            personalised=site.personalised,
        )
