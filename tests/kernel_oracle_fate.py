"""What a machine of the kernel's oracle has in store: its wear, stops and tools, its work and what comes of it.

What it is: the formulas of ``docs/design/kernel.md``, on the kernel's own primitive draws (a test holds those to
``chance.py``), so that durations are equal to the ns.
What it is not: a rule of the line.
"""

from __future__ import annotations

from math import gamma

from kernel_oracle_line import Lot, Station, signed

from simulator import chance
from simulator.happenings import NEVER
from simulator.kernel import draws
from simulator.line import severity


class Fate:
    """The streams of a machine, and the life it is in."""

    def __init__(self, seed: int, name: str, station: Station) -> None:
        self.station, self.spec = station, station.spec
        streams = ("cycle", "quality", "stop", "life", "repair")
        self.s_cycle, self.s_quality, self.s_stop, self.s_life, self.s_repair = (
            signed(chance.key(seed, name, purpose)) for purpose in streams
        )
        self.tools: tuple[int, int] | None = None
        self.loads = self.lots = self.stops = self.lives = 0
        self._settle_in(chance.key(seed, name, "start"))

    def _settle_in(self, stream: int) -> None:
        spec = self.spec
        self.renew()
        if spec.mtbf_ns:
            self.age = int(chance.uniform(stream, 0) * self.life)
        self.since_major = int(chance.uniform(stream, 1) * spec.major_every)
        self.since_minor = self.since_major % spec.minor_every if spec.minor_every else 0
        self.next_stop()

    def renew(self) -> None:
        spec = self.spec
        self.lives += 1
        n = 4 * self.lives
        self.age, self.life, self.noticed = 0, NEVER, NEVER
        self.mode = spec.modes[int(draws.uniform(self.s_life, n + 1) * len(spec.modes))]
        if spec.mtbf_ns:
            scale = spec.mtbf_ns / gamma(1 + 1 / spec.weibull_shape)
            self.life = draws.duration(draws.weibull(self.s_life, n, scale, spec.weibull_shape))
            if draws.uniform(self.s_life, n + 2) < spec.caught:
                shows = max(self.life // 2, self.life - self.mode.visible_ns)
                self.noticed = shows + int(draws.uniform(self.s_life, n + 3) * (self.life - shows))
        if spec.maintain_age_ns:
            self.noticed = min(self.noticed, spec.maintain_age_ns)

    @property
    def worn(self) -> float:
        return severity(self.mode, self.age, self.life) if self.life < NEVER else 0.0

    def next_stop(self) -> None:
        self.to_stop = NEVER
        if self.spec.stop_interval_ns:
            self.stops += 1
            factor = 1.0 + self.worn * (self.mode.effect.minor_stops - 1.0)
            drawn = draws.exponential(self.s_stop, 2 * self.stops)
            self.to_stop = draws.duration(self.spec.stop_interval_ns / factor * drawn)

    def repair_ns(self) -> int:
        spec = self.spec
        return draws.duration(draws.lognormal(self.s_repair, 2 * self.lives, float(spec.mttr_ns), spec.repair_sigma))

    def work_ns(self, load: tuple[Lot, ...]) -> int:
        """The running time of a load."""
        spec, line = self.spec, self.station.line
        self.loads += 1
        slower = line.slower[load[0].order.variant][self.station.position]
        share = 1.0 + slower + spec.cycle_loss + self.worn * (spec.worn_slower + self.mode.effect.slower)
        units = 1 if spec.load_lots else load[0].units
        if spec.shape == "exponential":
            return draws.duration(spec.cycle_ns * units * draws.exponential(self.s_cycle, self.loads))
        if spec.cycle_noise:
            share += spec.cycle_noise * draws.bell(self.s_cycle, self.loads)
        return draws.duration(spec.cycle_ns * units * share)

    def judge(self, load: tuple[Lot, ...], defects: float) -> int:
        """Scrap and rework of each lot; how many units are to be mended."""
        spec, effect, worn = self.spec, self.mode.effect, self.worn
        scrap_p = spec.scrap_p + worn * effect.scrap + defects
        rework_p = spec.rework_p + worn * effect.rework
        for lot in load:
            self.lots += 1
            n = 2 * self.lots
            lot.scrap = draws.binomial(draws.uniform(self.s_quality, n), lot.units, scrap_p)
            mend_p = rework_p / (1.0 - scrap_p) if scrap_p < 1.0 else 0.0
            lot.rework = draws.binomial(draws.uniform(self.s_quality, n + 1), lot.units - lot.scrap, mend_p)
        return sum(lot.rework for lot in load)

    def change(self, lot: Lot) -> int:
        """The change of tools that a lot needs here: none, minor, major."""
        if self.tools is None:
            return 0
        keys = self._keys(lot)
        return 2 if keys[0] != self.tools[0] else int(keys[1] != self.tools[1])

    def _keys(self, lot: Lot) -> tuple[int, int]:
        line, variant, position = self.station.line, lot.order.variant, self.station.position
        return line.major[variant][position], line.minor[variant][position]

    def set_up(self, lot: Lot, units: int) -> None:
        """Change the tools for a load, if that is due, and count what they will have made."""
        spec = self.spec
        self.setup_ns = 0
        change = self.change(lot)
        self.tools = self._keys(lot)
        self.since_major += units
        self.since_minor += units
        if change == 2 or 0 < spec.major_every < self.since_major:
            self.setup_ns = spec.major_ns
            self.since_major = self.since_minor = units
        elif change == 1 or 0 < spec.minor_every < self.since_minor:
            self.setup_ns = spec.minor_ns
            self.since_minor = units
