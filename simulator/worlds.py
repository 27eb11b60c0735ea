"""A park as the kernel sees it: sectors, models and policies turned into plain numbers.

What it is: pure. Hours become ns, kW watts, units lots, options keys of tools; crews, power and stocks are shared where
the park says so. Shift calendars and prices are laid out from the start to a horizon.
What it is not: running, and not a place for figures: they stand in the data files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from math import ceil, log, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract import ConfigError
from simulator import sector_model as model
from simulator.kernel.layout import MAX_PENDING
from simulator.limits import MOST, MOST_CELLS, MOST_LOTS, fits, refusing
from simulator.line import Line, Material, Mode, Step, World
from simulator.plant import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Park, Site, ideal_cycle_ns
from simulator.shifts import break_times, toggles
from simulator.truth import Bands

MILLION: Final = 1_000_000
NO_LIMIT_W: Final = 2**40
DEFECT_SIGMA: Final = 0.5
"""How far the defects of single shipments scatter around the supplier's mean (lognormal; an assumption)."""


def world_of(park: Park, start_ns: int, horizon_ns: int) -> World:
    """The kernel's world; shifts and prices are known up to the horizon, after which everything is open.

    Raises:
        ConfigError: a figure that is too large to be simulated, or sites that wait for cheap power under two tariffs.
    """
    calendars: dict[tuple[tuple[int, ...], frozenset[int]], int] = {}
    stocks = _Stocks(park)
    lines = []
    for number, site in enumerate(park.sites):
        shifts = () if site.continuous else tuple(toggles(site.sector.calendar, site.tariff, start_ns, horizon_ns))
        breaks = break_times(site.sector.calendar, site.tariff, start_ns, horizon_ns) if shifts else frozenset()
        calendar = calendars.setdefault((shifts, breaks), len(calendars)) if shifts else -1
        group = 0 if park.power_limit_kw else number
        crew = 0 if park.technicians else number
        steps = tuple(
            _checked_step(site, place, calendar=calendar, crew=crew, group=group, stocks=stocks)
            for place in range(len(site.sector.steps))
        )
        lines.append(_line(site, steps))
    materials = stocks.materials
    power = tuple(round(site.sector.power_limit_kw * 1000) or NO_LIMIT_W for site in park.sites)
    return World(
        lines=tuple(lines),
        materials=materials,
        crews=(park.technicians,) if park.technicians else tuple(site.sector.crew.technicians for site in park.sites),
        power_w=(round(park.power_limit_kw * 1000),) if park.power_limit_kw else power,
        calendars=tuple(shifts for shifts, _ in calendars),
        breaks=tuple(breaks for _, breaks in calendars),
        price=tuple(_prices(park, start_ns, horizon_ns)),
    )


class _Stocks:
    """Which material of which site is which stock of the world."""

    def __init__(self, park: Park) -> None:
        self._number: dict[tuple[str, str], int] = {}
        self._owners: list[list[tuple[Site, model.Material]]] = []
        known: dict[object, int] = {}
        for site in park.sites:
            for material in site.sector.materials:
                own = (site.enterprise, material.id)
                key = (material.name, material.price) if park.warehouse else own
                number = known.setdefault(key, len(known))
                if number == len(self._owners):
                    self._owners.append([])
                self._owners[number].append((site, material))
                self._number[own] = number

    def number(self, site: Site, material: str) -> int:
        """The stock of a site's material."""
        return self._number[site.enterprise, material]

    @property
    def materials(self) -> tuple[Material, ...]:
        """All stocks; a shared one has the supplier of its first owner and the use of all."""
        return tuple(_stock(owners) for owners in self._owners)


def stock_numbers(park: Park) -> dict[tuple[str, str], int]:
    """(enterprise, material) -> number of its stock in the world."""
    stocks = _Stocks(park)
    return {
        (site.enterprise, material.id): stocks.number(site, material.id)
        for site in park.sites
        for material in site.sector.materials
    }


def _stock(owners: Sequence[tuple[Site, model.Material]]) -> Material:
    site, material = owners[0]
    with refusing(f"sector {site.sector.id}: material {material.id}"):
        return _filled(site, material, owners)


def _filled(site: Site, material: model.Material, owners: Sequence[tuple[Site, model.Material]]) -> Material:
    """The stock of all owners, by the supplier and the figures of one."""
    supplier = next(s for s in site.sector.suppliers if s.id == material.supplier)
    daily = sum(_daily_use(owner, own.id) for owner, own in owners)
    lead_days = supplier.lead_days_mean
    reorder = daily * (lead_days + material.safety_days)
    order = max(1.0, daily * material.order_days)
    start = max(order, daily * (material.safety_days + material.order_days / 2))
    under_way = max(0, ceil((reorder + order / 2 - start) / order))
    lead_ns = round(lead_days * DAY_NS)
    largest = round(max(start, reorder, order) * MILLION)
    fits({"lead_days_mean, in ns": lead_ns, "what is held and ordered, in millionths": largest})
    fits({"orders under way at the start": under_way}, MAX_PENDING)
    return Material(
        name=f"{site.enterprise}/{material.id}",
        start_u=round(start * MILLION),
        reorder_u=round(reorder * MILLION),
        order_u=max(1, round(order * MILLION)),
        lead_mean_ns=lead_ns,
        lead_sigma=sqrt(log(1 + (supplier.lead_days_sd / lead_days) ** 2)),
        defect_p=supplier.defect_ppm / MILLION,
        defect_sigma=DEFECT_SIGMA,
        defect_scrap=material.defect_scrap,
        price_sigma=supplier.price_spread,
        pipeline=tuple((lead_ns * (i + 1) // (under_way + 1), round(order * MILLION)) for i in range(under_way)),
    )


def _daily_use(site: Site, material: str) -> float:
    units = site.sector.demand.units_per_day * site.demand_factor
    return units * sum(n.qty for step in site.sector.steps for n in step.materials if n.material == material)


def _line(site: Site, steps: tuple[Step, ...]) -> Line:
    sector = site.sector
    demand = sector.demand
    book_units = ceil(demand.units_per_day * site.demand_factor * demand.book_days) + in_process_units(site)
    with refusing(f"sector {sector.id}"):
        fits({"demand: book_days, in units": book_units})
        fits({"variants times steps": site.variants.count * len(sector.steps)}, MOST_CELLS)
    minor, major, slower = _variants(site)
    return Line(
        name=f"{site.enterprise}/{site.line_name}",
        steps=steps,
        lot_units=sector.lot_units,
        book_units=book_units,
        minor_keys=minor,
        major_keys=major,
        slower=slower,
    )


def _variants(site: Site) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Keys of tools and extra cycle time, [variant, step]."""
    sector, variants = site.sector, site.variants
    numbers = np.arange(variants.count, dtype=np.int64)
    columns = dict(zip((o.name for o in sector.options), variants.columns(numbers), strict=True))
    sizes = {option.name: len(option.choices) for option in sector.options}

    def key(names: Sequence[str]) -> NDArray[np.int64]:
        result = np.zeros(len(numbers), np.int64)
        for name in names:
            result = result * sizes[name] + columns[name]
        return result

    minor = np.stack([key(step.setup.minor_on) for step in sector.steps], axis=1)
    major = np.stack([key(step.setup.major_on) for step in sector.steps], axis=1)
    slower = np.zeros(minor.shape)
    for option in sector.options:
        for place, step in enumerate(sector.steps):
            if step.id in option.slower:
                slower[:, place] += np.array(option.slower[step.id])[columns[option.name]]
    return minor, major, slower


def load_lots(site: Site, step: model.StepModel) -> int:
    """Lots in a load of a batch step; 0 for the others."""
    return max(1, round(step.units_per_cycle / site.sector.lot_units)) if step.mode == "batch" else 0


def in_process_units(site: Site) -> int:
    """Units that are on the line when every machine has its load and every buffer is half full."""
    sector = site.sector
    lots = sum(
        step.machines * max(1, load_lots(site, step)) + ceil(step.buffer_after / sector.lot_units) // 2
        for step in sector.steps
    )
    return lots * sector.lot_units


def _checked_step(site: Site, place: int, **shared: Any) -> Step:
    """``_step``, refused where one of its figures is too large; ns but for loads, buffers, power and units."""
    sector = site.sector
    with refusing(f"sector {sector.id}: step {sector.steps[place].id}"):
        step = _step(site, place, **shared)
        load = max(1, step.load_lots)
        fits({"load_lots": load, "buffer_after, in lots": step.buffer_after}, MOST_LOTS)
        figures = {f.name: getattr(step, f.name) for f in fields(step)}
        fits({name: figure for name, figure in figures.items() if isinstance(figure, int)})
        fits({"the time of a lot, in ns": step.cycle_ns * sector.lot_units})
        most = max((quantity for _, quantity in step.needs), default=0)
        fits({"what a load takes of a material, in millionths": most * load * sector.lot_units})
        fits({f"{mode.name}: tau_h, in ns": mode.visible_ns for mode in step.modes})
    return step


def _step(site: Site, place: int, *, calendar: int, crew: int, group: int, stocks: _Stocks) -> Step:
    sector = site.sector
    step, spread, policies = sector.steps[place], sector.spread, site.policies
    machine = site.model_of(step)
    life, stops = machine.reliability, machine.reliability.minor_stops
    load = load_lots(site, step)
    unit_ns = ideal_cycle_ns(step)
    rework_ns = round(step.rework_s * SECOND_NS) if step.rework_s is not None else (0 if load else unit_ns)
    flexible = step.flexible if policies.cheap_power else None
    return Step(
        machines=tuple(address.path for address, its in site.machines if its is step),
        cycle_ns=round(step.cycle_s * SECOND_NS) if load else unit_ns,
        cycle_noise=spread.cycle_noise,
        cycle_loss=spread.cycle_loss,
        worn_slower=spread.worn_slower,
        load_lots=load,
        one_family=step.one_family,
        fill_ns=round(step.fill_h * HOUR_NS),
        scrap_p=step.scrap_pct / 100,
        rework_p=step.rework_pct / 100,
        rework_ns=rework_ns,
        minor_ns=round(step.setup.minor_min * MINUTE_NS),
        major_ns=round(step.setup.major_min * MINUTE_NS),
        minor_every=step.setup.minor_every_units,
        major_every=step.setup.major_every_units,
        stop_interval_ns=round(min(HOUR_NS / stops.per_h, MOST)) if stops.per_h else 0,  # beyond that it is never
        stop_mean_ns=round(stops.mean_s * SECOND_NS),
        mtbf_ns=round(life.mtbf_h * HOUR_NS),
        weibull_shape=life.weibull_shape,
        mttr_ns=round(life.mttr_h * HOUR_NS),
        repair_sigma=spread.repair_sigma,
        modes=tuple(
            Mode(s.failure.mode, s.failure.pattern, max(1, round(s.failure.tau_h * HOUR_NS)), s.failure.effect)
            for s in machine.sensors
        ),
        buffer_after=ceil(step.buffer_after / sector.lot_units),
        dispatch=policies.dispatch,
        look=policies.look,
        caught=policies.caught,
        maintain_age_ns=round(policies.maintain_age * life.mtbf_h * HOUR_NS),
        planned_repair=policies.planned_repair,
        needs=tuple((stocks.number(site, n.material), round(n.qty * MILLION)) for n in step.materials),
        calendar=calendar if step.attended else -1,
        crew=crew,
        response_ns=round(sector.crew.response_min * MINUTE_NS),
        power_group=group,
        power_w=round(machine.power_kw.run * 1000),
        tariff_wait_ns=round(flexible.wait_h * HOUR_NS) if flexible else 0,
        tariff_max=flexible.price_max if flexible else 0.0,
    )


def _prices(park: Park, start_ns: int, horizon_ns: int) -> Iterator[tuple[int, float]]:
    """From when which price of power holds; nothing where nobody waits for it."""
    waiting = [site for site in park.sites if site.policies.cheap_power]
    if not waiting:
        return
    tariff = waiting[0].tariff
    for site in waiting[1:]:
        if site.tariff != tariff:
            one, other = waiting[0], site
            raise ConfigError(
                f"cheap_power: {one.enterprise} has tariff {one.sector.tariff}, {other.enterprise} has"
                f" {other.sector.tariff}; in one park all that wait for cheap power need the same tariff"
            )
    bands = Bands(tariff)
    cuts = bands.cuts(start_ns, horizon_ns)
    for t_ns, band in zip([start_ns, *cuts.times_ns[:-1].tolist()], cuts.bands, strict=True):
        yield t_ns, tariff.bands[bands.codes[band]].price_per_kwh
