"""The laws of a machine, each by itself: what was done or shown goes in, what is wrong with it comes out.

What it is: pure functions of arrays. Each yields ``KEY: WHY``, once for each kind of breach, where ``key`` names what
is to blame in the machine model.
What it is not: the machine that is tried (``checks.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulator.behaviour import Floats, Times
from simulator.happenings import Doing, Rows
from simulator.machine_model import SensorModel
from simulator.plant import HOUR_NS, SECOND_NS


def lives(rows: Rows) -> Iterator[str]:
    """What a machine did (``ENTERED``): known states in order of time, and a life that nothing but running uses up.

    It is new only after a repair or a maintenance.
    """
    key = "reliability"
    if len(rows) == 0:
        yield f"{key}: the machine never did anything"
        return
    if np.setdiff1d(rows["doing"], list(Doing)).size:
        yield f"{key}: the machine entered a state that is none"
    spans, age, life = np.diff(rows["t_ns"]), rows["age_ns"], rows["life_ns"]
    if (spans <= 0).any():
        yield f"{key}: the machine entered states out of the order of time"
    if ((age < 0) | (age > life)).any():
        yield f"{key}: a machine ran beyond its life"
    doing = rows["doing"][:-1]
    renewed = np.isin(doing, (Doing.REPAIR, Doing.MAINTENANCE)) & (age[1:] == 0)
    used = np.where(doing == Doing.RUNNING, spans, 0)
    wrong = ~renewed & ((np.diff(age) != used) | (np.diff(life) != 0))
    if wrong.any():
        hours = (rows["t_ns"][1:][wrong][0] - rows["t_ns"][0]) / HOUR_NS
        yield f"{key}: after {hours:.4g} h the remaining life changed by something else than running and renewal"


def counts(key: str, shown: Times, reset: int, total: int, most_per_h: int) -> Iterator[str]:
    """Hourly readings of a counter that was set to 0 right after reading number ``reset``."""
    steps = np.diff(shown)
    steps[reset] = shown[reset + 1]
    if (shown < 0).any():
        yield f"{key}: the meter shows less than nothing"
    if (steps < 0).any():
        yield f"{key}: the meter falls without a reset"
    if (steps > most_per_h + 1).any():
        yield f"{key}: the meter counts more than the highest rate, {most_per_h} an hour"
    if int(steps.sum()) + int(shown[0]) != total:
        yield f"{key}: the readings add up to {int(steps.sum()) + int(shown[0])}, and {total} was used"


def within(key: str, sensor: SensorModel, times: Times, values: Floats) -> Iterator[str]:
    """Values are finite and within the limits; without limits, within a wide band about all the model's figures."""
    low, high = sensor.limits or wide(sensor)
    read = ~np.isnan(values)
    wrong = read & ~((values >= low) & (values <= high))
    if wrong.any():
        hours = (int(times[wrong][0]) - int(times[0])) / HOUR_NS
        what = "the limits" if sensor.limits else "any that its figures explain"
        yield f"{key}: after {hours:.4g} h it shows {values[wrong][0]:.6g}, beyond {what} ({low:.6g} to {high:.6g})"


def wide(sensor: SensorModel) -> tuple[float, float]:
    """Twice as far from the middle of the healthy band as anything that the model's figures can cause together."""
    middle = sum(sensor.normal) / 2
    marks = [*sensor.normal, sensor.failure.to, *([] if sensor.rest is None else [sensor.rest])]
    reach = max(abs(mark - middle) for mark in marks) + (sensor.resolution or 0.0)
    reach += 30 * sensor.noise_sd  # at a failure that shows as noise: 5 times 5.7 sd
    if sensor.oscillation is not None:
        reach += sensor.oscillation.amplitude
    if sensor.inrush is not None:
        reach += (abs(middle) + reach) * (sensor.inrush.factor - 1)
    return middle - 2 * reach, middle + 2 * reach


def read(key: str, sensor: SensorModel, times: Times, values: Floats, period_ns: int) -> Iterator[str]:
    """A sensor is read at each time of a grid, or, where it is slower, once in each period of its own."""
    own_ns = round(SECOND_NS / sensor.sample_hz)
    at = times[~np.isnan(values)]
    if own_ns <= period_ns:
        if len(at) < len(times):
            yield f"{key}.sample_hz: it was read {len(at)} times of {len(times)}"
        return
    whole = int(times[-1]) // own_ns - int(times[0]) // own_ns - 1  # those of which no part is cut off
    if whole > 0 and ((np.diff(at // own_ns) != 1).any() or len(at) < whole):
        yield f"{key}.sample_hz: it was read {len(at)} times in {len(times) * period_ns / own_ns:.0f} of its periods"


def same(again: Floats, values: Floats, what: str, own_key: str = "") -> Iterator[str]:
    """Two matrices [sensor, time] are the same to the last bit; ``own_key`` is blamed instead of a sensor."""
    differ = (again.view(np.int64) != values.view(np.int64)).any(axis=1)
    if differ.any():
        yield f"{own_key or f'sensors[{int(np.argmax(differ))}]'}: {what} gives other values"


def left_out(key: str, deadband: float, values: Floats, said: Floats) -> Iterator[str]:
    """What is not reported lies within the deadband about what was last reported, and what is reported beyond it."""
    here = ~np.isnan(values)
    values, said = values[here], said[here]
    told = ~np.isnan(said)
    if not told[:1].all() or not np.array_equal(values[told], said[told]):
        yield f"{key}.deadband: what is reported is not what was read"
        return
    band = deadband * (1 + 1e-9)
    last = said[told][np.maximum(0, np.cumsum(told) - 1)]
    if (np.abs(values - last) > band).any():
        yield f"{key}.deadband: a change of more than {deadband:g} was not reported"
    if (np.abs(np.diff(said[told])) <= band).any():
        yield f"{key}.deadband: a change of less than {deadband:g} was reported"


def shows(key: str, sensor: SensorModel, ill: Floats, healthy: Floats) -> Iterator[str]:
    """At the end of a life the failure shows: its value is nearer to ``to`` than to the middle of the healthy band.

    ``healthy`` is the same machine at the same times without the failure, so that load and noise fall out. A failure
    that shows as noise must be noise; impulses come by chance, so of them nothing is asked.
    """
    pattern, to = sensor.failure.pattern, sensor.failure.to
    middle = sum(sensor.normal) / 2
    moved, far = ill - healthy, to - middle
    if pattern == "spike":
        return
    if pattern == "noise":
        if not np.sqrt((moved**2).mean()) >= sensor.noise_sd / 2:
            yield f"{key}.failure: before the failure it scatters as in good health"
        return
    near = (np.abs(ill - to) < np.abs(ill - middle)) | (np.abs(moved - far) < np.abs(moved))
    if not (near & (moved * far > 0)).any():
        at = int(np.argmax(np.abs(moved)))
        yield (
            f"{key}.failure: at the failure it shows {ill[at]:.6g} and in good health {healthy[at]:.6g}; "
            f"it never comes near {to:.6g}"
        )
