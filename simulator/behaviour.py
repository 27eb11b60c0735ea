"""What data cannot say: a Python class of the user's own, which has the last word on what a machine's sensors show.

What it is: the protocol of such a class, what it is told of the machine, and the one place that finds it: by the name
in ``MachineModel.behaviour`` among the entry points ``qilu.machines`` of the installed packages. None is loaded before
a model names it, and none is trusted to keep its word: a class that raises, or returns something else than was asked,
silences its own machine's sensors, and the others go on.
What it is not: a sandbox. Its code runs with all rights of the process; to install a package is to trust it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from contract import ConfigError
from service.datafile import nearest
from simulator.happenings import Doing
from simulator.machine_model import MachineModel
from simulator.signal_core import AGE, DOING, LIFE, MODE, T

GROUP: Final = "qilu.machines"
LARGEST: Final = 1e100
"""No value of any unit is larger; what is can no longer be rounded to a transducer's steps."""
_LOG: Final = logging.getLogger("qilu.behaviour")

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Condition:
    """The machine at each time of a call; all arrays can be read only.

    Attributes:
        t_ns: the times, ns UTC, in order.
        doing: what it does (``happenings.Doing``).
        running: whether that is RUNNING.
        since_ns: when it began to do so.
        age_ns: running time since the last renewal.
        life_ns: the age at which it will fail.
        mode: number of the sensor that sees this failure coming.
        severity: [sensor, time] how far the P-F interval has gone, 0 to 1; 0 for all sensors but ``mode``.
    """

    t_ns: Times
    doing: Times
    running: NDArray[np.bool_]
    since_ns: Times
    age_ns: Times
    life_ns: Times
    mode: Times
    severity: Floats


class Behaviour(Protocol):
    """What a class behind the entry point must be. One object is made for each machine.

    ``values`` is pure: what it returns for a time depends on the seed, the machine, and the condition and values at
    that time alone. Nothing is kept from call to call, and all chance comes from ``simulator.chance``;
    ``simulator.checks`` finds out.
    """

    def __init__(self, model: MachineModel, seed: int, machine: str) -> None: ...

    def values(self, condition: Condition, values: Floats) -> Floats:
        """What the sensors measure, in the shape of ``values``.

        Args:
            condition: the machine at each time.
            values: [sensor, time] as computed from the data, the caller's to change and return; not a number where a
                sensor is not read at that time.
        """
        ...


BehaviourClass = Callable[[MachineModel, int, str], Behaviour]


class Guarded:
    """A behaviour held to its word.

    Args:
        own: the user's object.
        name: of the behaviour.
        machine: whose sensors it speaks for.
        on_fault: is told, once, what it did wrong.
    """

    def __init__(self, own: Behaviour, name: str, machine: str, on_fault: Callable[[str], None]) -> None:
        self._own = own
        self._name = name
        self._machine = machine
        self._on_fault = on_fault
        self._silent = False

    def values(self, condition: Condition, values: Floats) -> Floats:
        """What to report; after the first fault not a number any more, which is not reported."""
        if not self._silent:
            why, made = self._asked(condition, values)
            if not why:
                return made
            self._silent = True
            self._on_fault(f"machine {self._machine}: behaviour {self._name!r} {why}; its sensors say nothing any more")
        return np.full(values.shape, np.nan)

    def copy(self) -> Guarded:
        """One that is silenced by itself."""
        other = Guarded(self._own, self._name, self._machine, self._on_fault)
        other._silent = self._silent
        return other

    def _asked(self, condition: Condition, values: Floats) -> tuple[str, Floats]:
        try:
            made = np.asarray(self._own.values(condition, values.copy()), np.float64)
        except Exception as error:  # the user's code may raise anything; no machine may stop another
            return f"raised {_said(error)}", values
        if made.shape != values.shape:
            return f"returned an array of shape {made.shape}, not {values.shape}", values
        asked = ~np.isnan(values)
        wrong = asked & ~(np.abs(made) <= LARGEST)
        if wrong.any():
            sensor, time = (int(place) for place in np.argwhere(wrong)[0])
            return f"returned {made[sensor, time]} for sensor {sensor} at {condition.t_ns[time]} ns", values
        return "", np.where(asked, made, np.nan)


def behaviour_of(
    model: MachineModel,
    seed: int,
    machine: str,
    own: BehaviourClass | None = None,
    on_fault: Callable[[str], None] = _LOG.error,
) -> Guarded | None:
    """The behaviour that a model names, for one machine; none where it names none.

    Args:
        model: whose ``behaviour`` is looked up.
        seed: of all chance.
        machine: its name, unique under the seed.
        own: a class to take without a look at the installed packages.
        on_fault: is told, once for each machine, what went wrong while it ran.

    Raises:
        ConfigError: no package has it, more than one has it, or it cannot be loaded or made.
    """
    if own is None and not model.behaviour:
        return None
    name = model.behaviour or getattr(own, "__name__", "own")
    key = f"machine model {model.id}: behaviour"
    make = own if own is not None else find(name, key)
    try:
        made = make(model, seed, machine)
    except Exception as error:  # as above
        raise ConfigError(f"{key}: {name[:100]!r} cannot be made for machine {machine}: {_said(error)}") from None
    if not callable(getattr(made, "values", None)):
        raise ConfigError(f"{key}: {name[:100]!r} has no method `values`")
    return Guarded(made, name, machine, on_fault)


def find(name: str, key: str) -> BehaviourClass:
    """The class of this name among the installed packages; ``key`` begins the ConfigError when there is none."""
    points = entry_points(group=GROUP)
    mine = {point.value: point for point in points if point.name == name}
    if not mine:
        known = nearest(name, points.names)
        raise ConfigError(f"{key}: no installed package has {name[:100]!r} (entry point group {GROUP}){known}")
    if len(mine) > 1:
        raise ConfigError(f"{key}: {name[:100]!r} means more than one class: {', '.join(sorted(mine))[:200]}")
    (point,) = mine.values()
    try:
        found = _loaded(point)
    except Exception as error:  # to import a module is to run it
        raise ConfigError(f"{key}: {name[:100]!r} ({point.value[:100]}) cannot be loaded: {_said(error)}") from None
    if not callable(found):
        raise ConfigError(f"{key}: {name[:100]!r} ({point.value[:100]}) is no class")
    return cast(BehaviourClass, found)


@lru_cache(maxsize=64)
def _loaded(point: EntryPoint) -> Any:
    return point.load()


def condition_at(told: Times, times: Times, visible_ns: Times) -> Condition:
    """The machine at times, none before the first state.

    Args:
        told: the states [state, column], with the columns of ``happenings.ENTERED``, in order; at least one.
        times: in order.
        visible_ns: the P-F interval of each sensor's failure.
    """
    now = told[np.searchsorted(told[:, T], times, side="right") - 1]
    running = now[:, DOING] == Doing.RUNNING
    age = now[:, AGE] + np.where(running, times - now[:, T], 0)
    life, mode = now[:, LIFE], now[:, MODE]
    begin = np.maximum(life // 2, life - visible_ns[:, np.newaxis])  # as in signal_shapes.severity
    gone = np.clip((age - begin) / np.maximum(1, life - begin), 0.0, 1.0)
    severity = np.where(mode == np.arange(len(visible_ns))[:, np.newaxis], gone, 0.0)
    condition = Condition(times.copy(), now[:, DOING], running, now[:, T], age, life, mode, severity)
    for name in Condition.__slots__:
        getattr(condition, name).flags.writeable = False
    return condition


def _said(error: Exception) -> str:
    """An exception of foreign code in one short line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
