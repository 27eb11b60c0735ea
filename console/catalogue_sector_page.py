"""One sector as a page.

What it is: every figure of the file, with its unit and where it comes from, and the rate that follows from them.
What it is not: a simulation: rates are those of the plan, without losses.
"""

from __future__ import annotations

from typing import Final

from console.catalogue_table import band, indented, number, table
from simulator.sector_model import Checks, Material, Option, Sector, Setup, StepModel

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def ideal_per_h(step: StepModel) -> float:
    """Units an hour of a step's machines together, without losses and changes of tools."""
    return float(f"{3600 / step.cycle_s * step.units_per_cycle * step.machines:.5g}")


def bottleneck(sector: Sector) -> StepModel:
    """The step with the lowest ideal rate."""
    return min(sector.steps, key=ideal_per_h)


def sector_page(sector: Sector) -> list[str]:
    """The lines of the page."""
    return [
        f"{sector.id}  {sector.name}  (version {sector.version}), at {sector.home}",
        *_provenance(sector),
        "",
        f"product: {sector.product.name} ({sector.product.id}), by the {sector.product.unit}, "
        f"{number(sector.product.price)} {sector.currency} ex works",
        f"rate: at most {number(ideal_per_h(bottleneck(sector)))} {sector.product.unit}/h, "
        f"at {bottleneck(sector).name}; lots of {sector.lot_units}",
        *_plant(sector),
        *_part("steps (cycle and changes of tools per machine, operators per step)", _steps(sector.steps)),
        *_part("changes of tools", _setups(sector.steps)),
        *_part("options of the consumer", _options(sector.options)),
        *_part("demand", _demand(sector)),
        *_part("channels", _channels(sector)),
        *_part("materials", _materials(sector)),
        *_part("suppliers", _suppliers(sector)),
        *_part("sanity figures", _checks(sector.checks, sector.currency) if sector.checks else []),
    ]


def _part(title: str, lines: list[str]) -> list[str]:
    return ["", title, *indented(lines)] if lines else []


def _provenance(sector: Sector) -> list[str]:
    origin = sector.provenance
    return [
        f"figures: {origin.basis}",
        f"confidence: {origin.confidence}",
        *[f"usual range of {name}: {text}" for name, text in origin.ranges.items()],
        *[f"published: {text}" for text in origin.published],
    ]


def _plant(sector: Sector) -> list[str]:
    labour, spread, policies, crew = sector.labour, sector.spread, sector.policies, sector.crew
    limit = f"{number(sector.power_limit_kw)} kW" if sector.power_limit_kw else "none"
    shifts = ", ".join(
        f"{_clock(shift.start_h)} for {number(shift.hours)} h with a break of {number(shift.break_min)} min"
        for shift in sector.calendar.shifts
    )
    days = " ".join(_DAYS[day - 1] for day in sector.calendar.days)
    return [
        f"tariff: {sector.tariff}; auxiliaries {number(sector.aux_kw)} kW; power limit: {limit}",
        f"labour: {number(labour.wage_per_h)} {sector.currency} an hour, x{number(labour.loaded_factor)} with what the "
        "employer pays on top",
        f"calendar: {shifts or 'around the clock'}; {days}",
        f"repairs: {crew.technicians} technician(s), there after {number(crew.response_min)} min",
        f"spread: cycles scatter by {_percent(spread.cycle_noise)}, are {_percent(spread.cycle_loss)} over plan, "
        f"{_percent(spread.worn_slower)} slower when worn; repairs: log sd {number(spread.repair_sigma)}",
        f"policies: {policies.dispatch} among {policies.look}; maintain at {number(policies.maintain_age)} of the mean "
        f"life (0: never); {_percent(policies.caught)} of failures caught, then repaired in "
        f"{_percent(policies.planned_repair)} of the time; cheap power: {'yes' if policies.cheap_power else 'no'}",
    ]


def _steps(steps: list[StepModel]) -> list[str]:
    header = ["step", "name", "model", "machines", "mode", "cycle s", "units", "units/h", "scrap %", "rework %"]
    header += ["operators", "buffer", "deprec./h", "scrap credit", "and"]
    rows = [
        [
            step.id,
            step.name,
            step.model,
            str(step.machines),
            step.mode,
            number(step.cycle_s),
            number(step.units_per_cycle),
            number(ideal_per_h(step)),
            number(step.scrap_pct),
            number(step.rework_pct),
            number(step.operators),
            number(step.buffer_after),
            number(step.depreciation_per_h),
            number(step.scrap_credit_per_unit),
            ", ".join(_further(step)),
        ]
        for step in steps
    ]
    return table(header, rows)


def _further(step: StepModel) -> list[str]:
    words = []
    if step.mode == "batch":
        words.append(f"waits {number(step.fill_h)} h for a load")
    if step.one_family:
        words.append("one family a load")
    if step.rework_s is not None:
        words.append(f"mending takes {number(step.rework_s)} s")
    if not step.attended:
        words.append("unattended")
    if step.flexible is not None:
        words.append(f"waits {number(step.flexible.wait_h)} h for power below {number(step.flexible.price_max)}")
    return words


def _setups(steps: list[StepModel]) -> list[str]:
    rows = [
        [step.id, size, number(minutes), ", ".join(options), number(every) if every else ""]
        for step in steps
        for size, minutes, options, every in _changes(step.setup)
        if minutes
    ]
    return table(["step", "change", "min", "for", "every units"], rows) if rows else []


def _changes(setup: Setup) -> list[tuple[str, float, list[str], int]]:
    return [
        ("minor", setup.minor_min, setup.minor_on, setup.minor_every_units),
        ("major", setup.major_min, setup.major_on, setup.major_every_units),
    ]


def _options(options: list[Option]) -> list[str]:
    rows = []
    for option in options:
        total = sum(option.weights)
        for i, choice in enumerate(option.choices):
            slower = ", ".join(f"{step} {100 * shares[i]:+g} %" for step, shares in option.slower.items() if shares[i])
            rows.append(
                [
                    "" if i else option.name,
                    choice,
                    number(round(100 * option.weights[i] / total, 2)),
                    number(option.price[i]) if option.price else "",
                    slower,
                    "" if i else option.note,
                ]
            )
    return table(["option", "choice", "share %", "price", "cycle", "note"], rows)


def _demand(sector: Sector) -> list[str]:
    demand = sector.demand
    return [
        f"{number(demand.units_per_day)} units a day; planned {number(demand.planning_h)} h ahead; "
        f"orders for {number(demand.book_days)} days at most",
        f"hours, from midnight: {' '.join(map(number, demand.hours))}",
        f"weekdays, from Monday: {' '.join(map(number, demand.weekdays))}",
        f"months, from January: {' '.join(map(number, demand.season))}",
    ]


def _channels(sector: Sector) -> list[str]:
    header = ["channel", "for", "share", "order size", "mean units", "due days", "price x", "cancel %", "return %"]
    rows = [
        [
            channel.id,
            "one consumer" if channel.personalised else "stock",
            number(channel.share),
            channel.size,
            number(channel.mean_units),
            number(channel.quoted_days),
            number(channel.price_factor),
            number(channel.cancel_pct),
            number(channel.return_pct),
        ]
        for channel in sector.demand.channels
    ]
    return table(header, rows)


def _materials(sector: Sector) -> list[str]:
    if not sector.materials:
        return []
    header = ["material", "name", "unit", "price", "supplier", "safety d", "order d", "defect scrap", "used at"]
    rows = [
        [
            material.id,
            material.name,
            material.unit,
            number(material.price),
            material.supplier,
            number(material.safety_days),
            number(material.order_days),
            number(material.defect_scrap),
            ", ".join(_uses(sector, material)),
        ]
        for material in sector.materials
    ]
    return table(header, rows)


def _uses(sector: Sector, material: Material) -> list[str]:
    return [
        f"{step.id} {number(need.qty)}"
        for step in sector.steps
        for need in step.materials
        if need.material == material.id
    ]


def _suppliers(sector: Sector) -> list[str]:
    if not sector.suppliers:
        return []
    rows = [
        [
            supplier.id,
            supplier.name,
            supplier.region,
            number(supplier.lead_days_mean),
            number(supplier.lead_days_sd),
            number(supplier.defect_ppm),
            _percent(supplier.price_spread),
        ]
        for supplier in sector.suppliers
    ]
    return table(["supplier", "name", "region", "lead days", "sd", "defects ppm", "price spread"], rows)


def _checks(checks: Checks, currency: str) -> list[str]:
    return [
        f"{number(checks.rate_per_h)} units/h at {checks.bottleneck}; OEE {band(checks.oee)}",
        f"per good unit: {number(checks.electricity_kwh_per_unit)} kWh electricity, "
        f"{number(checks.heat_kwh_per_unit)} kWh heat; {currency}: material {number(checks.material_cost)}, "
        f"labour {number(checks.labour_cost)}, energy {number(checks.energy_cost)}",
    ]


def _clock(hours: float) -> str:
    """The time of day.

    >>> _clock(6.5)
    '06:30'
    """
    minutes = round(hours * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _percent(share: float) -> str:
    return f"{number(100 * share)} %"
