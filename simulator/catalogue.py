"""What the simulator can make: sectors and tariffs, read from the data files beside this one.

What it is: the typed form of ``sectors/*.yaml`` and ``tariffs/*.yaml``. Unknown keys, wrong types and impossible values
are refused with the file and the key. Figures stand in the files with their source; nothing is hidden in the code.
What it is not: the plant that runs (``plant.py`` makes one out of a sector), nor a reader of files by path: a name that
is not in the list is refused.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from contract import ConfigError, Tariff

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Id = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_-]{0,40}\Z")]
Pattern = Literal["wear", "drift", "noise"]
T = TypeVar("T")

_HERE: Final = Path(__file__).parent


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a data file."""


class Effect(_Part, frozen=True, kw_only=True):
    """What a coming failure does to the machine when it is about to fail; before that, in proportion.

    ``scrap`` and ``rework`` add to the probability per unit, ``slower`` to the cycle time (0.05 is 5 %),
    ``minor_stops`` multiplies their rate.
    """

    scrap: NotNegative = 0.0
    rework: NotNegative = 0.0
    slower: NotNegative = 0.0
    minor_stops: Positive = 1.0


class Failure(_Part, frozen=True, kw_only=True):
    """A failure mode that a sensor sees coming: the sensor's value at the failure and the P-F interval before it."""

    mode: str
    pattern: Pattern
    to: float
    tau_h: Positive
    effect: Effect = Effect()


class SensorModel(_Part, frozen=True, kw_only=True):
    """One sensor: its healthy band in steady production, and its value when the machine stands (``rest``).

    Without ``rest`` the value does not depend on the state. ``lags`` says that it follows the state like a warm body.
    """

    name: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,62}\Z")]
    unit: str
    normal: Annotated[list[float], Meta(min_length=2, max_length=2)]
    noise_sd: Positive
    sample_hz: Positive
    rest: float | None = None
    lags: bool = False
    failure: Failure

    def __post_init__(self) -> None:
        if self.normal[0] >= self.normal[1]:
            raise ValueError(f"sensor {self.name}: normal must be [low, high]")


class Power(_Part, frozen=True, kw_only=True):
    """Electric power of one machine."""

    idle: NotNegative
    run: NotNegative


class Changeover(_Part, frozen=True, kw_only=True):
    """A figure for the change to the next variant (minor) and to the next family (major)."""

    minor: NotNegative
    major: NotNegative


class MinorStops(_Part, frozen=True, kw_only=True):
    """Stops of seconds: how many in an hour of running, and their mean length."""

    per_h: NotNegative
    mean_s: Positive


class Material(_Part, frozen=True, kw_only=True):
    """A material that enters at a step."""

    name: str
    qty: Positive
    unit: str
    price: NotNegative


class StepModel(_Part, frozen=True, kw_only=True):
    """One operation of the routing, done by ``machines`` equal machines in parallel."""

    id: Id
    name: str
    machine: str
    machines: Annotated[int, Meta(ge=1, le=100)]
    cycle_s: Positive
    units_per_cycle: Positive
    power_kw: Power
    scrap_pct: Percent
    rework_pct: Percent
    changeover_min: Changeover
    changeover_every_units: Changeover
    mtbf_h: Positive
    mttr_h: Positive
    weibull_shape: Positive
    minor_stops: MinorStops
    operators: NotNegative
    buffer_after: Annotated[int, Meta(ge=0)] = 0
    materials: list[Material] = []
    depreciation_per_h: NotNegative
    scrap_credit_per_unit: NotNegative
    sensors: Annotated[list[SensorModel], Meta(min_length=1)]

    @property
    def material_per_unit(self) -> float:
        """Standard cost of the material that enters here, per unit started."""
        return round(sum(m.qty * m.price for m in self.materials), 6)


class Product(_Part, frozen=True, kw_only=True):
    """What the line makes."""

    id: Id
    name: str


class Option(_Part, frozen=True, kw_only=True):
    """A choice that the consumer has; the variant is the list of what was chosen."""

    name: Id
    choices: Annotated[list[str], Meta(min_length=1)]
    weights: list[Positive]

    def __post_init__(self) -> None:
        if len(self.choices) != len(self.weights):
            raise ValueError(f"option {self.name}: {len(self.choices)} choices, {len(self.weights)} weights")


class Labour(_Part, frozen=True, kw_only=True):
    """What an hour of one operator costs: the wage, and the factor for what the employer pays on top."""

    wage_per_h: NotNegative
    loaded_factor: Positive


class Spread(_Part, frozen=True, kw_only=True):
    """How far reality scatters around the figures of the steps."""

    cycle_noise: NotNegative
    cycle_loss: NotNegative
    worn_slower: NotNegative
    repair_sigma: NotNegative


class Sector(_Part, frozen=True, kw_only=True):
    """One industry with its line."""

    id: Id
    name: str
    version: str
    product: Product
    options: Annotated[list[Option], Meta(min_length=1)]
    order_size: Annotated[int, Meta(ge=1)]
    currency: str
    tariff: str
    labour: Labour
    spread: Spread
    aux_kw: NotNegative
    steps: Annotated[list[StepModel], Meta(min_length=1)]

    def __post_init__(self) -> None:
        ids = [step.id for step in self.steps]
        if len(ids) != len(set(ids)):
            raise ValueError(f"steps: an id twice in {ids}")


def sectors() -> list[str]:
    """The names that ``load_sector`` knows."""
    return _names("sectors")


def load_sector(name: str) -> Sector:
    """A sector by its name; raises ConfigError with the nearest name, or with the file and key that are wrong."""
    return _load("sectors", "sector", name, Sector)


def load_tariff(name: str) -> Tariff:
    """An electricity tariff by its name; raises ConfigError like ``load_sector``."""
    tariff = _load("tariffs", "tariff", name, Tariff)
    try:
        tariff.check()
    except ValueError as error:
        raise ConfigError(f"simulator/tariffs/{name}.yaml: {error}") from None
    return tariff


def parse(text: bytes, type_: type[T], source: str) -> T:
    """A data file's bytes as a value; ``source`` names the file in errors. Raises ConfigError."""
    try:
        return msgspec.yaml.decode(text, type=type_)
    except msgspec.DecodeError as error:  # a ValidationError is one too, and its text has the key's path
        raise ConfigError(f"{source}: {error}") from None


def _names(folder: str) -> list[str]:
    return sorted(path.stem for path in (_HERE / folder).glob("*.yaml"))


def _load(folder: str, what: str, name: str, type_: type[T]) -> T:
    known = _names(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise ConfigError(f"no {what} {name[:80]!r}{hint} Known: {', '.join(known)}")
    return parse((_HERE / folder / f"{name}.yaml").read_bytes(), type_, f"simulator/{folder}/{name}.yaml")
