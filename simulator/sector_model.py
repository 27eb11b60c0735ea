"""A sector: an industry with its line, its product, its consumers and its suppliers.

What it is: the typed form of ``sectors/*.yaml``. Figures stand in the files with where they come from; nothing is
hidden in the code. Cycle times in s, set-ups in min, money without VAT in the sector's currency.
What it is not: the machines (``machine_model.py``), and not what runs (``plant.py``).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from simulator.machine_model import Id, Interval, NotNegative, Part, Percent, Positive, Share, Text

Dispatch = Literal["fifo", "due", "setup", "priority"]
Weekday = Annotated[int, Meta(ge=1, le=7)]


class Provenance(Part, frozen=True, kw_only=True):
    """Where the figures come from: how sure they are, their usual range as factors, and what was published."""

    basis: Text
    confidence: Text
    ranges: dict[str, str] = field(default_factory=dict)
    published: list[str] = field(default_factory=list)


class Product(Part, frozen=True, kw_only=True):
    """What the line makes; ``unit`` is what one piece is called, ``price`` what it sells for ex works."""

    id: Id
    name: Text
    unit: Text = "piece"
    price: NotNegative


class Option(Part, frozen=True, kw_only=True):
    """A choice that the consumer has.

    ``price`` adds to the product's, per choice. ``slower`` names steps and gives, per choice, the share that it adds to
    their cycle time (0.08 is 8 % more, -0.3 is 30 % less). ``note`` says what the choice changes.
    """

    name: Id
    choices: Annotated[list[Text], Meta(min_length=1, max_length=50)]
    weights: list[Positive]
    price: list[float] = field(default_factory=list)
    slower: dict[Id, list[Annotated[float, Meta(gt=-1, le=10)]]] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if len(self.choices) != len(self.weights):
            raise ValueError(f"option {self.name}: {len(self.choices)} choices, {len(self.weights)} weights")
        if self.price and len(self.price) != len(self.choices):
            raise ValueError(f"option {self.name}: {len(self.choices)} choices, {len(self.price)} prices")
        for step, shares in self.slower.items():
            if len(shares) != len(self.choices):
                raise ValueError(
                    f"option {self.name}: {len(self.choices)} choices, {len(shares)} shares at step {step}"
                )
        if any("|" in choice for choice in self.choices):
            raise ValueError(f"option {self.name}: a choice must not contain '|'")


class Channel(Part, frozen=True, kw_only=True):
    """A way by which orders come in.

    ``personalised`` orders are made for one consumer, the others go to stock. ``share`` is the channel's part of all
    units; ``mean_units`` the mean size of an order and ``size`` its distribution; ``quoted_days`` the due date.
    """

    id: Id
    personalised: bool
    share: Share
    size: Literal["one", "geometric", "lognormal", "uniform"] = "one"
    mean_units: Annotated[float, Meta(ge=1, le=1e6)] = 1.0
    quoted_days: Positive
    price_factor: Positive = 1.0
    cancel_pct: Percent = 0.0
    return_pct: Percent = 0.0


class Demand(Part, frozen=True, kw_only=True):
    """What the consumers want: a Poisson stream that varies with hour, weekday and month.

    ``units_per_day`` is the mean over a year; ``hours`` weighs the 24 hours of a day, ``weekdays`` Monday first,
    ``season`` January first. ``planning_h`` passes before an order may be made. When the orders not yet finished would
    take more than ``book_days`` of the mean demand, sales accept no more.
    """

    units_per_day: Positive
    hours: Annotated[list[NotNegative], Meta(min_length=24, max_length=24)]
    weekdays: Annotated[list[NotNegative], Meta(min_length=7, max_length=7)]
    season: Annotated[list[NotNegative], Meta(min_length=12, max_length=12)]
    channels: Annotated[list[Channel], Meta(min_length=1, max_length=20)]
    planning_h: NotNegative = 4.0
    book_days: Positive = 14.0

    def __post_init__(self) -> None:
        if abs(sum(channel.share for channel in self.channels) - 1) > 1e-9:
            raise ValueError("demand: the shares of the channels must add to 1")
        if not (any(self.hours) and any(self.weekdays) and any(self.season)):
            raise ValueError("demand: hours, weekdays and season need a weight above 0 each")


class Supplier(Part, frozen=True, kw_only=True):
    """Who delivers: lead time in days (lognormal), defects in parts per million, spread of the price as a share."""

    id: Id
    name: Text
    region: Text = ""
    lead_days_mean: Positive
    lead_days_sd: NotNegative
    defect_ppm: Annotated[float, Meta(ge=0, le=1e6)]
    price_spread: Share = 0.02


class Material(Part, frozen=True, kw_only=True):
    """What the line uses up. Reordered when stock and orders under way cover only lead time plus ``safety_days``.

    Then ``order_days`` of the mean use are ordered. The run begins with stock for ``start_days``, and with what was
    ordered before on its way. ``defect_scrap`` is how much of the material's defect share scraps a unit.
    """

    id: Id
    name: Text
    unit: Text
    price: NotNegative
    supplier: Id
    safety_days: NotNegative = 5.0
    order_days: Positive = 5.0
    defect_scrap: Share = 1.0


class Need(Part, frozen=True, kw_only=True):
    """How much of a material a unit takes at a step."""

    material: Id
    qty: Positive


class Setup(Part, frozen=True, kw_only=True):
    """When a machine's tools are changed, and for how long.

    A change of one of the options in ``major_on`` (the family) costs ``major_min``, of one in ``minor_on`` (the
    variant) ``minor_min``. Besides, tools are cleaned or changed after so many units (0: never), whatever is made.
    """

    minor_min: NotNegative = 0.0
    major_min: NotNegative = 0.0
    minor_on: list[Id] = field(default_factory=list)
    major_on: list[Id] = field(default_factory=list)
    minor_every_units: Annotated[int, Meta(ge=0, le=10**9)] = 0
    major_every_units: Annotated[int, Meta(ge=0, le=10**9)] = 0


class Flexible(Part, frozen=True, kw_only=True):
    """A step whose start can wait for cheap power: at most ``wait_h``, for a price of at most ``price_max`` a kWh."""

    price_max: NotNegative
    wait_h: Positive


class StepModel(Part, frozen=True, kw_only=True):
    """One operation of the routing, done by ``machines`` equal machines in parallel.

    ``units_per_cycle`` units take ``cycle_s`` at one machine. ``discrete`` and ``continuous`` steps take lot by lot;
    a ``batch`` step takes a load of up to ``units_per_cycle`` units at once, waits at most ``fill_h`` for it to be
    full, and takes ``cycle_s`` however full it is; ``one_family`` loads hold one family only. ``attended`` steps keep
    the shifts, others run on. ``buffer_after`` counts units. ``rework_s`` is what mending one unit adds (a cycle when
    it is not given).
    """

    id: Id
    name: Text
    model: Id
    machines: Annotated[int, Meta(ge=1, le=1000)]
    mode: Literal["discrete", "batch", "continuous"] = "discrete"
    cycle_s: Positive
    units_per_cycle: Positive
    fill_h: Positive = 8.0
    one_family: bool = False
    scrap_pct: Percent
    rework_pct: Percent
    rework_s: NotNegative | None = None
    setup: Setup = Setup()
    operators: NotNegative
    attended: bool = True
    buffer_after: Annotated[int, Meta(ge=0, le=10**7)] = 0
    materials: list[Need] = field(default_factory=list)
    flexible: Flexible | None = None
    depreciation_per_h: NotNegative
    scrap_credit_per_unit: NotNegative


class Labour(Part, frozen=True, kw_only=True):
    """What an hour of one operator costs: the wage, and the factor for what the employer pays on top."""

    wage_per_h: NotNegative
    loaded_factor: Positive


class Shift(Part, frozen=True, kw_only=True):
    """A shift of a working day, in local time; the break lies in its middle."""

    start_h: Annotated[float, Meta(ge=0, lt=24)]
    hours: Annotated[float, Meta(gt=0, le=24)]
    break_min: Annotated[float, Meta(ge=0, le=240)] = 0.0


class Calendar(Part, frozen=True, kw_only=True):
    """The shifts of a working day and the working days of a week, Monday 1. No shifts: around the clock."""

    shifts: Annotated[list[Shift], Meta(max_length=6)] = field(default_factory=list)
    days: Annotated[list[Annotated[int, Meta(ge=1, le=7)]], Meta(min_length=1)] = field(
        default_factory=lambda: list(range(1, 8))
    )


class Crew(Part, frozen=True, kw_only=True):
    """Who repairs: how many at a time, and the mean time until one is there (exponential)."""

    technicians: Annotated[int, Meta(ge=1, le=1000)] = 2
    response_min: NotNegative = 10.0


class Spread(Part, frozen=True, kw_only=True):
    """How far reality scatters around the figures of the steps."""

    cycle_noise: Annotated[float, Meta(ge=0, le=0.25)]
    cycle_loss: Annotated[float, Meta(ge=0, le=5)]
    worn_slower: Annotated[float, Meta(ge=0, le=5)]
    repair_sigma: Annotated[float, Meta(ge=0, le=3)]


class Policies(Part, frozen=True, kw_only=True):
    """How decisions are made. A scenario can set each; ``None`` there leaves the sector's.

    ``dispatch`` picks the next lot among the first ``look`` orders that wait: first come, earliest due date, least
    set-up (then earliest due date), or by the priority given from outside. ``maintain_age`` renews a machine once its
    age is that share of its mean life (0: never); ``caught`` is the share of coming failures that condition monitoring
    sees in their P-F interval, so that they become planned stops of ``planned_repair`` of the repair time.
    ``cheap_power`` lets flexible steps wait for the cheap tariff.
    """

    dispatch: Dispatch = "setup"
    look: Annotated[int, Meta(ge=1, le=1000)] = 100
    maintain_age: NotNegative = 0.0
    caught: Share = 0.05
    planned_repair: Share = 0.4
    cheap_power: bool = False


class Checks(Part, frozen=True, kw_only=True):
    """Sanity figures of the sector, per good unit where they are per unit; computed from the same estimates."""

    rate_per_h: Positive
    electricity_kwh_per_unit: NotNegative
    heat_kwh_per_unit: NotNegative = 0.0
    material_cost: NotNegative
    labour_cost: NotNegative
    energy_cost: NotNegative
    oee: Interval
    bottleneck: Id


class Sector(Part, frozen=True, kw_only=True):
    """One industry with its line.

    ``lot_units`` units move through the line together. ``aux_kw`` is the constant power of what no machine is:
    compressed air, light, ventilation. ``enterprise`` is the first level of its addresses where nobody says otherwise
    (empty: made of the id). ``power_limit_kw`` limits what all running machines draw together (0: no limit).
    """

    id: Id
    name: Text
    version: Annotated[str, Meta(min_length=1, max_length=20)]
    enterprise: Annotated[str, Meta(max_length=64)] = ""
    provenance: Provenance
    product: Product
    options: Annotated[list[Option], Meta(min_length=1, max_length=20)]
    lot_units: Annotated[int, Meta(ge=1, le=10**6)] = 1
    currency: Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
    tariff: Id
    labour: Labour
    calendar: Calendar = Calendar()
    crew: Crew = Crew()
    spread: Spread
    policies: Policies = Policies()
    aux_kw: NotNegative
    power_limit_kw: NotNegative = 0.0
    demand: Demand
    suppliers: list[Supplier] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    steps: Annotated[list[StepModel], Meta(min_length=1, max_length=50)]
    checks: Checks | None = None

    @property
    def home(self) -> str:
        """The first level of its addresses where nobody says otherwise."""
        return self.enterprise or self.id.replace("_", "-")

    def __post_init__(self) -> None:
        _unique("steps", [step.id for step in self.steps])
        _unique("materials", [material.id for material in self.materials])
        _unique("suppliers", [supplier.id for supplier in self.suppliers])
        options = {option.name for option in self.options}
        steps = {step.id for step in self.steps}
        for option in self.options:
            for name in option.slower:
                _known(f"option {option.name}: slower", "step", name, steps)
        materials = {material.id for material in self.materials}
        suppliers = {supplier.id for supplier in self.suppliers}
        for step in self.steps:
            for name in (*step.setup.minor_on, *step.setup.major_on):
                _known(f"step {step.id}: setup", "option", name, options)
            for need in step.materials:
                _known(f"step {step.id}", "material", need.material, materials)
        for material in self.materials:
            _known(f"material {material.id}", "supplier", material.supplier, suppliers)


def _unique(what: str, ids: list[str]) -> None:
    if len(ids) != len(set(ids)):
        raise ValueError(f"{what}: an id twice in {ids}")


def _known(where: str, what: str, name: str, known: set[str]) -> None:
    if name not in known:
        raise ValueError(f"{where}: no {what} {name!r} in this file; known: {', '.join(sorted(known))}")
