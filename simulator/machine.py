"""One machine of the kernel: its state, and what chance has in store for it.

What it is: plain numbers that can be copied, and the draws that depend on them: how long the next unit takes, whether
it is good, when the machine stops or fails and for how long. Each purpose has a stream of its own (``chance.py``).
What it is not: a rule of the line. Who hands what to whom is the kernel's business.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from enum import IntEnum
from math import gamma
from typing import Final

from simulator import chance
from simulator.line import Step, severity

NEVER: Final = 2**62
NO_UNIT: Final = -1


class Doing(IntEnum):
    """What a machine does; ``speak.py`` gives each its PackML state and reason."""

    RUNNING = 0
    STARVED = 1
    BLOCKED = 2
    SETUP = 3
    MINOR_STOP = 4
    BREAKDOWN = 5


@dataclass(frozen=True, slots=True)
class Streams:
    """The keys of a machine's random streams."""

    cycle: int
    quality: int
    stop: int
    life: int
    repair: int

    @classmethod
    def of(cls, seed: int, machine: str) -> Streams:
        """The streams of a machine by its name, so that no other machine disturbs them."""
        return cls(*(chance.key(seed, machine, purpose) for purpose in cls.__dataclass_fields__))


@dataclass(slots=True)
class Machine:
    """The state of one machine, and what never changes: its number, its step and its streams.

    ``since_ns`` is when it began what it does; ``told`` what was last told of it. ``left_ns`` and ``actual_ns`` are the
    running time that its unit still needs and has had; ``age_ns`` the running time since the last repair, ``life_ns``
    the age at which it fails in mode number ``mode``; ``to_stop_ns`` the running time to the next minor stop.
    ``cycles``, ``stops`` and ``lives`` number the draws.
    """

    number: int
    step: int
    spec: Step
    streams: Streams
    since_ns: int
    doing: Doing = Doing.STARVED
    told: Doing | None = None
    unit: int = NO_UNIT
    left_ns: int = 0
    actual_ns: int = 0
    age_ns: int = 0
    life_ns: int = NEVER
    mode: int = 0
    to_stop_ns: int = NEVER
    since_minor: int = 0
    since_major: int = 0
    cycles: int = 0
    stops: int = 0
    lives: int = 0
    good: int = 0
    scrap: int = 0
    rework: int = 0
    failures: int = 0
    doing_ns: list[int] = field(default_factory=lambda: [0] * len(Doing))

    def copy(self) -> Machine:
        """An independent machine in the same state."""
        twin = copy(self)
        twin.doing_ns = self.doing_ns.copy()
        return twin

    def settle_in(self, stream: int) -> None:
        """Begin somewhere in a life and somewhere between two setups: the plant is older than the run."""
        self.renew()
        if self.spec.mtbf_ns:
            self.age_ns = int(chance.uniform(stream, 0) * self.life_ns)
        self.since_major = int(chance.uniform(stream, 1) * self.spec.major_every)
        every = self.spec.minor_every
        self.since_minor = self.since_major % every if every else 0
        self.draw_stop()

    def renew(self) -> None:
        """As good as new: a new life, and the mode in which it will end."""
        spec = self.spec
        self.lives += 1
        self.age_ns = 0
        if spec.mtbf_ns:
            scale = spec.mtbf_ns / gamma(1 + 1 / spec.weibull_shape)
            life = chance.weibull(self.streams.life, 2 * self.lives, scale, spec.weibull_shape)
            self.life_ns = max(1, round(life))
        self.mode = int(chance.uniform(self.streams.life, 2 * self.lives + 1) * len(spec.modes))

    @property
    def worn(self) -> float:
        """How much of the coming failure shows, 0 to 1."""
        return severity(self.spec.modes[self.mode], self.age_ns, self.life_ns) if self.life_ns < NEVER else 0.0

    def draw_cycle(self) -> int:
        """The running time that the next unit will take."""
        spec = self.spec
        self.cycles += 1
        slower = 1 + spec.cycle_loss + self.worn * (spec.worn_slower + spec.modes[self.mode].effect.slower)
        noise = spec.cycle_noise * chance.bell(self.streams.cycle, self.cycles) if spec.cycle_noise else 0.0
        return max(1, round(spec.cycle_ns * (slower + noise)))

    def draw_quality(self) -> tuple[int, int]:
        """(scrap, rework) of the unit just done: at most one of them is 1."""
        spec, effect, worn = self.spec, self.spec.modes[self.mode].effect, self.worn
        scrap_p = spec.scrap_p + worn * effect.scrap
        rework_p = spec.rework_p + worn * effect.rework
        u = chance.uniform(self.streams.quality, self.cycles)
        return (1, 0) if u < scrap_p else (0, int(u < scrap_p + rework_p))

    def draw_repair(self) -> int:
        """How long the repair of this life's failure takes."""
        spec = self.spec
        return max(1, round(chance.lognormal(self.streams.repair, self.lives, spec.mttr_ns, spec.repair_sigma)))

    def draw_stop(self) -> None:
        """Set the running time to the next minor stop; a worn machine stops more often."""
        spec = self.spec
        if spec.stop_interval_ns:
            factor = 1 + self.worn * (spec.modes[self.mode].effect.minor_stops - 1)
            self.stops += 1
            interval = spec.stop_interval_ns / factor * chance.exponential(self.streams.stop, 2 * self.stops)
            self.to_stop_ns = max(1, round(interval))

    def draw_stop_length(self) -> int:
        """How long the minor stop that has come lasts."""
        length = self.spec.stop_mean_ns * chance.exponential(self.streams.stop, 2 * self.stops + 1)
        return max(1, round(length))
