"""A park as the kernel sees it: sectors, models and policies turned into plain numbers.

What it is: pure. Hours become ns, kW watts, units lots, options keys of tools; crews, power and stocks are shared where
the park says so. Shift calendars and prices are laid out from the start to a horizon.
What it is not: running, and not a place for figures: they stand in the data files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from math import ceil, log, sqrt
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from contract import Tariff
from simulator import sector_model as model
from simulator.line import Line, Material, Mode, Step, World
from simulator.plant import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, Park, Site, ideal_cycle_ns
from simulator.truth import Bands

MILLION: Final = 1_000_000
NO_LIMIT_W: Final = 2**40
DEFECT_SIGMA: Final = 0.5
"""How far the defects of single shipments scatter around the supplier's mean (lognormal; an assumption)."""


def world_of(park: Park, start_ns: int, horizon_ns: int) -> World:
    """The kernel's world; shifts and prices are known up to the horizon, after which everything is open."""
    calendars: dict[tuple[int, ...], int] = {}
    breaks: list[frozenset[int]] = []
    stocks = _Stocks(park)
    lines = []
    for number, site in enumerate(park.sites):
        shifts = () if site.continuous else tuple(toggles(site.sector.calendar, site.tariff, start_ns, horizon_ns))
        calendar = calendars.setdefault(shifts, len(calendars)) if shifts else -1
        if calendar == len(breaks):
            breaks.append(break_times(site.sector.calendar, site.tariff, start_ns, horizon_ns))
        group = 0 if park.power_limit_kw else number
        crew = 0 if park.technicians else number
        steps = tuple(
            _step(site, place, calendar=calendar, crew=crew, group=group, stocks=stocks)
            for place in range(len(site.sector.steps))
        )
        lines.append(_line(site, steps))
    power = tuple(round(site.sector.power_limit_kw * 1000) or NO_LIMIT_W for site in park.sites)
    return World(
        lines=tuple(lines),
        materials=stocks.materials,
        crews=(park.technicians,) if park.technicians else tuple(site.sector.crew.technicians for site in park.sites),
        power_w=(round(park.power_limit_kw * 1000),) if park.power_limit_kw else power,
        calendars=tuple(calendars),
        breaks=tuple(breaks),
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
    supplier = next(s for s in site.sector.suppliers if s.id == material.supplier)
    daily = sum(_daily_use(owner, own.id) for owner, own in owners)
    lead_days = supplier.lead_days_mean
    reorder = daily * (lead_days + material.safety_days)
    order = max(1.0, daily * material.order_days)
    start = max(order, daily * (material.safety_days + material.order_days / 2))
    under_way = max(0, ceil((reorder + order / 2 - start) / order))
    lead_ns = round(lead_days * DAY_NS)
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
    minor, major, slower = _variants(site)
    return Line(
        name=f"{site.enterprise}/{site.line_name}",
        steps=steps,
        lot_units=sector.lot_units,
        book_units=ceil(demand.units_per_day * site.demand_factor * demand.book_days) + in_process_units(site),
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
        stop_interval_ns=round(HOUR_NS / stops.per_h) if stops.per_h else 0,
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


def toggles(calendar: model.Calendar, tariff: Tariff, start_ns: int, horizon_ns: int) -> Iterator[int]:
    """When the shifts close and open in turn, from the start on; empty where work never stops.

    A line that is closed at the start closes at the start; one that is closed at the horizon opens there.
    """
    if not calendar.shifts:
        return
    open_until = start_ns
    spans = (
        span for shift in _shifts(calendar, tariff, start_ns, horizon_ns) for span in shift if span[0] < horizon_ns
    )
    for begin, end in sorted(spans):
        if end <= max(begin, start_ns):  # over already, or not there on the day on which clocks go forward
            continue
        if begin > open_until:
            yield open_until
            yield begin
        open_until = max(open_until, end)
    if open_until < horizon_ns:
        yield open_until
        yield horizon_ns


def break_times(calendar: model.Calendar, tariff: Tariff, start_ns: int, horizon_ns: int) -> frozenset[int]:
    """When breaks begin: these closings lie within the planned time, all others end it."""
    shifts = _shifts(calendar, tariff, start_ns, horizon_ns)
    return frozenset(before[1] for before, after in shifts if before[1] < after[0])


Span = tuple[int, int]


def _shifts(calendar: model.Calendar, tariff: Tariff, start_ns: int, horizon_ns: int) -> Iterator[tuple[Span, Span]]:
    """The two halves of each shift that begins before the horizon; a break may outlast the next shift's beginning."""
    zone = ZoneInfo(tariff.timezone)
    day = datetime.fromtimestamp(start_ns // SECOND_NS, zone).date() - timedelta(days=1)
    shifts = sorted(calendar.shifts, key=lambda shift: shift.start_h)
    while shifts:
        if day.isoweekday() in calendar.days:
            for shift in shifts:
                begin = _local_ns(day, shift.start_h, zone)
                if begin >= horizon_ns:
                    return
                end = _local_ns(day, shift.start_h + shift.hours, zone)
                rest = min(round(shift.break_min * MINUTE_NS), max(0, end - begin))
                middle = begin + (end - begin - rest) // 2
                yield (begin, middle), (middle + rest, end)
        elif _local_ns(day, 0.0, zone) >= horizon_ns:
            return
        day += timedelta(days=1)


def _local_ns(day: date, hour: float, zone: ZoneInfo) -> int:
    local = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(hours=hour)
    return round(local.timestamp()) * SECOND_NS


def _prices(park: Park, start_ns: int, horizon_ns: int) -> Iterator[tuple[int, float]]:
    """From when which price of power holds; nothing where nobody waits for it."""
    if not any(site.policies.cheap_power for site in park.sites):
        return
    tariff = park.sites[0].tariff
    bands = Bands(tariff)
    cuts = bands.cuts(start_ns, horizon_ns)
    for t_ns, band in zip([start_ns, *cuts.times_ns[:-1].tolist()], cuts.bands, strict=True):
        yield t_ns, tariff.bands[bands.codes[band]].price_per_kwh
