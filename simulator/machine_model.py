"""A machine model: what a kind of machine is, wherever it stands.

What it is: the typed form of ``models/*.yaml``: power, media, reliability, sensors, and how each failure shows and what
it does. Times are in hours of operation unless they say otherwise.
What it is not: what the machine makes, how fast, or with which tools: that belongs to the step of a sector.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Positive = Annotated[float, Meta(gt=0, le=1e12)]
NotNegative = Annotated[float, Meta(ge=0, le=1e12)]
Share = Annotated[float, Meta(ge=0, le=1)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Id = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_-]{0,60}\Z")]
SignalName = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,62}\Z")]
Interval = Annotated[list[float], Meta(min_length=2, max_length=2)]
Pattern = Literal["wear", "drift", "noise", "spike", "step", "saturate", "oscillation"]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a data file."""


class Effect(Part, frozen=True, kw_only=True):
    """What a coming failure does to the machine when it is about to fail; before that, in proportion.

    ``scrap`` and ``rework`` add to the probability per unit, ``slower`` to the cycle time (0.05 is 5 %),
    ``minor_stops`` multiplies their rate.
    """

    scrap: Share = 0.0
    rework: Share = 0.0
    slower: Annotated[float, Meta(ge=0, le=5)] = 0.0
    minor_stops: Annotated[float, Meta(gt=0, le=100)] = 1.0


class Failure(Part, frozen=True, kw_only=True):
    """A failure mode that a sensor sees coming: the sensor's value at the failure and the P-F interval before it."""

    mode: Text
    pattern: Pattern
    to: float
    tau_h: Positive
    effect: Effect = Effect()


class Inrush(Part, frozen=True, kw_only=True):
    """A motor's current at its start: ``factor`` times the working value, falling with ``tau_s``."""

    factor: Annotated[float, Meta(ge=1, le=20)] = 6.0
    tau_s: Positive = 1.5


class Oscillation(Part, frozen=True, kw_only=True):
    """A steady swing around the working point while the machine runs."""

    amplitude: NotNegative
    period_s: Positive


class SensorModel(Part, frozen=True, kw_only=True):
    """One sensor of a machine.

    Attributes:
        name: of the column on the wire.
        unit: UCUM or plain.
        normal: the healthy band in steady production.
        noise_sd: standard deviation of the noise.
        warn: where the field would warn; above or below the band.
        alarm: where it would raise an alarm.
        sample_hz: how often the sensor is read.
        limits: what the transducer can show at all; values are held within.
        rest: the value when the machine stands; without it the state does not matter.
        tau_min: the value follows the state like a warm body, with this time constant in minutes.
        inrush: the start of a motor.
        oscillation: a steady swing.
        resolution: the step of the transducer; without it four significant digits.
        deadband: report by exception: samples that differ less from the last one reported are left out.
        failure: what the sensor sees coming.
    """

    name: SignalName
    unit: Annotated[str, Meta(min_length=1, max_length=20)]
    normal: Interval
    noise_sd: NotNegative
    warn: float | None = None
    alarm: float | None = None
    sample_hz: Annotated[float, Meta(gt=0, le=1e5)]
    limits: Interval | None = None
    rest: float | None = None
    tau_min: Positive | None = None
    inrush: Inrush | None = None
    oscillation: Oscillation | None = None
    resolution: Positive | None = None
    deadband: Positive | None = None
    failure: Failure

    def __post_init__(self) -> None:
        if self.normal[0] >= self.normal[1]:
            raise ValueError(f"sensor {self.name}: normal must be [low, high]")
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise ValueError(f"sensor {self.name}: limits must be [low, high]")


class Power(Part, frozen=True, kw_only=True):
    """Electric power of one machine in kW; ``peak`` is what it draws for a moment when it starts."""

    idle: NotNegative
    run: NotNegative
    peak: NotNegative | None = None


class Medium(Part, frozen=True, kw_only=True):
    """Another medium that the machine takes, as a meter counts it: whole units of ``unit`` per hour in each state.

    ``price`` is that of one unit. Only ``checks_sector.py`` asks for it, for heat; costs count electricity alone.
    """

    counter: SignalName
    unit: Annotated[str, Meta(min_length=1, max_length=20)]
    idle_per_h: NotNegative
    run_per_h: NotNegative
    price: NotNegative = 0.0


class MinorStops(Part, frozen=True, kw_only=True):
    """Stops of seconds: how many in an hour of running, and their mean length."""

    per_h: NotNegative
    mean_s: Positive


class Reliability(Part, frozen=True, kw_only=True):
    """Mean operating time between failures, mean time to repair, and the Weibull shape of the lives."""

    mtbf_h: Positive
    mttr_h: Positive
    weibull_shape: Annotated[float, Meta(ge=0.3, le=20)]
    minor_stops: MinorStops


class MachineModel(Part, frozen=True, kw_only=True):
    """A kind of machine.

    ``behaviour`` names a Python class (entry point ``qilu.machines``) for what data cannot say; empty: none.
    ``basis`` says where the figures come from.
    """

    id: Id
    name: Text
    version: Annotated[str, Meta(min_length=1, max_length=20)]
    basis: Text
    power_kw: Power
    media: list[Medium] = field(default_factory=list)
    reliability: Reliability
    sensors: Annotated[list[SensorModel], Meta(min_length=1, max_length=100)]
    behaviour: Annotated[str, Meta(max_length=100)] = ""

    def __post_init__(self) -> None:
        names = [sensor.name for sensor in self.sensors]
        if len(names) != len(set(names)):
            raise ValueError(f"sensors: a name twice in {names}")
