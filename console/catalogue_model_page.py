"""One machine model as a page.

What it is: every figure of the file, with its unit and where it comes from.
What it is not: a judgement; ``qilu models check`` gives one.
"""

from __future__ import annotations

from console.catalogue_table import band, indented, number, table
from simulator.machine_model import Effect, MachineModel, SensorModel


def model_page(model: MachineModel) -> list[str]:
    """The lines of the page."""
    power, life = model.power_kw, model.reliability
    peak = "" if power.peak is None else f", {number(power.peak)} at its start"
    stops = life.minor_stops
    return [
        f"{model.id}  {model.name}  (version {model.version})",
        f"figures: {model.basis}",
        *([f"behaviour: the Python class {model.behaviour!r}"] if model.behaviour else []),
        "",
        f"power, kW: {number(power.idle)} idle, {number(power.run)} running{peak}",
        f"reliability: MTBF {number(life.mtbf_h)} h, MTTR {number(life.mttr_h)} h, "
        f"Weibull shape {number(life.weibull_shape)}",
        f"minor stops: {number(stops.per_h)} an hour of {number(stops.mean_s)} s",
        *_media(model),
        "",
        "sensors",
        *indented(_sensors(model.sensors)),
        "",
        "failures that they see coming (P-F interval before the failure, value at it, and what it does)",
        *indented(_failures(model.sensors)),
    ]


def _media(model: MachineModel) -> list[str]:
    if not model.media:
        return []
    rows = [[m.counter, m.unit, number(m.idle_per_h), number(m.run_per_h), number(m.price)] for m in model.media]
    return ["", "media", *indented(table(["counter", "unit", "idle /h", "running /h", "price"], rows))]


def _sensors(sensors: list[SensorModel]) -> list[str]:
    header = ["sensor", "unit", "healthy", "noise sd", "Hz", "at rest", "warn", "alarm", "limits", "and"]
    rows = [
        [
            sensor.name,
            sensor.unit,
            band(sensor.normal),
            number(sensor.noise_sd),
            number(sensor.sample_hz),
            number(sensor.rest),
            number(sensor.warn),
            number(sensor.alarm),
            band(sensor.limits),
            ", ".join(_further(sensor)),
        ]
        for sensor in sensors
    ]
    return table(header, rows)


def _further(sensor: SensorModel) -> list[str]:
    words = []
    if sensor.tau_min is not None:
        words.append(f"warms in {number(sensor.tau_min)} min")
    if sensor.inrush is not None:
        words.append(f"inrush x{number(sensor.inrush.factor)}, {number(sensor.inrush.tau_s)} s")
    if sensor.oscillation is not None:
        words.append(f"swings ±{number(sensor.oscillation.amplitude)} in {number(sensor.oscillation.period_s)} s")
    if sensor.resolution is not None:
        words.append(f"steps of {number(sensor.resolution)}")
    if sensor.deadband is not None:
        words.append(f"deadband {number(sensor.deadband)}")
    return words


def _failures(sensors: list[SensorModel]) -> list[str]:
    rows = [
        [
            sensor.failure.mode,
            sensor.name,
            sensor.failure.pattern,
            f"{number(sensor.failure.to)} {sensor.unit}",
            number(sensor.failure.tau_h),
            ", ".join(_effects(sensor.failure.effect)) or "breakdown alone",
        ]
        for sensor in sensors
    ]
    return table(["failure", "sensor", "pattern", "at failure", "P-F h", "effect"], rows)


def _effects(effect: Effect) -> list[str]:
    shares = (("scrap", effect.scrap), ("rework", effect.rework), ("cycle", effect.slower))
    words = [f"{name} +{number(100 * share)} %" for name, share in shares if share]
    return [*words, f"minor stops x{number(effect.minor_stops)}"] if effect.minor_stops != 1 else words
